import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import type { Protection } from '../../src/config.ts';
import type { SimDag } from '../../src/sandbox/airflow/types.ts';
import type { Workspace } from '../../src/sandbox/slack/types.ts';
import { openHouse, postsOf } from '../faults/house.ts';
import type { House } from '../faults/house.ts';
import { allHit, breakRedis, startAndBreak } from './breaking.ts';
import { attemptsOfWrong, count, ranAgain } from './count.ts';
import type { Seen } from './count.ts';
import { failedTries, failingDags, planFailures } from './failing.ts';
import { wrongCards } from './shown.ts';
import { doubledCards, told } from './told.ts';
import { CHANNELS, typeUntilAccepted } from './typing.ts';
import type { Attempt, Typing } from './typing.ts';

export type ChaosOptions = {
	seed: number;
	commands: number;
	/** Failed tries to be made. */
	failures: number;
	/** A protection to switch off. */
	breaks?: Protection | undefined;
	/** REST API generation of the Airflow stand-in. */
	api?: 1 | 2;
	/** Share of each kind of fault on each method; 0.04. */
	faultRate?: number;
	/** Whether processes and Redis are killed and stopped; true. */
	hits?: boolean;
	/** How long nothing may change before what is missing counts as lost; 30 s. */
	calmMs?: number;
	say: (line: string) => void;
};

/** The counts come from what the stand-ins saw, never from the bot's own records. */
export type ChaosResult = {
	seed: number;
	commands: number;
	commandsLost: number;
	runsDoubled: number;
	messagesLost: number;
	messagesDoubled: number;
	/** Failed tries by the stand-in's own list; each is to be told once in what stands in Slack at the end. */
	failures: number;
	failuresLost: number;
	failuresDoubled: number;
	/** Messages that stand and do not show how their run ended. */
	messagesStale: number;
	/** Cards of a cause that has one in the same channel. */
	cardsDoubled: number;
	/** Cards that stand and are not what their stored state comes to, and stored states that are not Airflow's. */
	cardsWrong: number;
	/** Of workers, by kill -9 and by SIGSTOP. */
	kills: number;
	stops: number;
	slackKills: number;
	slackStops: number;
	redisKills: number;
	faults: number;
	deliveries: number;
	/** Commands that nobody acknowledged, handed in again by Slack under the same trigger id. */
	repeated: number;
	/** Commands that were not accepted, or for which nobody answered, typed again as a person would. */
	retyped: number;
	/** Of those, the ones that had been accepted after all: each time is a command of its own. */
	ranAgain: number;
	seconds: number;
};

/** All that must not be. */
export const wrongs = (result: ChaosResult): number =>
	result.commandsLost +
	result.runsDoubled +
	result.messagesLost +
	result.messagesDoubled +
	result.messagesStale +
	result.failuresLost +
	result.failuresDoubled +
	result.cardsDoubled +
	result.cardsWrong;

const WORKERS = {
	part: 'worker',
	count: 2,
	pause: [0.4, 1.4],
	kills: 0.7,
	// Past the lock (5 s) and the lease (6 s); another one takes over meanwhile.
	stopMs: [5500, 8500],
	replaced: true,
} as const;
const SLACK_SIDE = {
	part: 'slack',
	count: 2,
	pause: [1.5, 4.5],
	kills: 0.6,
	// From less than Slack waits for an ack (3 s) to well past it.
	stopMs: [1500, 7000],
	replaced: false,
} as const;
/** Of each kind, on each method that has an effect or decides one. */
const FAULT_RATE = 0.04;
const CALM_MS = 30_000;
/** How long the last commands and failures wait at most until everything was hit in every way. */
const BREAKING_MS = 60_000;
/** Where failures are told: a channel for each kind and each DAG of it, so that Slack's pace for one channel does not set the run's. */
const TELLING = failingDags.map(({ dag }, n) => ({ dag: dag.id, channel: `C0FAIL${String(n).padStart(2, '0')}` }));
const channelOf = (dag: string): string | undefined => TELLING.find((one) => one.dag === dag)?.channel;
const SETTINGS = `watch: { everySeconds: 2 }
alerts:
  tries: all
  channel: C0FAIL00
  adminChannel: C0ADMIN
  routes:
${TELLING.map(({ dag, channel }) => `    - { dags: [${dag}], channels: [${channel}] }\n`).join('')}`;
const KINDS = ['429', '500', '500-after-effect', 'reset-after-effect', 'slow-after-effect'] as const;

const quick: SimDag = {
	id: 'quick',
	owner: 'chaos',
	tags: [],
	file: 'quick.py',
	maxActiveRuns: 1000,
	tasks: [{ id: 'work', operator: 'PythonOperator', ms: 300 }],
};

/** mulberry32: small, seeded, good enough to spread faults. */
function randomOf(seed: number): () => number {
	let a = seed >>> 0;
	return () => {
		a = (a + 0x6d2b79f5) >>> 0;
		let t = Math.imul(a ^ (a >>> 15), a | 1);
		t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
		return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
	};
}

function workspace(): Workspace {
	const users = Array.from({ length: 5 }, (_, i) => ({
		id: `U0CHAOS0${i}`,
		name: `person${i}`,
		realName: `Person ${i}`,
		locale: i % 2 === 0 ? 'en-US' : 'ja-JP',
		tz: 'Etc/UTC',
	}));
	return {
		name: 'Chaos',
		users,
		groups: [],
		channels: [
			...Array.from({ length: CHANNELS }, (_, i) => `C0CHAOS${String(i).padStart(2, '0')}`),
			...TELLING.map(({ channel }) => channel),
			'C0ADMIN',
		].map((id) => ({
			id,
			name: id.toLowerCase(),
			kind: 'public' as const,
			members: ['bot', ...users.map((user) => user.id)],
		})),
	};
}

/**
 * Types commands while workers are killed and stopped, Redis is killed and frozen, and Slack and Airflow answer late,
 * wrongly or not at all; then waits for calm and counts.
 */
export async function chaos(options: ChaosOptions): Promise<ChaosResult> {
	const { seed, commands, say } = options;
	const started = performance.now();
	const random = randomOf(seed);
	const house = await openHouse({
		// Slack's own waits are 0, 1 and 5 minutes.
		slack: { seed, workspace: workspace(), eventRetryMs: [0, 3000, 9000] },
		airflow: { seed, dags: [quick, ...failingDags.map(({ dag }) => dag)], api: options.api ?? 2 },
		...(options.failures > 0 ? { settings: SETTINGS } : {}),
	});
	try {
		return await run(house, options, random, started);
	} finally {
		await house.close();
		say(`seed ${seed}: ${commands} commands in ${((performance.now() - started) / 1000).toFixed(0)} s`);
	}
}

async function run(
	house: House,
	{ seed, commands, failures, breaks, say, faultRate = FAULT_RATE, calmMs = CALM_MS, hits = true }: ChaosOptions,
	random: () => number,
	started: number,
): Promise<ChaosResult> {
	const { slack, airflow } = house;
	const env: Record<string, string> = {
		LOG_LEVEL: 'warn',
		...(breaks === undefined ? {} : { CONCERTMASTER_BREAK: breaks }),
	};
	const over = new AbortController();
	const tally = { kills: 0, stops: 0, slackKills: 0, slackStops: 0, redisKills: 0 };
	const breakers = await Promise.all([
		startAndBreak(
			house,
			{
				...WORKERS,
				env,
				hit: (how) => void (how === 'kill' ? tally.kills++ : tally.stops++),
			},
			random,
			over.signal,
		),
		startAndBreak(
			house,
			{
				...SLACK_SIDE,
				env,
				hit: (how) => void (how === 'kill' ? tally.slackKills++ : tally.slackStops++),
			},
			random,
			over.signal,
		),
	]);

	for (const kind of KINDS) {
		for (const method of [
			'chat.postMessage',
			'chat.update',
			'conversations.history',
			'conversations.replies',
			'users.info',
		])
			slack.faults({ method, kind, rate: faultRate, slowMs: 5500 });
		for (const op of ['trigger', 'run', 'runs', 'tasks', 'task', 'tries', 'log'] as const)
			airflow.faults({ op, kind, rate: faultRate, slowMs: 4000 });
	}

	if (failures > 0) await watching(house);
	const broken = hits
		? [...breakers.map((breakThem) => breakThem()), breakRedis(house, random, over.signal, () => tally.redisKills++)]
		: [];
	const attempts: Attempt[] = [];
	const typed = { deliveries: 0, repeated: 0, retyped: 0 };
	const typing: Typing = {
		slack,
		random,
		attempts,
		tally: typed,
		hasRun: (n) => hasRun(house, n),
		ran: (key) => airflow.run('quick', `slack__${key}`) !== undefined,
	};
	// On a slow machine the last third waits for what is to break.
	const until = performance.now() + BREAKING_MS;
	const turn = async (n: number, of: number): Promise<void> => {
		if (!hits || n <= (2 * of) / 3) return;
		while (!allHit(tally) && performance.now() < until) await sleep(200);
	};
	const failing = failFor(house, planFailures(failures, random), random, turn);
	const perSecond = Math.max(2, commands / 30);
	const typists: Promise<void>[] = [];
	for (let n = 1; n <= commands; n++) {
		await turn(n, commands);
		typists.push(typeUntilAccepted(n, typing));
		await sleep(1000 / perSecond);
	}
	await Promise.all([...typists, failing]);
	over.abort();
	await Promise.all(broken);
	say(
		`  typed ${commands} in ${((performance.now() - started) / 1000).toFixed(0)} s: of the workers ${tally.kills} kills and ${tally.stops} stops, ` +
			`of the Slack side ${tally.slackKills} and ${tally.slackStops}, ${tally.redisKills} Redis kills, ` +
			`${typed.deliveries} deliveries, ${typed.repeated} handed in again, ${typed.retyped} typed again`,
	);
	// The faults end with the typing; what is still unknown must come to rest by itself.
	slack.clearFaults();
	airflow.clearFaults();
	await untilCalm(house, attempts, calmMs);

	const seen = count(house, attempts);
	const cards = await wrongCards(house);
	const doubledIncidents = doubledCards(slack);
	const telling = told(slack, failedTries(airflow), channelOf);
	for (const one of [
		...telling.lost.map((name) => `lost: ${name}`),
		...telling.doubled.map((name) => `doubled: ${name}`),
		...doubledIncidents.map((name) => `two cards: ${name}`),
		...cards,
	])
		say(`  ${one}`);
	if (Object.values(seen).some((one) => one > 0)) {
		for (const line of attemptsOfWrong(house, attempts)) say(`  ${line}`);
		await explain(house, seen, say);
	}
	return {
		seed,
		commands,
		...seen,
		failures: failedTries(airflow).length,
		failuresLost: telling.lost.length,
		failuresDoubled: telling.doubled.length,
		cardsDoubled: doubledIncidents.length,
		cardsWrong: cards.length,
		...tally,
		faults: Object.values(slack.counts().faults).reduce((sum, one) => sum + one, 0),
		...typed,
		ranAgain: ranAgain(house),
		seconds: Number(((performance.now() - started) / 1000).toFixed(1)),
	};
}

/** Until the watch has looked once: what failed before its first start is nobody's news. */
async function watching({ airflow }: House): Promise<void> {
	await airflow.until(() => airflow.calls('runs').length > 0 && airflow.calls('tasks').length > 0, 60_000);
	await sleep(2000);
}

/** Runs of the failing DAGs, spread over the time in which things break. */
async function failFor(
	{ airflow }: House,
	plan: readonly SimDag[],
	random: () => number,
	turn: (n: number, of: number) => Promise<void>,
): Promise<void> {
	const gapMs = Math.min(250, 25_000 / Math.max(1, plan.length));
	for (const [n, { id }] of plan.entries()) {
		await turn(n + 1, plan.length);
		airflow.foreignRun({ dag: id, run: `f${n}` });
		await sleep(gapMs * (0.5 + random()));
	}
}

const hasRun = ({ airflow }: House, n: number): boolean =>
	airflow.started().some(({ dag, run }) => Number(airflow.run(dag, run)?.conf['n']) === n);

/** Until every command has its run and its final message and every failed try is told, or nothing has changed for so long. */
async function untilCalm(house: House, attempts: readonly Attempt[], calmMs: number): Promise<void> {
	let last = '';
	let since = performance.now();
	for (;;) {
		const seen = count(house, attempts);
		const running = house.airflow.runs().filter(({ state }) => state === 'queued' || state === 'running').length;
		const untold = told(house.slack, failedTries(house.airflow), channelOf).lost.length;
		const missing = seen.commandsLost + seen.messagesLost + seen.messagesStale + running + untold;
		const cards = missing === 0 ? await wrongCards(house) : [];
		if (missing + cards.length === 0) break;
		const now = JSON.stringify([seen, running, untold, cards]);
		if (now !== last) since = performance.now();
		last = now;
		if (performance.now() - since > calmMs) return;
		await sleep(500);
	}
	// A late double would come from an attempt that is still under way: longer than the lease and one call.
	await sleep(7000);
}

/** What the bot itself remembers of the messages that went wrong, for whoever has to find out why. */
async function explain({ slack, airflow, redis, bots }: House, seen: Seen, say: (line: string) => void): Promise<void> {
	say(`  wrong: ${JSON.stringify(seen)}`);
	const client = new Redis(redis.url);
	const posts = postsOf(slack);
	for (const { dag, run, at } of airflow.started()) {
		const key = run.replace(/^slack__/, '');
		const message = slack.allMessages().find((one) => one.metadata?.event_payload['key'] === key);
		if (posts.get(key) === 1 && message && /succeeded|成功/.test(message.text)) continue;
		say(
			`  run ${key} n=${String(airflow.run(dag, run)?.conf['n'])} ${airflow.run(dag, run)?.state} at ${new Date(at).toISOString()}`,
		);
		say(`    posts ${posts.get(key) ?? 0}, text ${JSON.stringify(message?.text)}, edits ${message?.edits.length}`);
		say(`    message ${JSON.stringify(await client.hgetall(`{concertmaster}:msg:${key}`))}`);
		for (const job of [`commands:${key}`, `follows:f-${key}`, `deliveries:${key}-1`, `deliveries:${key}-2`])
			say(`    ${job} ${JSON.stringify(await client.hgetall(`{concertmaster}:${job}`))}`);
		for (const line of bots()
			.flatMap((bot) => bot.log().split('\n'))
			.filter((one) => one.includes(key)))
			say(`    ${line}`);
	}
	client.disconnect();
}
