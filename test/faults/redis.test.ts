import { expect, test } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { inHouse, postsOf, runsOf } from './house.ts';
import type { House, HouseOptions } from './house.ts';
import { people, quick } from './workspace.ts';

// Each has processes of its own and mostly waits, so they run side by side.
const alone =
	(work: (house: House) => Promise<void>, options: HouseOptions = {}) =>
	(): Promise<void> =>
		inHouse(
			{ ...options, slack: { workspace: people(), ...options.slack }, airflow: { dags: [quick], ...options.airflow } },
			work,
		);

const typed = { user: 'U0ANN', channel: 'C0OPEN', text: '/dag trigger quick' };
const seen = ({ slack, airflow }: House): { runs: number[]; posts: number[] } => ({
	runs: [...runsOf(airflow).values()],
	posts: [...postsOf(slack).values()],
});

test.concurrent(
	'Redis is down: said so in time, nothing starts; when it is back, typing again works',
	alone(async (all) => {
		const { slack, redis, start } = all;
		await start('start');
		// Known people and channels, as on any day.
		await slack.type({ ...typed, text: '/dag help' });
		await redis.kill();
		await sleep(200);
		const { ack } = await slack.type(typed);
		expect(ack).toMatchObject({ status: 'acked' });
		expect(ack.text).toContain('Not accepted');
		expect(ack.ms).toBeLessThan(3000);
		await redis.restart();
		await sleep(1500);
		expect(seen(all)).toEqual({ runs: [], posts: [] });
		await slack.type(typed);
		await slack.until(() => slack.messages('C0OPEN').find(({ text }) => /succeeded/.test(text)), 20_000);
		expect(seen(all)).toEqual({ runs: [1], posts: [1] });
	}),
	120_000,
);

test.concurrent(
	'Redis is frozen: not sure is said in time, found out later and told; it runs once',
	alone(async (all) => {
		const { slack, redis, start } = all;
		await start('start');
		redis.freeze();
		const { ack } = await slack.type(typed);
		expect(ack.text).toContain('Not sure yet');
		expect(ack.ms).toBeLessThan(3000);
		// Meanwhile others get a refusal that is a fact.
		const second = await slack.type(typed);
		expect(second.ack.text).toContain('Not accepted');
		await sleep(1000);
		redis.thaw();
		await slack.until(() => slack.messages('C0OPEN').find(({ text }) => text.includes('was accepted')), 20_000);
		await slack.until(() => slack.messages('C0OPEN').find(({ text }) => /succeeded/.test(text)), 20_000);
		expect(seen(all)).toEqual({ runs: [1], posts: [1] });
	}),
	120_000,
);

test.concurrent(
	'Redis is frozen and then killed: what did not get in is told and never runs',
	alone(async (all) => {
		const { slack, redis, start } = all;
		await start('start');
		redis.freeze();
		const { ack } = await slack.type(typed);
		expect(ack.text).toContain('Not sure yet');
		await redis.kill();
		await redis.restart();
		const told = await slack.until(
			() => slack.messages('C0OPEN').find(({ text }) => text.includes('I found out')),
			20_000,
		);
		expect(told.text).toContain('was not accepted');
		await sleep(1500);
		expect(seen(all)).toEqual({ runs: [], posts: [] });
	}),
	120_000,
);

test.concurrent(
	'killed and started again while commands are under way: one run and one message each',
	alone(async (all) => {
		const { slack, redis, start } = all;
		await start('start');
		const accepted: Promise<unknown>[] = [];
		for (let n = 0; n < 10; n++) {
			accepted.push(slack.type({ ...typed, channel: n % 2 ? 'C0OPEN' : 'C0OTHER' }));
			await sleep(30);
		}
		await Promise.all(accepted);
		await redis.kill();
		await sleep(300);
		await redis.restart();
		await slack.until(
			() =>
				[...slack.messages('C0OPEN'), ...slack.messages('C0OTHER')].filter(({ text }) => /succeeded/.test(text))
					.length === 10 || undefined,
			40_000,
		);
		expect(seen(all)).toEqual({ runs: Array(10).fill(1), posts: Array(10).fill(1) });
	}),
	120_000,
);

test.concurrent(
	'an eviction policy that may drop commands: the bot does not start',
	alone(async ({ redis, start }) => {
		const admin = new Redis(redis.url);
		await admin.config('SET', 'maxmemory-policy', 'allkeys-lru');
		admin.disconnect();
		await expect(start('worker')).rejects.toThrow(/noeviction/);
	}),
	120_000,
);

test.concurrent(
	'neither the conf nor the response_url stays in Redis',
	alone(async ({ slack, redis, start }) => {
		await start('start');
		await slack.type({ ...typed, text: '/dag trigger quick canary=c4n4ry' });
		await slack.type({ ...typed, text: '/dag trigger nothing_like_it canary=c4n4ry' });
		await slack.until(() => slack.messages('C0OPEN').find(({ text }) => /succeeded/.test(text)), 20_000);
		await slack.until(() => slack.messages('C0OPEN').find(({ ephemeralTo }) => ephemeralTo !== undefined), 20_000);
		await sleep(500);
		const client = new Redis(redis.url);
		const kept: unknown[] = [];
		for (const key of await client.keys('*')) {
			const type = await client.type(key);
			if (type === 'hash') kept.push(await client.hgetall(key));
			else if (type === 'string') kept.push(await client.get(key));
			else if (type === 'stream') kept.push(await client.xrange(key, '-', '+'));
			else if (type === 'list') kept.push(await client.lrange(key, 0, -1));
		}
		client.disconnect();
		const text = JSON.stringify(kept);
		expect(text).toContain('"done');
		expect(text).not.toContain('c4n4ry');
		expect(text).not.toContain(slack.origin);
	}),
	120_000,
);
