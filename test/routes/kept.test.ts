import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { AuditEntry } from '../../src/access/audit.ts';
import type { Mute } from '../../src/alerts/mutes.ts';
import type { Watch } from '../../src/alerts/routes.ts';
import { audit } from '../../src/clients/audit.ts';
import { patientRedis, PREFIX, type Redis } from '../../src/clients/base/redis.ts';
import { plans } from '../../src/clients/plans.ts';
import { watches } from '../../src/clients/watches.ts';
import { startRedis, type SandboxRedis } from '../../src/sandbox/redis.ts';

/** Against a real Redis. */
let redis: SandboxRedis;
let client: Redis;
beforeAll(async () => {
	redis = await startRedis();
	client = patientRedis(redis.url, () => undefined);
});
afterAll(async () => {
	client.disconnect();
	await redis.stop();
});
beforeEach(async () => {
	await client.flushall();
});

const by = { user: 'U0AIKO', name: 'Aiko' };
const watch: Watch = {
	id: 'w1',
	env: 'prod',
	channel: 'C0DATA',
	subject: { kind: 'dag', pattern: 'sales_*' },
	within: ['sales_*'],
	by,
	since: 1,
};
const mute: Mute = {
	id: 'm1',
	env: 'prod',
	subject: { kind: 'cause', pattern: 'unknown' },
	by,
	channel: 'C0DATA',
	since: 1,
	until: 9,
	ticket: 'https://t.example/1',
};

describe('watches, manners, mutes', () => {
	test('kept as they are, over processes', async () => {
		const [one, other] = [watches(client, () => 0), watches(client, () => 0)];
		expect(await one.watch(watch)).toBe(true);
		expect(await other.watch(watch)).toBe(false);
		await one.mute(mute);
		await one.setManners('C0DATA', {
			tries: 'all',
			quiet: 'off',
			digest: { every: 'week', at: '09:00', weekday: 'fri' },
		});
		const manners = new Map([
			['C0DATA', { tries: 'all', quiet: 'off', digest: { every: 'week', at: '09:00', weekday: 'fri' } }],
		]);
		expect(await one.heard()).toEqual({ watches: [watch], manners, mutes: [mute] });
		expect(await other.heard()).toEqual({ watches: [watch], manners, mutes: [mute] });
	});

	test("one's own change at once, another's within a second", async () => {
		let now = 0;
		const [one, other] = [watches(client, () => now), watches(client, () => now)];
		await Promise.all([one.heard(), other.heard()]);
		await one.watch(watch);
		expect((await one.heard()).watches).toHaveLength(1);
		expect((await other.heard()).watches).toHaveLength(0);
		now = 1000;
		expect((await other.heard()).watches).toHaveLength(1);
	});

	test('taken away once; the same command again finds that it was itself', async () => {
		const one = watches(client, () => 0);
		await one.watch(watch);
		await one.mute(mute);
		expect(await one.unwatch('w1', 'key-a')).toBe(true);
		expect(await one.unwatch('w1', 'key-a')).toBe(true);
		expect(await one.unwatch('w1', 'key-b')).toBe(false);
		expect(await one.endMute('m1', 'key-c')).toBe(true);
		expect(await one.endMute('m1', 'key-d')).toBe(false);
		expect(await one.heard()).toMatchObject({ watches: [], mutes: [] });
	});

	test('what a later version wrote is left out and left alone', async () => {
		const one = watches(client, () => 0);
		await client.hset(`${PREFIX}:watches`, 'w9', '{"id":"w9","subject":{"kind":"moon"}}');
		await client.hset(`${PREFIX}:mutes`, 'm9', 'no json');
		expect(await one.heard()).toMatchObject({ watches: [], mutes: [] });
		expect(await client.hexists(`${PREFIX}:watches`, 'w9')).toBe(1);
	});
});

describe('audit', () => {
	const entry = (key: string, at: number, more: Partial<AuditEntry> = {}): AuditEntry => ({
		key,
		at,
		user: 'U0AIKO',
		name: 'Aiko',
		channel: 'C0DATA',
		verb: 'rerun',
		result: 'done',
		...more,
	});

	test('newest first; the same key is one entry, what was noted last', async () => {
		const kept = audit(client, { days: 1, most: 100 }, () => 1000);
		await kept.note(entry('a', 1, { result: 'unknown' }));
		await kept.note(entry('b', 2));
		await kept.note(entry('a', 1, { result: 'done', dag: 'sales_eu', run: 'r' }));
		expect(await kept.list(10)).toEqual([entry('b', 2), entry('a', 1, { dag: 'sales_eu', run: 'r' })]);
		expect(await kept.list(1)).toHaveLength(1);
	});

	test('bounded in number and in time', async () => {
		let now = 0;
		const kept = audit(client, { days: 1, most: 100 }, () => now);
		for (let i = 0; i < 250; i++) await kept.note(entry(`k${i}`, (now = i)));
		expect((await kept.list(1000)).map(({ at }) => at)).toEqual(Array.from({ length: 100 }, (_, i) => 249 - i));
		expect(await client.hlen(`${PREFIX}:audit:entries`)).toBe(100);
		now = 24 * 3600_000 + 240;
		expect(await kept.list(1000)).toHaveLength(10);
		await kept.note(entry('new', now));
		expect(await client.hlen(`${PREFIX}:audit:entries`)).toBe(11);
	});

	test('a person who is refused all day has a bounded number of entries, each with how often', async () => {
		let now = 1000;
		const kept = audit(client, { days: 90, most: 20_000 }, () => now);
		const refuse = (dag: string, user = 'U0BEN') =>
			kept.refused({
				at: ++now,
				user,
				name: 'Ben',
				channel: 'C0DATA',
				verb: 'rerun',
				dag,
				why: 'takes the role operator',
			});
		expect([await refuse('sales'), await refuse('sales'), await refuse('other')]).toEqual([1, 2, 1]);
		expect(await kept.list(9)).toMatchObject([
			{ dag: 'other', times: 1, result: 'refused' },
			{ dag: 'sales', times: 2, at: 1002 },
		]);
		for (let n = 0; n < 200; n++) await refuse(`dag_${n}`);
		await refuse('sales', 'U0AIKO');
		const all = await kept.list(500);
		expect(all).toHaveLength(22);
		expect(all.find(({ what }) => what === 'and others')).toMatchObject({ times: 182, dag: 'dag_199' });
		// Another day.
		now = 24 * 3600_000;
		expect(await refuse('sales')).toBe(1);
	});
});

describe('plans', () => {
	test('one command alone carries a plan out', async () => {
		const kept = plans(client);
		const id = await kept.keep('{"a":1}');
		expect(id).toMatch(/^[0-9a-f]{24}$/);
		expect(await kept.load(id)).toBe('{"a":1}');
		expect(await kept.standing(id, 'a')).toEqual({ kind: 'free' });
		const claims = await Promise.all(['a', 'b', 'c'].map((key) => kept.claim(id, key, key.toUpperCase())));
		expect(claims.filter(({ kind }) => kind === 'free')).toHaveLength(1);
		expect(claims.filter(({ kind }) => kind === 'theirs')).toHaveLength(2);
	});

	test('claimed again it is ours; let go it is free; settled it is over, for those who ask as well', async () => {
		const kept = plans(client);
		const id = await kept.keep('x');
		await kept.claim(id, 'a', 'Aiko');
		expect(await kept.claim(id, 'a', 'Aiko')).toEqual({ kind: 'ours', forMs: expect.any(Number) });
		await kept.release(id, 'b');
		expect(await kept.standing(id, 'b')).toEqual({ kind: 'theirs', by: 'Aiko' });
		await kept.release(id, 'a');
		expect(await kept.claim(id, 'b', 'Ben')).toEqual({ kind: 'free' });
		await kept.settle(id, 'a', 'wrong');
		await kept.settle(id, 'b', 'cleared');
		expect(await kept.claim(id, 'b', 'Ben')).toEqual({ kind: 'over', ours: true, by: 'Ben', outcome: 'cleared' });
		expect(await kept.claim(id, 'a', 'Aiko')).toEqual({ kind: 'over', ours: false, by: 'Ben', outcome: 'cleared' });
		// The same question asked again keeps what became of it.
		expect(await kept.keep('x')).toBe(id);
		expect(await kept.standing(id, 'a')).toMatchObject({ kind: 'over' });
	});

	test('gone after its time', async () => {
		const kept = plans(client);
		expect(await kept.claim('0'.repeat(24), 'a', 'Aiko')).toEqual({ kind: 'gone' });
		const id = await kept.keep('x');
		expect(await client.pttl(`${PREFIX}:plan:${id}`)).toBeGreaterThan(23 * 3600_000);
		await client.del(`${PREFIX}:plan:${id}`);
		expect(await kept.load(id)).toBeUndefined();
	});
});
