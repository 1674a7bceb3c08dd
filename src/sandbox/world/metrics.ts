import type { SeriesId } from './types.ts';

/** Points of one series, oldest first: `[time, value]`. Booleans are 0 and 1. */
export type KeptSeries = SeriesId & { points: [at: number, value: number][]; past?: Past };

/** What was before the first point that was put: worked out when it is read, a value at each full minute, later than `from`. */
export type Past = { from: number; to: number; at: (time: number) => number };

/** Two days at one point a minute. */
const MOST = 2880;

/** What Cloud Monitoring knows. A point with the time of the last one replaces it. */
export function openMetrics(now: () => number, most = MOST) {
	const byMetric = new Map<string, Map<string, KeptSeries>>();

	// Whoever samples every minute hands in the same resource each time.
	const resources = new WeakMap<SeriesId['resource'], string>();

	function find(id: SeriesId): KeptSeries {
		const labels = (of: Readonly<Record<string, string>>): string =>
			JSON.stringify(Object.entries(of).toSorted(([a], [b]) => (a < b ? -1 : 1)));
		let resource = resources.get(id.resource);
		if (resource === undefined)
			resources.set(id.resource, (resource = `${id.resource.type}${labels(id.resource.labels)}`));
		const key = id.metricLabels ? `${labels(id.metricLabels)}${resource}` : resource;
		let found = byMetric.get(id.metric);
		if (!found) byMetric.set(id.metric, (found = new Map()));
		let one = found.get(key);
		if (!one) found.set(key, (one = { ...id, points: [] }));
		return one;
	}

	return {
		/** `at`: default now. Points of the past may come in any order. */
		put(id: SeriesId, value: number, at = now()): void {
			const { points } = find(id);
			let place = points.length;
			while (place > 0 && (points[place - 1]?.[0] ?? 0) > at) place--;
			const before = points[place - 1];
			if (before?.[0] === at) before[1] = value;
			else points.splice(place, 0, [at, value]);
			if (points.length > most * 1.2) points.splice(0, points.length - most);
		},
		/** Gives a series a past; what is put later comes after it. */
		setPast(id: SeriesId, past: Past): void {
			find(id).past = past;
		},
		series: (metric: string): KeptSeries[] => [...(byMetric.get(metric)?.values() ?? [])],
		names: (): string[] => [...byMetric.keys()],
	};
}
export type Metrics = ReturnType<typeof openMetrics>;

const MINUTE = 60_000;

/** The points of a series later than `from` and not later than `to`, oldest first, those of its past before those that were put. */
export function pointsWithin({ points, past }: KeptSeries, from: number, to: number): [at: number, value: number][] {
	const kept = points.filter(([at]) => at > from && at <= to);
	if (!past) return kept;
	const begin = Math.max(from, past.from);
	const end = Math.min(to, past.to, (points[0]?.[0] ?? Infinity) - 1);
	const made: [number, number][] = [];
	for (let at = (Math.floor(begin / MINUTE) + 1) * MINUTE; at <= end; at += MINUTE) made.push([at, past.at(at)]);
	return [...made, ...kept];
}
