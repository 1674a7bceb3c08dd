import type { Arrivals } from './arrivals.ts';
import type { Head } from './history.ts';
import { memoryAt, type MemoryFit } from './memory.ts';
import { sizeOf, type Plan, type Predicted } from './plan.ts';
import { workerCost, type Prices } from './prices.ts';
import { quantiles } from './quantile.ts';
import { replayer, type Overhead, type Plant } from './replay.ts';

export type Means = {
	environment: Head['environment'];
	overhead: Overhead;
	memory: MemoryFit | undefined;
	prices: Prices | undefined;
	/**
	 * Of the most tasks that the replay puts on a worker, the share that was on one when its memory was sampled: between two samples there are
	 * more tasks for moments than are ever seen. So the settings as they are have the memory that was seen. 1 until that is known.
	 */
	sampled: number;
};

export const sampledShare = (memory: MemoryFit | undefined, as: Predicted): number =>
	memory === undefined ? 1 : Math.min(1, Math.max(1, memory.peakTasks) / Math.max(1, as.peakTasksPerWorker));

/** What the replay has to know of a plan. */
export function plantOf(plan: Plan, { environment, overhead }: Pick<Means, 'environment' | 'overhead'>): Plant {
	return {
		workers: { min: Math.max(1, plan.worker.min), max: plan.worker.max },
		concurrency: plan.concurrency,
		parallelism: environment.parallelism,
		pools: plan.pools,
		overhead,
	};
}

type Seen = Pick<Predicted, 'waitP50Ms' | 'waitP95Ms' | 'workersOnAverage' | 'peakWorkers' | 'peakTasksPerWorker'>;

/** Says of a plan what this load would see on it. How large a worker is makes no difference to the replay: each is run once for all sizes. */
export function predictor(arrivals: Arrivals, means: Means): (plan: Plan) => Predicted {
	const run = replayer(arrivals);
	const known = new Map<string, Seen>();

	function seenOn(plan: Plan): Seen {
		const plant = plantOf(plan, means);
		const key = JSON.stringify([plant.workers, plant.concurrency, plant.pools]);
		const before = known.get(key);
		if (before) return before;
		const { waitsMs, spanMs, workerHours, peakWorkers, peakTasksPerWorker } = run(plant);
		const [waitP50Ms = Number.NaN, waitP95Ms = Number.NaN] = quantiles(waitsMs, [0.5, 0.95]);
		const workersOnAverage = spanMs > 0 ? (workerHours * 3_600_000) / spanMs : plan.worker.min;
		const seen = { waitP50Ms, waitP95Ms, workersOnAverage, peakWorkers, peakTasksPerWorker };
		known.set(key, seen);
		return seen;
	}

	return (plan) => {
		const { memory, environment, prices } = means;
		const { memoryGb } = plan.worker;
		const seen = seenOn(plan);
		return {
			...seen,
			memoryShare:
				memory && memoryGb
					? memoryAt(memory, Math.max(1, seen.peakTasksPerWorker * means.sampled)) / memoryGb
					: undefined,
			cost: workerCost(environment.generation, sizeOf(plan.worker), seen.workersOnAverage, prices),
		};
	};
}
