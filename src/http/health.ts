import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export type HealthServer = { port: number; close(): Promise<void> };

export type Health = {
	/** `ready`: it can do its work. `problems`: what it cannot see or do just now, one line each; it may be ready all the same. */
	ready(): Promise<{ ready: boolean; problems: readonly string[] }>;
	metrics(): Promise<{ type: string; body: string }>;
};

const LATE_MS = 1000;

/**
 * `/healthz`: the process answers. `/readyz`: it can do its work, else 503, and what it is blind to. `/metrics`: for Prometheus.
 * Nothing secret is said, so that it may listen on every interface for a container's probes; it is not for the outside world.
 */
export async function startHealth(port: number, health: Health): Promise<HealthServer> {
	const server = createServer((request, response) => {
		const path = request.url?.split('?')[0];
		const end = (status: number, body: string, type = 'text/plain; charset=utf-8'): void => {
			response.writeHead(status, { 'content-type': type }).end(body);
		};
		if (request.method !== 'GET') return end(405, 'not ok\n');
		if (path === '/healthz') return end(200, 'ok\n');
		if (path === '/readyz')
			return void within(health.ready(), { ready: false, problems: ['no answer in time'] }).then(
				({ ready, problems }) =>
					end(ready ? 200 : 503, `${ready ? 'ok' : 'not ok'}\n${problems.map((one) => `${one}\n`).join('')}`),
				() => end(503, 'not ok\n'),
			);
		if (path === '/metrics')
			return void within(health.metrics(), undefined).then(
				(read) => (read ? end(200, read.body, read.type) : end(503, 'not ok\n')),
				() => end(503, 'not ok\n'),
			);
		return end(404, 'not ok\n');
	});
	await new Promise<void>((done, refuse) => {
		server.once('error', refuse);
		server.listen(port, () => done());
	});
	return {
		port: (server.address() as AddressInfo).port,
		close: () => new Promise((done) => server.close(() => done())),
	};
}

/** A frozen Redis answers nothing at all; a probe must not hang with it. */
function within<T>(work: Promise<T>, late: T): Promise<T> {
	return Promise.race([work, new Promise<T>((done) => setTimeout(() => done(late), LATE_MS).unref())]);
}
