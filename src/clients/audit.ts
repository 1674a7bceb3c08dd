import { z } from 'zod';
import type { AuditEntry, Refusal } from '../access/audit.ts';
import { hashOf } from '../alerts/ids.ts';
import type { Redis } from './base/redis.ts';
import { PREFIX } from './base/redis.ts';
import { script } from './base/script.ts';

const [ORDER, ENTRIES] = [`${PREFIX}:audit:order`, `${PREFIX}:audit:entries`];

const entrySchema = z.object({
	key: z.string(),
	at: z.number(),
	user: z.string(),
	name: z.string(),
	channel: z.string(),
	verb: z.string(),
	env: z.string().optional(),
	dag: z.string().optional(),
	run: z.string().optional(),
	what: z.string().optional(),
	result: z.enum(['done', 'nothing', 'refused', 'failed', 'unknown']),
	why: z.string().optional(),
	times: z.number().optional(),
});

// What is too old or too much goes as something is added, so that nothing has to tidy up.
const NOTE = `
redis.call('HSET', KEYS[2], ARGV[1], ARGV[3])
redis.call('ZADD', KEYS[1], ARGV[2], ARGV[1])
local old = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', '(' .. ARGV[4], 'LIMIT', 0, 1000)
local over = redis.call('ZCARD', KEYS[1]) - #old - tonumber(ARGV[5])
if over > 0 then
	for _, one in ipairs(redis.call('ZRANGE', KEYS[1], #old, #old + math.min(over, 1000) - 1)) do table.insert(old, one) end
end
for _, one in ipairs(old) do
	redis.call('ZREM', KEYS[1], one)
	redis.call('HDEL', KEYS[2], one)
end
return 1`;

const DAY_MS = 24 * 3600_000;
/** Different refusals of one person in a day; further ones are one entry. */
const MOST_REFUSALS = 20;

// How often, and under which key. KEYS: the person's refusals of the day. ARGV: key, key of those that are too many, most, life.
const COUNT = `
local key = ARGV[1]
if redis.call('HEXISTS', KEYS[1], key) == 0 and redis.call('HLEN', KEYS[1]) >= tonumber(ARGV[3]) then key = ARGV[2] end
local times = redis.call('HINCRBY', KEYS[1], key, 1)
redis.call('PEXPIRE', KEYS[1], ARGV[4])
return {key, times}`;

/** Who changed what, bounded in time and number. The same key is one entry: what was noted last. */
export function audit(client: Redis, keep: { days: number; most: number }, now: () => number) {
	const oldest = (): number => now() - keep.days * 24 * 3600_000;
	async function note(entry: AuditEntry): Promise<void> {
		const { key, at } = entry;
		await script(client, NOTE, [ORDER, ENTRIES], [key, at, JSON.stringify(entry), oldest(), keep.most]);
	}
	return {
		note,
		/** Those of a person that are alike are one entry a day, and in a day there are not more than 21: a person who tries everything pushes nothing out. */
		async refused(refusal: Refusal): Promise<number> {
			const { user, verb, env = '', dag = '', at } = refusal;
			const day = Math.floor(at / DAY_MS);
			const named = (...what: string[]): string => `refused-${hashOf(24, user, day, ...what)}`;
			const others = named('others');
			const args = [named(verb, env, dag), others, MOST_REFUSALS, 2 * DAY_MS];
			const [key, times] = z
				.tuple([z.string(), z.number()])
				.parse(await script(client, COUNT, [`${PREFIX}:audit:refused:${user}:${day}`], args));
			await note({ ...refusal, key, times, result: 'refused', ...(key === others ? { what: 'and others' } : {}) });
			return times;
		},
		/** Newest first. */
		async list(limit: number): Promise<readonly AuditEntry[]> {
			const keys = await client.zrange(ORDER, '+inf', String(oldest()), 'BYSCORE', 'REV', 'LIMIT', 0, limit);
			if (keys.length === 0) return [];
			return (await client.hmget(ENTRIES, ...keys)).flatMap((text) => {
				if (text === null) return [];
				const read = entrySchema.safeParse(JSON.parse(text));
				return read.success ? [read.data] : [];
			});
		},
	};
}
