import { NEVER } from './heap.ts';
import { orderBy } from './order.ts';
import type { Tasks } from './tasks.ts';

/** The task instances in the three orders in which the load is walked through; by start they lie already. */
export type Timeline = {
	/** When it was queued; where Airflow did not say, or says a time after the start, its start. */
	queuedAt: Float64Array;
	byQueued: Int32Array;
	byEnd: Int32Array;
};

export function timelineOf({ queued, start, end }: Tasks): Timeline {
	const queuedAt = new Float64Array(start.length);
	for (let i = 0; i < start.length; i++) {
		const at = start[i] ?? 0;
		const before = queued[i] ?? Number.NaN;
		queuedAt[i] = before < at ? before : at;
	}
	return { queuedAt, byQueued: orderBy(queuedAt), byEnd: orderBy(end) };
}

type Edge = { rows: ArrayLike<number>; at: Float64Array };
type Step = (row: number, change: 1 | -1, at: number) => void;

/**
 * Walks through beginnings and ends in order of time, up to and with `until`, and goes on from there the next time. At the same time ends come
 * first. `step` hears of each row: +1 at its beginning, -1 at its end.
 */
export function walk(begins: Edge, ends: Edge): (until: number, step: Step) => void {
	let begin = 0;
	let end = 0;
	return (until, step) => {
		for (;;) {
			const ending = ends.rows[end] ?? -1;
			const beginning = begins.rows[begin] ?? -1;
			const endsAt = ending === -1 ? NEVER : (ends.at[ending] ?? NEVER);
			const beginsAt = beginning === -1 ? NEVER : (begins.at[beginning] ?? NEVER);
			if ((endsAt > until && beginsAt > until) || (ending === -1 && beginning === -1)) return;
			if (endsAt <= beginsAt) {
				end++;
				step(ending, -1, endsAt);
			} else {
				begin++;
				step(beginning, 1, beginsAt);
			}
		}
	};
}

export const sweep = (begins: Edge, ends: Edge, step: Step): void => walk(begins, ends)(NEVER, step);

/** Row numbers in their own order, for a walk by start. */
export const asTheyLie = (length: number): Int32Array => {
	const rows = new Int32Array(length);
	for (let i = 0; i < length; i++) rows[i] = i;
	return rows;
};
