import { setTimeout as sleep } from 'node:timers/promises';
import { asTrouble } from '../commands/_parts/trouble.ts';
import type { FirstLook } from '../commands/_parts/investigate.ts';
import type { FailedTry } from '../src/alerts/incident.ts';
import type { Keys } from '../src/alerts/key.ts';
import type { Held, Outcome } from '../src/clients/queue.ts';
import type { Admitted, Placed } from '../src/clients/incidents.ts';
import type { Gap } from '../src/domain/evidence.ts';
import { biggerOf } from './alerts/bigger.ts';
import { cardsDue } from './alerts/due.ts';
import { openIncident } from './alerts/open.ts';
import { lookAt, readFailed } from './alerts/read-failed.ts';
import type { ReadFailed } from './alerts/read-failed.ts';
import { byItsLog, keysFor } from './alerts/suspicion.ts';
import { unreadable } from './alerts/unreadable.ts';
import { failureJob } from './jobs.ts';
import type { FailureJob } from './jobs.ts';
import type { Wires } from './wires.ts';

/** A push may come before Airflow has written its row. */
const NOT_YET_MS = 60_000;
/** One that was cleared a moment ago is among the tries once it was scheduled again. */
const CLEARED_MS = 15_000;
/** An Airflow that cannot be read for so long: the failure is told as it was noticed. */
const BLIND_MS = 10 * 60_000;
/** A log that Airflow cannot hand out just now is not a missing one, which would be a cause: it is asked for again for so long. */
const LOG_WAIT_MS = 30_000;
/** Workers that died with it in hand; then it is told unread. */
const MOST_STALLS = 4;
/** Finding out the cause takes one; whoever looks alike waits for it, and then joins. */
const LEASE_MS = 20_000;
const PATIENCE_MS = 12_000;

/** One failed try: read from Airflow, its cause named, and told with whatever failed for the same reason. */
export async function failure(held: Held, wires: Wires): Promise<Outcome> {
	const { deps } = wires;
	const { incidents, log } = deps;
	const parsed = failureJob.safeParse(held.data);
	if (!parsed.success) {
		log.warn({ job: held.id }, 'failure of another version parked');
		return { againInMs: 30_000 };
	}
	const job = parsed.data;
	if (!deps.environments.includes(job.env)) {
		log.warn({ job: held.id, env: job.env }, 'failure in an environment that is no longer there');
		return 'done';
	}
	const known = await incidents.byTry(job);
	if (known !== undefined) return finish({ id: known, rev: 0, due: true }, undefined, wires, job);
	const age = deps.now() - held.addedAt;
	if (held.stalls >= MOST_STALLS) {
		log.error({ job: held.id, stalls: held.stalls }, 'failure told unread: workers died with it');
		return finish(await unreadable(job, held.id, undefined, wires), undefined, wires, job);
	}

	let read: ReadFailed;
	let look: FirstLook;
	try {
		read = await readFailed(job, deps);
		if (read.kind === 'not failed') {
			if (age < (job.by === 'poll' ? CLEARED_MS : NOT_YET_MS)) return { againInMs: 1000 };
			log.info({ env: job.env, dag: job.dag, by: job.by }, 'a try said to have failed has not');
			return 'done';
		}
		if (read.kind === 'gone') {
			log.info({ env: job.env, dag: job.dag, by: job.by }, 'a try said to have failed is not there');
			return 'done';
		}
		look = await lookAt(read, deps);
		if (age < LOG_WAIT_MS && look.read.gaps.some(isNoLogYet)) return { againInMs: soon(age) };
	} catch (error) {
		const trouble = asTrouble(error);
		if (trouble.kind === 'bug') throw error;
		log.warn({ job: held.id, env: job.env, label: trouble.label }, 'failed try could not be read');
		if (age < BLIND_MS) return { againInMs: trouble.retryAfterMs ?? soon(age) };
		return finish(await unreadable(job, held.id, trouble, wires), undefined, wires, job);
	}
	return finish(await place(read.failed, look, held.id, wires), read, wires, job);
}

const soon = (ageMs: number): number => Math.min(Math.max(ageMs / 2, 500), 30_000);

const isNoLogYet = ({ source, because }: Gap): boolean => source === 'taskLog' && because === 'unavailable';

/** Into the incident it belongs to; when there is none, one finds out why, and opens it. */
async function place(failed: FailedTry, look: FirstLook, holder: string, wires: Wires): Promise<Placed> {
	const { deps } = wires;
	const { incidents } = deps;
	const suspicion = byItsLog(look);
	const keys = keysFor(suspicion, look.failed);
	const until = deps.now() + PATIENCE_MS;
	for (;;) {
		const found = await join(failed, suspicion.cause, keys, wires);
		if (found.kind !== 'none') return found;
		const lease = `why:${keys.keys[0] ?? ''}`;
		if (wires.broken === 'join' || (await incidents.hold(lease, holder, LEASE_MS)))
			try {
				return await openIncident(failed, look, keys, wires);
			} finally {
				await incidents.release(lease, holder);
			}
		// Whoever has it died, most likely: nobody waits for ever.
		if (deps.now() > until) return openIncident(failed, look, keys, wires);
		await sleep(150 + 100 * Math.random());
	}
}

async function join(failed: FailedTry, cause: string, keys: Keys, { deps }: Wires): Promise<Admitted> {
	const admitted = await deps.incidents.admit(failed, keys);
	if (admitted.kind !== 'none') return admitted;
	const bigger = await biggerOf(failed, cause, deps);
	return bigger === undefined ? { kind: 'none' } : deps.incidents.admitInto(bigger, failed);
}

/** What follows from its being in an incident; done again after a crash it changes nothing. */
async function finish(
	placed: Placed,
	read: Extract<ReadFailed, { kind: 'failed' }> | undefined,
	wires: Wires,
	job: FailureJob,
): Promise<Outcome> {
	const { incidents, now } = wires.deps;
	const { dag, run, task, mapIndex, tryNumber } = job;
	const key = { dag, run, task, mapIndex };
	// An earlier try that failed for another reason is followed here from now on; so is this one by a later one.
	const [before, after] = await Promise.all([
		tryNumber > 1 ? incidents.byTry({ ...job, tryNumber: tryNumber - 1 }) : undefined,
		incidents.byTry({ ...job, tryNumber: tryNumber + 1 }),
	]);
	let { due } = placed;
	if (before !== undefined && before !== placed.id) {
		const noted = await incidents.note(before, [{ kind: 'moved', at: now(), ...key, tryNumber }]);
		if (noted?.due) await cardsDue(wires, noted);
	}
	const events = [
		...(after !== undefined && after !== placed.id
			? [{ kind: 'moved' as const, at: now(), ...key, tryNumber: tryNumber + 1 }]
			: []),
		...(read?.task.state === 'success'
			? [
					{
						kind: 'passed' as const,
						at: now(),
						...key,
						tryNumber: read.task.tryNumber,
						startedAt: read.task.startedAt,
						endedAt: read.task.endedAt,
					},
				]
			: []),
	];
	let { rev } = placed;
	if (events.length > 0) {
		const noted = await incidents.note(placed.id, events);
		due ||= noted?.due === true;
		rev = noted?.rev ?? rev;
	}
	if (due) await cardsDue(wires, { id: placed.id, rev });
	return 'done';
}
