import type { MetricName, WorkloadType } from '../clients/monitoring/metrics.ts';
import type { Source, Sources } from '../collect.ts';
import type { Failed, Series, SourceName } from '../domain/evidence.ts';
import { around } from './frame.ts';
import type { GoogleClients } from './google-clients.ts';
import { needed } from './needed.ts';

type Clients = Pick<GoogleClients, 'keep'> & { monitoring: NonNullable<GoogleClients['monitoring']> };

/** Cloud Monitoring around the end of the try, a point a minute. One call each; disk takes two, used and quota. */
export function metricSources({ monitoring, keep }: Clients): Sources {
	const read = (
		metric: MetricName,
		failed: Failed,
		more: { of?: WorkloadType; dag?: string } = {},
	): Promise<Series[]> => {
		const window = { ...around(failed), ...more };
		return keep(metric, window, () => monitoring.series(metric, window));
	};
	const plain = (source: SourceName, metric: MetricName, of?: WorkloadType) => ({
		...needed(source),
		read: (failed: Failed) => read(metric, failed, of === undefined ? {} : { of }),
	});
	const workers = 'CELERY_WORKER';
	return {
		workerMemory: plain('workerMemory', 'memory', workers),
		workerMemoryQuota: plain('workerMemoryQuota', 'memoryQuota', workers),
		workerDisk: {
			...needed('workerDisk'),
			async read(failed) {
				const [used, quota] = await Promise.all([
					read('disk', failed, { of: workers }),
					read('diskQuota', failed, { of: workers }),
				]);
				return shares(used, quota);
			},
		} satisfies Source<'workerDisk'>,
		podEvictions: plain('podEvictions', 'evictions'),
		restarts: plain('restarts', 'restarts'),
		exitCodes: { ...needed('exitCodes'), read: (failed) => read('exitCodes', failed, { dag: failed.dag }) },
		brokerErrors: plain('brokerErrors', 'brokerErrors'),
		permissionChecks: plain('permissionChecks', 'permissionChecks'),
		databaseCpu: plain('databaseCpu', 'databaseCpu'),
		databaseSize: plain('databaseSize', 'databaseSize'),
		queueLength: plain('queueLength', 'queueLength'),
		workers: plain('workers', 'workers'),
		schedulerHeartbeats: plain('schedulerHeartbeats', 'schedulerHeartbeats'),
		maintenance: plain('maintenance', 'maintenance'),
	};
}

/** Of each pod's quota at that minute; a minute without one takes the quota that the pod had last. */
function shares(used: readonly Series[], quota: readonly Series[]): Series[] {
	return used.flatMap(({ of, points }) => {
		const limits = quota.find((one) => one.of === of)?.points ?? [];
		const [first] = limits;
		if (!first) return [];
		const limitAt = (at: string): number => (limits.findLast((one) => one.at <= at) ?? first).value;
		const known = points.filter(({ at }) => limitAt(at) > 0);
		return [{ of, points: known.map(({ at, value }) => ({ at, value: value / limitAt(at) })) }];
	});
}
