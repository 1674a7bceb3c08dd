import type { Airflow, DagRun, TaskInstance } from '../../src/domain/airflow.ts';
import { Trouble } from '../../src/domain/errors.ts';

/** Which try is meant; what is left out is found. */
export type Asked = {
	dag: string;
	run?: string | undefined;
	/** Names the run where its id is not known (old addresses). ISO 8601. */
	logicalDate?: string | undefined;
	task?: string | undefined;
	mapIndex?: number | undefined;
	tryNumber?: number | undefined;
};

/** Why there is no try to look at. */
export type Missing =
	/** No run of it, or no such run. */
	| { kind: 'no run' }
	| { kind: 'no task'; run: DagRun; task: string; tasks: readonly string[] }
	/** Nothing of it failed or waits. `task`: the one that was named. */
	| { kind: 'nothing failed'; run: DagRun; task: string | undefined; state: string };

const FAILED = new Set(['failed', 'up_for_retry']);

async function findRun(
	{ dag, run, logicalDate, task }: Asked,
	airflow: Airflow,
	which: 'failed' | 'any',
): Promise<DagRun | undefined> {
	if (run !== undefined) return airflow.run(dag, run);
	const runs = await airflow.runs(dag, { limit: 25 });
	if (logicalDate !== undefined)
		return runs.find((one) => one.logicalDate !== null && Date.parse(one.logicalDate) === Date.parse(logicalDate));
	const [newest] = runs;
	// One that is under way may have failed tries already; a named task is asked about where it is now.
	if (which === 'any' || (task !== undefined && newest?.state === 'running')) return newest;
	return runs.find(({ state }) => state === 'failed') ?? newest;
}

export type FoundTry = {
	kind: 'try';
	run: DagRun;
	task: TaskInstance;
	tryNumber: number;
	/** The task that was asked about and only waited for this one. */
	walkedFrom: string | undefined;
};

/**
 * The named task instance, or the first of the run that failed. `failed`: from one that only waited for it to the one that
 * failed, and never one that went well. `any`: the one that was named, whatever became of it.
 */
export async function findTry(asked: Asked, airflow: Airflow, which: 'failed' | 'any'): Promise<FoundTry | Missing> {
	const run = await findRun(asked, airflow, which);
	if (!run) return { kind: 'no run' };
	const tasks = await airflow.taskInstances(run.dag, run.run);
	const named = tasks.filter(
		({ task, mapIndex }) => task === asked.task && (asked.mapIndex === undefined || mapIndex === asked.mapIndex),
	);
	if (asked.task !== undefined && named.length === 0)
		return { kind: 'no task', run, task: asked.task, tasks: [...new Set(tasks.map(({ task }) => task))] };
	const among = asked.task === undefined ? tasks : named;
	const is = (task: TaskInstance, tryNumber: number, walkedFrom?: string): FoundTry => ({
		kind: 'try',
		run,
		task,
		tryNumber,
		walkedFrom,
	});
	const one = firstFailed(among) ?? among.find(({ state }) => state === 'upstream_failed') ?? stopped(run, among);
	const chosen = which === 'any' ? (one ?? (asked.task === undefined ? latest(among) : named[0])) : one;
	if (chosen && (which === 'any' || chosen.state !== 'upstream_failed'))
		return is(chosen, asked.tryNumber ?? chosen.tryNumber);
	const cause = chosen && (await whatItWaitedFor(chosen, tasks, airflow));
	if (chosen) return is(cause ?? chosen, (cause ?? chosen).tryNumber, cause ? chosen.task : undefined);
	// It went well in the end; what an earlier try met may still be asked about.
	const retried = asked.task === undefined ? undefined : among.find(({ tryNumber }) => tryNumber > 1);
	if (retried) return is(retried, Math.min(asked.tryNumber ?? retried.tryNumber - 1, retried.tryNumber));
	const waits = run.state === 'running' || run.state === 'queued' ? among.find(isWaiting) : undefined;
	if (waits) return is(waits, waits.tryNumber);
	return { kind: 'nothing failed', run, task: asked.task, state: among[0]?.state ?? run.state };
}

/**
 * The failed task that the named one really depends on, through tasks that only waited too. One call; where the DAG has changed
 * since, or its tasks cannot be read, the first that failed in the run.
 */
async function whatItWaitedFor(
	{ dag, task }: TaskInstance,
	tasks: readonly TaskInstance[],
	airflow: Airflow,
): Promise<TaskInstance | undefined> {
	const after = await airflow.dependencies(dag).catch((error: unknown) => {
		if (error instanceof Trouble) return undefined;
		throw error;
	});
	const before = new Map<string, string[]>();
	for (const [one, followers] of after ?? [])
		for (const follower of followers) before.set(follower, [...(before.get(follower) ?? []), one]);
	const passed = new Set([task]);
	const reached: TaskInstance[] = [];
	for (let ring = [task]; ring.length > 0;) {
		const next = [...new Set(ring.flatMap((one) => before.get(one) ?? []))].filter((one) => !passed.has(one));
		for (const one of next) passed.add(one);
		reached.push(...tasks.filter((one) => next.includes(one.task) && FAILED.has(one.state)));
		// Past a task that went well or failed by itself nothing made this one wait.
		ring = next.filter((one) => tasks.some(({ task: id, state }) => id === one && state === 'upstream_failed'));
	}
	return firstFailed(reached) ?? firstFailed(tasks);
}

function latest(tasks: readonly TaskInstance[]): TaskInstance | undefined {
	return tasks.toSorted((a, b) => (b.startedAt ?? '').localeCompare(a.startedAt ?? ''))[0];
}

function isWaiting({ state }: TaskInstance): boolean {
	return state === 'queued' || state === 'scheduled' || state === 'deferred';
}

/** By its end: what failed first made the others fail. */
function firstFailed(tasks: readonly TaskInstance[]): TaskInstance | undefined {
	return (
		earliest(tasks.filter(({ state }) => state === 'failed')) ??
		earliest(tasks.filter(({ state }) => FAILED.has(state)))
	);
}

function earliest(tasks: readonly TaskInstance[]): TaskInstance | undefined {
	return tasks.toSorted((a, b) => (a.endedAt ?? '~').localeCompare(b.endedAt ?? '~'))[0];
}

/** A run that failed without a failed task: one that was at work when it was stopped (dagrun_timeout skips it). */
function stopped(run: DagRun, tasks: readonly TaskInstance[]): TaskInstance | undefined {
	if (run.state !== 'failed') return undefined;
	return tasks.findLast(
		({ state, hostname, startedAt }) => state === 'skipped' && (hostname ?? startedAt) !== undefined,
	);
}
