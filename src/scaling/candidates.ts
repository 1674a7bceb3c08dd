import { mostConcurrency } from '../domain/concurrency.ts';
import type { History } from './history.ts';
import type { MemoryFit } from './memory.ts';
import { isLegal, sizeOf, type Plan, type Target, type Worker } from './plan.ts';
import { quantile } from './quantile.ts';
import { twiceTheMemory, smaller, withMemory, type Size } from './sizes.ts';

/** Below this share of CPU (p95) a worker has room for more tasks at a time. */
const ROOM_IN_CPU = 0.6;

/**
 * Legal plans one step away: no number more than doubled or halved, at most two settings changed. Where the memory was used up, how much
 * more was wanted is not known: it grows by one whole step.
 */
export function candidates(
	now: Plan,
	history: Pick<History, 'environment' | 'metrics'>,
	memory: MemoryFit | undefined,
	target: Target,
): Plan[] {
	const { generation } = history.environment;
	const cpuShare = quantile(
		(history.metrics.workerCpuShare ?? []).map(([, share]) => share),
		0.95,
	);
	const counts = concurrencies(now, mostConcurrency(generation), memory, target, cpuShare < ROOM_IN_CPU);
	const sizes = generation === 'airflow' ? [] : workerSizes(now.worker, generation, memory, cpuShare);
	const ranges = workerCounts(now.worker);

	const byConcurrency = [now.concurrency, ...counts];
	const bySize = [undefined, ...sizes];
	const byCount = [now.worker, ...ranges];
	const seen = new Set([JSON.stringify(now)]);
	const found: Plan[] = [];
	for (const concurrency of byConcurrency)
		for (const size of bySize)
			for (const count of byCount) {
				const changed = Number(concurrency !== now.concurrency) + Number(!!size) + Number(count !== now.worker);
				if (changed === 0 || changed > 2) continue;
				const plan = { ...now, concurrency, worker: { ...now.worker, ...size, min: count.min, max: count.max } };
				const key = JSON.stringify(plan);
				if (seen.has(key) || !isLegal(plan, generation)) continue;
				seen.add(key);
				found.push(plan);
			}
	return found;
}

function concurrencies(
	{ worker, concurrency }: Plan,
	most: number,
	memory: MemoryFit | undefined,
	target: Target,
	roomInCpu: boolean,
): number[] {
	const found = new Set<number>();
	for (const factor of [0.5, 0.75]) found.add(Math.max(1, Math.floor(concurrency * factor)));
	// Without knowing the memory no task more is put on a worker.
	if (memory && memory.perTaskGb > 0 && worker.memoryGb !== undefined) {
		const fits = Math.floor((target.memoryShare * worker.memoryGb - memory.baseGb - memory.aboveGb) / memory.perTaskGb);
		if (fits >= Math.ceil(concurrency / 2) && fits <= concurrency * 2) found.add(Math.min(most, fits));
		if (roomInCpu) for (const factor of [1.5, 2]) found.add(Math.min(most, Math.ceil(concurrency * factor)));
	}
	found.delete(concurrency);
	return [...found];
}

function workerSizes(
	worker: Worker,
	generation: 'composer-2' | 'composer-3',
	memory: MemoryFit | undefined,
	cpuShare: number,
): Size[] {
	const size = sizeOf(worker);
	if (!size || !memory) return [];
	if (memory.atLimit) return [twiceTheMemory(generation, 'worker', size) ?? []].flat();
	const found: Size[] = [];
	for (const factor of [1.5, 2]) {
		const more = withMemory(generation, 'worker', size, size.memoryGb * factor);
		if (more) found.push(more);
	}
	const less = smaller(generation, 'worker', size);
	if (less && cpuShare * size.cpu <= 0.8 * less.cpu) found.push(less);
	return found;
}

function workerCounts(worker: Worker): Pick<Worker, 'min' | 'max'>[] {
	const fixed = worker.min === worker.max;
	const ranges: Pick<Worker, 'min' | 'max'>[] = [];
	for (const factor of [1.25, 1.5, 2]) {
		const max = Math.min(100, Math.ceil(worker.max * factor));
		ranges.push({ min: fixed ? max : worker.min, max });
	}
	for (const factor of [0.5, 0.75]) {
		const min = Math.max(1, Math.floor(worker.min * factor));
		ranges.push({ min, max: fixed ? min : worker.max });
	}
	if (!fixed) ranges.push({ min: Math.min(worker.max, Math.max(1, worker.min) * 2), max: worker.max });
	return ranges;
}
