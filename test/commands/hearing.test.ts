import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { execute } from '../../commands/execute.ts';
import { hearingWords } from '../../commands/_parts/hearing-words.ts';
import { howLong } from '../../commands/_parts/mute-words.ts';
import { splitWords } from '../../commands/_parts/words.ts';
import type { Grant } from '../../src/access/roles.ts';
import { heldMute } from '../../src/alerts/acts.ts';
import { alertsSchema } from '../../src/alerts/options.ts';
import type { Airflow } from '../../src/domain/airflow.ts';
import { Trouble } from '../../src/domain/errors.ts';
import type { Button, Reply } from '../../src/domain/reply.ts';
import type { SandboxAirflow } from '../../src/sandbox/airflow/index.ts';
import { asker, fakeDeps, sandboxAirflow, shown, typed, type FakeDeps } from './house.ts';

let sandbox: SandboxAirflow;
let client: Airflow;
beforeAll(async () => {
	({ sandbox, client } = await sandboxAirflow({ api: 2 }));
});
afterAll(() => sandbox.close());

const NOW = Date.parse('2026-11-20T03:00:00Z');
const DAY = 24 * 3600_000;

function house(more: { grants?: readonly Grant[]; alerts?: object } = {}) {
	let now = NOW;
	const deps = fakeDeps(
		{ prod: client, lab: client },
		{ grants: more.grants ?? [], now: () => now, alerts: alertsSchema.parse(more.alerts ?? {}) },
	);
	let keys = 0;
	const say = async (
		words: string,
		{
			who = 'Aiko',
			channel = 'C0DATA',
			lang = 'en',
			key,
		}: { who?: string; channel?: string; lang?: 'en' | 'ja'; key?: string } = {},
	) => {
		const user = `U0${who.toUpperCase()}`;
		const by = typed(words, { user, channel, at: now, key: key ?? (++keys).toString(16).padStart(24, '0') });
		return execute(by, asker({ user, name: who, lang }), deps);
	};
	return { deps, say, later: (ms: number) => (now += ms) };
}

const lines = async (done: Promise<{ reply: Reply }>): Promise<string[]> => shown((await done).reply);
const buttons = (reply: Reply): Button[] =>
	reply.parts
		.flatMap((part) => (part.kind === 'buttons' ? part.buttons : []))
		.flatMap((one) => ('verb' in one ? [one] : []));

const failed = (deps: FakeDeps, dag: string, more: object = {}) =>
	deps.routes({
		env: 'prod',
		dag,
		tags: ['contract'],
		owners: ['finance'],
		cause: 'user-code-exception',
		severity: 'warning',
		...more,
	});

describe('watch, unwatch, watches', () => {
	test('a channel hears of a DAG, and no longer', async () => {
		const { deps, say, later } = house();
		expect(await failed(deps, 'cm_fail')).toEqual([]);
		const added = await say('watch cm_fail --env prod');
		expect(added.reply.to).toBe('channel');
		expect(shown(added.reply)).toEqual([
			'🔔 *Aiko*: this channel now hears of failures of `cm_fail`',
			'in *prod*',
			'- Tells: when no try is left; earlier ones are counted in the card',
			"- Detail: in the card's thread",
			'- Recovery: the card turns green, and the thread says so',
			'- Quiet hours: none',
			'- Digest: none',
			'(How it hears holds for the whole channel. All of it: /dag watches)',
		]);
		expect((await failed(deps, 'cm_fail')).map(({ channel }) => channel)).toEqual(['C0DATA']);
		expect(await failed(deps, 'cm_fail', { env: 'lab' })).toEqual([]);
		later(1000);
		expect((await lines(say('watch cm_fail')))[0]).toBe('🔔 This channel hears of failures of `cm_fail` already');
		const list = await say('watches');
		expect(shown(list.reply).slice(0, 2)).toEqual([
			'🔔 This channel watches one thing',
			'- `cm_fail` in *prod* · by Aiko',
		]);
		const [button] = buttons(list.reply);
		expect(await lines(say(`${button?.verb} ${button?.words}`, { who: 'Ben' }))).toEqual([
			'🔕 *Ben*: this channel no longer hears of `cm_fail`',
		]);
		expect(await failed(deps, 'cm_fail')).toEqual([]);
		expect((await lines(say('unwatch cm_fail')))[0]).toBe('▫️ This channel does not watch `cm_fail`');
		expect((await deps.audit.list(9)).map(({ verb, name, result }) => [verb, name, result])).toEqual([
			['watch', 'Aiko', 'done'],
			['unwatch', 'Ben', 'done'],
			['unwatch', 'Aiko', 'nothing'],
			['watch', 'Aiko', 'done'],
		]);
	});

	test('by pattern, tag, owner and cause; how many DAGs fit is said', async () => {
		const { deps, say } = house();
		expect(await lines(say('watch cm_f*'))).toContain('(DAGs that fit now: 1)');
		expect((await lines(say('watch tag:contract'))).join('\n')).toMatch(/DAGs that fit now: \d\d/);
		await say('watch owner:finance', { channel: 'C0MONEY' });
		await say('watch cause:user-code-exception', { channel: 'C0CODE' });
		await say('watch worker-oom-task-sigkill', { channel: 'C0MEMORY' });
		const found = (await failed(deps, 'cm_fail')).map(({ channel }) => channel);
		expect(found.sort()).toEqual(['C0CODE', 'C0DATA', 'C0MONEY']);
	});

	test('carried out again after the death of a worker it says the same', async () => {
		const { say } = house();
		const key = 'f'.repeat(24);
		expect(await lines(say('watch cm_fail', { key }))).toEqual(await lines(say('watch cm_fail', { key })));
		await say('unwatch cm_fail', { key: 'e'.repeat(24) });
		expect((await lines(say('unwatch cm_fail', { key: 'e'.repeat(24) })))[0]).toMatch(/no longer hears/);
	});

	test('how a channel hears: what is not named stays', async () => {
		const { deps, say } = house({ alerts: { recovery: false, timeZone: 'Asia/Tokyo' } });
		await say('watch cm_fail --tries all --quiet 22:00-07:00 Europe/Berlin');
		await say('watch --no-thread --recovery --digest fri@17:30 --lang ja', { who: 'Ben' });
		expect(await failed(deps, 'cm_fail')).toEqual([
			{
				channel: 'C0DATA',
				lang: 'ja',
				tries: 'all',
				thread: false,
				recovery: true,
				notify: [],
				quietUntil: NOW + 3 * 3600_000,
			},
		]);
		const told = await lines(say('watches'));
		expect(told).toContain('- Quiet: 22:00–07:00 (Europe/Berlin), but for what is critical');
		expect(told).toContain('- Digest: Fridays at 17:30 (Asia/Tokyo)');
		await say('watch --quiet off --digest off --tries last');
		expect(await lines(say('watches'))).toEqual(expect.arrayContaining(['- Quiet hours: none', '- Digest: none']));
	});

	test('nobody has more told than they may see, nor by a role they do not have', async () => {
		const grants: readonly Grant[] = [
			{ role: 'operator', users: ['U0AIKO'], dags: ['cm_s*', 'cm_fail'], environments: ['prod'] },
			{ role: 'viewer', users: ['U0BEN'] },
		];
		const { deps, say } = house({ grants });
		expect((await lines(say('watch cm_retry --env prod')))[0]).toMatch(/^⛔ You may not run/);
		expect((await lines(say('watch cm_fail --env prod', { who: 'Ben' })))[0]).toMatch(/^⛔ You may not run/);
		await say('watch * --env prod');
		expect((await failed(deps, 'cm_fail')).map(({ channel }) => channel)).toEqual(['C0DATA']);
		expect(await failed(deps, 'cm_retry')).toEqual([]);
		expect(await failed(deps, 'x', { dag: undefined, severity: 'critical' })).toEqual([]);
		expect(await lines(say('watches'))).toContain('- `*` in *prod* · by Aiko, what they may see of it');
	});

	test.each([
		['watch', 'watch of nothing'],
		['watch cm_nothing', 'dag unknown'],
		['watch cause:oom', 'cause unknown'],
		['watch incident:abcdef012345', 'watch of incident'],
		['watch a/b', 'zone unknown'],
		['watch cm_fail Asia/Tokyo', 'zone alone'],
		['watch cm_fail cm_success', 'word too many'],
		['watch cm_fail --tries some', 'option value unknown'],
		['watch cm_fail --thread --no-thread', 'flag both'],
		['watch cm_fail --quiet 22-7', 'quiet malformed'],
		['watch cm_fail --quiet 24:00-07:00', 'quiet malformed'],
		['watch cm_fail --digest monthly', 'digest malformed'],
		['watch cm_fail --digest day@25:00', 'digest malformed'],
		['mute cm_fail', 'mute without end'],
		['mute cm_fail for ever', 'duration malformed'],
		['mute cm_fail until', 'mute without ticket'],
		['mute cm_fail until https://t.example/1?token=ghp_0123456789abcdefghijABCDEFGHIJ012345', 'ticket with secret'],
		['mute cm_fail until https://u:p@t.example/1', 'ticket with secret'],
		['mute', 'mute of nothing'],
		['unmute', 'unmute of nothing'],
		['ack', 'incident missing'],
		['ack incident:abcdef012345', 'incident unknown'],
		['assign incident:abcdef012345 me', 'incident unknown'],
	])('%s: %s', async (words, label) => {
		const { say } = house();
		expect((await say(words)).trouble?.label).toBe(label);
	});

	test('Japanese', async () => {
		const { say } = house();
		expect((await lines(say('watch tag:contract --quiet 22:00-07:00', { lang: 'ja' }))).slice(0, 2)).toEqual([
			'🔔 *Aiko* さんが、このチャンネルへの `tag:contract` の失敗通知を設定しました',
			'環境: *prod*',
		]);
	});
});

describe('mute, unmute, mutes', () => {
	const muted = (deps: FakeDeps, more: object = {}) =>
		deps.mutedBy({
			env: 'prod',
			dag: 'cm_fail',
			tags: [],
			owners: [],
			cause: 'user-code-exception',
			severity: 'warning',
			...more,
		});

	test('for a while', async () => {
		const { deps, say, later } = house();
		const done = await say('mute cm_fail for 2h');
		expect(done.reply.to).toBe('channel');
		expect(shown(done.reply)).toEqual([
			'🔕 *Aiko* muted `cm_fail`',
			'until {2026-11-20T05:00}',
			'in *prod*',
			'(What befalls the environment as a whole is told all the same.)',
			'[Unmute]',
		]);
		expect(await muted(deps)).toMatchObject({ by: { name: 'Aiko' }, until: NOW + 2 * 3600_000 });
		expect(await muted(deps, { severity: 'critical' })).toBeUndefined();
		later(2 * 3600_000);
		expect(await muted(deps)).toBeUndefined();
		expect(await lines(say('mutes'))).toEqual(['🔔 Nothing is muted']);
	});

	test('until a ticket is done, which a button says; the link is a link and nothing else', async () => {
		const { deps, say } = house();
		const done = await say('mute cause:user-code-exception until https://tickets.example.com/OPS-1');
		expect(shown(done.reply)[1]).toBe(
			'until [https://tickets.example.com/OPS-1](https://tickets.example.com/OPS-1) is done, {2026-11-27T03:00} at the latest',
		);
		expect(await muted(deps)).toMatchObject({ ticket: 'https://tickets.example.com/OPS-1', until: NOW + 7 * DAY });
		const [button] = buttons(done.reply);
		expect(button?.label).toBe('Ticket is done');
		expect(await lines(say(`${button?.verb} ${button?.words}`, { who: 'Ben' }))).toEqual([
			'🔔 *Ben* unmuted `cause:user-code-exception`',
		]);
		expect(await muted(deps)).toBeUndefined();
		expect(await lines(say('mute cm_fail until OPS-2'))).toContain(
			'until `OPS-2` is done, {2026-11-27T03:00} at the latest',
		);
		expect((await lines(say('mute cm_fail until javascript:alert(1)')))[1]).toMatch(
			/^until `javascript:alert\(1\)` is done/,
		);
	});

	test('prolonged, it ends all the same', async () => {
		const { deps, say, later } = house({ alerts: { mute: { ticketDays: 7, mostDays: 10 } } });
		await say('mute cm_fail until OPS-1');
		later(6 * DAY);
		expect(await lines(say('mute cm_fail until OPS-1'))).toContain(
			'(No mute lasts longer than 10 days, so it ends earlier.)',
		);
		expect(await muted(deps)).toMatchObject({ until: NOW + 10 * DAY });
		expect(await lines(say('mute cause:unknown for 52w'))).toContain(
			'(No mute lasts longer than 10 days, so it ends earlier.)',
		);
		later(4 * DAY);
		expect(await muted(deps)).toBeUndefined();
	});

	test('an incident, on its card', async () => {
		const { deps, say } = house();
		deps.begin('abcdef012345', opening, [
			{
				at: NOW,
				kind: 'failed',
				failed: {
					env: 'prod',
					dag: 'cm_fail',
					run: 'r',
					task: 'divide',
					mapIndex: -1,
					tryNumber: 1,
					ofTries: 1,
					last: true,
					seenAt: NOW,
				},
			},
		]);
		const done = await say('mute incident:abcdef012345 for 2h --env prod');
		expect(done.card).toBe('abcdef012345');
		expect(await muted(deps, { incident: 'abcdef012345', severity: 'critical' })).toBeDefined();
		expect(await muted(deps)).toBeUndefined();
		const cards = async () => (await deps.incidents.get('abcdef012345'))?.acts ?? [];
		expect(heldMute(await cards())).toMatchObject({ until: NOW + 2 * 3600_000 });
		await say('mute incident:abcdef012345 for 3h --env prod');
		expect(heldMute(await cards())).toMatchObject({ until: NOW + 3 * 3600_000 });
		expect((await say('unmute incident:abcdef012345')).card).toBe('abcdef012345');
		expect((await cards()).at(-1)).toMatchObject({ kind: 'unmute', name: 'Aiko' });
		expect(heldMute(await cards())).toBeUndefined();
		expect((await say('mute incident:abcdef012345 for 2h --env lab')).trouble?.label).toBe('incident unknown');
	});

	test('nobody silences what is not theirs', async () => {
		const grants: readonly Grant[] = [
			{ role: 'operator', users: ['U0AIKO'], dags: ['cm_fail'] },
			{ role: 'operator', users: ['U0BEN'], dags: ['cm_retry'] },
			{ role: 'operator', users: ['U0BOSS'] },
		];
		const { deps, say } = house({ grants });
		expect((await lines(say('mute cm_retry for 1h')))[0]).toMatch(/^⛔ You may not run/);
		expect(await lines(say('mute cause:user-code-exception for 1h'))).toContain(
			'(It holds for the DAGs for which you are an operator.)',
		);
		expect(await muted(deps)).toBeDefined();
		expect(await muted(deps, { dag: 'cm_retry' })).toBeUndefined();
		expect((await say('unmute cause:user-code-exception', { who: 'Ben' })).trouble?.label).toBe('unmute denied');
		expect((await lines(say('unmute cause:user-code-exception', { who: 'Boss' })))[0]).toMatch(/unmuted/);
		deps.begin(
			'abcdef012345',
			opening,
			['cm_fail', 'cm_retry'].map((dag) => ({
				at: NOW,
				kind: 'failed' as const,
				failed: {
					env: 'prod',
					dag,
					run: 'r',
					task: 't',
					mapIndex: -1,
					tryNumber: 1,
					ofTries: 1,
					last: true,
					seenAt: NOW,
				},
			})),
		);
		expect((await say('mute incident:abcdef012345 for 1h')).trouble?.label).toBe('incident denied');
		expect((await lines(say('mute incident:abcdef012345 for 1h', { who: 'Boss' })))[0]).toMatch(/muted/);
		// Saying that one has seen it hides nothing.
		expect((await lines(say('ack incident:abcdef012345')))[0]).toBe('👀 Acknowledged');
	});
});

const opening = {
	env: 'prod',
	scope: 'task' as const,
	cause: 'user-code-exception',
	openedAt: NOW,
	why: undefined,
	condition: undefined,
	history: { before: 0 },
};

test('ack and assign: on the card, once and by whom', async () => {
	const { deps, say } = house();
	deps.begin('abcdef012345', opening, [
		{
			at: NOW,
			kind: 'failed',
			failed: {
				env: 'prod',
				dag: 'cm_fail',
				run: 'r',
				task: 'divide',
				mapIndex: -1,
				tryNumber: 1,
				ofTries: 1,
				last: true,
				seenAt: NOW,
			},
		},
	]);
	expect(await say('ack incident:abcdef012345 --env prod')).toMatchObject({
		card: 'abcdef012345',
		reply: { to: 'asker' },
	});
	expect((await lines(say('ack incident:abcdef012345', { who: 'Ben' })))[0]).toBe(
		'👀 *Aiko* has acknowledged it already',
	);
	expect((await lines(say('assign incident:abcdef012345 me')))[0]).toBe(
		'🙋 *Aiko* looks after incident `abcdef012345`',
	);
	const given = await say('assign incident:abcdef012345 @ben');
	expect(given).toMatchObject({ card: 'abcdef012345', reply: { to: 'channel' } });
	expect(shown(given.reply)[0]).toBe('🙋 *Aiko* assigned incident `abcdef012345` to @Ben');
	expect((await say('assign incident:abcdef012345 <@U0BEN|ben>')).card).toBe('abcdef012345');
	expect((await say('assign incident:abcdef012345 @nobody')).trouble?.label).toBe('person unknown');
	expect((await deps.incidents.get('abcdef012345'))?.acts).toMatchObject([
		{ kind: 'ack', name: 'Aiko' },
		{ kind: 'assign', to: 'U0AIKO' },
		{ kind: 'assign', to: 'U0BEN', toName: 'Ben' },
	]);
});

test('audit: an admin sees all, others their own and the DAGs they may see', async () => {
	const grants: readonly Grant[] = [
		{ role: 'admin', users: ['U0BOSS'] },
		{ role: 'operator', users: ['U0AIKO'], dags: ['cm_f*'] },
		{ role: 'viewer', users: ['U0BEN'], dags: ['cm_success'] },
	];
	const { say, later } = house({ grants });
	await say('mute cm_fail for 1h');
	later(60_000);
	await say('mute cause:unknown for 1h');
	later(60_000);
	await say('mute cm_success for 1h', { who: 'Boss' });
	const all = await lines(say('audit', { who: 'Boss' }));
	expect(all).toEqual([
		'📒 Who changed what',
		'When | Who | What | Of | Result',
		'{2026-11-20T03:02} | Boss | mute | cm_success cm_success until 2026-11-20T04:02:00.000Z (prod) | ✅ done',
		'{2026-11-20T03:01} | Aiko | mute | cause:unknown until 2026-11-20T04:01:00.000Z (prod) | ✅ done',
		'{2026-11-20T03:00} | Aiko | mute | cm_fail cm_fail until 2026-11-20T04:00:00.000Z (prod) | ✅ done',
		'(Kept for 90 days. You see what is yours, and the DAGs that you may see.)',
	]);
	const rows = async (who: string, words = 'audit') =>
		(await lines(say(words, { who }))).filter((line) => line.startsWith('{')).length;
	expect(await rows('Aiko')).toBe(2);
	expect(await rows('Ben')).toBe(1);
	expect(await rows('Boss', 'audit cm_fail')).toBe(1);
	expect(await rows('Boss', 'audit @aiko')).toBe(2);
	expect(await rows('Boss', 'audit <@U0BOSS|boss>')).toBe(1);
	expect(await rows('Boss', 'audit cause:unknown')).toBe(1);

	// What a role does not allow is one line for each person and what it was about, however often.
	for (let n = 0; n < 3; n++) {
		later(60_000);
		await say('mute cm_success for 1h', { who: 'Ben' });
	}
	expect((await lines(say('audit', { who: 'Boss' })))[2]).toBe(
		'{2026-11-20T03:05} | Ben | mute | cm_success | ⛔ refused ×3',
	);
	expect([await rows('Boss'), await rows('Ben'), await rows('Aiko')]).toEqual([4, 2, 2]);
	expect((await lines(say('audit', { who: 'Boss', lang: 'ja' })))[2]).toContain('⛔ 拒否 ×3');
});

describe('words', () => {
	test.each([
		['for 30m', 30 * 60_000],
		['for 2h', 2 * 3600_000],
		['for 1d12h', 36 * 3600_000],
		['for 1 day', DAY],
		['for 2hours 30min', 150 * 60_000],
		['FOR 1W', 7 * DAY],
	])('%s', (words, ms) => {
		expect(howLong(splitWords(words))).toEqual({ ms });
	});
	test.each(['for', 'for 0h', 'for -2h', 'for 2', 'for 2y', 'for 2h x'])('%s is no span', (words) => {
		expect(() => howLong(splitWords(words))).toThrow(Trouble);
	});
	test.each([
		['--quiet 7:00-8:30 UTC', { quiet: { from: '07:00', to: '08:30', timeZone: 'UTC' } }],
		['--digest daily', { digest: { every: 'day', at: '09:00', weekday: 'mon' } }],
		['--digest weekly@8:05', { digest: { every: 'week', at: '08:05', weekday: 'mon' } }],
		[
			'--digest Saturday@18:00 Asia/Tokyo',
			{ digest: { every: 'week', at: '18:00', weekday: 'sat', timeZone: 'Asia/Tokyo' } },
		],
		['--digest off --quiet off', { digest: 'off', quiet: 'off' }],
	])('%s', (words, manners) => {
		expect(hearingWords(splitWords(words))).toEqual({ rest: [], manners });
	});
});
