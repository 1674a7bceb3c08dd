import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { grantCommand } from '../../src/domain/grants.ts';
import { needs, type Need } from '../../src/domain/needs.ts';

const BOT = 'concertmaster@acme.iam.gserviceaccount.com';
const ACCOUNT = 'composer-prod@acme.iam.gserviceaccount.com';
let folder: string;

beforeAll(async () => {
	folder = await mkdtemp(join(tmpdir(), 'cm-grant-'));
	// Notes what it is called with, each word after a line of its own, and knows the environment's account.
	await writeFile(
		join(folder, 'gcloud'),
		`#!/bin/sh
printf '%s\n' '---' "$@" >> "$GCLOUD_CALLS"
case "$1 $2" in 'composer environments') printf '%s\n' '${ACCOUNT}' ;; *) [ -z "\${GCLOUD_FAILS:-}" ] ;; esac
`,
	);
	await chmod(join(folder, 'gcloud'), 0o755);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

type Ran = { status: number | null; out: string; err: string; calls: string[][] };

function run(args: readonly string[], env: Record<string, string> = {}): Ran {
	const noted = join(folder, `calls-${Math.random().toString(36).slice(2)}`);
	const { status, stdout, stderr } = spawnSync('sh', ['scripts/grant-roles.sh', ...args], {
		encoding: 'utf8',
		env: { PATH: `${folder}:${process.env['PATH'] ?? ''}`, GCLOUD_CALLS: noted, ...env },
	});
	const calls = existsSync(noted)
		? readFileSync(noted, 'utf8')
				.split('---\n')
				.slice(1)
				.map((one) => one.trimEnd().split('\n'))
		: [];
	return { status, out: stdout, err: stderr, calls };
}

const place = ['--project', 'acme', '--location', 'europe-west1', '--environment', 'prod', '--bot', BOT];
const commands = (wanted: (name: string, need: Need) => boolean): string[] => [
	...new Set(
		needs()
			.filter(([name, need]) => wanted(name, need))
			.map(([, need]) => grantCommand(need, { bot: BOT, project: 'acme', serviceAccount: ACCOUNT })),
	),
];
const lines = (out: string): string[] => out.split('\n').filter(Boolean);

describe('scripts/grant-roles.sh', () => {
	test('--dry-run prints what the doctor says, each role once, and grants nothing', () => {
		const { status, out, calls } = run([...place, '--dry-run']);
		expect(status).toBe(0);
		expect(lines(out)).toEqual(commands((_, { optional }) => !optional));
		expect(calls.map(([verb]) => verb)).toEqual(['composer']);
	});

	test('without it the same commands are run', () => {
		const dry = lines(run([...place, '--with-changes', '--dry-run']).out);
		const { status, out, calls } = run([...place, '--with-changes']);
		expect([status, lines(out)]).toEqual([0, dry]);
		expect(dry).toEqual(commands(() => true));
		const granted = calls.filter(([verb]) => verb !== 'composer');
		expect(granted.map((words) => `gcloud ${words.join(' ')}`)).toEqual(dry);
	});

	test('only some features, one account asked for only when it is needed', () => {
		const { out, calls } = run([...place, '--features', 'logs,metrics', '--dry-run']);
		expect(lines(out)).toEqual(commands((name) => name === 'logs' || name === 'metrics'));
		expect(calls).toEqual([]);
	});

	test.each([
		['nothing', []],
		['no bot', place.slice(0, 6)],
		['an unknown word', [...place, '--everything', 'yes']],
		['an unknown feature', [...place, '--features', 'logs,.*']],
	])('%s: says how it is used, and grants nothing', (_, args) => {
		const { status, err, calls } = run(args);
		expect(status).toBe(2);
		expect(err).toMatch(/--list/);
		expect(calls).toEqual([]);
	});

	test('what gcloud refuses ends it', () => {
		const { status, calls } = run([...place, '--features', 'logs,metrics'], { GCLOUD_FAILS: '1' });
		expect(status).not.toBe(0);
		expect(calls).toHaveLength(1);
	});

	test('hostile names stay words, in what is run and in what is printed', () => {
		const evil = `x'; touch ${join(folder, 'pwned')}; echo "$(touch ${join(folder, 'pwned')})" \`id\` *`;
		const args = [
			'--project',
			evil,
			'--location',
			evil,
			'--environment',
			evil,
			'--bot',
			`${evil}@acme.iam.gserviceaccount.com`,
		];
		const { out, calls } = run([...args, '--dry-run']);
		expect(calls[0]).toEqual([
			'composer',
			'environments',
			'describe',
			evil,
			`--location=${evil}`,
			`--project=${evil}`,
			'--format=value(config.nodeConfig.serviceAccount)',
		]);
		const [first = ''] = lines(out);
		const words = execFileSync('sh', ['-c', `printf '%s\n' ${first}`], { encoding: 'utf8' });
		expect(words.trimEnd().split('\n')).toEqual([
			'gcloud',
			'projects',
			'add-iam-policy-binding',
			evil,
			`--member=serviceAccount:${evil}@acme.iam.gserviceaccount.com`,
			'--role=roles/composer.user',
			'--condition=None',
		]);
		expect(existsSync(join(folder, 'pwned'))).toBe(false);
	});
});

test('the lists of rights in README, install page and script are those of the code', () => {
	expect(() => execFileSync(process.execPath, ['src/gen.ts', 'needs', '--check'], { stdio: 'pipe' })).not.toThrow();
});
