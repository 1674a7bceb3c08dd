import { randomUUID } from 'node:crypto';
import { dueLooks, LOOKS, nextDue } from '../src/alerts/watch-pace.ts';
import type { Look } from '../src/alerts/watch-pace.ts';
import type { Held, Outcome } from '../src/clients/queue.ts';
import type { Trouble } from '../src/domain/errors.ts';
import type { Change } from '../src/clients/watch-store.ts';
import { LEASE_MS } from '../src/clients/watch-store.ts';
import { asTrouble } from '../commands/_parts/trouble.ts';
import { watchJob } from './jobs.ts';
import { lookAtHealth, lookAtImports, lookAtOperations } from './watch/components.ts';
import { failing, numberOf, TurnLost } from './watch/round.ts';
import type { Round } from './watch/round.ts';
import { lookAtEnded, lookAtRuns } from './watch/runs.ts';
import { lookAtStuck } from './watch/stuck.ts';
import { lookAtLive, lookAtTasks, lookLate } from './watch/tasks.ts';
import type { Wires } from './wires.ts';

/** How many failed tries a look passed on, or that it wants to be made again soon. */
type Done = number | 'again' | void;

const DOES: Readonly<Record<Look, (round: Round) => Promise<Done>>> = {
	runs: lookAtRuns,
	tasks: lookAtTasks,
	late: lookLate,
	ended: lookAtEnded,
	live: lookAtLive,
	health: async (round) => ((await lookAtHealth(round)) ? 'again' : undefined),
	imports: lookAtImports,
	stuck: lookAtStuck,
	operations: lookAtOperations,
};

/** While another worker looks, a hint waits. */
const AGAIN_MS = 700;
/** An Airflow that fails is asked less often, at most this much. */
const MOST_BACKOFF_MS = 60_000;

/** One tick of an environment's watch: whoever holds the lease makes the looks that are due. */
export async function watch(held: Held, wires: Wires): Promise<Outcome> {
	const { deps } = wires;
	const job = watchJob.safeParse(held.data);
	if (!job.success || !deps.environments.includes(job.data.env)) {
		deps.log.warn({ job: held.id }, 'watch of another version or environment dropped');
		return 'done';
	}
	const { env, soon } = job.data;
	const holder = randomUUID();
	const turn = await deps.watching.begin(env, holder);
	// The scheduler brings the next tick; a hint comes once.
	if (!turn) return soon ? { againInMs: AGAIN_MS } : 'done';
	// A renewal that fails needs no word: the next look commits too, and throws.
	const renew = setInterval(() => void deps.watching.commit(env, holder).catch(() => undefined), LEASE_MS / 4);
	try {
		await look({ env, soon, holder }, turn, wires);
	} catch (error) {
		if (!(error instanceof TurnLost)) throw error;
		deps.log.warn({ env }, 'turn of the watch lost');
	} finally {
		clearInterval(renew);
		await deps.watching.release(env, holder);
	}
	return 'done';
}

async function look(
	{ env, soon, holder }: { env: string; soon: boolean; holder: string },
	{ now, fields }: { now: number; fields: Round['fields'] },
	wires: Wires,
): Promise<void> {
	const { deps } = wires;
	const everyMs = deps.watch.everySeconds * 1000;
	const dues = Object.fromEntries(LOOKS.map((name) => [name, numberOf(fields, `due:${name}`) ?? 0]));
	const pace = {
		everyMs,
		lastFailureAt: numberOf(fields, 'lastFailureAt'),
		lastEndedAt: numberOf(fields, 'endedAt'),
	};
	const due = dueLooks(soon ? { ...dues, tasks: 0 } : dues, now, pace).filter(
		(name) => name !== 'operations' || deps.composer(env) !== undefined,
	);
	if (due.length === 0) return;
	const commit = async (changes: readonly Change[]): Promise<void> => {
		if (!(await deps.watching.commit(env, holder, changes))) throw new TurnLost();
	};
	const airflow = deps.airflow(env);
	// The first answer tells what time it is there; that there is none is told by the looks themselves.
	if (airflow.clockAheadMs() === undefined) await airflow.version().catch((error: unknown) => error);
	const ahead = (): number => airflow.clockAheadMs() ?? now - deps.now();
	const serverNow = (): number => deps.now() + ahead();
	// Where nothing is known it is the first look, or Redis has lost it: then it goes on where this worker was.
	const baseline =
		numberOf(fields, 'baseline') ??
		Math.min(deps.watching.lookedUntil(env) ?? Infinity, serverNow() - deps.watch.lookBackMinutes * 60_000);
	if (!fields.has('baseline')) await commit([{ name: 'baseline', set: baseline }]);
	const round: Round = { env, airflow, wires, fields, startedAt: now, baseline, serverNow, commit };

	for (const name of due) {
		const lookedAt = serverNow();
		const again = nextDue(name, dues[name], now, everyMs);
		try {
			const done = await DOES[name](round);
			await commit([
				{ name: `due:${name}`, set: done === 'again' ? now + everyMs : again },
				{ name: `failing:${name}`, drop: true },
				...(typeof done === 'number' && done > 0 ? [{ name: 'lastFailureAt', set: now }] : []),
				...(name === 'tasks' ? [{ name: 'okAt', set: now }] : []),
			]);
			if (name === 'tasks') deps.watching.noteLooked(env, lookedAt);
		} catch (error) {
			if (error instanceof TurnLost) throw error;
			const { trouble, since } = await failed(round, name, error);
			const pause = trouble.retryAfterMs ?? Math.min((now - since) / 4, MOST_BACKOFF_MS);
			await commit([{ name: `due:${name}`, set: Math.max(again, now + pause) }]);
			// Whatever else is due would most likely wait for the same answer.
			if (trouble.kind === 'upstream') return;
		}
	}
}

/** What a look could not see stays noted for the watch of the watch. */
async function failed(round: Round, name: Look, error: unknown): Promise<{ trouble: Trouble; since: number }> {
	const { env, wires, fields, startedAt } = round;
	const { log } = wires.deps;
	const trouble = asTrouble(error);
	const { kind, label, message, hint, ja } = trouble;
	if (kind === 'bug')
		log.error({ env, look: name, label, error: error instanceof Error ? error.stack : message }, 'look failed');
	else log.warn({ env, look: name, label }, 'look failed');
	const since = failing(fields, name)?.since ?? startedAt;
	await round.commit([{ name: `failing:${name}`, set: JSON.stringify({ kind, label, message, hint, ja, since }) }]);
	return { trouble, since };
}
