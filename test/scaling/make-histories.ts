import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Arrival } from '../../src/scaling/arrivals.ts';
import type { Plant } from '../../src/scaling/replay.ts';
import { recorded } from './recorded.ts';
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
	return recorded({ arrivals, names, plant, worker, generation, memory, from: START, days, airflow: planted.airflow })
		.history;
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
