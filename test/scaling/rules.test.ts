import { describe, expect, test } from '@jest/globals';
import { buildLoad } from '../../src/scaling/load.ts';
import { concurrencyOf } from '../../src/scaling/concurrency.ts';
import type { Finding } from '../../src/scaling/finding.ts';
import { readHistory, type SeriesName } from '../../src/scaling/history.ts';
import { fitMemory } from '../../src/scaling/memory.ts';
import { patchFor } from '../../src/scaling/patch.ts';
import { TARGET } from '../../src/scaling/plan.ts';
import { quantile } from '../../src/scaling/quantile.ts';
import { findAll, RULES } from '../../src/scaling/rules.ts';
import { changesText } from '../../src/scaling/change-words.ts';

const FROM = Date.parse('2026-11-16T00:00:00Z');
const MINUTE = 60_000;
const iso = (ms: number): string => new Date(ms).toISOString();

type Row = Record<string, unknown>;
type Case = {
	environment?: Row;
	metrics?: Partial<Record<SeriesName, readonly number[]>>;
	rows?: readonly Row[];
	pools?: readonly Row[];
	dags?: readonly Row[];
};

const PROD = {
	generation: 'composer-3',
	name: 'prod',
	project: 'acme',
	location: 'europe-west1',
	size: 'medium',
	airflowVersion: '2.10.5',
	worker: { min: 1, max: 3, cpu: 1, memoryGb: 4, storageGb: 5 },
	scheduler: { count: 1, cpu: 0.5, memoryGb: 2, storageGb: 1 },
	dagProcessor: { count: 1, cpu: 1, memoryGb: 4, storageGb: 1 },
	triggerer: { count: 1, cpu: 0.5, memoryGb: 1 },
	webServer: { count: 1, cpu: 1, memoryGb: 4, storageGb: 1 },
	overrides: { 'celery-worker_concurrency': '6' },
};

/** A point a minute. */
function findings({ environment = {}, metrics = {}, rows = [], pools = [], dags = [] }: Case): Finding[] {
	const history = readHistory({
		format: 'concertmaster-history/1',
		from: iso(FROM),
		to: iso(FROM + 86_400_000),
		environment: { ...PROD, ...environment },
		pools,
		dags,
		metrics: Object.fromEntries(
			Object.entries(metrics).map(([name, values]) => [
				name,
				values.map((value, i) => [iso(FROM + i * MINUTE), value]),
			]),
		),
		task_instances: rows,
	});
	const load = buildLoad(history);
	const concurrency = concurrencyOf(history, load.timeline);
	return findAll({
		history,
		load,
		concurrency,
		memory: fitMemory(history, load.timeline, concurrency.value),
		target: TARGET,
		seen: { waitP95Ms: quantile(load.waitsMs, 0.95) },
	});
}

/** The rest of a hundred minutes is calm. */
const busyFor = (minutes: number, value: number, calm = 0.5): number[] =>
	Array.from({ length: 100 }, (_, i) => (i < minutes ? value : calm));
const flat = (value: number, count = 100): number[] => Array.from({ length: count }, () => value);

const row = (
	n: number,
	{ queued, start, end, ...more }: { queued: number; start: number; end: number } & Row,
): Row => ({
	dag_id: 'etl',
	dag_run_id: `r${n}`,
	task_id: 't',
	queued_when: iso(FROM + queued * 1000),
	start_date: iso(FROM + start * 1000),
	end_date: iso(FROM + end * 1000),
	...more,
});
/** Tasks with that wait, one a minute, each in a run of its own. */
const waiting = (seconds: number): Row[] =>
	Array.from({ length: 40 }, (_, n) => row(n, { queued: 60 * n, start: 60 * n + seconds, end: 60 * n + seconds + 1 }));
/** So many at once for that long, then one at a time as long as it takes to make that share. */
const abreast = (many: number, share: number, key: 'dag_run_id' | 'task_id' = 'task_id'): Row[] => {
	const together = Array.from({ length: many }, (_, n) =>
		row(0, { queued: 0, start: 0, end: 1000 * share, dag_run_id: key === 'task_id' ? 'r' : `r${n}`, task_id: `t${n}` }),
	);
	const alone = Array.from({ length: many }, (_, n) => {
		const from = 1000 * share + (n * 1000 * (1 - share)) / many;
		return row(n, {
			queued: from,
			start: from,
			end: from + (1000 * (1 - share)) / many,
			dag_run_id: key === 'task_id' ? 'r' : `later${n}`,
			task_id: `t${n}`,
		});
	});
	return [...together, ...alone];
};
const lagging = (seconds: number): Row[] =>
	Array.from({ length: 20 }, (_, n) => [
		row(n, { queued: 300 * n, start: 300 * n, end: 300 * n + 10, task_id: 'a' }),
		row(n, { queued: 300 * n + 10 + seconds, start: 300 * n + 10 + seconds, end: 300 * n + 60, task_id: 'b' }),
	]).flat();
/** Of twenty tasks in a pool of one so many were queued as it got room, half a minute late. */
const held = (late: number): Row[] =>
	Array.from({ length: 20 }, (_, n) => {
		const from = 600 * n;
		const narrow = { pool: 'narrow' };
		return n < late
			? [
					row(n, { queued: from, start: from, end: from + 100, pool: 'narrow', task_id: 'a' }),
					row(n, {
						queued: from + 101,
						start: from + 101,
						end: from + 110,
						...narrow,
						scheduled_when: iso(FROM + (from + 60) * 1000),
						task_id: 'b',
					}),
				]
			: [
					row(n, { queued: from, start: from, end: from + 1, ...narrow, task_id: 'a' }),
					row(n, { queued: from + 300, start: from + 300, end: from + 301, ...narrow, task_id: 'b' }),
				];
	}).flat();

const cpu = (name: SeriesName) => ({
	below: { metrics: { [name]: busyFor(5, 0.81) } },
	above: { metrics: { [name]: busyFor(6, 0.81) } },
});
const override = (overrides: Record<string, string>, more: Row = {}): Case => ({ environment: { overrides, ...more } });

/** One below and one above each threshold. */
const TABLE: readonly { id: string; what: string; below: Case; above: Case; fix?: RegExp | null }[] = [
	{
		id: 'worker-memory',
		what: '80 % of the memory',
		below: { metrics: { workerMemoryGb: flat(3.2) } },
		above: { metrics: { workerMemoryGb: flat(3.24) } },
		fix: null,
	},
	{
		id: 'worker-deaths',
		what: 'any eviction',
		below: { metrics: { evictions: flat(0) } },
		above: { metrics: { evictions: busyFor(1, 1, 0) } },
		fix: null,
	},
	{
		id: 'worker-deaths',
		what: 'any restart',
		below: { metrics: { restarts: flat(0) } },
		above: { metrics: { restarts: busyFor(1, 1, 0) } },
		fix: null,
	},
	{
		id: 'worker-disk',
		what: '80 % of the storage',
		below: { metrics: { workerDiskShare: flat(0.8) } },
		above: { metrics: { workerDiskShare: flat(0.81) } },
		fix: /--worker-storage=10GB/,
	},
	{
		id: 'worker-cpu',
		what: '80 % of the CPU, p95',
		below: { metrics: { workerCpuShare: flat(0.8) } },
		above: { metrics: { workerCpuShare: flat(0.81) } },
		fix: /--max-workers=5[^]*worker_concurrency=4/,
	},
	{ id: 'queue-wait', what: 'the target', below: { rows: waiting(60) }, above: { rows: waiting(61) }, fix: null },
	{
		id: 'workers-at-most',
		what: 'five minutes',
		below: { metrics: { workers: busyFor(5, 3, 1), queueLength: flat(1) } },
		above: { metrics: { workers: busyFor(6, 3, 1), queueLength: flat(1) } },
		fix: null,
	},
	{
		id: 'workers-idle',
		what: '40 % of the memory',
		below: {
			environment: { worker: { ...PROD.worker, min: 2 } },
			metrics: { workers: flat(2), workerMemoryGb: flat(1.6) },
		},
		above: {
			environment: { worker: { ...PROD.worker, min: 2 } },
			metrics: { workers: flat(2), workerMemoryGb: flat(1.59) },
		},
		fix: null,
	},
	{
		id: 'concurrency-too-low',
		what: 'the slots there are',
		below: { rows: Array.from({ length: 18 }, (_, n) => row(n, { queued: 0, start: 40, end: 4000 })) },
		above: { rows: Array.from({ length: 19 }, (_, n) => row(n, { queued: 0, start: 40, end: 4000 })) },
		fix: null,
	},
	{ id: 'concurrency-unknown', what: 'being set', below: {}, above: override({}), fix: null },
	{
		id: 'pool-full',
		what: '5 % of its tasks',
		below: { rows: held(2), pools: [{ name: 'narrow', slots: 1 }] },
		above: { rows: held(3), pools: [{ name: 'narrow', slots: 1 }] },
		fix: /pools -- set narrow 2/,
	},
	{
		id: 'dag-tasks-limit',
		what: '5 % of its time',
		below: { rows: abreast(16, 0.049) },
		above: { rows: abreast(16, 0.051) },
		fix: /max_active_tasks=32/,
	},
	{
		id: 'dag-tasks-limit',
		what: 'its own limit',
		below: { rows: abreast(8, 0.5) },
		above: { rows: abreast(8, 0.5), dags: [{ dag_id: 'etl', max_active_tasks: 8 }] },
		fix: /max_active_tasks=16/,
	},
	{
		id: 'dag-runs-limit',
		what: '5 % of its time',
		below: { rows: abreast(16, 0.049, 'dag_run_id') },
		above: { rows: abreast(16, 0.051, 'dag_run_id') },
		fix: /max_active_runs=32/,
	},
	{
		id: 'parallelism',
		what: 'max workers × concurrency',
		below: { environment: { parallelism: 18 } },
		above: { environment: { parallelism: 17 } },
		fix: /core-parallelism=18/,
	},
	{
		id: 'scheduler-cpu',
		what: '5 % of the time above 80 %',
		...cpu('schedulerCpuShare'),
		fix: /min_file_process_interval=60/,
	},
	{
		id: 'scheduler-cpu',
		what: 'the same with the interval already long',
		below: { metrics: { schedulerCpuShare: busyFor(5, 0.81) } },
		above: {
			...override({ ...PROD.overrides, 'scheduler-min_file_process_interval': '300' }),
			metrics: { schedulerCpuShare: busyFor(6, 0.81) },
		},
		fix: /--scheduler-cpu=1 --scheduler-memory=4GB/,
	},
	{
		id: 'scheduler-idle',
		what: '35 % of the CPU',
		below: { environment: { scheduler: { ...PROD.scheduler, count: 2 } }, metrics: { schedulerCpuShare: flat(0.35) } },
		above: { environment: { scheduler: { ...PROD.scheduler, count: 2 } }, metrics: { schedulerCpuShare: flat(0.34) } },
		fix: /--scheduler-count=1/,
	},
	{
		id: 'scheduler-memory',
		what: '5 % of the time above 80 %',
		...cpu('schedulerMemoryShare'),
		fix: /--scheduler-memory=3GB/,
	},
	{
		id: 'schedulers-many',
		what: 'two',
		below: { environment: { scheduler: { ...PROD.scheduler, count: 2 } } },
		above: { environment: { scheduler: { ...PROD.scheduler, count: 3 } } },
		fix: /--scheduler-count=2/,
	},
	{
		id: 'scheduler-heartbeat',
		what: 'three silent samples',
		below: { metrics: { schedulerHeartbeats: busyFor(2, 0, 12) } },
		above: { metrics: { schedulerHeartbeats: busyFor(3, 0, 12) } },
		fix: null,
	},
	{ id: 'task-gap', what: '20 s', below: { rows: lagging(19) }, above: { rows: lagging(20) }, fix: null },
	{
		id: 'parse-time',
		what: '10 s',
		below: { metrics: { parseSeconds: flat(10) } },
		above: { metrics: { parseSeconds: flat(10.1) } },
		fix: /min_file_process_interval=60/,
	},
	{
		id: 'parse-time',
		what: 'the same on Airflow 3 with the interval already long',
		below: { metrics: { parseSeconds: flat(10) } },
		above: {
			...override({ ...PROD.overrides, 'dag_processor-min_file_process_interval': '300' }, { airflowVersion: '3.1.7' }),
			metrics: { parseSeconds: flat(10.1) },
		},
		fix: /--dag-processor-cpu=2 --dag-processor-memory=8GB/,
	},
	{
		id: 'dag-processor-cpu',
		what: '5 % of the time above 80 %',
		...cpu('dagProcessorCpuShare'),
		fix: /--dag-processor-cpu=2/,
	},
	{
		id: 'dag-processor-memory',
		what: '5 % of the time above 80 %',
		...cpu('dagProcessorMemoryShare'),
		fix: /--dag-processor-memory=6GB/,
	},
	{ id: 'triggerer-cpu', what: '5 % of the time above 80 %', ...cpu('triggererCpuShare'), fix: /--triggerer-cpu=1/ },
	{
		id: 'triggerer-memory',
		what: '5 % of the time above 80 %',
		...cpu('triggererMemoryShare'),
		fix: /--triggerer-memory=1.5GB/,
	},
	{ id: 'web-server-cpu', what: '5 % of the time above 80 %', ...cpu('webServerCpuShare'), fix: /--web-server-cpu=2/ },
	{
		id: 'web-server-memory',
		what: '5 % of the time above 80 %',
		...cpu('webServerMemoryShare'),
		fix: /--web-server-memory=6GB/,
	},
	{
		id: 'database-load',
		what: '5 % of the time above 80 % CPU',
		...cpu('databaseCpuShare'),
		fix: /min_file_process_interval=60/,
	},
	{
		id: 'database-load',
		what: 'the same of memory, with the cheap things done',
		below: { metrics: { databaseMemoryShare: busyFor(5, 0.81) } },
		above: {
			...override({ ...PROD.overrides, 'scheduler-min_file_process_interval': '300' }),
			metrics: { databaseMemoryShare: busyFor(6, 0.81) },
		},
		fix: /--environment-size=large/,
	},
	{
		id: 'environment-size-idle',
		what: '25 % CPU and 40 % memory',
		below: { metrics: { databaseCpuShare: flat(0.25), databaseMemoryShare: flat(0.39) } },
		above: { metrics: { databaseCpuShare: flat(0.24), databaseMemoryShare: flat(0.39) } },
		fix: /--environment-size=small/,
	},
	{
		id: 'database-size',
		what: '16 GB',
		below: { metrics: { databaseSizeGb: flat(16) } },
		above: { metrics: { databaseSizeGb: flat(16.1) } },
		fix: /--airflow-database-retention-days=60/,
	},
	{
		id: 'preset',
		what: 'the DAGs it is meant for',
		below: { dags: Array.from({ length: 250 }, (_, n) => ({ dag_id: `d${n}` })) },
		above: { dags: Array.from({ length: 251 }, (_, n) => ({ dag_id: `d${n}` })) },
		fix: null,
	},
	{
		id: 'setting',
		what: 'concurrency 1 to 24 on Composer 3',
		below: override({ 'celery-worker_concurrency': '24' }),
		above: override({ 'celery-worker_concurrency': '25' }),
		fix: /worker_concurrency=24/,
	},
	{
		id: 'setting',
		what: 'the same below',
		below: override({ 'celery-worker_concurrency': '1' }),
		above: override({ 'celery-worker_concurrency': '0' }),
		fix: /worker_concurrency=1/,
	},
	{
		id: 'setting',
		what: 'not on Composer 2',
		below: override({ 'celery-worker_concurrency': '25' }, { generation: 'composer-2', dagProcessor: undefined }),
		above: override({ 'celery-worker_concurrency': '25' }),
		fix: /worker_concurrency=24/,
	},
	{
		id: 'setting',
		what: 'worker_autoscale is blocked',
		below: {},
		above: override({ ...PROD.overrides, 'celery-worker_autoscale': '16,4' }),
		fix: /--remove-airflow-configs=celery-worker_autoscale/,
	},
	...(
		[
			['scheduler-min_file_process_interval', '30', '29'],
			['kubernetes_executor-worker_pods_queued_check_interval', '60', '61'],
			['kubernetes_executor-worker_pods_queued_check_interval', '30', '29'],
			['triggerer-job_heartbeat_sec', '30', '29'],
			['core-dagbag_import_timeout', '600', '601'],
			['core-dagbag_import_timeout', '120', '119'],
			['core-dag_file_processor_timeout', '180', '179'],
			['scheduler-scheduler_health_check_threshold', '30', '29'],
			['scheduler-job_heartbeat_sec', '30', '29'],
			['scheduler-scheduler_heartbeat_sec', '15', '14'],
			['scheduler-parsing_processes', '1', '2'],
			['logging-logging_level', 'INFO', 'DEBUG'],
		] as const
	).map(([key, good, bad]) => ({
		id: 'setting',
		what: key,
		below: override({ ...PROD.overrides, [key]: good }),
		above: override({ ...PROD.overrides, [key]: bad }),
		fix: new RegExp(`--update-airflow-configs=${key}=`),
	})),
	{
		id: 'setting',
		what: 'a deprecated name',
		below: override({ ...PROD.overrides, 'core-max_active_tasks_per_dag': '8' }),
		above: override({ ...PROD.overrides, 'core-dag_concurrency': '8' }),
		fix: /--update-airflow-configs=core-max_active_tasks_per_dag=8 --remove-airflow-configs=core-dag_concurrency/,
	},
	{
		id: 'setting',
		what: 'a name that Airflow 3 gave up',
		below: override({ ...PROD.overrides, 'scheduler-dag_dir_list_interval': '120' }),
		above: override({ ...PROD.overrides, 'scheduler-dag_dir_list_interval': '120' }, { airflowVersion: '3.1.7' }),
		fix: /dag_processor-refresh_interval=120/,
	},
	{
		id: 'setting',
		what: 'StatsD',
		below: {},
		above: override({ ...PROD.overrides, 'metrics-statsd_on': 'True' }),
		fix: /--remove-airflow-configs=metrics-statsd_on/,
	},
	{
		id: 'illegal-size',
		what: 'a triggerer of 1 vCPU',
		below: { environment: { triggerer: { count: 1, cpu: 1, memoryGb: 2 } } },
		above: { environment: { triggerer: { count: 1, cpu: 1.5, memoryGb: 2 } } },
		fix: /--triggerer-cpu=1/,
	},
	{
		id: 'illegal-size',
		what: 'a web server of 1 vCPU',
		below: {},
		above: { environment: { webServer: { count: 1, cpu: 0.5, memoryGb: 2, storageGb: 1 } } },
		fix: /--web-server-cpu=1/,
	},
];

describe('each threshold, just below and just above', () => {
	test.each(TABLE.map((each) => [`${each.id}: ${each.what}`, each] as const))(
		'%s',
		(_name, { id, below, above, fix }) => {
			const found = (of: Case): Finding | undefined => findings(of).find((one) => one.id === id);
			expect(found(below)).toBeUndefined();
			const finding = found(above);
			expect(finding?.text.en).toMatch(/\S/);
			expect(finding?.text.ja).toMatch(/[ぁ-ん]/);
			expect(JSON.stringify(finding?.text)).not.toMatch(/NaN|undefined|Infinity/);
			if (fix === undefined || fix === null) return expect(finding?.fix ?? []).toEqual([]);
			const home = readHistory({
				format: 'concertmaster-history/1',
				from: iso(FROM),
				to: iso(FROM + 1),
				environment: { ...PROD, ...above.environment },
				task_instances: [],
			}).environment;
			const patch = patchFor(home, finding?.fix ?? []);
			expect([...patch.shell, ...patch.settings].join('\n')).toMatch(fix);
			for (const lang of ['en', 'ja'] as const)
				for (const change of finding?.fix ?? []) expect(changesText([change], lang)).toMatch(/\S/);
		},
	);

	test('no rule is without a line here', () => {
		expect(RULES.map(({ id }) => id).filter((id) => !TABLE.some((each) => each.id === id))).toEqual([]);
	});

	test('a calm environment has no finding', () => {
		expect(findings({}).map(({ id }) => id)).toEqual([]);
	});
});
