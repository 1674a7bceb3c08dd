import { afterEach, describe, expect, test } from '@jest/globals';
import { LogLevel, WebClient } from '@slack/web-api';
import type { KnownBlock } from '@slack/types';
import {
	defaultScopes,
	defaultWorkspace,
	startSlack,
	type SandboxSlack,
	type SlackOptions,
} from '../../src/sandbox/slack/index.ts';

/** The Web API subset, its refusals, its faults and its counts, through Slack's own client without retries. */

const started: SandboxSlack[] = [];

afterEach(async () => {
	for (const slack of started.splice(0)) await slack.close();
});

async function start(options: SlackOptions = {}): Promise<{ slack: SandboxSlack; web: WebClient; channel: string }> {
	const slack = await startSlack(options);
	started.push(slack);
	return { slack, web: client(slack), channel: slack.channelId('#data-pipelines') };
}

function client(slack: SandboxSlack, token = slack.botToken, timeout = 300): WebClient {
	return new WebClient(token, {
		slackApiUrl: slack.apiUrl,
		retryConfig: { retries: 0 },
		rejectRateLimitedCalls: true,
		timeout,
		logger: quiet,
	});
}

// Refusals are what these tests ask for; the client would print each.
const quiet = {
	debug() {},
	info() {},
	warn() {},
	error() {},
	setLevel() {},
	setName() {},
	getLevel: () => LogLevel.ERROR,
};

/** Slack's error code of a call that was refused, with its details; `reached` when it was not. */
async function refusal(call: Promise<unknown>): Promise<unknown> {
	try {
		await call;
		return 'reached';
	} catch (error) {
		const data = typeof error === 'object' && error !== null && 'data' in error ? error.data : undefined;
		if (typeof data === 'object' && data !== null && 'error' in data) return data.error;
		return error instanceof Error ? error.name : error;
	}
}

const say = (text: string, key?: string) => ({
	text,
	...(key === undefined ? {} : { metadata: { event_type: 'said', event_payload: { key } } }),
});

describe('messages', () => {
	test('history: newest first, metadata only when asked for, windows, pages, no threads, no ephemerals', async () => {
		const { slack, web, channel } = await start();
		const ts: string[] = [];
		for (const word of ['one', 'two', 'three', 'four'])
			ts.push((await web.chat.postMessage({ channel, ...say(word, word) })).ts ?? '');
		await web.chat.postMessage({ channel, thread_ts: ts[0] ?? '', text: 'reply' });
		await web.chat.postEphemeral({ channel, user: 'U0ANA', text: 'psst' });
		expect(new Set(ts).size).toBe(4);

		const words = async (args: object): Promise<unknown> =>
			(await web.conversations.history({ channel, ...args })).messages?.map((one) => one.text);
		expect(await words({})).toEqual(['four', 'three', 'two', 'one']);
		expect(await words({ oldest: ts[1] })).toEqual(['four', 'three']);
		expect(await words({ oldest: ts[1], latest: ts[2], inclusive: true })).toEqual(['three', 'two']);

		const first = await web.conversations.history({ channel, limit: 3, include_all_metadata: true });
		expect(first.messages?.map((one) => one.metadata?.event_payload)).toEqual([
			{ key: 'four' },
			{ key: 'three' },
			{ key: 'two' },
		]);
		const second = await web.conversations.history({
			channel,
			limit: 3,
			cursor: first.response_metadata?.next_cursor ?? '',
		});
		expect(second.messages?.map((one) => [one.text, one.reply_count, one.metadata])).toEqual([['one', 1, undefined]]);
		expect(second.has_more).toBe(false);

		const thread = await web.conversations.replies({ channel, ts: ts[0] ?? '' });
		expect(thread.messages?.map((one) => one.text)).toEqual(['one', 'reply']);
		expect(slack.counts()).toMatchObject({ posts: 5, ephemerals: 1, calls: { 'chat.postMessage': 5 } });
		expect(slack.postsBy('key').get('two')).toBe(1);
	});

	test('update, delete, permalink, and what they say when the message is gone', async () => {
		const { slack, web, channel } = await start();
		const ts = (await web.chat.postMessage({ channel, ...say('before', 'k') })).ts ?? '';
		await web.chat.update({ channel, ts, text: 'after' });
		expect(slack.messages(channel)[0]).toMatchObject({
			text: 'after',
			edits: [{ text: 'before' }],
			metadata: { event_payload: { key: 'k' } },
		});
		expect((await web.chat.getPermalink({ channel, message_ts: ts })).permalink).toContain(ts.replace('.', ''));
		const person = slack.say({ user: 'U0ANA', channel, text: 'mine' });
		expect(await refusal(web.chat.update({ channel, ts: person.ts, text: 'yours' }))).toBe('cant_update_message');
		slack.removeMessage({ channel, ts });
		expect(await refusal(web.chat.update({ channel, ts, text: 'again' }))).toBe('message_not_found');
		expect(await refusal(web.chat.delete({ channel, ts }))).toBe('message_not_found');
		expect(slack.counts()).toMatchObject({ posts: 1, updates: 1, deletes: 0 });
	});

	test('where the bot is not: public, private, unknown, archived, direct', async () => {
		const workspace = defaultWorkspace();
		const { slack, web } = await start({
			workspace: {
				...workspace,
				channels: [
					...workspace.channels,
					{ id: 'C0RANDOM', name: 'random', kind: 'public', members: ['U0ANA'] },
					{ id: 'C0OLD', name: 'old', kind: 'public', members: ['bot'], archived: true },
				],
			},
		});
		const post = (channel: string) => refusal(web.chat.postMessage({ channel, text: 'hi' }));
		expect(await post('C0RANDOM')).toBe('not_in_channel');
		expect(await post('G0PLATFORM')).toBe('channel_not_found');
		expect(await post('C0NOWHERE')).toBe('channel_not_found');
		expect(await post('C0OLD')).toBe('is_archived');
		expect(await post('U0HARU')).toBe('reached');
		expect(slack.messages(slack.channelId('@haruka'))).toHaveLength(1);
		expect((await web.conversations.info({ channel: 'C0RANDOM' })).channel?.is_member).toBe(false);
		expect(await refusal(web.conversations.info({ channel: 'G0PLATFORM' }))).toBe('channel_not_found');
		expect(await refusal(web.conversations.history({ channel: 'C0RANDOM' }))).toBe('not_in_channel');
		slack.invite({ channel: 'C0RANDOM', user: slack.botUserId });
		expect(await post('C0RANDOM')).toBe('reached');
	});
});

describe('people', () => {
	test('locale, zone, guests and strangers; groups; channels', async () => {
		const { web } = await start({
			workspace: {
				...defaultWorkspace(),
				users: [
					...defaultWorkspace().users,
					{ id: 'U0GUEST', name: 'gus', realName: 'Gus', locale: 'en-US', tz: 'UTC', guest: 'single' },
					{ id: 'U0OTHER', name: 'olga', realName: 'Olga', locale: 'en-US', tz: 'UTC', stranger: true },
				],
			},
		});
		const info = async (user: string) => (await web.users.info({ user, include_locale: true })).user;
		expect(await info('U0HARU')).toMatchObject({ locale: 'ja-JP', tz_offset: 32_400, team_id: 'T0ACME' });
		expect(await info('U0GUEST')).toMatchObject({ is_restricted: true, is_ultra_restricted: true });
		expect(await info('U0OTHER')).toMatchObject({ is_stranger: true, team_id: 'T0PARTNER' });
		expect((await web.usergroups.users.list({ usergroup: 'S0PLATFORM' })).users).toEqual(['U0PRIYA']);
		expect((await web.conversations.list({})).channels?.map((one) => one.name)).toEqual([
			'data-pipelines',
			'analytics',
			'data-alerts',
		]);
		expect(await web.auth.test()).toMatchObject({ team_id: 'T0ACME', bot_id: 'B0CONCERT', user_id: 'U0CONCERT' });
	});
});

describe('what a token may', () => {
	test('a missing scope is named; wrong, missing and revoked tokens', async () => {
		const { slack, web, channel } = await start();
		slack.setScopes(defaultScopes.filter((one) => one !== 'channels:history'));
		const answer = await fetch(`${slack.apiUrl}conversations.history?channel=${channel}`, {
			headers: { authorization: `Bearer ${slack.botToken}` },
		});
		expect(await answer.json()).toMatchObject({ ok: false, error: 'missing_scope', needed: 'channels:history' });
		expect(await refusal(client(slack, 'xoxb-other').auth.test())).toBe('invalid_auth');
		expect(await refusal(client(slack, '').auth.test())).toBe('not_authed');
		slack.revokeTokens();
		expect(await refusal(web.auth.test())).toBe('token_revoked');
		expect(slack.counts().errors).toEqual({ missing_scope: 1, invalid_auth: 1, not_authed: 1, token_revoked: 1 });
	});

	test('a trigger id opens one view, in time', async () => {
		let now = Date.UTC(2026, 10, 24);
		const { slack, web, channel } = await start({ now: () => now });
		const view = { type: 'modal' as const, title: { type: 'plain_text' as const, text: 'T' }, blocks: [] };
		const open = (trigger_id: string) => refusal(web.views.open({ trigger_id, view }));
		const { triggerId } = await slack.type({ user: 'U0ANA', channel, text: '/dag' });
		expect(await open(triggerId)).toBe('reached');
		expect(await open(triggerId)).toBe('exchanged_trigger_id');
		const late = await slack.type({ user: 'U0ANA', channel, text: '/dag' });
		now += 3001;
		expect(await open(late.triggerId)).toBe('expired_trigger_id');
		expect(await open('1.2.x')).toBe('invalid_trigger_id');
		const third = await slack.type({ user: 'U0ANA', channel, text: '/dag' });
		const wide = { ...view, title: { type: 'plain_text' as const, text: 'x'.repeat(25) } };
		expect(await refusal(web.views.open({ trigger_id: third.triggerId, view: wide }))).toBe('invalid_arguments');
	});

	test('a response_url lives for 30 minutes', async () => {
		let now = Date.UTC(2026, 10, 24);
		const { slack, channel } = await start({ now: () => now });
		const { responseUrl } = await slack.type({ user: 'U0ANA', channel, text: '/dag' });
		const use = async (body: object): Promise<number> =>
			(
				await fetch(responseUrl, {
					method: 'POST',
					body: JSON.stringify(body),
					headers: { 'content-type': 'application/json' },
				})
			).status;
		expect(await use({ text: 'only you' })).toBe(200);
		expect(await use({ text: 'all of you', response_type: 'in_channel' })).toBe(200);
		expect(await use({ delete_original: true })).toBe(200);
		now += 30 * 60_000 + 1;
		expect(await use({ text: 'too late' })).toBe(404);
		expect(slack.messages(channel).map((one) => [one.text, one.ephemeralTo])).toEqual([
			['/dag failed with the error "dispatch_failed"', 'U0ANA'],
			['all of you', undefined],
		]);
	});
});

describe('Block Kit limits', () => {
	const plain = (text: string) => ({ type: 'plain_text' as const, text });
	const button = (id: string, text = 'Go') => ({ type: 'button' as const, action_id: id, text: plain(text) });
	const cases: [string, unknown[], string][] = [
		['51 blocks', Array.from({ length: 51 }, () => ({ type: 'divider' })), '/blocks]'],
		['a header of 151 characters', [{ type: 'header', text: plain('x'.repeat(151)) }], '/blocks/0/text/text]'],
		['markup in a header', [{ type: 'header', text: { type: 'mrkdwn', text: 'x' } }], '/blocks/0/text/type]'],
		['an unknown block', [{ type: 'sparkline' }], 'unsupported type: sparkline'],
		[
			'26 buttons',
			[{ type: 'actions', elements: Array.from({ length: 26 }, (_, i) => button(`b${i}`)) }],
			'/elements]',
		],
		['the same action id twice', [{ type: 'actions', elements: [button('a'), button('a')] }], 'already exists'],
		['a long button', [{ type: 'actions', elements: [button('a', 'x'.repeat(76))] }], '/elements/0/text/text]'],
		['an input outside of the list', [{ type: 'input', label: plain('L'), element: button('a') }], '/element/type]'],
		['an empty text', [{ type: 'section', text: plain('') }], 'more than 0 characters'],
		[
			'a long option value',
			[
				{
					type: 'actions',
					elements: [{ type: 'static_select', action_id: 's', options: [{ text: plain('a'), value: 'v'.repeat(76) }] }],
				},
			],
			'/options/0/value]',
		],
		['two tables', [1, 2].map(() => ({ type: 'table', rows: [[{ type: 'raw_text', text: 'a' }]] })), 'only_one_table'],
		[
			'rich text of an unknown kind',
			[{ type: 'rich_text', elements: [{ type: 'rich_text_poem', elements: [] }] }],
			'poem',
		],
	];

	test.each(cases)('%s', async (_name, blocks, expected) => {
		const { slack, channel } = await start();
		const answer = await fetch(`${slack.apiUrl}chat.postMessage`, {
			method: 'POST',
			headers: { authorization: `Bearer ${slack.botToken}`, 'content-type': 'application/json; charset=utf-8' },
			body: JSON.stringify({ channel, text: 't', blocks }),
		});
		const body = JSON.stringify(await answer.json());
		expect(body).toContain('"invalid_blocks"');
		expect(body).toContain(expected);
		expect(slack.counts().posts).toBe(0);
	});

	test('the sum of all texts', async () => {
		const { web, channel } = await start();
		const blocks = (count: number): KnownBlock[] =>
			Array.from({ length: count }, () => ({ type: 'section', text: plain('x'.repeat(3000)) }));
		expect(await refusal(web.chat.postMessage({ channel, text: 't', blocks: blocks(4) }))).toBe('reached');
		expect(await refusal(web.chat.postMessage({ channel, text: 't', blocks: blocks(5) }))).toBe('msg_blocks_too_long');
	});
});

describe('faults', () => {
	test.each([
		['429', 0],
		['500', 0],
		['500-after-effect', 1],
		['reset', 0],
		['reset-after-effect', 1],
		['slow-after-effect', 1],
		['timeout', 0],
	] as const)('%s', async (kind, posts) => {
		const { slack, web, channel } = await start();
		slack.faults({ method: 'chat.postMessage', kind, times: 1, retryAfter: 7, slowMs: 1000 });
		expect(await refusal(web.chat.postMessage({ channel, text: 'first' }))).not.toBe('reached');
		expect(slack.messages(channel)).toHaveLength(posts);
		expect(await refusal(web.chat.postMessage({ channel, text: 'second' }))).toBe('reached');
		expect(slack.counts()).toMatchObject({ posts: posts + 1, faults: { [kind]: 1 }, calls: { 'chat.postMessage': 2 } });
	});

	test('a rate strikes the same calls for the same seed', async () => {
		const run = async (seed: number): Promise<unknown[]> => {
			const { slack, web } = await start({ seed });
			slack.faults({ method: 'auth.test', kind: 'error', error: 'fatal_error', rate: 0.4 });
			const seen: unknown[] = [];
			for (let i = 0; i < 12; i++) seen.push(await refusal(web.auth.test()));
			return seen;
		};
		const first = await run(7);
		expect(await run(7)).toEqual(first);
		expect(new Set(first)).toEqual(new Set(['reached', 'fatal_error']));
		expect(await run(8)).not.toEqual(first);
	});

	test('a reply is held back after its effect until it is released', async () => {
		const { slack, channel } = await start();
		const web = client(slack, slack.botToken, 5000);
		const hold = slack.holdNextReply('chat.postMessage', (call) => call.args['text'] === 'held');
		await web.chat.postMessage({ channel, text: 'passes' });
		let back = false;
		const call = web.chat.postMessage({ channel, text: 'held' }).then(() => (back = true));
		expect((await hold.reached).args['text']).toBe('held');
		await new Promise((resolve) => setTimeout(resolve, 50));
		expect([slack.messages(channel).length, back]).toEqual([2, false]);
		hold.release();
		await call;
		expect(back).toBe(true);
	});

	test('rate limits: one post a second in a channel, tiers by method', async () => {
		let now = Date.UTC(2026, 10, 24);
		const { slack, web, channel } = await start({ now: () => now, rateLimits: { tiers: true } });
		const post = (to: string) => refusal(web.chat.postMessage({ channel: to, text: 'x' }));
		expect(await post(channel)).toBe('reached');
		expect(await post(channel)).toBe('WebAPIRateLimitedError');
		expect(await post(slack.channelId('#analytics'))).toBe('reached');
		now += 1000;
		expect(await post(channel)).toBe('reached');
		for (let i = 0; i < 20; i++) await web.users.list({});
		const answer = await fetch(`${slack.apiUrl}users.list`, { headers: { authorization: `Bearer ${slack.botToken}` } });
		expect([answer.status, answer.headers.get('retry-after')]).toEqual([429, '60']);
		expect(slack.counts().errors).toEqual({ ratelimited: 2 });
	});
});

test('files in three steps, shown by a message', async () => {
	const { slack, web, channel } = await start();
	const bytes = Buffer.from('not really a chart');
	await web.files.uploadV2({ channel_id: channel, filename: 'chart.png', file: bytes, alt_text: 'a chart' });
	const [message] = slack.messages(channel);
	const file = slack.file(message?.files[0] ?? '');
	expect([file?.name, file?.type, file?.alt]).toEqual(['chart.png', 'image/png', 'a chart']);
	expect(Buffer.from(file?.bytes ?? [])).toEqual(bytes);
});

test('900 posts cost little: this is what a run of the fault tests asks of it', async () => {
	const { slack } = await start();
	const web = client(slack, slack.botToken, 20_000);
	const channels = [slack.channelId('#data-pipelines'), slack.channelId('#analytics')];
	await Promise.all(
		Array.from({ length: 900 }, (_, i) =>
			web.chat.postMessage({ channel: channels[i % 2] ?? '', ...say('x', `k${i}`) }),
		),
	);
	expect(slack.counts().posts).toBe(900);
	expect([...slack.postsBy('key').values()].every((count) => count === 1)).toBe(true);
});
