import { Redis } from 'ioredis';
import { alertsSchema } from '../../src/alerts/options.ts';
import { scalingSchema } from '../../src/scaling/options.ts';
import { watchSchema } from '../../src/alerts/watch-options.ts';
import { buildDeps } from '../../src/build-deps.ts';
import { workQueue } from '../../src/clients/queue.ts';
import type { Config } from '../../src/config.ts';
import { startRedis } from '../../src/sandbox/redis.ts';
import { startSlack } from '../../src/sandbox/slack/index.ts';
import type { SandboxSlack } from '../../src/sandbox/slack/types.ts';
import type { Wires } from '../../worker/wires.ts';
import { people } from '../faults/workspace.ts';

export const quiet = { info: () => undefined, warn: () => undefined, error: () => undefined };

export type Wired = { wires: Wires; client: Redis; slack: SandboxSlack; close(): Promise<void> };

/** The worker's wires with a real Redis and the Slack stand-in; what a command does is given. */
export async function wiresWith(
	execute: Wires['execute'],
	more: Partial<Config> = {},
	render?: Wires['render'],
	now: () => number = Date.now,
): Promise<Wired> {
	const [redis, slack] = await Promise.all([startRedis(), startSlack({ workspace: people() })]);
	const client = new Redis(redis.url, { maxRetriesPerRequest: null });
	const config: Config = {
		slack: {
			botToken: slack.botToken,
			appToken: undefined,
			signingSecret: 'x',
			port: 0,
			apiUrl: slack.apiUrl,
			appId: undefined,
		},
		redisUrl: redis.url,
		googleToken: undefined,
		logLevel: 'silent',
		healthPort: undefined,
		publicUrl: undefined,
		publicPort: undefined,
		environments: [
			{
				name: 'lab',
				airflow: { url: 'http://127.0.0.1:9', auth: { kind: 'basic', username: 'u', password: 'p' } },
				composer: undefined,
			},
		],
		lang: 'en',
		grants: [],
		everyone: 'operator',
		allowOutsiders: false,
		followGiveUpMs: 1000,
		retryGiveUpMs: 60_000,
		alerts: alertsSchema.parse({}),
		scaling: scalingSchema.parse({}),
		watch: watchSchema.parse({}),
		broken: undefined,
		...more,
	};
	const deps = buildDeps(config, client, quiet, now);
	const work = workQueue(redis.url, client, quiet, Date.now);
	return {
		wires: { deps, work, execute, render: render ?? (async () => ({ text: 'said', blocks: [] })) },
		client,
		slack,
		async close() {
			await work.close(500);
			client.disconnect();
			await Promise.all([slack.close(), redis.stop()]);
		},
	};
}
