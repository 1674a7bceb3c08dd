import type { Overhead } from '../../src/scaling/replay.ts';

/** What the recording was made on. `cpuMs`: CPU time for each task, everything that its start, its end and its own work took of these cores. */
export type Recording = { slots: number; durationMs: number; cpuMs: number; cores: number };

/**
 * The overhead on another number of slots of the same machine. Starting a task takes CPU; the more slots, the more of them want it at
 * once, and the longer each start takes. What a task takes of its slot is then the cycle of a closed network: some time by itself, some
 * at the cores. Without CPU time it stays as it is.
 */
export function overheadOn(slots: number, overhead: Overhead, recorded: Recording): Overhead {
	const slotMs = recorded.durationMs + overhead.startMs + overhead.endMs;
	const alone = aloneMs(slotMs, recorded);
	// Less than nothing can a start not take; the end then takes less.
	const change = cycleMs(slots, alone, recorded) - cycleMs(recorded.slots, alone, recorded);
	const startMs = overhead.startMs + change;
	return {
		dispatchMs: overhead.dispatchMs,
		startMs: Math.max(0, startMs),
		endMs: Math.max(0, overhead.endMs + Math.min(0, startMs)),
	};
}

/** What of the cycle is not CPU, so that the cycle is the one that was recorded. */
function aloneMs(slotMs: number, recorded: Recording): number {
	let [low, high] = [0, slotMs];
	for (let step = 0; step < 50; step++) {
		const middle = (low + high) / 2;
		if (cycleMs(recorded.slots, middle, recorded) < slotMs) low = middle;
		else high = middle;
	}
	return low;
}

/** Mean value analysis, one slot more at a time; several cores as Seidmann's approximation has them: one fast core, and a delay. */
function cycleMs(slots: number, alone: number, { cpuMs, cores }: Recording): number {
	const delay = alone + (cpuMs * (cores - 1)) / cores;
	let atCores = 0;
	let cycle = 0;
	for (let n = 1; n <= slots; n++) {
		const there = (cpuMs / cores) * (1 + atCores);
		cycle = delay + there;
		atCores = (n * there) / cycle;
	}
	return cycle;
}
