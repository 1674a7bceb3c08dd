import type { Redis } from 'ioredis';
import type { Destination } from '../../src/alerts/about.ts';
import { alertsSchema } from '../../src/alerts/options.ts';
import type { BotDeps } from '../../src/build-deps.ts';
import { incidents } from '../../src/clients/incidents.ts';
import { storms } from '../../src/clients/storms.ts';
import { store } from '../../src/clients/store.ts';
import type { Held, Outcome } from '../../src/clients/queue.ts';
import type { Airflow } from '../../src/domain/airflow.ts';
import type { Reply } from '../../src/domain/reply.ts';
import { cards } from '../../worker/card.ts';
import { cardsDue } from '../../worker/alerts/due.ts';
import type { Wires } from '../../worker/wires.ts';
import { fakeAirflow, fakeDeps } from '../commands/house.ts';

export type Message = { channel: string; thread: string | undefined; reply: Reply; edits: number };

/** Crashes at random: before the effect of a call to Redis, or after it. `draw`: 0 to 1. */
export type Crashes = { rate: number; draw: () => number };

class Crash extends Error {}

/**
 * The worker's part that makes cards, with the real Redis and nothing else real: a clock that only moves when asked, jobs that run
 * in whatever order, and a Slack that shows what it is sent.
 */
export function desk(
	client: Redis,
	destinations: () => readonly Destination[],
	{ crashes, airflow }: { crashes?: Crashes; airflow?: Airflow } = {},
) {
	// With an Airflow that runs by itself the time begins as it is there.
	let clock = airflow ? Date.now() : Date.parse('2026-11-24T09:00:00Z');
	const now = (): number => clock;
	const jobs = new Map<string, { data: Record<string, unknown>; at: number; addedAt: number }>();
	const shown = new Map<string, Message>();
	let mutedUntil: number | undefined;
	// The end of every test: nothing breaks any more.
	let quiet = false;

	/** A client that dies now and then: the caller never hears. */
	function brittle<T extends object>(real: T, spare: readonly string[] = []): T {
		if (!crashes) return real;
		return new Proxy(real, {
			get(target, name) {
				const value: unknown = Reflect.get(target, name);
				if (typeof value !== 'function' || spare.includes(String(name))) return value;
				return async (...args: unknown[]) => {
					if (quiet) return value.apply(target, args);
					if (crashes.draw() < crashes.rate) throw new Crash(`before ${String(name)}`);
					const answer: unknown = await value.apply(target, args);
					if (crashes.draw() < crashes.rate) throw new Crash(`after ${String(name)}`);
					return answer;
				};
			},
		});
	}

	const calm = { incidents: incidents(client, now), storms: storms(client, now), store: store(client) };
	const base = fakeDeps(
		{ prod: airflow ?? fakeAirflow({ dag: async () => undefined }) },
		{ now, alerts: alertsSchema.parse({}) },
	);
	// Of what BotDeps has beside, the makers of cards ask for nothing.
	const deps = {
		...base,
		routes: async () => destinations(),
		mutedBy: async () =>
			mutedUntil === undefined
				? undefined
				: {
						id: 'm',
						env: 'prod',
						subject: { kind: 'dag', pattern: '*' },
						by: { user: 'U', name: 'u' },
						channel: 'C',
						since: 0,
						until: mutedUntil,
					},
		incidents: brittle(calm.incidents, ['hold', 'release']),
		storms: brittle(calm.storms),
		store: brittle(calm.store),
	} as unknown as BotDeps;

	const wires: Wires = {
		deps,
		work: {
			...({} as Wires['work']),
			async add(queue, id, data, delayMs = 0) {
				if (queue === 'deliveries') return deliver(String(data['id']));
				if (queue === 'cards' && !jobs.has(id)) jobs.set(id, { data, at: clock + delayMs, addedAt: clock });
			},
		},
		execute: async () => ({ reply: { parts: [], to: 'asker' } }),
		render: async (reply) => ({ text: JSON.stringify(reply), blocks: [] }),
	};

	async function deliver(id: string): Promise<void> {
		const turn = await calm.store.begin(id, 'desk', undefined);
		if (turn.do !== 'post' && turn.do !== 'edit') return;
		const { place } = turn;
		const channel = place.kind === 'direct' || place.kind === 'home' ? `D${place.user}` : place.channel;
		const before = shown.get(id);
		shown.set(id, {
			channel,
			thread: place.kind === 'channel' ? place.thread : undefined,
			reply: JSON.parse(turn.content.text) as Reply,
			edits: before ? before.edits + 1 : 0,
		});
		await calm.store.posted(id, channel, `ts-${id}`, turn.rev);
	}

	async function run(id: string): Promise<void> {
		const job = jobs.get(id);
		if (!job) return;
		const held: Held = {
			id,
			data: job.data,
			addedAt: job.addedAt,
			starts: 1,
			stalls: 0,
			keepOnly: async () => undefined,
		};
		let outcome: Outcome;
		try {
			outcome = await cards(held, wires);
		} catch (error) {
			if (!(error instanceof Crash)) throw error;
			outcome = { againInMs: 1000 };
		}
		if (outcome === 'done') jobs.delete(id);
		else jobs.set(id, { ...job, at: clock + outcome.againInMs });
	}

	return {
		wires,
		...calm,
		shown: (): ReadonlyMap<string, Message> => shown,
		now,
		pass(ms: number): void {
			clock += ms;
		},
		mute(until: number | undefined): void {
			mutedUntil = until;
		},
		due: (id: string, rev: number): Promise<void> => cardsDue(wires, { id, rev }),
		/** One job whose time has come, by this draw; false: there is none. */
		async step(draw: number): Promise<boolean> {
			const ready = [...jobs].filter(([, { at }]) => at <= clock);
			const one = ready[Math.min(ready.length - 1, Math.floor(draw * ready.length))];
			if (!one) return false;
			await run(one[0]);
			return true;
		},
		/** Until nothing is left to do; nothing breaks any more. */
		async settle(): Promise<void> {
			quiet = true;
			for (let steps = 0; jobs.size > 0; steps++) {
				if (steps > 5000) throw new Error(`it never comes to rest, ${jobs.size} jobs`);
				const [next] = [...jobs].sort((a, b) => a[1].at - b[1].at);
				if (!next) return;
				clock = Math.max(clock, next[1].at);
				await run(next[0]);
			}
		},
	};
}
