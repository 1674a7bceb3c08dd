import { createHash } from 'node:crypto';
import type { Redis } from './base/redis.ts';
import { z } from 'zod';
import { PREFIX } from './base/redis.ts';
import { script } from './base/script.ts';

/** Where a message goes. */
export type Place =
	/** Everyone there sees it. `user`: who hears of it directly when the channel cannot be written to; undefined: nobody asked for it. */
	| { kind: 'channel'; channel: string; thread?: string | undefined; user?: string | undefined }
	/** Only this person sees it. */
	| { kind: 'asker'; user: string; channel: string; thread?: string | undefined }
	/** Direct message from the bot. */
	| { kind: 'direct'; user: string }
	/** The App Home of this person: shown until it is shown anew. */
	| { kind: 'home'; user: string };

/** What Slack shows: fallback text and Block Kit blocks as JSON values. */
export type Content = { text: string; blocks: readonly Record<string, unknown>[] };

/** What to do next with a message, decided in Redis in one step so that two workers never both send it. */
export type Turn =
	/** It stands as wanted, or nothing can be done any more. */
	| { do: 'nothing' }
	| { do: 'wait'; ms: number }
	/** The outcome of an earlier post is not known: look for `id` in the history since `since` (epoch ms) first. */
	| { do: 'look'; since: number; blind: number; place: Place; in: string | undefined }
	| { do: 'post'; rev: number; place: Place; content: Content; responseUrl: string | undefined; blind: number }
	| { do: 'edit'; rev: number; stage: number; place: Place; content: Content; in: string; ts: string };

/** How long one attempt may take from `begin` to its end; after that somebody else may take over. */
const LEASE_MS = 6000;
/** How long an unknown post may still appear in the history after its attempt was given up. */
const GRACE_MS = 2500;
/** Slack wants at most one message a second for each channel; the tenth is for the network's jitter. */
const SPACING_MS = 1100;
/**
 * Edits are limited by method (chat.update, tier 3: some fifty a minute over all channels) and not by channel, so posts and edits never
 * wait for each other. One channel alone stays below that; where many together do not, Slack says for how long all edits are to
 * pause, and after that they go one after another: those that a person waits for, and cards, in lines of their own.
 */
const EDIT_SPACING_MS = 1250;
const ALL_EDITS_SPACING_MS = 150;
/** A send that is late must not arrive beside the next one: so long that one waits for its end, and then for its second. */
const UNDER_WAY_MS = 3000;
const AFTER_MS = 1000;
const KEEP_MS = 9 * 24 * 3600_000;

const placeSchema = z.discriminatedUnion('kind', [
	z.object({
		kind: z.literal('channel'),
		channel: z.string(),
		thread: z.string().optional(),
		user: z.string().optional(),
	}),
	z.object({ kind: z.literal('asker'), user: z.string(), channel: z.string(), thread: z.string().optional() }),
	z.object({ kind: z.literal('direct'), user: z.string() }),
	z.object({ kind: z.literal('home'), user: z.string() }),
]);
const contentSchema = z.object({ text: z.string(), blocks: z.array(z.record(z.string(), z.unknown())) });

// A message is one hash. state: intended → posting → posted ⇄ editing; posting → unknown when nobody can say whether
// Slack took it; gone when it was removed or its place is closed. `rev` counts wanted contents, `shown` what stands.
const WANT = `
local stage, rev, shown, state = unpack(redis.call('HMGET', KEYS[1], 'stage', 'rev', 'shown', 'state'))
if state == 'gone' then return {0, 0} end
if stage and tonumber(stage) >= tonumber(ARGV[3]) then return {tonumber(rev), (shown == rev) and 0 or 1} end
rev = redis.call('HINCRBY', KEYS[1], 'rev', 1)
redis.call('HSETNX', KEYS[1], 'place', ARGV[1])
redis.call('HSETNX', KEYS[1], 'state', 'intended')
redis.call('HSET', KEYS[1], 'want', ARGV[2], 'stage', ARGV[3])
if ARGV[5] ~= '' then redis.call('HSET', KEYS[1], 'url', ARGV[5]) end
redis.call('PEXPIRE', KEYS[1], ARGV[4])
return {rev, 1}`;

// KEYS: message, the channel's next free turn, the channel's pause after a 429, what was just sent there; of edits: the channel's
// next free turn, the pause of all of them, the next free turn of cards and of what somebody asked for.
const BEGIN = `
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local m = redis.call('HMGET', KEYS[1], 'state', 'rev', 'shown', 'holder', 'until', 'turn', 'unknownAt', 'slot', 'place')
local state, rev, shown, holder, till, turn, unknownAt, slot, place = unpack(m)
if not state or state == 'gone' then return {'nothing'} end
if till and tonumber(till) > now and holder ~= ARGV[1] then return {'wait', tonumber(till) - now + 20} end
if state == 'posting' then
	state, unknownAt = 'unknown', till
	redis.call('HSET', KEYS[1], 'state', state, 'unknownAt', unknownAt)
elseif state == 'editing' then
	state = 'posted'
end
if state == 'unknown' then
	local due = tonumber(unknownAt) + tonumber(ARGV[3])
	if now < due then return {'wait', due - now + 20} end
	redis.call('HSET', KEYS[1], 'holder', ARGV[1], 'until', now + tonumber(ARGV[2]))
	return {'look', unpack(redis.call('HMGET', KEYS[1], 'firstAt', 'blind', 'place', 'in'))}
end
if state == 'posted' and shown == rev then return {'nothing'} end
if ARGV[4] == '1' and state == 'posted' then
	if not turn then
		turn = math.max(now, tonumber(redis.call('GET', KEYS[5]) or '0'))
		redis.call('SET', KEYS[5], turn + tonumber(ARGV[7]), 'PX', turn - now + 2 * tonumber(ARGV[7]))
		redis.call('HSET', KEYS[1], 'turn', turn)
	end
	if tonumber(turn) > now then return {'wait', tonumber(turn) - now} end
	local from = now + math.max(0, redis.call('PTTL', KEYS[6]))
	if not slot or (from > now and tonumber(slot) < from) then
		local all = string.find(place, '"user"', 1, true) and KEYS[8] or KEYS[7]
		slot = math.max(from, tonumber(redis.call('GET', all) or '0'))
		redis.call('SET', all, slot + tonumber(ARGV[8]), 'PX', slot - now + 2 * tonumber(ARGV[8]))
		redis.call('HSET', KEYS[1], 'slot', slot)
	end
	if tonumber(slot) > now then return {'wait', tonumber(slot) - now} end
	redis.call('HDEL', KEYS[1], 'turn', 'slot')
elseif ARGV[4] == '1' then
	local pause = redis.call('PTTL', KEYS[3])
	if pause > 0 then
		redis.call('HDEL', KEYS[1], 'turn')
		return {'wait', pause + 20}
	end
	if not turn then
		turn = math.max(now, tonumber(redis.call('GET', KEYS[2]) or '0'))
		redis.call('SET', KEYS[2], turn + tonumber(ARGV[5]), 'PX', turn - now + 2 * tonumber(ARGV[5]))
		redis.call('HSET', KEYS[1], 'turn', turn)
	end
	if tonumber(turn) > now then return {'wait', tonumber(turn) - now} end
	local sent = redis.call('PTTL', KEYS[4])
	if sent > 0 then return {'wait', sent + 5} end
	redis.call('HDEL', KEYS[1], 'turn')
	redis.call('SET', KEYS[4], '1', 'PX', ARGV[6])
end
redis.call('HSET', KEYS[1], 'holder', ARGV[1], 'until', now + tonumber(ARGV[2]))
redis.call('HSETNX', KEYS[1], 'firstAt', now)
local what = 'post'
if state == 'posted' then
	what = 'edit'
	redis.call('HSET', KEYS[1], 'state', 'editing')
else
	redis.call('HSET', KEYS[1], 'state', 'posting')
	redis.call('HINCRBY', KEYS[1], 'sends', 1)
end
return {what, unpack(redis.call('HMGET', KEYS[1], 'rev', 'place', 'want', 'in', 'ts', 'url', 'stage', 'blind'))}`;

// That it stands is a fact, whoever says it. A second ts is a second message: counted, never hidden. What it said, and the
// URL to answer at, leave Redis as soon as Slack shows it.
const POSTED = `
local known = redis.call('HGET', KEYS[1], 'ts')
if known and known ~= ARGV[2] then redis.call('HINCRBY', KEYS[2], 'doubled', 1) return 0 end
if redis.call('HGET', KEYS[1], 'state') == 'gone' then return 0 end
redis.call('HSET', KEYS[1], 'state', 'posted', 'in', ARGV[1], 'ts', ARGV[2])
if tonumber(redis.call('HGET', KEYS[1], 'shown') or '0') < tonumber(ARGV[3]) then redis.call('HSET', KEYS[1], 'shown', ARGV[3]) end
redis.call('HDEL', KEYS[1], 'holder', 'until', 'unknownAt')
local rev, shown = unpack(redis.call('HMGET', KEYS[1], 'rev', 'shown'))
if rev == shown then redis.call('HDEL', KEYS[1], 'want', 'url') end
return 1`;

// Only the holder may say how its own attempt ended.
const ENDED = `
if redis.call('HGET', KEYS[1], 'holder') ~= ARGV[1] then return 0 end
local t = redis.call('TIME')
redis.call('HDEL', KEYS[1], 'holder', 'until')
if ARGV[2] ~= 'still unknown' then redis.call('HSET', KEYS[1], 'state', ARGV[2]) end
if ARGV[2] == 'gone' then redis.call('HDEL', KEYS[1], 'want', 'url') end
if ARGV[2] == 'unknown' then redis.call('HSET', KEYS[1], 'unknownAt', t[1] * 1000 + math.floor(t[2] / 1000)) end
if ARGV[3] ~= '' then redis.call('HINCRBY', KEYS[1], 'blind', 1) redis.call('HINCRBY', KEYS[2], ARGV[3], 1) end
return 1`;

const WITHDRAW = `
local state, sends = unpack(redis.call('HMGET', KEYS[1], 'state', 'sends'))
if not state then return 'never' end
if state ~= 'intended' or sends then return 'stands' end
redis.call('HSET', KEYS[1], 'state', 'gone')
redis.call('HDEL', KEYS[1], 'want', 'url')
return 'withdrawn'`;

export type Store = ReturnType<typeof store>;

/**
 * Everything kept in Redis beside the queues. `client` waits for Redis to come back; callers that may not wait have a
 * budget of their own.
 */
export function store(client: Redis) {
	const key = (kind: string, id: string): string => `${PREFIX}:${kind}:${id}`;
	const counters = key('count', 'messages');

	return {
		/**
		 * Says what a message should show. `stage` rises with every new content: a repeat after a crash, or one that comes
		 * late, has a stage that is there already and changes nothing. Returns the revision to deliver, undefined when
		 * there is nothing to deliver.
		 */
		async want(
			id: string,
			place: Place,
			content: Content,
			stage: number,
			responseUrl = '',
		): Promise<number | undefined> {
			const args = [JSON.stringify(place), JSON.stringify(content), stage, KEEP_MS, responseUrl];
			const [rev, due] = z.tuple([z.number(), z.number()]).parse(await script(client, WANT, [key('msg', id)], args));
			return due === 1 ? rev : undefined;
		},

		/** `line`: whose pace it keeps (a channel), undefined for answers by `response_url`, which have none. */
		async begin(id: string, holder: string, line: string | undefined): Promise<Turn> {
			const keys = [
				key('msg', id),
				...['turn', 'pause', 'sent', 'turn-edit'].map((kind) => key(kind, line ?? '-')),
				...['pause', 'cards', 'asked'].map((kind) => key('edits', kind)),
			];
			const pace = [SPACING_MS, UNDER_WAY_MS, EDIT_SPACING_MS, ALL_EDITS_SPACING_MS];
			const args = [holder, LEASE_MS, GRACE_MS, line === undefined ? '0' : '1', ...pace];
			const raw = z.array(z.union([z.string(), z.number(), z.null()])).parse(await script(client, BEGIN, keys, args));
			const [what, ...rest] = raw;
			const text = (at: number): string | undefined => (rest[at] === null ? undefined : String(rest[at]));
			if (what === 'wait') return { do: 'wait', ms: Number(rest[0]) };
			if (what === 'look')
				return {
					do: 'look',
					since: Number(rest[0] ?? 0),
					blind: Number(rest[1] ?? 0),
					place: placeSchema.parse(JSON.parse(text(2) ?? '')),
					in: text(3),
				};
			if (what !== 'post' && what !== 'edit') return { do: 'nothing' };
			const rev = Number(rest[0]);
			const place = placeSchema.parse(JSON.parse(text(1) ?? ''));
			const content = contentSchema.parse(JSON.parse(text(2) ?? ''));
			if (what === 'post')
				return { do: 'post', rev, place, content, responseUrl: text(5), blind: Number(rest[7] ?? 0) };
			return { do: 'edit', rev, stage: Number(rest[6]), place, content, in: text(3) ?? '', ts: text(4) ?? '' };
		},

		/** The post of this turn came back, however it ended. */
		async sent(line: string): Promise<void> {
			await client.set(key('sent', line), '1', 'PX', AFTER_MS);
		},
		/** It stands in Slack: `channel` is where Slack put it (a direct message has its own). */
		async posted(id: string, channel: string, ts: string, rev: number): Promise<void> {
			await script(client, POSTED, [key('msg', id), counters], [channel, ts, rev]);
		},
		/** The attempt had no effect: the message is as before. `counted`: name of the counter it adds to. */
		async notSent(id: string, holder: string, was: 'intended' | 'posted', counted = ''): Promise<void> {
			await script(client, ENDED, [key('msg', id), counters], [holder, was, counted]);
		},
		async unknown(id: string, holder: string): Promise<void> {
			await script(client, ENDED, [key('msg', id), counters], [holder, 'unknown', '']);
		},
		/** Looking was not possible this time: still unknown, and no new grace. */
		async unknownStill(id: string, holder: string): Promise<void> {
			await script(client, ENDED, [key('msg', id), counters], [holder, 'still unknown', '']);
		},
		/** Its place is closed or somebody removed it: the end. */
		async gone(id: string, holder: string, counted = ''): Promise<void> {
			await script(client, ENDED, [key('msg', id), counters], [holder, 'gone', counted]);
		},
		/** The message goes somewhere else instead, or `channel` is where this place really is. Before it stands. */
		async moveTo(id: string, place: Place, channel?: string): Promise<void> {
			const fields = { place: JSON.stringify(place), ...(channel === undefined ? {} : { in: channel }) };
			await client.hset(key('msg', id), fields);
		},
		/** Whether a message was removed or its place closed. */
		async isGone(id: string): Promise<boolean> {
			return (await client.hget(key('msg', id), 'state')) === 'gone';
		},
		/**
		 * Where a message stands in Slack. `gone`: it was removed, or (without `ts`) its place would never take it. Undefined: not
		 * yet, or nobody wants it.
		 */
		async standing(id: string): Promise<{ channel: string; ts: string | undefined; gone: boolean } | undefined> {
			const [state, channel, ts] = await client.hmget(key('msg', id), 'state', 'in', 'ts');
			if (state !== 'gone' && !ts) return undefined;
			return { channel: channel ?? '', ts: ts ?? undefined, gone: state === 'gone' };
		},
		/** Takes a message back that nobody has begun to send. `stands`: too late, or it may stand. `never`: nobody wanted it. */
		async withdraw(id: string): Promise<'withdrawn' | 'stands' | 'never'> {
			return z.enum(['withdrawn', 'stands', 'never']).parse(await script(client, WITHDRAW, [key('msg', id)], []));
		},
		/** Slack asked for a pause of all edits, in whatever channel. */
		async pauseEdits(ms: number): Promise<void> {
			await client.set(key('edits', 'pause'), '1', 'PX', Math.max(1, Math.ceil(ms)));
		},
		/** Slack asked for a pause of posts in this channel. */
		async pause(line: string, ms: number): Promise<void> {
			await client.set(key('pause', line), '1', 'PX', Math.max(1, Math.ceil(ms)));
		},
		/** `doubled`: posts we know stand twice; `blindPosts`: sent again where the history could not be read. */
		async counts(): Promise<Record<string, string>> {
			return client.hgetall(counters);
		},

		/** At most one `true` per `everyMs` over all processes: for polls of one environment. */
		async take(what: string, everyMs: number): Promise<boolean> {
			return (await client.set(key('take', what), '1', 'PX', everyMs, 'NX')) === 'OK';
		},

		/** What people and channels chose with `/dag env`. */
		choices: {
			async environment(at: { channel: string; user: string }) {
				const [channel, user] = await client.hmget(key('choice', 'env'), `c:${at.channel}`, `u:${at.user}`);
				return { channel: channel ?? undefined, user: user ?? undefined };
			},
			async choose(scope: { channel: string } | { user: string }, env: string | undefined) {
				const field = 'channel' in scope ? `c:${scope.channel}` : `u:${scope.user}`;
				if (env === undefined) await client.hdel(key('choice', 'env'), field);
				else await client.hset(key('choice', 'env'), field, env);
			},
		},

		/** Keeps words that are too long for a button under a short key; the same words have the same key. */
		async keepWords(words: string, keepMs = KEEP_MS): Promise<string> {
			const short = createHash('sha256').update(words).digest('hex').slice(0, 24);
			await client.set(key('words', short), words, 'PX', keepMs);
			return short;
		},
		async words(short: string): Promise<string | undefined> {
			return (await client.get(key('words', short))) ?? undefined;
		},

		/** A job that ended a worker again and again was set aside. */
		async quarantine(id: string, what: string): Promise<void> {
			await client.hset(key('quarantine', 'jobs'), id, what);
		},
		async quarantined(): Promise<Record<string, string>> {
			return client.hgetall(key('quarantine', 'jobs'));
		},
	};
}
