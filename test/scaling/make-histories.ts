import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Arrival } from '../../src/scaling/arrivals.ts';
import { replay, type Plant } from '../../src/scaling/replay.ts';
import { random } from './random.ts';

/**
 * Histories with a planted truth: a load is run on a plant by the simulator, and what an export would have shown of that is
 * written down. `node test/scaling/make-histories.ts` writes a day of each as JSON Lines.
 */
export type Planted = {
	plant: Plant;
	worker: { cpu: number; memoryGb: number; storageGb: number };
	generation: 'composer-2' | 'composer-3' | 'airflow';
	/** Memory of a worker: this, and so much for each task. Above the limit the worker is evicted. */
	memory: { baseGb: number; perTaskGb: number };
	/** A wave of runs every so often. */
	waves: { everyMs: number; runs: number; spreadMs: number };
	/** Tasks of one run: the parallel ones of a layer, layer after layer. */
	layers: number;
	parallel: number;
	durationMs: readonly [number, number];
	pool: string;
	days: number;
	seed: number;
	/** Airflow 2 does not say when a task was scheduled. */
	airflow: 2 | 3;
};

const START = Date.parse('2026-11-16T00:00:00Z');
const LAG = 2500;
const iso = (ms: number): string => new Date(Math.round(ms)).toISOString();

export function makeHistory(planted: Planted): Record<string, unknown> {
	const { plant, worker, generation, memory, waves, layers, parallel, durationMs, pool, days, seed } = planted;
	const next = random(seed);
	const until = days * 86_400_000;
	const arrivals: Arrival[] = [];
	const names: { dag: string; run: string; task: string }[] = [];
	for (let wave = 0; wave * waves.everyMs < until; wave++)
		for (let run = 0; run < waves.runs; run++) {
			const at = START + wave * waves.everyMs + next() * waves.spreadMs;
			let before: number[] = [];
			for (let layer = 0; layer < layers; layer++) {
				const here: number[] = [];
				for (let task = 0; task < parallel; task++) {
					const duration = durationMs[0] + next() * (durationMs[1] - durationMs[0]);
					const after = before[task];
					here.push(arrivals.length);
					names.push({
						dag: `dag_${run}`,
						run: `scheduled__${iso(START + wave * waves.everyMs)}`,
						task: `t${layer}_${task}`,
					});
					arrivals.push({
						at,
						durationMs: duration,
						pool,
						...(after !== undefined && { after: { index: after, lagMs: LAG } }),
					});
				}
				before = here;
			}
		}
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
	for (let at = START; at < START + until; at += 120_000) minutes.push(at);
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
	const memoryGb = share.map((tasks) => Math.min(worker.memoryGb, memory.baseGb + memory.perTaskGb * tasks));
	const evicted = share.map((tasks) => (memory.baseGb + memory.perTaskGb * tasks > worker.memoryGb ? 1 : 0));
	const series = (values: readonly number[]): [string, number][] =>
		minutes.map((at, i) => [iso(at), Math.round((values[i] ?? 0) * 1000) / 1000]);
	return {
		format: 'concertmaster-history/1',
		from: iso(START),
		to: iso(START + until),
		environment: {
			generation,
			name: 'prod',
			project: 'acme',
			location: 'asia-northeast1',
			airflowVersion: planted.airflow === 3 ? '3.1.7' : '2.10.5',
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
			dag_id: names[i]?.dag,
			dag_run_id: names[i]?.run,
			task_id: names[i]?.task,
			state: 'success',
			pool,
			...(planted.airflow === 3 && { scheduled_when: iso(released[i] ?? 0) }),
			queued_when: iso(queued[i] ?? 0),
			start_date: iso(start[i] ?? 0),
			end_date: iso(end[i] ?? 0),
		})),
	};
}

const base: Planted = {
	plant: { workers: { min: 1, max: 3 }, concurrency: 6, pools: { default_pool: 128 } },
	worker: { cpu: 1, memoryGb: 4, storageGb: 1 },
	generation: 'composer-2',
	memory: { baseGb: 0.6, perTaskGb: 0.2 },
	waves: { everyMs: 3_600_000, runs: 3, spreadMs: 1_200_000 },
	layers: 3,
	parallel: 2,
	durationMs: [20_000, 90_000],
	pool: 'default_pool',
	days: 3,
	seed: 7,
	airflow: 2,
};

/** What was planted, by name. */
export const PLANTED = {
	/** The seed's case: a worker of 0.5 vCPU and 2 GB with the default concurrency, and tasks that need more than it has. */
	'too-small': {
		...base,
		plant: { workers: { min: 1, max: 3 }, concurrency: 6 },
		worker: { cpu: 0.5, memoryGb: 2, storageGb: 1 },
		memory: { baseGb: 0.5, perTaskGb: 0.35 },
		waves: { everyMs: 3_600_000, runs: 9, spreadMs: 600_000 },
		airflow: 3,
		generation: 'composer-3',
	},
	'pool-bottleneck': {
		...base,
		plant: { workers: { min: 2, max: 6 }, concurrency: 6, pools: { warehouse: 4 } },
		waves: { everyMs: 3_600_000, runs: 6, spreadMs: 300_000 },
		pool: 'warehouse',
	},
	idle: {
		...base,
		plant: { workers: { min: 6, max: 8 }, concurrency: 6, pools: { default_pool: 128 } },
	},
	fine: {
		...base,
		plant: { workers: { min: 1, max: 3 }, concurrency: 6 },
		worker: { cpu: 0.5, memoryGb: 2, storageGb: 1 },
		memory: { baseGb: 0.5, perTaskGb: 0.17 },
	},
	'queueing-at-most': {
		...base,
		plant: { workers: { min: 1, max: 2 }, concurrency: 4, pools: { default_pool: 128 } },
		memory: { baseGb: 0.6, perTaskGb: 0.6 },
		waves: { everyMs: 3_600_000, runs: 12, spreadMs: 60_000 },
	},
} satisfies Record<string, Planted>;

if (import.meta.main)
	for (const [name, planted] of Object.entries(PLANTED)) {
		const { task_instances, ...head } = makeHistory({ ...planted, days: 1 });
		const lines = [head, ...(Array.isArray(task_instances) ? task_instances : [])];
		writeFileSync(
			join(import.meta.dirname, 'histories', `${name}.jsonl`),
			lines.map((line) => `${JSON.stringify(line)}\n`).join(''),
		);
	}
