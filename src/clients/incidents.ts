import { z } from 'zod';
import { fold, openLedger, phaseOf, slotOf } from '../alerts/fold.ts';
import type { Ledger, Opening, Outcome } from '../alerts/fold.ts';
import { hashOf, lineId, tryId } from '../alerts/ids.ts';
import type { Act, FailedTry, History, Incident, IncidentEvent, Told } from '../alerts/incident.ts';
import { viewOf } from '../alerts/view.ts';
import type { TryKey } from '../domain/ids.ts';
import type { Redis } from './base/redis.ts';
import { PREFIX } from './base/redis.ts';
import { script } from './base/script.ts';

export type Incidents = ReturnType<typeof incidents>;

const DAY_MS = 24 * 3600_000;
/** A try is known for this long; whoever notices failures looks back minutes, at most days. */
const TRY_MS = 14 * DAY_MS;
const ENDED_MS = 30 * DAY_MS;
/** Everything that is kept for an open incident; it is closed long before. */
const OPEN_MS = 60 * DAY_MS;
/** A worker's name comes again. */
const BRIEF_MS = 30 * 60_000;
/** Failing again so soon after it had recovered is the same incident: flapping. */
const FLAP_MS = 15 * 60_000;
/** Then a new one goes on, so that none grows without end. */
const MOST_EVENTS = 20_000;
const MOST_OPEN = 500;
const MOST_BETWEEN = 2000;
const MOST_HISTORY = 30;
const RETRIES = 10;

/** Keys under which incidents are found. `brief`: those that hold for half an hour. */
export type Aliases = { keys: readonly string[]; brief: readonly string[] };

export type Admitted =
	| { kind: 'known' | 'joined'; id: string; rev: number }
	/** Nothing that is under way has one of its keys. */
	| { kind: 'none' };

/** An incident as its card is made of it, with what the cards of it were told so far. */
export type Reading = {
	id: string;
	ledger: Ledger;
	/** Of these, the events that `ledger` did not hold before this reading. */
	fresh: number;
	outcomes: readonly Outcome[];
	told: readonly Told[];
	/** The state that its cards show. */
	said: number;
	/** When they were last brought up to it. Epoch milliseconds. */
	saidAt: number;
};

// A try belongs to one incident for ever. One that ended long ago takes nothing in; one that is part of a bigger one says
// where to go. KEYS: the try, the incident, its events, all seen, the line of the task, then its keys.
const ADMIT = `
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local had = redis.call('GET', KEYS[1])
if had then return {'known', had, 0} end
local ended, into = unpack(redis.call('HMGET', KEYS[2], 'ended', 'into'))
if redis.call('EXISTS', KEYS[2]) == 0 then return {'over'} end
if into then return {'into', into} end
if ended and now - tonumber(ended) > tonumber(ARGV[5]) then return {'over'} end
if redis.call('LLEN', KEYS[3]) >= tonumber(ARGV[6]) then return {'over'} end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[3])
local rev = redis.call('RPUSH', KEYS[3], ARGV[2])
redis.call('HSET', KEYS[2], 'due', '1')
redis.call('ZADD', KEYS[4], now, ARGV[1])
local line = redis.call('GET', KEYS[5])
if not line then redis.call('SET', KEYS[5], ARGV[1], 'PX', ARGV[4])
elseif not string.find(line, ARGV[1], 1, true) then redis.call('SET', KEYS[5], ARGV[1] .. ',' .. string.sub(line, 1, 200), 'PX', ARGV[4]) end
for i = 6, #KEYS do
	local life = ARGV[i + 1]
	if not redis.call('SET', KEYS[i], ARGV[1], 'NX', 'PX', life) and redis.call('GET', KEYS[i]) == ARGV[1] then redis.call('PEXPIRE', KEYS[i], life) end
end
return {'joined', ARGV[1], rev}`;

// KEYS: the try, the incident, its events, the open ones, all seen, the history, the line, then its keys.
const OPEN = `
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local had = redis.call('GET', KEYS[1])
if had then return {'known', had, 0} end
for i = 8, #KEYS do
	local other = redis.call('GET', KEYS[i])
	if other and other ~= ARGV[11] then return {'other', other} end
end
if ARGV[2] ~= '' then redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[5]) end
redis.call('HSET', KEYS[2], 'ledger', ARGV[3], 'upto', '0', 'told', '[]', 'said', '0', 'saidAt', '0', 'due', '1', 'history', ARGV[9])
local rev = redis.call('RPUSH', KEYS[3], ARGV[4])
redis.call('PEXPIRE', KEYS[2], ARGV[6])
redis.call('PEXPIRE', KEYS[3], ARGV[6])
redis.call('ZADD', KEYS[4], now, ARGV[1])
redis.call('ZADD', KEYS[5], now, ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[5], '-inf', now - tonumber(ARGV[6]))
redis.call('HSET', KEYS[6], ARGV[1], ARGV[8])
redis.call('PEXPIRE', KEYS[6], ARGV[6])
if ARGV[10] ~= '' then
	local line = redis.call('GET', KEYS[7])
	redis.call('SET', KEYS[7], line and (ARGV[1] .. ',' .. string.sub(line, 1, 200)) or ARGV[1], 'PX', ARGV[7])
end
for i = 8, #KEYS do redis.call('SET', KEYS[i], ARGV[1], 'PX', ARGV[i + 4]) end
return {'joined', ARGV[1], rev}`;

// KEYS: the incident, its events, all seen.
const NOTE = `
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
local t = redis.call('TIME')
local rev = 0
for i = 3, #ARGV do rev = redis.call('RPUSH', KEYS[2], ARGV[i]) end
redis.call('HSET', KEYS[1], 'due', '1')
if ARGV[2] ~= '' then redis.call('HSETNX', KEYS[1], 'into', ARGV[2]) end
redis.call('ZADD', KEYS[3], t[1] * 1000 + math.floor(t[2] / 1000), ARGV[1])
return rev`;

// KEYS: the incident, its events, all seen, what was done.
const ACT = `
if redis.call('EXISTS', KEYS[1]) == 0 then return {0} end
local first = redis.call('HGET', KEYS[4], ARGV[2])
if first then return {1, first} end
local t = redis.call('TIME')
redis.call('HSET', KEYS[4], ARGV[2], ARGV[3])
redis.call('PEXPIRE', KEYS[4], ARGV[5])
redis.call('RPUSH', KEYS[2], ARGV[4])
redis.call('HSET', KEYS[1], 'due', '1')
redis.call('ZADD', KEYS[3], t[1] * 1000 + math.floor(t[2] / 1000), ARGV[1])
return {2, ARGV[3]}`;

// Only who read it last may write it. KEYS: the incident, its events, the open ones, the history, the outcomes of retries.
const COMMIT = `
if redis.call('HGET', KEYS[1], 'upto') ~= ARGV[2] then return 0 end
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
redis.call('HSET', KEYS[1], 'ledger', ARGV[3], 'upto', ARGV[4])
local life = ARGV[6]
if ARGV[5] == 'open' or ARGV[5] == 'retrying' then
	redis.call('HDEL', KEYS[1], 'ended')
	redis.call('ZADD', KEYS[3], 'NX', now, ARGV[1])
else
	life = ARGV[7]
	redis.call('HSETNX', KEYS[1], 'ended', now)
	redis.call('ZREM', KEYS[3], ARGV[1])
	redis.call('HSET', KEYS[4], ARGV[1], ARGV[8])
end
redis.call('PEXPIRE', KEYS[1], life)
redis.call('PEXPIRE', KEYS[2], life)
for i = 5, #KEYS do
	redis.call('LPUSH', KEYS[i], ARGV[i + 4])
	redis.call('LTRIM', KEYS[i], 0, ${RETRIES - 1})
	redis.call('PEXPIRE', KEYS[i], ARGV[6])
end
return 1`;

const HOLD = `
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1`;

const RELEASE = `if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0`;

// What lies in Redis was written by us: that it is an object is checked, what it holds is not; an event of a later version
// has a kind that `fold` passes over.
const object = <T>(): z.ZodType<T> => z.custom<T>((value) => typeof value === 'object' && value !== null);
const ledgerJson = object<Ledger>();
const eventJson = object<IncidentEvent>();
const actJson = object<Act>();
const toldJson = z.array(object<Told>());
const past = z.object({ at: z.number(), took: z.number().optional() });
const answerOf = z.array(z.union([z.string(), z.number()]));

/**
 * Incidents in Redis: a list of events, what they were folded into so far, and under which keys failures find them. Every step
 * is one script, so that a worker may die at any point and its job be done again.
 */
export function incidents(client: Redis, now: () => number, { flapMs = FLAP_MS }: { flapMs?: number } = {}) {
	const key = (kind: string, id: string): string => `${PREFIX}:${kind}:${id}`;
	const [OPENS, SEEN] = [key('incidents', 'open'), key('incidents', 'seen')];
	const [inc, ev] = [(id: string) => key('inc', id), (id: string) => key('inc-ev', id)];
	const aliasKey = (alias: string): string => key('cause', alias);
	const lineKey = (env: string, line: string): string => key('line', `${env}:${line}`);
	const tryKey = (one: TryKey): string => key('try', tryId(one));
	const lives = ({ keys, brief }: Aliases): number[] => keys.map((one) => (brief.includes(one) ? BRIEF_MS : OPEN_MS));

	async function admitTo(id: string, failed: FailedTry, aliases: Aliases): Promise<(string | number)[]> {
		const keys = [
			tryKey(failed),
			inc(id),
			ev(id),
			SEEN,
			lineKey(failed.env, lineId(failed)),
			...aliases.keys.map(aliasKey),
		];
		const event: IncidentEvent = { kind: 'failed', at: now(), failed };
		const args = [id, JSON.stringify(event), TRY_MS, ENDED_MS, flapMs, MOST_EVENTS, ...lives(aliases)];
		return answerOf.parse(await script(client, ADMIT, keys, args));
	}

	async function eventsFrom(id: string, from: number, to = -1): Promise<IncidentEvent[]> {
		return (await client.lrange(ev(id), from, to)).map((text) => eventJson.parse(JSON.parse(text)));
	}

	async function read(id: string): Promise<Reading | undefined> {
		const [ledger, upto, told, said, saidAt] = await client.hmget(inc(id), 'ledger', 'upto', 'told', 'said', 'saidAt');
		if (!ledger || upto === null) return undefined;
		const before = ledgerJson.parse(JSON.parse(ledger));
		const events = await eventsFrom(id, Number(upto));
		const { ledger: after, outcomes } = fold(before, events);
		return {
			id,
			ledger: after,
			fresh: events.length,
			outcomes,
			told: toldJson.parse(JSON.parse(told ?? '[]')),
			said: Number(said ?? 0),
			saidAt: Number(saidAt ?? 0),
		};
	}

	async function views(ids: readonly string[]): Promise<Incident[]> {
		const found: Incident[] = [];
		for (const id of ids) {
			const reading = await read(id);
			if (reading) found.push(viewOf(id, reading.ledger, reading.told));
		}
		return found;
	}

	return {
		/** Takes a failed try into the incident that has one of its keys. */
		async admit(failed: FailedTry, aliases: Aliases): Promise<Admitted> {
			const [had, ...ids] = await client.mget(tryKey(failed), ...aliases.keys.map(aliasKey));
			if (had) return { kind: 'known', id: had, rev: 0 };
			for (const first of new Set(ids)) {
				// From one that was folded to the bigger one; not for ever, should they ever point at each other.
				for (let id: string | null = first ?? null, steps = 0; id !== null && steps < 5; steps++) {
					const [what, which = '', rev = 0] = await admitTo(id, failed, aliases);
					if (what === 'known' || what === 'joined') return { kind: what, id: String(which), rev: Number(rev) };
					id = what === 'into' ? String(which) : null;
				}
			}
			return { kind: 'none' };
		},

		/** Takes it into this one, whatever its keys; `none`: it is over, or full. */
		async admitInto(id: string, failed: FailedTry): Promise<Admitted> {
			const [what, which = '', rev = 0] = await admitTo(id, failed, { keys: [], brief: [] });
			if (what === 'known' || what === 'joined') return { kind: what, id: String(which), rev: Number(rev) };
			return { kind: 'none' };
		},

		/**
		 * Opens one with its first event, under all its keys; when another came first, that one's id and nothing is changed.
		 * `history`: the key by which it is known to have come before.
		 */
		async begin(
			opening: Opening,
			first: Extract<IncidentEvent, { kind: 'failed' | 'wrong' }>,
			aliases: Aliases & { history: string },
		): Promise<{ kind: 'joined' | 'known' | 'other'; id: string; rev: number }> {
			const failed = first.kind === 'failed' ? first.failed : undefined;
			const id = hashOf(12, aliases.history, failed ? tryId(failed) : opening.openedAt, now());
			const taken = await client.mget(...aliases.keys.map(aliasKey));
			for (const [at, other] of taken.entries()) {
				const alias = aliases.keys[at];
				if (!other || alias === undefined) continue;
				const [exists, ended] = await Promise.all([client.exists(inc(other)), client.hget(inc(other), 'ended')]);
				if (exists === 1 && (ended === null || now() - Number(ended) <= flapMs) && !(await isFull(other))) continue;
				// It is over: its key is free.
				await script(client, RELEASE, [aliasKey(alias)], [other]);
			}
			const keys = [
				failed ? tryKey(failed) : key('try', '-'),
				inc(id),
				ev(id),
				OPENS,
				SEEN,
				key('hist', aliases.history),
				failed ? lineKey(failed.env, lineId(failed)) : key('line', '-'),
				...aliases.keys.map(aliasKey),
			];
			const args = [
				id,
				failed ? '1' : '',
				JSON.stringify(openLedger(opening)),
				JSON.stringify(first),
				TRY_MS,
				OPEN_MS,
				ENDED_MS,
				JSON.stringify({ at: opening.openedAt }),
				aliases.history,
				failed ? '1' : '',
				id,
				...lives(aliases),
			];
			const [what, which = id, rev = 0] = answerOf.parse(await script(client, OPEN, keys, args));
			return { kind: what === 'joined' || what === 'known' ? what : 'other', id: String(which), rev: Number(rev) };
		},

		/** The incident that is under way under this key. */
		async under(alias: string): Promise<string | undefined> {
			return (await client.get(aliasKey(alias))) ?? undefined;
		},

		/** Further keys for it; a key that another has stays with that one. */
		async alsoUnder(id: string, aliases: Aliases): Promise<void> {
			for (const [at, life] of lives(aliases).entries())
				await client.set(aliasKey(aliases.keys[at] ?? ''), id, 'PX', life, 'NX');
		},

		/** Writes down what happened. How many events there are then; 0: there is no such incident. */
		async note(id: string, events: readonly IncidentEvent[]): Promise<number> {
			const into = events.find((event) => event.kind === 'folded')?.into ?? '';
			const args = [id, into, ...events.map((event) => JSON.stringify(event))];
			return z.number().parse(await script(client, NOTE, [inc(id), ev(id), SEEN], args));
		},

		/** What a person did. Of what can be done once, the first stands. Undefined: there is no such incident. */
		async act(id: string, act: Act): Promise<{ won: boolean; first: Act } | undefined> {
			const event: IncidentEvent = { kind: 'act', at: act.at, act };
			const args = [id, slotOf(act), JSON.stringify(act), JSON.stringify(event), OPEN_MS];
			const raw = await script(client, ACT, [inc(id), ev(id), SEEN, key('inc-acts', id)], args);
			const [what, first = '{}'] = answerOf.parse(raw);
			if (what === 0) return undefined;
			const theirs = actJson.parse(JSON.parse(String(first)));
			// The same command carried out again after a crash is the one that won.
			return { won: what === 2 || (theirs.by === act.by && theirs.at === act.at), first: theirs };
		},

		async get(id: string): Promise<Incident | undefined> {
			return (await views([id]))[0];
		},
		/** Those that still need somebody or a retry; newest first. */
		async open(env?: string): Promise<Incident[]> {
			const found = await views(await client.zrevrange(OPENS, 0, MOST_OPEN - 1));
			return env === undefined ? found : found.filter((one) => one.env === env);
		},
		/** Whatever something happened to in that time; newest first. */
		async between(from: number, to: number, env?: string): Promise<Incident[]> {
			const ids = await client.zrevrangebyscore(SEEN, '+inf', from, 'LIMIT', 0, MOST_BETWEEN);
			return (await views(ids)).filter((one) => one.openedAt <= to && (env === undefined || one.env === env));
		},
		/** In the order in which they were noticed. */
		async tries(id: string, from = 0, count = MOST_EVENTS): Promise<FailedTry[]> {
			const all = (await eventsFrom(id, 0)).flatMap((event) => (event.kind === 'failed' ? [event.failed] : []));
			return all.slice(from, from + count);
		},
		/** The failed tries on one page of its list, as many as the ledger knows of. */
		async page({ pages, rev }: Ledger, id: string, at: number): Promise<FailedTry[]> {
			const [from, next] = [pages[at]?.from, pages[at + 1]?.from ?? rev];
			if (from === undefined) return [];
			const events = await eventsFrom(id, from, next - 1);
			return events.flatMap((event) => (event.kind === 'failed' ? [event.failed] : []));
		},
		async byTry(one: TryKey): Promise<string | undefined> {
			return (await client.get(tryKey(one))) ?? undefined;
		},
		/** Incidents that wait for one of these tasks to go well, by line. */
		async waitingFor(env: string, lines: readonly string[]): Promise<ReadonlyMap<string, readonly string[]>> {
			if (lines.length === 0) return new Map();
			const found = await client.mget(...lines.map((line) => lineKey(env, line)));
			return new Map(
				lines.flatMap((line, at) => {
					const ids = found[at]?.split(',').filter((id) => id.length === 12);
					return ids ? [[line, ids] as const] : [];
				}),
			);
		},
		/** The events that name these members, for whoever has to ask Airflow about them. */
		async triesAt(id: string, events: readonly number[]): Promise<FailedTry[]> {
			const found = await Promise.all(events.map((at) => client.lindex(ev(id), at)));
			return found.flatMap((text) => {
				const event = text === null ? undefined : eventJson.parse(JSON.parse(text));
				return event?.kind === 'failed' ? [event.failed] : [];
			});
		},

		/** What came before under this key, and of the task's last retries how many went well. */
		async historyOf(
			historyKey: string,
			env: string,
			dag: string | undefined,
			task: string | undefined,
		): Promise<History> {
			const since = now() - ENDED_MS;
			const [all, retries] = await Promise.all([
				client.hgetall(key('hist', historyKey)),
				dag === undefined || task === undefined ? [] : client.lrange(retriesKey(env, dag, task), 0, RETRIES - 1),
			]);
			const entries = Object.entries(all).map(([id, text]) => ({ id, ...past.parse(JSON.parse(text)) }));
			const recent = entries.filter(({ at }) => at >= since).sort((a, b) => b.at - a.at);
			const old = entries.filter(({ id }) => !recent.slice(0, MOST_HISTORY).some((one) => one.id === id));
			if (old.length > 0) await client.hdel(key('hist', historyKey), ...old.map(({ id }) => id));
			const [last] = recent;
			return {
				before: Math.min(recent.length, MOST_HISTORY),
				...(last ? { lastAt: last.at, lastTookMs: last.took } : {}),
				...(retries.length === 0
					? {}
					: { retries: { passed: retries.filter((one) => one === '1').length, of: retries.length } }),
			};
		},

		/** For the one who brings its cards up to date: what happened so far, and nothing after this is missed. */
		async take(id: string): Promise<Reading | undefined> {
			// Before reading, so that what comes after it is due again.
			await client.hdel(inc(id), 'due');
			return read(id);
		},
		/** Keeps what was folded. False: somebody else was faster, read again. */
		async commit({ id, ledger, fresh, outcomes }: Reading): Promise<boolean> {
			if (fresh === 0) return true;
			const phase = phaseOf(ledger);
			const view = viewOf(id, ledger, []);
			const took = view.endedAt === undefined ? undefined : view.endedAt - view.since;
			const retries = outcomes.map(({ dag, task }) => retriesKey(ledger.env, dag, task));
			const history = (await client.hget(inc(id), 'history')) ?? '-';
			const args = [
				id,
				ledger.rev - fresh,
				JSON.stringify(ledger),
				ledger.rev,
				phase,
				OPEN_MS,
				ENDED_MS,
				JSON.stringify({ at: ledger.openedAt, took }),
				...outcomes.map(({ passed }) => (passed ? '1' : '0')),
			];
			const keys = [inc(id), ev(id), OPENS, key('hist', history), ...retries];
			return (await script(client, COMMIT, keys, args)) === 1;
		},
		/** Its cards were brought up to this state. */
		async said(id: string, told: readonly Told[], rev: number): Promise<void> {
			await client.hset(inc(id), { told: JSON.stringify(told), said: rev, saidAt: now() });
		},
		/** Whether something happened that no card job has taken up. */
		async isDue(id: string): Promise<boolean> {
			return (await client.hget(inc(id), 'due')) !== null;
		},

		/** One at a time over all processes; the same `holder` may take it again. */
		async hold(what: string, holder: string, ms: number): Promise<boolean> {
			return (await script(client, HOLD, [key('hold', what)], [holder, ms])) === 1;
		},
		async release(what: string, holder: string): Promise<void> {
			await script(client, RELEASE, [key('hold', what)], [holder]);
		},
	};

	async function isFull(id: string): Promise<boolean> {
		return (await client.llen(ev(id))) >= MOST_EVENTS;
	}

	function retriesKey(env: string, dag: string, task: string): string {
		return key('retries', hashOf(24, env, dag, task));
	}
}
