import { firstLook } from '../../commands/_parts/investigate.ts';
import type { FirstLook } from '../../commands/_parts/investigate.ts';
import type { FailedTry } from '../../src/alerts/incident.ts';
import type { BotDeps } from '../../src/build-deps.ts';
import type { DagRun, TaskInstance } from '../../src/domain/airflow.ts';
import type { FailureJob } from '../jobs.ts';
import { retryAt } from './retry.ts';

export type ReadFailed =
	| {
			kind: 'failed';
			failed: FailedTry;
			run: DagRun;
			/** The task instance as it is now. */
			task: TaskInstance;
			past: readonly TaskInstance[];
	  }
	/** Airflow says that it did not fail (yet): a push comes before its row is written. */
	| { kind: 'not failed' }
	/** Airflow knows no such task instance. */
	| { kind: 'gone' };

const FAILED = new Set(['failed', 'up_for_retry']);
/** What Airflow says of a try that is said to have failed. Throws Trouble. */
export async function readFailed(job: FailureJob, deps: BotDeps): Promise<ReadFailed> {
	const airflow = deps.airflow(job.env);
	const [task, run] = await Promise.all([airflow.taskInstance(job), runOf(job, deps)]);
	if (!task || !run) return { kind: 'gone' };
	const { tryNumber } = job;
	const isNow = task.tryNumber === tryNumber && FAILED.has(task.state);
	// Cleared, run again or marked since: its own row is among the tries.
	const past = isNow ? [] : await airflow.tries(job);
	const before = past.find((one) => one.tryNumber === tryNumber && FAILED.has(one.state));
	// Airflow before 2.10 keeps no tries: that a later one runs says that this one ended badly.
	const isSilent = task.tryNumber > tryNumber && !past.some((one) => one.tryNumber === tryNumber);
	if (!isNow && !before && !isSilent) return { kind: 'not failed' };
	const that = before ?? task;
	const last = isNow && task.state === 'failed';
	const failed: FailedTry = {
		env: job.env,
		dag: job.dag,
		run: job.run,
		task: job.task,
		mapIndex: job.mapIndex,
		tryNumber,
		...(job.again === undefined ? {} : { again: job.again }),
		ofTries: Math.max(task.maxTries + 1, task.tryNumber),
		last,
		endedAt: isSilent ? undefined : that.endedAt,
		hostname: that.hostname,
		operator: task.operator,
		...(isNow && !last ? { retryAt: await retryAt(job.env, task, deps) } : {}),
		seenAt: job.seenAt,
	};
	return { kind: 'failed', failed, run, task, past };
}

/** Runs that were read a moment ago: a storm asks for the same one thousands of times. */
const RUN_MS = 30_000;
const RUNS = 500;
const runs = new WeakMap<BotDeps, Map<string, { at: number; run: Promise<DagRun | undefined> }>>();

function runOf({ env, dag, run }: FailureJob, deps: BotDeps): Promise<DagRun | undefined> {
	let known = runs.get(deps);
	if (!known) runs.set(deps, (known = new Map()));
	const key = JSON.stringify([env, dag, run]);
	const held = known.get(key);
	if (held && deps.now() - held.at < RUN_MS) return held.run;
	const asked = deps.airflow(env).run(dag, run);
	known.delete(key);
	known.set(key, { at: deps.now(), run: asked });
	asked.catch(() => known.get(key)?.run === asked && known.delete(key));
	const [oldest] = known.keys();
	if (known.size > RUNS && oldest !== undefined) known.delete(oldest);
	return asked;
}

/** What its log says; the one log that is read for this try. */
export function lookAt(
	{ failed, run, task, past }: Extract<ReadFailed, { kind: 'failed' }>,
	deps: BotDeps,
): Promise<FirstLook> {
	return firstLook({ env: failed.env, run, task, tryNumber: failed.tryNumber, past }, deps.lang, deps);
}
