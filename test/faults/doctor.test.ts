import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startAirflow } from '../../src/sandbox/airflow/index.ts';
import type { SandboxAirflow } from '../../src/sandbox/airflow/types.ts';
import { startRedis } from '../../src/sandbox/redis.ts';
import type { SandboxRedis } from '../../src/sandbox/redis.ts';
import { startSlack } from '../../src/sandbox/slack/index.ts';
import type { SandboxSlack } from '../../src/sandbox/slack/types.ts';
import { people, quick } from './workspace.ts';

let slack: SandboxSlack;
let redis: SandboxRedis;
let airflow: SandboxAirflow;
let folder: string;

beforeAll(async () => {
	[slack, redis, airflow, folder] = await Promise.all([
		startSlack({ workspace: people() }),
		startRedis({ policy: 'allkeys-lru' }),
		startAirflow({ api: 2, schedules: false, dags: [quick], config: { 'core-executor': 'LocalExecutor' } }),
		mkdtemp(join(tmpdir(), 'cm-doctor-')),
	]);
}, 30_000);
afterAll(async () => {
	await Promise.all([slack.close(), redis.stop(), airflow.close()]);
	await rm(folder, { recursive: true, force: true });
}, 30_000);

/** `npm run doctor` with these settings changed: what it prints and its exit code. */
async function doctor(change: Record<string, string> = {}, password = 'admin'): Promise<{ out: string; code: number }> {
	const settings = join(folder, 'concertmaster.yaml');
	const environments = { lab: { url: airflow.url, auth: { kind: 'jwt', username: 'admin', password } } };
	await writeFile(settings, JSON.stringify({ environments }));
	const env = {
		PATH: process.env['PATH'],
		SLACK_BOT_TOKEN: slack.botToken,
		SLACK_APP_TOKEN: slack.appToken,
		SLACK_API_URL: slack.apiUrl,
		REDIS_URL: redis.url,
		CONCERTMASTER_CONFIG: settings,
		...change,
	};
	const main = new URL('../../src/main.ts', import.meta.url).pathname;
	return new Promise((done) =>
		execFile(process.execPath, [main, 'doctor'], { env, cwd: folder }, (error, out) =>
			done({ out, code: typeof error?.code === 'number' ? error.code : 0 }),
		),
	);
}

test('names each part that does not work, and is quiet about the others', async () => {
	const healthy = await startRedis();
	const well = await doctor({ REDIS_URL: healthy.url });
	expect(
		well.out
			.split('\n')
			.filter(Boolean)
			.map((line) => line[0]),
	).toEqual(['✅', '✅', '✅']);
	expect(well.code).toBe(0);
	await healthy.stop();

	const { out, code } = await doctor({ SLACK_BOT_TOKEN: 'xoxb-wrong' }, 'wrong');
	expect(out).toMatch(/❌ Slack: /);
	expect(out).toMatch(/❌ Redis: maxmemory-policy is allkeys-lru/);
	expect(out).toMatch(/❌ Airflow lab: /);
	expect(code).toBe(1);
}, 30_000);

test('settings that are incomplete are all named, and nothing is tried', async () => {
	const { out, code } = await doctor({ SLACK_BOT_TOKEN: '', REDIS_URL: '' });
	expect(out).toMatch(/SLACK_BOT_TOKEN/);
	expect(out).toMatch(/REDIS_URL/);
	expect(code).toBe(1);
}, 30_000);
