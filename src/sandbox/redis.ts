import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';

export type SandboxRedis = {
	/** Path of the unix socket: what ioredis takes in place of a URL. */
	url: string;
	/** Process id of the server itself. Changes with `restart`. */
	pid(): number;
	/** kill -9: nothing is flushed by the server. */
	kill(): Promise<void>;
	/** After `kill`: the same data folder and the same socket. */
	restart(): Promise<void>;
	/** SIGSTOP: connections stay open and nothing answers. */
	freeze(): void;
	thaw(): void;
	/** Ends the server and removes what is not meant to last. */
	stop(): Promise<void>;
};

// The server ends when our end of fd 3 closes, so that not even a kill -9 of this process leaves one running.
const GUARD = `exec 3<&0
"$@" </dev/null & server=$!
echo $server
( read -r _ <&3; kill $server 2>/dev/null ) & guard=$!
wait $server
kill $guard 2>/dev/null`;

function serverBinary(): string {
	for (const name of ['redis-server', 'valkey-server'])
		for (const folder of (process.env['PATH'] ?? '').split(delimiter))
			if (folder !== '' && existsSync(join(folder, name))) return join(folder, name);
	throw new Error('No redis-server or valkey-server on the PATH: run `npm run setup`.');
}

/**
 * A private Redis on a unix socket in a 0700 folder; no port is opened.
 * `dataFolder`: kept, with append-only persistence; absent: a temporary one that goes with `stop`, append-only as well,
 * so that `kill` and `restart` behave as in production.
 */
export async function startRedis(
	options: { dataFolder?: string; maxMemory?: string; policy?: string } = {},
): Promise<SandboxRedis> {
	const binary = serverBinary();
	// Not in the data folder: a socket's path may have 107 bytes at most.
	const socketFolder = await mkdtemp(join(tmpdir(), 'cm-redis-'));
	await chmod(socketFolder, 0o700);
	const dataFolder = options.dataFolder ?? join(socketFolder, 'data');
	await mkdir(dataFolder, { recursive: true, mode: 0o700 });
	const socket = join(socketFolder, 'redis.sock');
	const logFile = join(socketFolder, 'redis.log');
	// prettier-ignore
	const args = [
		'--port', '0', '--unixsocket', socket, '--unixsocketperm', '700', '--dir', dataFolder, '--daemonize', 'no', '--logfile', logFile,
		'--save', '', '--appendonly', 'yes', '--appendfsync', 'everysec', '--maxmemory-policy', options.policy ?? 'noeviction',
		...(options.maxMemory ? ['--maxmemory', options.maxMemory] : []),
	];
	let guard: ReturnType<typeof spawn> | undefined;
	let pid = 0;
	let ended: Promise<void> = Promise.resolve();

	async function start(): Promise<void> {
		await rm(socket, { force: true });
		const child = spawn('/bin/sh', ['-c', GUARD, 'sh', binary, ...args], {
			stdio: ['pipe', 'pipe', 'ignore'],
			detached: true,
		});
		guard = child;
		ended = new Promise((done) => child.on('exit', () => done()));
		// A broken pipe is what closing looks like from the other side; the exit event is what counts.
		child.stdin?.on('error', (error) => void error);
		pid = await new Promise<number>((done, refuse) => {
			child.on('error', refuse);
			child.stdout?.once('data', (line: Buffer) => done(Number(line.toString().trim())));
		});
		child.unref();
		const deadline = Date.now() + 10_000;
		for (;;) {
			if (existsSync(socket) && (await answers(socket))) return;
			if (child.exitCode !== null || Date.now() > deadline)
				throw new Error(`Redis did not start: ${(await readFile(logFile, 'utf8')).split('\n').slice(-5).join(' ')}`);
			await sleep(20);
		}
	}

	const signal = (name: NodeJS.Signals): void => {
		try {
			process.kill(pid, name);
		} catch (error) {
			if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
		}
	};

	await start();
	return {
		url: socket,
		pid: () => pid,
		async kill() {
			guard?.ref();
			signal('SIGKILL');
			await ended;
		},
		restart: start,
		freeze: () => signal('SIGSTOP'),
		thaw: () => signal('SIGCONT'),
		async stop() {
			// Its end is waited for, even when nothing else keeps this process alive.
			guard?.ref();
			signal('SIGCONT');
			signal('SIGTERM');
			guard?.stdin?.end();
			await ended;
			await rm(socketFolder, { recursive: true, force: true });
		},
	};
}

/** False while the server still loads its append-only file. */
async function answers(socket: string): Promise<boolean> {
	const client = new Redis(socket, {
		lazyConnect: true,
		retryStrategy: () => null,
		maxRetriesPerRequest: 0,
		enableReadyCheck: false,
	});
	client.on('error', (error) => void error);
	try {
		await client.connect();
		return (await client.ping()) === 'PONG';
	} catch {
		return false;
	} finally {
		client.disconnect();
	}
}
