import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';

const cli = fileURLToPath(new URL('../../src/diagnosis/cli.ts', import.meta.url));
const LOST =
	"[2026-11-22T22:37:00.808+0000] {x.py:1} ERROR - OSError: [Errno 107] Transport endpoint is not connected: '/home/airflow/gcs/logs/x'\n";

let folder: string;
let lost: string;
beforeAll(() => {
	folder = mkdtempSync(join(tmpdir(), 'cli-'));
	lost = join(folder, 'lost.log');
	writeFileSync(lost, LOST);
});
afterAll(() => {
	rmSync(folder, { recursive: true });
});

function run(args: string[], input?: string | Uint8Array) {
	// No settings, no Redis, no network: the environment holds nothing but the path.
	const { status, stdout, stderr } = spawnSync(process.execPath, [cli, ...args], {
		encoding: 'utf8',
		input,
		env: { PATH: process.env.PATH, FORCE_COLOR: '0' },
	});
	return { status, stdout, stderr };
}

describe('diagnose on the command line', () => {
	test('--json: one object a line for each file, one with an error for a file that cannot be read', () => {
		const missing = join(folder, 'missing.log');
		const { status, stdout, stderr } = run(['--json', lost, missing, folder]);
		const lines = stdout
			.trim()
			.split('\n')
			.map((line) => JSON.parse(line) as Record<string, unknown>);
		expect(lines).toMatchObject([
			{ file: lost, verdict: 'gcsfuse-mount-lost', status: expect.any(String) },
			{ file: missing, error: expect.stringContaining('ENOENT') },
			{ file: folder, error: expect.any(String) },
		]);
		expect([status, stderr]).toEqual([1, '']);
		const [finding] = (lines[0]?.findings ?? []) as {
			cause: string;
			evidence: { line: number; text: string }[];
			fix: string[];
			docs: string;
		}[];
		expect(finding).toMatchObject({
			cause: 'gcsfuse-mount-lost',
			evidence: [{ line: 1, text: LOST.trim() }],
			docs: expect.stringMatching(/^https:/),
		});
		expect(finding?.fix.every((step) => typeof step === 'string' && step !== '')).toBe(true);
	});

	test('reads standard input, plain and gzip', () => {
		for (const input of [LOST, gzipSync(LOST)]) {
			const { status, stdout } = run(['--json', '-'], input);
			expect([status, (JSON.parse(stdout) as { verdict: string }).verdict]).toEqual([0, 'gcsfuse-mount-lost']);
		}
	});

	test('for people: cause, evidence and fix, in the language asked for, without escapes where it is no terminal', () => {
		const english = run([lost]).stdout;
		expect(english).toContain('Evidence\n      1  [2026-11-22T22:37:00.808+0000]');
		expect(english).not.toContain('\u001b');
		expect(run(['--lang', 'ja', lost]).stdout).toContain('根拠');
	});

	test('the generation decides the fix', () => {
		const fix = (env: string) => run(['--json', '--env', env, lost]).stdout;
		expect(fix('composer-2')).not.toBe(fix('airflow'));
	});

	test.each([[[]], [['--colour', 'x']], [['--env', 'composer-1', 'x']], [['--lang', 'fr', 'x']]])(
		'wrong usage %j: exit code 2 and the usage',
		(args) => {
			const { status, stdout, stderr } = run(args);
			expect([status, stdout]).toEqual([2, '']);
			expect(stderr).toContain('Usage: npm run -s diagnose');
		},
	);
});
