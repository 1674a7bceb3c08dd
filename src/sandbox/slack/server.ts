import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Call, Fault, Json, JsonObject, Method } from './types.ts';
import type { Store } from './store.ts';
import type { Delivery } from './deliver.ts';
import type { openFaults } from '../faults.ts';
import type { openRateLimits } from './rate-limits.ts';
import type { Methods } from './methods/method.ts';
import { chat } from './methods/chat.ts';
import { conversations } from './methods/conversations.ts';
import { people } from './methods/people.ts';
import { views } from './methods/views.ts';
import { useResponseUrl } from './response-url.ts';
import { isObject, parseJson, textOf } from './json.ts';
import { refuse, refusalOf } from './refuse.ts';

const METHODS: Methods = { ...chat, ...conversations, ...people, ...views };

/** Arguments that hold JSON when the call is form-encoded. */
const JSON_ARGS = ['blocks', 'attachments', 'metadata', 'view', 'unfurls', 'files'];

const MOST_BYTES = 32 * 1024 * 1024;

export type Access = { scopes: ReadonlySet<string>; revoked: boolean };

type Answer = { status: number; headers: Record<string, string>; body: string };

/** The HTTP side: Web API under /api/, uploads, response_urls, and the WebSocket's upgrade. */
export async function openServer(parts: {
	store: Store;
	delivery: Delivery;
	faults: ReturnType<typeof openFaults<Method, Call, Fault>>;
	rateLimit: ReturnType<typeof openRateLimits>;
	access: () => Access;
	port: number;
}) {
	const { store, delivery, faults, rateLimit, access } = parts;
	let origin = '';

	const server = createServer((request, response) => {
		handle(request, response).catch((error: unknown) => {
			// A defect of the stand-in, or the other side hung up: the caller sees a 500 with the reason.
			if (!response.headersSent) response.writeHead(500, { 'content-type': 'text/plain' });
			response.end(error instanceof Error ? (error.stack ?? error.message) : String(error));
		});
	});
	// Longer than any client keeps an idle connection: only asked-for faults reset one.
	server.keepAliveTimeout = 120_000;
	server.on('upgrade', delivery.upgrade);

	async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
		const url = new URL(request.url ?? '/', 'http://localhost');
		const body = await bodyOf(request);
		if (url.pathname.startsWith('/api/')) {
			const method = url.pathname.slice('/api/'.length);
			const { args, token } = argsOf(request, url, body);
			await answerCall(request, response, { method, args, at: store.now() }, () => api(method, args, token));
		} else if (/^\/(commands|actions)\//.test(url.pathname) && request.method === 'POST') {
			const { args } = argsOf(request, url, body);
			await answerCall(request, response, { method: 'response_url', args, at: store.now() }, () =>
				responseUrl(url.pathname, args),
			);
		} else if (url.pathname.startsWith('/upload/') && request.method === 'POST') {
			const name = url.pathname.slice('/upload/'.length);
			const done = await upload(name, request, body);
			response.writeHead(done ? 200 : 404, { 'content-type': 'text/plain' });
			response.end(done ? `OK - ${body.length}` : 'no such upload');
		} else {
			response.writeHead(404, { 'content-type': 'text/plain' });
			response.end('not found');
		}
	}

	/** Takes the call through faults, rate limits, its effect and what may happen to the reply. */
	async function answerCall(
		request: IncomingMessage,
		response: ServerResponse,
		call: Call,
		effect: () => Answer,
	): Promise<void> {
		store.noteCall(call);
		const fault = faults.strike(call);
		if (fault !== undefined) store.count('faults', fault.kind);
		if (fault !== undefined && !fault.kind.endsWith('-after-effect')) {
			failBefore(fault, request, response);
			return;
		}
		const wait = rateLimit(call);
		if (wait !== undefined) {
			send(response, tooMany(wait));
			return;
		}
		const answer = effect();
		await faults.held(call);
		if (fault?.kind === 'slow-after-effect') await later(fault.slowMs ?? 5000, response);
		if (fault?.kind === 'reset-after-effect') request.socket.resetAndDestroy();
		else if (fault?.kind === '500-after-effect') send(response, serverError());
		else send(response, answer);
	}

	function failBefore(fault: Fault, request: IncomingMessage, response: ServerResponse): void {
		if (fault.kind === '429') send(response, tooMany(fault.retryAfter ?? 1));
		else if (fault.kind === '500') send(response, serverError());
		else if (fault.kind === 'reset') request.socket.resetAndDestroy();
		else if (fault.kind === 'error') {
			const error = fault.error ?? 'internal_error';
			store.count('errors', error);
			send(response, ok({ ok: false, error }));
		}
		// 'timeout': the connection stays open and nothing comes.
	}

	function tooMany(seconds: number): Answer {
		store.count('errors', 'ratelimited');
		const answer = ok({ ok: false, error: 'ratelimited' });
		return { ...answer, status: 429, headers: { ...answer.headers, 'retry-after': String(seconds) } };
	}

	function api(method: string, args: JsonObject, token: string): Answer {
		try {
			return ok(run(method, args, token));
		} catch (error) {
			const refusal = refusalOf(error);
			if (refusal === undefined) throw error;
			store.count('errors', textOf(refusal['error']));
			return ok(refusal);
		}
	}

	function run(method: string, args: JsonObject, token: string): JsonObject {
		const { botToken, appToken } = store.identity;
		if (method !== 'api.test') {
			if (token === '') refuse('not_authed');
			if (access().revoked && (token === botToken || token === appToken)) refuse('token_revoked');
		}
		if (method === 'apps.connections.open') {
			if (token === botToken) refuse('not_allowed_token_type');
			if (token !== appToken) refuse('invalid_auth');
			const ticket = delivery.newTicket() ?? refuse('too_many_websockets');
			return { ok: true, url: `${origin.replace('http:', 'ws:')}${ticket}` };
		}
		const found = Object.hasOwn(METHODS, method) ? METHODS[method] : undefined;
		if (found === undefined) return refuse('unknown_method', { req_method: method });
		if (method !== 'api.test') {
			if (token === appToken) refuse('not_allowed_token_type');
			if (token !== botToken) refuse('invalid_auth');
		}
		const scope = typeof found.scope === 'function' ? found.scope(args, store) : found.scope;
		if (scope !== undefined && !access().scopes.has(scope))
			refuse('missing_scope', { needed: scope, provided: [...access().scopes].join(',') });
		const answer = found.run(args, store);
		return typeof answer['upload_url'] === 'string'
			? { ...answer, upload_url: `${origin}${answer['upload_url']}` }
			: answer;
	}

	function ok(body: JsonObject): Answer {
		return {
			status: 200,
			headers: { 'content-type': 'application/json; charset=utf-8', 'x-oauth-scopes': [...access().scopes].join(',') },
			body: JSON.stringify(body),
		};
	}

	function responseUrl(path: string, args: JsonObject): Answer {
		const failed = useResponseUrl(path, args, store);
		if (failed === undefined) return { status: 200, headers: { 'content-type': 'text/plain' }, body: 'ok' };
		store.count('errors', failed.error);
		return { ...ok({ ok: false, error: failed.error }), status: failed.status };
	}

	async function upload(id: string, request: IncomingMessage, body: Buffer): Promise<boolean> {
		const file = store.files.get(id);
		if (file === undefined) return false;
		const type = request.headers['content-type'] ?? '';
		let bytes = new Uint8Array(body);
		if (type.startsWith('multipart/form-data')) {
			const form = await new Response(new Uint8Array(body), { headers: { 'content-type': type } }).formData();
			for (const part of form.values()) if (typeof part !== 'string') bytes = new Uint8Array(await part.arrayBuffer());
		} else if (type.startsWith('application/x-www-form-urlencoded')) {
			const text = new URLSearchParams(body.toString()).get('body');
			if (text !== null) bytes = new TextEncoder().encode(text);
		}
		store.files.set(id, { ...file, bytes });
		return true;
	}

	await new Promise<void>((resolve, reject) => {
		server.once('error', reject);
		server.listen(parts.port, '127.0.0.1', () => resolve());
	});
	const { port } = server.address() as AddressInfo;
	origin = `http://127.0.0.1:${port}`;

	return {
		origin,
		close(): Promise<void> {
			server.closeAllConnections();
			return new Promise((resolve) => server.close(() => resolve()));
		},
	};
}

function serverError(): Answer {
	return { status: 500, headers: { 'content-type': 'text/plain' }, body: 'server error' };
}

function send(response: ServerResponse, answer: Answer): void {
	if (response.destroyed || response.socket?.destroyed === true) return;
	response.writeHead(answer.status, { ...answer.headers, 'content-length': Buffer.byteLength(answer.body) });
	response.end(answer.body);
}

/** Waits, or until the caller hangs up. */
function later(ms: number, response: ServerResponse): Promise<void> {
	return new Promise((resolve) => {
		const timer = setTimeout(resolve, ms);
		response.once('close', () => {
			clearTimeout(timer);
			resolve();
		});
	});
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
	const chunks: Buffer[] = [];
	let size = 0;
	for await (const chunk of request) {
		if (!Buffer.isBuffer(chunk)) continue;
		size += chunk.length;
		if (size > MOST_BYTES) throw new Error('The body is over 32 MB.');
		chunks.push(chunk);
	}
	return Buffer.concat(chunks);
}

function argsOf(request: IncomingMessage, url: URL, body: Buffer): { args: JsonObject; token: string } {
	const raw: Record<string, Json | undefined> = Object.fromEntries(url.searchParams);
	if (body.length > 0) {
		if ((request.headers['content-type'] ?? '').includes('json')) {
			const parsed = parseJson(body.toString());
			if (isObject(parsed)) Object.assign(raw, parsed);
		} else {
			for (const [key, value] of new URLSearchParams(body.toString())) raw[key] = value;
			for (const key of JSON_ARGS) {
				const value = raw[key];
				if (typeof value === 'string') raw[key] = parseJson(value) ?? value;
			}
		}
	}
	const bearer = /^Bearer (.+)$/i.exec(request.headers.authorization ?? '')?.[1];
	const { token, ...args } = raw;
	return { args, token: bearer ?? textOf(token) };
}
