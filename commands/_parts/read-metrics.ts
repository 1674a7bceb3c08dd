import type { Monitoring, Window } from '../../src/clients/monitoring.ts';
import type { MetricName, WorkloadType } from '../../src/clients/monitoring/metrics.ts';
import { Trouble } from '../../src/domain/errors.ts';
import type { Series } from '../../src/domain/evidence.ts';
import { combined, fullest, scaled, shares, type Metrics, type Points } from '../../src/scaling/from-metrics.ts';
import type { SeriesName } from '../../src/scaling/history.ts';

const GB = 1024 ** 3;
/** A week at a minute; longer times at so many points. Composer samples once a minute. */
const MOST_POINTS = 10_080;

/** A week of minutes is a large answer: more of them side by side only wait for each other, until the last ones are late. */
const AT_ONCE = 6;
/** So many that got no answer, and the others are not asked for. */
const AWAY = 3;

/** All that Composer samples of an environment, as a history has it. Thirty calls at most, six at a time; what is refused is a gap and not the end, and Google being away is soon known. */
export async function readMetrics(
	monitoring: Monitoring,
	{ from, to, processor }: { from: number; to: number; processor: boolean },
): Promise<Metrics> {
	const alignS = Math.max(60, 60 * Math.ceil((to - from) / 60_000 / MOST_POINTS));
	const found: Metrics = { series: {}, gaps: [] };
	const inTurn = atMost(AT_ONCE);
	let late = 0;
	let away: Trouble | undefined;
	const ask = (name: MetricName, more: Partial<Window> = {}): Promise<Series[]> =>
		inTurn(async () => {
			if (away) throw away;
			return monitoring.series(name, { from, to, alignS, ...more });
		});

	async function fill(name: SeriesName, read: () => Promise<Points>): Promise<void> {
		try {
			// What came too late is asked for once more: without its memory a worker is not judged.
			const points = await read().catch((error: unknown) => {
				if (!(error instanceof Trouble) || error.kind !== 'upstream') throw error;
				if (++late >= AWAY) away = error;
				return read();
			});
			if (points.length > 0) found.series[name] = points;
		} catch (error) {
			if (!(error instanceof Trouble)) throw error;
			const same = found.gaps.find(({ trouble }) => trouble.message === error.message);
			if (same) same.of.push(name);
			else found.gaps.push({ trouble: error, of: [name] });
		}
	}
	const whole =
		(name: MetricName, by: 'sum' | 'max', times = 1) =>
		async (): Promise<Points> =>
			scaled(combined(await ask(name), by), times);
	const cpuOf = (of: WorkloadType) => async (): Promise<Points> => {
		const [used, cores] = await Promise.all([ask('cpu', { of, reducer: 'sum' }), ask('cores', { of, reducer: 'sum' })]);
		return shares(combined(used, 'sum'), combined(cores, 'sum'));
	};
	const fullestOf = (of: WorkloadType, used: 'memory' | 'disk', quota: 'memoryQuota' | 'diskQuota') => async () =>
		fullest(...(await Promise.all([ask(used, { of }), ask(quota, { of })])));
	const memoryOf = (of: WorkloadType) => fullestOf(of, 'memory', 'memoryQuota');

	await Promise.all([
		fill('workers', whole('workers', 'max')),
		fill('queueLength', whole('queueLength', 'sum')),
		fill('workerMemoryGb', async () =>
			scaled(combined(await ask('memory', { of: 'CELERY_WORKER', reducer: 'max' }), 'max'), 1 / GB),
		),
		fill('workerCpuShare', cpuOf('CELERY_WORKER')),
		fill('workerDiskShare', fullestOf('CELERY_WORKER', 'disk', 'diskQuota')),
		fill('evictions', whole('evictions', 'sum')),
		fill('restarts', async () => combined(await ask('restarts', { of: 'CELERY_WORKER', reducer: 'sum' }), 'sum')),
		fill('schedulerCpuShare', cpuOf('SCHEDULER')),
		fill('schedulerMemoryShare', memoryOf('SCHEDULER')),
		fill('schedulerHeartbeats', whole('schedulerHeartbeats', 'sum')),
		fill('parseSeconds', whole('parseSeconds', 'max')),
		...(processor
			? [
					fill('dagProcessorCpuShare', cpuOf('DAG_PROCESSOR')),
					fill('dagProcessorMemoryShare', memoryOf('DAG_PROCESSOR')),
				]
			: []),
		fill('triggererCpuShare', cpuOf('TRIGGERER')),
		fill('triggererMemoryShare', memoryOf('TRIGGERER')),
		fill('webServerCpuShare', async () => shares(...(await both('webServerCpu', 'webServerCores')))),
		fill('webServerMemoryShare', async () => shares(...(await both('webServerMemory', 'webServerMemoryQuota')))),
		fill('databaseCpuShare', whole('databaseCpu', 'max')),
		fill('databaseMemoryShare', whole('databaseMemory', 'max')),
		fill('databaseSizeGb', whole('databaseSize', 'max', 1 / GB)),
	]);
	return found;

	async function both(a: MetricName, b: MetricName): Promise<[Points, Points]> {
		const [used, of] = await Promise.all([ask(a), ask(b)]);
		return [combined(used, 'sum'), combined(of, 'sum')];
	}
}

/** Runs what it is given, so many side by side. */
function atMost(most: number): <T>(work: () => Promise<T>) => Promise<T> {
	let free = most;
	const waiting: (() => void)[] = [];
	return async (work) => {
		if (free > 0) free--;
		else await new Promise<void>((go) => waiting.push(go));
		try {
			return await work();
		} finally {
			const next = waiting.shift();
			if (next) next();
			else free++;
		}
	};
}
