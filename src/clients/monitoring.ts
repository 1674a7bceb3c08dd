import { z } from 'zod';
import { Trouble } from '../domain/errors.ts';
import type { Series } from '../domain/evidence.ts';
import { mask } from '../domain/mask.ts';
import { NEEDS } from '../domain/needs.ts';
import { unreadable, type Asking } from './base/google-trouble.ts';
import { askGoogle, restOptions, type GoogleToken } from './base/google.ts';
import { METRICS, type Kind, type Metric, type MetricName, type WorkloadType } from './monitoring/metrics.ts';

export type MonitoringOptions = {
	project: string;
	location: string;
	/** Name of the environment. */
	name: string;
	rootUrl?: string | undefined;
	/** For one call; 7,500. */
	timeoutMs?: number;
};

export type Window = {
	/** Epoch milliseconds. */
	from: number;
	to: number;
	/** Seconds between points; at least 60, which is the default and how often Composer samples. */
	alignS?: number | undefined;
	/** One series over all of them; `none` (default): one for each pod, component or code. */
	reducer?: 'none' | 'max' | 'mean' | 'sum' | undefined;
	/** Pods of one kind only. */
	of?: WorkloadType | undefined;
	/** DAG of a metric that is counted by DAG. */
	dag?: string | undefined;
};

export type Monitoring = {
	/**
	 * A metric of the environment: oldest first, a time of each point is the end of its stretch; `of` names the pod, or the return
	 * code, and is empty for what the environment has one of. Empty: nothing was sampled then. One call for each 100,000 points, at
	 * most five; what does not fit into them is Trouble, as are refusals. Source: Monitoring API v3, projects.timeSeries.list.
	 */
	series(metric: MetricName, window: Window): Promise<Series[]>;
};

const PAGES = 5;
const CALL_MS = 7500;

const answer = z.object({
	timeSeries: z
		.array(
			z.object({
				metric: z.object({ labels: z.record(z.string(), z.string()).nullish() }).nullish(),
				resource: z.object({ labels: z.record(z.string(), z.string()).nullish() }).nullish(),
				points: z
					.array(
						z.object({
							interval: z.object({ endTime: z.string() }),
							value: z.object({
								doubleValue: z.number().nullish(),
								int64Value: z.coerce.number().nullish(),
								boolValue: z.boolean().nullish(),
							}),
						}),
					)
					.nullish(),
			}),
		)
		.nullish(),
	nextPageToken: z.string().nullish(),
});
type Answer = z.output<typeof answer>;
type Found = NonNullable<Answer['timeSeries']>[number];

/** Cloud Monitoring, for one Composer environment. */
export function monitoring(options: MonitoringOptions, google: GoogleToken): Monitoring {
	const { api, permission, role } = NEEDS.metrics;
	const asking: Asking = {
		api,
		permission,
		role,
		project: options.project,
		what: { en: `the metrics of ${options.name}`, ja: ` ${options.name} のメトリクス` },
	};
	// Google does not publish every metric's kind where we can check it; one that refuses our aligner is read as it was sampled.
	const asSampled = new Set<MetricName>();

	async function read(name: MetricName, window: Window): Promise<Found[]> {
		const found: Found[] = [];
		let pageToken: string | undefined;
		for (let page = 0; page < PAGES; page++) {
			const { data } = await askGoogle(google, asking, async (token) =>
				(await api3())
					.monitoring({ version: 'v3', ...restOptions(token, { timeoutMs: CALL_MS, ...options }) })
					.projects.timeSeries.list({
						name: `projects/${options.project}`,
						filter: filterOf(METRICS[name], window, options),
						'interval.startTime': new Date(window.from).toISOString(),
						'interval.endTime': new Date(window.to).toISOString(),
						...(asSampled.has(name) ? {} : aggregation(METRICS[name], window)),
						...(pageToken === undefined ? {} : { pageToken }),
					}),
			);
			const parsed = answer.safeParse(data);
			if (!parsed.success) throw unreadable(asking, parsed.error);
			found.push(...(parsed.data.timeSeries ?? []));
			pageToken = parsed.data.nextPageToken || undefined;
			if (pageToken === undefined) return found;
		}
		throw tooMuch(asking);
	}

	return {
		async series(name, window) {
			const found = await read(name, window).catch(async (error: unknown) => {
				if (!refusesAligner(error) || asSampled.has(name)) throw error;
				asSampled.add(name);
				return read(name, window);
			});
			return merged(found, METRICS[name]);
		},
	};
}

/** Loaded when it is first asked: most processes never do. */
const api3 = () => import('googleapis/build/src/apis/monitoring/index.js');

/** A value between quotes that it cannot leave. Source: docs.cloud.google.com/monitoring/api/v3/filters. */
function quoted(value: string): string {
	return `"${value.replace(/[\\"]/g, '\\$&').replace(/[\u0000-\u001f]/g, ' ')}"`;
}

function filterOf(metric: Metric, { of, dag }: Window, { location, name }: MonitoringOptions): string {
	return [
		`metric.type = ${quoted(`composer.googleapis.com/${metric.type}`)}`,
		`resource.type = "cloud_composer_${metric.of}"`,
		`resource.labels.location = ${quoted(location)}`,
		`resource.labels.environment_name = ${quoted(name)}`,
		...(of !== undefined && metric.of === 'workload' ? [`resource.labels.type = ${quoted(of)}`] : []),
		...(dag !== undefined && metric.of === 'workflow' ? [`resource.labels.workflow_name = ${quoted(dag)}`] : []),
	].join(' AND ');
}

const ALIGNERS: Readonly<Record<Kind, string>> = {
	level: 'ALIGN_MEAN',
	count: 'ALIGN_DELTA',
	rate: 'ALIGN_RATE',
	flag: 'ALIGN_COUNT_TRUE',
};
const REDUCERS = { none: undefined, max: 'REDUCE_MAX', mean: 'REDUCE_MEAN', sum: 'REDUCE_SUM' } as const;

function aggregation({ kind, peak }: Metric, { alignS = 60, reducer = 'none' }: Window) {
	const reduce = REDUCERS[reducer];
	return {
		'aggregation.alignmentPeriod': `${Math.max(60, Math.round(alignS))}s`,
		'aggregation.perSeriesAligner': kind === 'level' && peak ? 'ALIGN_MAX' : ALIGNERS[kind],
		...(reduce === undefined ? {} : { 'aggregation.crossSeriesReducer': reduce }),
	};
}

/** Pages may cut a series in two; points come newest first. */
function merged(found: readonly Found[], { label, kind }: Metric): Series[] {
	const series = new Map<string, { at: string; value: number }[]>();
	for (const { metric, resource, points } of found) {
		const labels = { ...resource?.labels, ...metric?.labels };
		const of = (label === undefined ? labels['workload_name'] : labels[label]) ?? '';
		const kept = series.get(of) ?? [];
		series.set(of, kept);
		for (const { interval, value } of points ?? []) {
			const number = value.doubleValue ?? value.int64Value ?? (value.boolValue ? 1 : 0);
			kept.push({ at: interval.endTime, value: kind === 'flag' ? Math.min(1, number) : number });
		}
	}
	return [...series].map(([of, points]) => ({
		of: mask(of),
		points: points.sort((a, b) => Date.parse(a.at) - Date.parse(b.at)),
	}));
}

function refusesAligner(error: unknown): boolean {
	if (!(error instanceof Trouble) || error.status !== 400) return false;
	return error.cause instanceof Error && /align/i.test(error.cause.message);
}

function tooMuch({ what }: Asking): Trouble {
	return new Trouble('upstream', 'google too much', `There is more of ${what.en} than the bot reads at once.`, {
		ja: { message: `${what.ja}が多すぎるため、一度に取得できませんでした。` },
	});
}
