import { z } from 'zod';
import type { Redis } from './base/redis.ts';
import { PREFIX } from './base/redis.ts';
import { script } from './base/script.ts';

export type Digests = ReturnType<typeof digests>;

const [TOLD, CURSORS, INTENTS] = [`${PREFIX}:digest:told`, `${PREFIX}:digest:cursors`, `${PREFIX}:digest:intents`];

/** How far an incident's failed tries were listed, and by the digest of when; an incident is gone after a month. */
const cursorsSchema = z.record(z.string(), z.tuple([z.number(), z.number()]));
export type Cursors = z.output<typeof cursorsSchema>;

const content = z.object({ text: z.string(), blocks: z.array(z.record(z.string(), z.unknown())) });
const intentSchema = z.object({
	due: z.number(),
	head: content,
	pages: z.array(content),
	thread: z.boolean(),
	cursors: cursorsSchema,
});
type Content = z.output<typeof content>;
/** A digest as it is to be told, made once. */
export type Intent = { due: number; head: Content; pages: Content[]; thread: boolean; cursors: Cursors };

// KEYS: told, cursors, intents. A digest that was told stays told, whoever comes late.
const FINISH = `
local told = tonumber(redis.call('HGET', KEYS[1], ARGV[1]) or '0')
redis.call('HDEL', KEYS[3], ARGV[1])
if told >= tonumber(ARGV[2]) then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('HSET', KEYS[2], ARGV[1], ARGV[3])
return 1`;

// The first to make it decides what it says; one of an earlier time that was never told to its end goes first.
const INTEND = `
redis.call('HSETNX', KEYS[1], ARGV[1], ARGV[2])
return redis.call('HGET', KEYS[1], ARGV[1])`;

/** What was told by digests, for each conversation. */
export function digests(client: Redis) {
	return {
		/** Up to when this conversation was told; undefined: it never was. */
		async told(channel: string): Promise<number | undefined> {
			const at = await client.hget(TOLD, channel);
			return at === null ? undefined : Number(at);
		},
		/** The first period begins here. */
		async begin(channel: string, at: number): Promise<void> {
			await client.hsetnx(TOLD, channel, at);
		},
		async cursors(channel: string): Promise<Cursors> {
			const text = await client.hget(CURSORS, channel);
			const read = cursorsSchema.safeParse(text === null ? {} : JSON.parse(text));
			return read.success ? read.data : {};
		},
		/** What was intended before and is not told to its end. */
		async intended(channel: string): Promise<Intent | undefined> {
			const text = await client.hget(INTENTS, channel);
			return text === null ? undefined : intentSchema.parse(JSON.parse(text));
		},
		/** Stores what is to be told; answers with what counts, which is what was stored first. */
		async intend(channel: string, intent: Intent): Promise<Intent> {
			const text = await script(client, INTEND, [INTENTS], [channel, JSON.stringify(intent)]);
			return intentSchema.parse(JSON.parse(String(text)));
		},
		/** It is told; the next one begins where it ended. */
		async finish(channel: string, { due, cursors }: Intent): Promise<void> {
			await script(client, FINISH, [TOLD, CURSORS, INTENTS], [channel, due, JSON.stringify(cursors)]);
		},
	};
}
