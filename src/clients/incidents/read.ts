import { fold, stillBad } from '../../alerts/fold.ts';
import type { Ledger, Outcome } from '../../alerts/fold.ts';
import { hashOf } from '../../alerts/ids.ts';
import type { FailedTry, History, Incident, IncidentEvent, Told } from '../../alerts/incident.ts';
import { viewOf } from '../../alerts/view.ts';
import type { TryKey } from '../../domain/ids.ts';
import type { Redis } from '../base/redis.ts';
import { KEEP, keys, MOST } from './keys.ts';
import { readEvent, readLedger, readPast, readTold } from './stored.ts';

/** An incident as it is after its last event, with what its cards were told so far. */
export type Reading = {
	id: string;
	ledger: Ledger;
	/** Of these, the events that were not folded before this reading. */
	fresh: number;
	outcomes: readonly Outcome[];
	told: readonly Told[];
	/** The state that its cards show, by number of events. */
	said: number;
};

export const retriesOf = (env: string, dag: string, task: string): string => hashOf(24, env, dag, task);

export function reading(client: Redis, now: () => number) {
	async function eventsFrom(id: string, from: number, to = -1): Promise<IncidentEvent[]> {
		return (await client.lrange(keys.events(id), from, to)).map(readEvent);
	}

	async function read(id: string): Promise<Reading | undefined> {
		const [text, upto, told, said] = await client.hmget(keys.incident(id), 'ledger', 'upto', 'told', 'said');
		if (!text || !upto) return undefined;
		const before = readLedger(text);
		const events = await eventsFrom(id, Number(upto));
		const { ledger, outcomes } = fold(before, events);
		return { id, ledger, fresh: events.length, outcomes, told: readTold(told ?? '[]'), said: Number(said ?? 0) };
	}

	async function views(ids: readonly string[]): Promise<Incident[]> {
		const found: Incident[] = [];
		for (const id of ids) {
			const one = await read(id);
			if (one) found.push(viewOf(id, one.ledger, one.told));
		}
		return found;
	}

	const failedOf = (events: readonly IncidentEvent[]): FailedTry[] =>
		events.flatMap((event) => (event.kind === 'failed' ? [event.failed] : []));

	return {
		read,
		async get(id: string): Promise<Incident | undefined> {
			return (await views([id]))[0];
		},
		/** Those that still need somebody, or Airflow's next try; newest first, at most 500. */
		async open(env?: string): Promise<Incident[]> {
			const found = await views(await client.zrevrange(keys.open, 0, MOST.open - 1));
			return found.filter(
				(one) => (one.phase === 'open' || one.phase === 'retrying') && (env === undefined || one.env === env),
			);
		},
		/** Every one that is open, or to which something happened since then (epoch milliseconds), however many. */
		async idsSince(from: number): Promise<string[]> {
			const [open, seen] = await Promise.all([
				client.zrange(keys.open, '0', '-1'),
				client.zrangebyscore(keys.seen, from, '+inf'),
			]);
			return [...new Set([...open, ...seen])];
		},
		/** Whatever something happened to in that time (epoch milliseconds); newest first. */
		async between(from: number, to: number, env?: string): Promise<Incident[]> {
			const ids = await client.zrevrangebyscore(keys.seen, '+inf', from);
			return (await views(ids)).filter((one) => one.openedAt <= to && (env === undefined || one.env === env));
		},
		/** In the order in which they were noticed. */
		async tries(id: string, from = 0, count: number = MOST.events): Promise<FailedTry[]> {
			return failedOf(await eventsFrom(id, 0)).slice(from, from + count);
		},
		/** The newest failed try of each task instance that is still bad. */
		async stillBad(id: string): Promise<FailedTry[]> {
			const one = await read(id);
			return one ? stillBad(one.ledger, failedOf(await eventsFrom(id, 0))) : [];
		},
		/** The failed tries on one page of its list, as many as this ledger knows of. */
		async page({ pages, rev }: Ledger, id: string, at: number): Promise<FailedTry[]> {
			const [from, next] = [pages[at]?.from, pages[at + 1]?.from ?? rev];
			return from === undefined ? [] : failedOf(await eventsFrom(id, from, next - 1));
		},
		/** The failed tries that these events tell of. */
		async triesAt(id: string, events: readonly number[]): Promise<FailedTry[]> {
			const found = await Promise.all(events.map((at) => client.lindex(keys.events(id), at)));
			return failedOf(found.flatMap((text) => (text === null ? [] : [readEvent(text)])));
		},
		/** The incident a failed try belongs to. */
		async byTry(one: TryKey): Promise<string | undefined> {
			return (await client.get(keys.try(one))) ?? undefined;
		},
		/** What came before under this key, and of the last retries of the task how many went well. */
		async historyOf(of: string, env: string, task: { dag: string; task: string } | undefined): Promise<History> {
			const [all, retries] = await Promise.all([
				client.hgetall(keys.history(of)),
				task ? client.lrange(keys.retries(retriesOf(env, task.dag, task.task)), 0, MOST.retries - 1) : [],
			]);
			const past = Object.entries(all)
				.map(([id, text]) => ({ id, ...readPast(text) }))
				.sort((a, b) => b.at - a.at);
			const recent = past.filter(({ at }) => at >= now() - KEEP.ended).slice(0, MOST.history);
			const old = past.filter((one) => !recent.includes(one));
			if (old.length > 0) await client.hdel(keys.history(of), ...old.map(({ id }) => id));
			const [last] = recent;
			return {
				before: recent.length,
				...(last ? { lastAt: last.at, lastTookMs: last.took } : {}),
				...(retries.length > 0
					? { retries: { passed: retries.filter((one) => one === '1').length, of: retries.length } }
					: {}),
			};
		},
	};
}
