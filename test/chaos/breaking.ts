import { setTimeout as sleep } from 'node:timers/promises';
import type { BotProcess, House } from '../faults/house.ts';

export type Tally = { kills: number; stops: number; slackKills: number; slackStops: number; redisKills: number };

type Way = {
	part: 'slack' | 'worker';
	/** So many of them are there when none was hit. */
	count: number;
	env: Record<string, string>;
	/** Least and most time between two hits, in starts of a process: on a slow machine they are as far from each other as its processes are. */
	pause: readonly [number, number];
	/** Share of kills; the others are stopped. */
	kills: number;
	/** Least and most time that one is stopped. */
	stopMs: readonly [number, number];
	/** Whether another one starts in the place of one that is stopped; it then ends soon after it went on. */
	replaced: boolean;
	hit(how: 'kill' | 'stop'): void;
};

/** Whether everything was hit in every way. */
export const allHit = (tally: Tally): boolean => Object.values(tally).every((times) => times > 0);

/** What a start takes is measured; it counts as no less and no more than this. */
const START_MS = { least: 900, most: 3000 };
/** How often the next one is hit though the last one's successor is not there yet. */
const AT_ONCE = 0.4;
/** What wakes up with stale leases shows within this time what it does with them. */
const AWAKE_MS = 3000;

/**
 * Starts the processes of one part; what it resolves to hits one after the other with kill -9 or SIGSTOP until `over`. At times the
 * next one is hit before the last one's successor is there, so that there is none at all.
 */
export async function startAndBreak(
	house: House,
	way: Way,
	random: () => number,
	over: AbortSignal,
): Promise<() => Promise<void>> {
	const { part, env } = way;
	const alive: BotProcess[] = [];
	const frozen = new Set<BotProcess>();
	const pending = new Set<Promise<void>>();
	let startMs = START_MS.least;
	let hits = 0;
	const between = ([least, most]: readonly [number, number]): number => least + (most - least) * random();
	const later = (work: Promise<void>): void => {
		const one = work.finally(() => pending.delete(one));
		pending.add(one);
	};
	let starting = 0;
	const start = async (): Promise<void> => {
		const began = performance.now();
		starting++;
		alive.push(await house.start(part, env));
		starting--;
		const took = (startMs + performance.now() - began) / 2;
		startMs = Math.min(START_MS.most, Math.max(START_MS.least, took));
	};
	const remove = (one: BotProcess): void => void alive.splice(alive.indexOf(one), 1);
	const stop = async (victim: BotProcess): Promise<void> => {
		victim.freeze();
		frozen.add(victim);
		await sleep(between(way.stopMs));
		victim.thaw();
		frozen.delete(victim);
		if (!way.replaced) return;
		await sleep(AWAKE_MS);
		await victim.kill();
	};
	const hit = async (): Promise<void> => {
		const up = alive.filter((one) => !frozen.has(one));
		const victim = up[Math.floor(random() * up.length)];
		if (!victim) return;
		// One of each first, so that no run is without.
		const kills = hits < 2 ? hits === 0 : random() < way.kills;
		hits++;
		way.hit(kills ? 'kill' : 'stop');
		if (kills) await victim.kill();
		else later(stop(victim));
		if (!kills && !way.replaced) return;
		remove(victim);
		later(start());
	};

	await Promise.all(Array.from({ length: way.count }, start));
	return async () => {
		while (!over.aborted) {
			await sleep(startMs * between(way.pause));
			if (!over.aborted && (starting === 0 || random() < AT_ONCE)) await hit();
		}
		while (pending.size > 0) await Promise.all(pending);
	};
}

/**
 * Redis is killed and started again with what lies on its disk, then frozen, then killed again, until `over`; not before a process could
 * start since, because on a slow machine none ever would.
 */
export async function breakRedis(
	{ redis, bots }: House,
	random: () => number,
	over: AbortSignal,
	killed: () => void,
): Promise<void> {
	await sleep(3000 + random() * 3000);
	for (let known = -1; !over.aborted; known = bots().length) {
		while (bots().length === known && !over.aborted) await sleep(200);
		if (over.aborted) return;
		killed();
		await redis.kill();
		await sleep(300 + random() * 700);
		await redis.restart();
		await sleep(4000 + random() * 3000);
		if (over.aborted) return;
		redis.freeze();
		await sleep(1500 + random() * 1500);
		redis.thaw();
		await sleep(6000 + random() * 6000);
	}
}
