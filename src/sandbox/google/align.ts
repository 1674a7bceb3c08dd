import { invalid } from '../world/refusal.ts';
import { pointsWithin } from '../world/metrics.ts';
import type { KeptSeries } from '../world/world.ts';
import type { MetricKind } from './metric-kinds.ts';

export type Point = [at: number, value: number];
/** A series as it is answered: its labels after reduction, its points newest first. */
export type Answered = {
	metricLabels: Readonly<Record<string, string>>;
	resourceLabels: Readonly<Record<string, string>>;
	kind: MetricKind;
	/** Of one point; 0 for a gauge. */
	lengthMs: number;
	points: Point[];
};

export type Aggregation = { periodMs: number; aligner: string; reducer: string; groupBy: readonly string[] };

type Fold = (values: number[]) => number;
const sum: Fold = (values) => values.reduce((all, one) => all + one, 0);
const mean: Fold = (values) => sum(values) / values.length;
const percentile =
	(share: number): Fold =>
	(values) => {
		const sorted = values.toSorted((a, b) => a - b);
		const at = (sorted.length - 1) * share;
		const [low = 0, high = low] = [sorted[Math.floor(at)], sorted[Math.ceil(at)]];
		return low + (high - low) * (at - Math.floor(at));
	};
const FOLDS: Readonly<Record<string, Fold>> = {
	MEAN: mean,
	MAX: (values) => Math.max(...values),
	MIN: (values) => Math.min(...values),
	SUM: sum,
	COUNT: (values) => values.length,
	PERCENTILE_99: percentile(0.99),
	PERCENTILE_95: percentile(0.95),
	PERCENTILE_50: percentile(0.5),
	PERCENTILE_05: percentile(0.05),
};
/** These make a number with a fraction out of whatever they are given. */
const FRACTIONS = /^(MEAN|PERCENTILE_\d+|RATE|FRACTION_TRUE)$/;

/** Reads `aggregation.*` of a query. Throws GoogleRefusal as Cloud Monitoring does. */
export function readAggregation(query: URLSearchParams): Aggregation | undefined {
	const aligner = query.get('aggregation.perSeriesAligner') ?? 'ALIGN_NONE';
	const reducer = query.get('aggregation.crossSeriesReducer') ?? 'REDUCE_NONE';
	const period = query.get('aggregation.alignmentPeriod');
	if (aligner === 'ALIGN_NONE') {
		if (reducer !== 'REDUCE_NONE')
			throw invalid('Field aggregation.perSeriesAligner must be specified when aggregation.crossSeriesReducer is.');
		return undefined;
	}
	const periodMs = Number(/^(\d+(?:\.\d+)?)s$/.exec(period ?? '')?.[1] ?? Number.NaN) * 1000;
	if (Number.isNaN(periodMs) || periodMs < 60_000)
		throw invalid(
			`Field aggregation.alignmentPeriod had an invalid value of "${period ?? ''}": The alignment period must be at least 60 seconds.`,
		);
	return { periodMs, aligner, reducer, groupBy: query.getAll('aggregation.groupByFields') };
}

/** Aligns one series in windows that end at `to`, each later than `from`. */
export function align(
	series: KeptSeries,
	kind: MetricKind,
	from: number,
	to: number,
	by: Aggregation | undefined,
): Answered {
	const within = pointsWithin(series, from, to);
	const base = { metricLabels: series.metricLabels ?? {}, resourceLabels: series.resource.labels };
	if (!by) return { ...base, kind, lengthMs: kind.kind === 'DELTA' ? 60_000 : 0, points: within.reverse() };
	const { fold, kind: made } = alignerOf(by.aligner, kind, by.periodMs);
	const windows = Map.groupBy(within, ([at]) => Math.floor((to - at) / by.periodMs));
	return {
		...base,
		kind: made,
		lengthMs: made.kind === 'DELTA' ? by.periodMs : 0,
		points: [...windows]
			.toSorted(([a], [b]) => a - b)
			.map(([nth, points]) => [to - nth * by.periodMs, fold(points.map(([, value]) => value))]),
	};
}

function alignerOf(aligner: string, kind: MetricKind, periodMs: number): { fold: Fold; kind: MetricKind } {
	const name = aligner.replace(/^ALIGN_/, '');
	const wrong = () =>
		invalid(
			`Field aggregation.perSeriesAligner had an invalid value of "${aligner}": The aligner cannot be applied to metrics with kind ${kind.kind} and value type ${kind.type}.`,
		);
	const gauge = (type: MetricKind['type']): MetricKind => ({ ...kind, kind: 'GAUGE', type });
	if (name === 'COUNT') return { fold: (values) => values.length, kind: gauge('INT64') };
	if (name === 'COUNT_TRUE' || name === 'COUNT_FALSE' || name === 'FRACTION_TRUE') {
		if (kind.type !== 'BOOL') throw wrong();
		if (name === 'FRACTION_TRUE') return { fold: mean, kind: gauge('DOUBLE') };
		const wanted = name === 'COUNT_TRUE' ? 1 : 0;
		return { fold: (values) => values.filter((value) => value === wanted).length, kind: gauge('INT64') };
	}
	if (name === 'DELTA' || name === 'RATE') {
		if (kind.kind !== 'DELTA') throw wrong();
		return name === 'DELTA'
			? { fold: sum, kind }
			: { fold: (values) => sum(values) / (periodMs / 1000), kind: gauge('DOUBLE') };
	}
	if (name === 'NEXT_OLDER') {
		if (kind.kind !== 'GAUGE') throw wrong();
		return { fold: (values) => values.at(-1) ?? 0, kind };
	}
	const fold = FOLDS[name];
	if (!fold)
		throw invalid(
			`Invalid value at 'aggregation.per_series_aligner' (type.googleapis.com/google.monitoring.v3.Aggregation.Aligner), "${aligner}"`,
		);
	if (kind.type === 'BOOL') throw wrong();
	return { fold, kind: gauge(FRACTIONS.test(name) ? 'DOUBLE' : kind.type) };
}

/** Folds aligned series into one for each value of the grouping fields; other labels are gone afterwards. */
export function reduce(all: readonly Answered[], { reducer, groupBy }: Aggregation): Answered[] {
	if (reducer === 'REDUCE_NONE') return [...all];
	const name = reducer.replace(/^REDUCE_/, '');
	const fold = FOLDS[name];
	if (!fold)
		throw invalid(
			`Invalid value at 'aggregation.cross_series_reducer' (type.googleapis.com/google.monitoring.v3.Aggregation.Reducer), "${reducer}"`,
		);
	const fields = groupBy.map((field) => {
		const [, of, label] = /^(metric|resource)\.labels?\.(\w+)$/.exec(field) ?? [];
		if (of === undefined || label === undefined)
			throw invalid(`Field aggregation.groupByFields had an invalid value of "${field}": Unknown field.`);
		return { of, label };
	});
	const kept = (labels: Readonly<Record<string, string>>, of: string): Record<string, string> =>
		Object.fromEntries(
			fields
				.filter((field) => field.of === of)
				.flatMap(({ label }) => (labels[label] === undefined ? [] : [[label, labels[label]]])),
		);
	const groups = Map.groupBy(all, ({ metricLabels, resourceLabels }) =>
		JSON.stringify([kept(metricLabels, 'metric'), kept(resourceLabels, 'resource')]),
	);
	return [...groups.values()].flatMap((group) => {
		const [first] = group;
		if (!first) return [];
		const byTime = Map.groupBy(
			group.flatMap(({ points }) => points),
			([at]) => at,
		);
		const type = name === 'COUNT' ? 'INT64' : FRACTIONS.test(name) ? 'DOUBLE' : first.kind.type;
		return [
			{
				metricLabels: kept(first.metricLabels, 'metric'),
				resourceLabels: kept(first.resourceLabels, 'resource'),
				kind: { ...first.kind, type },
				lengthMs: first.lengthMs,
				points: [...byTime]
					.toSorted(([a], [b]) => b - a)
					.map(([at, points]): Point => [at, fold(points.map(([, value]) => value))]),
			},
		];
	});
}
