import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { defineRule, line } from '../../src/domain/rule.ts';
import type { Diagnosis, Rule } from '../../src/domain/rule.ts';
import { diagnoseSource, WINDOW } from '../../src/diagnosis/read.ts';
import type { ReadOptions } from '../../src/diagnosis/read.ts';

const text = { en: 'x', ja: 'x' };
const rule = (id: string, sentence: string, more: Partial<Rule> = {}): Rule =>
	defineRule({
		id,
		category: 'resources',
		title: text,
		looks: text,
		confused: text,
		signatures: [line(sentence, new RegExp(`${sentence}(?: on (?<host>\\w{1,40}))?`))],
		fix: () => [],
		docs: 'https://example.com',
		...more,
	});
const rules = [
	rule('mount-lost', 'the mount of the bucket is lost'),
	rule('symptom', 'no log could be found', { symptom: true }),
	rule('wordy', 'word that stands on every line'),
];
const options: ReadOptions = { rules };

let folder: string;
beforeAll(() => {
	folder = mkdtempSync(join(tmpdir(), 'read-'));
});
afterAll(() => {
	rmSync(folder, { recursive: true });
});

async function fromFile(bytes: string | Uint8Array, more: Partial<ReadOptions> = {}): Promise<Diagnosis> {
	const path = join(folder, 'x.log');
	writeFileSync(path, bytes);
	const fd = openSync(path, 'r');
	try {
		return await diagnoseSource({ fd }, { ...options, ...more });
	} finally {
		closeSync(fd);
	}
}
const fromMemory = (bytes: string | Uint8Array, more: Partial<ReadOptions> = {}) =>
	diagnoseSource({ bytes: Buffer.from(bytes) }, { ...options, ...more });
const found = (diagnosis: Diagnosis) => [
	diagnosis.verdict,
	diagnosis.findings[0]?.evidence.map((each) => each.line),
	diagnosis.findings[0]?.facts['host'],
];

const plain = (n: number) =>
	`[2026-11-22T22:37:00.808+0000] {process.py:12} INFO - batch ${n} of customers, all is well\n`;
const filler = Array.from({ length: 9000 }, (_, n) => plain(n)).join('');
const CAUSE = '[2026-11-22T22:37:00.808+0000] {process.py:12} ERROR - the mount of the bucket is lost on worker7\n';

describe('a log that is longer than the window', () => {
	const cases: [string, string, number][] = [
		['the cause at the beginning', CAUSE + filler, 1],
		['the cause in the middle', filler + CAUSE + filler, 9001],
		['the cause at the end', filler + CAUSE, 9001],
		['the cause where the window begins', filler + CAUSE + filler.slice(0, WINDOW - 40), 9001],
	];
	test.each(cases)('%s: found with its line number, in a file, in memory, in gzip', async (_, log, at) => {
		expect(log.length).toBeGreaterThan(WINDOW);
		for (const diagnosis of [
			await fromFile(log),
			await fromMemory(log),
			await fromMemory(gzipSync(log)),
			await fromFile(gzipSync(log)),
		]) {
			expect(found(diagnosis)).toEqual(['mount-lost', [at], 'worker7']);
		}
	});

	test('the end is judged first, and what stands before it may still explain it', async () => {
		const first: string[] = [];
		const end = '[2026-11-22T22:37:00.808+0000] {log.py:1} ERROR - no log could be found\n';
		const diagnosis = await fromFile(CAUSE + filler + end, { onFirst: (each) => first.push(each.verdict) });
		expect([first, diagnosis.verdict]).toEqual([['symptom'], 'mount-lost']);
	});

	test('an earlier attempt explains nothing', async () => {
		const start = (n: number) =>
			`[2026-11-22T22:37:00.808+0000] {taskinstance.py:2172} INFO - Starting attempt ${n} of 3\n`;
		const log = (second: number) => start(1) + CAUSE + start(second) + filler;
		expect([(await fromFile(log(2))).verdict, (await fromFile(log(1))).verdict]).toEqual(['unknown', 'mount-lost']);
		expect((await fromMemory(gzipSync(log(2)))).verdict).toBe('unknown');
	});

	test('one long line: found in the middle of it', async () => {
		const diagnosis = await fromFile(
			`${'x'.repeat(2 * WINDOW)} the mount of the bucket is lost on worker7 ${'y'.repeat(2 * WINDOW)}`,
		);
		expect(found(diagnosis)).toEqual(['mount-lost', [1], 'worker7']);
		expect(diagnosis.findings[0]?.evidence[0]?.text).toContain('the mount of the bucket is lost on worker7');
		expect(diagnosis.findings[0]?.evidence[0]?.text.length).toBeLessThanOrEqual(1000);
	});

	test('an Airflow 3 page that is one long line: unwrapped around the hit, its own level', async () => {
		const event = (level: string, words: string) => ({
			timestamp: '2026-11-23T00:47:46.914619Z',
			level,
			event: words,
			logger: 'task',
		});
		const content = [
			...Array.from({ length: 8000 }, (_, n) => event('info', `row ${n}\nis "fine"`)),
			event('error', 'sorry\nthe mount of the bucket is lost on worker7'),
			...Array.from({ length: 8000 }, (_, n) => event('info', `row ${n}`)),
		];
		const diagnosis = await fromFile(JSON.stringify({ content, continuation_token: null }));
		expect([diagnosis.verdict, diagnosis.findings[0]?.evidence[0]?.text]).toEqual([
			'mount-lost',
			'the mount of the bucket is lost on worker7',
		]);
	});

	test('a literal on every line neither fills memory nor takes the verdict from the last lines', async () => {
		const noisy = Array.from({ length: 30_000 }, (_, n) => `INFO - ${n} word that stands on every line\n`).join('');
		const diagnosis = await fromFile(noisy);
		expect([diagnosis.verdict, diagnosis.findings[0]?.evidence.length]).toEqual(['wordy', 4]);
	});
});

describe('what is no log', () => {
	const junk: [string, Uint8Array][] = [
		['nothing', Buffer.alloc(0)],
		['zeros', Buffer.alloc(3 * WINDOW)],
		['only newlines', Buffer.alloc(3 * WINDOW, 10)],
		['invalid UTF-8', Buffer.alloc(2 * WINDOW, 0xc3)],
		['open braces', Buffer.alloc(2 * WINDOW, '{"event":')],
		['escape sequences', Buffer.alloc(2 * WINDOW, '\u001b]8;;')],
		['carriage returns', Buffer.alloc(2 * WINDOW, '99%\r')],
	];
	test.each(junk)('%s is unknown', async (_, bytes) => {
		const started = Date.now();
		expect((await fromFile(bytes)).verdict).toBe('unknown');
		expect(Date.now() - started).toBeLessThan(3000);
	});

	test('a broken archive gives what could be read of it; one that holds nothing is an error', async () => {
		const packed = gzipSync(CAUSE + filler + filler);
		expect((await fromMemory(packed.subarray(0, packed.length - 200))).verdict).toBe('mount-lost');
		await expect(fromMemory(packed.subarray(0, 12))).rejects.toThrow();
	});

	test('a gzip bomb ends at the limit, and that is said', async () => {
		const bomb = gzipSync(Buffer.alloc(20 * WINDOW));
		const diagnosis = await fromFile(bomb, { most: 4 * WINDOW });
		expect([diagnosis.verdict, diagnosis.notes.at(-1)]).toEqual(['unknown', 'Only the first 2 MiB were read.']);
	});
});
