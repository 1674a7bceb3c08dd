import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Log } from '../domain/log.ts';

/** What the outside world may call, behind a proxy that ends TLS: one handler a path. */
export type Handler = {
	/** `/queues`: itself and everything below it. */
	path: string;
	handle(request: IncomingMessage, response: ServerResponse): Promise<void>;
};

export type PublicServer = { port: number; close(): Promise<void> };

/** False: none of the handlers has this path, and nothing was answered. */
export type Dispatch = (request: IncomingMessage, response: ServerResponse) => boolean;

export function dispatcher(handlers: readonly Handler[], log: Log): Dispatch {
	return (request, response) => {
		const path = request.url?.split('?', 1)[0] ?? '/';
		const handler = handlers.find((one) => path === one.path || path.startsWith(`${one.path}/`));
		if (!handler) return false;
		handler.handle(request, response).catch((error: unknown) => {
			log.error({ path: handler.path, error: error instanceof Error ? error.stack : String(error) }, 'request failed');
			if (!response.headersSent) plain(response, 500, 'Something went wrong.');
		});
		return true;
	};
}

/** A server of its own where Slack's requests do not come over HTTP. `port` 0: any. */
export async function startPublic(port: number, dispatch: Dispatch): Promise<PublicServer> {
	const server = createServer((request, response) => {
		if (!dispatch(request, response)) plain(response, 404, 'Not found.');
	});
	server.requestTimeout = 10_000;
	await new Promise<void>((done, refuse) => {
		server.once('error', refuse);
		server.listen(port, () => done());
	});
	return {
		port: (server.address() as AddressInfo).port,
		async close() {
			server.closeAllConnections();
			await new Promise((done) => server.close(done));
		},
	};
}

export function plain(response: ServerResponse, status: number, text: string): void {
	response
		.writeHead(status, { 'content-type': 'text/plain; charset=utf-8', 'x-content-type-options': 'nosniff' })
		.end(`${text}\n`);
}
