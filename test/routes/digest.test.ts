import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { epochOf, wallAt } from '../../src/alerts/clock.ts';
import { digest, lastDue, type Entry } from '../../src/alerts/digest.ts';
import { fold, openLedger } from '../../src/alerts/fold.ts';
import type { FailedTry, Incident } from '../../src/alerts/incident.ts';
import { WEEKDAYS, type DigestOptions } from '../../src/alerts/options.ts';
import { rowText } from '../../src/alerts/row.ts';
import { titleOf } from '../../src/alerts/words.ts';
import { viewOf } from '../../src/alerts/view.ts';
import { render } from '../../src/slack/render.ts';
import { shown } from '../commands/house.ts';

const NOW = Date.parse('2026-11-20T03:00:00Z');
const HOUR = 3600_000;

const failed = (n: number, more: Partial<FailedTry> = {}): FailedTry => ({
	env: 'prod',
	dag: 'daily_sales',
	run: `scheduled__${n}`,
	task: 'load',
	mapIndex: -1,
	tryNumber: 1,
	ofTries: 1,
	last: true,
	seenAt: NOW + n * 1000,
	...more,
});

function incident(id: string, rows: readonly FailedTry[], cause = 'user-code-exception', over = false): Incident {
	const at = rows[0]?.seenAt ?? NOW;
	const ledger = openLedger({
		env: 'prod',
		scope: 'task',
		cause,
		openedAt: at,
		why: undefined,
		condition: undefined,
		history: { before: 0 },
	});
	const events = [
		...rows.map((one) => ({ at: one.seenAt, kind: 'failed' as const, failed: one })),
		...(over
			? rows.map((one) => ({
					at: one.seenAt + HOUR,
					kind: 'passed' as const,
					dag: one.dag,
					run: one.run,
					task: one.task,
					mapIndex: one.mapIndex,
					tryNumber: one.tryNumber + 1,
					endedAt: new Date(one.seenAt + HOUR).toISOString(),
				}))
			: []),
	];
	return viewOf(id, fold(ledger, events).ledger, []);
}

describe('when it is due', () => {
	const daily: DigestOptions = { every: 'day', at: '09:00', weekday: 'mon' };
	test.each<[string, DigestOptions, string, string]>([
		['today', daily, '2026-11-20T10:00:00Z', '2026-11-20T09:00:00.000Z'],
		['at that very moment', daily, '2026-11-20T09:00:00Z', '2026-11-20T09:00:00.000Z'],
		['yesterday', daily, '2026-11-20T08:59:59Z', '2026-11-19T09:00:00.000Z'],
		['in a zone of its own', { ...daily, timeZone: 'Asia/Tokyo' }, '2026-11-20T03:00:00Z', '2026-11-20T00:00:00.000Z'],
		['on Monday', { ...daily, every: 'week' }, '2026-11-20T03:00:00Z', '2026-11-16T09:00:00.000Z'],
		['a week ago', { ...daily, every: 'week', weekday: 'fri' }, '2026-11-20T03:00:00Z', '2026-11-13T09:00:00.000Z'],
	])('%s', (_, options, now, due) => {
		expect(new Date(lastDue(options, 'UTC', Date.parse(now))).toISOString()).toBe(due);
	});

	test('never in the future, never longer ago than a period and the hour of summer time, the same until the next', () => {
		const options = fc.record({
			every: fc.constantFrom('day' as const, 'week' as const),
			at: fc
				.integer({ min: 0, max: 1439 })
				.map((m) => `${String(Math.floor(m / 60)).padStart(2, '0')}:${String(m % 60).padStart(2, '0')}`),
			weekday: fc.constantFrom(...WEEKDAYS),
			timeZone: fc.constantFrom('UTC', 'Asia/Tokyo', 'Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe'),
		});
		fc.assert(
			fc.property(options, fc.integer({ min: 0, max: 60 * 365 * 24 * 60 }), (one, minute) => {
				const now = minute * 60_000;
				const due = lastDue(one, 'UTC', now);
				const period = (one.every === 'week' ? 7 : 1) * 24 * HOUR;
				expect(due).toBeLessThanOrEqual(now);
				expect(now - due).toBeLessThan(period + HOUR + 1);
				expect(lastDue(one, 'UTC', due)).toBe(due);
				const wall = wallAt(due, one.timeZone);
				expect(epochOf(wall, one.timeZone)).toBe(due);
			}),
			{ numRuns: 300 },
		);
	});
});

const about = { from: NOW - 24 * HOUR, due: NOW, lang: 'en', nameEnv: false, thread: true } as const;

describe('what it says', () => {
	test('nothing failed', () => {
		expect(shown(digest([], about).head)).toEqual([
			'✅ Digest: nothing failed',
			'{2026-11-19T03:00} – {2026-11-20T03:00}',
		]);
	});

	test('what is open, recovered, muted, and why most of it failed', () => {
		const rows = [failed(1), failed(2), failed(3, { dag: 'hr', task: 'sync' })];
		const entries: Entry[] = [
			{ incident: incident('a', rows.slice(0, 2), 'kpo-oomkilled'), rows: rows.slice(0, 2), muted: false },
			{ incident: incident('b', rows.slice(2), 'unknown', true), rows: rows.slice(2), muted: false },
			{ incident: incident('c', [failed(-9000, { dag: 'old' })], 'unknown'), rows: [], muted: true },
		];
		const lines = shown(digest(entries, about).head);
		expect(lines).toEqual([
			'🗞️ Digest: 3 failed tries in 2 incidents',
			'{2026-11-19T03:00} – {2026-11-20T03:00}',
			'2 still open · 1 recovered · 1 muted',
			...rows.map((row) => `| ${rowText(row)}`),
			'*Still open*',
			`- 2 tasks of \`daily_sales\` · ${titleOf('kpo-oomkilled', 'en')} · since {2026-11-20T03:00} · 2 failed tries`,
			'- 🔕 `load` of `old` · cause unknown · since {2026-11-20T00:30}',
			'*Recovered*',
			'- `sync` of `hr` · cause unknown · 1h · 1 failed try',
			'*Top causes*',
			`- ${titleOf('kpo-oomkilled', 'en')} · 2 failed tries`,
			'- cause unknown · 1 failed try',
		]);
		expect(shown(digest(entries, { ...about, lang: 'ja' }).head).slice(0, 3)).toEqual([
			'🗞️ ダイジェスト: 失敗した試行 3 件（インシデント 2 件）',
			'{2026-11-19T03:00} ～ {2026-11-20T03:00}',
			'未復旧 2 件 · 復旧済み 1 件 · ミュート中 1 件',
		]);
	});

	test('every failed try on exactly one line as Slack shows it, whatever the names, and the counts are theirs', async () => {
		const name = fc.oneof(
			fc.constantFrom('daily_sales', '売上_日次集計', 'x'),
			fc.string({ unit: fc.constantFrom('a', '漢', '_', '.', '🎻'), minLength: 1, maxLength: 250 }),
		);
		const entry = fc.record({
			dag: name,
			task: name,
			tries: fc.integer({ min: 0, max: 60 }),
			cause: fc.constantFrom('unknown', 'kpo-oomkilled', 'x-y'),
			over: fc.boolean(),
		});
		await fc.assert(
			fc.asyncProperty(
				fc.array(entry, { maxLength: 20 }),
				fc.boolean(),
				fc.constantFrom('en' as const, 'ja' as const),
				async (all, thread, lang) => {
					let n = 0;
					const entries = all.map(({ dag, task, tries, cause, over }, i): Entry => {
						const rows = Array.from({ length: tries }, () => failed(++n, { dag, task }));
						return {
							incident: incident(`i${i}`, rows.length > 0 ? rows : [failed(0, { dag, task })], cause, over),
							rows,
							muted: false,
						};
					});
					const rows = entries.flatMap((one) => one.rows);
					const made = digest(entries, { ...about, thread, lang });
					const said = await Promise.all(
						[made.head, ...made.pages].map((reply) => render(reply, lang, async () => 'x')),
					);
					const lines = said.flatMap(({ blocks }) => preformatted(blocks)).flatMap((text) => text.split('\n'));
					expect(lines.toSorted()).toEqual(rows.map(rowText).toSorted());
					expect(JSON.stringify(said[0]?.blocks)).toContain(
						rows.length === 0 ? (lang === 'ja' ? '新たな失敗はありません' : 'nothing failed') : String(rows.length),
					);
					expect(made.pages.length > 0).toBe(rows.length > 15);
				},
			),
			{ numRuns: 40 },
		);
	});
});

function preformatted(value: unknown): string[] {
	if (Array.isArray(value)) return value.flatMap(preformatted);
	if (typeof value !== 'object' || value === null) return [];
	if (
		'type' in value &&
		value.type === 'rich_text_preformatted' &&
		'elements' in value &&
		Array.isArray(value.elements)
	)
		return value.elements.map((one: { text: string }) => one.text);
	return Object.values(value).flatMap(preformatted);
}
