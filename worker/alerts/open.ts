import { setTimeout as sleep } from 'node:timers/promises';
import { verdictByLog, verdictOf } from '../../commands/_parts/investigate.ts';
import type { FirstLook } from '../../commands/_parts/investigate.ts';
import { BIGGER, explains } from '../../src/alerts/causes.ts';
import type { FailedTry, Why } from '../../src/alerts/incident.ts';
import type { Keys } from '../../src/alerts/key.ts';
import type { Placed } from '../../src/clients/incidents.ts';
import type { Verdict } from '../../src/diagnosis/verify.ts';
import type { Wires } from '../wires.ts';
import { BEFORE_MS, biggerOf } from './bigger.ts';
import { cardsDue } from './due.ts';
import { lookAgainLater } from './look-again.ts';
import { byItsVerdict, keysFor, together } from './suspicion.ts';

/** A first message is wanted within five seconds of a storm: what is not known by then is told by the log alone. */
const KNOWN_WITHIN_MS = 3000;
/** For the fault run without `join`: how late. */
const BROKEN_MS = 2000;

/** Finds out why, and opens an incident, or joins the one that turns out to be the same. */
export async function openIncident(failed: FailedTry, look: FirstLook, keys: Keys, wires: Wires): Promise<Placed> {
	const { deps } = wires;
	const { incidents, measure, now } = deps;
	const began = now();
	const may = await incidents.mayInvestigate(failed.env);
	const asked = may ? verdictOf(look, deps) : undefined;
	const found = asked && (await within(asked, KNOWN_WITHIN_MS));
	const verdict = found?.verdict ?? verdictByLog(look);
	if (found) measure.seconds('diagnosis', (now() - began) / 1000, { env: failed.env, status: verdict.status });
	const placed = await settle(
		failed,
		{ look: found ? { ...look, failed: found.failed } : look, verdict, keys, provisional: !found },
		wires,
	);
	if (found) return placed;
	// It is told by its log alone for now; the rest follows by itself.
	asked?.catch((error: unknown) => deps.log.warn({ error: String(error) }, 'a cause could not be looked for'));
	await lookAgainLater(placed.id, may ? 'soon' : 'when there is time', wires);
	return placed;
}

type Found = { look: FirstLook; verdict: Verdict; keys: Keys; provisional: boolean };

async function settle(failed: FailedTry, { look, verdict, keys, provisional }: Found, wires: Wires): Promise<Placed> {
	const { deps } = wires;
	const { incidents, now } = deps;
	const suspicion = byItsVerdict(verdict);
	const all = together(keys, keysFor(suspicion, look.failed));
	const why: Why = { verdict, env: look.place, provisional };
	for (;;) {
		const bigger = await biggerOf(failed, suspicion.cause, deps);
		const admitted =
			bigger === undefined ? await incidents.admit(failed, all) : await incidents.admitInto(bigger, failed);
		if (admitted.kind !== 'none') {
			await incidents.alsoUnder(admitted.id, keys);
			return admitted;
		}
		// Without it whoever found none opens one, and takes the keys afterwards; late, so that the fault run need not be lucky.
		if (wires.broken === 'join') await sleep(BROKEN_MS);
		const id = incidents.idFor(all.history, failed);
		const explainsOthers =
			BIGGER.has(suspicion.cause) && all.scope === 'environment' && suspicion.status !== 'possible';
		if (explainsOthers) await incidents.noteBigger(failed.env, id, suspicion.cause);
		const begun = await incidents.begin(
			id,
			{
				env: failed.env,
				scope: all.scope,
				cause: suspicion.cause,
				history: await incidents.historyOf(all.history, failed.env, failed),
				openedAt: now(),
				why,
				condition: undefined,
			},
			{ kind: 'failed', at: now(), failed },
			wires.broken === 'join' ? { ...all, keys: [] } : all,
		);
		if (wires.broken === 'join') await incidents.alsoUnder(begun.id, all);
		if (begun.kind === 'other') continue;
		if (begun.kind === 'joined') {
			deps.log.info(
				{ incident: id, env: failed.env, cause: suspicion.cause, status: verdict.status },
				'incident opened',
			);
			if (explainsOthers) await takeIn(id, failed.env, suspicion.cause, wires);
		}
		return begun;
	}
}

/** What is under way and turns out to be a symptom is told by the bigger one from now on. */
export async function takeIn(id: string, env: string, cause: string, wires: Wires): Promise<void> {
	const { incidents, now, log } = wires.deps;
	for (const one of await incidents.open(env)) {
		if (one.id === id || !explains(cause, one.cause) || one.openedAt < now() - BEFORE_MS) continue;
		const noted = await incidents.note(one.id, [{ kind: 'folded', at: now(), into: id }]);
		if (!noted) continue;
		const took = await incidents.note(id, [{ kind: 'took', at: now(), from: one.id, tries: one.counts.tries }]);
		log.info({ incident: one.id, into: id, cause }, 'incident is part of a bigger one');
		if (noted.due) await cardsDue(wires, noted);
		if (took?.due) await cardsDue(wires, took);
	}
}

async function within<T>(work: Promise<T>, ms: number): Promise<T | undefined> {
	const late = Promise.withResolvers<undefined>();
	const timer = setTimeout(() => late.resolve(undefined), ms);
	try {
		return await Promise.race([work, late.promise]);
	} finally {
		clearTimeout(timer);
	}
}
