import { collect } from '../src/collect.ts';
import type { Deps } from '../src/deps.ts';
import { candidates, verify, wanted, type Verdict } from '../src/diagnosis/verify.ts';
import type { Airflow, DagRun, TaskInstance } from '../src/domain/airflow.ts';
import type { Environment } from '../src/domain/environment.ts';
import { Trouble } from '../src/domain/errors.ts';
import type { Failed, Gap } from '../src/domain/evidence.ts';
import type { Diagnosis } from '../src/domain/rule.ts';
import type { Lang } from '../src/domain/text.ts';
import { rules } from '../src/rules/index.ts';

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

export type Investigation = {
	kind: 'verdict';
	failed: Failed;
	run: DagRun;
	verdict: Verdict;
	/** The task that was asked about waited for this one, which failed. */
	walkedFrom: string | undefined;
	/** It went well in a later try. */
	recovered: boolean;
};

/** Why there is no try to look at. */
export type Missing =
	/** No run of it, or no such run. */
	| { kind: 'no run' }
	| { kind: 'no task'; run: DagRun; task: string; tasks: readonly string[] }
	/** Nothing of it failed or waits. `task`: the one that was named. */
	| { kind: 'nothing failed'; run: DagRun; task: string | undefined; state: string };

const LOG_WITHIN_MS = 12_000;
/** The end of a log is what decides; more is only scanned. */
const LOG_BYTES = 8 * 1024 * 1024;

const FAILED = new Set(['failed', 'up_for_retry']);
const WAITING = new Set(['queued', 'scheduled', 'none']);

/**
 * Finds the try, reads its log, asks the sources that the suspected causes want in one round, and judges. Calls: the run, its task
 * instances, the log, and one for each source. Throws Trouble when not even the run can be read.
 */
export async function investigate(asked: Asked, env: string, lang: Lang, deps: Deps): Promise<Investigation | Missing> {
	const airflow = deps.airflow(env);
	const found = await findTry(asked, airflow, 'failed');
	if (found.kind !== 'try') return found;
	const { run, task, walkedFrom, tryNumber } = found;
	const past = tryNumber < task.tryNumber ? await airflow.tries({ ...task }) : [];
	const first = await firstLook({ env, task, tryNumber, past }, lang, deps);
	return {
		kind: 'verdict',
		failed: first.failed,
		run,
		verdict: await verdictOf(first, deps),
		walkedFrom,
		recovered: task.state === 'success',
	};
}

/** What the log of a try says, before anything else was asked. */
export type FirstLook = {
	failed: Failed;
	/** Undefined: nobody wrote a line, or none can be had. */
	diagnosis: Diagnosis | undefined;
	place: Environment;
	gaps: readonly Gap[];
	lang: Lang;
};

/** Reads the log of a try and nothing else. `past`: its earlier tries, where the one that is meant is not the present one. */
export async function firstLook(
	{ env, task, tryNumber, past }: { env: string; task: TaskInstance; tryNumber: number; past: readonly TaskInstance[] },
	lang: Lang,
	deps: Deps,
): Promise<FirstLook> {
	const that = past.find((one) => one.tryNumber === tryNumber) ?? task;
	const hasLog = !WAITING.has(that.state);
	const [place, log] = await Promise.all([
		homeOf(env, deps),
		hasLog ? readLog(deps.airflow(env), task, tryNumber) : undefined,
	]);
	const diagnosis = await diagnose(log?.text, { env: place.env, lang, task, tryNumber }, deps);
	const told = (diagnosis?.findings ?? []).map(({ cause }) => cause);
	const failed: Failed = {
		env,
		dag: task.dag,
		run: task.run,
		task: task.task,
		mapIndex: task.mapIndex,
		tryNumber,
		state: that === task ? task.state : 'failed',
		ofTries: Math.max(task.maxTries + 1, task.tryNumber),
		operator: task.operator,
		queuedAt: that.queuedAt,
		startedAt: that.startedAt,
		endedAt: that.endedAt,
		hostname: that.hostname,
		pool: task.pool,
		queue: task.queue,
		log: diagnosis === undefined || told[0] === LOG_MISSING ? 'missing' : 'there',
		told,
		generation: place.env.generation,
		now: deps.now(),
	};
	return { failed, diagnosis, place: place.env, gaps: [...(log?.gap ? [log.gap] : []), ...place.gaps], lang };
}

/** Asks the sources that the suspected causes want, and judges. `ask: false`: by the log alone, and nothing is asked. */
export async function verdictOf(
	{ failed, diagnosis, place, gaps, lang }: FirstLook,
	deps: Deps,
	{ ask = true }: { ask?: boolean } = {},
): Promise<Verdict> {
	const suspects = candidates(rules, diagnosis, failed);
	const round = ask ? await collect(wanted(suspects), deps.sources(failed.env), failed) : { seen: {}, gaps: [] };
	return verify({
		diagnosis,
		candidates: suspects,
		failed,
		seen: round.seen,
		gaps: [...gaps, ...round.gaps],
		env: place,
		lang,
	});
}

const LOG_MISSING = 'task-log-missing-worker-lost';

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
	const cause = chosen && firstFailed(tasks);
	if (chosen) return is(cause ?? chosen, (cause ?? chosen).tryNumber, cause ? chosen.task : undefined);
	// It went well in the end; what an earlier try met may still be asked about.
	const retried = asked.task === undefined ? undefined : among.find(({ tryNumber }) => tryNumber > 1);
	if (retried) return is(retried, Math.min(asked.tryNumber ?? retried.tryNumber - 1, retried.tryNumber));
	const waits = run.state === 'running' || run.state === 'queued' ? among.find(isWaiting) : undefined;
	if (waits) return is(waits, waits.tryNumber);
	return { kind: 'nothing failed', run, task: asked.task, state: among[0]?.state ?? run.state };
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

async function readLog(
	airflow: Airflow,
	{ dag, run, task, mapIndex }: TaskInstance,
	tryNumber: number,
): Promise<{ text: string | undefined; gap?: Gap }> {
	const { promise, resolve } = Promise.withResolvers<undefined>();
	const timer = setTimeout(() => resolve(undefined), LOG_WITHIN_MS);
	try {
		const log = airflow.log({ dag, run, task, mapIndex, tryNumber }, LOG_BYTES).then((text) => ({ text }));
		const gap: Gap = { source: 'taskLog', because: 'timeout', say: LATE };
		return (await Promise.race([log, promise])) ?? { text: undefined, gap };
	} catch (error) {
		if (!(error instanceof Trouble)) throw error;
		const { kind, message, ja } = error;
		const say = { en: message, ja: ja?.message ?? message };
		return {
			text: undefined,
			gap: { source: 'taskLog', because: kind === 'denied' ? 'denied' : 'unavailable', say },
		};
	} finally {
		clearTimeout(timer);
	}
}

const LATE = { en: 'no answer in time', ja: '時間内に応答がありませんでした' };

type About = { env: Environment; lang: Lang; task: TaskInstance; tryNumber: number };

/** Undefined: there is nothing to read. */
async function diagnose(
	text: string | undefined,
	{ env, lang, task, tryNumber }: About,
	deps: Deps,
): Promise<Diagnosis | undefined> {
	if (text === undefined || text.trim() === '') return undefined;
	const about = { dag: task.dag, task: task.task, tryNumber };
	return deps.readLog(new TextEncoder().encode(text), { env, lang, about });
}

/** What a fix must know of where the environment lives. Composer that cannot be asked is a gap, not an end. */
export async function homeOf(env: string, deps: Deps): Promise<{ env: Environment; gaps: readonly Gap[] }> {
	const composer = deps.composer(env);
	const version = deps
		.airflow(env)
		.version()
		.then(
			(answer) => answer.version,
			(error: unknown) => {
				if (error instanceof Trouble) return undefined;
				throw error;
			},
		);
	if (!composer) return { env: { name: env, generation: 'airflow', airflowVersion: await version }, gaps: [] };
	try {
		const { environment } = await composer.describe();
		return { env: { ...environment, name: env }, gaps: [] };
	} catch (error) {
		if (!(error instanceof Trouble)) throw error;
		const { kind, message, ja } = error;
		const gap: Gap = {
			source: 'environment',
			because: kind === 'denied' ? 'denied' : 'unavailable',
			say: { en: message, ja: ja?.message ?? message },
			permission: 'composer.environments.get',
			role: 'roles/composer.user',
		};
		return { env: { name: env, airflowVersion: await version }, gaps: [gap] };
	}
}
