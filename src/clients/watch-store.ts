import { z } from 'zod';
import type { Redis } from './base/redis.ts';
import { PREFIX } from './base/redis.ts';
import { script } from './base/script.ts';

/** How long a look may go without a sign of life before another worker may take over. */
export const LEASE_MS = 8000;
/** Longer than any try is reported again: Pub/Sub delivers for seven days. */
const REMEMBERED_MS = 8 * 24 * 3600_000;
/** Keys that one script or one MGET names. */
const AT_ONCE = 500;

// One worker at a time: who holds the lease renews it; anybody else gets nothing. The answer carries Redis' own time.
const BEGIN = `
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return false end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
return {tostring(now), unpack(redis.call('HGETALL', KEYS[2]))}`;

// ARGV: holder, lease, then triples: name, value, 'set' | 'raise' | 'del'. A worker that was stopped and lost its lease writes nothing.
const COMMIT = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
for i = 3, #ARGV, 3 do
	local name, value, how = ARGV[i], ARGV[i + 1], ARGV[i + 2]
	if how == 'del' then redis.call('HDEL', KEYS[2], name)
	elseif how == 'set' or tonumber(redis.call('HGET', KEYS[2], name) or '-1') < tonumber(value) then
		redis.call('HSET', KEYS[2], name, value)
	end
end
return 1`;

const HOLD = `
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1`;

const RELEASE = `if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end return 1`;

// ARGV: how long, then a value for each key.
const REMEMBER = `for i = 1, #KEYS do redis.call('SET', KEYS[i], ARGV[i + 1], 'PX', ARGV[1]) end return #KEYS`;

export type WatchStore = ReturnType<typeof watchStore>;

/** Numbers by name: watermarks (Airflow's clock), what is due when (Redis' clock), marks. Epoch milliseconds. */
export type WatchFields = ReadonlyMap<string, string>;

export type Change =
	| { name: string; set: number | string }
	/** Only upwards: a watermark never moves back. */
	| { name: string; raise: number }
	| { name: string; drop: true };

/** What the watch remembers, one hash an environment, and whose turn it is to look. */
export function watchStore(client: Redis) {
	const key = (...parts: string[]): string => [PREFIX, 'watch', ...parts].join(':');
	const numbers = z.array(z.string());
	const looked = new Map<string, number>();

	return {
		/**
		 * Until when this process itself has looked at an environment, by Airflow's clock: held here and not in Redis, for the case that Redis lost
		 * what it knew (a failover loses what no replica had yet).
		 */
		lookedUntil: (env: string): number | undefined => looked.get(env),
		noteLooked(env: string, until: number): void {
			looked.set(env, until);
		},
		/** Undefined: another worker is looking. `now`: Redis' time. */
		async begin(env: string, holder: string): Promise<{ now: number; fields: WatchFields } | undefined> {
			const raw = await script(client, BEGIN, [key('lease', env), key('state', env)], [holder, LEASE_MS]);
			if (raw === null) return undefined;
			const [now, ...flat] = numbers.parse(raw);
			return { now: Number(now), fields: toMap(flat) };
		},
		/** False: the lease is lost, and nothing was written. Renews it. */
		async commit(env: string, holder: string, changes: readonly Change[] = []): Promise<boolean> {
			const args = changes.flatMap((one) =>
				'drop' in one
					? [one.name, '', 'del']
					: 'set' in one
						? [one.name, one.set, 'set']
						: [one.name, one.raise, 'raise'],
			);
			const done = await script(client, COMMIT, [key('lease', env), key('state', env)], [holder, LEASE_MS, ...args]);
			return done === 1;
		},
		async release(env: string, holder: string): Promise<void> {
			await script(client, RELEASE, [key('lease', env)], [holder]);
		},
		/** For whoever does not look himself. */
		async fields(env: string): Promise<WatchFields> {
			return new Map(Object.entries(await client.hgetall(key('state', env))));
		},

		/** What was remembered of these, in their order. */
		async recall(env: string, ids: readonly string[]): Promise<(string | undefined)[]> {
			const found: (string | undefined)[] = [];
			for (let at = 0; at < ids.length; at += AT_ONCE) {
				const some = await client.mget(ids.slice(at, at + AT_ONCE).map((id) => key('seen', env, id)));
				found.push(...some.map((one) => one ?? undefined));
			}
			return found;
		},
		async remember(env: string, what: readonly { id: string; value: string }[]): Promise<void> {
			for (let at = 0; at < what.length; at += AT_ONCE) {
				const some = what.slice(at, at + AT_ONCE);
				const keys = some.map(({ id }) => key('seen', env, id));
				await script(client, REMEMBER, keys, [REMEMBERED_MS, ...some.map(({ value }) => value)]);
			}
		},

		/** Somebody said it failed, before it was looked at. */
		async hinted(env: string, id: string, by: string, ms: number): Promise<void> {
			await client.set(key('hint', env, id), by, 'PX', ms, 'NX');
		},
		/** Who said so first, in their order. */
		async hintedBy(env: string, ids: readonly string[]): Promise<(string | undefined)[]> {
			const found: (string | undefined)[] = [];
			for (let at = 0; at < ids.length; at += AT_ONCE) {
				const some = await client.mget(ids.slice(at, at + AT_ONCE).map((id) => key('hint', env, id)));
				found.push(...some.map((one) => one ?? undefined));
			}
			return found;
		},

		/** Runs that were seen alive or ended, with when (Redis' clock). */
		async sighted(env: string, runs: readonly string[], at: number): Promise<void> {
			if (runs.length > 0) await client.zadd(key('runs', env), ...runs.flatMap((run) => [String(at), run]));
		},
		/** Those sighted at or after `since`; older ones are forgotten. */
		async sightedSince(env: string, since: number): Promise<string[]> {
			await client.zremrangebyscore(key('runs', env), '-inf', `(${since}`);
			return client.zrange(key('runs', env), '0', '-1');
		},

		/** Conditions that are open, as JSON by id. `env` may also be the bot's own, see worker/watch/self.ts. */
		async conditions(env: string): Promise<ReadonlyMap<string, string>> {
			return new Map(Object.entries(await client.hgetall(key('open', env))));
		},
		/** False: it was there already. */
		async open(env: string, id: string, condition: string): Promise<boolean> {
			return (await client.hsetnx(key('open', env), id, condition)) === 1;
		},
		/** False: it was not there any more. */
		async over(env: string, id: string): Promise<boolean> {
			return (await client.hdel(key('open', env), id)) === 1;
		},

		/** Redis' time, to hold our own clock against. */
		async time(): Promise<number> {
			const [seconds, micros] = await client.time();
			return Number(seconds) * 1000 + Math.floor(Number(micros) / 1000);
		},
		/** How full Redis is, 0–1, and its eviction policy; undefined where it has no limit or hides it. */
		async memory(): Promise<{ fullness: number | undefined; policy: string | undefined }> {
			const info = await client.info('memory');
			const of = (name: string): string | undefined => new RegExp(`^${name}:(\\S+)`, 'm').exec(info)?.[1];
			const most = Number(of('maxmemory') ?? 0);
			return {
				fullness: most > 0 ? Number(of('used_memory') ?? 0) / most : undefined,
				policy: of('maxmemory_policy'),
			};
		},
		/** Counts up to `windowMs` back: how often it happened with this time. */
		async happened(what: string, windowMs: number): Promise<number> {
			const counter = key('happened', what);
			await client.set(counter, '0', 'PX', windowMs, 'NX');
			return client.incr(counter);
		},
		async times(what: string): Promise<number> {
			return Number((await client.get(key('happened', what))) ?? 0);
		},
		async forget(what: string): Promise<void> {
			await client.del(key('happened', what));
		},
		/** True for one caller every so often, over all processes. */
		async turn(what: string, everyMs: number): Promise<boolean> {
			return (await client.set(key('turn', what), '1', 'PX', everyMs, 'NX')) === 'OK';
		},
		/** Holds for so long, unless it is said again. */
		async alive(what: string, ms: number): Promise<void> {
			await client.set(key('alive', what), '1', 'PX', ms);
		},
		async forgetAlive(what: string): Promise<void> {
			await client.del(key('alive', what));
		},
		async isAlive(what: string): Promise<boolean> {
			return (await client.exists(key('alive', what))) === 1;
		},
		/** True for as long as this holder says so again within `ms`, and nobody else. */
		async hold(what: string, holder: string, ms: number): Promise<boolean> {
			return (await script(client, HOLD, [key('hold', what)], [holder, ms])) === 1;
		},
		async letGo(what: string, holder: string): Promise<void> {
			await script(client, RELEASE, [key('hold', what)], [holder]);
		},
		/** True once: what is replayed within `keepMs` is refused. */
		async first(what: string, keepMs: number): Promise<boolean> {
			return (await client.set(key('once', what), '1', 'PX', keepMs, 'NX')) === 'OK';
		},
	};
}

function toMap(flat: readonly string[]): Map<string, string> {
	const map = new Map<string, string>();
	for (let at = 0; at + 1 < flat.length; at += 2) map.set(flat[at] ?? '', flat[at + 1] ?? '');
	return map;
}
