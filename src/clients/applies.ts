import { applyingSchema, type Applying } from '../scaling/applying.ts';
import type { Redis } from './base/redis.ts';
import { PREFIX } from './base/redis.ts';
import { script } from './base/script.ts';

export type Applies = ReturnType<typeof applies>;

const KEEP_MS = 400 * 24 * 3600_000;
/** Of an environment, so many are remembered for the next advice. */
const REMEMBERED = 50;

// KEYS: the change. Nobody overwrites what somebody else has written meanwhile.
const CHANGE = `
local rev = tonumber(redis.call('HGET', KEYS[1], 'rev') or '0')
if rev ~= tonumber(ARGV[1]) then return 0 end
redis.call('HSET', KEYS[1], 'rev', rev + 1, 'value', ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 1`;

const UNLOCK = `
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0`;

/** Changes of an environment that somebody asked for in Slack, from the question to their grade. */
export function applies(client: Redis) {
	const keyOf = (id: string): string => `${PREFIX}:apply:${id}`;
	const listOf = (env: string): string => `${PREFIX}:applied:${env}`;
	const lockOf = (env: string): string => `${PREFIX}:applying:${env}`;

	async function read(id: string): Promise<{ rev: number; value: Applying } | undefined> {
		const [rev, value] = await client.hmget(keyOf(id), 'rev', 'value');
		if (!rev || !value) return undefined;
		const parsed = applyingSchema.safeParse(JSON.parse(value));
		return parsed.success ? { rev: Number(rev), value: parsed.data } : undefined;
	}

	return {
		async get(id: string): Promise<Applying | undefined> {
			return (await read(id))?.value;
		},
		/** The same question is kept once; answers with what is kept. */
		async ask(value: Applying): Promise<Applying> {
			await script(client, CHANGE, [keyOf(value.id)], [0, JSON.stringify(value), KEEP_MS]);
			return (await read(value.id))?.value ?? value;
		},
		/**
		 * What `next` makes of it is kept, unless it answers undefined; made anew when somebody else was faster. Answers with what is kept now, and
		 * whether this call changed it. Undefined: there is no such change.
		 */
		async change(
			id: string,
			next: (now: Applying) => Applying | undefined,
		): Promise<{ changed: boolean; value: Applying } | undefined> {
			for (;;) {
				const now = await read(id);
				if (!now) return undefined;
				const wanted = next(now.value);
				if (!wanted) return { changed: false, value: now.value };
				const done = await script(client, CHANGE, [keyOf(id)], [now.rev, JSON.stringify(wanted), KEEP_MS]);
				if (done === 1) return { changed: true, value: wanted };
			}
		},
		/** One change at a time in an environment: true when it is this one's turn. */
		async lock(env: string, id: string): Promise<boolean> {
			if ((await client.set(lockOf(env), id, 'PX', KEEP_MS, 'NX')) === 'OK') return true;
			return (await client.get(lockOf(env))) === id;
		},
		async unlock(env: string, id: string): Promise<void> {
			await script(client, UNLOCK, [lockOf(env)], [id]);
		},
		/** It took effect: the next advice takes it into account. */
		async remember(env: string, id: string, at: number): Promise<void> {
			await client
				.multi()
				.zadd(listOf(env), at, id)
				.zremrangebyrank(listOf(env), 0, String(-REMEMBERED - 1))
				.exec();
		},
		/** What took effect there, oldest first. */
		async applied(env: string): Promise<Applying[]> {
			const ids = await client.zrange(listOf(env), '0', '-1');
			const found = await Promise.all(ids.map((id) => read(id)));
			return found.flatMap((one) => one?.value ?? []);
		},
		/** The last weekly post of an environment that was told, by when it was due. */
		async toldWeekly(env: string): Promise<number | undefined> {
			const at = await client.hget(`${PREFIX}:weekly`, env);
			return at === null ? undefined : Number(at);
		},
		async tellWeekly(env: string, due: number): Promise<void> {
			await client.hset(`${PREFIX}:weekly`, env, due);
		},
	};
}
