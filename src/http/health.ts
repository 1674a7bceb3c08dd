import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export type HealthServer = { port: number; close(): Promise<void> };

/**
 * `/healthz`: the process answers. `/readyz`: it can do its work, as far as `ready` knows; 503 otherwise. Nothing else is served, and
 * nothing is said but the status, so that it may listen on every interface for a container's probes.
 */
export async function startHealth(port: number, ready: () => Promise<boolean>): Promise<HealthServer> {
	const server = createServer((request, response) => {
		const path = request.url?.split('?')[0];
		const end = (status: number): void => {
			response.writeHead(status, { 'content-type': 'text/plain' }).end(status === 200 ? 'ok\n' : 'not ok\n');
		};
		if (request.method !== 'GET') return end(405);
		if (path === '/healthz') return end(200);
		if (path !== '/readyz') return end(404);
		// A frozen Redis answers nothing at all; a probe must not hang with it.
		const late = new Promise<boolean>((done) => setTimeout(() => done(false), 1000).unref());
		Promise.race([ready(), late]).then(
			(yes) => end(yes ? 200 : 503),
			() => end(503),
		);
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
