import { afterEach, expect, test } from '@jest/globals';
import { Redis } from 'ioredis';
import { alertsSchema } from '../../src/alerts/options.ts';
import { buildDeps } from '../../src/build-deps.ts';
import type { Config } from '../../src/config.ts';
import { workQueue } from '../../src/clients/queue.ts';
import type { Held } from '../../src/clients/queue.ts';
import { startRedis } from '../../src/sandbox/redis.ts';
import { startSlack } from '../../src/sandbox/slack/index.ts';
import { command } from '../../worker/command.ts';
import type { Wires } from '../../worker/wires.ts';
import { people } from '../faults/workspace.ts';

const quiet = { info: () => undefined, warn: () => undefined, error: () => undefined };
const open: (() => Promise<unknown>)[] = [];
afterEach(async () => {
	for (const close of open.splice(0).reverse()) await close();
});

const key = 'a'.repeat(24);

/** The worker's wires with a real Redis and the Slack stand-in; what a command does is given. */
async function wiresWith(execute: Wires['execute']): Promise<{ wires: Wires; client: Redis }> {
	const redis = await startRedis();
	open.push(() => redis.stop());
	const slack = await startSlack({ workspace: people() });
	open.push(() => slack.close());
	const client = new Redis(redis.url, { maxRetriesPerRequest: null });
	open.push(async () => client.disconnect());
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
		broken: undefined,
	};
	const deps = buildDeps(config, client, quiet);
	const work = workQueue(redis.url, client, quiet, Date.now);
	open.push(() => work.close(500));
	return { wires: { deps, work, execute, render: async () => ({ text: 'said', blocks: [] }) }, client };
}

function held(data: unknown, more: Partial<Held> = {}): Held & { kept: unknown[] } {
	const kept: unknown[] = [];
	return {
		id: key,
		data,
		addedAt: Date.now(),
		starts: 1,
		stalls: 0,
		keepOnly: async (left) => void kept.push(left),
		kept,
		...more,
	};
}
const typed = {
	words: 'trigger quick',
	user: 'U0ANN',
	channel: 'C0OPEN',
	team: 'T',
	key,
	via: 'command',
	at: Date.now(),
};

test('a command that ended one worker after another is set aside, and its asker is told', async () => {
	let ran = 0;
	const { wires, client } = await wiresWith(async () => {
		ran++;
		return { reply: { to: 'asker', parts: [] } };
	});
	const job = held({ v: 1, typed }, { stalls: 8 });
	expect(await command(job, wires)).toBe('done');
	expect(ran).toBe(0);
	expect(Object.keys(await wires.deps.store.quarantined())).toEqual([key]);
	expect(await client.hget(`{concertmaster}:msg:${key}`, 'place')).toContain('U0ANN');
	expect(job.kept).toEqual([{ v: 1, done: true }]);
	const redis = (await wires.deps.checkups()).find(({ what }) => what === 'Redis');
	expect(redis?.ok).toBe(false);
});

test('a job of another version is parked, not failed', async () => {
	const { wires } = await wiresWith(async () => ({ reply: { to: 'asker', parts: [] } }));
	expect(await command(held({ v: 2, something: 'new' }), wires)).toEqual({ againInMs: 30_000 });
});

test('what was declared not accepted is dropped', async () => {
	let ran = 0;
	const { wires, client } = await wiresWith(async () => {
		ran++;
		return { reply: { to: 'asker', parts: [] } };
	});
	await client.set(`{concertmaster}:refused:${key}`, '1');
	expect(await command(held({ v: 1, typed }), wires)).toBe('done');
	expect(ran).toBe(0);
});

test('carried out again after a crash, it says the same once', async () => {
	const { wires } = await wiresWith(async () => ({ reply: { to: 'channel', parts: [] } }));
	await command(held({ v: 1, typed }), wires);
	const first = await wires.deps.store.begin(key, 'h', 'C0OPEN');
	expect(first).toMatchObject({ do: 'post', rev: 1 });
	await wires.deps.store.posted(key, 'C0OPEN', '1.1', 1);
	await command(held({ v: 1, typed }), wires);
	expect(await wires.deps.store.begin(key, 'h', 'C0OPEN')).toEqual({ do: 'nothing' });
	expect(await command(held({ v: 1, done: true }), wires)).toBe('done');
});
