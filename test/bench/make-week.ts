import { closeSync, openSync, writeSync } from 'node:fs';
import { emptyArrivals } from '../../src/scaling/arrivals.ts';
import { eventHeap } from '../../src/scaling/heap.ts';
import { orderBy } from '../../src/scaling/order.ts';
import { replayer } from '../../src/scaling/replay.ts';
import { random } from '../scaling/random.ts';

/**
 * A week of an environment as an export would show it: of a hundred DAGs 80 run daily (15 tasks), 17 hourly (8 tasks) and 3 every quarter
 * of an hour (1 task); 3,000 DAGs are a million task instances. Run by the simulator on a plant that is somewhat too small, so that
 * the advice has to look at all there is to look at.
 */
const START = Date.parse('2026-11-16T00:00:00Z');
const DAYS = 7;
const DAY = 86_400_000;
const [MINUTE, LAG, SLOTS_OF_WORKER] = [60_000, 2500, 12];
const KINDS = [
	{ share: 0.8, everyMs: DAY, tasks: 15, spreadMs: 6 * 3_600_000 },
	{ share: 0.97, everyMs: 3_600_000, tasks: 8, spreadMs: 1_500_000 },
	{ share: 1, everyMs: 900_000, tasks: 1, spreadMs: 300_000 },
];

type Run = { dag: number; at: number; first: number; tasks: number };

export function makeWeek(file: string, dags: number): number {
	const next = random(7);
	const runs: Run[] = [];
	let length = 0;
	for (let dag = 0; dag < dags; dag++) {
		const { everyMs, tasks, spreadMs } = KINDS.find(({ share }) => (dag + 0.5) / dags < share) ?? KINDS[0]!;
		const offset = next() * spreadMs;
		for (let at = 0; at < DAYS * DAY - everyMs / 2; at += everyMs) {
			runs.push({ dag, at: Math.round(START + at + offset + next() * 30_000), first: length, tasks });
			length += tasks;
		}
	}
	const load = emptyArrivals(length, ['default_pool', 'warehouse']);
	for (const { at, first, tasks, dag } of runs)
		for (let task = 0; task < tasks; task++) {
			const row = first + task;
			load.at[row] = at;
			load.durationMs[row] = Math.round(20_000 * Math.exp(1.1 * normal(next)));
			load.pool[row] = dag % 10 === 0 && task % 3 === 2 ? 1 : 0;
			// Two abreast.
			if (task < 2) continue;
			load.after[row] = row - 2;
			load.lagMs[row] = LAG;
		}
	const max = Math.max(2, Math.round(dags / 215));
	const pools = { default_pool: 100_000, warehouse: Math.max(4, Math.round(dags / 30)) };
	const { waitsMs, workersOverTime } = replayer(load)({
		workers: { min: Math.max(1, Math.round(max / 4)), max },
		concurrency: SLOTS_OF_WORKER,
		pools,
		overhead: { dispatchMs: 1000, startMs: 1500, endMs: 0 },
	});
	const queued = new Float64Array(length);
	const start = new Float64Array(length);
	const end = new Float64Array(length);
	for (let row = 0; row < length; row++) {
		const after = load.after[row] ?? -1;
		queued[row] = after === -1 ? (load.at[row] ?? 0) : (end[after] ?? 0) + LAG;
		start[row] = Math.round((queued[row] ?? 0) + (waitsMs[row] ?? 0));
		end[row] = (start[row] ?? 0) + (load.durationMs[row] ?? 0);
	}
	const worker = workersOf(start, end);
	const workersAt = minutely((at) => workersOverTime.findLast(([since]) => since <= at)?.[1] ?? 1);
	const head = {
		format: 'concertmaster-history/1',
		from: iso(START),
		to: iso(START + DAYS * DAY),
		environment: {
			generation: 'composer-3',
			name: 'prod',
			project: 'acme',
			location: 'europe-west1',
			size: 'large',
			airflowVersion: '2.11.2',
			worker: { min: Math.max(1, Math.round(max / 4)), max, cpu: 2, memoryGb: 8, storageGb: 10 },
			scheduler: { count: 2, cpu: 1, memoryGb: 4, storageGb: 1 },
			dagProcessor: { count: 1, cpu: 2, memoryGb: 8, storageGb: 1 },
			triggerer: { count: 1, cpu: 0.5, memoryGb: 1 },
			webServer: { count: 1, cpu: 1, memoryGb: 4, storageGb: 1 },
			overrides: { 'celery-worker_concurrency': String(SLOTS_OF_WORKER) },
		},
		pools: Object.entries(pools).map(([name, slots]) => ({ name, slots })),
		dags: Array.from({ length: dags }, (_, dag) => ({ dag_id: dagId(dag) })),
		metrics: {
			workers: workersAt,
			workerMemoryGb: minutely(() => 2 + 3 * next()),
			workerCpuShare: minutely(() => 0.2 + 0.3 * next()),
			schedulerCpuShare: minutely(() => 0.4 + 0.2 * next()),
			databaseCpuShare: minutely(() => 0.3 + 0.2 * next()),
			queueLength: minutely(() => Math.round(10 * next())),
			parseSeconds: minutely(() => 4 + 3 * next()),
		},
	};
	const open = openSync(file, 'w');
	let text = `${JSON.stringify(head)}\n`;
	for (const { dag, at, first, tasks } of runs)
		for (let task = 0; task < tasks; task++) {
			const row = first + task;
			text += `{"dag_id":"${dagId(dag)}","dag_run_id":"scheduled__${iso(at)}","task_id":"task_${task}","state":"success","operator":"PythonOperator","pool":"${load.pools[load.pool[row] ?? 0]}","pool_slots":1,"hostname":"airflow-worker-${worker[row]}","queued_when":"${iso(queued[row])}","start_date":"${iso(start[row])}","end_date":"${iso(end[row])}"}\n`;
			if (text.length < 1 << 20) continue;
			writeSync(open, text);
			text = '';
		}
	writeSync(open, text);
	closeSync(open);
	return length;
}

const dagId = (dag: number): string => `team_${dag % 40}_pipeline_${dag}`;
/** As Airflow writes it. */
const iso = (ms = 0): string => new Date(Math.round(ms)).toISOString().replace('Z', '000+00:00');
const minutely = (value: (at: number) => number): [string, number][] =>
	Array.from({ length: (DAYS * DAY) / MINUTE }, (_, i) => {
		const at = START + i * MINUTE;
		return [new Date(at).toISOString(), Math.round(1000 * value(at)) / 1000];
	});

/** Box and Muller. */
const normal = (next: () => number): number => Math.sqrt(-2 * Math.log(next())) * Math.cos(2 * Math.PI * next());

/** The worker with the lowest number that has room takes each task. */
function workersOf(start: Float64Array, end: Float64Array): Int32Array {
	const worker = new Int32Array(start.length);
	const ending = eventHeap();
	const free = eventHeap();
	let slots = 0;
	for (const row of orderBy(start)) {
		const now = start[row] ?? 0;
		while (ending.nextAt <= now) {
			const slot = ending.pop();
			free.push(slot, slot);
		}
		const slot = free.nextAt === Infinity ? slots++ : free.pop();
		worker[row] = Math.floor(slot / SLOTS_OF_WORKER);
		ending.push(end[row] ?? 0, slot);
	}
	return worker;
}

if (import.meta.main) console.log(makeWeek(process.argv[2] ?? 'week.jsonl', Number(process.argv[3] ?? 3000)));
