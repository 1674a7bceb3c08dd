import { investigateImport } from '../commands/_parts/broken-file.ts';
import { homeOf } from '../commands/_parts/home.ts';
import { investigateOperation } from '../commands/_parts/investigate-operation.ts';
import { investigate } from '../commands/_parts/investigate.ts';
import { asTrouble } from '../commands/_parts/trouble.ts';
import { BIGGER } from '../src/alerts/causes.ts';
import { scopeOfCondition } from '../src/alerts/fold.ts';
import { hashOf } from '../src/alerts/ids.ts';
import type { Condition, IncidentEvent, Why } from '../src/alerts/incident.ts';
import { conditionKey } from '../src/alerts/key.ts';
import type { Held, Outcome } from '../src/clients/queue.ts';
import { CUT, quote, quoteLines } from '../src/domain/quote.ts';
import { biggerThan } from './alerts/bigger.ts';
import { cardsDue } from './alerts/due.ts';
import { takeIn } from './alerts/open.ts';
import { conditionJob } from './jobs.ts';
import type { ConditionJob } from './jobs.ts';
import type { Wires } from './wires.ts';

/** Its beginning may still wait in the queue when its end comes. */
const BEGUN_WITHIN_MS = 30_000;
/** What a card shows of a long text; the whole of it was diagnosed. */
const TEXT = 1500;

/** Something wrong that is no failed try, or its end: told like one. */
export async function condition(held: Held, wires: Wires): Promise<Outcome> {
	const { deps } = wires;
	const { incidents, log, now } = deps;
	const parsed = conditionJob.safeParse(held.data);
	if (!parsed.success) {
		log.warn({ job: held.id }, 'condition of another version parked');
		return { againInMs: 30_000 };
	}
	const job = parsed.data;
	if (!deps.environments.includes(job.env)) return 'done';
	const key = conditionKey(job.env, job.kind, job.key);
	const what = shown(job);
	if (job.over) {
		const id = await incidents.under(key);
		if (id === undefined) return now() - held.addedAt < BEGUN_WITHIN_MS ? { againInMs: 1000 } : 'done';
		const noted = await incidents.note(id, [{ kind: 'over', at: job.seenAt, condition: what }]);
		if (noted) await cardsDue(wires, noted);
		return 'done';
	}
	const event: Extract<IncidentEvent, { kind: 'wrong' }> = { kind: 'wrong', at: job.seenAt, condition: what };
	const aliases = { keys: [key], brief: [], history: historyKey(job) };
	for (;;) {
		const there = (await incidents.under(key)) ?? (await biggerThan(job.env, job.kind, deps));
		const noted = there === undefined ? undefined : await incidents.note(there, [event], { unlessOver: true });
		if (noted) {
			await incidents.alsoUnder(noted.id, aliases);
			await cardsDue(wires, noted);
			return 'done';
		}
		const why = await whyOf(job, wires);
		const id = incidents.idFor(key, what.since);
		const bigger = BIGGER.has(job.kind);
		if (bigger) await incidents.noteBigger(job.env, id, job.kind);
		const cause = why !== undefined && why.verdict.verdict !== 'unknown' ? why.verdict.verdict : job.kind;
		const begun = await incidents.begin(
			id,
			{
				env: job.env,
				scope: scopeOfCondition(job.kind),
				cause: bigger ? job.kind : cause,
				history: await incidents.historyOf(aliases.history, job.env, undefined),
				openedAt: now(),
				why,
				condition: what,
			},
			event,
			aliases,
		);
		if (begun.kind === 'other') continue;
		log.info({ incident: id, env: job.env, condition: job.kind }, 'incident opened');
		if (bigger) await takeIn(id, job.env, job.kind, wires);
		await cardsDue(wires, begun);
		return 'done';
	}
}

/** A run that failed has a name of its own; what comes again is its DAG. */
function historyKey({ env, kind, key, dag }: ConditionJob): string {
	return hashOf(24, 'condition', env, kind, kind === 'run-failed-without-task' ? (dag ?? key) : key);
}

function shown({ kind, key, dag, run, task, since, facts }: ConditionJob): Condition {
	const short = Object.entries(facts).map(([name, value]) => [
		name,
		name === 'text' ? quoteEnd(value) : quote(value, 300),
	]);
	return { kind, key, dag, run, task, since, facts: Object.fromEntries(short) as Record<string, string> };
}

/** What stands before the cut may be half a secret. */
const quoteEnd = (text: string): string =>
	quoteLines((text.length > TEXT ? CUT + text.slice(-TEXT) : text).split('\n'), 300).join('\n');

/** Undefined: nothing more is known than that it is so. */
async function whyOf(job: ConditionJob, { deps }: Wires): Promise<Why | undefined> {
	const { env, kind, dag, run, task, mapIndex, tryNumber, facts } = job;
	const { lang } = deps;
	try {
		if (dag !== undefined && run !== undefined) {
			const found = await investigate({ dag, run, task, mapIndex, tryNumber }, env, lang, deps);
			if (found.kind !== 'verdict') return undefined;
			return { verdict: found.verdict, env: (await homeOf(env, deps)).env, provisional: false };
		}
		const text = facts['text'];
		if (text === undefined) return undefined;
		const home = await homeOf(env, deps);
		const verdict =
			kind === 'import-error'
				? await investigateImport(
						{ file: facts['file'] ?? job.key, at: job.since, stackTrace: text },
						{ env, dag: dag ?? '', home, lang },
						deps,
					)
				: await investigateOperation({ error: text }, env, lang, deps);
		return { verdict, env: home.env, provisional: false };
	} catch (error) {
		const trouble = asTrouble(error);
		if (trouble.kind === 'bug') throw error;
		deps.log.warn({ env, condition: kind, label: trouble.label }, 'cause of a condition not found');
		return undefined;
	}
}
