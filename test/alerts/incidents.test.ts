import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { Redis } from 'ioredis';
import { incidents } from '../../src/clients/incidents.ts';
import type { Incidents } from '../../src/clients/incidents.ts';
import { startRedis } from '../../src/sandbox/redis.ts';
import type { SandboxRedis } from '../../src/sandbox/redis.ts';
import { ack, failedTry, opening, passed, T0 } from './events.ts';

let server: SandboxRedis;
let client: Redis;
let kept: Incidents;
const FLAP_MS = 300;
beforeAll(async () => {
	server = await startRedis();
	client = new Redis(server.url);
	kept = incidents(client, () => clock, { flapMs: FLAP_MS });
});
afterAll(async () => {
	client.disconnect();
	await server.stop();
});
let clock = T0;
beforeEach(async () => {
	await client.flushall();
	clock = T0 + 3000;
});

const aliases = (...keys: string[]) => ({ keys, brief: [], history: keys[0] ?? 'none' });
const event = (failed = failedTry()) => ({ kind: 'failed' as const, at: clock, failed });
const begin = (failed = failedTry(), under = aliases('k')) =>
	kept.begin(kept.idFor(under.history, failed), opening(), event(failed), under);
const bringUp = async (id: string): Promise<void> => {
	const reading = await kept.take(id);
	expect(reading && (await kept.commit(reading))).toBe(true);
};
const keysNow = async (): Promise<string[]> => (await client.keys('*')).sort();

describe('a failed try', () => {
	test('belongs to one incident for ever, whoever asks how often', async () => {
		const all = await Promise.all(Array.from({ length: 20 }, () => begin()));
		expect(new Set(all.map(({ id }) => id)).size).toBe(1);
		expect(all.filter(({ kind }) => kind === 'joined')).toHaveLength(1);
		const [first] = all;
		expect(await kept.byTry(failedTry())).toBe(first?.id);
		expect(await kept.admit(failedTry(), aliases('other'))).toMatchObject({ kind: 'known', id: first?.id });
		expect(await kept.tries(first?.id ?? '')).toEqual([failedTry()]);
	});

	test('joins what has one of its keys, and brings its other keys along', async () => {
		const { id } = await begin();
		const second = failedTry({ dag: 'other' });
		expect(await kept.admit(second, aliases('nobody'))).toEqual({ kind: 'none' });
		expect(await kept.admit(second, aliases('host', 'k'))).toMatchObject({ kind: 'joined', id });
		expect(await kept.admit(failedTry({ dag: 'third' }), aliases('host'))).toMatchObject({ kind: 'joined', id });
		expect(await kept.get(id)).toMatchObject({ counts: { tries: 3, dags: 3 }, severity: 'critical' });
	});

	test('of many at once, one opens and the others join: each is in it once', async () => {
		const tries = Array.from({ length: 200 }, (_, mapIndex) => failedTry({ mapIndex }));
		await Promise.all(
			tries.map(async (one) => {
				for (;;) {
					if ((await kept.admit(one, aliases('k'))).kind !== 'none') return;
					if ((await begin(one)).kind !== 'other') return;
				}
			}),
		);
		const [only, ...others] = await kept.open();
		expect(others).toEqual([]);
		expect(only?.counts).toMatchObject({ tries: 200, members: 200 });
		expect(new Set((await kept.tries(only?.id ?? '')).map(({ mapIndex }) => mapIndex)).size).toBe(200);
	});

	test('made anew in a run of the same name is another', async () => {
		const { id } = await begin();
		expect(await kept.admit(failedTry({ again: T0 }), aliases('k'))).toMatchObject({ kind: 'joined', id });
	});
});

describe('an incident', () => {
	test('that recovered takes in what fails again within moments, and then no more', async () => {
		const { id } = await begin(failedTry({ last: false, ofTries: 3 }));
		await kept.note(id, [passed()]);
		await bringUp(id);
		expect(await kept.open()).toEqual([]);
		expect(await kept.admit(failedTry({ tryNumber: 3 }), aliases('k'))).toMatchObject({ kind: 'joined', id });
		await bringUp(id);
		expect(await kept.get(id)).toMatchObject({ phase: 'open', relapses: 1 });
		await kept.note(id, [passed({ tryNumber: 4, startedAt: new Date(T0 + 900_000).toISOString() })]);
		await bringUp(id);
		await new Promise((done) => setTimeout(done, FLAP_MS + 50));
		const later = failedTry({ run: 'scheduled__2' });
		expect(await kept.admit(later, aliases('k'))).toEqual({ kind: 'none' });
		clock += 1000;
		const next = await begin(later);
		expect(next).toMatchObject({ kind: 'joined' });
		expect(next.id).not.toBe(id);
	});

	test('knows what came before it', async () => {
		expect(await kept.historyOf('k', 'prod', failedTry())).toEqual({ before: 0 });
		const { id } = await begin(failedTry({ last: false, ofTries: 2 }));
		await kept.note(id, [passed()]);
		await bringUp(id);
		expect(await kept.historyOf('k', 'prod', failedTry())).toEqual({
			before: 1,
			lastAt: T0 + 3000,
			lastTookMs: 660_000,
			retries: { passed: 1, of: 1 },
		});
		clock += 31 * 24 * 3600_000;
		expect(await kept.historyOf('k', 'prod', undefined)).toEqual({ before: 0 });
	});

	test('that is part of a bigger one sends failures there', async () => {
		const small = await begin();
		const big = await begin(failedTry({ dag: 'big' }), aliases('big'));
		await kept.note(small.id, [{ kind: 'folded', at: clock, into: big.id }]);
		expect(await kept.admit(failedTry({ dag: 'third' }), aliases('k'))).toMatchObject({ kind: 'joined', id: big.id });
		expect(await kept.get(small.id)).toMatchObject({ phase: 'folded', partOf: big.id });
		expect((await kept.open()).map(({ id }) => id)).toEqual([big.id]);
	});

	test('is folded once: who read it earlier cannot write it later', async () => {
		const { id } = await begin();
		const [one, two] = [await kept.take(id), await kept.take(id)];
		expect(one && (await kept.commit(one))).toBe(true);
		expect(two && (await kept.commit(two))).toBe(false);
	});

	test('is due until somebody takes it, and due again by what comes after', async () => {
		const { id } = await begin();
		expect(await kept.isDue(id)).toBe(true);
		await bringUp(id);
		expect(await kept.isDue(id)).toBe(false);
		expect(await kept.note(id, [passed()])).toMatchObject({ due: true });
		expect(await kept.note(id, [passed()])).toMatchObject({ due: false });
	});

	test('shows who acted first, to everybody', async () => {
		const { id } = await begin();
		const ben = ack({ by: 'U0BEN', at: T0 + 1 });
		expect(await kept.act(id, ack())).toEqual({ won: true, first: ack() });
		expect(await kept.act(id, ben)).toEqual({ won: false, first: ack() });
		// The command carried out again after a crash.
		expect(await kept.act(id, ack())).toEqual({ won: true, first: ack() });
		expect((await kept.get(id))?.acts).toEqual([ack()]);
		expect(await kept.act('ffffffffffff', ack())).toBeUndefined();
	});

	test('is found by what it waits for', async () => {
		const { id } = await begin();
		expect(await kept.waitingDags('prod')).toEqual(new Set(['daily_sales']));
		const [due] = await kept.dueRuns('prod', Date.now() + 1000, 10);
		expect(due).toMatchObject({ dag: 'daily_sales', run: 'scheduled__1', incident: id });
		expect(await kept.waitingFor('prod', [failedTry(), failedTry({ task: 'other' })])).toEqual([[id], []]);
	});

	test('is listed for the time in which something happened to it', async () => {
		const { id } = await begin();
		const now = Date.now();
		expect((await kept.between(now - 10_000, now + 10_000)).map((one) => one.id)).toEqual([id]);
		expect(await kept.between(now + 10_000, now + 20_000)).toEqual([]);
		expect(await kept.between(now - 10_000, now + 10_000, 'test')).toEqual([]);
	});

	test('has pages of its list that can be read one by one', async () => {
		const { id } = await begin();
		for (let mapIndex = 0; mapIndex < 300; mapIndex++) await kept.admit(failedTry({ mapIndex }), aliases('k'));
		await kept.note(id, [passed()]);
		const reading = await kept.take(id);
		if (!reading) throw new Error('it is there');
		const pages = await Promise.all(reading.ledger.pages.map((_, at) => kept.page(reading.ledger, id, at)));
		expect(pages.length).toBeGreaterThan(1);
		expect(pages.flat()).toEqual(await kept.tries(id));
	});
});

test('a bigger cause is known while it lasts', async () => {
	const id = kept.idFor('big', failedTry());
	await kept.noteBigger('prod', id, 'db-overloaded');
	expect(await kept.bigger('prod')).toEqual([]);
	await kept.begin(id, opening({ cause: 'db-overloaded' }), event(failedTry({ last: false })), aliases('big'));
	expect(await kept.bigger('prod')).toEqual([{ id, cause: 'db-overloaded', since: clock }]);
	await kept.note(id, [passed()]);
	await bringUp(id);
	expect(await kept.bigger('prod')).toEqual([]);
});

test('so many investigations in a minute and no more', async () => {
	const may = await Promise.all(Array.from({ length: 30 }, () => kept.mayInvestigate('prod')));
	expect(may.filter(Boolean)).toHaveLength(20);
	expect(await kept.mayInvestigate('test')).toBe(true);
});

test('every key is under the prefix, with one hash tag, and has an end; lists of ids are bounded', async () => {
	const { id } = await begin();
	await kept.admit(failedTry({ mapIndex: 1 }), aliases('k', 'host'));
	await kept.act(id, ack());
	await kept.note(id, [passed()]);
	await bringUp(id);
	await kept.hold('x', 'me', 1000);
	await kept.mayInvestigate('prod');
	const endless: string[] = [];
	for (const key of await keysNow()) {
		expect(key).toMatch(/^\{concertmaster\}:/);
		if ((await client.pttl(key)) < 0) endless.push(key);
	}
	// What is in these lists leaves them when it ends, or with the years.
	expect(endless.map((key) => key.replace('{concertmaster}:', ''))).toEqual([
		'incidents:open',
		'incidents:seen',
		'waiting:prod',
	]);
});

test('what a digest is made of is all of it, also thousands', async () => {
	const started = Array.from({ length: 2500 }, (_, n) => begin(failedTry({ dag: `dag_${n}` }), aliases(`cause-${n}`)));
	const ids = (await Promise.all(started)).map(({ id }) => id);
	expect((await kept.idsSince(0)).toSorted()).toEqual(ids.toSorted());
	// Nothing has happened since, and they are still open.
	expect(await kept.idsSince(Date.now() + 3600_000)).toHaveLength(2500);
});
