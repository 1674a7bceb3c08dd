import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';

/** Key and certificate are for tests alone: self-signed, for localhost, in nobody's trust store. */
export const CERTIFICATE = join(import.meta.dirname, 'tls.crt');
const KEY = join(import.meta.dirname, 'tls.key');

export type Servers = {
	/** What REDIS_URL says. */
	url: string;
	/** kill -9 of the one that takes writes, where another can follow it. */
	killMaster?: () => void;
	stop: () => Promise<void>;
};

/** A real redis-server for each list of arguments, on ports that are free now. Ended by `stop`. */
async function start(
	commands: (ports: readonly number[], folder: string) => readonly (readonly string[])[],
	ports: number,
) {
	const folder = await mkdtemp(join(tmpdir(), 'cm-servers-'));
	const free = await freePorts(ports);
	const servers = commands(free, folder).map((args) => spawn('redis-server', [...args], { stdio: 'ignore' }));
	return {
		ports: free,
		servers,
		stop: async (): Promise<void> => {
			for (const server of servers) server.kill('SIGKILL');
			await rm(folder, { recursive: true, force: true });
		},
	};
}

const PLAIN = ['--save', '', '--appendonly', 'no', '--bind', '127.0.0.1', '--maxmemory-policy', 'noeviction'] as const;

export async function tlsServer(): Promise<Servers> {
	const { ports, stop } = await start(
		([port]) => [
			// prettier-ignore
			[...PLAIN, '--port', '0', '--tls-port', String(port), '--tls-cert-file', CERTIFICATE, '--tls-key-file', KEY,
				'--tls-ca-cert-file', CERTIFICATE, '--tls-auth-clients', 'no', '--requirepass', 'p@ss/word'],
		],
		1,
	);
	await sleep(300);
	return { url: `rediss://:${encodeURIComponent('p@ss/word')}@localhost:${ports[0]}`, stop };
}

/** A master, its replica and three sentinels that agree within two seconds. */
export async function sentinels(): Promise<Servers> {
	const { ports, servers, stop } = await start(
		([master, replica], folder) => [
			[...PLAIN, '--port', String(master), '--dir', folder],
			[...PLAIN, '--port', String(replica), '--dir', folder, '--replicaof', '127.0.0.1', String(master)],
		],
		5,
	);
	const [master = 0, , ...watchers] = ports;
	const folder = await mkdtemp(join(tmpdir(), 'cm-sentinels-'));
	const guards = await Promise.all(
		watchers.map(async (port) => {
			const file = join(folder, `${port}.conf`);
			await writeFile(
				file,
				`port ${port}\nbind 127.0.0.1\nsentinel monitor main 127.0.0.1 ${master} 2\nsentinel down-after-milliseconds main 1000\n` +
					'sentinel failover-timeout main 3000\n',
			);
			return spawn('redis-server', [file, '--sentinel'], { stdio: 'ignore' });
		}),
	);
	// Until the sentinels know the replica there is nothing to fail over to.
	await until(watchers[0] ?? 0, async (client) => {
		const known = await client.call('SENTINEL', 'replicas', 'main');
		const others = await client.call('SENTINEL', 'sentinels', 'main');
		return Array.isArray(known) && known.length > 0 && Array.isArray(others) && others.length === 2;
	});
	return {
		url: `redis+sentinel://${watchers.map((port) => `127.0.0.1:${port}`).join(',')}/main`,
		killMaster: () => servers[0]?.kill('SIGKILL'),
		async stop() {
			for (const guard of guards) guard.kill('SIGKILL');
			await stop();
			await rm(folder, { recursive: true, force: true });
		},
	};
}

/** Three masters, each with a third of the slots. */
export async function cluster(): Promise<Servers> {
	const { ports, stop } = await start(
		(all, folder) =>
			all.map((port) => [
				...PLAIN,
				'--port',
				String(port),
				'--dir',
				folder,
				'--cluster-enabled',
				'yes',
				'--cluster-config-file',
				`${port}.conf`,
			]),
		3,
	);
	const share = Math.ceil(16_384 / ports.length);
	for (const [place, port] of ports.entries())
		await until(port, async (client) => {
			const last = Math.min(16_384, (place + 1) * share) - 1;
			await client.call('CLUSTER', 'ADDSLOTSRANGE', place * share, last);
			await client.call('CLUSTER', 'MEET', '127.0.0.1', ports[0] ?? 0);
			return true;
		});
	for (const port of ports)
		await until(port, async (client) => String(await client.call('CLUSTER', 'INFO')).includes('cluster_state:ok'));
	return { url: `redis+cluster://${ports.map((port) => `127.0.0.1:${port}`).join(',')}`, stop };
}

async function until(port: number, what: (client: Redis) => Promise<boolean>): Promise<void> {
	const client = new Redis({ port, host: '127.0.0.1', maxRetriesPerRequest: null });
	client.on('error', (error) => void error);
	try {
		for (const deadline = Date.now() + 20_000; !(await what(client)); await sleep(100))
			if (Date.now() > deadline) throw new Error(`Redis on port ${port} did not come to what was waited for.`);
	} finally {
		client.disconnect();
	}
}

async function freePorts(count: number): Promise<number[]> {
	const held = await Promise.all(
		Array.from({ length: count }, async () => {
			const server = createServer();
			await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
			return server;
		}),
	);
	const ports = held.map((server) => {
		const address = server.address();
		return typeof address === 'object' && address ? address.port : 0;
	});
	await Promise.all(held.map((server) => new Promise((done) => server.close(done))));
	return ports;
}
