import { describe, expect, test } from '@jest/globals';
import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadConfig, problemsText } from '../../src/config.ts';

const full = {
	SLACK_BOT_TOKEN: 'xoxb-1',
	SLACK_APP_TOKEN: 'xapp-1-A0123ABCD-1-x',
	REDIS_URL: 'redis://localhost:6379',
};
const plain =
	'environments:\n  prod:\n    url: https://airflow.example.com\n    auth: { kind: jwt, username: u, password: "${PW}" }\n';

async function load(env: Record<string, string>, file?: string, needs: 'all' | 'worker' = 'all') {
	const folder = await mkdtemp(join(tmpdir(), 'cm-config-'));
	if (file !== undefined) await writeFile(join(folder, 'concertmaster.yaml'), file);
	return loadConfig(needs, env, folder);
}
const problems = async (...args: Parameters<typeof load>): Promise<string[]> => {
	const loaded = await load(...args);
	return loaded.kind === 'problems' ? loaded.problems.map(({ where, what }) => `${where}: ${what}`) : [loaded.kind];
};

describe('settings', () => {
	test('none at all is the demo; REDIS_URL alone is none', async () => {
		expect(await load({})).toEqual({ kind: 'none' });
		expect(await load({ REDIS_URL: 'redis://x' })).toEqual({ kind: 'none' });
		expect(await load({ SLACK_BOT_TOKEN: '' })).toEqual({ kind: 'none' });
	});

	test('complete: the app id comes out of the app token, secrets out of the environment', async () => {
		const loaded = await load({ ...full, PW: 's3cret', SLACK_API_URL: 'http://127.0.0.1:1/api' }, plain);
		expect(loaded).toMatchObject({
			kind: 'config',
			config: {
				slack: { appId: 'A0123ABCD', apiUrl: 'http://127.0.0.1:1/api/', port: 3000 },
				environments: [{ name: 'prod', airflow: { auth: { kind: 'jwt', password: 's3cret' } } }],
				everyone: 'viewer',
				allowOutsiders: false,
			},
		});
	});

	test('Composer needs no auth, and the order of environments is kept', async () => {
		const file =
			'environments:\n  b:\n    composer: { project: acme-data, location: europe-west1, name: etl }\n' +
			'  a:\n    url: http://x.example\n    auth: { kind: basic, username: u, password: p }\n';
		const loaded = await load(full, file);
		expect(loaded).toMatchObject({
			kind: 'config',
			config: { environments: [{ name: 'b', airflow: { auth: { kind: 'google' } } }, { name: 'a' }] },
		});
	});

	test('whatever is missing is said at once', async () => {
		expect(await problems({ SLACK_BOT_TOKEN: 'xoxb-1' })).toEqual([
			expect.stringContaining('SLACK_APP_TOKEN: is not set, and SLACK_SIGNING_SECRET is not either'),
			expect.stringContaining('REDIS_URL: is not set'),
			expect.stringContaining('concertmaster.yaml: does not exist'),
		]);
		expect(await problems({}, plain)).toEqual([
			expect.stringContaining('SLACK_BOT_TOKEN'),
			expect.stringContaining('SLACK_APP_TOKEN'),
			expect.stringContaining('REDIS_URL'),
			'concertmaster.yaml:4:47: the environment variable PW is not set',
		]);
	});

	test('a protection can be switched off against a Slack on loopback only', async () => {
		const env = { ...full, PW: 's', CONCERTMASTER_BREAK: 'dedup' };
		const refused = [expect.stringMatching(/^CONCERTMASTER_BREAK: /)];
		expect(await problems(env, plain)).toEqual(refused);
		expect(await problems({ ...env, SLACK_API_URL: 'http://127.0.0.1.example.com/api/' }, plain)).toEqual(refused);
		expect(await problems({ ...env, SLACK_API_URL: 'http://127.0.0.1:4000/api/' }, plain)).toEqual(['config']);
	});

	test('a worker needs no way in', async () => {
		const loaded = await load({ SLACK_BOT_TOKEN: 'xoxb-1', REDIS_URL: '/tmp/redis.sock', PW: 'p' }, plain, 'worker');
		expect(loaded.kind).toBe('config');
	});

	test('every wrong line of the file, with its place', async () => {
		const file =
			'languag: en\nenvironments:\n  prod:\n    url: ftp://x\n  "bad name":\n    url: http://x\n  c:\n    composer: { project: acme-data }\n' +
			'roles:\n  - role: king\n    users: [bob]\n';
		const found = await problems({ ...full, PORT: 'x', SLACK_APP_ID: 'nope' }, file);
		expect(found.map((line) => line.split(': ')[0])).toEqual(
			expect.arrayContaining([
				'PORT',
				'SLACK_APP_ID',
				'concertmaster.yaml:4:5',
				'concertmaster.yaml:5:3',
				'concertmaster.yaml:8:5',
				'concertmaster.yaml:10:5',
				'concertmaster.yaml:11:13',
			]),
		);
		expect(found.join('\n')).toContain('languag');
	});

	test('a grant for an environment that is not there, a broken file', async () => {
		expect(
			await problems({ ...full, PW: 'p' }, `${plain}roles:\n  - { role: viewer, environments: [prodd] }\n`),
		).toEqual(['concertmaster.yaml:6:36: there is no environment prodd; there is prod']);
		const [broken] = await problems(full, 'environments: [\n');
		expect(broken).toMatch(/^concertmaster\.yaml:\d+:\d+: /);
	});

	test('no secret is printed', async () => {
		const loaded = await load({ ...full, SLACK_APP_TOKEN: 'secret-token', REDIS_URL: 'http://user:secretpw@x' }, plain);
		expect(loaded.kind).toBe('problems');
		if (loaded.kind === 'problems') expect(problemsText(loaded.problems)).not.toMatch(/secret-token|secretpw/);
	});
});
