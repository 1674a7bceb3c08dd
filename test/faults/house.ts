import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startAirflow } from '../../src/sandbox/airflow/index.ts';
import type { AirflowOptions, SandboxAirflow } from '../../src/sandbox/airflow/types.ts';
import { startRedis } from '../../src/sandbox/redis.ts';
import type { SandboxRedis } from '../../src/sandbox/redis.ts';
import { startSlack } from '../../src/sandbox/slack/index.ts';
import type { SandboxSlack, SlackOptions } from '../../src/sandbox/slack/types.ts';

/** One process of the bot, a real one: `node src/main.ts`. */
export type BotProcess = {
	pid: number;
	part: 'slack' | 'worker' | 'start';
	/** HTTP port of the Slack side. */
	port: number | undefined;
	/** kill -9. */
	kill(): Promise<void>;
	/** SIGSTOP and SIGCONT. */
	freeze(): void;
	thaw(): void;
	/** SIGTERM; resolves to the exit code. */
	stop(): Promise<number | null>;
	/** What it wrote to standard error. */
	log(): string;
};

export type House = {
	slack: SandboxSlack;
	airflow: SandboxAirflow;
	redis: SandboxRedis;
	start: (part: BotProcess['part'], env?: Record<string, string>) => Promise<BotProcess>;
	/** The variables each process is started with. */
	variables: Readonly<Record<string, string>>;
	bots: () => readonly BotProcess[];
	close: () => Promise<void>;
};

export type HouseOptions = {
	slack?: SlackOptions;
	airflow?: Partial<AirflowOptions>;
	/** How Slack reaches the bot. */
	by?: 'socket' | 'http';
	/** Further lines of concertmaster.yaml. */
	settings?: string;
	/** Default: everyone is an operator. */
	everyone?: string;
};

/** Sandbox Slack, sandbox Airflow, a private real Redis, and bot processes as they run in production. */
export async function openHouse(options: HouseOptions = {}): Promise<House> {
	const [redis, slack, airflow, folder] = await Promise.all([
		startRedis(),
		startSlack(options.slack),
		startAirflow({ api: 2, schedules: false, ...options.airflow }),
		mkdtemp(join(tmpdir(), 'cm-house-')),
	]);
	const kind = (options.airflow?.api ?? 2) === 2 ? 'jwt' : 'basic';
	const settings = join(folder, 'concertmaster.yaml');
	await writeFile(
		settings,
		`everyone: ${options.everyone ?? 'operator'}\nenvironments:\n  lab:\n    url: ${airflow.url}\n    timeoutMs: 3000\n` +
			`    auth: { kind: ${kind}, username: admin, password: admin }\n${options.settings ?? ''}`,
	);
	const place = { slack, redis, settings, folder, by: options.by ?? 'socket' };
	const bots: BotProcess[] = [];

	return {
		slack,
		airflow,
		redis,
		bots: () => bots,
		variables: variablesFor(place),
		async start(part, extra = {}) {
			const bot = await startProcess(part, place, extra);
			bots.push(bot);
			if (bot.port !== undefined) slack.setRequestUrl(`http://127.0.0.1:${bot.port}/slack/events`);
			return bot;
		},
		async close() {
			await Promise.all(bots.map((bot) => bot.kill()));
			await Promise.all([slack.close(), airflow.close(), redis.stop()]);
			await rm(folder, { recursive: true, force: true });
		},
	};
}

type Place = { slack: SandboxSlack; redis: SandboxRedis; settings: string; folder: string; by: 'socket' | 'http' };

function variablesFor(to: Place): Record<string, string> {
	return {
		SLACK_BOT_TOKEN: to.slack.botToken,
		SLACK_API_URL: to.slack.apiUrl,
		SLACK_APP_ID: to.slack.appId,
		...(to.by === 'socket'
			? { SLACK_APP_TOKEN: to.slack.appToken }
			: { SLACK_SIGNING_SECRET: to.slack.signingSecret, PORT: '0' }),
		REDIS_URL: to.redis.url,
		CONCERTMASTER_CONFIG: to.settings,
		LOG_LEVEL: 'info',
	};
}

/** One bot process with the settings it needs, ready to take work: its sockets are connected by then. */
export async function startProcess(
	part: BotProcess['part'],
	to: Place,
	extra: Record<string, string> = {},
): Promise<BotProcess> {
	const child = fork(new URL('../../src/main.ts', import.meta.url), [part], {
		env: { PATH: process.env['PATH'], ...variablesFor(to), ...extra },
		cwd: to.folder,
		execArgv: [],
		stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
	});
	return untilReady(child, part);
}

async function untilReady(child: ChildProcess, part: BotProcess['part']): Promise<BotProcess> {
	let log = '';
	child.stderr?.setEncoding('utf8').on('data', (text: string) => (log += text));
	const ended = new Promise<number | null>((done) => child.once('exit', (code) => done(code)));
	const ready = new Promise<{ port?: number }>((done) => child.once('message', (m) => done(m as { port?: number })));
	const first = await Promise.race([ready, ended, sleep(240_000, 'late' as const, { ref: false })]);
	if (typeof first !== 'object' || first === null) {
		child.kill('SIGKILL');
		throw new Error(`${part} did not start (${String(first)}):\n${log}`);
	}
	const signal = (name: NodeJS.Signals): void => {
		if (child.exitCode === null && child.signalCode === null) child.kill(name);
	};
	return {
		pid: child.pid ?? 0,
		part,
		port: first.port,
		async kill() {
			signal('SIGKILL');
			await ended;
		},
		freeze: () => signal('SIGSTOP'),
		thaw: () => signal('SIGCONT'),
		async stop() {
			signal('SIGCONT');
			signal('SIGTERM');
			return ended;
		},
		log: () => log,
	};
}

/** A house for one test. */
export async function inHouse(options: HouseOptions, work: (house: House) => Promise<void>): Promise<void> {
	const house = await openHouse(options);
	try {
		await work(house);
	} finally {
		house.redis.thaw();
		await house.close();
	}
}

/** How many messages stand or stood for each command, by the key in their metadata: what Slack saw. */
export function postsOf(slack: SandboxSlack): ReadonlyMap<string, number> {
	return slack.postsBy('key');
}

/** How many runs were started for each command, by the run id made from its key: what Airflow saw. */
export function runsOf(airflow: SandboxAirflow): ReadonlyMap<string, number> {
	return airflow.startedBy(({ run }) => (run.startsWith('slack__') ? run.slice('slack__'.length) : undefined));
}
