import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { link, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { stringify } from 'yaml';
import { keysLike, patientRedis, PREFIX } from './clients/base/redis.ts';
import { demoBroken, demoDags } from './sandbox/airflow/index.ts';
import { openCloudShell, workspaceWithShell } from './sandbox/cloud-shell.ts';
import { startDemoCloud, type DemoCloud } from './sandbox/demo-google.ts';
import { inheritedEnvironment } from './sandbox/inherited.ts';
import { startRedis } from './sandbox/redis.ts';
import { startSlack } from './sandbox/slack/index.ts';

const PORT = 4520;
/** Everyone may run things; a change of an environment takes two of these. */
const ROLES = [{ role: 'operator' }, { role: 'admin', users: ['U0EVAN', 'U0PRIYA', 'U0HARU'] }];
const PROJECT = 'demo-project';
const LOCATION = 'europe-west1';

/**
 * The bot with everything it needs on this machine: a Slack workspace with its page, Airflows behind a Composer API, a
 * Redis. `--airflow 2|3`: with a real Airflow. Ends everything it started on INT, TERM, HUP and on its own crash.
 */
export async function runDemo(args: readonly string[]): Promise<void> {
	const asked = args.includes('--airflow') ? (args[args.indexOf('--airflow') + 1] ?? '') : undefined;
	const real = asked === '2' || asked === '3' ? asked : undefined;
	if (asked !== real) {
		process.stderr.write('--airflow takes 2 or 3.\n');
		process.exitCode = 2;
		return;
	}
	const data = resolve('.data');
	await mkdir(data, { recursive: true, mode: 0o700 });
	const lock = await takeLock(join(data, 'demo.lock'));
	if ('heldBy' in lock) {
		process.stderr.write(`The demo is already running: ${lock.heldBy}\n`);
		process.exitCode = 1;
		return;
	}

	// In the order they were started; ended the other way round.
	const closers: (() => Promise<unknown>)[] = [() => lock.release()];
	const keep: Keep = async (starting, close) => {
		const started = await starting;
		closers.push(() => close(started));
		return started;
	};
	let ending: Promise<void> | undefined;
	const end = (code: number, why: string): void => {
		if (why !== '') process.stderr.write(`\n${why}: ending the demo …\n`);
		ending ??= (async () => {
			setTimeout(() => process.exit(code || 1), 12_000).unref();
			for (const close of closers.reverse()) await close().catch((error: unknown) => error);
			process.exit(code);
		})();
	};
	for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => end(0, signal));
	for (const crash of ['uncaughtException', 'unhandledRejection'] as const)
		process.on(crash, (error: unknown) => {
			process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
			end(1, 'The demo crashed');
		});

	// The two processes of the bot are the longest to start: what they need comes first, side by side, and what only the page
	// needs is read while they start.
	const [redis, slack, settings] = await Promise.all([
		keep(
			startRedis({ dataFolder: join(data, 'redis') }).then(async (started) => {
				await forgetLastTime(started.url);
				return started;
			}),
			(started) => started.stop(),
		),
		keep(startSlack(real === undefined ? { workspace: workspaceWithShell() } : {}), (started) => started.close()),
		real === undefined ? composerEnvironments(keep) : realEnvironment(real, keep),
	]);
	// What failed in the last hour and a half is told when the page opens.
	const heard = { alerts: { channel: slack.channelId('#data-alerts') }, watch: { lookBackMinutes: 90 } };
	const file = join(data, 'demo.yaml');
	await writeFile(
		file,
		stringify({ roles: ROLES, environments: settings.environments, scaling: { apply: true }, ...heard }),
		{
			mode: 0o600,
		},
	);

	const inherited = inheritedEnvironment();
	const env: NodeJS.ProcessEnv = {
		...inherited,
		SLACK_BOT_TOKEN: slack.botToken,
		SLACK_APP_TOKEN: slack.appToken,
		SLACK_APP_ID: slack.appId,
		SLACK_API_URL: slack.apiUrl,
		REDIS_URL: redis.url,
		CONCERTMASTER_CONFIG: file,
		GOOGLE_OAUTH_ACCESS_TOKEN: settings.token,
		LOG_LEVEL: inherited['LOG_LEVEL'] ?? 'warn',
	};
	const [page] = await Promise.all([
		keep(openPage(slack, settings.tries), (opened) => opened.close()),
		...(['slack', 'worker'] as const).map((part) => keepRunning(part, env, closers)),
		slack.untilSockets(1, 20_000),
	]);
	const { cloud } = settings;
	if (cloud) {
		const endShell = openCloudShell(slack, cloud);
		closers.push(() => Promise.resolve(endShell()));
	}
	await lock.say(page.url);
	process.stdout.write(
		`\n  Concertmaster, the demo\n\n  ${page.url}\n\n` +
			`  Type /dag help there, or /dag trigger ${settings.dag}.${cloud ? ' A fix that is posted can be pasted into #cloud-shell.' : ''}\n` +
			`  Nothing leaves this machine. Ctrl-C ends it.\n\n`,
	);
}

/** Waits for what is starting, and notes how it is ended. */
type Keep = <T>(starting: Promise<T>, close: (started: T) => Promise<unknown>) => Promise<T>;

type Settings = {
	environments: Record<string, unknown>;
	token: string;
	dag: string;
	tries: readonly string[];
	cloud?: DemoCloud;
};

/** Three Composer environments, of both generations, in a Google Cloud of their own. */
async function composerEnvironments(keep: Keep): Promise<Settings> {
	const token = `ya29.demo-${randomBytes(16).toString('hex')}`;
	const cloud = await keep(
		startDemoCloud({ project: PROJECT, location: LOCATION, token, dags: demoDags, broken: demoBroken }),
		(started) => started.close(),
	);
	const { rootUrl, loggingEndpoint } = cloud.google;
	const named = (name: string) => ({
		composer: { project: PROJECT, location: LOCATION, name, rootUrl, loggingEndpoint },
	});
	return {
		environments: { prod: named('prod'), staging: named('staging'), finance: named('finance') },
		token,
		cloud,
		dag: 'daily_sales',
		tries: [
			'help',
			'list',
			'trigger daily_sales',
			'trigger',
			'diagnose train_churn_model',
			'diagnose daily_ledger --env finance',
			'diagnose product_thumbnails --env staging',
			'scale --env staging',
			'diagnose crm_sync',
			'diagnose score_customers',
			'diagnose ticket_digest',
			'runs daily_sales',
			'health',
			'health --env finance',
			'health --env staging',
			'doctor',
		],
	};
}

async function realEnvironment(generation: '2' | '3', keep: Keep): Promise<Settings> {
	const { startRealAirflow } = await import('./sandbox/real-airflow.ts');
	const airflow = await keep(
		startRealAirflow(generation === '2' ? 2 : 3, { say: (line) => void process.stderr.write(`${line}\n`) }),
		(started) => started.stop(),
	);
	return {
		environments: { [`airflow-${generation}`]: { url: airflow.url, auth: airflow.auth } },
		token: '',
		dag: 'cm_success',
		tries: ['help', 'list', 'trigger cm_success', 'trigger', 'trigger cm_fail', 'diagnose cm_fail', 'health', 'doctor'],
	};
}

/** One process of the bot; started again when it ends by itself, as a supervisor would. */
async function keepRunning(
	part: 'slack' | 'worker',
	env: NodeJS.ProcessEnv,
	closers: (() => Promise<unknown>)[],
): Promise<void> {
	let stopping = false;
	let child: ChildProcess | undefined;
	const start = (): Promise<void> => {
		const started = fork(new URL('./main.ts', import.meta.url), [part], {
			env,
			stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
		});
		child = started;
		return new Promise((done, refuse) => {
			let ready = false;
			started.once('message', () => {
				ready = true;
				done();
			});
			started.once('exit', (code) => {
				if (stopping) return;
				if (!ready) refuse(new Error(`the ${part} process did not start (${code})`));
				else setTimeout(() => void (stopping || start().catch((error: unknown) => error)), 1000);
			});
		});
	};
	closers.push(async () => {
		stopping = true;
		const last = child;
		if (!last || last.exitCode !== null || last.signalCode !== null) return;
		const ended = new Promise((done) => last.once('exit', done));
		last.kill('SIGTERM');
		await Promise.race([ended, sleep(9000, undefined, { ref: false }).then(() => last.kill('SIGKILL'))]);
	});
	await start();
}

/** `tries`: the commands to click, in the order in which one would meet them. */
async function openPage(slack: Awaited<ReturnType<typeof startSlack>>, tries: readonly string[]) {
	const [{ commands }, { startSlackPage }] = await Promise.all([
		import('../commands/index.ts'),
		import('./sandbox/slack/page/index.ts'),
	]);
	const options = {
		slack,
		shortcuts: [{ callbackId: 'diagnose', name: { en: 'Diagnose', ja: '診断する' } }],
		tries: tries.map((words) => {
			const verb = commands.find(({ name }) => name === words.split(' ')[0]);
			return { text: `/dag ${words}`, about: verb?.summary };
		}),
		hints: commands.map(({ name, usage, summary }) => ({ text: `/dag ${`${name} ${usage}`.trim()}`, about: summary })),
	};
	try {
		return await startSlackPage({ ...options, port: PORT });
	} catch (error) {
		if (!(error instanceof Error) || !('code' in error) || error.code !== 'EADDRINUSE') throw error;
		return startSlackPage(options);
	}
}

/** The workspace and its Airflows begin anew with every start, so what was under way last time leads nowhere. */
async function forgetLastTime(url: string): Promise<void> {
	const client = patientRedis(url, (error) => void error);
	for await (const keys of keysLike(client, `${PREFIX}:*`)) {
		const old = keys.filter((key) => !key.startsWith(`${PREFIX}:choice:`));
		if (old.length > 0) await client.del(...old);
	}
	client.disconnect();
}

type Lock = { release(): Promise<void>; say(url: string): Promise<void> } | { heldBy: string };

/** One demo a folder: two would share the data of one Redis. */
async function takeLock(path: string): Promise<Lock> {
	for (;;)
		try {
			const write = (to: string, url: string): Promise<void> =>
				writeFile(to, JSON.stringify({ pid: process.pid, url }), { mode: 0o600 });
			// Written first and then given its name in one step: nobody ever reads half a lock.
			const own = `${path}.${process.pid}`;
			await write(own, '');
			try {
				await link(own, path);
			} finally {
				await rm(own, { force: true });
			}
			return { release: () => rm(path, { force: true }), say: (url) => write(path, url) };
		} catch (error) {
			if (!(error instanceof Error) || !('code' in error) || error.code !== 'EEXIST') throw error;
			const holder = await readHolder(path);
			if (holder && isAlive(holder.pid))
				return { heldBy: `process ${holder.pid}${holder.url === '' ? '' : `, ${holder.url}`}` };
			await rm(path, { force: true });
		}
}

async function readHolder(path: string): Promise<{ pid: number; url: string } | undefined> {
	try {
		const read: unknown = JSON.parse(await readFile(path, 'utf8'));
		if (typeof read !== 'object' || read === null || !('pid' in read) || typeof read.pid !== 'number') return undefined;
		return { pid: read.pid, url: 'url' in read && typeof read.url === 'string' ? read.url : '' };
	} catch {
		return undefined;
	}
}

function isAlive(pid: number): boolean {
	try {
		process.kill(pid, 0);
		return true;
	} catch (error) {
		return error instanceof Error && 'code' in error && error.code === 'EPERM';
	}
}
