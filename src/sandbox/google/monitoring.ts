import type { monitoring_v3 } from 'googleapis/build/src/apis/monitoring/v3.js';
import { invalid, notFound } from '../world/refusal.ts';
import type { World } from '../world/world.ts';
import { align, readAggregation, reduce, type Answered, type Point } from './align.ts';
import { kindOf, type MetricKind } from './metric-kinds.ts';
import { parseMonitoringFilter } from './monitoring-filter.ts';
import { restPage } from './pages.ts';
import type { Api, Ask } from './types.ts';

/** Points of a page at most. Source: the API's own description of pageSize. */
const MOST_POINTS = 100_000;

/** Monitoring API v3: projects.timeSeries.list. */
export function monitoringApi(world: World): Api {
	return {
		host: 'monitoring.googleapis.com',
		title: 'Cloud Monitoring API',
		routes: [
			{
				op: 'monitoring.timeSeries.list',
				method: 'GET',
				path: /^\/v3\/projects\/(?<project>[^/:]+)\/timeSeries$/,
				params: [
					'filter',
					'interval.startTime',
					'interval.endTime',
					'aggregation.alignmentPeriod',
					'aggregation.perSeriesAligner',
					'aggregation.crossSeriesReducer',
					'aggregation.groupByFields',
					'orderBy',
					'view',
					'pageSize',
					'pageToken',
				],
				permission: 'monitoring.timeSeries.list',
				handle: (ask) => list(world, ask),
			},
		],
	};
}

function list(world: World, { query, mostPerPage }: Ask): monitoring_v3.Schema$ListTimeSeriesResponse {
	const { metric, matches } = parseMonitoringFilter(query.get('filter') ?? '');
	const kind = kindOf(metric);
	if (!kind)
		throw notFound(
			`Cannot find metric(s) that match type = "${metric}". If a metric was created recently, it could take up to 10 minutes to become available. Please try again soon.`,
		);
	const to = timeOf(query, 'interval.endTime');
	const from = query.has('interval.startTime') ? timeOf(query, 'interval.startTime') : to;
	if (from > to)
		throw invalid('Field interval.startTime had an invalid value: The start time must not be later than the end time.');
	if ((query.get('orderBy') ?? '') !== '') throw invalid('Field orderBy is not supported.');
	const view = query.get('view') ?? 'FULL';
	if (view !== 'FULL' && view !== 'HEADERS') throw invalid(`Invalid value at 'view', "${view}"`);
	const by = readAggregation(query);
	const found = world.metrics.series(metric).filter(matches);
	const [sample] = found;
	const aligned = found.map((series) => align(series, kind, from, to, by)).filter(({ points }) => points.length > 0);
	const all = by ? reduce(aligned, by) : aligned;
	const describe = (one: Answered, points: readonly Point[]) =>
		toSeries(metric, sample?.resource.type ?? '', kind, one, points);
	// A page is counted in points; a series may go on in the next one.
	const flat: { one: Answered; point?: Point }[] =
		view === 'HEADERS'
			? all.map((one) => ({ one }))
			: all.flatMap((one) => one.points.map((point) => ({ one, point })));
	const { page, ...rest } = restPage(flat, query, Math.min(MOST_POINTS, mostPerPage));
	const groups = Map.groupBy(page, ({ one }) => one);
	return {
		...(groups.size > 0 && {
			timeSeries: [...groups].map(([one, rows]) =>
				describe(
					one,
					rows.flatMap(({ point }) => (point ? [point] : [])),
				),
			),
		}),
		...rest,
		...(kind.unit !== '' && { unit: kind.unit }),
	};
}

function toSeries(
	metric: string,
	resourceType: string,
	{ unit }: MetricKind,
	{ kind, lengthMs, metricLabels, resourceLabels }: Answered,
	points: readonly Point[],
): monitoring_v3.Schema$TimeSeries {
	const time = (at: number): string => new Date(at).toISOString();
	return {
		metric: { type: metric, ...(Object.keys(metricLabels).length > 0 && { labels: metricLabels }) },
		resource: { type: resourceType, labels: resourceLabels },
		metricKind: kind.kind,
		valueType: kind.type,
		unit,
		...(points.length > 0 && {
			points: points.map(([at, value]) => ({
				interval: { startTime: time(at - lengthMs), endTime: time(at) },
				value:
					kind.type === 'BOOL'
						? { boolValue: value === 1 }
						: kind.type === 'INT64'
							? { int64Value: String(Math.round(value)) }
							: { doubleValue: value },
			})),
		}),
	};
}

function timeOf(query: URLSearchParams, name: string): number {
	const text = query.get(name) ?? '';
	const at = /^\d{4}-\d\d-\d\dT/.test(text) ? Date.parse(text) : Number.NaN;
	if (Number.isNaN(at))
		throw invalid(
			text === ''
				? `Field ${name} is required.`
				: `Invalid value at '${name}' (type.googleapis.com/google.protobuf.Timestamp), "${text}"`,
		);
	return at;
}
