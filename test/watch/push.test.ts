import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { createHmac, createSign, generateKeyPairSync } from 'node:crypto';
import { request as httpRequest } from 'node:http';
import { idTokens } from '../../src/clients/id-tokens.ts';
import { dispatcher, startPublic } from '../../src/http/public.ts';
import type { PublicServer } from '../../src/http/public.ts';
import { pushDoor } from '../../src/http/push.ts';
import { REFUSED_PUSHES } from '../../worker/watch/findings.ts';
import type { SimDag } from '../../src/sandbox/airflow/types.ts';
import { openWatch } from './house.ts';
import type { WatchHouse } from './house.ts';

const SECRET = 'a secret of the tests, long enough';
const AUDIENCE = 'https://bot.example.com/push/lab';
const SENDER = 'pusher@acme.iam.gserviceaccount.com';

const google = generateKeyPairSync('rsa', { modulusLength: 2048 });
const stranger = generateKeyPairSync('rsa', { modulusLength: 2048 });
const publicKey = google.publicKey.export({ type: 'spki', format: 'pem' }).toString();

function token(claims: Record<string, unknown> = {}, key = google.privateKey): string {
	const now = Math.floor(Date.now() / 1000);
	const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
	const body = `${part({ alg: 'RS256', typ: 'JWT', kid: 'k1' })}.${part({
		iss: 'https://accounts.google.com',
		aud: AUDIENCE,
		email: SENDER,
		email_verified: true,
		sub: '1',
		iat: now,
		exp: now + 3600,
		...claims,
	})}`;
	return `${body}.${createSign('RSA-SHA256').update(body).sign(key).toString('base64url')}`;
}

const FAILED = { dag_id: 'etl', run_id: 'r1', task_id: 'work', map_index: -1, try_number: 1 };
const etl: SimDag = {
	id: 'etl',
	owner: 'tests',
	tags: [],
	file: 'etl.py',
	tasks: [{ id: 'work', operator: 'PythonOperator', ms: 20, endings: ['killed'] }],
};

let house: WatchHouse;
let server: PublicServer;
beforeAll(async () => {
	house = await openWatch({ dags: [etl] });
	const quiet = { info: () => undefined, warn: () => undefined, error: () => undefined };
	const door = pushDoor(
		{ secret: SECRET, audience: AUDIENCE, serviceAccount: SENDER },
		house.wires,
		idTokens(async () => ({ k1: publicKey })),
	);
	server = await startPublic(0, dispatcher([door], quiet));
});
afterAll(async () => {
	await server.close();
	await house.close();
});

/** Bare HTTP: what a sender may do wrong, fetch would put right. */
function post(body: string, headers: Record<string, string>, path = '/push/lab'): Promise<number> {
	return new Promise((done, refuse) => {
		const request = httpRequest({ port: server.port, host: '127.0.0.1', path, method: 'POST', headers }, (response) => {
			response.resume();
			response.on('end', () => done(response.statusCode ?? 0));
		});
		request.on('error', refuse);
		request.end(body);
	});
}

function signed(body: string, { at = Date.now(), path = '/push/lab', secret = SECRET } = {}): Record<string, string> {
	const timestamp = String(Math.floor(at / 1000));
	return {
		'x-concertmaster-timestamp': timestamp,
		'x-concertmaster-signature': `v1=${createHmac('sha256', secret).update(`${timestamp}.${path}.${body}`).digest('hex')}`,
	};
}

const soon = async (): Promise<number> => (await house.wires.work.counts('watches')).delayed;

describe('a pushed failure', () => {
	beforeEach(async () => {
		await house.client.flushall();
	});

	test('signed: makes the watch look soon, and says nothing by itself', async () => {
		const body = JSON.stringify(FAILED);
		expect(await post(body, signed(body))).toBe(202);
		expect(await soon()).toBe(2);
		expect(await house.failures()).toEqual([]);
		expect(await house.wires.deps.watching.hintedBy('lab', [`${JSON.stringify(['etl', 'r1', 'work', -1])} 1`])).toEqual(
			['push'],
		);
	});

	test('a thousand of them are no thousand looks', async () => {
		for (let n = 0; n < 40; n++) {
			const body = JSON.stringify({ ...FAILED, run_id: `r${n}` });
			expect(await post(body, signed(body))).toBe(202);
		}
		// Two for each three seconds.
		expect(await soon()).toBeLessThanOrEqual(4);
	});

	const body = JSON.stringify(FAILED);
	test.each<[string, () => Record<string, string>, string?]>([
		['no signature', () => ({})],
		['another secret', () => signed(body, { secret: 'a secret of somebody else, long' })],
		['signed for another path', () => signed(body, { path: '/push/prod' })],
		['another body', () => signed(body.replace('r1', 'r2'))],
		['six minutes old', () => signed(body, { at: Date.now() - 6 * 60_000 })],
		['six minutes ahead', () => signed(body, { at: Date.now() + 6 * 60_000 })],
		[
			'a signature in two headers',
			() => ({ ...signed(body), 'x-concertmaster-signature': `${signed(body)['x-concertmaster-signature']}, x` }),
		],
		[
			'a token of somebody else',
			() => ({ authorization: `Bearer ${token({ email: 'other@acme.iam.gserviceaccount.com' })}` }),
		],
		[
			'a token for another audience',
			() => ({ authorization: `Bearer ${token({ aud: 'https://elsewhere.example.com' })}` }),
		],
		['a token of another issuer', () => ({ authorization: `Bearer ${token({ iss: 'https://evil.example.com' })}` })],
		[
			'a token that has ended',
			() => ({ authorization: `Bearer ${token({ iat: 1_700_000_000, exp: 1_700_003_600 })}` }),
		],
		['a token whose e-mail is not verified', () => ({ authorization: `Bearer ${token({ email_verified: false })}` })],
		['a token Google did not sign', () => ({ authorization: `Bearer ${token({}, stranger.privateKey)}` })],
		['no token at all in its place', () => ({ authorization: 'Bearer x.y.z' })],
	])('refused: %s', async (_, headers) => {
		expect(await post(body, headers())).toBe(401);
		expect(await soon()).toBe(0);
		expect(await house.wires.deps.watching.times(REFUSED_PUSHES)).toBe(1);
	});

	test('the same request a second time', async () => {
		const headers = signed(body);
		expect(await post(body, headers)).toBe(202);
		expect(await post(body, headers)).toBe(401);
	});

	test('four minutes old and four ahead are taken; one that is believed ends the count of refusals', async () => {
		expect(await post(body, {})).toBe(401);
		expect(await post(body, signed(body, { at: Date.now() - 4 * 60_000 }))).toBe(202);
		expect(await post(body, signed(body, { at: Date.now() + 4 * 60_000 }))).toBe(202);
		expect(await house.wires.deps.watching.times(REFUSED_PUSHES)).toBe(0);
	});

	test("Pub/Sub with Google's token: a sink's log entry, and the same again when it is delivered twice", async () => {
		const entry = {
			labels: { workflow: 'etl', 'run-id': 'r9', 'task-id': 'work', 'try-number': '2', 'map-index': '-1' },
			severity: 'ERROR',
		};
		const pushed = JSON.stringify({
			subscription: 'projects/acme/subscriptions/failures',
			message: { messageId: '1', data: Buffer.from(JSON.stringify(entry)).toString('base64') },
		});
		const headers = { authorization: `Bearer ${token()}` };
		expect(await post(pushed, headers)).toBe(202);
		expect(await post(pushed, headers)).toBe(202);
		expect(await house.wires.deps.watching.hintedBy('lab', [`${JSON.stringify(['etl', 'r9', 'work', -1])} 2`])).toEqual(
			['push'],
		);
	});

	test('what nobody can read is acknowledged, or Pub/Sub would send it for a week; and makes nobody look', async () => {
		const nonsense = JSON.stringify({
			subscription: 's',
			message: { data: Buffer.from('nonsense').toString('base64') },
		});
		expect(await post(nonsense, { authorization: `Bearer ${token()}` })).toBe(202);
		expect(await soon()).toBe(0);
	});

	test('an environment that is not there, another method, too large', async () => {
		expect(await post(body, signed(body, { path: '/push/prod' }), '/push/prod')).toBe(404);
		expect(await post('x'.repeat(600_000), {})).toBe(413);
		expect((await fetch(`http://127.0.0.1:${server.port}/push/lab`)).status).toBe(405);
	});
});

test('a hint that is true is told as pushed, one that is not is not told', async () => {
	await house.client.flushall();
	await house.look('tasks');
	await new Promise((done) => setTimeout(done, 1100));
	house.airflow.foreignRun({ dag: 'etl', run: 'r1' });
	await house.airflow.until(() => house.airflow.run('etl', 'r1')?.state === 'failed');
	for (const run of ['r1', 'made-up']) {
		const body = JSON.stringify({ ...FAILED, run_id: run });
		expect(await post(body, signed(body))).toBe(202);
	}
	await house.look('tasks');
	expect(await house.failures()).toMatchObject([{ run: 'r1', by: 'push' }]);
});
