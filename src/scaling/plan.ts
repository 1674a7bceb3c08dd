import { mostConcurrency } from '../domain/concurrency.ts';
import type { Head } from './history.ts';
import type { Cost } from './prices.ts';
import { illegal, type Component, type EnvironmentSize, type Size } from './sizes.ts';

/** What is judged against. Waits are from a task's release to its start. */
export type Target = {
	/** p95. Milliseconds. */
	waitMs: number;
	/** Peak of the busiest worker, 0 to 1. */
	memoryShare: number;
	/** Share of the workers' cost that a saving must bring to be worth a change. */
	minGain: number;
};
export const TARGET: Target = { waitMs: 60_000, memoryShare: 0.8, minGain: 0.1 };

export type Worker = Head['environment']['worker'];
/** The settings a replay depends on. */
export type Plan = { worker: Worker; concurrency: number; pools: Readonly<Record<string, number>> };

/** A component other than the workers, as it is and as it should be. */
export type Part = { count: number; cpu: number; memoryGb: number; storageGb?: number | undefined };

export type Change =
	| { what: 'worker'; from: Worker; to: Worker }
	| { what: 'concurrency'; from: number; to: number }
	| { what: 'pool'; name: string; from: number; to: number }
	| { what: 'component'; component: Exclude<Component, 'worker'>; from: Part; to: Part }
	| { what: 'environment size'; from: EnvironmentSize; to: EnvironmentSize }
	/** An Airflow setting; `to` undefined: the override is taken away. */
	| { what: 'override'; key: string; from: string | undefined; to: string | undefined }
	/** Stands in the DAG's own code. */
	| { what: 'dag'; dag: string; setting: 'max_active_tasks' | 'max_active_runs'; from: number; to: number }
	/** How long the metadata database keeps what happened. */
	| { what: 'retention'; days: number };

export type Predicted = {
	waitP50Ms: number;
	waitP95Ms: number;
	workersOnAverage: number;
	peakWorkers: number;
	peakTasksPerWorker: number;
	/** Peak memory of the busiest worker against its limit; undefined: no memory series, so it cannot be judged. */
	memoryShare?: number | undefined;
	cost: Cost;
};

/** What `[celery]worker_concurrency` is, and how that is known. */
export type Concurrency = { value: number; from: 'override' | 'config' | 'observed' | 'computed' };

export function sizeOf({ cpu, memoryGb, storageGb = 1 }: Worker): Size | undefined {
	return cpu === undefined || memoryGb === undefined ? undefined : { cpu, memoryGb, storageGb };
}

/** Sizes and counts as the generation allows them, and a concurrency Airflow takes. */
export function isLegal({ worker, concurrency }: Plan, generation: Head['environment']['generation']): boolean {
	if (worker.min > worker.max || !Number.isInteger(concurrency) || concurrency < 1) return false;
	if (concurrency > mostConcurrency(generation)) return false;
	const size = sizeOf(worker);
	if (generation === 'airflow' || !size) return true;
	return illegal(generation, 'worker', { ...size, count: [worker.min, worker.max] }).length === 0;
}

/**
 * In an order in which each step may be where it ends. `isSet`: the concurrency stands among the overrides; where it does not, Composer works
 * it out from the size, a larger worker takes more tasks and the memory is gone again, so that it is set beside a new size.
 */
export function changesBetween(from: Plan, to: Plan, isSet: boolean): Change[] {
	const found: Change[] = [];
	if (JSON.stringify(from.worker) !== JSON.stringify(to.worker))
		found.push({ what: 'worker', from: from.worker, to: to.worker });
	const resized = from.worker.cpu !== to.worker.cpu || from.worker.memoryGb !== to.worker.memoryGb;
	if (from.concurrency !== to.concurrency || (resized && !isSet)) {
		const change: Change = { what: 'concurrency', from: from.concurrency, to: to.concurrency };
		// More tasks only once there is room for them.
		if (to.concurrency > from.concurrency) found.push(change);
		else found.unshift(change);
	}
	for (const [name, slots] of Object.entries(to.pools)) {
		const before = from.pools[name];
		if (before !== undefined && before !== slots) found.push({ what: 'pool', name, from: before, to: slots });
	}
	return found;
}
