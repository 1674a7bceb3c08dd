import type { Arrival } from '../../src/scaling/arrivals.ts';
import { quantile } from '../../src/scaling/quantile.ts';
import { replay, type Plant } from '../../src/scaling/replay.ts';

/** What is run, and on what. */
export type Staged = {
	arrivals: readonly Arrival[];
	/** By arrival; else one DAG, one run, each its own task. */
	names?: readonly { dag: string; run: string; task: string }[];
	plant: Plant;
	worker: { cpu?: number | undefined; memoryGb?: number | undefined; storageGb?: number | undefined };
	generation: 'composer-2' | 'composer-3' | 'airflow';
	/** Memory of a worker: this, and so much for each task. Above the limit the worker is evicted. */
	memory: { baseGb: number; perTaskGb: number };
	/** Epoch milliseconds. */
	from: number;
	days: number;
	/** Airflow 2 does not say when a task was scheduled. */
	airflow: 2 | 3;
};

export type Recording = {
	/** What an export would have shown of it. */
	history: Record<string, unknown>;
	startMs: Float64Array;
	endMs: Float64Array;
	waitP95Ms: number;
	peakTasksPerWorker: number;
	workerHours: number;
};

const iso = (ms: number): string => new Date(Math.round(ms)).toISOString();

/** A load is run on a plant by the simulator, and what an export would have shown of that is written down. */
export function recorded(staged: Staged): Recording {
	const { arrivals, names, plant, worker, generation, memory, from, days } = staged;
	const until = days * 86_400_000;
	const run = replay(arrivals, { ...plant, overhead: { dispatchMs: 1000, startMs: 1500, endMs: 0 } });
	const released = new Float64Array(arrivals.length);
	const start = new Float64Array(arrivals.length);
	const end = new Float64Array(arrivals.length);
	arrivals.forEach(({ at, durationMs, after }, i) => {
		released[i] = after ? (end[after.index] ?? 0) + after.lagMs : at;
		start[i] = (released[i] ?? 0) + (run.waitsMs[i] ?? 0);
		end[i] = (start[i] ?? 0) + durationMs;
	});
	// A pool that is full keeps a task out of the queue: it is queued as it gets its slot.
	const pool = arrivals[0]?.pool ?? '';
	const slots = plant.pools?.[pool];
	const order = arrivals.map((_, i) => i).sort((a, b) => (start[a] ?? 0) - (start[b] ?? 0));
	const ends: number[] = [];
	const queued = new Float64Array(arrivals.length);
	for (const [place, i] of order.entries()) {
		const room = slots !== undefined && place >= slots ? (ends[place - slots] ?? 0) : 0;
		queued[i] = Math.max(released[i] ?? 0, Math.min(room, (start[i] ?? 0) - 2500));
		const at = end[i] ?? 0;
		let spot = ends.length;
		while (spot > 0 && (ends[spot - 1] ?? 0) > at) spot--;
		ends.splice(spot, 0, at);
	}
	const minutes: number[] = [];
	for (let at = from; at < from + until; at += 120_000) minutes.push(at);
	const workersAt = (at: number): number =>
		run.workersOverTime.findLast(([since]) => since <= at)?.[1] ?? plant.workers.min;
	const counts = (open: Float64Array, shut: Float64Array): number[] => {
		const a = Float64Array.from(open).sort();
		const b = Float64Array.from(shut).sort();
		let i = 0;
		let j = 0;
		return minutes.map((at) => {
			while (i < a.length && (a[i] ?? 0) <= at) i++;
			while (j < b.length && (b[j] ?? 0) <= at) j++;
			return i - j;
		});
	};
	const running = counts(start, end);
	const waiting = counts(queued, start);
	const share = minutes.map((at, i) => Math.min(plant.concurrency, Math.ceil((running[i] ?? 0) / workersAt(at))));
	const memoryGb = share.map((tasks) =>
		Math.min(worker.memoryGb ?? Infinity, memory.baseGb + memory.perTaskGb * tasks),
	);
	const evicted = share.map((tasks) =>
		memory.baseGb + memory.perTaskGb * tasks > (worker.memoryGb ?? Infinity) ? 1 : 0,
	);
	const series = (values: readonly number[]): [string, number][] =>
		minutes.map((at, i) => [iso(at), Math.round((values[i] ?? 0) * 1000) / 1000]);
	const history = {
		format: 'concertmaster-history/1',
		from: iso(from),
		to: iso(from + until),
		environment: {
			generation,
			name: 'prod',
			project: 'acme',
			location: 'asia-northeast1',
			airflowVersion: staged.airflow === 3 ? '3.1.7' : '2.10.5',
			size: 'small',
			worker: { ...worker, min: plant.workers.min, max: plant.workers.max },
			scheduler: { count: 1, cpu: 0.5, memoryGb: 2, storageGb: 1 },
			...(generation === 'composer-3' && { dagProcessor: { count: 1, cpu: 1, memoryGb: 2, storageGb: 1 } }),
			triggerer: { count: 1, cpu: 0.5, memoryGb: 1 },
			webServer: { cpu: 1, memoryGb: 2, storageGb: 1 },
			overrides: { 'celery-worker_concurrency': String(plant.concurrency) },
		},
		pools: Object.entries({ default_pool: 128, ...plant.pools }).map(([name, slots]) => ({ name, slots })),
		metrics: {
			workers: minutes.map((at) => [iso(at), workersAt(at)]),
			queueLength: series(waiting),
			workerMemoryGb: series(memoryGb),
			workerCpuShare: series(share.map((tasks) => 0.05 + (0.3 * tasks) / plant.concurrency)),
			evictions: series(evicted),
		},
		task_instances: arrivals.map(({ pool }, i) => ({
			dag_id: names?.[i]?.dag ?? 'etl',
			dag_run_id: names?.[i]?.run ?? `run_${i}`,
			task_id: names?.[i]?.task ?? 'work',
			state: 'success',
			pool,
			...(staged.airflow === 3 && { scheduled_when: iso(released[i] ?? 0) }),
			queued_when: iso(queued[i] ?? 0),
			start_date: iso(start[i] ?? 0),
			end_date: iso(end[i] ?? 0),
		})),
	};
	return {
		history,
		startMs: start,
		endMs: end,
		waitP95Ms: quantile(run.waitsMs, 0.95),
		peakTasksPerWorker: run.peakTasksPerWorker,
		workerHours: run.workerHours,
	};
}
