import { afterEach, describe, expect, test } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import type { FailedTry, IncidentEvent } from '../../src/alerts/incident.ts';
import { alertsSchema } from '../../src/alerts/options.ts';
import { rowText } from '../../src/alerts/row.ts';
import { render } from '../../src/slack/render.ts';
import { deliver } from '../../worker/deliver.ts';
import { digestsDue, tellDigest } from '../../worker/digest.ts';
import { tendMutes } from '../../worker/mutes.ts';
import type { Wires } from '../../worker/wires.ts';
import { incidentsInMemory } from '../alerts/memory.ts';
import { wiresWith, type Wired } from '../loop/wires.ts';

/** With a real Redis and the Slack stand-in; incidents and the clock are given. */
const open: Wired[] = [];
afterEach(async () => {
	for (const one of open.splice(0)) await one.close();
});

const DAY = 24 * 3600_000;
const NINE = Date.parse('2026-11-20T09:00:00Z');

async function house(alerts: object) {
	const wired = await wiresWith(
		async () => ({ reply: { to: 'asker', parts: [] } }),
		{ alerts: alertsSchema.parse(alerts) },
		(reply, lang) => render(reply, lang, async () => 'kept'),
	);
	open.push(wired);
	let now = NINE - 3600_000;
	const memory = incidentsInMemory();
	const deps = {
		...wired.wires.deps,
		now: () => now,
		incidents: { ...wired.wires.deps.incidents, ...memory.incidents },
	};
	const wires: Wires = { ...wired.wires, deps };
	wired.wires.work.consume('deliveries', 10, (held) => deliver(held, wires));
	return {
		wires,
		slack: wired.slack,
		begin: (...args: Parameters<typeof memory.begin>) => memory.begin(...args),
		at: (time: number) => (now = time),
		/** Rounds of the digest's job until it is done. */
		tell: async (channel = 'C0OPEN', by: Wires = wires): Promise<void> => {
			for (let round = 0; round < 40; round++) {
				const outcome = await tellDigest(channel, by);
				if (outcome === 'done') return;
				await sleep(Math.min(outcome.againInMs, 150));
			}
			throw new Error('the digest is never told to its end');
		},
	};
}

const tries = (count: number, from: number, more: Partial<FailedTry> = {}): FailedTry[] =>
	Array.from({ length: count }, (_, n) => ({
		env: 'lab',
		dag: 'daily_sales',
		run: `scheduled__${from + n}`,
		task: 'load',
		mapIndex: -1,
		tryNumber: 1,
		ofTries: 1,
		last: true,
		seenAt: from + n,
		...more,
	}));
const events = (all: readonly FailedTry[]): IncidentEvent[] =>
	all.map((failed) => ({ at: failed.seenAt, kind: 'failed', failed }));
const opening = {
	env: 'lab',
	scope: 'task' as const,
	cause: 'unknown',
	openedAt: NINE - DAY,
	why: undefined,
	condition: undefined,
	history: { before: 0 },
};

/** The lines of lists of failed tries, in all messages of a channel. */
const listed = (messages: readonly { blocks: readonly object[] }[]): string[] =>
	[
		...JSON.stringify(messages.map(({ blocks }) => blocks)).matchAll(
			/"rich_text_preformatted","elements":\[\{"type":"text","text":"((?:[^"\\]|\\.)*)"/g,
		),
	]
		.flatMap(([, text]) => (text ?? '').split('\\n'))
		.toSorted();

const DAILY = { channel: 'C0OPEN', digest: { every: 'day', at: '09:00' } };

describe('a digest', () => {
	test('begins with the next period, is told once, and lists what came since the last', async () => {
		const { wires, slack, begin, at, tell } = await house(DAILY);
		const old = tries(2, NINE - 2 * DAY);
		const first = tries(3, NINE - 1000);
		begin('a', opening, events([...old, ...first]));
		await digestsDue(wires);
		await tell();
		expect(slack.messages('C0OPEN')).toEqual([]);

		at(NINE + 60_000);
		await tell();
		await tell();
		expect(slack.messages('C0OPEN')).toHaveLength(1);
		expect(listed(slack.messages('C0OPEN'))).toEqual(first.map(rowText).toSorted());

		// One that was noticed before nine and written down after it belongs to the next.
		const late = tries(1, NINE - 5000, { task: 'late' });
		const second = tries(30, NINE + DAY - 1000);
		begin('a', opening, events([...old, ...first, ...late, ...second]));
		at(NINE + DAY + 1);
		await tell();
		const all = slack.messages('C0OPEN');
		const [head] = all.filter(({ threadTs }) => threadTs === undefined).slice(-1);
		expect(all.filter(({ threadTs }) => threadTs === head?.ts)).toHaveLength(1);
		expect(listed(all)).toEqual([...first, ...late, ...second].map(rowText).toSorted());
	}, 20_000);

	test('after days without the bot one digest tells all of them', async () => {
		const { wires, slack, begin, at, tell } = await house(DAILY);
		await digestsDue(wires);
		const all = tries(4, NINE);
		begin('a', opening, events(all));
		at(NINE + 5 * DAY);
		await tell();
		expect(slack.messages('C0OPEN')).toHaveLength(1);
		expect(listed(slack.messages('C0OPEN'))).toEqual(all.map(rowText).toSorted());
	}, 20_000);

	test('killed at every step, and with another worker at it: each message once, each failed try once', async () => {
		const { wires, slack, begin, at, tell } = await house({ ...DAILY, thread: false });
		await digestsDue(wires);
		const all = tries(160, NINE - 60_000);
		begin('a', opening, events(all));
		at(NINE + 1);
		for (let step = 1; step < 12; step++) {
			let calls = 0;
			const dying =
				<T extends unknown[], R>(call: (...args: T) => R) =>
				(...args: T): R => {
					if (++calls >= step) throw new Error('killed');
					return call(...args);
				};
			const { store, digests, ...rest } = wires.deps;
			const mortal: Wires = {
				...wires,
				work: { ...wires.work, add: dying((...args) => wires.work.add(...args)) },
				deps: {
					...rest,
					store: { ...store, want: dying((...args) => store.want(...args)) },
					digests: {
						...digests,
						intend: dying((...args) => digests.intend(...args)),
						finish: dying((...args) => digests.finish(...args)),
					},
				},
			};
			await tellDigest('C0OPEN', mortal).catch((error: unknown) => expect(String(error)).toContain('killed'));
			await sleep(60);
		}
		await Promise.all([tell(), tell()]);
		const messages = slack.messages('C0OPEN');
		const keys = messages.map(({ metadata }) => metadata?.event_payload['key']);
		expect(new Set(keys).size).toBe(keys.length);
		expect(listed(messages)).toEqual(all.map(rowText).toSorted());
		await tell();
		expect(slack.messages('C0OPEN')).toHaveLength(messages.length);
	}, 30_000);

	test('each channel its own: what it does not hear of is not in it, what is muted is counted', async () => {
		const { wires, slack, begin, at, tell } = await house({
			routes: [
				{ dags: ['daily_*'], channels: ['C0OPEN'] },
				{ dags: ['hr_*'], channels: ['C0OTHER'] },
			],
			digest: { every: 'day', at: '09:00' },
		});
		await digestsDue(wires);
		const [mine, theirs] = [tries(1, NINE), tries(1, NINE, { dag: 'hr_sync' })];
		begin('a', opening, events(mine));
		begin('b', opening, events(theirs));
		const by = { user: 'U0ANN', name: 'Ann' };
		await wires.deps.watches.mute({
			id: 'm',
			env: 'lab',
			subject: { kind: 'dag', pattern: 'hr_sync' },
			by,
			channel: 'C0OTHER',
			since: 0,
			until: Date.now() + 300 * DAY,
		});
		at(NINE + DAY);
		await Promise.all([tell('C0OPEN'), tell('C0OTHER')]);
		expect(listed(slack.messages('C0OPEN'))).toEqual(mine.map(rowText));
		expect(listed(slack.messages('C0OTHER'))).toEqual(theirs.map(rowText));
		expect(JSON.stringify(slack.messages('C0OTHER')[0]?.blocks)).toContain('1 muted');
		expect(JSON.stringify(slack.messages('C0OPEN')[0]?.blocks)).toContain('0 muted');
	}, 20_000);
});

describe('mutes, by themselves', () => {
	test('a ticket is asked about once a day before, an end is said once, and what was held back is looked at', async () => {
		const { wires, slack, begin, at } = await house({ channel: 'C0OPEN' });
		const by = { user: 'U0ANN', name: 'Ann' };
		const mute = {
			id: 'm',
			env: 'lab',
			subject: { kind: 'dag' as const, pattern: 'daily_sales' },
			by,
			channel: 'C0OPEN',
			since: NINE,
			until: NINE + 7 * DAY,
			ticket: 'https://tickets.example.com/1',
		};
		begin('a', opening, events(tries(1, NINE)));
		await wires.deps.watches.mute(mute);
		const cards: string[] = [];
		const seen: Wires = {
			...wires,
			work: {
				...wires.work,
				add: async (queue, ...rest) => (queue === 'cards' ? void cards.push(rest[0]) : wires.work.add(queue, ...rest)),
			},
		};
		const said = async (most: number): Promise<string[]> => {
			for (let i = 0; i < 60 && slack.messages('C0OPEN').length < most; i++) await sleep(50);
			return slack.messages('C0OPEN').map(({ text }) => text.split('\n')[0] ?? '');
		};
		at(NINE + 5 * DAY);
		await tendMutes(seen);
		at(NINE + 6 * DAY + 1);
		await Promise.all([tendMutes(seen), tendMutes(seen)]);
		expect(await said(1)).toEqual(['⏰ The mute of daily_sales ends soon']);
		const [reminder] = slack.messages('C0OPEN');
		expect(JSON.stringify(reminder?.blocks)).toContain('Ticket is done');
		expect(JSON.stringify(reminder?.blocks)).toContain('7 more days');
		expect(cards).toEqual([]);
		at(NINE + 7 * DAY);
		await tendMutes(seen);
		await tendMutes(seen);
		expect(await said(2)).toEqual(['⏰ The mute of daily_sales ends soon', '🔔 The mute of daily_sales has ended']);
		expect((await wires.deps.watches.heard()).mutes).toEqual([]);
		expect(cards.length).toBeGreaterThan(0);
		// Ended by somebody: looked at as well, and nothing is said of it here.
		await wires.deps.watches.mute({ ...mute, id: 'n', until: NINE + 9 * DAY });
		await tendMutes(seen);
		const before = cards.length;
		await wires.deps.watches.endMute('n', 'key');
		await tendMutes(seen);
		expect(cards.length).toBeGreaterThan(before);
		await sleep(100);
		expect(slack.messages('C0OPEN')).toHaveLength(2);
	}, 20_000);
});
