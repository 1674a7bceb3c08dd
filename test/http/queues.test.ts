import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Redis } from 'ioredis';
import { tickets } from '../../src/clients/tickets.ts';
import { queueBoard } from '../../src/clients/queue-board.ts';
import { QUEUES, workQueue } from '../../src/clients/queue.ts';
import { dispatcher, startPublic } from '../../src/http/public.ts';
import type { PublicServer } from '../../src/http/public.ts';
import { queuePage, QUEUES_PATH } from '../../src/http/queues.ts';
import { startRedis } from '../../src/sandbox/redis.ts';
import type { SandboxRedis } from '../../src/sandbox/redis.ts';

const quiet = { info: () => undefined, warn: () => undefined, error: () => undefined };
let redis: SandboxRedis;
let client: Redis;
let server: PublicServer;
let now = 1_000_000;
const at = (path: string): string => `http://127.0.0.1:${server.port}${path}`;

beforeAll(async () => {
	redis = await startRedis();
	client = new Redis(redis.url, { maxRetriesPerRequest: null });
	const work = workQueue(redis.url, client, quiet, Date.now);
	await work.add('commands', 'waits', { v: 1, typed: { words: 'trigger etl password=hunter22secret' } });
	const page = queuePage(tickets(client), queueBoard(client, QUEUES, QUEUES_PATH), () => now);
	server = await startPublic(0, dispatcher([page], quiet));
});
afterAll(async () => {
	await server.close();
	client.disconnect();
	await redis.stop();
});

test('a ticket opens the page once; without one nothing is shown, and nothing can be changed', async () => {
	const api = '/queues/api/queues?activeQueue=commands&status=waiting&page=1&jobsPerPage=10';
	for (const path of ['/queues', api, '/queues/static/x.js']) expect((await fetch(at(path))).status).toBe(403);
	expect((await fetch(at('/elsewhere'))).status).toBe(404);
	const ticket = await tickets(client).issue('queues', 'U0ANN', 60_000);

	// A preview that reads the link does not use it up.
	expect((await fetch(at(`/queues/open/${ticket}`))).status).toBe(200);
	const opened = await fetch(at(`/queues/open/${ticket}`), { method: 'POST', redirect: 'manual' });
	expect(opened.status).toBe(303);
	const cookie = (opened.headers.get('set-cookie') ?? '').split(';')[0] ?? '';
	expect(opened.headers.get('set-cookie')).toContain('HttpOnly; SameSite=Strict');
	expect((await fetch(at(`/queues/open/${ticket}`), { method: 'POST' })).status).toBe(410);

	const shown = await fetch(at('/queues'), { headers: { cookie } });
	expect(shown.status).toBe(200);
	expect(await shown.text()).toContain('Concertmaster');
	const jobs = await (await fetch(at(api), { headers: { cookie } })).text();
	expect(jobs).toContain('waits');
	expect(jobs).toContain('trigger etl');
	expect(jobs).not.toContain('hunter22secret');

	for (const method of ['PUT', 'POST', 'DELETE', 'PATCH'])
		expect(
			(await fetch(at('/queues/api/queues/commands/clean/completed'), { method, headers: { cookie } })).status,
		).toBe(405);
	for (const forged of ['concertmaster_queues=9999999999999.x', cookie.replace(/=\d+/, '=9999999999999'), 'x=y'])
		expect((await fetch(at('/queues'), { headers: { cookie: forged } })).status).toBe(403);
	now += 31 * 60_000;
	expect((await fetch(at('/queues'), { headers: { cookie } })).status).toBe(403);
});

test('a ticket that is too old, or none, opens nothing', async () => {
	const short = await tickets(client).issue('queues', 'U0ANN', 1);
	await new Promise((done) => setTimeout(done, 20));
	for (const ticket of [short, 'x'.repeat(43), 'short'])
		expect((await fetch(at(`/queues/open/${ticket}`), { method: 'POST' })).status).toBe(410);
	// What lies in Redis opens nothing either: only its hash does.
	expect((await client.keys('*ticket*')).every((key) => /:[0-9a-f]{64}$/.test(key))).toBe(true);
});
