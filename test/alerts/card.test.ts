import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { card, details, page, recovery } from '../../src/alerts/card.ts';
import type { Showing } from '../../src/alerts/card.ts';
import { fold, openLedger } from '../../src/alerts/fold.ts';
import type { Opening } from '../../src/alerts/fold.ts';
import type { Act, FailedTry, Incident, IncidentEvent, Why } from '../../src/alerts/incident.ts';
import { addToPages } from '../../src/alerts/pages.ts';
import type { Page } from '../../src/alerts/pages.ts';
import { digest, lineOf } from '../../src/alerts/storm.ts';
import { viewOf } from '../../src/alerts/view.ts';
import { titleOf } from '../../src/alerts/words.ts';
import type { Verdict } from '../../src/diagnosis/verify.ts';
import type { Reply } from '../../src/domain/reply.ts';
import type { Lang } from '../../src/domain/text.ts';
import { blockProblems, blockTextLength } from '../../src/sandbox/slack/blocks.ts';
import { render } from '../../src/slack/render.ts';
import { shown } from '../commands/house.ts';
import { ack, failed, failedTry, opening, passed, T0 } from './events.ts';

const verdict = (more: Partial<Verdict> = {}): Verdict => ({
	verdict: 'missing-connection-or-variable',
	status: 'confirmed',
	findings: [
		{
			cause: 'missing-connection-or-variable',
			title: { en: '', ja: '' },
			status: 'confirmed',
			evidence: [{ line: 41, text: "AirflowNotFoundException: The conn_id `dwh` isn't defined" }],
			because: {
				because: { en: 'there is no connection `dwh`', ja: '接続 `dwh` がありません' },
				source: 'eventLog',
				at: '2026-11-24T08:59:00Z',
				verified: 'confirmed',
			},
			gaps: [],
			facts: { connection: 'dwh' },
			fix: [],
			docs: 'https://example.com/docs',
		},
	],
	ruledOut: [
		{
			cause: 'dag-import-error',
			title: { en: 'x', ja: 'x' },
			because: { en: 'it imports', ja: '読み込めます' },
			source: 'importErrors',
		},
	],
	beside: [],
	gaps: [],
	notes: [],
	lastException: undefined,
	tail: [],
	...more,
});
const why = (more: Partial<Why> = {}): Why => ({
	verdict: verdict(),
	env: { name: 'prod', generation: 'composer-3' },
	provisional: false,
	...more,
});
const incident = (events: readonly IncidentEvent[], more: Partial<Opening> = {}): Incident =>
	viewOf(
		'0123456789ab',
		fold(openLedger(opening({ cause: 'missing-connection-or-variable', why: why(), ...more })), events).ledger,
		[],
	);
const showing = (more: Partial<Showing> = {}): Showing => ({
	lang: 'en',
	nameEnv: false,
	url: 'https://airflow.example.com/run',
	rows: [],
	thread: true,
	notify: [],
	...more,
});
const acts = (...all: Act[]): IncidentEvent[] => all.map((act) => ({ kind: 'act', at: act.at, act }));
const lines = (one: Incident, more: Partial<Showing> = {}): string[] => shown(card(one, showing(more)));

describe('the card', () => {
	test('says what happened, why, and what to do', () => {
		const text = lines(incident([failed({ ofTries: 3, tryNumber: 3 })]));
		expect(text.slice(0, 8)).toEqual([
			'🔴 `load` of `daily_sales` failed (try 3 of 3)',
			'`scheduled__1` · {2026-11-24T09:00} · PythonOperator',
			'(First time in 30 days.)',
			`🎯 *${titleOf('missing-connection-or-variable', 'en')}* (confirmed)`,
			"There is no connection `dwh` (Airflow's event log, {2026-11-24T08:59})",
			'Line 41 of the task log:',
			"| AirflowNotFoundException: The conn_id `dwh` isn't defined",
			'*Fix*',
		]);
		expect(text.slice(8, -1).join('\n')).toContain('connections add -- dwh');
		expect(text.at(-1)).toBe('[Rerun] [Logs] [Mute 2h] [Acknowledge] [Diagnose again] [Open in Airflow]');
	});

	test('in Japanese', () => {
		const text = lines(incident([failed({ ofTries: 3, tryNumber: 3 })]), { lang: 'ja', nameEnv: true });
		expect(text.slice(0, 4)).toEqual([
			'🔴 `daily_sales` の `load` が失敗しました（3 回中 3 回目）',
			'`scheduled__1` · {2026-11-24T09:00} · 環境: *prod* · PythonOperator',
			'(過去 30 日間で初めてです。)',
			`🎯 *${titleOf('missing-connection-or-variable', 'ja')}*（確定）`,
		]);
		expect(text.at(-1)).toBe('[再実行] [ログ] [2 時間ミュート] [確認済みにする] [再診断] [Airflow で開く]');
	});

	test.each<[string, Incident, string, string]>([
		[
			'is tried again',
			incident([failed({ last: false, ofTries: 3, retryAt: '2026-11-24T09:14:00Z' })]),
			'🟠 `load` of `daily_sales` failed (try 1 of 3)',
			'🟠 `daily_sales` の `load` が失敗しました（3 回中 1 回目）',
		],
		[
			'three tasks of a DAG',
			incident(['a', 'b', 'c'].map((task) => failed({ task }))),
			'🔴 3 tasks of `daily_sales` failed',
			'🔴 `daily_sales` の 3 件のタスクが失敗しました',
		],
		[
			'tasks of two DAGs',
			incident(['a', 'b'].map((dag) => failed({ dag }))),
			'🚨 2 tasks of 2 DAGs failed',
			'🚨 2 件の DAG の 2 件のタスクが失敗しました',
		],
		[
			'recovered',
			incident([failed(), passed()]),
			'🟢 `load` of `daily_sales`: recovered after 11m',
			'🟢 `daily_sales` の `load`: 11分で復旧しました',
		],
		[
			'no longer followed',
			incident([failed(), { kind: 'stale', at: T0 + 1e9 }]),
			'⚪ `load` of `daily_sales`: no longer followed',
			'⚪ `daily_sales` の `load`: 追跡を終了しました',
		],
	])('about what %s', (_, one, en, ja) => {
		expect(lines(one)[0]).toBe(en);
		expect(lines(one, { lang: 'ja' })[0]).toBe(ja);
	});

	test.each(['en', 'ja'] as const)('about the environment is headed by its cause (%s)', (lang) => {
		const one = incident([failed()], { scope: 'environment', cause: 'db-overloaded' });
		expect(lines(one, { lang })[0]).toBe(`🚨 ${titleOf('db-overloaded', lang)}`);
	});

	test('says how often it came before, what its retries come to, and when the next is', () => {
		const history = { before: 2, lastAt: T0 - 86_400_000, lastTookMs: 720_000, retries: { passed: 9, of: 10 } };
		const text = lines(incident([failed({ last: false, ofTries: 3, retryAt: '2026-11-24T09:14:00Z' })], { history }));
		expect(text.slice(2, 5)).toEqual([
			'(Repeat: number 3 in 30 days (last: {2026-11-23T09:00}, recovered after 12m).)',
			'(9 of the last 10 passed on retry.)',
			'(Will be retried at {2026-11-24T09:14}.)',
		]);
	});

	test('buttons act once and then show who acted', () => {
		const mute: Act = { kind: 'mute', mute: 'm1', by: 'U0BEN', name: 'Ben', at: T0 + 1000, until: T0 + 7_200_000 };
		const rerun: Act = {
			kind: 'rerun',
			by: 'U0ANN',
			name: 'Ann',
			at: T0 + 9000,
			dag: 'daily_sales',
			run: 'scheduled__1',
			task: 'load',
			mapIndex: -1,
			tryNumber: 1,
		};
		const one = incident([failed(), ...acts(ack(), mute, rerun)]);
		expect(lines(one).slice(-4)).toEqual([
			'✋ Acknowledged by @Ann at {2026-11-24T09:01}',
			'🔕 Muted by @Ben at {2026-11-24T09:00} until {2026-11-24T11:00}',
			'🔁 `load` rerun by @Ann at {2026-11-24T09:00}',
			'[Logs] [Diagnose again] [Open in Airflow]',
		]);
		// What fails after the rerun can be rerun again; unmuted it can be muted again.
		const again = incident([
			failed(),
			...acts(rerun, mute, { ...mute, kind: 'unmute' }),
			failed({ tryNumber: 2, seenAt: T0 + 99_000 }),
		]);
		expect(lines(again).at(-1)).toContain('[Rerun] [Logs] [Mute 2h]');
	});

	test('over several runs one click offers all of them; until none is left too many the button stays', () => {
		const several = (...more: IncidentEvent[]): Incident =>
			incident([failed(), failed({ run: 'scheduled__2' }), ...more]);
		const rerun = (left: number): Act => ({
			kind: 'rerun',
			by: 'U0ANN',
			name: 'Ann',
			at: T0 + 9000,
			dag: 'daily_sales',
			run: 'scheduled__1',
			runs: 2,
			left,
		});
		const part = card(several(), showing()).parts.at(-1);
		expect(part?.kind === 'buttons' && part.buttons[0]).toMatchObject({
			verb: 'rerun',
			words: 'incident:0123456789ab --env prod',
		});
		expect(lines(several(...acts(rerun(0)))).slice(-2)).toEqual([
			'🔁 2 runs rerun by @Ann at {2026-11-24T09:00}',
			'[Logs] [Mute 2h] [Acknowledge] [Diagnose again] [Open in Airflow]',
		]);
		expect(lines(several(...acts(rerun(7)))).at(-1)).toContain('[Rerun] [Logs]');
	});

	test('many tasks cleared by one click are one line', () => {
		const rerun = (task: string): Act => ({
			kind: 'rerun',
			by: 'U0ANN',
			name: 'Ann',
			at: T0 + 9000,
			dag: 'd',
			run: 'r',
			task,
			tryNumber: 1,
		});
		const text = lines(incident([failed(), ...acts(rerun('a'), rerun('b'), rerun('c'))]));
		expect(text.filter((line) => line.startsWith('🔁'))).toEqual(['🔁 3 tasks rerun by @Ann at {2026-11-24T09:00}']);
	});

	test('words of its buttons name exactly what is shown', () => {
		const part = card(incident([failed({ dag: '売上', task: '集計', mapIndex: 3, tryNumber: 2 })]), showing()).parts.at(
			-1,
		);
		const words =
			part?.kind === 'buttons'
				? part.buttons.flatMap((one) => ('words' in one ? [`${one.verb} ${one.words}`] : []))
				: [];
		expect(words).toEqual([
			'rerun 売上 scheduled__1 --task 集計 --map 3 --try 2 --env prod',
			'logs 売上 "集計[3]" scheduled__1 2 --env prod',
			'mute incident:0123456789ab for 2h --env prod',
			'ack incident:0123456789ab --env prod',
			'diagnose 売上 "集計[3]" scheduled__1 2 --env prod',
		]);
	});

	test('all of one run is rerun as one; of several runs all of them are offered', () => {
		const words = (one: Incident): string[] =>
			card(one, showing()).parts.flatMap((part) =>
				part.kind === 'buttons'
					? part.buttons.flatMap((b) => ('verb' in b && b.verb === 'rerun' ? [b.words] : []))
					: [],
			);
		expect(words(incident(['a', 'b'].map((task) => failed({ task }))))).toEqual([
			'daily_sales scheduled__1 --env prod',
		]);
		expect(words(incident(['r1', 'r2'].map((run) => failed({ run }))))).toEqual(['incident:0123456789ab --env prod']);
	});

	test('the thread holds what was ruled out and by what, and the whole fix', () => {
		const reply = details(incident([failed()]), 'en');
		expect(reply && shown(reply).join('\n')).toMatch(/Ruled out[\s\S]*it imports/);
		expect(details(incident([failed()], { why: undefined }), 'en')).toBeUndefined();
	});

	test('a cause that comes of a size says which would do, while it is sure', () => {
		const worker = { cpu: 1, memoryGb: 2, storageGb: 1, minCount: 1, maxCount: 3 };
		const env = {
			name: 'prod',
			generation: 'composer-3',
			environment: 'prod',
			project: 'p',
			location: 'l',
			worker,
		} as const;
		const oom = (status: 'confirmed' | 'likely') =>
			incident([failed()], { why: why({ env, verdict: verdict({ verdict: 'worker-oom-task-sigkill', status }) }) });
		expect(lines(oom('confirmed')).join('\n')).toMatch(/💡 Or another size: .*[\s\S]*\[Size advice\]/);
		expect(lines(oom('confirmed'), { lang: 'ja' }).join('\n')).toMatch(/💡 サイズの変更案: .*[\s\S]*\[サイズの提案\]/);
		expect(lines(oom('likely')).join('\n')).not.toContain('💡');
		const reply = details(oom('confirmed'), 'en');
		expect(reply && shown(reply).join('\n')).toContain('gcloud composer environments update');
	});

	test('a later run that passed is named, and that the first stays failed', () => {
		const later = passed({ run: 'scheduled__2', tryNumber: 1 });
		expect(lines(incident([failed(), later])).join('\n')).toContain(
			'A later run passed: `scheduled__2`. `scheduled__1` itself stays failed.',
		);
	});

	test('people and groups from the settings are called, while it is open', () => {
		const parts = (one: Incident) => JSON.stringify(card(one, showing({ notify: ['U0ANN', 'S0TEAM'] })));
		expect(parts(incident([failed()]))).toContain('"notify":true');
		expect(parts(incident([failed(), passed()]))).not.toContain('"notify":true');
	});
});

describe('whatever names there are', () => {
	const hostile = fc.oneof(
		fc.string({ minLength: 1, maxLength: 250, unit: 'grapheme' }),
		fc.constantFrom(
			'<!channel>',
			'<@U0ANN>',
			'<https://evil.example|click>',
			'`code`',
			'\u202egnp.exe',
			'a'.repeat(250),
			'売'.repeat(250),
			'__proto__',
			'*_~`',
		),
	);
	const tries = fc.array(
		fc.record({ dag: hostile, run: hostile, task: hostile, hostname: hostile, operator: hostile, last: fc.boolean() }),
		{ minLength: 1, maxLength: 60 },
	);
	const keep = async (): Promise<string> => '0'.repeat(24);
	async function fits(reply: Reply, lang: Lang): Promise<void> {
		const { text, blocks } = await render(reply, lang, keep);
		const json = JSON.parse(JSON.stringify(blocks));
		expect(blockProblems(json, 'message')).toEqual([]);
		expect(blockTextLength(json)).toBeLessThanOrEqual(13_000);
		expect(text).not.toMatch(/<[!@#h]/);
		expect(JSON.stringify(json)).not.toMatch(/"type":"(?:mrkdwn|markdown|broadcast|user)"/);
	}
	const wild = (text: string): Why =>
		why({
			verdict: verdict({
				findings: verdict().findings.map((one) => ({
					...one,
					evidence: [{ line: 1, text: text.repeat(20) }],
					facts: { connection: text },
				})),
				tail: [text],
				lastException: text,
			}),
		});

	test('card, details, pages, recovery and digest are within Slack’s limits, and nothing in them comes alive', async () => {
		await fc.assert(
			fc.asyncProperty(
				tries,
				hostile,
				fc.constantFrom<Lang>('en', 'ja'),
				fc.constantFrom(5, 40),
				async (all, name, lang, most) => {
					const failures = all.map((ids, at) => failedTry({ ...ids, tryNumber: at + 1, seenAt: T0 + at }));
					const events: IncidentEvent[] = [
						...failures.map((one) => failed(one)),
						...acts(
							ack({ name }),
							{ kind: 'assign', by: 'U1', name, at: 1, to: 'U2', toName: name },
							{ kind: 'mute', by: 'U1', name, at: 2, mute: 'm', ticket: 'https://tickets.example/1' },
						),
					];
					const condition = {
						kind: 'import-error',
						key: name,
						since: new Date(T0).toISOString(),
						facts: { file: name, text: name.repeat(30) },
					};
					for (const one of [
						incident(events, { why: wild(name) }),
						incident([...events, { kind: 'wrong', at: T0, condition }], {
							condition,
							why: undefined,
							scope: 'environment',
							cause: 'import-error',
						}),
					]) {
						const rows = failures.slice(0, most);
						await fits(card(one, showing({ lang, nameEnv: true, rows, thread: most === 5, bigger: one })), lang);
						const detail = details(one, lang);
						if (detail) await fits(detail, lang);
						await fits(recovery(one, lang), lang);
						await fits(
							digest(
								{
									openedAt: T0,
									lines: Array.from({ length: 50 }, (_, n) => ({ ...lineOf(one), cause: `${name}${n}`, dag: name })),
									tries: 9,
								},
								{ lang, thread: true },
							),
							lang,
						);
					}
					const pages: Page[] = [];
					for (const [at, one] of failures.entries()) addToPages(pages, one, at);
					for (const { from, tries: count } of pages) {
						const reply = page(from + 1, failures.slice(from, from + count), lang);
						await fits(reply, lang);
						// Nothing of the list falls off its end.
						expect(JSON.stringify((await render(reply, lang, keep)).blocks)).not.toMatch(/does not fit|収まらない/);
					}
				},
			),
			{ numRuns: 60 },
		);
	}, 30_000);

	test('a page takes as many of the longest lines as it says', async () => {
		const long = (n: number): FailedTry =>
			failedTry({ dag: 'd'.repeat(250), task: 't'.repeat(250), run: 'r'.repeat(250), mapIndex: n, tryNumber: n });
		const all = Array.from({ length: 200 }, (_, n) => long(n));
		const pages: Page[] = [];
		for (const [at, one] of all.entries()) addToPages(pages, one, at);
		const { blocks } = await render(page(1, all.slice(0, pages[0]?.tries), 'en'), 'en', keep);
		expect(JSON.stringify(blocks).match(/#\d+ {2}/g)).toHaveLength(pages[0]?.tries ?? 0);
	});
});
