import { execFile, spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { EventEmitter, once } from 'node:events';
import { closeSync, existsSync, openSync } from 'node:fs';
import { mkdir, mkdtemp, open, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { homedir, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { startRedis } from './redis.ts';

const run = promisify(execFile);

/** A real Airflow on loopback: CeleryExecutor as on Composer, a Postgres and a Redis of its own, the DAGs of `airflow/dags`. */
export type RealAirflow = {
	generation: 2 | 3;
	version: string;
	/** Without a slash at its end. */
	url: string;
	auth: { kind: 'basic' | 'jwt'; username: string; password: string };
	/** Further users, by role. */
	users: Readonly<Record<'admin' | 'op' | 'viewer', { username: string; password: string }>>;
	/** Folder its DAG files are read from. */
	dags: string;
	/** Where its components write their logs; gone after `stop`. */
	logs: string;
	/** Process ids by component. */
	pids: Readonly<Record<string, number>>;
	/** How long each part took. Seconds. */
	took: Readonly<Record<string, number>>;
	/** SIGKILL of a component and of everything below it, as when its node goes away; it is started again at once. */
	kill(component: string): Promise<void>;
	/** A Celery worker that runs so many tasks at a time, in place of the one there is, which is killed. */
	worker(concurrency: number): Promise<void>;
	/** CPU time of all its processes so far, its database's too. What a killed worker had taken is gone from it. Seconds. */
	cpuSeconds(): Promise<number>;
	/** Ends every process and removes the folder. */
	stop(): Promise<void>;
};

export type RealAirflowOptions = {
	/** One line about each step that takes time. */
	say?: (line: string) => void;
	/** Default: the project's test DAGs. */
	dags?: string;
	/** Tasks the worker runs at a time. Default 4. */
	concurrency?: number;
	/** Further environment variables, `AIRFLOW__SECTION__KEY` above all. */
	settings?: Readonly<Record<string, string>>;
};

const VERSIONS = { 2: '2.11.2', 3: '3.1.8' } as const;
// Its resolver is not needed (everything is pinned), only its speed: 4 s where pip takes 53.
const UV = 'uv==0.13.9';
const AIRFLOW = resolve(import.meta.dirname, '../../airflow');

/** Why a real Airflow cannot run here, or the folder of its virtual environment, installed when it was not. */
export type Installed = { ok: true; venv: string; seconds: number } | { ok: false; reason: string };

/**
 * Installs the pinned Airflow into the user's cache folder, once for each set of pins and Python version; two that start
 * at the same time wait for each other.
 */
export async function installAirflow(generation: 2 | 3, say: (line: string) => void): Promise<Installed> {
	const started = Date.now();
	const python = await findPython();
	if (!python) return { ok: false, reason: 'no Python 3.10 to 3.12 on the PATH' };
	const pins = join(AIRFLOW, `requirements-${VERSIONS[generation]}.txt`);
	const hash = createHash('sha256')
		.update(await readFile(pins))
		.update(python.version)
		.digest('hex')
		.slice(0, 16);
	const cache = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'concertmaster', 'airflow');
	const venv = join(cache, `${VERSIONS[generation]}-${hash}`);
	const seconds = (): number => (Date.now() - started) / 1000;
	if (existsSync(join(venv, 'complete'))) return { ok: true, venv, seconds: seconds() };
	await mkdir(cache, { recursive: true });
	const release = await lock(`${venv}.lock`, say);
	try {
		if (existsSync(join(venv, 'complete'))) return { ok: true, venv, seconds: seconds() };
		say(`Installing Airflow ${VERSIONS[generation]} into ${venv} (once)…`);
		await rm(venv, { recursive: true, force: true });
		await run(python.path, ['-m', 'venv', venv]);
		const pip = join(venv, 'bin', 'python');
		try {
			await run(pip, ['-m', 'pip', 'install', '--quiet', UV]);
			await run(pip, ['-m', 'uv', 'pip', 'install', '--quiet', '--python', pip, '--requirement', pins]);
		} catch {
			say('uv is not to be had here; installing with pip, which takes about a minute…');
			await run(pip, ['-m', 'pip', 'install', '--quiet', '--requirement', pins], { maxBuffer: 64 * 1024 * 1024 });
		}
		await writeFile(join(venv, 'complete'), `${new Date().toISOString()}\n`);
		return { ok: true, venv, seconds: seconds() };
	} catch (error) {
		const last = error instanceof Error ? error.message.trim().split('\n').at(-1) : String(error);
		return { ok: false, reason: `Airflow ${VERSIONS[generation]} could not be installed from PyPI: ${last ?? ''}` };
	} finally {
		await release();
	}
}

/** Installs if needed, starts, and returns when every component is healthy. Rejects with the end of the logs when it is not in time. */
export async function startRealAirflow(generation: 2 | 3, options: RealAirflowOptions = {}): Promise<RealAirflow> {
	const say = options.say ?? (() => undefined);
	const took: Record<string, number> = {};
	const installed = await installAirflow(generation, say);
	if (!installed.ok) throw new Error(installed.reason);
	took['install'] = round(installed.seconds);
	const started = Date.now();

	// Short: Postgres puts its socket below, and a socket's path may have 107 bytes at most.
	const folder = await mkdtemp(join(tmpdir(), `cm-af${generation}-`));
	const logs = join(folder, 'logs');
	await mkdir(logs);
	const redis = await startRedis();
	const [port, workerPort, triggerPort] = await freePorts(3);
	const users = {
		admin: { username: 'admin', password: randomBytes(12).toString('hex') },
		op: { username: 'op', password: randomBytes(12).toString('hex') },
		viewer: { username: 'viewer', password: randomBytes(12).toString('hex') },
	};
	const passwords = join(folder, 'passwords.json');
	await writeFile(
		passwords,
		JSON.stringify(Object.fromEntries(Object.values(users).map(({ username, password }) => [username, password]))),
		{ mode: 0o600 },
	);

	const bin = (name: string): string => join(installed.venv, 'bin', name);
	const airflow = bin('airflow');
	const dags = options.dags ?? join(AIRFLOW, 'dags');
	const celery = (concurrency: number): string[] => [airflow, 'celery', 'worker', '--concurrency', String(concurrency)];
	const ports = { web: port ?? 0, worker: workerPort ?? 0, trigger: triggerPort ?? 0 };
	const plan = {
		folder,
		env: {
			PATH: `${join(installed.venv, 'bin')}:${process.env['PATH'] ?? ''}`,
			...settings({ folder, redis: redis.url, ports, dags }),
			...(generation === 2 ? settings2(ports) : settings3(ports, passwords)),
			...options.settings,
		},
		prepare: [
			{ step: 'migrate', command: [airflow, 'db', 'migrate'] },
			...(generation === 2
				? [{ step: 'users', command: [bin('python'), join(AIRFLOW, 'users_2.py'), passwords] }]
				: []),
		],
		components:
			generation === 2
				? {
						webserver: [airflow, 'webserver'],
						scheduler: [airflow, 'scheduler'],
						worker: celery(options.concurrency ?? 4),
						triggerer: [airflow, 'triggerer'],
					}
				: {
						'api-server': [airflow, 'api-server'],
						scheduler: [airflow, 'scheduler'],
						'dag-processor': [airflow, 'dag-processor'],
						worker: celery(options.concurrency ?? 4),
						triggerer: [airflow, 'triggerer'],
					},
	};
	await writeFile(join(folder, 'plan.json'), JSON.stringify(plan), { mode: 0o600 });

	const log = openSync(join(logs, 'supervisor.log'), 'a');
	const supervisor = spawn(bin('python'), [join(AIRFLOW, 'supervise.py'), join(folder, 'plan.json')], {
		stdio: ['pipe', 'pipe', log],
		// Its own group, so that a Ctrl-C in the terminal reaches only us and the end comes in order.
		detached: true,
	});
	closeSync(log);
	const { stdin, stdout } = supervisor;
	if (!stdin || !stdout) throw new Error('The supervisor has no pipes.');
	// A closed pipe is what ending looks like from here; the exit event is what counts.
	stdin.on('error', (error) => void error);
	const ended = new Promise<void>((done) => supervisor.on('exit', () => done()));
	const pids: Record<string, number> = {};
	const events = new EventEmitter();
	const running = new Promise<boolean>((done) => {
		createInterface({ input: stdout })
			.on('line', (line) => {
				const step = JSON.parse(line) as { step: string; seconds?: number; component?: string; pid?: number };
				if (step.seconds !== undefined && step.step !== 'cpu') took[step.step] = step.seconds;
				if (step.component !== undefined && step.pid !== undefined) pids[step.component] = step.pid;
				events.emit(`${step.step} ${step.component ?? ''}`, step.seconds);
				if (step.step === 'running') done(true);
			})
			.on('close', () => done(false));
	});

	let stopping: Promise<void> | undefined;
	const stop = (): Promise<void> =>
		(stopping ??= (async () => {
			// The children are not counted as a reason to stay: without this Node would leave in the middle.
			const stay = setInterval(() => undefined, 1000);
			try {
				stdin.end();
				await ended;
				await redis.stop();
				await rm(folder, { recursive: true, force: true, maxRetries: 3 });
			} finally {
				clearInterval(stay);
			}
		})());

	const again = async (component: string, command?: string[]): Promise<void> => {
		if (pids[component] === undefined) throw new Error(`There is no component ${component}.`);
		const started = once(events, `started ${component}`, { signal: AbortSignal.timeout(20_000) });
		stdin.write(`${JSON.stringify({ kill: component, command })}\n`);
		await started;
	};

	const url = `http://127.0.0.1:${ports.web}`;
	try {
		say(`Starting Airflow ${VERSIONS[generation]} at ${url}…`);
		if (!(await running)) throw new Error(`Airflow ${VERSIONS[generation]} did not start.\n${await endOfLogs(logs)}`);
		const unhealthy = await waitUntilHealthy(
			`${url}${generation === 2 ? '/api/v1/health' : '/api/v2/monitor/health'}`,
			generation,
		);
		if (unhealthy !== undefined)
			throw new Error(`Airflow ${VERSIONS[generation]} is not healthy: ${unhealthy}\n${await endOfLogs(logs)}`);
	} catch (error) {
		await stop();
		throw error;
	}
	took['start'] = round((Date.now() - started) / 1000);
	say(`Airflow ${VERSIONS[generation]} is healthy after ${took['start']} s.`);
	return {
		generation,
		version: VERSIONS[generation],
		url,
		auth: { kind: generation === 2 ? 'basic' : 'jwt', ...users.op },
		users,
		dags,
		logs,
		pids,
		took,
		kill: (component) => again(component),
		worker: (concurrency) => again('worker', celery(concurrency)),
		async cpuSeconds() {
			const answer = once(events, 'cpu ', { signal: AbortSignal.timeout(20_000) });
			stdin.write(`${JSON.stringify({ cpu: true })}\n`);
			const [seconds] = (await answer) as [number];
			return seconds;
		},
		stop,
	};
}

type Ports = { web: number; worker: number; trigger: number };

function settings(at: { folder: string; redis: string; ports: Ports; dags: string }): Record<string, string> {
	return {
		AIRFLOW_HOME: at.folder,
		AIRFLOW__CORE__DAGS_FOLDER: at.dags,
		AIRFLOW__CORE__EXECUTOR: 'CeleryExecutor',
		AIRFLOW__CORE__LOAD_EXAMPLES: 'False',
		AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION: 'False',
		AIRFLOW__CORE__FERNET_KEY: '',
		AIRFLOW__DATABASE__SQL_ALCHEMY_CONN: 'postgresql+psycopg2://postgres@/postgres?host={socket}',
		AIRFLOW__CELERY__BROKER_URL: `redis+socket://${at.redis}?virtual_host=0`,
		AIRFLOW__CELERY__RESULT_BACKEND: 'db+postgresql://postgres@/postgres?host={socket}',
		AIRFLOW__CELERY__WORKER_ENABLE_REMOTE_CONTROL: 'False',
		AIRFLOW__LOGGING__BASE_LOG_FOLDER: join(at.folder, 'task-logs'),
		AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT: String(at.ports.worker),
		AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT: String(at.ports.trigger),
		AIRFLOW__USAGE_DATA_COLLECTION__ENABLED: 'False',
		// Python's bytecode next to the DAG files would be ours to clean up.
		PYTHONDONTWRITEBYTECODE: '1',
		// Forking after libraries started threads crashes on macOS without it.
		OBJC_DISABLE_INITIALIZE_FORK_SAFETY: 'YES',
	};
}

function settings2(ports: Ports): Record<string, string> {
	return {
		AIRFLOW__API__AUTH_BACKENDS: 'airflow.api.auth.backend.basic_auth',
		AIRFLOW__WEBSERVER__WEB_SERVER_HOST: '127.0.0.1',
		AIRFLOW__WEBSERVER__WEB_SERVER_PORT: String(ports.web),
		AIRFLOW__WEBSERVER__WORKERS: '1',
		AIRFLOW__WEBSERVER__SECRET_KEY: randomBytes(16).toString('hex'),
		AIRFLOW__SCHEDULER__SCHEDULER_ZOMBIE_TASK_THRESHOLD: '20',
		AIRFLOW__SCHEDULER__ZOMBIE_DETECTION_INTERVAL: '5',
		AIRFLOW__SCHEDULER__DAG_DIR_LIST_INTERVAL: '5',
		// A file that changed is read at once all the same.
		AIRFLOW__SCHEDULER__MIN_FILE_PROCESS_INTERVAL: '60',
	};
}

function settings3(ports: Ports, passwords: string): Record<string, string> {
	return {
		AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS: 'admin:admin,op:op,viewer:viewer',
		AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE: passwords,
		AIRFLOW__CORE__EXECUTION_API_SERVER_URL: `http://127.0.0.1:${ports.web}/execution/`,
		AIRFLOW__API__HOST: '127.0.0.1',
		AIRFLOW__API__PORT: String(ports.web),
		AIRFLOW__API__WORKERS: '1',
		AIRFLOW__API__SECRET_KEY: randomBytes(16).toString('hex'),
		AIRFLOW__API_AUTH__JWT_SECRET: randomBytes(32).toString('hex'),
		AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT: '20',
		AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL: '5',
		AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL: '5',
		AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL: '60',
	};
}

async function findPython(): Promise<{ path: string; version: string } | undefined> {
	// 3.11 first: what the pins were made and tried with.
	for (const path of ['python3.11', 'python3.12', 'python3.10', 'python3'])
		try {
			const { stdout } = await run(path, ['-c', 'import sys, venv; print("%d.%d" % sys.version_info[:2])']);
			const version = stdout.trim();
			if (['3.10', '3.11', '3.12'].includes(version)) return { path, version };
		} catch {
			continue;
		}
	return undefined;
}

/** Taken over when its owner did not touch it for half a minute. */
async function lock(path: string, say: (line: string) => void): Promise<() => Promise<void>> {
	for (let waited = 0; ; waited++) {
		try {
			const file = await open(path, 'wx');
			await file.close();
			const touch = setInterval(() => {
				const now = new Date();
				utimes(path, now, now).catch((error: unknown) => say(`The lock ${path} is gone: ${String(error)}`));
			}, 5000);
			return async () => {
				clearInterval(touch);
				await rm(path, { force: true });
			};
		} catch (error) {
			if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
		}
		if (waited === 0) say('Another process is installing the same Airflow; waiting for it…');
		const age = await stat(path).then(
			({ mtimeMs }) => Date.now() - mtimeMs,
			() => 0,
		);
		if (age > 30_000) await rm(path, { force: true });
		await sleep(500);
	}
}

async function freePorts(count: number): Promise<number[]> {
	// All held at once, so that no two are the same.
	const servers = Array.from({ length: count }, () => createServer());
	const ports = await Promise.all(
		servers.map(
			(server) =>
				new Promise<number>((done, refuse) => {
					server.once('error', refuse);
					server.listen(0, '127.0.0.1', () => {
						const address = server.address();
						done(typeof address === 'object' && address ? address.port : 0);
					});
				}),
		),
	);
	await Promise.all(servers.map((server) => new Promise((done) => server.close(done))));
	return ports;
}

/** Undefined when healthy, else what the last answer was. */
async function waitUntilHealthy(url: string, generation: 2 | 3): Promise<string | undefined> {
	const wanted = generation === 2 ? ['scheduler', 'triggerer'] : ['scheduler', 'triggerer', 'dag_processor'];
	let last = 'no answer yet';
	for (const deadline = Date.now() + 300_000; Date.now() < deadline; await sleep(300)) {
		try {
			const response = await fetch(url, { signal: AbortSignal.timeout(5000) });
			last = await response.text();
			if (!response.ok) continue;
			const health = JSON.parse(last) as Record<string, { status?: string } | undefined>;
			if (['metadatabase', ...wanted].every((part) => health[part]?.status === 'healthy')) return undefined;
		} catch (error) {
			last = String(error);
		}
	}
	return last;
}

async function endOfLogs(folder: string): Promise<string> {
	const parts: string[] = [];
	for (const name of await readdir(folder)) {
		if (!name.endsWith('.log')) continue;
		const lines = (await readFile(join(folder, name), 'utf8')).trimEnd().split('\n');
		parts.push(`── ${name}`, ...lines.slice(-15));
	}
	return parts.join('\n');
}

const round = (seconds: number): number => Math.round(seconds * 10) / 10;
