import { afterEach, describe, expect, test } from '@jest/globals';
import { Redis } from 'ioredis';
import { setTimeout as sleep } from 'node:timers/promises';
import { producer, workQueue } from '../../src/clients/queue.ts';
import type { Held, Producer, WorkQueue } from '../../src/clients/queue.ts';
import { startRedis } from '../../src/sandbox/redis.ts';
import type { SandboxRedis } from '../../src/sandbox/redis.ts';

const quiet = { info: () => undefined, warn: () => undefined, error: () => undefined };
const ids = ['a'.repeat(24), 'b'.repeat(24), 'c'.repeat(24)] as const;
const open: (() => Promise<unknown>)[] = [];
afterEach(async () => {
	for (const close of open.splice(0).reverse()) await close();
});

async function redis(options: Parameters<typeof startRedis>[0] = {}): Promise<SandboxRedis> {
	const server = await startRedis(options);
	open.push(() => server.stop());
	return server;
}
async function producerOf(server: SandboxRedis): Promise<Producer> {
	const queue = await producer(server.url, quiet, Date.now);
	open.push(() => queue.close());
	return queue;
}
function workOf(server: SandboxRedis): WorkQueue {
	const client = new Redis(server.url, { maxRetriesPerRequest: null });
	client.on('error', (error) => void error);
	const work = workQueue(server.url, client, quiet, Date.now);
	open.push(async () => {
		await work.close(1000);
		client.disconnect();
	});
	return work;
}
async function timed<T>(work: Promise<T>): Promise<{ value: T; ms: number }> {
	const started = performance.now();
	const value = await work;
	return { value, ms: performance.now() - started };
}

describe('taking a command in', () => {
	test('the same id is the same job, also after it was carried out', async () => {
		const server = await redis();
		const queue = await producerOf(server);
		const seen: string[] = [];
		workOf(server).consume('commands', 5, async (held: Held) => {
			seen.push(held.id);
			return 'done';
		});
		expect(await Promise.all([1, 2, 3].map(() => queue.accept(ids[0], { n: 1 })))).toEqual([
			'accepted',
			'accepted',
			'accepted',
		]);
		await sleep(500);
		expect(await queue.accept(ids[0], { n: 1 })).toBe('accepted');
		await sleep(300);
		expect(seen).toEqual([ids[0]]);
	});

	test('Redis gone: refused at once; back again: accepted', async () => {
		const server = await redis();
		const queue = await producerOf(server);
		expect(await queue.accept(ids[0], {})).toBe('accepted');
		await server.kill();
		await sleep(100);
		const { value, ms } = await timed(queue.accept(ids[1], {}));
		expect(value).toBe('refused');
		expect(ms).toBeLessThan(1100);
		await server.restart();
		await sleep(1000);
		expect(await queue.accept(ids[1], {})).toBe('accepted');
		expect(await queue.fate(ids[0])).toBe(true);
	});

	test('Redis frozen: unknown within the budget, then refused without sending; the first one turns out accepted', async () => {
		const server = await redis();
		const queue = await producerOf(server);
		server.freeze();
		const first = await timed(queue.accept(ids[0], {}));
		expect(first.value).toBe('unknown');
		expect(first.ms).toBeLessThan(1300);
		const second = await timed(queue.accept(ids[1], {}));
		expect(second.value).toBe('refused');
		expect(second.ms).toBeLessThan(100);
		server.thaw();
		await sleep(300);
		expect(await queue.fate(ids[0])).toBe(true);
		expect(await queue.fate(ids[1])).toBe(false);
	});

	test('what was declared not accepted is dropped when a late write brings it', async () => {
		const server = await redis();
		const queue = await producerOf(server);
		const work = workOf(server);
		expect(await queue.fate(ids[2])).toBe(false);
		expect(await work.wasRefused(ids[2])).toBe(true);
		expect(await work.wasRefused(ids[0])).toBe(false);
		// A copy that Slack hands in later: nobody may be told that it was accepted.
		expect(await queue.accept(ids[2], {})).toBe('refused');
		expect(await queue.accept(ids[0], {})).toBe('accepted');
	});

	test('Redis full: refused, as a fact', async () => {
		const server = await redis({ maxMemory: '2mb' });
		const queue = await producerOf(server);
		const filler = new Redis(server.url);
		open.push(async () => filler.disconnect());
		const fill = async (): Promise<void> => {
			for (let i = 0; i < 400; i++) await filler.set(`fill:${i}`, 'x'.repeat(20_000));
		};
		await expect(fill()).rejects.toThrow(/OOM/);
		expect(await queue.accept(ids[0], { words: 'x' })).toBe('refused');
		expect(await queue.fate(ids[0]).catch(() => 'cannot tell')).toBe('cannot tell');
	});
});

describe('working', () => {
	test('a job that asks for more time comes again, and one that threw as well', async () => {
		const server = await redis();
		const work = workOf(server);
		const starts: number[] = [];
		await work.add('follows', 'f-1', {});
		work.consume('follows', 5, async ({ starts: n }) => {
			starts.push(n);
			if (n === 1) return { againInMs: 50 };
			if (n === 2) throw new Error('passing trouble');
			return 'done';
		});
		await sleep(3500);
		expect(starts).toEqual([1, 2, 3]);
	});

	test('work goes on within a second after Redis was killed and started again', async () => {
		const server = await redis();
		const work = workOf(server);
		const done: string[] = [];
		work.consume('deliveries', 5, async ({ id }) => {
			done.push(id);
			return 'done';
		});
		await sleep(300);
		await server.kill();
		await sleep(500);
		await server.restart();
		const queue = work.add('deliveries', 'd-1', {});
		await queue;
		const { ms } = await timed(
			(async () => {
				while (done.length === 0) await sleep(20);
			})(),
		);
		expect(ms).toBeLessThan(2000);
	});
});
