import { Queue } from 'bullmq';
import { Redis } from 'ioredis';
import { watchSchema } from '../../src/alerts/watch-options.ts';
import type { WatchOptions } from '../../src/alerts/watch-options.ts';
import { LOOKS } from '../../src/alerts/watch-pace.ts';
import type { Look } from '../../src/alerts/watch-pace.ts';
import { buildDeps } from '../../src/build-deps.ts';
import { workQueue } from '../../src/clients/queue.ts';
import type { Protection } from '../../src/config.ts';
import { alertsSchema } from '../../src/alerts/options.ts';
import { scalingSchema } from '../../src/scaling/options.ts';
import { startAirflow } from '../../src/sandbox/airflow/index.ts';
import type { AirflowOptions, SandboxAirflow, SimRun } from '../../src/sandbox/airflow/types.ts';
import { startRedis } from '../../src/sandbox/redis.ts';
import type { SandboxRedis } from '../../src/sandbox/redis.ts';
import { conditionJob, failureJob } from '../../worker/jobs.ts';
import type { ConditionJob, FailureJob } from '../../worker/jobs.ts';
import { watch } from '../../worker/watch.ts';
import type { Wires } from '../../worker/wires.ts';

export const ENV = 'lab';

export type WatchHouse = {
	airflow: SandboxAirflow;
	redis: SandboxRedis;
	client: Redis;
	wires: Wires;
	/** One tick of the watch with these looks due and no others. */
	look(...looks: Look[]): Promise<void>;
	/** What was enqueued, in the order of its key. */
	failures(): Promise<FailureJob[]>;
	conditions(): Promise<ConditionJob[]>;
	/** Forgets what was enqueued, as when it was carried out and is long gone. */
	drain(): Promise<void>;
	/** A failed run of one task that failed, both ended then (the stand-in's clock). */
	failedRun(dag: string, run: string, endedAt: number, tryNumber?: number): SimRun;
	close(): Promise<void>;
};

/** The watch against the Airflow stand-in and a real Redis, tick by tick. */
export async function openWatch(
	options: Partial<AirflowOptions> = {},
	settings: Partial<WatchOptions> = {},
	broken?: Protection,
): Promise<WatchHouse> {
	const [redis, airflow] = await Promise.all([
		startRedis(),
		startAirflow({ api: 2, schedules: false, dags: [], ...options }),
	]);
	const client = new Redis(redis.url, { maxRetriesPerRequest: null });
	const quiet = { info: () => undefined, warn: () => undefined, error: () => undefined };
	const auth = {
		kind: (options.api ?? 2) === 2 ? ('jwt' as const) : ('basic' as const),
		username: 'admin',
		password: 'admin',
	};
	const deps = buildDeps(
		{
			slack: {
				botToken: 'xoxb-x',
				appToken: undefined,
				signingSecret: 'x',
				port: 0,
				apiUrl: undefined,
				appId: undefined,
			},
			redisUrl: redis.url,
			googleToken: undefined,
			logLevel: 'silent',
			healthPort: undefined,
			publicUrl: undefined,
			publicPort: undefined,
			environments: [{ name: ENV, airflow: { url: airflow.url, auth, timeoutMs: 3000 }, composer: undefined }],
			lang: 'en',
			grants: [],
			everyone: 'operator',
			allowOutsiders: false,
			followGiveUpMs: 1000,
			retryGiveUpMs: 60_000,
			alerts: alertsSchema.parse({}),
			scaling: scalingSchema.parse({}),
			watch: { ...watchSchema.parse({}), ...settings },
			broken,
		},
		client,
		quiet,
	);
	const work = workQueue(redis.url, client, quiet, Date.now);
	const wires: Wires = {
		deps,
		work,
		execute: async () => {
			throw new Error('nothing is carried out here');
		},
		render: async () => ({ text: '', blocks: [] }),
		broken,
	};
	const queues = ['failures', 'conditions'].map(
		(name) => new Queue(name, { connection: client, prefix: '{concertmaster}' }),
	);
	const jobs = async (at: number): Promise<unknown[]> =>
		(await queues[at]?.getJobs(['wait', 'delayed', 'active']))?.map(({ data }) => data as unknown) ?? [];
	const byKey = <T>(all: T[]): T[] => all.sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));

	return {
		airflow,
		redis,
		client,
		wires,
		async look(...looks) {
			const due = LOOKS.flatMap((name) => [`due:${name}`, looks.includes(name) ? '0' : '99999999999999']);
			await client.hset(`{concertmaster}:watch:state:${ENV}`, ...due, 'endedAt', Date.now());
			const held = {
				id: 'x',
				data: { v: 1, env: ENV },
				addedAt: 0,
				starts: 1,
				stalls: 0,
				keepOnly: async () => undefined,
			};
			await watch(held, wires);
		},
		failures: async () => byKey((await jobs(0)).map((one) => failureJob.parse(one))),
		conditions: async () => byKey((await jobs(1)).map((one) => conditionJob.parse(one))),
		async drain() {
			for (const queue of queues) await queue.obliterate({ force: true });
		},
		failedRun(dag, run, endedAt, tryNumber = 1) {
			const made = airflow.foreignRun({ dag, run, state: 'failed' });
			made.queuedAt = made.runAfter = endedAt - 10_000;
			made.startedAt = endedAt - 9000;
			made.endedAt = endedAt;
			for (const one of made.tasks) {
				Object.assign(one, {
					state: 'failed',
					tryNumber,
					queuedAt: endedAt - 8000,
					startedAt: endedAt - 7000,
					endedAt,
				});
				for (let n = 1; n < tryNumber; n++)
					one.past.push({
						tryNumber: n,
						state: 'failed',
						queuedAt: endedAt - 9000,
						startedAt: endedAt - 8900,
						endedAt: endedAt - 8500 + n,
						ending: 'killed',
						host: undefined,
						said: [],
					});
			}
			return made;
		},
		async close() {
			await work.close(500);
			for (const queue of queues) await queue.close();
			client.disconnect();
			await Promise.all([airflow.close(), redis.stop()]);
		},
	};
}

/** `dag/run.task#try`, to compare by. */
export function names(failures: readonly FailureJob[]): string[] {
	return failures
		.map(
			({ dag, run, task, mapIndex, tryNumber }) =>
				`${dag}/${run}.${task}${mapIndex < 0 ? '' : `[${mapIndex}]`}#${tryNumber}`,
		)
		.sort();
}
