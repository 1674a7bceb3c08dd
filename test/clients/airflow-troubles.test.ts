import { afterEach, describe, expect, test } from '@jest/globals';
import { createServer, type RequestListener } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { airflow, type AirflowOptions } from '../../src/clients/airflow.ts';
import { fixedToken, type GoogleToken } from '../../src/clients/base/google.ts';
import { http, type Http } from '../../src/clients/base/http.ts';
import type { Airflow } from '../../src/domain/airflow.ts';
import { Trouble } from '../../src/domain/errors.ts';
import { startAirflow, type FaultKind, type SandboxAirflow } from '../../src/sandbox/airflow/index.ts';

const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
	for (const it of open.splice(0)) await it.close();
});

async function sandbox(options: Parameters<typeof startAirflow>[0]): Promise<SandboxAirflow> {
	const it = await startAirflow({ schedules: false, speed: 20, ...options });
	open.push(it);
	return it;
}

/** A server that answers as it is told, and its address. */
async function server(answer: RequestListener): Promise<string> {
	const it = createServer(answer);
	await new Promise<void>((done) => it.listen(0, '127.0.0.1', done));
	open.push({
		async close() {
			it.closeAllConnections();
			await new Promise((done) => it.close(done));
		},
	});
	const address = it.address();
	return `http://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`;
}

const op = (api: 1 | 2): AirflowOptions['auth'] => ({
	kind: api === 1 ? 'basic' : 'jwt',
	username: 'op',
	password: 'op',
});
const clientOf = (it: SandboxAirflow, api: 1 | 2, more: Partial<AirflowOptions> = {}): Airflow =>
	airflow({ url: it.url, auth: op(api), timeoutMs: 400, ...more }, http);

async function refusal(work: Promise<unknown>): Promise<Trouble> {
	try {
		await work;
	} catch (error) {
		if (!(error instanceof Trouble)) throw error;
		// Whatever it is, both languages say it, and neither leaks a database.
		expect(error.ja?.message).toMatch(/[぀-ヿ一-鿿]/);
		expect(`${error.message} ${error.hint ?? ''} ${error.ja?.message ?? ''}`).not.toMatch(/insert into|orig_error/i);
		expect(error.hint === undefined).toBe(error.ja?.hint === undefined);
		return error;
	}
	throw new Error('Nothing was refused.');
}

const request = { dag: 'cm_success', run: 'bot__1', note: 'key 1' };

describe.each([1, 2] as const)('REST API v%d', (api) => {
	test.each<[FaultKind, string, 'unknown' | 'none', number]>([
		['429', 'airflow too many requests', 'none', 0],
		['500', 'airflow server error', 'unknown', 0],
		['500-after-effect', 'airflow server error', 'unknown', 1],
		['reset', 'airflow connection lost', 'unknown', 0],
		['reset-after-effect', 'airflow connection lost', 'unknown', 1],
		['timeout', 'airflow timeout', 'unknown', 0],
		['slow-after-effect', 'airflow timeout', 'unknown', 1],
		['html', 'airflow web page', 'none', 0],
		['login', 'airflow login page', 'none', 0],
	])('a trigger that meets %s is one call and says what is known', async (kind, label, outcome, started) => {
		const it = await sandbox({ api });
		const client = clientOf(it, api);
		await client.version();
		it.faults({ op: 'trigger', kind, times: 1 });
		const trouble = await refusal(client.trigger(request));
		expect(trouble).toMatchObject({ label, outcome });
		expect(it.calls('trigger')).toHaveLength(1);
		expect(it.started()).toHaveLength(started);
		expect((await client.run('cm_success', 'bot__1'))?.note).toBe(started === 1 ? 'key 1' : undefined);
	});

	test.each<[FaultKind, string]>([
		['500', 'airflow server error'],
		['timeout', 'airflow timeout'],
		['reset', 'airflow connection lost'],
	])('reading through %s leaves nothing unknown', async (kind, label) => {
		const it = await sandbox({ api });
		const client = clientOf(it, api);
		it.faults({ op: 'dags', kind });
		expect(await refusal(client.dags())).toMatchObject({ kind: 'upstream', label, outcome: 'none' });
		expect(it.calls('dags')).toHaveLength(1);
	});

	test('429 says how long to wait', async () => {
		const it = await sandbox({ api });
		it.faults({ op: 'dags', kind: '429', retryAfter: 7 });
		expect((await refusal(clientOf(it, api).dags())).retryAfterMs).toBe(7000);
	});

	test('a kept reply is a timeout, and the run is there', async () => {
		const it = await sandbox({ api });
		const client = clientOf(it, api);
		const held = it.holdNextReply('trigger');
		const [trouble, call] = await Promise.all([refusal(client.trigger(request)), held.reached]);
		expect(call).toMatchObject({ op: 'trigger', dag: 'cm_success' });
		expect(trouble).toMatchObject({ label: 'airflow timeout', outcome: 'unknown' });
		held.release();
		expect(await client.run('cm_success', 'bot__1')).toMatchObject({ note: 'key 1' });
	});

	test("somebody else's run with our id is a 409, and its note is theirs", async () => {
		const it = await sandbox({ api });
		it.foreignRun({ dag: 'cm_success', run: 'bot__1', note: 'mine' });
		const client = clientOf(it, api);
		expect(await refusal(client.trigger(request))).toMatchObject({ kind: 'user', label: 'airflow run exists' });
		expect((await client.run('cm_success', 'bot__1'))?.note).toBe('mine');
		expect(it.started()).toEqual([]);
	});

	test('a DAG whose file broke is not triggered', async () => {
		const it = await sandbox({ api });
		it.setDag('broken', { id: 'broken', owner: 'x', tags: [], file: 'b.py', tasks: [], importError: 'SyntaxError' });
		const trouble = await refusal(clientOf(it, api).trigger({ ...request, dag: 'broken' }));
		expect(trouble).toMatchObject({ kind: 'user', label: 'airflow request refused' });
		expect(trouble.message).toMatch(/import errors/);
	});

	test('an id that could change the path is refused before any call', async () => {
		const it = await sandbox({ api });
		const client = clientOf(it, api);
		for (const dag of ['~', '.', '..', 'a/b', 'a b', 'a?b', '%2f', '', 'x'.repeat(251), 'a\u202eb']) {
			expect((await refusal(client.dag(dag))).label).toBe('airflow id malformed');
			expect((await refusal(client.trigger({ ...request, dag }))).label).toBe('airflow id malformed');
		}
		for (const run of ['~', '..', 'a/b', 'a b', '']) {
			expect((await refusal(client.run('cm_success', run))).label).toBe('airflow id malformed');
			expect((await refusal(client.clear({ dag: 'cm_success', run, onlyFailed: true, downstream: false }))).label).toBe(
				'airflow id malformed',
			);
		}
		expect(it.calls().filter(({ op }) => op !== 'version' && op !== 'token')).toEqual([]);
	});

	test('an upgrade or downgrade under a running bot is noticed, and a run is started once', async () => {
		const it = await sandbox({ api, auth: 'google', google: { good: { email: 'bot@acme', role: 'Op' } } });
		const client = airflow({ url: it.url, auth: { kind: 'google' } }, http, { google: fixedToken('good') });
		expect((await client.version()).api).toBe(api);
		it.setApi(api === 1 ? 2 : 1);
		expect(await client.trigger(request)).toMatchObject({ run: 'bot__1', state: 'queued' });
		expect(it.startedBy(({ note }) => note ?? '')).toEqual(new Map([['key 1', 1]]));
		expect((await client.version()).api).toBe(api === 1 ? 2 : 1);
	});

	describe('behind the proxy of Composer', () => {
		/** Hands out the tokens one after the other, a new one each time a fresh one is asked for. */
		function tokens(...list: string[]): GoogleToken & { asked: number } {
			let place = 0;
			return {
				asked: 0,
				token(options) {
					if (options?.fresh) place = Math.min(place + 1, list.length - 1);
					this.asked += 1;
					return Promise.resolve(list[place] ?? '');
				},
				who: () => Promise.resolve('bot@acme'),
			};
		}
		const google = {
			good: { email: 'bot@acme', role: 'Op' as const },
			stranger: { email: 'bot@acme', role: 'Op' as const, registered: false },
			outsider: { email: 'bot@acme', role: 'Op' as const, mayPass: false },
			reader: { email: 'bot@acme', role: 'Viewer' as const },
		};

		test.each([
			['an ID token', 'eyJhbGciOiJSUzI1NiJ9.e30.sig', 'airflow unauthenticated', /access token.*OIDC/],
			[
				'an account without the IAM role',
				'outsider',
				'airflow refused at the door',
				/roles\/composer\.user.*network access/,
			],
			['an unregistered user', 'stranger', 'airflow user not registered', /64 characters/],
			['a role that only reads', 'reader', 'airflow forbidden', /role/],
		])('%s is named', async (_, token, label, hint) => {
			const it = await sandbox({ api, auth: 'google', google });
			const source = tokens(token);
			const client = airflow({ url: it.url, auth: { kind: 'google' } }, http, { google: source });
			const trouble = await refusal(client.trigger(request));
			expect(trouble).toMatchObject({ kind: 'denied', label, outcome: 'none' });
			expect(trouble.hint).toMatch(hint);
			expect(it.started()).toEqual([]);
			expect(it.calls().length).toBeLessThanOrEqual(4);
		});

		test('a refused address is told together with the missing role, since they look the same', async () => {
			const it = await sandbox({ api, auth: 'google', google, addressAllowed: false });
			const client = airflow({ url: it.url, auth: { kind: 'google' } }, http, { google: tokens('good') });
			expect(await refusal(client.dags())).toMatchObject({ label: 'airflow refused at the door', status: 403 });
		});

		test('an old token is renewed once', async () => {
			const it = await sandbox({ api, auth: 'google', google });
			const client = airflow({ url: it.url, auth: { kind: 'google' } }, http, { google: tokens('good', 'better') });
			await client.dags();
			it.setGoogle({ better: google.good });
			const before = it.calls().length;
			expect(await client.trigger(request)).toMatchObject({ run: 'bot__1' });
			expect(it.calls().length - before).toBe(2);
			it.setGoogle({});
			const refused = it.calls().length;
			expect((await refusal(client.run('cm_success', 'bot__1'))).label).toBe('airflow unauthenticated');
			expect(it.calls().length - refused).toBeLessThanOrEqual(2);
		});
	});
});

describe('signing in', () => {
	test('an expired JWT is renewed once, a wrong password is not tried again', async () => {
		const it = await sandbox({ api: 2 });
		const client = clientOf(it, 2);
		await client.dags();
		expect(it.calls('token')).toHaveLength(1);
		it.expireTokens();
		await client.dags();
		expect(it.calls('token')).toHaveLength(2);
		const wrong = clientOf(it, 2, { auth: { kind: 'jwt', username: 'op', password: 'no' } });
		expect(await refusal(wrong.dags())).toMatchObject({ kind: 'denied', label: 'airflow unauthenticated' });
		expect(it.calls('token')).toHaveLength(3);
	});

	test('deny_all is named, and who can change it', async () => {
		const it = await sandbox({ api: 1, auth: 'deny_all' });
		const trouble = await refusal(clientOf(it, 1).dags());
		expect(trouble).toMatchObject({ kind: 'denied', label: 'airflow unauthenticated' });
		expect(trouble.hint).toMatch(/auth_backends.*deny_all/s);
	});

	test('whoAmI tells name and role', async () => {
		const it = await sandbox({ api: 2 });
		expect(await clientOf(it, 2).whoAmI()).toBe('op (op)');
	});
});

describe('the address', () => {
	test.each([
		['http://no-such-host.invalid', 'airflow address unknown'],
		// Nobody listens there: fewer than 1024, and not among those that fetch itself refuses.
		['http://127.0.0.1:81', 'airflow connection refused'],
	])('%s is %s', async (url, label) => {
		const trouble = await refusal(airflow({ url, auth: op(2) }, http).trigger(request));
		expect(trouble).toMatchObject({ kind: 'upstream', label, outcome: 'none' });
	});

	test('https where http is spoken is a refused certificate', async () => {
		const it = await sandbox({ api: 2 });
		const client = airflow({ url: it.url.replace('http:', 'https:'), auth: op(2) }, http);
		expect((await refusal(client.version())).label).toBe('airflow certificate refused');
	});

	test('a redirect is never followed, least of all with a password', async () => {
		let reached = 0;
		const canary = await server((_, response) => {
			reached += 1;
			response.end('{}');
		});
		const here = await server((_, response) => {
			response.writeHead(301, { location: `${canary}/api/v2/version` }).end();
		});
		expect((await refusal(airflow({ url: here, auth: op(1) }, http).dags())).label).toBe('airflow address moved');
		expect(reached).toBe(0);
	});

	test('an answer beyond all measure is cut off', async () => {
		const here = await server((_, response) => {
			response.writeHead(200, { 'content-type': 'application/json' });
			const more = (): void => {
				while (response.write('x'.repeat(65_536)));
				response.once('drain', more);
			};
			more();
		});
		expect((await refusal(airflow({ url: here, auth: op(1) }, http).version())).label).toBe('airflow answer too large');
	});

	test('a server that is no Airflow is not taken for one', async () => {
		const here = await server((_, response) => {
			response.writeHead(200, { 'content-type': 'application/json' }).end('{"hello":"world"}');
		});
		expect((await refusal(airflow({ url: here, auth: op(1) }, http).version())).label).toBe(
			'airflow answer unreadable',
		);
	});

	test('Composer names another address when the old one is gone', async () => {
		const old = await startAirflow({ api: 2 });
		const next = await sandbox({ api: 1 });
		const asked: boolean[] = [];
		let at = old.url;
		const client = airflow({ auth: op(1) }, http, {
			whereabouts(options) {
				asked.push(options?.fresh ?? false);
				return Promise.resolve(at);
			},
		});
		expect((await client.version()).api).toBe(2);
		await old.close();
		// Until the kept connection is seen to be closed; a reset on it would be an unknown outcome, rightly.
		await sleep(50);
		at = next.url;
		expect(await client.trigger(request)).toMatchObject({ run: 'bot__1' });
		expect(next.started()).toHaveLength(1);
		expect(client.runUrl('cm_success', 'bot__1')).toBe(`${next.url}/dags/cm_success/grid?dag_run_id=bot__1`);
		expect(asked).toEqual([false, true]);
	});

	test('ten calls at once ask for the version once', async () => {
		const it = await sandbox({ api: 2 });
		const client = clientOf(it, 2, { timeoutMs: 5000 });
		await Promise.all(Array.from({ length: 10 }, () => client.dags()));
		expect(it.calls('version')).toHaveLength(1);
		expect(it.calls('token')).toHaveLength(1);
	});

	test('a log keeps its end, whole characters, however long it is', async () => {
		const it = await sandbox({ api: 1 });
		const big: Http = (asked) =>
			asked.url.pathname.includes('/logs/') ? http({ ...asked, url: new URL(`${long}/log`) }) : http(asked);
		const long = await server((_, response) => {
			response.writeHead(200, { 'content-type': 'text/plain' });
			for (let i = 0; i < 2000; i++) response.write('ログの行です。\n'.repeat(50));
			response.end('おしまい\n');
		});
		const client = airflow({ url: it.url, auth: op(1) }, big);
		const log = await client.log({ dag: 'cm_success', run: 'x', task: 'load', mapIndex: -1, tryNumber: 1 }, 1000);
		expect(Buffer.byteLength(log ?? '')).toBeLessThanOrEqual(1000);
		expect(Buffer.byteLength(log ?? '')).toBeGreaterThan(990);
		expect(log).not.toContain('\ufffd');
		expect(log?.endsWith('おしまい\n')).toBe(true);
	});
});
