import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { seeded } from '../slack/random.ts';
import { findRoute, type Ask } from './api.ts';
import { openCallers, page } from './callers.ts';
import { contractBroken, contractDags } from './contract-dags.ts';
import { json, Refused, type Dialect, type Reply } from './dialect.ts';
import { openFaults } from '../faults.ts';
import { markRun, openScheduler } from './scheduler.ts';
import { audit, createRun, findRun, openStore, runsOf, setDag } from './store.ts';
import { runPage } from './run-page.ts';
import type { AirflowOptions, Call, Fault, Op, PartHealth, SandboxAirflow } from './types.ts';
import { v1 } from './v1.ts';
import { v2 } from './v2.ts';

export type * from './types.ts';
export { contractDags } from './contract-dags.ts';
export { demoBroken, demoDags } from './demo-dags.ts';

const MAX_BODY = 1024 * 1024;

/**
 * Starts the Airflow stand-in on 127.0.0.1: REST API v1 or v2 in front of a scheduler that really runs simulated DAGs. It
 * counts for itself which runs were started.
 */
export async function startAirflow(options: AirflowOptions): Promise<SandboxAirflow> {
	const random = seeded(options.seed ?? 1);
	const store = openStore(
		{ ...options, broken: options.broken ?? (options.dags === undefined ? contractBroken : []) },
		options.dags ?? contractDags,
		random,
	);
	const callers = openCallers(options, store.now);
	const scheduler = openScheduler(store, options.schedules ?? true);
	// A stream of its own: what else is drawn must not move where faults strike.
	const faults = openFaults<Call['op'], Call, Fault>(seeded((options.seed ?? 1) ^ 0x5bd1e995), ({ op }) => op);
	const health: Record<string, PartHealth> = {};
	const calls: Call[] = [];
	const recorded = { 1: v1, 2: v2 };
	const begun = { ...recorded[options.api], version: options.version ?? recorded[options.api].version };
	/** After an upgrade in place it is the recorded one. */
	const dialectOf = (api: 1 | 2) => (api === options.api ? begun : recorded[api]);

	/** The reply, and what of it counts as a call. */
	function prepare(request: IncomingMessage, url: URL): { call: Call; act: (body: string) => Reply } {
		const method = request.method ?? 'GET';
		const { api } = store;
		const dialect = dialectOf(api);
		const op = /^\/api\/v\d\/version$/.test(url.pathname) ? 'version' : 'page';
		const call: Call = { op, method, path: url.pathname, at: store.now() };
		const door = callers.atTheDoor(request, api);
		if (door && !door.ok) return { call, act: () => door };

		if (api === 2 && url.pathname === '/auth/token' && method === 'POST' && options.auth !== 'google') {
			call.op = 'token';
			return { call, act: (body) => giveToken(body) };
		}
		if (!url.pathname.startsWith(dialect.root)) return { call, act: () => outside(url, method) };
		const found = findRoute(method, url.pathname.slice(dialect.root.length));
		if (!found || found === 'wrong-method') {
			const reply = found ? dialect.wrongMethod : dialect.noPath;
			return { call, act: () => reply };
		}
		const { route, at } = found;
		call.op = route.op;
		call.dag = at['dag'];
		call.run = at['run'];
		if (route.op === 'health' && url.pathname !== dialect.root + dialect.healthPath)
			return { call, act: () => dialect.noPath };
		return {
			call,
			act(text) {
				const caller = route.open ? undefined : callers.who(request, api);
				if (caller && !caller.ok) return caller;
				if (caller && !allowed(dialect, caller.role, route.op, route.writes ?? false))
					return route.op === 'trigger' && !store.dags.has(at['dag'] ?? '')
						? dialect.forbiddenNowhere
						: dialect.forbidden;
				const ask: Ask = {
					store,
					scheduler,
					dialect,
					callers,
					health,
					caller: caller ?? { name: '', role: '' },
					dag: at['dag'] ?? '~',
					run: at['run'] ?? '~',
					task: at['task'] ?? '',
					mapIndex: Number(at['map'] ?? -1),
					tryNumber: Number(at['try'] ?? 0),
					query: url.searchParams,
					accept: request.headers.accept ?? '*/*',
					body: undefined,
				};
				if (method === 'POST' || method === 'PATCH') {
					const type = request.headers['content-type'] ?? '';
					if (!type.startsWith('application/json')) return dialect.notJson(type);
					try {
						ask.body = JSON.parse(text);
					} catch {
						return dialect.badRequest('Request body is not valid JSON');
					}
				}
				try {
					return route.handle(ask);
				} catch (error) {
					if (error instanceof Refused) return error.reply;
					throw error;
				}
			},
		};
	}

	function giveToken(body: string): Reply {
		let read: { username?: unknown; password?: unknown };
		try {
			read = JSON.parse(body) as typeof read;
		} catch {
			return json(422, { detail: [{ type: 'json_invalid', loc: ['body', 0], msg: 'JSON decode error', input: {} }] });
		}
		const token = callers.token(read.username, read.password);
		return token === undefined ? json(401, { detail: 'Invalid credentials' }) : json(201, { access_token: token });
	}

	/** Whatever is not under the root of the API in force. */
	function outside(url: URL, method: string): Reply {
		if (store.api === 2) {
			if (url.pathname.startsWith('/api/v1/') || url.pathname.startsWith('/api/')) {
				if (method !== 'GET') return v2.wrongMethod;
				return url.pathname.startsWith('/api/v1/')
					? json(404, {
							error: '/api/v1 has been removed in Airflow 3, please use its upgraded version /api/v2 instead.',
						})
					: v2.noPath;
			}
			// Its web interface is one page for every path.
			return {
				status: 200,
				headers: { 'content-type': 'text/html; charset=utf-8' },
				body: runPage(store, url, dialectOf(2).version),
			};
		}
		if (/^\/dags\/[^/]+(\/grid)?$/.test(url.pathname) || url.pathname === '/' || url.pathname === '/home')
			return {
				status: 200,
				headers: { 'content-type': 'text/html; charset=utf-8' },
				body: runPage(store, url, dialectOf(1).version),
			};
		return {
			status: 404,
			headers: { 'content-type': 'text/html; charset=utf-8' },
			body: page('Airflow 404', 'Airflow 404 = lots of circles'),
		};
	}

	async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
		const url = new URL(request.url ?? '/', 'http://airflow.invalid');
		const text = await readAll(request);
		const { call, act } = prepare(request, url);
		calls.push(call);
		const fault = faults.strike(call);
		switch (fault?.kind) {
			case '429': {
				const wait = fault.retryAfter ?? 1;
				return send(response, {
					status: 429,
					headers: { 'content-type': 'text/plain', ...(wait > 0 ? { 'retry-after': String(wait) } : {}) },
					body: 'Too Many Requests',
				});
			}
			case '500':
				return send(response, {
					status: 500,
					headers: { 'content-type': 'text/plain' },
					body: 'Internal Server Error',
				});
			case 'html':
				return send(response, {
					status: 200,
					headers: { 'content-type': 'text/html' },
					body: page('Hello', 'A web page.'),
				});
			case 'login':
				return send(response, {
					status: 302,
					headers: { location: `/login/?next=${encodeURIComponent(url.pathname)}` },
					body: '',
				});
			case 'reset':
				request.socket.resetAndDestroy();
				return;
			case 'timeout':
				return;
			default:
		}
		const reply = act(text);
		await faults.held(call);
		if (fault?.kind === 'reset-after-effect') {
			request.socket.resetAndDestroy();
			return;
		}
		if (fault?.kind === '500-after-effect')
			return send(response, { status: 500, headers: { 'content-type': 'text/plain' }, body: 'Internal Server Error' });
		if (fault?.kind === 'slow-after-effect') await sleep(fault.slowMs ?? 5000, undefined, { ref: false });
		send(response, reply);
	}

	const server = createServer((request, response) => {
		// Its own clock, which may be another than ours.
		response.setHeader('date', new Date(store.now()).toUTCString());
		answer(request, response).catch((error: unknown) => {
			if (response.headersSent) response.destroy();
			else send(response, { status: 500, headers: { 'content-type': 'text/plain' }, body: String(error) });
		});
	});
	// Longer than a client keeps a connection, so that it is never we who close it under a request.
	server.keepAliveTimeout = 30_000;
	await new Promise<void>((done, refuse) => {
		server.once('error', refuse);
		server.listen(options.port ?? 0, '127.0.0.1', done);
	});
	const address = server.address();
	const port = typeof address === 'object' && address ? address.port : 0;

	return {
		url: `http://127.0.0.1:${port}`,
		get version() {
			return dialectOf(store.api).version;
		},
		users: callers.users,
		started: () => store.started,
		startedBy(key) {
			const counts = new Map<string, number>();
			for (const run of store.started) {
				const name = key(run);
				if (name !== undefined) counts.set(name, (counts.get(name) ?? 0) + 1);
			}
			return counts;
		},
		calls: (op?: Op) => (op === undefined ? calls : calls.filter((call) => call.op === op)),
		run: (dag, run) => findRun(store, dag, run),
		runs: (dag) =>
			(dag === undefined ? [...store.runs.values()] : [runsOf(store, dag)]).flatMap((runs) => [...runs.values()]),
		foreignRun({ dag, run, note, conf, logicalDate, state }) {
			const made = createRun(store, {
				dag,
				run,
				runType: 'manual',
				logicalDate: logicalDate ?? (store.api === 1 ? store.now() : null),
				conf: conf ?? {},
				note: note ?? null,
				by: 'somebody',
			});
			if (state === 'success' || state === 'failed') {
				made.startedAt = made.queuedAt;
				markRun(made, state, store.now());
			} else scheduler.wake(made);
			return made;
		},
		deleteRun: (dag, run) => runsOf(store, dag).delete(run),
		endRun(dag, run, state) {
			const found = findRun(store, dag, run);
			if (!found) throw new Error(`There is no run ${run} of ${dag}.`);
			found.startedAt ??= found.queuedAt;
			markRun(found, state, store.now());
		},
		setDag(id, dag) {
			if (dag) setDag(store, dag);
			else store.dags.delete(id);
		},
		setHealth(part, status, heartbeatAt) {
			health[part] = { status, heartbeatAt: heartbeatAt ?? (status === 'healthy' ? undefined : store.now()) };
		},
		setApi(next) {
			store.api = next;
		},
		expireTokens: () => callers.expireTokens(),
		setGoogle: (google) => callers.setGoogle(google),
		faults: faults.add,
		clearFaults: () => faults.clear(),
		holdNextReply: faults.holdNextReply,
		tick: () => scheduler.tick(),
		event: (event) => audit(store, event),
		async until(what, timeoutMs = 25_000) {
			for (const deadline = Date.now() + timeoutMs; !what(); await sleep(10))
				if (Date.now() > deadline) throw new Error(`Not within ${timeoutMs} ms: ${what.toString()}`);
		},
		async close() {
			scheduler.stop();
			server.closeAllConnections();
			await new Promise((done) => server.close(done));
		},
	};
}

function allowed(dialect: Dialect, role: string, op: Op, writes: boolean): boolean {
	if (writes) return role === 'Admin' || role === 'Op';
	return dialect.mayRead(role, op);
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

function send(response: ServerResponse, { status, headers, body }: Reply): void {
	if (response.destroyed) return;
	response.writeHead(status, headers);
	response.end(body);
}
