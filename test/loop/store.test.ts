import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { Redis } from 'ioredis';
import { setTimeout as sleep } from 'node:timers/promises';
import { store } from '../../src/clients/store.ts';
import type { Place, Store } from '../../src/clients/store.ts';
import { startRedis } from '../../src/sandbox/redis.ts';
import type { SandboxRedis } from '../../src/sandbox/redis.ts';

let server: SandboxRedis;
let client: Redis;
let kept: Store;
beforeAll(async () => {
	server = await startRedis();
	client = new Redis(server.url);
	kept = store(client);
});
afterAll(async () => {
	client.disconnect();
	await server.stop();
});
beforeEach(async () => {
	await client.flushall();
});

const place: Place = { kind: 'channel', channel: 'C1', user: 'U1' };
const says = (text: string) => ({ text, blocks: [] });
const content = async (id: string): Promise<string> =>
	JSON.stringify(await client.hgetall(`{concertmaster}:msg:${id}`));

describe('a message', () => {
	test('is posted, then edited to the newest wanted content, then at rest', async () => {
		expect(await kept.want('m', place, says('one'), 10)).toBe(1);
		expect(await kept.begin('m', 'a', 'C1')).toMatchObject({ do: 'post', rev: 1, place, content: says('one') });
		await kept.posted('m', 'C1', '1.1', 1);
		await kept.sent('C1');
		expect(await kept.begin('m', 'a', 'C1')).toEqual({ do: 'nothing' });

		expect(await kept.want('m', place, says('two'), 20)).toBe(2);
		expect(await kept.want('m', place, says('three'), 100)).toBe(3);
		await sleep(1150);
		expect(await kept.begin('m', 'a', 'C1')).toMatchObject({ do: 'edit', rev: 3, content: says('three'), ts: '1.1' });
		await kept.posted('m', 'C1', '1.1', 3);
		expect(await kept.begin('m', 'a', 'C1')).toEqual({ do: 'nothing' });
		// A late repeat of the first word turns nothing back.
		expect(await kept.want('m', place, says('one'), 10)).toBeUndefined();
	});

	test('what was said and the URL to answer at leave Redis once it stands', async () => {
		await kept.want(
			'm',
			{ kind: 'asker', user: 'U1', channel: 'C1' },
			says('conf a=1'),
			10,
			'https://hooks.slack.com/x',
		);
		expect(await content('m')).toContain('hooks.slack.com');
		expect(await kept.begin('m', 'a', undefined)).toMatchObject({ responseUrl: 'https://hooks.slack.com/x' });
		await kept.posted('m', 'C1', 'ephemeral', 1);
		expect(await content('m')).not.toMatch(/hooks\.slack\.com|conf a=1/);
	});

	test('is in one hand at a time', async () => {
		await kept.want('m', place, says('one'), 10);
		expect(await kept.begin('m', 'a', 'C1')).toMatchObject({ do: 'post' });
		expect(await kept.begin('m', 'b', 'C1')).toMatchObject({ do: 'wait' });
	});

	test('of unknown outcome is looked for after the grace, and sent again only when it is absent', async () => {
		await kept.want('m', place, says('one'), 10);
		await kept.begin('m', 'a', 'C1');
		await kept.unknown('m', 'a');
		await kept.sent('C1');
		expect(await kept.begin('m', 'b', 'C1')).toMatchObject({ do: 'wait' });
		await sleep(2600);
		expect(await kept.begin('m', 'b', 'C1')).toMatchObject({ do: 'look', blind: 0, place });
		await kept.notSent('m', 'b', 'intended');
		expect(await kept.begin('m', 'c', 'C1')).toMatchObject({ do: 'post', rev: 1 });
	});

	test('only the holder says how its attempt ended', async () => {
		await kept.want('m', place, says('one'), 10);
		await kept.begin('m', 'a', 'C1');
		await kept.notSent('m', 'stale', 'intended');
		expect(await kept.begin('m', 'b', 'C1')).toMatchObject({ do: 'wait' });
	});

	test('that stands twice is counted', async () => {
		await kept.want('m', place, says('one'), 10);
		await kept.begin('m', 'a', 'C1');
		await kept.posted('m', 'C1', '1.1', 1);
		await kept.posted('m', 'C1', '1.2', 1);
		expect(await kept.counts()).toEqual({ doubled: '1' });
	});

	test('that is gone stays gone', async () => {
		await kept.want('m', place, says('hello'), 10);
		await kept.begin('m', 'a', 'C1');
		await kept.gone('m', 'a');
		expect(await kept.want('m', place, says('two'), 20)).toBeUndefined();
		expect(await kept.isGone('m')).toBe(true);
		expect(await content('m')).not.toContain('hello');
	});
});

describe('a channel', () => {
	test('takes its messages in turn, a second apart; another channel does not wait', async () => {
		for (const id of ['a', 'b', 'c']) await kept.want(id, place, says(id), 10);
		await kept.want('other', { ...place, channel: 'C2' }, says('other'), 10);
		expect(await kept.begin('a', 'h', 'C1')).toMatchObject({ do: 'post' });
		const second = await kept.begin('b', 'h', 'C1');
		const third = await kept.begin('c', 'h', 'C1');
		expect(second).toMatchObject({ do: 'wait' });
		expect(third).toMatchObject({ do: 'wait' });
		if (second.do === 'wait' && third.do === 'wait') expect(third.ms - second.ms).toBeGreaterThan(1000);
		expect(await kept.begin('other', 'h', 'C2')).toMatchObject({ do: 'post' });
	});

	test('a send that is late holds up the next one until a second after its end', async () => {
		await kept.want('a', place, says('a'), 10);
		await kept.want('b', place, says('b'), 10);
		expect(await kept.begin('a', 'h', 'C1')).toMatchObject({ do: 'post' });
		await sleep(1150);
		expect(await kept.begin('b', 'h', 'C1')).toMatchObject({ do: 'wait' });
		await kept.sent('C1');
		await sleep(500);
		expect(await kept.begin('b', 'h', 'C1')).toMatchObject({ do: 'wait' });
		await sleep(550);
		expect(await kept.begin('b', 'h', 'C1')).toMatchObject({ do: 'post' });
	});

	test('that Slack wants quiet is quiet; another is not', async () => {
		await kept.want('a', place, says('a'), 10);
		await kept.want('other', { ...place, channel: 'C2' }, says('other'), 10);
		await kept.pause('C1', 30_000);
		const waits = await kept.begin('a', 'h', 'C1');
		expect(waits).toMatchObject({ do: 'wait' });
		if (waits.do === 'wait') expect(waits.ms).toBeGreaterThan(29_000);
		expect(await kept.begin('other', 'h', 'C2')).toMatchObject({ do: 'post' });
	});
});

describe('edits', () => {
	const standing = async (id: string, at: Place, channel: string): Promise<void> => {
		await kept.want(id, at, says(`${id} one`), 10);
		expect(await kept.begin(id, 'h', channel)).toMatchObject({ do: 'post' });
		await kept.posted(id, channel, `1.${id}`, 1);
		await kept.want(id, at, says(`${id} two`), 20);
	};
	const card = (channel: string): Place => ({ kind: 'channel', channel });
	/** Until when it waits, by Redis' clock. */
	const waits = async (id: string, channel: string, of: 'turn' | 'slot' = 'slot'): Promise<number> => {
		expect(await kept.begin(id, 'h', channel)).toMatchObject({ do: 'wait' });
		return Number(await client.hget(`{concertmaster}:msg:${id}`, of));
	};
	const now = async (): Promise<number> => Number((await client.time())[0]) * 1000;

	test('never hold up a post, nor does a post hold them up', async () => {
		await standing('a', card('C1'), 'C1');
		await kept.want('next', card('C1'), says('a new one'), 10);
		expect(await kept.begin('a', 'h', 'C1')).toMatchObject({ do: 'edit' });
		await kept.sent('C1');
		await sleep(1150);
		expect(await kept.begin('next', 'h', 'C1')).toMatchObject({ do: 'post' });
	});

	test('of one channel alone stay below fifty a minute', async () => {
		for (const id of ['a', 'b', 'c']) await standing(id, card(`C-${id}`), `C-${id}`);
		// Three cards of one channel.
		expect(await kept.begin('a', 'h', 'C1')).toMatchObject({ do: 'edit' });
		const [b, c] = [await waits('b', 'C1', 'turn'), await waits('c', 'C1', 'turn')];
		expect(60_000 / (c - b)).toBeLessThan(50);
	});

	test('of all channels pause when Slack says so, and then come one after another; posts go on', async () => {
		const channels = Array.from({ length: 12 }, (_, n) => `C${n}`);
		for (const channel of channels) await standing(channel, card(channel), channel);
		await standing('asked', { kind: 'channel', channel: 'CASKED', user: 'U1' }, 'CASKED');
		const end = (await now()) + 4000;
		await kept.pauseEdits(5000);
		const turns: number[] = [];
		for (const channel of channels) turns.push(await waits(channel, channel));
		expect(Math.min(...turns)).toBeGreaterThan(end);
		for (const [at, turn] of turns.entries()) expect(turn - (turns[at - 1] ?? 0)).toBeGreaterThanOrEqual(150);
		// Nobody waits for what a person asked for behind a storm of cards.
		expect(await waits('asked', 'CASKED')).toBeLessThan(turns[1] ?? 0);
		await kept.want('new', card('CNEW'), says('new'), 10);
		expect(await kept.begin('new', 'h', 'CNEW')).toMatchObject({ do: 'post' });

		// Only the newest content is sent, at the turn that it has already.
		await kept.want('C0', card('C0'), says('newest'), 30);
		while ((await now()) < (turns[0] ?? 0)) await sleep(100);
		expect(await kept.begin('C0', 'h', 'C0')).toMatchObject({ do: 'edit', content: says('newest') });
		expect(await kept.begin('asked', 'h', 'CASKED')).toMatchObject({ do: 'edit' });

		// Limited again: whoever waits lines up behind the new pause.
		await kept.pauseEdits(60_000);
		const again: number[] = [];
		for (const channel of channels.slice(1)) again.push(await waits(channel, channel));
		expect(Math.min(...again)).toBeGreaterThan(end + 50_000);
		for (const [at, turn] of again.entries()) expect(turn - (again[at - 1] ?? 0)).toBeGreaterThanOrEqual(150);
	});
});

test('the scripts survive a restart of Redis that forgot them', async () => {
	await kept.want('m', place, says('one'), 10);
	await client.script('FLUSH');
	expect(await kept.begin('m', 'a', 'C1')).toMatchObject({ do: 'post' });
});
