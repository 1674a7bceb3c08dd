// npm run -s bench:ack: what an ack costs, ours (checked, queued durably in Redis) against a bare Bolt app that only acks.
import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { startRedis } from '../../src/sandbox/redis.ts';
import { startSlack } from '../../src/sandbox/slack/index.ts';
import { closedLoop, median, openLoop } from './load.ts';
import type { Target } from './load.ts';

const ROUNDS = Number(process.env['BENCH_ROUNDS'] ?? 5);
const SECONDS = Number(process.env['BENCH_SECONDS'] ?? 4);
const CONNECTIONS = 64;
const RATE = 100;
const OPEN_ROUNDS = 5;

const redis = await startRedis();
const slack = await startSlack();
const folder = await mkdtemp(join(tmpdir(), 'cm-bench-'));
const settings = join(folder, 'concertmaster.yaml');
await writeFile(
	settings,
	'everyone: operator\nenvironments:\n  bench:\n    url: http://127.0.0.1:9\n    auth: { kind: basic, username: u, password: p }\n',
);
const [user] = slack.workspace.users;
const channel = slack.channels().find((one) => one.members.includes(slack.botUserId));
if (!user || !channel) throw new Error('the sandbox has nobody to type, or no channel with the bot in it');

const env = {
	...process.env,
	SLACK_BOT_TOKEN: slack.botToken,
	SLACK_APP_TOKEN: '',
	SLACK_SIGNING_SECRET: slack.signingSecret,
	SLACK_API_URL: slack.apiUrl,
	SLACK_APP_ID: slack.appId,
	REDIS_URL: redis.url,
	CONCERTMASTER_CONFIG: settings,
	LOG_LEVEL: 'error',
	PORT: '0',
};
const children: ChildProcess[] = [];

async function start(file: string, args: string[] = []): Promise<{ target: Target; pid: number }> {
	const child = fork(new URL(file, import.meta.url), args, { env, stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
	children.push(child);
	const port = await new Promise<number>((done, refuse) => {
		child.once('message', (message: { port: number }) => done(message.port));
		child.once('exit', (code) => refuse(new Error(`${file} ended with ${code}`)));
	});
	const fields = {
		token: 'legacy',
		team_id: slack.teamId,
		team_domain: 'bench',
		channel_id: channel?.id ?? '',
		channel_name: 'data',
		user_id: user?.id ?? '',
		user_name: 'bench',
		command: '/dag',
		text: 'trigger daily_sales {"region": "eu", "limit": 10} --note "from the bench"',
		api_app_id: slack.appId,
		is_enterprise_install: 'false',
		response_url: `${slack.origin}/commands/bench`,
	};
	return { target: { port, secret: slack.signingSecret, fields }, pid: child.pid ?? 0 };
}

try {
	const ours = await start('../../src/main.ts', ['slack']);
	const bare = await start('./bare-bolt.ts');
	const flush = new Redis(redis.url);
	const say = (line: string): void => void process.stdout.write(`${line}\n`);

	for (const { target, pid } of [ours, bare]) await closedLoop(target, pid, CONNECTIONS, 2);
	say(`closed loop, ${CONNECTIONS} connections, ${ROUNDS} rounds of ${SECONDS} s each, interleaved`);
	const rates: { ours: number[]; bare: number[] } = { ours: [], bare: [] };
	for (let round = 1; round <= ROUNDS; round++) {
		for (const [name, { target, pid }] of [
			['ours', ours],
			['bare', bare],
		] as const) {
			await flush.flushall();
			const { acks, refused, perCpuSecond } = await closedLoop(target, pid, CONNECTIONS, SECONDS);
			if (refused > 0) throw new Error(`${name}: ${refused} of ${acks + refused} commands were not accepted`);
			if (name === 'ours') {
				const queued = await flush.llen('{concertmaster}:commands:wait');
				if (queued !== acks) throw new Error(`${acks} acks, but ${queued} jobs in Redis`);
			}
			rates[name].push(perCpuSecond);
			say(`  ${round} ${name}: ${Math.round(perCpuSecond)} acks per CPU-second, ${Math.round(acks / SECONDS)} acks/s`);
		}
	}
	say(`open loop, ${RATE}/s, ${OPEN_ROUNDS} rounds of 8 s each after 2 s of warm-up, interleaved`);
	const p99: { ours: number[]; bare: number[] } = { ours: [], bare: [] };
	for (let round = 1; round <= OPEN_ROUNDS; round++)
		for (const [name, { target }] of [
			['ours', ours],
			['bare', bare],
		] as const) {
			await flush.flushall();
			// What the rounds before left behind is not this rate's.
			await openLoop(target, RATE, 2);
			const latencies = await openLoop(target, RATE, 8);
			const at = (share: number): number => latencies[Math.floor(latencies.length * share)] ?? Number.NaN;
			p99[name].push(at(0.99));
			say(
				`  ${round} ${name}: p50 ${at(0.5).toFixed(2)} ms, p99 ${at(0.99).toFixed(2)} ms, max ${at(0.9999).toFixed(2)} ms`,
			);
		}
	flush.disconnect();
	const ratio = median(rates.ours) / median(rates.bare);
	const p99Ratio = median(p99.ours) / median(p99.bare);
	say(`ours / bare Bolt: ${ratio.toFixed(2)} (goal ≥ 0.80); p99 at ${RATE}/s: ${p99Ratio.toFixed(2)} (goal ≤ 2)`);
	say(
		JSON.stringify({
			ratio: Number(ratio.toFixed(3)),
			p99Ratio: Number(p99Ratio.toFixed(3)),
			oursPerCpuSecond: Math.round(median(rates.ours)),
			barePerCpuSecond: Math.round(median(rates.bare)),
			oursP99Ms: Number(median(p99.ours).toFixed(2)),
			bareP99Ms: Number(median(p99.bare).toFixed(2)),
		}),
	);
} finally {
	for (const child of children) child.kill('SIGKILL');
	await slack.close();
	await redis.stop();
	await rm(folder, { recursive: true, force: true });
}
