import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { createHmac, randomUUID } from 'node:crypto';
import { WebSocketServer, type RawData, type WebSocket } from 'ws';
import type { Ack, Json, JsonObject } from './types.ts';
import type { Store } from './store.ts';
import { isObject, parseJson, textOf } from './json.ts';
import { letters } from './random.ts';

export type Outgoing = {
	kind: 'slash_commands' | 'interactive' | 'events_api';
	payload: JsonObject;
	copies?: number | undefined;
	/** The app's ack may carry a payload. */
	answers?: boolean | undefined;
	retry?: { num: number; reason: string } | undefined;
	skewSeconds?: number | undefined;
};

type Socket = { ws: WebSocket; open: boolean; waiting: Map<string, (body: Json | undefined, closed: boolean) => void> };

/** Slack allows ten Socket Mode connections an app. */
const MOST_SOCKETS = 10;

/** The ways to the app: Socket Mode while a socket is open, else signed HTTP, else nothing. */
export function openDelivery(
	store: Store,
	options: { ackTimeoutMs: number; requestUrl: string | undefined; socketLifeMs: number | undefined },
) {
	const { ackTimeoutMs } = options;
	const server = new WebSocketServer({ noServer: true, perMessageDeflate: false });
	const sockets = new Set<Socket>();
	const tickets = new Set<string>();
	let requestUrl = options.requestUrl;
	let turn = Math.floor(store.random() * MOST_SOCKETS);

	function open(): Socket[] {
		return [...sockets].filter((socket) => socket.open && socket.ws.readyState === socket.ws.OPEN);
	}

	/** Path and query of a new socket's address; undefined when there are ten already. */
	function newTicket(): string | undefined {
		if (open().length >= MOST_SOCKETS) return undefined;
		const ticket = letters(store.random, 24).toLowerCase();
		tickets.add(ticket);
		return `/link/?ticket=${ticket}&app_id=${store.identity.appId}`;
	}

	function upgrade(request: IncomingMessage, duplex: Duplex, head: Buffer): void {
		const ticket = new URL(request.url ?? '/', 'http://localhost').searchParams.get('ticket') ?? '';
		if (!tickets.delete(ticket)) {
			duplex.end('HTTP/1.1 403 Forbidden\r\nConnection: close\r\n\r\n');
			return;
		}
		server.handleUpgrade(request, duplex, head, connected);
	}

	function connected(ws: WebSocket): void {
		const socket: Socket = { ws, open: true, waiting: new Map() };
		sockets.add(socket);
		// The client takes a silence of 30 s for a dead connection once it has seen a first ping.
		const pings = setInterval(() => ws.ping(), 10_000).unref();
		const life =
			options.socketLifeMs === undefined
				? undefined
				: setTimeout(() => sayGoodbye(socket, 'refresh_requested'), options.socketLifeMs).unref();
		ws.on('message', (data) => heard(socket, data));
		ws.on('error', () => ws.terminate());
		ws.on('close', () => {
			clearInterval(pings);
			clearTimeout(life);
			sockets.delete(socket);
			socket.open = false;
			for (const settle of socket.waiting.values()) settle(undefined, true);
			store.emit({ kind: 'sockets', open: open().length });
		});
		ws.send(
			JSON.stringify({
				type: 'hello',
				num_connections: open().length,
				connection_info: { app_id: store.identity.appId },
				debug_info: { host: 'sandbox', build_number: 1, approximate_connection_time: 18_060 },
			}),
		);
		store.emit({ kind: 'sockets', open: open().length });
	}

	function heard(socket: Socket, data: RawData): void {
		const text = Buffer.isBuffer(data) ? data.toString() : '';
		const message = parseJson(text);
		if (!isObject(message)) return;
		const id = textOf(message['envelope_id']);
		const settle = socket.waiting.get(id);
		if (settle === undefined) return;
		const body = message['payload'];
		settle(isObject(body) && Object.keys(body).length === 0 ? undefined : body, false);
	}

	function overSocket(socket: Socket, out: Outgoing): Promise<Ack> {
		const started = performance.now();
		const envelope = randomUUID();
		return new Promise((resolve) => {
			const settle = (status: Ack['status'], body: Json | undefined): void => {
				clearTimeout(timer);
				socket.waiting.delete(envelope);
				resolve({ status, body, text: ackText(body), ms: performance.now() - started, via: 'socket' });
			};
			const timer = setTimeout(() => settle('timeout', undefined), ackTimeoutMs);
			socket.waiting.set(envelope, (body, closed) => settle(closed ? 'closed' : 'acked', body));
			socket.ws.send(
				JSON.stringify({
					envelope_id: envelope,
					type: out.kind,
					payload: out.payload,
					accepts_response_payload: out.answers === true,
					...(out.kind === 'events_api'
						? { retry_attempt: out.retry?.num ?? 0, retry_reason: out.retry?.reason ?? '' }
						: {}),
				}),
			);
		});
	}

	async function overHttp(url: string, out: Outgoing): Promise<Ack> {
		const started = performance.now();
		const body = httpBody(out);
		const ack = (status: Ack['status'], http?: number, answer?: Json): Ack => ({
			status,
			http,
			body: answer,
			text: ackText(answer),
			ms: performance.now() - started,
			via: 'http',
		});
		const late = new AbortController();
		const timer = setTimeout(() => late.abort(), ackTimeoutMs);
		try {
			const response = await fetch(url, {
				method: 'POST',
				headers: {
					'content-type': out.kind === 'events_api' ? 'application/json' : 'application/x-www-form-urlencoded',
					'user-agent': 'Slackbot 1.0 (+https://api.slack.com/robots)',
					...sign(body, Math.floor(store.now() / 1000) + (out.skewSeconds ?? 0)),
					...(out.retry === undefined
						? {}
						: { 'x-slack-retry-num': String(out.retry.num), 'x-slack-retry-reason': out.retry.reason }),
				},
				body,
				redirect: 'manual',
				signal: late.signal,
			});
			const text = await response.text();
			const answer = text === '' ? undefined : (parseJson(text) ?? text);
			return ack(response.ok ? 'acked' : 'failed', response.status, answer);
		} catch (error) {
			if (late.signal.aborted) return ack('timeout');
			return ack(codeOf(error) === 'ECONNREFUSED' ? 'unreachable' : 'closed');
		} finally {
			clearTimeout(timer);
		}
	}

	function sign(body: string, atSeconds = Math.floor(store.now() / 1000)): Record<string, string> {
		const digest = createHmac('sha256', store.identity.signingSecret).update(`v0:${atSeconds}:${body}`).digest('hex');
		return { 'x-slack-request-timestamp': String(atSeconds), 'x-slack-signature': `v0=${digest}` };
	}

	/** All copies at once; each goes to the next socket in turn. */
	function deliver(out: Outgoing): Promise<Ack[]> {
		const copies = Math.max(1, Math.min(5, out.copies ?? 1));
		const ready = open();
		return Promise.all(
			Array.from({ length: copies }, () => {
				const socket = ready.length > 0 ? ready[turn++ % ready.length] : undefined;
				if (socket !== undefined) return overSocket(socket, out);
				if (requestUrl !== undefined) return overHttp(requestUrl, out);
				return Promise.resolve<Ack>({ status: 'unreachable', body: undefined, text: '', ms: 0, via: 'nothing' });
			}),
		);
	}

	function sayGoodbye(socket: Socket, reason: string): void {
		// On `warning` the connection still carries payloads for a while; on the others it does not.
		if (reason !== 'warning') socket.open = false;
		socket.ws.send(JSON.stringify({ type: 'disconnect', reason, debug_info: { host: 'sandbox' } }));
	}

	function disconnect(reason: 'refresh_requested' | 'warning' | 'link_disabled' | 'cut'): void {
		for (const socket of sockets) {
			if (reason === 'cut') socket.ws.terminate();
			else sayGoodbye(socket, reason);
		}
	}

	return {
		deliver,
		sign,
		newTicket,
		upgrade,
		disconnect,
		sockets: () => open().length,
		reachable: () => open().length > 0 || requestUrl !== undefined,
		setRequestUrl(url: string | undefined) {
			requestUrl = url;
		},
		/** With the closing handshake where the client still answers: without it the real client lingers for 30 s. */
		async close(): Promise<void> {
			const gone = [...sockets].map((socket) => {
				socket.open = false;
				socket.ws.close(1001);
				return new Promise<void>((resolve) => socket.ws.once('close', () => resolve()));
			});
			const patience = setTimeout(() => {
				for (const socket of sockets) socket.ws.terminate();
			}, 300);
			await Promise.all(gone);
			clearTimeout(patience);
			server.close();
		},
	};
}

export type Delivery = ReturnType<typeof openDelivery>;

function httpBody(out: Outgoing): string {
	if (out.kind === 'events_api') return JSON.stringify(out.payload);
	if (out.kind === 'interactive') return new URLSearchParams({ payload: JSON.stringify(out.payload) }).toString();
	const form = new URLSearchParams();
	for (const [key, value] of Object.entries(out.payload)) form.set(key, textOf(value));
	return form.toString();
}

function ackText(body: Json | undefined): string {
	return typeof body === 'string' ? body : isObject(body) ? textOf(body['text']) : '';
}

/** Code of what went wrong on the network; fetch hides it in the cause. */
function codeOf(error: unknown): unknown {
	if (typeof error !== 'object' || error === null) return undefined;
	return 'code' in error ? error.code : 'cause' in error ? codeOf(error.cause) : undefined;
}
