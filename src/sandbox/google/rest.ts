import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { must } from '../world/may.ts';
import { apiDisabled, denied, GoogleRefusal, invalid, outsidePerimeter, rateLimited } from '../world/refusal.ts';
import type { Json, World } from '../world/world.ts';
import type { openFaults } from '../faults.ts';
import type { Api, Ask, Call, Fault, Route } from './types.ts';

const MAX_BODY = 1024 * 1024;
/** Taken by every REST method. Source: cloud.google.com/apis/docs/system-parameters. */
const STANDARD = new Set([
	'alt',
	'$alt',
	'fields',
	'$fields',
	'key',
	'prettyPrint',
	'$prettyPrint',
	'quotaUser',
	'$.xgafv',
]);

export type Desk = {
	world: World;
	faults: ReturnType<typeof openFaults<Call['op'], Call, Fault>>;
	calls: Call[];
	mostPerPage: number;
};

/** The newest ten thousand, so that a demo may run for weeks. */
export function record({ calls }: Desk, call: Call): void {
	calls.push(call);
	if (calls.length > 20_000) calls.splice(0, 10_000);
}

type Reply = { status: number; type: string; body: string };

/** All REST APIs behind one port: their paths do not clash, as googleapis' `rootUrl` needs it. */
export async function startRest(desk: Desk, apis: readonly Api[], port: number) {
	const { world, faults } = desk;
	const routes = apis.flatMap((api) => api.routes.map((route) => ({ api, route })));

	async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
		const url = new URL(request.url ?? '/', 'http://google.invalid');
		const path = decodeURIComponent(url.pathname);
		const text = await readAll(request);
		const method = request.method ?? 'GET';
		const found = routes.flatMap((one) => {
			const at = one.route.path.exec(path);
			return at && one.route.method === method ? [{ ...one, at: at.groups ?? {} }] : [];
		})[0];
		const by = world.callers.get(/^Bearer (.+)$/i.exec(request.headers.authorization ?? '')?.[1] ?? '');
		const call: Call = {
			op: found?.route.op ?? 'unknown',
			method,
			path,
			query: Object.fromEntries(url.searchParams),
			by,
			at: world.now(),
		};
		record(desk, call);
		const fault = faults.strike(call);
		if (fault?.kind === 'timeout') return;
		if (fault?.kind === 'reset') {
			request.socket.resetAndDestroy();
			return;
		}
		const reply = await decide();
		if (fault?.kind === 'late') await sleep(fault.lateMs ?? 5000, undefined, { ref: false });
		await faults.held(call);
		if (fault?.kind === 'reset-after-effect') {
			request.socket.resetAndDestroy();
			return;
		}
		send(response, reply);

		async function decide(): Promise<Reply> {
			try {
				world.tick();
				if (fault?.kind === 'html')
					return { status: 200, type: 'text/html; charset=utf-8', body: '<!DOCTYPE html><title>Sign in</title>' };
				if (fault?.kind === 'internal') throw new GoogleRefusal('INTERNAL', 'Internal error encountered.');
				if (fault?.kind === 'unavailable')
					throw new GoogleRefusal('UNAVAILABLE', 'The service is currently unavailable.');
				if (!found) return plainNotFound(path);
				const { api, route, at } = found;
				if (fault?.kind === 'rate-limited')
					throw rateLimited(api.host, 'DefaultPerMinutePerProject', 'Requests', 600, world.project.number);
				if (by === undefined || fault?.kind === 'unauthenticated') throw unauthenticated();
				if (fault?.kind === 'denied') throw denied(route.permission ?? route.op, undefined);
				checkDoor(world, api, by, at);
				checkParams(route, url.searchParams);
				const body = method === 'GET' ? null : parseBody(text);
				const ask: Ask = { world, by, at, query: url.searchParams, body, mostPerPage: desk.mostPerPage };
				if (route.permission !== undefined) must(world, by, route.permission, route.place?.(at, world));
				return json(200, await route.handle(ask));
			} catch (error) {
				if (error instanceof GoogleRefusal) return refusal(error, found?.api.errors === 'storage');
				throw error;
			}
		}
	}

	const server = createServer((request, response) => {
		answer(request, response).catch((error: unknown) => {
			if (response.headersSent) response.destroy();
			else send(response, { status: 500, type: 'text/plain', body: String(error) });
		});
	});
	// Longer than a client keeps a connection, so that it is never we who close it under a request.
	server.keepAliveTimeout = 30_000;
	await new Promise<void>((done, refuse) => {
		server.once('error', refuse);
		server.listen(port, '127.0.0.1', done);
	});
	const address = server.address();
	return {
		rootUrl: `http://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}/`,
		async close() {
			server.closeAllConnections();
			await new Promise((done) => server.close(done));
		},
	};
}

/** What every API asks before anything else: is it on, is the caller inside, is it our project? */
export function checkDoor(
	world: World,
	api: { host: string; title: string },
	by: string,
	at: Readonly<Record<string, string>>,
): void {
	const { id, number, enabledApis, perimeter } = world.project;
	const asked = at['project'];
	// Google does not tell a project that is not there from one that may not be seen.
	if (asked !== undefined && asked !== id && asked !== number && asked !== '-' && asked !== '_')
		throw denied(`${api.host.split('.', 1)[0]}.projects.get`, `projects/${asked}`);
	if (!enabledApis.has(api.host)) throw apiDisabled(api.host, api.title, world.project);
	if (perimeter?.services.has(api.host) && ![...perimeter.members].some((member) => member.endsWith(`:${by}`)))
		throw outsidePerimeter(api.host);
}

export const unauthenticated = (): GoogleRefusal =>
	new GoogleRefusal(
		'UNAUTHENTICATED',
		'Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid authentication credential. See https://developers.google.com/identity/sign-in/web/devconsole-project.',
		[
			{
				'@type': 'type.googleapis.com/google.rpc.ErrorInfo',
				reason: 'ACCESS_TOKEN_TYPE_UNSUPPORTED',
				domain: 'googleapis.com',
				metadata: {},
			},
		],
	);

function checkParams({ params = [] }: Route, query: URLSearchParams): void {
	for (const name of query.keys())
		if (!STANDARD.has(name) && !params.includes(name))
			throw invalid(
				`Invalid JSON payload received. Unknown name "${name}": Cannot bind query parameter. Field '${name}' could not be found in request message.`,
			);
}

function parseBody(text: string): Json {
	if (text === '') return {};
	try {
		return JSON.parse(text) as Json;
	} catch {
		throw invalid('Invalid JSON payload received. Unexpected token.');
	}
}

/** Storage says it in the older form, with the reason in a list of errors. */
function refusal({ http, status, message, details }: GoogleRefusal, storage: boolean): Reply {
	if (!storage) return json(http, { error: { code: http, message, status, ...(details.length > 0 && { details }) } });
	const reason =
		http === 403 ? 'forbidden' : http === 404 ? 'notFound' : http === 429 ? 'rateLimitExceeded' : 'invalid';
	return json(http, { error: { code: http, message, errors: [{ message, domain: 'global', reason }] } });
}

/** The front end knows no such address; no JSON then. */
const plainNotFound = (path: string): Reply => ({
	status: 404,
	type: 'text/html; charset=UTF-8',
	body: `<!DOCTYPE html><title>Error 404 (Not Found)!!1</title><p>The requested URL <code>${path.replaceAll('<', '&lt;')}</code> was not found on this server.`,
});

const json = (status: number, body: object): Reply => ({
	status,
	type: 'application/json; charset=UTF-8',
	body: JSON.stringify(body),
});

function send(response: ServerResponse, { status, type, body }: Reply): void {
	if (response.destroyed) return;
	response.writeHead(status, { 'content-type': type });
	response.end(body);
}

async function readAll(request: IncomingMessage): Promise<string> {
	const chunks: Buffer[] = [];
	let bytes = 0;
	for await (const chunk of request as AsyncIterable<Buffer>) {
		bytes += chunk.byteLength;
		if (bytes > MAX_BODY) throw new Error('The request is larger than 1 MiB.');
		chunks.push(chunk);
	}
	return Buffer.concat(chunks).toString('utf8');
}
