import { afterEach, expect, test } from '@jest/globals';
import type { Held } from '../../src/clients/queue.ts';
import { command } from '../../worker/command.ts';
import type { Wires } from '../../worker/wires.ts';
import { wiresWith as startWires } from './wires.ts';
import type { Wired } from './wires.ts';

const open: (() => Promise<unknown>)[] = [];
afterEach(async () => {
	for (const close of open.splice(0).reverse()) await close();
});

const key = 'a'.repeat(24);

async function wiresWith(execute: Wires['execute']): Promise<Wired> {
	const wired = await startWires(execute);
	open.push(() => wired.close());
	return wired;
}

function held(data: unknown, more: Partial<Held> = {}): Held & { kept: unknown[] } {
	const kept: unknown[] = [];
	return {
		id: key,
		data,
		addedAt: Date.now(),
		starts: 1,
		stalls: 0,
		keepOnly: async (left) => void kept.push(left),
		kept,
		...more,
	};
}
const typed = {
	words: 'trigger quick',
	user: 'U0ANN',
	channel: 'C0OPEN',
	team: 'T',
	key,
	via: 'command',
	at: Date.now(),
};

test('a command that ended one worker after another is set aside, and its asker is told', async () => {
	let ran = 0;
	const { wires, client } = await wiresWith(async () => {
		ran++;
		return { reply: { to: 'asker', parts: [] } };
	});
	const job = held({ v: 1, typed }, { stalls: 8 });
	expect(await command(job, wires)).toBe('done');
	expect(ran).toBe(0);
	expect(Object.keys(await wires.deps.store.quarantined())).toEqual([key]);
	expect(await client.hget(`{concertmaster}:msg:${key}`, 'place')).toContain('U0ANN');
	expect(job.kept).toEqual([{ v: 1, done: true }]);
	const redis = (await wires.deps.checkups()).find(({ what }) => what === 'Redis');
	expect(redis?.ok).toBe(false);
});

test('a job of another version is parked, not failed', async () => {
	const { wires } = await wiresWith(async () => ({ reply: { to: 'asker', parts: [] } }));
	expect(await command(held({ v: 2, something: 'new' }), wires)).toEqual({ againInMs: 30_000 });
});

test('what was declared not accepted is dropped', async () => {
	let ran = 0;
	const { wires, client } = await wiresWith(async () => {
		ran++;
		return { reply: { to: 'asker', parts: [] } };
	});
	await client.set(`{concertmaster}:refused:${key}`, '1');
	expect(await command(held({ v: 1, typed }), wires)).toBe('done');
	expect(ran).toBe(0);
});

test('carried out again after a crash, it says the same once', async () => {
	const { wires } = await wiresWith(async () => ({ reply: { to: 'channel', parts: [] } }));
	await command(held({ v: 1, typed }), wires);
	const first = await wires.deps.store.begin(key, 'h', 'C0OPEN');
	expect(first).toMatchObject({ do: 'post', rev: 1 });
	await wires.deps.store.posted(key, 'C0OPEN', '1.1', 1);
	await command(held({ v: 1, typed }), wires);
	expect(await wires.deps.store.begin(key, 'h', 'C0OPEN')).toEqual({ do: 'nothing' });
	expect(await command(held({ v: 1, done: true }), wires)).toBe('done');
});
