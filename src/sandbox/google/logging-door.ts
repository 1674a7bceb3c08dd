import { createServer, type Socket } from 'node:net';
import type { Logging, LoggingOptions } from './logging.ts';
import type { Desk } from './rest.ts';

/**
 * The port of Cloud Logging. What speaks its protocol is loaded when the first one calls: a sixth of a second that no start of
 * the demo has to wait for.
 */
export async function startLogging(desk: Desk, port: number, options: LoggingOptions) {
	let loading: Promise<Logging> | undefined;
	let logging: Logging | undefined;
	const sockets = new Set<Socket>();
	const server = createServer((socket) => {
		sockets.add(socket);
		socket.on('close', () => sockets.delete(socket));
		// A caller that went away is none of our business.
		socket.on('error', () => socket.destroy());
		// Nothing is read from it before somebody is there to listen.
		socket.pause();
		loading ??= import('./logging.ts').then(({ openLogging }) => (logging = openLogging(desk, options)));
		loading.then(
			(it) => it.take(socket),
			() => socket.destroy(),
		);
	});
	await new Promise<void>((done, refuse) => {
		server.once('error', refuse);
		server.listen(port, '127.0.0.1', done);
	});
	const address = server.address();
	return {
		endpoint: `127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`,
		tails: (): number => logging?.tails() ?? 0,
		endTails: (): void => logging?.endTails(),
		async close(): Promise<void> {
			await loading?.catch((error: unknown) => error);
			logging?.close();
			for (const socket of sockets) socket.destroy();
			await new Promise((done) => server.close(done));
		},
	};
}
