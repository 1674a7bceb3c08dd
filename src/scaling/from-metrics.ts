import type { Trouble } from '../domain/errors.ts';
import type { Series } from '../domain/evidence.ts';
import type { SeriesName } from './history.ts';

/** Points of a history's series: ISO time and value. */
export type Points = [string, number][];

export type Metrics = {
	series: Partial<Record<SeriesName, Points>>;
	/** What could not be read, once each, and the series that are missing for it. */
	gaps: { trouble: Trouble; of: SeriesName[] }[];
};

/** At each time the sum over all of them (pods, components), or the highest. */
export function combined(series: readonly Series[], by: 'sum' | 'max'): Points {
	const found = new Map<string, number>();
	for (const { points } of series)
		for (const { at, value } of points) {
			const before = found.get(at);
			found.set(at, before === undefined ? value : by === 'sum' ? before + value : Math.max(before, value));
		}
	return [...found].toSorted(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
}

/** One divided by the other, where both were sampled and the other is above zero; else by what it was last. */
export function shares(of: Points, whole: Points): Points {
	const at = new Map(whole);
	let last: number | undefined;
	const found: Points = [];
	for (const [time, value] of of) {
		const limit = at.get(time) ?? last;
		if (limit === undefined || !(limit > 0)) continue;
		last = limit;
		found.push([time, value / limit]);
	}
	return found;
}

/** The fullest pod at each time: pods differ in age, so that a share of the sums would hide one that is full. */
export function fullest(used: readonly Series[], quota: readonly Series[]): Points {
	const quotaOf = new Map(quota.map((series) => [series.of, combined([series], 'max')]));
	const found = new Map<string, number>();
	for (const series of used)
		for (const [time, share] of shares(combined([series], 'max'), quotaOf.get(series.of) ?? []))
			found.set(time, Math.max(found.get(time) ?? 0, share));
	return [...found].toSorted(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
}

export const scaled = (points: Points, by: number): Points => points.map(([time, value]) => [time, value * by]);
