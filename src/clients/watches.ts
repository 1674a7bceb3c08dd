import { z } from 'zod';
import type { OwnManners } from '../alerts/options.ts';
import type { Mute } from '../alerts/mutes.ts';
import type { Watch } from '../alerts/routes.ts';
import type { Redis } from './base/redis.ts';
import { PREFIX } from './base/redis.ts';
import { script } from './base/script.ts';

export type Watches = ReturnType<typeof watches>;

/** How old what `heard` answers may be: a storm asks thousands of times, a mute takes hold within this. */
const FRESH_MS = 1000;

// A command that is carried out again after the death of a worker finds that it was itself.
const REMOVE = `
if redis.call('HDEL', KEYS[1], ARGV[1]) == 1 then
	redis.call('SET', KEYS[2], '1', 'EX', 86400)
	return 1
end
return redis.call('EXISTS', KEYS[2])`;

const key = (what: string): string => `${PREFIX}:${what}`;

const subject = z.object({ kind: z.enum(['dag', 'tag', 'owner', 'cause', 'incident']), pattern: z.string() });
const person = z.object({ user: z.string(), name: z.string() });
const within = z.array(z.string()).optional();
const watchSchema = z.object({
	id: z.string(),
	env: z.string(),
	channel: z.string(),
	subject,
	within,
	by: person,
	since: z.number(),
});
const muteSchema = z.object({
	id: z.string(),
	env: z.string(),
	subject,
	within,
	by: person,
	channel: z.string(),
	since: z.number(),
	until: z.number(),
	ticket: z.string().optional(),
});
const clock = z.string();
const mannersSchema = z.object({
	language: z.enum(['en', 'ja']).optional(),
	tries: z.enum(['last', 'all']).optional(),
	thread: z.boolean().optional(),
	recovery: z.boolean().optional(),
	quiet: z.union([z.literal('off'), z.object({ from: clock, to: clock, timeZone: z.string().optional() })]).optional(),
	digest: z
		.union([
			z.literal('off'),
			z.object({
				every: z.enum(['day', 'week']),
				at: clock,
				weekday: z.enum(['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat']),
				timeZone: z.string().optional(),
			}),
		])
		.optional(),
});

/**
 * What was said in Slack about who hears of what: watches, how a channel wants to hear, mutes. Three hashes in Redis, small
 * enough to be read whole. An entry that cannot be read (of a later version) is left out and left alone.
 */
export function watches(client: Redis, now: () => number) {
	const [WATCHES, MANNERS, MUTES] = [key('watches'), key('manners'), key('mutes')];
	const STOOD = key('mutes:stood');
	let held: { at: number; value: Promise<Heard> } | undefined;

	type Heard = { watches: Watch[]; manners: Map<string, OwnManners>; mutes: Mute[] };

	async function read(): Promise<Heard> {
		const [all, manners, mutes] = await Promise.all([
			client.hvals(WATCHES),
			client.hgetall(MANNERS),
			client.hvals(MUTES),
		]);
		return {
			watches: parsed(watchSchema, all).sort((a, b) => a.since - b.since || (a.id < b.id ? -1 : 1)),
			manners: new Map(
				Object.entries(manners).flatMap(([channel, text]): [string, OwnManners][] =>
					parsed(mannersSchema, [text]).map((one) => [channel, one]),
				),
			),
			mutes: parsed(muteSchema, mutes).sort((a, b) => a.until - b.until || (a.id < b.id ? -1 : 1)),
		};
	}

	const changed = (): void => {
		held = undefined;
	};

	return {
		/** Everything, at most a second old; this process's own changes at once. */
		heard(): Promise<Heard> {
			if (held && Math.abs(now() - held.at) < FRESH_MS) return held.value;
			const mine = { at: now(), value: read() };
			held = mine;
			mine.value.catch(() => {
				if (held === mine) held = undefined;
			});
			return mine.value;
		},

		/** False: that watch was there. */
		async watch(watch: Watch): Promise<boolean> {
			const added = await client.hsetnx(WATCHES, watch.id, JSON.stringify(watch));
			changed();
			return added === 1;
		},
		/** False: it was gone, and not by this command. `by`: the command's key. */
		async unwatch(id: string, by: string): Promise<boolean> {
			const removed = await script(client, REMOVE, [WATCHES, key(`removed:${by}`)], [id]);
			changed();
			return removed === 1;
		},

		async setManners(channel: string, manners: OwnManners): Promise<void> {
			await client.hset(MANNERS, channel, JSON.stringify(manners));
			changed();
		},

		/** In place of an earlier mute of the same id. */
		async mute(mute: Mute): Promise<void> {
			await client.hset(MUTES, mute.id, JSON.stringify(mute));
			changed();
		},
		/** False: it had ended, and not by this command. `by`: the command's key. */
		async endMute(id: string, by: string): Promise<boolean> {
			const removed = await script(client, REMOVE, [MUTES, key(`removed:${by}`)], [id]);
			changed();
			return removed === 1;
		},
		/** Mutes that stood the last time this was asked and stand no more, until they are forgotten. */
		async endedMutes(standing: readonly Mute[]): Promise<readonly { id: string; env: string }[]> {
			if (standing.length > 0) await client.hset(STOOD, Object.fromEntries(standing.map(({ id, env }) => [id, env])));
			const ids = new Set(standing.map(({ id }) => id));
			return Object.entries(await client.hgetall(STOOD)).flatMap(([id, env]) => (ids.has(id) ? [] : [{ id, env }]));
		},
		async forgetMutes(ids: readonly string[]): Promise<void> {
			if (ids.length > 0) await client.hdel(STOOD, ...ids);
		},
	};
}

function parsed<S extends z.ZodType>(schema: S, texts: readonly string[]): z.output<S>[] {
	return texts.flatMap((text) => {
		try {
			const read = schema.safeParse(JSON.parse(text));
			return read.success ? [read.data] : [];
		} catch {
			return [];
		}
	});
}
