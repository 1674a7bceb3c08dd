import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { Redis } from 'ioredis';
import type { Destination } from '../../src/alerts/about.ts';
import { card, IN_CARD, IN_LONE_CARD } from '../../src/alerts/card.ts';
import { isWorthTelling } from '../../src/alerts/decide.ts';
import type { FailedTry, Incident, IncidentEvent } from '../../src/alerts/incident.ts';
import { rowText } from '../../src/alerts/row.ts';
import { MOST_CARDS } from '../../src/clients/storms.ts';
import { seeded } from '../../src/sandbox/slack/random.ts';
import { startRedis } from '../../src/sandbox/redis.ts';
import type { SandboxRedis } from '../../src/sandbox/redis.ts';
import { shown as asText } from '../commands/house.ts';
import { desk } from './desk.ts';
import type { Message } from './desk.ts';
import { ack, eventsOf, failed, failedTry, lives, opening, passed, T0 } from './events.ts';

let server: SandboxRedis;
let client: Redis;
beforeAll(async () => {
	server = await startRedis();
	client = new Redis(server.url);
});
afterAll(async () => {
	client.disconnect();
	await server.stop();
});
beforeEach(async () => {
	await client.flushall();
});

const to = (channel: string, more: Partial<Destination> = {}): Destination => ({
	channel,
	lang: 'en',
	tries: 'last',
	thread: true,
	recovery: true,
	notify: [],
	...more,
});
const aliases = { keys: ['k'], brief: [], history: 'k' };
type Desk = ReturnType<typeof desk>;

/** As the worker does it: what failed joins, whatever else is noted. */
async function hear(at: Desk, event: IncidentEvent): Promise<void> {
	if (event.kind === 'failed') {
		const joined = await at.incidents.admit(event.failed, aliases);
		if (joined.kind !== 'none') return joined.due ? at.due(joined.id, joined.rev) : undefined;
		const begun = await at.incidents.begin(at.incidents.idFor('k', event.failed), opening(), event, aliases);
		if (begun.kind !== 'other') await at.due(begun.id, begun.rev);
		return;
	}
	const id = await at.incidents.under('k');
	if (id === undefined) return;
	if (event.kind === 'act') {
		await at.incidents.act(id, event.act);
		return at.due(id, at.now());
	}
	const noted = await at.incidents.note(id, [event]);
	if (noted?.due) await at.due(id, noted.rev);
}

/** How often each failed try stands in a channel: a line of a list, or the one that a card is about. */
function listed(messages: readonly Message[], tries: readonly FailedTry[]): number[] {
	const text = messages.map(({ reply }) => asText(reply).join('\n'));
	const lists = text.join('\n').split('\n');
	return tries.map((one) => lists.filter((line) => line.includes(`| ${rowText(one)}`)).length);
}

/** What must stand in a conversation, by the state of the incident alone. */
function expectTrue(at: Desk, incident: Incident, tries: readonly FailedTry[], destination: Destination): void {
	const all = [...at.shown()].filter(([, { channel }]) => channel === destination.channel);
	const own = at.shown().get(`i-${incident.id}-${destination.channel}`);
	if (!isWorthTelling(incident, destination.tries)) {
		expect(all).toEqual([]);
		return;
	}
	const { thread } = destination;
	const rows = incident.counts.tries <= (thread ? IN_CARD : IN_LONE_CARD) ? tries : [];
	const url = incident.latest && `https://airflow.example.com/dags/${incident.latest.dag}/${incident.latest.run}`;
	expect(own?.reply).toEqual(card(incident, { lang: destination.lang, nameEnv: false, url, rows, thread, notify: [] }));
	if (incident.counts.tries > 1)
		expect(
			listed(
				all.map(([, one]) => one),
				tries,
			),
		).toEqual(tries.map(() => 1));
}

test('the final card is the final state, each failed try is listed once: random failures, recoveries, clicks, mutes, crashes', async () => {
	await fc.assert(
		fc.asyncProperty(
			lives,
			fc.integer({ min: 1, max: 2 ** 31 }),
			fc.constantFrom(0, 0.03, 0.15),
			async (all, seed, rate) => {
				await client.flushall();
				const draw = seeded(seed);
				const places = [to('CLAST'), to('CALL', { tries: 'all', lang: 'ja' }), to('CLONE', { thread: false })];
				const at = desk(client, () => places, { crashes: { rate, draw } });
				const acts: IncidentEvent[] = [ack(), ack({ by: 'U0BEN', at: T0 + 1 })].map((act) => ({
					kind: 'act',
					at: T0,
					act,
				}));
				const events = [...all.flatMap(eventsOf), ...acts]
					.map((event) => ({ event, place: draw() }))
					.sort((a, b) => a.place - b.place)
					.map(({ event }) => event);
				for (const event of events) {
					await hear(at, event);
					// Heard again, as after a crash.
					if (draw() < 0.2) await hear(at, event);
					if (draw() < 0.2) at.mute(draw() < 0.5 ? at.now() + 20_000 : undefined);
					for (let steps = Math.floor(draw() * 6); steps > 0; steps--) {
						at.pass(draw() * 4000);
						await at.step(draw());
					}
				}
				at.mute(undefined);
				const id = await at.incidents.under('k');
				if (id === undefined) return;
				// Whoever unmutes brings the card up to date.
				await at.due(id, 1_000_000);
				await at.settle();
				const incident = await at.incidents.get(id);
				if (!incident) throw new Error('it is there');
				for (const place of places) expectTrue(at, incident, await at.incidents.tries(id), place);
			},
		),
		{ numRuns: 25 },
	);
}, 60_000);

describe('a conversation', () => {
	const heard = async (places: Destination[], ...events: IncidentEvent[]): Promise<Desk> => {
		const at = desk(client, () => places);
		for (const event of events) await hear(at, event);
		await at.settle();
		return at;
	};
	const titles = (at: Desk, channel = 'C'): string[] =>
		[...at.shown().values()].filter((one) => one.channel === channel).map(({ reply }) => asText(reply)[0] ?? '');

	test('hears of the last try alone, unless it wants each', async () => {
		const first = failed({ last: false, ofTries: 2 });
		const places = [to('C'), to('D', { tries: 'all' })];
		const at = await heard(places, first);
		expect(titles(at)).toEqual([]);
		expect(titles(at, 'D')[0]).toBe('🟠 `load` of `daily_sales` failed (try 1 of 2)');
		await hear(at, failed({ tryNumber: 2, ofTries: 2 }));
		await at.settle();
		expect(titles(at)[0]).toBe('🔴 `load` of `daily_sales` failed (try 2 of 2)');
	});

	test('sees it turn green, with the time it took, and hears so in the thread', async () => {
		const at = await heard([to('C')], failed());
		await hear(at, passed());
		await at.settle();
		expect(titles(at)).toEqual([
			'🟢 `load` of `daily_sales`: recovered after 11m',
			'🟢 Recovered after 11m, 1 failed try in all',
		]);
	});

	test('without threads hears of a recovery in a message that says of what', async () => {
		const at = await heard([to('C', { thread: false }), to('D', { thread: false, recovery: false })], failed());
		await hear(at, passed());
		await at.settle();
		expect(titles(at)[1]).toBe('🟢 `load` of `daily_sales`: recovered after 11m, 1 failed try in all');
		expect(titles(at, 'D')).toHaveLength(1);
	});

	test('that is muted hears nothing new; what stands is still edited; when it ends it hears', async () => {
		const at = desk(client, () => [to('C')]);
		at.mute(at.now() + 60_000);
		await hear(at, failed());
		while (await at.step(0));
		expect(titles(at)).toEqual([]);
		at.pass(61_000);
		at.mute(undefined);
		await at.settle();
		expect(titles(at)[0]).toContain('🔴');
	});

	test('with quiet hours hears when they end, and at once what is critical', async () => {
		const quietUntil = Date.parse('2026-11-24T22:00:00Z');
		const at = desk(client, () => [to('C', { quietUntil })]);
		await hear(at, failed());
		while (await at.step(0));
		expect(titles(at)).toEqual([]);
		await hear(at, failed({ dag: 'another' }));
		while (await at.step(0));
		expect(titles(at)[0]).toContain('🚨');
	});

	test('that takes no message is not the end of it: the admin channel hears', async () => {
		const at = desk(client, () => [to('C')]);
		at.wires.deps.alerts.adminChannel = 'CADMIN';
		await hear(at, failed());
		const id = (await at.incidents.under('k')) ?? '';
		await client.hset(`{concertmaster}:msg:i-${id}-C`, { state: 'gone', rev: 1, stage: 1000 });
		await at.settle();
		await hear(at, passed());
		await at.settle();
		expect(titles(at, 'CADMIN')[0]).toContain('🟢');
	});

	test('is told once and stays told where the routes led then', async () => {
		let places = [to('C')];
		const at = desk(client, () => places);
		await hear(at, failed());
		await at.settle();
		places = [to('D')];
		await hear(at, passed());
		await at.settle();
		expect(titles(at)[0]).toContain('🟢');
		expect(titles(at, 'D')).toHaveLength(1);
	});

	test.each([
		['in the thread', true, /^📋 Failed tries 1–\d+$/],
		['without threads in messages that follow', false, /^📋 500 tasks of `daily_sales`: failed tries 1–\d+$/],
	])('reads a long list on pages %s, in their order', async (_, thread, title) => {
		const at = await heard(
			[to('C', { thread })],
			...Array.from({ length: 500 }, (_, mapIndex) => failed({ mapIndex })),
		);
		const pages = titles(at).filter((title) => title.startsWith('📋'));
		expect(pages.length).toBeGreaterThan(2);
		expect(pages[0]).toMatch(title);
		expect([...at.shown().values()].filter((one) => one.thread !== undefined).length > 0).toBe(thread);
		const id = (await at.incidents.under('k')) ?? '';
		const tries = await at.incidents.tries(id);
		expect(listed([...at.shown().values()], tries)).toEqual(tries.map(() => 1));
	});

	test('without threads keeps its list in the card while it is short; longer, it moves out of it', async () => {
		const at = desk(client, () => [to('C', { thread: false })]);
		const tries = (count: number) => Array.from({ length: count }, (_, mapIndex) => failed({ mapIndex }));
		for (const event of tries(IN_LONE_CARD)) await hear(at, event);
		await at.settle();
		expect(at.shown().size).toBe(1);
		for (const event of tries(IN_LONE_CARD + 1)) await hear(at, event);
		await at.settle();
		expect(titles(at)).toHaveLength(2);
		const all = await at.incidents.tries((await at.incidents.under('k')) ?? '');
		expect(all).toHaveLength(IN_LONE_CARD + 1);
		expect(listed([...at.shown().values()], all)).toEqual(all.map(() => 1));
	});
});

test.each([
	['in its thread', true],
	['without threads after it', false],
])('a storm of many causes: some cards, then one digest; each failed try stands once, %s', async (_, thread) => {
	const at = desk(client, () => [to('C', { thread })]);
	const tries = Array.from({ length: 60 }, (_, n) => failedTry({ dag: `dag_${n}` }));
	for (const one of tries) {
		const own = { keys: [one.dag], brief: [], history: one.dag };
		const id = at.incidents.idFor(one.dag, one);
		await at.incidents.begin(id, opening(), { kind: 'failed', at: T0, failed: one }, own);
		await at.due(id, 1);
		await at.step(0);
	}
	await at.settle();
	const all = [...at.shown()];
	const cards = all.filter(([id]) => /^i-[0-9a-f]+-C$/.test(id)).map(([, one]) => asText(one.reply).join('\n'));
	expect(cards).toHaveLength(MOST_CARDS);
	expect(all.filter(([id]) => /^s-[0-9a-f]+$/.test(id))).toHaveLength(1);
	const rows = listed(
		all.map(([, one]) => one),
		tries,
	);
	for (const [n, one] of tries.entries()) {
		const own = cards.filter((text) => text.includes(`\`${one.dag}\``)).length;
		expect({ dag: one.dag, stands: own + (rows[n] ?? 0) }).toEqual({ dag: one.dag, stands: 1 });
	}
});
