import { afterEach, describe, expect, test } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { openHouse, postsOf, runsOf } from './house.ts';
import type { House, HouseOptions } from './house.ts';
import { people, quick } from './workspace.ts';

let house: House | undefined;
afterEach(async () => {
	await house?.close();
	house = undefined;
}, 20_000);
const open = async (options: HouseOptions = {}): Promise<House> =>
	(house = await openHouse({
		...options,
		slack: { workspace: people(), ...options.slack },
		airflow: { dags: [quick], ...options.airflow },
	}));
const typed = { user: 'U0ANN', channel: 'C0OPEN', text: '/dag trigger quick' };
const green = ({ slack }: House, channel = 'C0OPEN', ms = 25_000) =>
	slack.until(() => slack.messages(channel).find(({ text }) => /succeeded/.test(text)), ms);
const ones = (counts: ReadonlyMap<string, number>): number[] => [...counts.values()];

describe('Slack fails while a message is posted: one message', () => {
	test.each(['reset-after-effect', '500-after-effect', 'slow-after-effect', 'reset', '500', '429', 'timeout'] as const)(
		'%s',
		async (kind) => {
			const all = await open();
			const { slack, start } = all;
			await start('start');
			slack.faults({ method: 'chat.postMessage', kind, times: 1, slowMs: 6000 });
			await slack.type(typed);
			await green(all);
			expect(ones(postsOf(slack))).toEqual([1]);
			expect(slack.counts().faults[kind]).toBe(1);
		},
		60_000,
	);
});

describe('the history may not be read (row 22)', () => {
	test.each(['missing_scope', 'not_in_channel'])(
		'%s: sent again unseen, and counted',
		async (error) => {
			const all = await open();
			const { slack, redis, start } = all;
			await start('start');
			slack.faults({ method: 'conversations.history', kind: 'error', error });
			slack.faults({ method: 'chat.postMessage', kind: 'reset-after-effect', times: 1 });
			await slack.type(typed);
			await green(all);
			// One double for one refused look-up, and it is not hidden.
			expect(ones(postsOf(slack))).toEqual([2]);
			const client = new Redis(redis.url);
			expect(await client.hget('{concertmaster}:count:messages', 'blindPosts')).toBe('1');
			client.disconnect();
			await slack.type({ ...typed, channel: 'C0OTHER', text: '/dag doctor' });
		},
		60_000,
	);

	test('limited to one look-up a minute: it waits and looks, nothing stands twice', async () => {
		const all = await open();
		const { slack, start } = all;
		await start('start');
		slack.faults({ method: 'conversations.history', kind: '429', times: 1, retryAfter: 2 });
		slack.faults({ method: 'chat.postMessage', kind: 'reset-after-effect', times: 1 });
		await slack.type(typed);
		await green(all);
		expect(ones(postsOf(slack))).toEqual([1]);
	}, 60_000);
});

test('a channel Slack limits for 20 s does not delay another', async () => {
	const all = await open();
	const { slack, start } = all;
	await start('start');
	const limited = slack.faults({
		method: 'chat.postMessage',
		kind: '429',
		retryAfter: 20,
		match: ({ args }) => args['channel'] === 'C0OPEN',
	});
	await slack.type(typed);
	await slack.until(() => (slack.counts().faults['429'] ?? 0) > 0);
	limited();
	const before = performance.now();
	await slack.type({ ...typed, channel: 'C0OTHER' });
	await green(all, 'C0OTHER', 8000);
	expect(performance.now() - before).toBeLessThan(5000);
	// Asked to wait, it waits: not one more call for that channel.
	expect(slack.calls('chat.postMessage').filter(({ args }) => args['channel'] === 'C0OPEN').length).toBe(1);
	await green(all, 'C0OPEN', 25_000);
	expect(ones(postsOf(slack))).toEqual([1, 1]);
}, 60_000);

test('a burst in one channel keeps to one message a second', async () => {
	const all = await open({ slack: { workspace: people(), rateLimits: { postEveryMs: 1000 } } });
	const { slack, airflow, start } = all;
	await start('start');
	await Promise.all(Array.from({ length: 6 }, () => slack.type(typed)));
	await slack.until(
		() => slack.messages('C0OPEN').filter(({ text }) => /succeeded/.test(text)).length === 6 || undefined,
		40_000,
	);
	expect(slack.counts().busiestChannelSecond).toBe(1);
	expect(slack.counts().faults['429'] ?? 0).toBe(0);
	expect(slack.counts().errors['ratelimited'] ?? 0).toBe(0);
	expect(ones(runsOf(airflow))).toEqual([1, 1, 1, 1, 1, 1]);
	expect(ones(postsOf(slack))).toEqual([1, 1, 1, 1, 1, 1]);
}, 60_000);

test('the response_url is dead: the asker still hears', async () => {
	const all = await open();
	const { slack, start } = all;
	await start('start');
	slack.faults({ method: 'response_url', kind: 'error' });
	slack.faults({ method: 'response_url', kind: '500' });
	await slack.type({ ...typed, text: '/dag trigger nothing_like_it' });
	const told = await slack.until(
		() => slack.messages('C0OPEN').find(({ ephemeralTo }) => ephemeralTo === 'U0ANN'),
		30_000,
	);
	expect(told.via).toBe('chat.postEphemeral');
}, 60_000);

test('Slack does not take the blocks: the same words without them', async () => {
	const all = await open();
	const { slack, start } = all;
	await start('start');
	slack.faults({
		method: 'chat.postMessage',
		kind: 'error',
		error: 'invalid_blocks',
		match: ({ args }) => args['blocks'] !== undefined,
	});
	await slack.type(typed);
	await green(all);
	expect(ones(postsOf(slack))).toEqual([1]);
}, 60_000);

describe('what may not come in', () => {
	test('another app or workspace under the same secret, over HTTP and over the socket', async () => {
		for (const by of ['http', 'socket'] as const) {
			const { slack, airflow, start, close } = await openHouse({
				by,
				slack: { workspace: people() },
				airflow: { dags: [quick] },
			});
			try {
				await start('start');
				const overlays = [{ api_app_id: 'A0STRANGER' }, { team_id: 'T0STRANGER' }];
				for (const overlay of overlays) {
					const { ack } = await slack.type({ ...typed, overlay });
					if (by === 'http') expect(ack.http).toBe(401);
				}
				await sleep(1000);
				expect(airflow.started()).toEqual([]);
				expect(postsOf(slack).size).toBe(0);
			} finally {
				await close();
			}
		}
	}, 60_000);

	test('a request from the future or the past, and one sent twice', async () => {
		const all = await open({ by: 'http' });
		const { slack, airflow, start } = all;
		const bot = await start('start');
		const refused = async (skewSeconds: number): Promise<number | undefined> =>
			(await slack.type({ ...typed, skewSeconds })).ack.http;
		expect(await refused(120)).toBe(401);
		expect(await refused(-400)).toBe(401);
		expect(await refused(-200)).toBe(200);
		await green(all);

		const body = new URLSearchParams({
			command: '/dag',
			text: 'trigger quick',
			user_id: 'U0ANN',
			channel_id: 'C0OTHER',
			team_id: slack.teamId,
			api_app_id: slack.appId,
			trigger_id: '1.2.recorded',
		}).toString();
		const headers = { ...slack.sign(body), 'content-type': 'application/x-www-form-urlencoded' };
		const send = (): Promise<Response> =>
			fetch(`http://127.0.0.1:${bot.port}/slack/events`, { method: 'POST', headers, body });
		expect((await send()).status).toBe(200);
		expect((await send()).status).toBe(200);
		await green(all, 'C0OTHER');
		expect((await send()).status).toBe(200);
		await sleep(1000);
		expect(ones(runsOf(airflow))).toEqual([1, 1]);
		const forged = await fetch(`http://127.0.0.1:${bot.port}/slack/events`, {
			method: 'POST',
			headers: { ...headers, 'x-slack-signature': 'v0=00' },
			body,
		});
		expect(forged.status).toBe(401);
	}, 60_000);

	test('a guest is refused before anything is queued', async () => {
		const { slack, airflow, start } = await open();
		await start('start');
		const { ack } = await slack.type({ ...typed, user: 'U0GUEST' });
		expect(ack.text).not.toBe('');
		await sleep(500);
		expect(airflow.started()).toEqual([]);
	}, 60_000);
});

describe('Airflow fails while a run is started: one run, one message', () => {
	test.each(['reset-after-effect', '500-after-effect', 'slow-after-effect', 'reset', '500', '429', 'timeout'] as const)(
		'%s',
		async (kind) => {
			const all = await open();
			const { slack, airflow, start } = all;
			await start('start');
			airflow.faults({ op: 'trigger', kind, times: 1, slowMs: 5000 });
			await slack.type(typed);
			await green(all);
			expect(ones(runsOf(airflow))).toEqual([1]);
			expect(ones(postsOf(slack))).toEqual([1]);
		},
		60_000,
	);

	test('it does not answer for long: the asker hears that it is still being tried, then that it was given up', async () => {
		const all = await open({ settings: 'retry: { giveUpAfterMinutes: 0.3 }\n' });
		const { slack, airflow, start } = all;
		await start('start');
		airflow.faults({ op: 'trigger', kind: '500' });
		await slack.type(typed);
		const told = () => slack.messages('C0OPEN').filter(({ ephemeralTo }) => ephemeralTo === 'U0ANN');
		await slack.until(() => told().find(({ text }) => text.includes('⏳')), 30_000);
		await slack.until(() => told().find(({ text }) => !text.includes('⏳')), 60_000);
		expect(postsOf(slack).size).toBe(0);
		expect(runsOf(airflow).size).toBe(0);
	}, 120_000);
});
