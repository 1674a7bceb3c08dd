import type { Failed } from '../domain/evidence.ts';

const MINUTE = 60_000;
/** Whoever asks about failures of the same minutes asks the same, and gets what was kept. */
const GRID = 5 * MINUTE;

/** Epoch milliseconds. */
export type Span = { from: number; to: number };

/** When the try ended; now while it has not. Epoch milliseconds. */
export function endOf({ endedAt, now }: Pick<Failed, 'endedAt' | 'now'>): number {
	const at = endedAt === undefined ? NaN : Date.parse(endedAt);
	return Number.isNaN(at) ? now : at;
}

/** Minutes before and after the end of the try, widened to whole five minutes. */
export function around(failed: Pick<Failed, 'endedAt' | 'now'>, before = 15, after = 15): Span {
	const end = endOf(failed);
	return widened({ from: end - before * MINUTE, to: end + after * MINUTE });
}

/** From shortly before the try was queued to shortly after it ended; a day back when nothing is known of its begin. */
export function whole(failed: Pick<Failed, 'queuedAt' | 'startedAt' | 'endedAt' | 'now'>): Span {
	const end = endOf(failed);
	const begin = Date.parse(failed.queuedAt ?? failed.startedAt ?? '');
	const from = Number.isNaN(begin) ? end - 24 * 60 * MINUTE : Math.min(begin, end);
	return widened({ from: from - 5 * MINUTE, to: end + 5 * MINUTE });
}

/** The last `hours` before it is asked. */
export function lately({ now }: Pick<Failed, 'now'>, hours: number): Span {
	return widened({ from: now - hours * 60 * MINUTE, to: now });
}

function widened({ from, to }: Span): Span {
	return { from: Math.floor(from / GRID) * GRID, to: Math.ceil(to / GRID) * GRID };
}

export const toFrame = ({ from, to }: Span): { from: string; to: string } => ({
	from: new Date(from).toISOString(),
	to: new Date(to).toISOString(),
});
