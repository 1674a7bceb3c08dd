import { describe, expect, test } from '@jest/globals';
import { lastedMs, runMessage, usualMs, type RunFacts } from '../../commands/_parts/run-message.ts';
import { strip } from '../../commands/_parts/strip.ts';
import type { DagRun, TaskInstance } from '../../src/domain/airflow.ts';
import { durationText, median } from '../../src/domain/duration.ts';
import type { Lang } from '../../src/domain/text.ts';
import { shown } from './house.ts';

const run: DagRun = {
	dag: 'daily_sales',
	run: 'slack__1',
	state: 'queued',
	runType: 'manual',
	logicalDate: null,
	queuedAt: '2026-11-24T09:00:00Z',
	conf: {},
	note: null,
};
const at = (time: string) => Date.parse(`2026-11-24T${time}Z`);
const facts: RunFacts = {
	run,
	tasks: [],
	usual: undefined,
	asker: 'Aiko',
	env: undefined,
	url: 'https://airflow.example.com/run',
	now: at('09:00:05'),
	lang: 'en',
};
const task = (more: Partial<TaskInstance>): TaskInstance => ({
	dag: 'daily_sales',
	run: 'slack__1',
	task: 'load',
	mapIndex: -1,
	tryNumber: 1,
	maxTries: 0,
	state: 'failed',
	...more,
});
const say = (more: Partial<RunFacts>, lang: Lang = 'en') => shown(runMessage({ ...facts, ...more, lang }));
const running = { ...run, state: 'running', startedAt: '2026-11-24T09:00:10Z' } as const;
const ended = (state: 'success' | 'failed', end = '09:04:22'): DagRun => ({
	...running,
	state,
	endedAt: `2026-11-24T${end}Z`,
});

describe('the message of a run', () => {
	test('queued', () => {
		expect(say({})).toEqual([
			'⏳ `daily_sales` is queued',
			'Started by *Aiko* · {2026-11-24T09:00}',
			'Run: `slack__1`',
			'[Open in Airflow]',
		]);
		expect(say({}, 'ja')).toEqual([
			'⏳ `daily_sales` は開始待ちです',
			'実行者: *Aiko* · {2026-11-24T09:00}',
			'実行 ID: `slack__1`',
			'[Airflow で開く]',
		]);
	});

	test('running, against the usual', () => {
		expect(say({ run: running, usual: 240_000, now: at('09:02:10'), env: 'prod' }).slice(0, 2)).toEqual([
			'🔵 `daily_sales` has been running for 2m',
			'Started by *Aiko* · {2026-11-24T09:00} · usually 4m · in *prod*',
		]);
		expect(say({ run: running, usual: 240_000, now: at('09:02:10') }, 'ja').slice(0, 2)).toEqual([
			'🔵 `daily_sales` を実行中です（2分経過）',
			'実行者: *Aiko* · {2026-11-24T09:00} · 通常 4分',
		]);
	});

	test.each([
		[undefined, '✅ `daily_sales` succeeded in 4m 12s', '✅ `daily_sales` が4分12秒で成功しました'],
		[
			250_000,
			'✅ `daily_sales` succeeded in 4m 12s, as usual',
			'✅ `daily_sales` が4分12秒で成功しました（通常どおり）',
		],
		[
			60_000,
			'✅ `daily_sales` succeeded in 4m 12s (usually 1m)',
			'✅ `daily_sales` が4分12秒で成功しました（通常は 1分）',
		],
	])('success, usually %s ms', (usual, en, ja) => {
		expect(say({ run: ended('success'), usual })[0]).toBe(en);
		expect(say({ run: ended('success'), usual }, 'ja')[0]).toBe(ja);
	});

	test('failed: which tasks, which try, what did not run', () => {
		const tasks = [
			task({ tryNumber: 3, maxTries: 2, startedAt: '2026-11-24T09:01:00Z', endedAt: '2026-11-24T09:01:45Z' }),
			task({ task: 'download', mapIndex: 4 }),
			task({ task: 'publish', state: 'upstream_failed' }),
			task({ task: 'fine', state: 'success' }),
		];
		expect(say({ run: ended('failed'), tasks })).toEqual([
			'❌ `daily_sales` failed after 4m 12s',
			'Started by *Aiko* · {2026-11-24T09:00}',
			'- `load` failed (try 3 of 3) after 45s',
			'- `download [4]` failed',
			'- 1 task after that did not run (upstream_failed)',
			'Run: `slack__1`',
			'[Diagnose] [Open in Airflow]',
		]);
		expect(say({ run: ended('failed'), tasks }, 'ja').slice(0, 5)).toEqual([
			'❌ `daily_sales` が4分12秒で失敗しました',
			'実行者: *Aiko* · {2026-11-24T09:00}',
			'- `load` が失敗しました（3 回中 3 回目、45秒）',
			'- `download [4]` が失敗しました',
			'- 後続の 1 件のタスクは実行されませんでした (upstream_failed)',
		]);
	});

	test('many failed tasks: eight by name, the others counted', () => {
		const tasks = Array.from({ length: 30 }, (_, i) => task({ task: `t${i}` }));
		const lines = say({ run: ended('failed'), tasks }).filter((line) => line.startsWith('- '));
		expect([lines.length, lines.at(-1)]).toEqual([9, '- and 22 more failed tasks']);
	});

	test('how far it is', () => {
		const tasks = [
			task({ task: 'extract', state: 'success' }),
			task({ task: 'check', state: 'skipped' }),
			task({ task: 'load', state: 'running', mapIndex: 1 }),
			task({ task: 'index', state: 'running' }),
			task({ task: 'publish', state: 'none' }),
		];
		expect(say({ run: running, tasks })[2]).toBe('2 of 5 tasks done · now `load [1]`, `index`');
		expect(say({ run: running, tasks }, 'ja')[2]).toBe('5 タスク中 2 完了 · 実行中: `load [1]`, `index`');
	});

	test('a retry that is waited for is said while the run goes on', () => {
		expect(say({ run: running, tasks: [task({ state: 'up_for_retry', maxTries: 2 })] })).toContain(
			'- `load` failed (try 1 of 3), will be retried',
		);
	});

	test('conf is masked, and cut', () => {
		const conf = { table: 'orders', password: 'hunter2hunter2', long: 'x'.repeat(1000) };
		const line = say({ run: { ...run, conf } }).find((one) => one.startsWith('conf:')) ?? '';
		expect(line).toMatch(/^conf: `\{"table":"orders","password":"\*\*\*",.*…`$/);
		expect(line.length).toBeLessThan(320);
	});

	test.each([
		[{ paused: true }, '(The DAG is paused: it starts when somebody unpauses it.)'],
		[
			{ run: { ...run, logicalDate: '2027-01-01T00:00:00Z' } },
			'(The logical date is in the future: Airflow waits for it.)',
		],
		[
			{ now: at('09:20:00') },
			'(Waiting for more than 10 minutes: max_active_runs may be reached, or the scheduler is busy.)',
		],
	])('why it waits %#', (more, hint) => {
		expect(say(more)).toContain(hint);
	});

	test('hostile names become visible, and stay short', () => {
		const dag = `a\u202e${'x'.repeat(249)}`;
		const [title = ''] = say({ run: { ...run, dag }, asker: 'Eve\u202e' });
		expect(title.length).toBeLessThan(130);
		expect(say({ run, asker: 'Eve\u202e' })[1]).toContain('*Eve\\u202e*');
	});
});

describe('durations', () => {
	test.each([
		[0, '<1s', '1秒未満'],
		[400, '<1s', '1秒未満'],
		[12_000, '12s', '12秒'],
		[252_000, '4m 12s', '4分12秒'],
		[3_600_000, '1h', '1時間'],
		[7_505_000, '2h 5m', '2時間5分'],
		[273_600_000, '3d 4h', '3日4時間'],
		[86_400_000 + 60_000, '1d', '1日'],
	])('%d ms', (ms, en, ja) => {
		expect([durationText(ms, 'en'), durationText(ms, 'ja')]).toEqual([en, ja]);
	});

	test('the usual is the median of at least three successes', () => {
		const took = (seconds: number, state: DagRun['state'] = 'success'): DagRun => ({
			...run,
			state,
			startedAt: '2026-11-24T09:00:00Z',
			endedAt: new Date(at('09:00:00') + seconds * 1000).toISOString(),
		});
		expect(usualMs([took(10), took(20)])).toBeUndefined();
		expect(usualMs([took(10), took(20), took(90), took(5, 'failed')])).toBe(20_000);
		expect(usualMs([took(10), took(20), took(30), took(90)])).toBe(25_000);
		expect([median([]), lastedMs({ startedAt: 'x', endedAt: 'y' })]).toEqual([undefined, undefined]);
	});

	test('the strip: newest at the end', () => {
		const states = ['running', 'failed', 'success', 'queued'] as const;
		const runs = states.map((state) => ({ ...run, state }));
		expect([strip(runs, 'en'), strip(runs, 'ja')]).toEqual([
			['⬜🟩🟥🟦', '  last 4 runs, 1 failed'],
			['⬜🟩🟥🟦', '  直近 4 回（失敗 1 回）'],
		]);
	});
});
