import type { ComposerEnvironment, Pod } from './types.ts';
import type { World } from './world.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const GB = 1024 ** 3;

/** How an environment was used before anybody looked: busy each night, idle otherwise. */
export type Habits = {
	/** Days of it; 30. */
	days?: number;
	/** Share of a worker's memory at the nightly peak, 0–1. */
	memoryPeak: number;
	/** Tasks that waited in the queue then. */
	queuePeak: number;
	/** Workers that were restarted on such a night. */
	restarts: number;
	/** Minutes of each day in which one task filled a worker: from, to (hours UTC), and the share of its memory. */
	spikes?: readonly { from: number; to: number; share: number }[];
};

/** When most DAGs are scheduled: begin, hour UTC, and for how many hours. */
const BUSY: readonly (readonly [begin: number, hours: number])[] = [
	[23.75, 1.5],
	[5, 1.25],
	[21.5, 0.5],
];

/**
 * Gives everything that Composer samples a past up to now, consistent over its metrics: workers follow the queue, memory and
 * CPU the tasks. Nothing is stored: a value is worked out from its minute when it is read.
 */
export function givePast(world: World, environment: ComposerEnvironment, habits: Habits): void {
	const now = world.now();
	const from = Math.max(environment.createdAt, now - (habits.days ?? 30) * DAY);
	const { settings, location, name } = environment;
	const { worker, scheduler } = settings.workloads;
	const labels = { project_id: world.project.id, location, environment_name: name };
	const salt = name.length * 7919;
	const busy = (at: number): number => busyAt(at, salt);
	const wave = (at: number, least: number, most: number): number =>
		least + (most - least) * Math.min(1, busy(at) * (0.9 + 0.2 * noise(at, salt + 1)));
	const whole = (metric: string, at: (time: number) => number): void =>
		world.metrics.setPast(
			{
				metric: `composer.googleapis.com/environment/${metric}`,
				resource: { type: 'cloud_composer_environment', labels },
			},
			{ from, to: now, at },
		);
	const memoryShare = (at: number): number =>
		Math.max(
			wave(at, 0.28, habits.memoryPeak),
			...(habits.spikes ?? [])
				.filter((one) => hourOf(at) >= one.from && hourOf(at) <= one.to)
				.map(({ share }) => share),
		);
	const workers = (at: number): number =>
		Math.round(worker.minCount + (worker.maxCount - worker.minCount) * Math.min(1, busy(at) * 1.3));

	whole('num_celery_workers', workers);
	whole('worker/min_workers', () => worker.minCount);
	whole('worker/max_workers', () => worker.maxCount);
	whole('task_queue_length', (at) =>
		Math.round(habits.queuePeak * Math.max(0, busy(at) - 0.55) * 2.2 * noise(at, salt + 2)),
	);
	whole('executor/running_tasks', (at) => Math.round(workers(at) * 6 * busy(at)));
	whole('scheduler_heartbeat_count', () => 12);
	whole('active_schedulers', () => scheduler.count);
	whole('dag_processing/total_parse_time', (at) => 2 + 0.8 * noise(at, salt + 3));
	whole('database/cpu/utilization', (at) => wave(at, 0.22, 0.46));
	whole('database/memory/utilization', (at) => wave(at, 0.36, 0.44));
	whole('database/airflow/size', (at) => (1.2 + ((at - from) / DAY) * 0.004) * GB);
	whole('database_health', () => 1);
	whole('healthy', () => 1);
	whole('worker/pod_eviction_count', () => 0);
	whole('zombie_task_killed_count', () => 0);
	whole('celery/task_timeout_error_count', () => 0);
	whole('health/dependency_permissions_check_count', () => 0);
	whole('maintenance_operation', (at) => (inMaintenance(at) ? 1 : 0));
	for (const pod of environment.pods) pastOf(pod);

	function pastOf(pod: Pod): void {
		const size = sizeOf(environment, pod);
		if (!size) return;
		const own = pod.type === 'CELERY_WORKER';
		const resource = {
			type: 'cloud_composer_workload',
			labels: { ...labels, type: pod.type, workload_name: pod.name },
		};
		const put = (metric: string, at: (time: number) => number): void =>
			world.metrics.setPast({ metric: `composer.googleapis.com/workload/${metric}`, resource }, { from, to: now, at });
		put('memory/bytes_used', (at) => size.memoryGb * GB * (own ? memoryShare(at) : wave(at, 0.42, 0.5)));
		put('memory/quota', () => size.memoryGb * GB);
		put('cpu/usage_time', (at) => 60 * size.cpu * (own ? wave(at, 0.12, 0.85) : wave(at, 0.18, 0.4)));
		put('cpu/reserved_cores', () => size.cpu);
		if (size.storageGb !== undefined) {
			const { storageGb } = size;
			put('disk/bytes_used', (at) => GB * storageGb * wave(at, 0.3, 0.42));
			put('disk/quota', () => storageGb * GB);
		}
		// In the busiest minutes of a night, and as many of them as there were restarts.
		put('restart_count', (at) => (own && isRestart(at, habits.restarts) ? 1 : 0));
		put('uptime', (at) => Math.max(0, (at - pod.startedAt) / 1000));
	}
}

const hourOf = (at: number): number => (at % DAY) / HOUR;

/** 0 by day, up to 1 in a busy stretch, never quite the same twice. */
function busyAt(at: number, salt: number): number {
	const stretches = BUSY.map(([begin, hours]) => {
		const done = ((hourOf(at) - begin + 24) % 24) / hours;
		return done > 1 ? 0 : Math.min(1, 5 * done, 5 * (1 - done));
	});
	const strength = 0.75 + 0.25 * noise(Math.floor(at / DAY) * DAY, salt);
	return Math.min(1, Math.max(0.06 * noise(at, salt + 4), ...stretches) * strength + 0.05 * noise(at, salt + 5));
}

/** Evenly over the first busy stretch. */
function isRestart(at: number, restarts: number): boolean {
	const [begin = 0, hours = 1] = BUSY[0] ?? [];
	const minute = Math.floor((at % DAY) / MINUTE);
	return Array.from({ length: restarts }, (_, nth) => begin + (hours * (nth + 1)) / (restarts + 1)).some(
		(hour) => minute === Math.round((hour % 24) * 60),
	);
}

/** Saturdays, one to two at night: within the default window. */
const inMaintenance = (at: number): boolean => new Date(at).getUTCDay() === 6 && Math.floor((at % DAY) / HOUR) === 1;

/** 0 to 1, the same for the same minute. */
function noise(at: number, salt: number): number {
	let mixed = (Math.floor(at / MINUTE) ^ Math.imul(salt, 0x9e3779b1)) >>> 0;
	mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b) >>> 0;
	mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35) >>> 0;
	return ((mixed ^ (mixed >>> 16)) >>> 0) / 4294967296;
}

/** A pod's own share of the settings; undefined: Redis, which is Google's. */
function sizeOf(
	{ settings: { workloads } }: ComposerEnvironment,
	{ type }: Pod,
): { cpu: number; memoryGb: number; storageGb?: number } | undefined {
	switch (type) {
		case 'CELERY_WORKER':
			return workloads.worker;
		case 'SCHEDULER':
			return workloads.scheduler;
		case 'TRIGGERER':
			return workloads.triggerer;
		case 'DAG_PROCESSOR':
			return workloads.dagProcessor;
		case 'WEB_SERVER':
			return workloads.webServer;
		default:
			return undefined;
	}
}
