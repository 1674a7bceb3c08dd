import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { parse as parseQuery } from 'node:querystring';
import type { App, Receiver, ReceiverEvent } from '@slack/bolt';
import type { Log } from '../deps.ts';
import type { Dispatch } from '../http/public.ts';
import { isSigned } from './verify.ts';

const MAX_BODY = 1024 * 1024;

export type HttpReceiverOptions = {
	signingSecret: string;
	/** 0: any. */
	port: number;
	now(): number;
	log: Log;
	/** Whether the payload is for us; what is not gets 401. */
	accepts(body: Readonly<Record<string, unknown>>): boolean;
	/** Whatever else is served; false: nobody answered. */
	also?: Dispatch | undefined;
	/** `/healthz` and the like: status by path. */
	health: Readonly<Record<string, () => Promise<boolean>>>;
};

/**
 * Bolt's own HTTPReceiver does this with 2.5 times the work a request (bench:ack), takes signatures from the future, and
 * answers a payload that nothing claims after three seconds with 404.
 */
export function httpReceiver(options: HttpReceiverOptions): Receiver & { port(): number } {
	let app: App | undefined;
	const server: Server = createServer((request, response) => {
		void receive(request, response);
	});
	// Slack keeps connections; a proxy in front must not be the one that closes later.
	server.keepAliveTimeout = 75_000;

	async function receive(request: IncomingMessage, response: ServerResponse): Promise<void> {
		try {
			const path = request.url?.split('?', 1)[0] ?? '/';
			if (request.method === 'POST' && path === '/slack/events') await event(request, response);
			else if (request.method === 'GET' && path in options.health) {
				const well = await options.health[path]?.();
				end(response, well ? 200 : 503, well ? 'ok' : 'not ready');
			} else if (!options.also?.(request, response)) end(response, 404);
		} catch (error) {
			options.log.error({ error: error instanceof Error ? error.stack : String(error) }, 'request failed');
			if (!response.headersSent) end(response, 500);
		}
	}

	async function event(request: IncomingMessage, response: ServerResponse): Promise<void> {
		const body = await readBody(request);
		if (body === undefined) return end(response, 413);
		const header = (name: string): string | undefined => {
			const value = request.headers[name];
			return typeof value === 'string' ? value : undefined;
		};
		const signed = isSigned(
			options.signingSecret,
			header('x-slack-signature'),
			header('x-slack-request-timestamp'),
			body,
			options.now(),
		);
		if (!signed) return end(response, 401);
		const payload = parseBody(body, request.headers['content-type']);
		if (payload === undefined) return end(response, 400);
		if (payload['ssl_check'] === '1') return end(response, 200);
		if (payload['type'] === 'url_verification') return end(response, 200, { challenge: payload['challenge'] });
		if (!options.accepts(payload)) {
			options.log.warn({}, 'payload of another workspace or app refused');
			return end(response, 401);
		}
		const retry = header('x-slack-retry-num');
		const received: ReceiverEvent = {
			body: payload,
			ack: (answer?: unknown) => {
				if (!response.headersSent) end(response, 200, answer);
				return Promise.resolve();
			},
			...(retry === undefined ? {} : { retryNum: Number(retry) }),
		};
		await app?.processEvent(received);
		// Every listener acks; what reaches this line is a payload that Bolt itself did not know.
		if (!response.headersSent) end(response, 200);
	}

	return {
		init(bolt) {
			app = bolt;
		},
		start: () =>
			new Promise((done, refuse) => {
				server.once('error', refuse);
				server.listen(options.port, () => done(server));
			}),
		stop: () =>
			new Promise<void>((done) => {
				server.close(() => done());
				server.closeIdleConnections();
			}),
		port: () => (server.address() as AddressInfo).port,
	};
}

function end(response: ServerResponse, status: number, body?: unknown): void {
	if (body === undefined || body === '') {
		response.writeHead(status, { 'content-length': 0 }).end();
		return;
	}
	const text = typeof body === 'string' ? body : JSON.stringify(body);
	response
		.writeHead(status, {
			'content-type': typeof body === 'string' ? 'text/plain; charset=utf-8' : 'application/json; charset=utf-8',
			'content-length': Buffer.byteLength(text),
		})
		.end(text);
}

/** Undefined: longer than anything Slack sends. */
function readBody(request: IncomingMessage): Promise<string | undefined> {
	return new Promise((done, refuse) => {
		const chunks: Buffer[] = [];
		let size = 0;
		request.on('data', (chunk: Buffer) => {
			size += chunk.length;
			if (size <= MAX_BODY) chunks.push(chunk);
		});
		request.on('end', () =>
			done(size > MAX_BODY ? undefined : (chunks.length === 1 ? chunks[0] : Buffer.concat(chunks))?.toString('utf8')),
		);
		request.on('error', refuse);
	});
}

/** Slash commands come as a form, clicks and views as a form with one JSON field, events as JSON. */
function parseBody(body: string, type: string | undefined): Record<string, unknown> | undefined {
	try {
		let parsed: unknown;
		if (type?.startsWith('application/json')) parsed = JSON.parse(body);
		else {
			const form = parseQuery(body);
			parsed = typeof form['payload'] === 'string' ? JSON.parse(form['payload']) : { ...form };
		}
		return typeof parsed === 'object' && parsed !== null ? (parsed as Record<string, unknown>) : undefined;
	} catch {
		return undefined;
	}
}
