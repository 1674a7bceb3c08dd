import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { execute } from '../../commands/execute.ts';
import { commands } from '../../commands/index.ts';
import { route } from '../../commands/route.ts';
import { runMessage } from '../../commands/_parts/run-message.ts';
import { toReply, trouble } from '../../commands/_parts/trouble.ts';
import type { DagDetails, DagRun, TaskInstance } from '../../src/domain/airflow.ts';
import type { Line, Part, Reply } from '../../src/domain/reply.ts';
import type { Lang } from '../../src/domain/text.ts';
import { blockProblems, blockTextLength } from '../../src/sandbox/slack/blocks.ts';
import { escapeMrkdwn, render, webAddress, wordsOf } from '../../src/slack/render.ts';
import { access, asker, fakeAirflow, fakeDeps, typed } from '../commands/house.ts';

const kept = new Map<string, string>();
const keep = async (words: string): Promise<string> => {
	const short = kept.size.toString(16).padStart(24, '0');
	kept.set(short, words);
	return short;
};

/** What Slack would make live in mrkdwn: angle-bracket tokens, addresses and names by themselves. */
function liveTokens(mrkdwn: string): string[] {
	return (
		mrkdwn.match(
			/<[^<>]*>|\b[a-z][a-z0-9+.-]*:\/\/\S+|\bmailto:(?!\u2060)\S+|@(?:here|channel|everyone)\b|\S+@\w\S*/gi,
		) ?? []
	);
}

/** Every string in the blocks, by how Slack reads it. */
function read(value: unknown, into: { mrkdwn: string[]; links: string[]; users: string[] }): typeof into {
	if (Array.isArray(value)) for (const item of value) read(item, into);
	else if (typeof value === 'object' && value !== null) {
		const item = Object.fromEntries(Object.entries(value));
		if (item['type'] === 'mrkdwn' || item['type'] === 'markdown') into.mrkdwn.push(String(item['text']));
		if (typeof item['url'] === 'string') into.links.push(item['url']);
		if (['user', 'usergroup', 'channel', 'broadcast', 'emoji'].includes(String(item['type'])))
			into.users.push(JSON.stringify(item));
		for (const inner of Object.values(item)) read(inner, into);
	}
	return into;
}

const INVISIBLE = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b-\u200f\u202a-\u202e\u2066-\u2069]/;

function strings(value: unknown): string[] {
	if (typeof value === 'string') return [value];
	return typeof value === 'object' && value !== null ? Object.values(value).flatMap(strings) : [];
}

async function inspect(reply: Reply, lang: Lang = 'en') {
	const { text, blocks } = await render(reply, lang, keep);
	const problems = blockProblems(JSON.parse(JSON.stringify(blocks)), 'message');
	return {
		text,
		blocks,
		problems,
		length: blockTextLength(JSON.parse(JSON.stringify(blocks))),
		...read(blocks, { mrkdwn: [], links: [], users: [] }),
	};
}

const TAINT = [
	'<!channel>',
	'<!here|x>',
	'<@U0VICTIM>',
	'<#C0X|general>',
	'<http://evil.example/a|click>',
	'<https://evil.example>',
	'https://evil.example/path',
	'HTTP://EVIL.example',
	'mailto:a@evil.example',
	'a@evil.example',
	'@channel',
	'@everyone',
	'*bold* _it_ ~s~ `code` ```pre```',
	':smile:',
	'&lt;!channel&gt;',
	'\u202egnp.exe',
	'\u0000\u0007\u001b[31m',
	'>quote',
	'javascript:alert(1)',
];
const hostile = fc.oneof(
	fc.constantFrom(...TAINT),
	fc.string({ unit: 'binary', maxLength: 60 }),
	fc
		.tuple(fc.constantFrom(...TAINT), fc.string({ unit: 'grapheme', maxLength: 10 }), fc.constantFrom(...TAINT))
		.map((pieces) => pieces.join('')),
	fc.constantFrom('x'.repeat(5000), '売'.repeat(3500), '😀'.repeat(2000), ''),
);

const span = fc.oneof(
	hostile,
	hostile.map((bold) => ({ bold })),
	hostile.map((code) => ({ code })),
	fc.record({ link: hostile, label: hostile }),
	fc.record({ user: hostile, name: hostile }),
	fc.oneof(hostile, fc.constant('2026-11-24T09:00:00Z')).map((time) => ({ time })),
);
const line: fc.Arbitrary<Line> = fc.array(span, { maxLength: 5 });
const button = fc.oneof(
	fc.record({ label: hostile, url: hostile }),
	fc.record({
		label: hostile,
		verb: fc.constantFrom('trigger', 'status'),
		words: fc.oneof(hostile, fc.constant('w'.repeat(4000))),
		style: fc.constantFrom('primary' as const, 'danger' as const, undefined),
		confirm: fc.option(fc.record({ title: hostile, text: hostile, yes: hostile, no: hostile }), { nil: undefined }),
	}),
);
const part: fc.Arbitrary<Part> = fc.oneof(
	fc.record({ kind: fc.constant('title' as const), icon: fc.constantFrom('✅', undefined), line }),
	fc.record({ kind: fc.constant('text' as const), line }),
	fc.record({ kind: fc.constant('note' as const), line }),
	fc.record({ kind: fc.constant('fields' as const), fields: fc.array(fc.tuple(hostile, line), { maxLength: 12 }) }),
	fc.record({ kind: fc.constant('list' as const), items: fc.array(line, { maxLength: 150 }) }),
	fc.record({ kind: fc.constant('code' as const), text: hostile }),
	fc.record({
		kind: fc.constant('table' as const),
		head: fc.array(hostile, { maxLength: 30 }),
		rows: fc.array(fc.array(fc.oneof(hostile, line), { maxLength: 30 }), { maxLength: 130 }),
	}),
	fc.record({ kind: fc.constant('buttons' as const), buttons: fc.array(button, { maxLength: 40 }) }),
);
const reply: fc.Arbitrary<Reply> = fc.record({
	parts: fc.array(part, { maxLength: 70 }),
	to: fc.constantFrom('asker' as const, 'channel' as const),
});

describe('whatever a reply holds', () => {
	test('Slack takes it, within its budget, and nothing in it is live', async () => {
		await fc.assert(
			fc.asyncProperty(reply, async (any) => {
				const seen = await inspect(any);
				expect(seen.problems).toEqual([]);
				expect(seen.length).toBeLessThanOrEqual(12_000);
				expect(seen.mrkdwn).toEqual([]);
				expect(seen.users).toEqual([]);
				expect(liveTokens(seen.text)).toEqual([]);
				expect(seen.text.length).toBeGreaterThan(0);
				for (const url of seen.links) expect(url).toMatch(/^https?:\/\//);
			}),
			{ numRuns: 300 },
		);
	}, 60_000);

	test('a mention is live only where it is meant', async () => {
		const seen = await inspect({
			parts: [
				{
					kind: 'text',
					line: [
						{ user: 'U0AIKO', notify: true },
						{ user: '<!channel>', notify: true },
					],
				},
			],
			to: 'channel',
		});
		expect(seen.users).toEqual([JSON.stringify({ type: 'user', user_id: 'U0AIKO' })]);
	});

	test.each([5, 500])('a note to what was cut stands at the end, the buttons stay: %d', async (length) => {
		const parts: Part[] = [
			...Array.from({ length: 100 }, (): Part => ({ kind: 'note', line: ['x'.repeat(length)] })),
			{ kind: 'buttons', buttons: [{ label: 'Open', url: 'https://airflow.example.com/' }] },
		];
		const { blocks, problems } = await inspect({ parts, to: 'asker' }, 'ja');
		expect(problems).toEqual([]);
		expect(JSON.stringify(blocks.at(-2))).toContain('1 件のメッセージに収まらないため省略しました。');
		expect(blocks.at(-1)?.['type']).toBe('actions');
	});
});

describe('buttons', () => {
	test('words come back as they went, however long', async () => {
		await fc.assert(
			fc.asyncProperty(fc.string({ unit: 'grapheme', maxLength: 50 }), fc.boolean(), async (some, long) => {
				const words = long ? some + 'w'.repeat(4000) : some;
				const { blocks } = await render(
					{ parts: [{ kind: 'buttons', buttons: [{ label: 'x', verb: 'trigger', words }] }], to: 'asker' },
					'en',
					keep,
				);
				const [found] = JSON.parse(JSON.stringify(blocks[0]?.['elements']));
				expect(await wordsOf(found, async (short) => kept.get(short))).toBe(`trigger ${words}`.trim());
			}),
		);
	});

	test('a link button stands for no words, and only web addresses are linked', async () => {
		expect(await wordsOf({ action_id: 'link:0', value: 'trigger x' }, async () => undefined)).toBeUndefined();
		expect(
			[
				'https://a.example/x?y=1',
				'javascript:alert(1)',
				'http://u:p@a.example/',
				'//a.example',
				'ftp://a.example',
				'',
			].map(webAddress),
		).toEqual(['https://a.example/x?y=1', undefined, undefined, undefined, undefined, undefined]);
	});
});

test('the fallback text holds no token, whatever is escaped', () => {
	fc.assert(
		fc.property(hostile, (text) => {
			expect(liveTokens(escapeMrkdwn(text))).toEqual([]);
		}),
	);
	expect(escapeMrkdwn('a < b & c > d')).toBe('a &lt; b &amp; c &gt; d');
});

test('the parser of this test does see what is live', () => {
	for (const text of ['<!channel>', 'x <@U1> y', 'see https://evil.example/', 'mailto:a@b.c', '@here', 'a@b.example'])
		expect([text, liveTokens(text).length > 0]).toEqual([text, true]);
});

describe('every message of ours, made of hostile input', () => {
	const text = hostile;
	const run: fc.Arbitrary<DagRun> = fc.record({
		dag: text,
		run: text,
		state: fc.constantFrom('queued' as const, 'running' as const, 'success' as const, 'failed' as const),
		runType: text,
		logicalDate: fc.option(text),
		queuedAt: fc.option(text, { nil: undefined }),
		startedAt: fc.option(text, { nil: undefined }),
		endedAt: fc.option(text, { nil: undefined }),
		conf: fc.dictionary(text, text, { maxKeys: 3 }),
		note: fc.option(text),
	});
	const task: fc.Arbitrary<TaskInstance> = fc.record({
		dag: text,
		run: text,
		task: text,
		mapIndex: fc.integer({ min: -1, max: 5 }),
		tryNumber: fc.integer(),
		maxTries: fc.integer(),
		state: fc.constantFrom('failed', 'upstream_failed', 'up_for_retry', 'success'),
	});

	const safe = async (said: Reply, lang: Lang) => {
		const seen = await inspect(said, lang);
		expect(seen.problems).toEqual([]);
		expect(seen.length).toBeLessThanOrEqual(12_000);
		expect([seen.mrkdwn, seen.users, liveTokens(seen.text)]).toEqual([[], [], []]);
		for (const url of seen.links) expect(url.startsWith('https://airflow.example.com/')).toBe(true);
		// Bidi and control characters are shown as escapes.
		expect(strings([seen.text, seen.blocks]).filter((one) => INVISIBLE.test(one))).toEqual([]);
	};

	test('the message of a run', async () => {
		await fc.assert(
			fc.asyncProperty(
				run,
				fc.array(task, { maxLength: 12 }),
				text,
				fc.constantFrom<Lang>('en', 'ja'),
				async (one, tasks, name, lang) => {
					await safe(
						runMessage({
							run: one,
							tasks,
							usual: 1000,
							asker: name,
							env: name,
							url: 'https://airflow.example.com/r',
							now: 0,
							lang,
						}),
						lang,
					);
				},
			),
			{ numRuns: 200 },
		);
	}, 60_000);

	test('every Trouble', async () => {
		await fc.assert(
			fc.asyncProperty(
				text,
				text,
				fc.constantFrom('user', 'denied', 'upstream', 'bug'),
				async (message, hint, kind) => {
					const made = trouble(kind, 'x', { en: message, ja: message }, { en: hint, ja: hint });
					await safe(toReply(made, 'ja', 'ref'), 'ja');
				},
			),
		);
	});

	test('whatever is typed, and whatever Airflow answers', async () => {
		const details: fc.Arbitrary<DagDetails> = fc.record({
			id: text,
			paused: fc.boolean(),
			hasImportErrors: fc.boolean(),
			owners: fc.array(text, { maxLength: 2 }),
			tags: fc.array(text, { maxLength: 2 }),
			description: text,
			nextRunAt: fc.option(text, { nil: undefined }),
			params: fc.array(
				fc.record({
					name: text,
					value: fc.constantFrom(null, 1, 'x'),
					description: text,
					schema: fc.constantFrom({ type: 'integer' }, { enum: ['<!channel>', 'x'] }, {}),
				}),
				{ maxLength: 3 },
			),
		});
		const words = fc.oneof(
			text,
			fc
				.tuple(
					fc.constantFrom(...commands.map(({ name }) => name)),
					fc.constantFrom('', 'some_dag', 'some_dag run_1', 'some_dag a=<!channel> b="https://evil.example"'),
					fc.oneof(fc.constant(''), text),
				)
				.map((pieces) => pieces.join(' ')),
		);
		await fc.assert(
			fc.asyncProperty(
				words,
				details,
				run,
				text,
				fc.constantFrom<Lang>('en', 'ja'),
				async (said, dag, one, trace, lang) => {
					const who = asker({ lang, name: trace });
					const routed = route(typed(said), who, access('admin'));
					if (routed.kind === 'answer') await safe(routed.reply, lang);
					const airflow = fakeAirflow({
						dags: async () => [dag],
						dag: async () => dag,
						dagDetails: async () => dag,
						trigger: async () => one,
						run: async () => undefined,
						runs: async () => [one, one],
						taskInstances: async () => [],
						importErrors: async () => [{ file: trace, at: '', stackTrace: trace }],
					});
					await safe((await execute(typed(said), who, fakeDeps({ prod: airflow }, { everyone: 'admin' }))).reply, lang);
				},
			),
			{ numRuns: 400 },
		);
	}, 60_000);
});
