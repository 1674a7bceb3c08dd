import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const cli = at('../../src/scaling/cli.ts');
const history = (name: string): string => at(`./histories/${name}.jsonl`);

let folder: string;
beforeAll(() => {
	folder = mkdtempSync(join(tmpdir(), 'cm-advise-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

function run(...args: string[]) {
	// No settings, no Redis, no network: the environment holds nothing but the path.
	return spawnSync(process.execPath, [cli, ...args], { encoding: 'utf8', env: { PATH: process.env['PATH'] } });
}
function file(name: string, text: string): string {
	const path = join(folder, name);
	writeFileSync(path, text);
	return path;
}
/** The first line of a history with something changed, and its task instances. */
function changed(name: string, change: (head: Record<string, unknown>) => Record<string, unknown>): string {
	const [head = '', ...rows] = readFileSync(history('fine'), 'utf8').trim().split('\n');
	const value = z.record(z.string(), z.unknown()).parse(JSON.parse(head));
	return file(name, [JSON.stringify(change(value)), ...rows].join('\n'));
}

const figures = z.object({ waitP50Ms: z.number(), waitP95Ms: z.number(), memoryShare: z.number() });
const answered = z.object({
	decision: z.enum(['change', 'nothing', 'too little data']),
	suggestion: z.object({ text: z.string(), changes: z.array(z.unknown()), reaches: z.boolean() }).optional(),
	reasons: z.array(z.string()),
	predicted: z.object({ now: figures, after: figures.optional() }).optional(),
	apply: z.object({ shell: z.array(z.string()), terraform: z.string(), api: z.array(z.unknown()) }).optional(),
});

function json(...args: string[]) {
	const { stdout, stderr, status } = run('--json', ...args);
	expect(stderr).toBe('');
	expect(status).toBe(0);
	return answered.parse(JSON.parse(stdout.trim().split('\n').at(-1) ?? ''));
}

describe('advise --json: its last line is one object', () => {
	test('with the suggestion, its reasons, what is predicted and the change ready to apply', () => {
		const { decision, suggestion, reasons, predicted, apply } = json(history('too-small'));
		expect(decision).toBe('change');
		expect(suggestion?.text).toBe('worker memory 2 → 4 GB');
		expect(reasons.join('\n')).toMatch(/grows by one whole step[^]*Worker memory peaks at 100 % of 2 GB/);
		expect(predicted?.now.memoryShare).toBeGreaterThan(1);
		expect(predicted?.after?.memoryShare).toBeLessThan(0.8);
		expect(apply?.shell).toEqual([expect.stringContaining('--worker-memory=4GB')]);
	});

	test('change nothing: with its reason and what was replayed', () => {
		const { decision, suggestion, reasons, predicted } = json(history('fine'));
		expect({ decision, suggestion }).toEqual({ decision: 'nothing', suggestion: undefined });
		expect(reasons).toEqual([expect.stringContaining('The targets are met')]);
		expect(predicted?.now.waitP95Ms).toBeLessThan(60_000);
	});

	test('too little data: with what is missing', () => {
		const { decision, reasons, predicted } = json(
			file('short.jsonl', readFileSync(history('fine'), 'utf8').split('\n')[0] ?? ''),
		);
		expect({ decision, predicted }).toEqual({ decision: 'too little data', predicted: undefined });
		expect(reasons[0]).toContain('at least 200 finished task instances');
	});

	test('reasons in the language that was asked for', () => {
		expect(json('--lang', 'ja', history('too-small')).reasons.join('')).toContain('ワーカーのメモリ');
	});
});

describe('what cannot be read is said in a sentence, in both forms', () => {
	test.each([
		['a file that is not there', () => join(folder, 'missing.json'), 'There is no such file.'],
		['a folder', () => folder, 'That is a folder, not a file.'],
		['an empty file', () => file('empty.json', ''), 'there is nothing in it'],
		['a file that was cut', () => file('cut.json', readFileSync(history('fine'), 'utf8').slice(0, 300)), 'no JSON'],
		['another format', () => changed('format.jsonl', (head) => ({ ...head, format: 'x' })), 'at format'],
		[
			'times the wrong way round',
			() => changed('to.jsonl', (head) => ({ ...head, to: '2020-01-01T00:00:00Z' })),
			'`to` must be later',
		],
		[
			'a worker of no size',
			() =>
				changed('worker.jsonl', (head) => ({
					...head,
					environment: { generation: 'composer-3', worker: { min: 1, max: 1 } },
				})),
			'cpu and memoryGb are needed',
		],
		['a series nobody knows', () => changed('metrics.jsonl', (head) => ({ ...head, metrics: { moon: [] } })), '"moon"'],
	])('%s', (_what, path, why) => {
		const { status, stdout, stderr } = run('--json', path());
		expect(status).toBe(1);
		expect(stderr).toContain(why);
		expect(stderr).not.toMatch(/\n\s+at .*:\d+/);
		expect(z.object({ error: z.string() }).parse(JSON.parse(stdout)).error).toContain(why);
	});

	test('wrong usage says how it is used', () => {
		for (const args of [[], ['--target', 'soon', 'a'], ['--moon', 'a']]) {
			const { status, stderr } = run(...args);
			expect(status).toBe(2);
			expect(stderr).toContain('Usage: npm run -s advise');
		}
	});
});

test('hostile names end no argument of a command', () => {
	const name = "x'; touch /tmp/pwned; #`$(id)`\n*b* <!channel>\u202e";
	const path = changed('hostile.jsonl', (head) => {
		const environment = z.record(z.string(), z.unknown()).parse(head['environment']);
		const worker = { min: 6, max: 8, cpu: 1, memoryGb: 4, storageGb: 1 };
		return { ...head, environment: { ...environment, name, project: '$(id)', location: '`id`', worker } };
	});
	const { apply } = json(path);
	const shell = apply?.shell ?? [];
	expect(shell.length).toBeGreaterThan(0);
	for (const line of shell) {
		const words = spawnSync('sh', ['-c', `gcloud() { for word; do printf '%s\\0' "$word"; done; }; ${line}`], {
			encoding: 'utf8',
		}).stdout.split('\0');
		expect(words.slice(0, 6)).toEqual([
			'composer',
			'environments',
			'update',
			name,
			'--location=`id`',
			'--project=$(id)',
		]);
	}
});
