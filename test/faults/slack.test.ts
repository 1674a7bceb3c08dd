import { describe, expect, test } from '@jest/globals';
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
const green = ({ slack }: Pick<House, 'slack'>, channel = 'C0OPEN', ms = 25_000) =>
	slack.until(() => slack.messages(channel).find(({ text }) => /succeeded/.test(text)), ms);
const ones = (counts: ReadonlyMap<string, number>): number[] => [...counts.values()];

const KINDS = [
	'reset-after-effect',
	'500-after-effect',
	'slow-after-effect',
	'reset',
	'500',
	'429',
	'timeout',
] as const;

test.concurrent(
	'Slack fails in every way while a message is posted: one message each',
	alone(
		async ({ slack, start }) => {
			await start('start');
			for (const [index, kind] of KINDS.entries()) {
				const channel = `C0FAULT${index}`;
				slack.faults({
					method: 'chat.postMessage',
					kind,
					times: 1,
					slowMs: 6000,
					match: ({ args }) => args['channel'] === channel,
				});
				await slack.type({ ...typed, channel });
			}
			for (const index of KINDS.keys()) await green({ slack }, `C0FAULT${index}`, 40_000);
			expect(ones(postsOf(slack))).toEqual(KINDS.map(() => 1));
			for (const kind of KINDS) expect(slack.counts().faults[kind]).toBe(1);
		},
		{ slack: { workspace: people(KINDS.length) } },
	),
	120_000,
);

test.concurrent(
	'Airflow fails in every way while a run is started: one run and one message each',
	alone(
		async ({ slack, airflow, start }) => {
			await start('start');
			for (const [index, kind] of KINDS.entries()) {
				airflow.faults({ op: 'trigger', kind, times: 1, slowMs: 5000, match: ({ dag }) => dag === `quick_${index}` });
				await slack.type({ ...typed, channel: `C0FAULT${index}`, text: `/dag trigger quick_${index}` });
			}
			for (const index of KINDS.keys()) await green({ slack }, `C0FAULT${index}`, 40_000);
			expect(ones(runsOf(airflow))).toEqual(KINDS.map(() => 1));
			expect(ones(postsOf(slack))).toEqual(KINDS.map(() => 1));
		},
		{
			slack: { workspace: people(KINDS.length) },
			airflow: { dags: KINDS.map((_, index) => ({ ...quick, id: `quick_${index}` })) },
		},
	),
	120_000,
);

describe('the history may not be read (row 22)', () => {
	test.concurrent.each(['missing_scope', 'not_in_channel'])(
		'%s: sent again unseen, and counted',
		(error) =>
			alone(async (all) => {
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
				await slack.until(() =>
					slack.messages('C0OTHER').find(({ blocks }) => JSON.stringify(blocks).includes('again unseen: 1')),
				);
			})(),
		120_000,
	);

	test.concurrent(
		'limited to one look-up a minute: it waits and looks, nothing stands twice',
		alone(async (all) => {
			const { slack, start } = all;
			await start('start');
			slack.faults({ method: 'conversations.history', kind: '429', times: 1, retryAfter: 2 });
			slack.faults({ method: 'chat.postMessage', kind: 'reset-after-effect', times: 1 });
			await slack.type(typed);
			await green(all);
			expect(ones(postsOf(slack))).toEqual([1]);
		}),
		120_000,
	);
});

test.concurrent(
	'a channel Slack limits for 20 s does not delay another',
	alone(async (all) => {
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
	}),
	120_000,
);

test.concurrent(
	'a burst in one channel keeps to one message a second',
	alone(
		async (all) => {
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
		},
		{ slack: { workspace: people(), rateLimits: { postEveryMs: 1000 } } },
	),
	120_000,
);

test.concurrent(
	'the response_url is dead: the asker still hears',
	alone(async (all) => {
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
	}),
	120_000,
);

test.concurrent(
	'Slack does not take the blocks: the same words without them',
	alone(async (all) => {
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
	}),
	120_000,
);

describe('what may not come in', () => {
	test.concurrent.each(['http', 'socket'] as const)(
		'another app or workspace under the same secret, over %s',
		(by) =>
			alone(
				async ({ slack, airflow, start }) => {
					await start('start');
					for (const overlay of [{ api_app_id: 'A0STRANGER' }, { team_id: 'T0STRANGER' }]) {
						const { ack } = await slack.type({ ...typed, overlay });
						if (by === 'http') expect(ack.http).toBe(401);
					}
					await sleep(1000);
					expect(airflow.started()).toEqual([]);
					expect(postsOf(slack).size).toBe(0);
				},
				{ by },
			)(),
		120_000,
	);

	test.concurrent(
		'a request from the future or the past, and one sent twice',
		alone(
			async (all) => {
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
			},
			{ by: 'http' },
		),
		120_000,
	);

	test.concurrent(
		'a guest is refused before anything is queued',
		alone(async ({ slack, airflow, start }) => {
			await start('start');
			const { ack } = await slack.type({ ...typed, user: 'U0GUEST' });
			expect(ack.text).not.toBe('');
			await sleep(500);
			expect(airflow.started()).toEqual([]);
		}),
		120_000,
	);
});

test.concurrent(
	'Airflow does not answer for long: the asker hears that it is still being tried, then that it was given up',
	alone(
		async (all) => {
			const { slack, airflow, start } = all;
			await start('start');
			airflow.faults({ op: 'trigger', kind: '500' });
			await slack.type(typed);
			const told = () => slack.messages('C0OPEN').filter(({ ephemeralTo }) => ephemeralTo === 'U0ANN');
			await slack.until(() => told().find(({ text }) => text.includes('⏳')), 30_000);
			await slack.until(() => told().find(({ text }) => !text.includes('⏳')), 60_000);
			expect(postsOf(slack).size).toBe(0);
			expect(runsOf(airflow).size).toBe(0);
		},
		{ settings: 'retry: { giveUpAfterMinutes: 0.3 }\n' },
	),
	120_000,
);
