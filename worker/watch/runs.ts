import { z } from 'zod';
import { idOf } from '../../src/alerts/watch-tries.ts';
import type { DagRun, RunState, TaskInstance } from '../../src/domain/airflow.ts';
import { conditionId, tell } from './conditions.ts';
import { passOn } from './pass-on.ts';
import { readAll } from './read.ts';
import { numberOf, timed } from './round.ts';
import type { Round } from './round.ts';

const OVERLAP_MS = 30_000;
/** End dates are written by machines whose clocks differ. */
const ENDED_OVERLAP_MS = 2 * 60_000;
const SIGHTED_OVERLAP_MS = 60_000;
/** Named in one call. */
const RUNS_AT_ONCE = 100;
const BUSY_MS = 5 * 60_000;
const MOST_ALIVE_CALLS = 10;

const TASKLESS = 'run-failed-without-task';

const runId = ({ dag, run }: { dag: string; run: string }): string => JSON.stringify([dag, run]);
const runIdSchema = z.tuple([z.string(), z.string()]);

/**
 * Runs that changed: the failed ones' tasks are read at once, which is sooner than the next look at tasks, and a run that failed without
 * a failed task is a condition. Which runs are alive or ended is kept for `lookAtEnded`.
 */
export async function lookAtRuns(round: Round): Promise<number> {
	const mark = numberOf(round.fields, 'runsFrom') ?? round.baseline;
	const hasty = round.wires.broken === 'watermark';
	const { answer: runs, before } = await timed(round, () => changed(round, mark - (hasty ? 0 : OVERLAP_MS)));
	if (hasty) await round.commit([{ name: 'runsFrom', raise: before }]);
	await round.wires.deps.watching.sighted(round.env, runs.map(runId), round.startedAt);
	const passed = await failedOnes(round, runs);
	await round.commit([{ name: 'runsFrom', raise: before }]);
	return passed;
}

async function changed(round: Round, since: number): Promise<DagRun[]> {
	const busy = (numberOf(round.fields, 'runsBusyUntil') ?? 0) > round.startedAt;
	const all: readonly RunState[] = ['failed', 'running', 'success'];
	if (!busy) {
		const page = await round.airflow.changedRuns({ states: all, since: new Date(since).toISOString() });
		if (page.items.length >= page.total) return [...page.items];
		await round.commit([{ name: 'runsBusyUntil', set: round.startedAt + BUSY_MS }]);
	}
	return readAll(
		(from, until, offset) => round.airflow.changedRuns({ states: ['failed'], since: from, until, offset }),
		since,
		undefined,
		round.serverNow(),
		runId,
	);
}

async function failedOnes(round: Round, runs: readonly DagRun[]): Promise<number> {
	const { env, wires, baseline } = round;
	const { watching } = wires.deps;
	const ended = runs.filter(({ state, endedAt }) => state === 'failed' && !(endedAt && Date.parse(endedAt) < baseline));
	const seen = await watching.recall(
		env,
		ended.map((run) => `run ${runId(run)}`),
	);
	const fresh = ended.filter((run, at) => seen[at] !== (run.endedAt ?? ''));
	const well = runs.filter(({ state }) => state === 'success');
	let passed = 0;
	const without: DagRun[] = [];
	for (let at = 0; at < fresh.length; at += RUNS_AT_ONCE) {
		const { failed, taskless } = await tasksOfFailed(round, fresh.slice(at, at + RUNS_AT_ONCE));
		passed += await passOn(round, failed);
		without.push(...taskless);
	}
	// One that was run again and failed again is news, though it never was well in between.
	for (const run of without) await watching.over(env, conditionId({ kind: TASKLESS, key: runId(run) }));
	await tell(round, {
		kinds: [],
		seen: without.map((run) => ({
			kind: TASKLESS,
			key: runId(run),
			since: run.endedAt ?? new Date(round.serverNow()).toISOString(),
			dag: run.dag,
			run: run.run,
			facts: { runType: run.runType, ...(run.startedAt === undefined ? {} : { startedAt: run.startedAt }) },
		})),
		over: well.map((run) => ({ kind: TASKLESS, key: runId(run) })),
	});
	await watching.remember(
		env,
		fresh.map((run) => ({ id: `run ${runId(run)}`, value: run.endedAt ?? '' })),
	);
	return passed;
}

/** One call as a rule. A run with hundreds of failed tasks fills it: then the others are asked for again; `lookAtTasks` reads the hundreds. */
async function tasksOfFailed(
	{ airflow }: Round,
	runs: readonly DagRun[],
): Promise<{ failed: TaskInstance[]; taskless: DagRun[] }> {
	const failed: TaskInstance[] = [];
	for (let rest = runs; ;) {
		const page = await airflow.tasksOfRuns({ runs: rest, states: ['failed', 'up_for_retry'] });
		failed.push(...page.items);
		const seen = new Set(page.items.map(runId));
		const left = rest.filter((run) => !seen.has(runId(run)));
		if (left.length === 0 || left.length === rest.length || page.items.length >= page.total)
			return { failed, taskless: left };
		rest = left;
	}
}

/** Task instances that ended well in runs that are or were alive: a failed try before them may have been too short-lived to be seen. */
export async function lookAtEnded(round: Round): Promise<number> {
	const { env, fields, wires, startedAt } = round;
	if (wires.broken === 'watermark') return 0;
	const lastAt = numberOf(fields, 'endedAt') ?? startedAt;
	const from = (numberOf(fields, 'endedFrom') ?? round.baseline) - ENDED_OVERLAP_MS;
	if ((numberOf(fields, 'runsBusyUntil') ?? 0) > startedAt) await sightAlive(round, from);
	const sighted = await wires.deps.watching.sightedSince(env, lastAt - SIGHTED_OVERLAP_MS);
	const runs = sighted.map((id) => {
		const [dag, run] = runIdSchema.parse(JSON.parse(id));
		return { dag, run };
	});
	let passed = 0;
	const { before } = await timed(round, async () => {
		for (let at = 0; at < runs.length; at += RUNS_AT_ONCE)
			passed += await passOn(round, await endedOf(round, runs.slice(at, at + RUNS_AT_ONCE), from));
	});
	await round.commit([
		{ name: 'endedFrom', raise: before },
		{ name: 'endedAt', set: startedAt },
	]);
	return passed;
}

/** More runs at a time than one call shows: they are counted through here instead of every five seconds. */
async function sightAlive(round: Round, since: number): Promise<void> {
	const states: readonly RunState[] = ['running', 'success'];
	for (let offset = 0, calls = 0; calls < MOST_ALIVE_CALLS; calls++) {
		const page = await round.airflow.changedRuns({ states, since: new Date(since).toISOString(), offset });
		await round.wires.deps.watching.sighted(round.env, page.items.map(runId), round.startedAt);
		offset += page.items.length;
		if (page.items.length === 0 || offset >= page.total) return;
	}
}

function endedOf(round: Round, runs: readonly { dag: string; run: string }[], from: number): Promise<TaskInstance[]> {
	return readAll(
		(since, until, offset) => round.airflow.tasksOfRuns({ runs, states: ['success', 'skipped'], since, until, offset }),
		from,
		undefined,
		round.serverNow(),
		(row) => `${idOf(row)} ${row.tryNumber}`,
	);
}
