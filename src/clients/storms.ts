import { z } from 'zod';
import type { Destination } from '../alerts/about.ts';
import type { FailedTry } from '../alerts/incident.ts';
import type { Page } from '../alerts/pages.ts';
import type { StormLine } from '../alerts/storm.ts';
import type { Redis } from './base/redis.ts';
import { PREFIX } from './base/redis.ts';
import { script } from './base/script.ts';

export type Storms = ReturnType<typeof storms>;

/** New cards in one conversation within this time that are one each; what comes on top is a storm. */
const WINDOW_MS = 60_000;
export const MOST_CARDS = 24;
/** A storm is over once no new incident came for so long. */
const CALM_MS = 3 * 60_000;
const KEEP_MS = 30 * 24 * 3600_000;

// Which digest an incident goes into, decided once. KEYS: digests of the incident, recent cards of the channel, its storm.
// ARGV: channel, incident, new storm's id, window, most, calm, keep.
const ASSIGN = `
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local had = redis.call('HGET', KEYS[1], ARGV[1])
if had then return {had} end
local storm = redis.call('GET', KEYS[3])
local others = {}
if not storm then
	redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now - tonumber(ARGV[4]))
	redis.call('ZADD', KEYS[2], 'NX', now, ARGV[2])
	redis.call('PEXPIRE', KEYS[2], ARGV[4])
	if redis.call('ZCARD', KEYS[2]) <= tonumber(ARGV[5]) then return {''} end
	storm = ARGV[3]
	others = redis.call('ZRANGE', KEYS[2], 0, -1)
end
redis.call('SET', KEYS[3], storm, 'PX', ARGV[6])
redis.call('HSET', KEYS[1], ARGV[1], storm)
redis.call('PEXPIRE', KEYS[1], ARGV[7])
return {storm, unpack(others)}`;

// Each failed try once: only what follows on those that are there. KEYS: the storm, its lines, its rows.
// ARGV: incident, from, line, keep, then rows.
const ADD = `
local upto = tonumber(redis.call('HGET', KEYS[1], 'upto:' .. ARGV[1]) or '0')
if upto ~= tonumber(ARGV[2]) then return {0, 0} end
for i = 5, #ARGV do redis.call('RPUSH', KEYS[3], ARGV[i]) end
redis.call('HSET', KEYS[1], 'upto:' .. ARGV[1], upto + #ARGV - 4)
redis.call('HSET', KEYS[2], ARGV[1], ARGV[3])
local rev = redis.call('HINCRBY', KEYS[1], 'rev', 1)
local due = redis.call('HSETNX', KEYS[1], 'due', '1')
for i = 1, 3 do redis.call('PEXPIRE', KEYS[i], ARGV[4]) end
return {rev, due}`;

/** What of a storm stands in its conversation. */
export type StormTold = { pages: Page[]; full: number; last: number; saidAt: number; said: number };

export type StormReading = {
	id: string;
	destination: Destination;
	openedAt: number;
	lines: readonly StormLine[];
	/** Failed tries in all. */
	tries: number;
	rev: number;
	told: StormTold;
};

// Written by us; see incidents/stored.ts.
const object = <T>(): z.ZodType<T> => z.custom<T>((value) => typeof value === 'object' && value !== null);
const destinationJson = object<Destination>();
const lineJson = object<StormLine>();
const rowJson = object<FailedTry>();
const toldJson = object<StormTold>();
const UNTOLD: StormTold = { pages: [], full: 0, last: 0, saidAt: 0, said: 0 };

/**
 * When more incidents begin in one conversation than anybody can read, the rest are lines of one digest: who is in it, and the
 * list of all their failed tries.
 */
export function storms(client: Redis, now: () => number) {
	const key = (kind: string, id: string): string => `${PREFIX}:${kind}:${id}`;
	const [storm, lines, rows] = [
		(id: string) => key('storm', id),
		(id: string) => key('storm-lines', id),
		(id: string) => key('storm-rows', id),
	];
	const ofIncident = (id: string): string => key('inc-digests', id);
	const pair = z.tuple([z.number(), z.number()]);

	return {
		/**
		 * Which digest an incident that is new to a channel goes into; undefined: it has a card of its own. `others`: at the beginning of a
		 * storm, those that came just before, whose cards may still be taken back.
		 */
		async assign(
			{ channel }: Destination,
			incident: string,
			newId: string,
		): Promise<{ storm: string | undefined; others: readonly string[] }> {
			const keys = [ofIncident(incident), key('fresh', channel), key('storm-now', channel)];
			const args = [channel, incident, newId, WINDOW_MS, MOST_CARDS, CALM_MS, KEEP_MS];
			const [found = '', ...others] = z.array(z.string()).parse(await script(client, ASSIGN, keys, args));
			return { storm: found === '' ? undefined : found, others: others.filter((one) => one !== incident) };
		},
		/** Its card was taken back: it goes into the digest instead. */
		async absorb({ channel }: Destination, incident: string, id: string): Promise<void> {
			await client.hsetnx(ofIncident(incident), channel, id);
			await client.pexpire(ofIncident(incident), KEEP_MS);
		},
		/** It has a card after all, which was sent before. */
		async leave({ channel }: Destination, incident: string): Promise<void> {
			await client.hdel(ofIncident(incident), channel);
		},
		/** Digests an incident is in, by channel. */
		async of(incident: string): Promise<Record<string, string>> {
			return client.hgetall(ofIncident(incident));
		},
		async open(id: string, destination: Destination): Promise<void> {
			await client.hsetnx(storm(id), 'destination', JSON.stringify(destination));
			await client.hsetnx(storm(id), 'openedAt', now());
		},
		/** How many failed tries of this incident it has. */
		async upto(id: string, incident: string): Promise<number> {
			return Number((await client.hget(storm(id), `upto:${incident}`)) ?? 0);
		},
		/** Takes in the next failed tries of an incident; undefined: others were faster. */
		async add(
			id: string,
			line: StormLine,
			from: number,
			tries: readonly FailedTry[],
		): Promise<{ rev: number; due: boolean } | undefined> {
			const args = [line.incident, from, JSON.stringify(line), KEEP_MS, ...tries.map((one) => JSON.stringify(one))];
			const made = await script(client, ADD, [storm(id), lines(id), rows(id)], args);
			const [rev, due] = pair.parse(made);
			return rev === 0 ? undefined : { rev, due: due === 1 };
		},
		/** For the one who brings its digest up to date. */
		async take(id: string): Promise<StormReading | undefined> {
			await client.hdel(storm(id), 'due');
			const [destination, openedAt, rev, told] = await client.hmget(
				storm(id),
				'destination',
				'openedAt',
				'rev',
				'told',
			);
			if (!destination) return undefined;
			const all = await client.hvals(lines(id));
			return {
				id,
				destination: destinationJson.parse(JSON.parse(destination)),
				openedAt: Number(openedAt ?? 0),
				lines: all.map((text) => lineJson.parse(JSON.parse(text))),
				tries: await client.llen(rows(id)),
				rev: Number(rev ?? 0),
				told: told ? toldJson.parse(JSON.parse(told)) : UNTOLD,
			};
		},
		async rows(id: string, from: number, count: number): Promise<FailedTry[]> {
			if (count <= 0) return [];
			return (await client.lrange(rows(id), from, from + count - 1)).map((text) => rowJson.parse(JSON.parse(text)));
		},
		async told(id: string, told: StormTold): Promise<void> {
			await client.hset(storm(id), 'told', JSON.stringify(told));
		},
	};
}
