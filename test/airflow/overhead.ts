import { upTo } from '../../src/scaling/order.ts';
import { quantile } from '../../src/scaling/quantile.ts';
import type { Overhead } from '../../src/scaling/replay.ts';

export type Recorded = { queued: number; start: number; end: number };

/**
 * What a task costs beside its own duration, out of one recording on a fixed number of slots. While there is a queue, a slot's
 * next start follows its last end by `startMs + endMs`; a task that finds a free slot waits `dispatchMs + startMs`.
 */
export function fitOverhead(recording: readonly Recorded[], slots: number): Overhead {
	const byStart = recording.toSorted((a, b) => a.start - b.start);
	const starts = Float64Array.from(byStart, ({ start }) => start);
	const ends = Float64Array.from(recording, ({ end }) => end).sort();
	const turnovers: number[] = [];
	const idle: number[] = [];
	byStart.forEach(({ queued, start }, k) => {
		const freed = ends[k - slots];
		// Queued well before a slot came free: the wait after that is the turnover.
		if (freed !== undefined && queued < freed - 1000 && start >= freed) turnovers.push(start - freed);
		const started = upTo(starts, queued);
		const ended = upTo(ends, queued);
		if (started - ended < slots && k < slots) idle.push(start - queued);
		else if (freed !== undefined && freed < queued - 1000) idle.push(start - queued);
	});
	const turnover = mean(turnovers);
	const free = idle.length === 0 ? turnover : quantile(idle, 0.5);
	const startMs = Math.min(turnover, free);
	return { dispatchMs: free - startMs, startMs, endMs: turnover - startMs };
}

/** 0 for none. */
const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / Math.max(1, values.length);
