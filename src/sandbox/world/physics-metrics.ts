import { agentOf } from './environments.ts';
import { may } from './may.ts';
import type { Minute, Workers } from './physics-workers.ts';
import type { ComposerEnvironment, Pod, SeriesId } from './types.ts';
import type { World } from './world.ts';

const GB = 1024 ** 3;

/** Rights that Composer's own health check asks for; Composer 2's agent binds Kubernetes accounts beside. */
function missingRights(world: World, environment: ComposerEnvironment): number {
	const sa = environment.serviceAccount;
	const account = { kind: 'serviceAccount', email: sa } as const;
	return [
		may(world, sa, 'logging.logEntries.create'),
		may(world, sa, 'cloudbuild.builds.create'),
		may(world, sa, 'storage.objects.get'),
		may(world, agentOf(world), 'container.clusters.update') || may(world, agentOf(world), 'cloudsql.instances.update'),
		environment.generation === 'composer-3' || may(world, agentOf(world), 'iam.serviceAccounts.setIamPolicy', account),
	].filter((has) => !has).length;
}

export type Gauges = {
	queued: number;
	running: number;
	database: number;
	schedulerBeats: number;
	parseSeconds: number;
	healthy: boolean;
};

/** One point of everything that Composer samples, at the end of a minute. */
export function writeMetrics(
	world: World,
	environment: ComposerEnvironment,
	workers: Workers,
	minute: Minute,
	at: number,
	gauges: Gauges,
): void {
	const { metrics } = world;
	const { settings } = environment;
	const wholeOf = resourceFor(environment, world, environment, 'cloud_composer_environment');
	const whole = (metric: string, value: number): void =>
		metrics.put({ metric: `composer.googleapis.com/environment/${metric}`, resource: wholeOf }, value, at);
	const pods = environment.pods.filter(({ state }) => state !== 'PENDING');
	const counted = pods.filter(({ type }) => type === 'CELERY_WORKER').length;
	whole('num_celery_workers', counted);
	whole('worker/min_workers', settings.workloads.worker.minCount);
	whole('worker/max_workers', settings.workloads.worker.maxCount);
	whole('task_queue_length', gauges.queued);
	whole('executor/queued_tasks', gauges.queued);
	whole('executor/running_tasks', gauges.running);
	whole('executor/open_slots', Math.max(0, counted * workers.slots() - gauges.running));
	whole('scheduler_heartbeat_count', gauges.schedulerBeats);
	whole('active_schedulers', settings.workloads.scheduler.count);
	whole('dag_processing/total_parse_time', gauges.parseSeconds);
	whole('database/cpu/utilization', gauges.database);
	whole('database/memory/utilization', Math.min(0.97, 0.3 + gauges.database * 0.3));
	whole('database_health', gauges.database < 0.97 ? 1 : 0);
	whole('healthy', gauges.healthy ? 1 : 0);
	whole('worker/pod_eviction_count', minute.evictions);
	whole('zombie_task_killed_count', minute.zombies);
	whole('celery/task_timeout_error_count', 0);
	whole('health/dependency_permissions_check_count', missingRights(world, environment));
	whole('maintenance_operation', 0);
	for (const [code, count] of minute.exits)
		metrics.put(
			{
				metric: 'composer.googleapis.com/workflow/task_runner/terminated_count',
				metricLabels: { return_code: code },
				resource: resourceFor(workers, world, environment, 'cloud_composer_workflow'),
			},
			count,
			at,
		);
	for (const pod of pods) writePod(pod);

	function writePod(pod: Pod): void {
		const size = sizeOf(environment, pod);
		if (!size) return;
		const resource = resourceFor(pod, world, environment, 'cloud_composer_workload', {
			type: pod.type,
			workload_name: pod.name,
		});
		const put = (metric: string, value: number): void =>
			metrics.put({ metric: `composer.googleapis.com/workload/${metric}`, resource }, value, at);
		const worker = pod.type === 'CELERY_WORKER';
		put(
			'memory/bytes_used',
			(worker ? Math.min(size.memoryGb, minute.memoryPeak.get(pod.name) ?? 0.45) : size.memoryGb * 0.45) * GB,
		);
		put('memory/quota', size.memoryGb * GB);
		put('cpu/usage_time', (worker ? workers.cpu(pod.name) : size.cpu * 0.2) * 60);
		put('cpu/reserved_cores', size.cpu);
		put('disk/bytes_used', (worker ? Math.min(size.storageGb, workers.diskGb(pod.name)) : 0.2) * GB);
		put('disk/quota', size.storageGb * GB);
		put('restart_count', minute.restarts.get(pod.name) ?? 0);
		put('uptime', Math.max(0, (at - pod.startedAt) / 1000));
	}
}

function sizeOf(
	{ settings: { workloads } }: ComposerEnvironment,
	{ type }: Pod,
): { cpu: number; memoryGb: number; storageGb: number } | undefined {
	switch (type) {
		case 'CELERY_WORKER':
			return workloads.worker;
		case 'SCHEDULER':
			return workloads.scheduler;
		case 'TRIGGERER':
			return { ...workloads.triggerer, storageGb: 1 };
		case 'DAG_PROCESSOR':
			return workloads.dagProcessor;
		case 'WEB_SERVER':
			return workloads.webServer;
		default:
			return undefined;
	}
}

const resources = new WeakMap<object, SeriesId['resource']>();

/** One object for each thing that is sampled, minute after minute. */
function resourceFor(
	thing: object,
	{ project }: World,
	{ location, name }: ComposerEnvironment,
	type: string,
	more: Readonly<Record<string, string>> = {},
): SeriesId['resource'] {
	const known = resources.get(thing);
	// A pod that is given another name is another series.
	if (known && known.labels['workload_name'] === more['workload_name']) return known;
	const resource = { type, labels: { project_id: project.id, location, environment_name: name, ...more } };
	resources.set(thing, resource);
	return resource;
}
