import { mkdir, writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Airflow } from '../../src/domain/airflow.ts';
import { Trouble } from '../../src/domain/errors.ts';
import { fitOverhead, type Recorded } from './overhead.ts';
import { quantile } from '../../src/scaling/quantile.ts';
import { replay, type Overhead } from '../../src/scaling/replay.ts';
import { overheadOn } from './shared-cpu.ts';
import { startSoakAirflow, type SoakAirflow } from './soak-airflow.ts';

const RUNS = 10;
const TASKS = 30 * RUNS;
const WITHIN = 0.2;
const RECORDED_AT = 4;
/** The longest last: what was measured until then is there when it is broken off. */
const PREDICTED = [8, 2];

const SETTINGS = {
	AIRFLOW__CORE__PARALLELISM: '1000',
	AIRFLOW__CORE__MAX_ACTIVE_TASKS_PER_DAG: '1000',
	AIRFLOW__CORE__DEFAULT_POOL_TASK_SLOT_COUNT: '1000',
	AIRFLOW__SCHEDULER__MAX_TIS_PER_QUERY: '512',
	// At concurrency 2 the last ones wait longer than the usual ten minutes. On Airflow 3 the token of a task, too, runs out
	// while it waits, and then it fails as it starts.
	AIRFLOW__SCHEDULER__TASK_QUEUED_TIMEOUT: '7200',
	AIRFLOW__EXECUTION_API__JWT_EXPIRATION_TIME: '7200',
	// Parsing again and again would take the CPU from the tasks' starts.
	AIRFLOW__SCHEDULER__MIN_FILE_PROCESS_INTERVAL: '300',
	AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL: '300',
};

export type Compared = {
	soak: 'replay';
	airflow: string;
	repeat: number;
	concurrency: number;
	tasks: number;
	measuredP95Seconds: number;
	predictedP95Seconds: number;
	/** Predicted against measured, as a share; below 0: too short. */
	off: number;
	good: boolean;
	/** CPU time of all of Airflow for each task, and the cores it had. */
	cpuSecondsATask: number;
	cores: number;
	/** Worked out from the recording at concurrency 4 alone. */
	overhead: Overhead;
};

/**
 * A load of sleeping tasks on a real Airflow with a real Celery worker: recorded at concurrency 4; from that recording alone
 * the waits at 2 and 8 are predicted, and then measured. The 95th percentile is to be within 20 %. About a quarter of an hour.
 */
export async function soakReplay(
	generation: 2 | 3,
	repeat: number,
	{ say, report, keep }: { say: (line: string) => void; report: (result: Compared) => void; keep?: string | undefined },
): Promise<void> {
	const soak = await startSoakAirflow(generation, {
		say,
		concurrency: RECORDED_AT,
		settings: SETTINGS,
		dags: ['cm_soak', 'cm_warm'],
	});
	try {
		const measure = async (concurrency: number): Promise<Measured> => {
			const measured = await record(soak, concurrency);
			if (keep !== undefined) {
				await mkdir(keep, { recursive: true });
				const file = `airflow-${generation}-repeat-${repeat}-concurrency-${concurrency}.json`;
				await writeFile(join(keep, file), `${JSON.stringify(measured)}\n`);
			}
			return measured;
		};
		const at4 = await measure(RECORDED_AT);
		const fitted = fitOverhead(at4.tasks, RECORDED_AT);
		const durationMs = mean(at4.tasks.map(({ start, end }) => end - start));
		const compare = (concurrency: number, measured: Measured): void => {
			const is = p95(measured.tasks.map(({ queued, start }) => start - queued));
			const overhead = overheadOn(concurrency, fitted, { slots: RECORDED_AT, durationMs, ...at4 });
			const predicted = p95(predict(at4.tasks, concurrency, overhead));
			const off = predicted / is - 1;
			report({
				soak: 'replay',
				airflow: soak.airflow.version,
				repeat,
				concurrency,
				tasks: measured.tasks.length,
				measuredP95Seconds: round(is / 1000, 1),
				predictedP95Seconds: round(predicted / 1000, 1),
				off: round(off, 3),
				good: Math.abs(off) <= WITHIN,
				cpuSecondsATask: round(measured.cpuMs / 1000, 2),
				cores: measured.cores,
				overhead,
			});
		};
		compare(RECORDED_AT, at4);
		for (const concurrency of PREDICTED) {
			await soak.airflow.worker(concurrency);
			compare(concurrency, await measure(concurrency));
		}
	} finally {
		await soak.airflow.stop();
	}
}

type Measured = { tasks: Recorded[]; cpuMs: number; cores: number };

const predict = (tasks: readonly Recorded[], concurrency: number, overhead: Overhead): Float64Array =>
	replay(
		tasks.map(({ queued, start, end }) => ({ at: queued, durationMs: end - start })),
		{ workers: { min: 1, max: 1 }, concurrency, overhead },
	).waitsMs;

/** The worker is up; the load comes at once. */
async function record({ airflow, client }: SoakAirflow, concurrency: number): Promise<Measured> {
	await run(client, 'cm_warm', `warm_${concurrency}`);
	await untilDone(client, 'cm_warm', 1, 180_000);
	const cpuBefore = await airflow.cpuSeconds();
	const runs = Array.from({ length: RUNS }, (_, n) => `soak_${concurrency}_${n}`);
	for (const id of runs) await run(client, 'cm_soak', id);
	await untilDone(client, 'cm_soak', RUNS, 1_800_000);
	const cpuMs = (1000 * ((await airflow.cpuSeconds()) - cpuBefore)) / TASKS;
	const tasks: Recorded[] = [];
	for (const id of runs)
		for (const { queuedAt, startedAt, endedAt } of await client.taskInstances('cm_soak', id))
			tasks.push({ queued: at(queuedAt), start: at(startedAt), end: at(endedAt) });
	if (tasks.length !== TASKS) throw new Error(`${tasks.length} tasks ran, not ${TASKS}.`);
	return { tasks, cpuMs, cores: availableParallelism() };
}

const run = (client: Airflow, dag: string, id: string): Promise<unknown> =>
	client.trigger({ dag, run: id, note: 'soak' });

/** A web server that is busy starting answers the next look. */
function unanswered(error: unknown): undefined {
	if (!(error instanceof Trouble) || error.kind !== 'upstream') throw error;
}

/** One call every five seconds, so that looking does not take the CPU from what is looked at. */
async function untilDone(client: Airflow, dag: string, newest: number, withinMs: number): Promise<void> {
	for (const until = Date.now() + withinMs; Date.now() < until; await sleep(5000)) {
		const runs = await client.runs(dag, { limit: newest }).catch(unanswered);
		if (!runs) continue;
		const states = runs.map(({ state }) => state);
		// What did not sleep its time is no measurement.
		const failed = runs.find(({ state }) => state === 'failed');
		if (failed) throw new Error(await whyFailed(client, dag, failed.run));
		if (states.length === newest && states.every((state) => state === 'success')) return;
	}
	throw new Error(`${dag} did not end within ${withinMs / 1000} s.`);
}

async function whyFailed(client: Airflow, dag: string, run: string): Promise<string> {
	const task = (await client.taskInstances(dag, run)).find(({ state }) => state === 'failed');
	const log = task && (await client.log(task, 4000));
	return `${dag} ${run} failed: ${JSON.stringify(task)}\n${log ?? 'It has no log.'}`;
}

function at(time: string | undefined): number {
	const ms = Date.parse(time ?? '');
	if (Number.isNaN(ms)) throw new Error(`A task that succeeded has ${JSON.stringify(time)} for a time.`);
	return ms;
}

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

const p95 = (waits: Iterable<number>): number => quantile([...waits], 0.95);

const round = (value: number, digits: number): number => Math.round(value * 10 ** digits) / 10 ** digits;
