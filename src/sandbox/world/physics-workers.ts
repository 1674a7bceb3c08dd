import type { Tried } from '../airflow/types.ts';
import { computedConcurrency } from '../../domain/concurrency.ts';
import { addPod } from './environments.ts';
import type { Writer } from './physics-evidence.ts';
import type { Needs } from './physics-needs.ts';
import type { Plan } from './physics-plan.ts';
import type { ComposerEnvironment, Pod } from './types.ts';
import type { World } from './world.ts';

/** One try on a worker. */
export type Load = {
	tried: Tried;
	needs: Needs;
	host: string;
	startedAt: number;
	/** When its own time is up and its steps begin. */
	dueAt: number;
	step: number;
	plan: { begun: number; played: number; plan: Plan } | undefined;
	/** Its process was killed. */
	killed: boolean;
	/** Its worker is being replaced, and goes then. */
	goesAt: number | undefined;
	/** Nobody hears of it any more since then. */
	lost: { at: number; log: 'cut' | 'missing' } | undefined;
};

/** What happened on the workers within the present minute, for the metrics. */
export type Minute = {
	memoryPeak: Map<string, number>;
	restarts: Map<string, number>;
	evictions: number;
	zombies: number;
	exits: Map<string, number>;
	started: number;
};
export const newMinute = (): Minute => ({
	memoryPeak: new Map(),
	restarts: new Map(),
	evictions: 0,
	zombies: 0,
	exits: new Map(),
	started: 0,
});

// What a worker takes before any task: the Celery process, its pool, the sync of the bucket.
const BASE_GB = 0.45;
const BASE_DISK_GB = 0.35;
const TASK_GB = 0.1;
const TASK_CPU = 0.1;
/** What a worker that is replaced leaves its tasks to end in. */
const GRACE_MS = 3_600_000;
/** A new node and a worker's start. */
const SCALE_MS = 90_000;
const MINUTE = 60_000;
/** Tasks ask for that many times a worker's vCPU: whatever else runs on it gets no time. */
const STARVED = 4;
/** What a log agent has not sent within half a minute goes with the pod. */
const SENT_MS = 30_000;

export type Site = {
	world: World;
	environment: ComposerEnvironment;
	write: Writer;
	airflow: 2 | 3;
	airflowVersion: string;
	/** Not Composer at all: same workers, nothing of Google around them. */
	plain: boolean;
};

/** The environment's workers: who runs where, and what becomes of it by memory, vCPU and disk. */
export function openWorkers({ world, environment, write, airflow, airflowVersion, plain }: Site) {
	const loads = new Map<string, Load>();
	/** Queued tries that found no slot when they were last asked about. */
	const waiting = new Map<string, number>();
	const starvedSince = new Map<string, number>();
	let toldQuotaAt = -Infinity;
	let minute = newMinute();

	const size = () => environment.settings.workloads.worker;
	const setting = (name: string): string | undefined => environment.settings.airflowConfigOverrides[name];
	const slots = (): number =>
		Number(
			setting('celery-worker_concurrency') ??
				computedConcurrency(plain ? 'airflow' : environment.generation, airflowVersion, size()).value,
		);
	const pods = (): Pod[] => environment.pods.filter(({ type }) => type === 'CELERY_WORKER');
	const on = (host: string): Load[] =>
		[...loads.values()].filter((load) => load.host === host && load.lost === undefined && !load.killed);
	/** Seconds without a heartbeat after which the scheduler gives a task up. */
	const patience = (): number =>
		Number(
			setting(
				airflow === 2 ? 'scheduler-scheduler_zombie_task_threshold' : 'scheduler-task_instance_heartbeat_timeout',
			) ??
				setting('scheduler-scheduler_zombie_task_threshold') ??
				300,
		);

	function memoryOf({ needs, startedAt, dueAt }: Load, now: number): number {
		const share = Math.min(1, Math.max(0, (now - startedAt) / Math.max(1, dueAt - startedAt)));
		return (needs.memoryGb ?? TASK_GB) * (0.25 + 0.75 * share);
	}

	function freeHost(): string | undefined {
		const [best] = pods()
			.filter(({ state, startedAt }) => state === 'OK' && startedAt <= world.now())
			.map(({ name }) => ({ name, busy: on(name).length }))
			.filter(({ busy }) => busy < slots())
			.toSorted((a, b) => a.busy - b.busy);
		return best?.name;
	}

	/** One worker more, when some wait and the bounds and the quota allow it. */
	function scale(now: number): void {
		const pending = pods().find(({ state }) => state === 'PENDING');
		if (pending) {
			if (pending.startedAt <= now) pending.state = 'OK';
			return;
		}
		if (waiting.size === 0 || pods().length >= size().maxCount) return;
		const quota = plain || environment.cluster === undefined ? undefined : world.project.quotas.get('CPUS');
		if (quota && quota.limit - quota.usage < size().cpu) {
			if (now - toldQuotaAt > 5 * MINUTE) {
				toldQuotaAt = now;
				write.autoscaler({
					resultInfo: {
						results: [
							{
								eventId: 'c7d1',
								errorMsg: { messageId: 'scale.up.error.quota.exceeded', parameters: ['airflow-worker'] },
							},
						],
					},
					resultError: {
						errorId: 'cloud_quota_exceeded',
						message: `Quota 'CPUS' exceeded. Limit: ${quota.limit}.0 in region ${environment.location}.`,
					},
				});
			}
			return;
		}
		if (quota) quota.usage += size().cpu;
		const pod = addPod(world, environment, 'CELERY_WORKER', now + SCALE_MS);
		pod.state = 'PENDING';
	}

	function watchMemory(now: number): void {
		for (const pod of pods()) {
			const here = on(pod.name);
			const used = BASE_GB + here.reduce((sum, load) => sum + memoryOf(load, now), 0);
			minute.memoryPeak.set(pod.name, Math.max(minute.memoryPeak.get(pod.name) ?? 0, Math.min(used, size().memoryGb)));
			if (used <= size().memoryGb) continue;
			const [biggest] = here.toSorted((a, b) => memoryOf(b, now) - memoryOf(a, now));
			if (!biggest) continue;
			// The kernel takes the process that holds most. Where many hold alike, it is the container that goes.
			if (memoryOf(biggest, now) > 0.6 * (used - BASE_GB)) killTask(biggest, pod, now);
			else losePod(pod, here, now);
		}
	}

	function killTask(load: Load, pod: Pod, now: number): void {
		load.killed = true;
		const kilobytes = Math.round(memoryOf(load, now) * 1024 * 1024);
		minute.exits.set('-9', (minute.exits.get('-9') ?? 0) + 1);
		write.nodeEvent(
			`gk3-${environment.cluster ?? ''}`.slice(0, 40),
			'OOMKilling',
			`Memory cgroup out of memory: Killed process 2815 (airflow task ${airflow === 2 ? 'ru' : 'su'}) total-vm:${kilobytes + 400_000}kB, anon-rss:${kilobytes}kB, file-rss:2048kB, shmem-rss:0kB, UID:999 pgtables:9000kB oom_score_adj:900`,
		);
		if (airflow === 3)
			write.worker(
				pod.name,
				`Task finished [task_instance_id=01980c52-0000-7000-8000-${String(now).slice(-12).padStart(12, '0')}] [exit_code=-9] [duration=${((now - load.startedAt) / 1000).toFixed(2)}] [final_state=failed]`,
				{ severity: 'INFO' },
			);
	}

	/** All of it went at once: the container is started anew, and nobody tells Airflow of the tasks that were in it. */
	function losePod(pod: Pod, here: readonly Load[], now: number): void {
		pod.restarts += 1;
		pod.state = 'OK';
		pod.message = 'Container airflow-worker was restarted: OOMKilled';
		pod.detail = `Last state: Terminated, reason OOMKilled, exit code 137.`;
		minute.restarts.set(pod.name, (minute.restarts.get(pod.name) ?? 0) + 1);
		const inBucket = environment.settings.logStorage === 'CLOUD_LOGGING_AND_CLOUD_STORAGE' && !plain;
		write.podEvent(
			pod.name,
			'composer-workers',
			'OOMKilling',
			`Memory cgroup out of memory: Killed process 91 (${inBucket ? 'gcsfuse' : 'airflow worker '}) in pod ${pod.name}`,
		);
		write.podEvent(
			pod.name,
			'composer-workers',
			'BackOff',
			`Back-off restarting failed container airflow-worker in pod ${pod.name} (reason: OOMKilled, exit code: 137)`,
		);
		if (inBucket) {
			write.podEvent(
				pod.name,
				'composer-workers',
				'Unhealthy',
				"Liveness probe failed: The process 'gcsfuse' is not running.",
			);
			for (const { tried } of here)
				write.worker(
					pod.name,
					`OSError: [Errno 107] Transport endpoint is not connected: '/home/airflow/gcs/logs/dag_id=${tried.dag.id}/run_id=${tried.run.run}/task_id=${tried.task.id}/attempt=${tried.tryNumber}.log'`,
					{ severity: 'ERROR' },
				);
		}
		write.worker(pod.name, airflow === 2 ? `celery@${pod.name} ready.` : `celery@${pod.name} ready.`, {
			at: now + 20_000,
		});
		for (const load of here)
			load.lost = { at: now, log: inBucket || plain || now - load.startedAt < SENT_MS ? 'missing' : 'cut' };
	}

	function watchDisk(now: number): void {
		for (const pod of pods()) {
			const here = on(pod.name);
			if (BASE_DISK_GB + here.reduce((sum, load) => sum + diskOf(load, now), 0) <= size().storageGb) continue;
			minute.evictions += 1;
			const limit = `${size().storageGb}Gi`;
			write.podEvent(
				pod.name,
				'composer-workers',
				'Evicted',
				`Pod ephemeral local storage usage exceeds the total limit of containers ${limit}. `,
			);
			write.worker(
				pod.name,
				`A worker pod was evicted at ${new Date(now).toISOString()} with message: Pod ephemeral local storage usage exceeds the total limit of containers ${limit}.`,
				{ severity: 'ERROR' },
			);
			environment.pods.splice(environment.pods.indexOf(pod), 1);
			addPod(world, environment, 'CELERY_WORKER', now + 60_000).state = 'PENDING';
			for (const load of here) load.lost = { at: now, log: 'cut' };
		}
	}

	function watchCpu(now: number): void {
		for (const pod of pods()) {
			const asked = on(pod.name).reduce((sum, { needs }) => sum + (needs.cpu ?? TASK_CPU), 0);
			if (asked < STARVED * size().cpu) starvedSince.delete(pod.name);
			else if (!starvedSince.has(pod.name)) starvedSince.set(pod.name, now);
		}
	}

	world.onChange((happening) => {
		if (happening.what !== 'pods-replaced' || happening.environment !== environment) return;
		const gone = new Set(happening.gone.map(({ name }) => name));
		for (const load of loads.values()) if (gone.has(load.host)) load.goesAt ??= world.now() + GRACE_MS;
	});

	return {
		loads,
		waiting,
		slots,
		setting,
		patience,
		freeHost,
		pods,
		on,
		starvedSince: (host: string): number | undefined => starvedSince.get(host),
		memoryGb: (host: string): number => minute.memoryPeak.get(host) ?? BASE_GB,
		diskGb: (host: string): number => BASE_DISK_GB + on(host).reduce((sum, load) => sum + diskOf(load, world.now()), 0),
		cpu: (host: string): number =>
			Math.min(size().cpu, 0.08 + on(host).reduce((sum, { needs }) => sum + (needs.cpu ?? TASK_CPU), 0)),
		get minute() {
			return minute;
		},
		takeMinute(): Minute {
			const past = minute;
			minute = newMinute();
			return past;
		},
		/** What the clock does to them. */
		step(now: number): void {
			watchMemory(now);
			watchDisk(now);
			watchCpu(now);
			scale(now);
		},
	};
}
export type Workers = ReturnType<typeof openWorkers>;

function diskOf({ needs, startedAt, dueAt }: Load, now: number): number {
	const share = Math.min(1, Math.max(0, (now - startedAt) / Math.max(1, dueAt - startedAt)));
	return (needs.diskGb ?? 0) * share;
}
