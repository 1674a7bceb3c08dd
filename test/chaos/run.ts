import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import type { Protection } from '../../src/config.ts';
import type { SimDag } from '../../src/sandbox/airflow/types.ts';
import type { SandboxSlack, Workspace } from '../../src/sandbox/slack/types.ts';
import { openHouse, postsOf } from '../faults/house.ts';
import type { BotProcess, House } from '../faults/house.ts';
import { failedTries, failingDags, planFailures } from './failing.ts';
import { told } from './told.ts';

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
	kills: number;
	stops: number;
	redisKills: number;
	faults: number;
	deliveries: number;
	/** Commands the bot said it had not accepted, typed again as a person would. */
	retyped: number;
	seconds: number;
};

const CHANNELS = 60;
const WORKERS = 2;
/** Of each kind, on each method that has an effect or decides one. */
const FAULT_RATE = 0.04;
const CALM_MS = 30_000;
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
		slack: { seed, workspace: workspace() },
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
	{ seed, commands, failures, breaks, say, faultRate = FAULT_RATE, calmMs = CALM_MS }: ChaosOptions,
	random: () => number,
	started: number,
): Promise<ChaosResult> {
	const { slack, airflow, redis } = house;
	const env: Record<string, string> = {
		LOG_LEVEL: 'warn',
		...(breaks === undefined ? {} : { CONCERTMASTER_BREAK: breaks }),
	};
	await Promise.all([house.start('slack', env), house.start('slack', env)]);
	let workers: BotProcess[] = await Promise.all(Array.from({ length: WORKERS }, () => house.start('worker', env)));

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

	const typing = new AbortController();
	const tally = { kills: 0, stops: 0, redisKills: 0, deliveries: 0, retyped: 0 };

	// The next one is hit whether or not the last one's successor is there yet: at times nobody works at all.
	const successors: Promise<void>[] = [];
	const replace = (victim: BotProcess): void => {
		workers = workers.filter((one) => one !== victim);
		successors.push(house.start('worker', env).then((next) => void workers.push(next)));
	};
	const breakWorkers = async (): Promise<void> => {
		while (!typing.signal.aborted) {
			await sleep(400 + random() * 900);
			const victim = workers[Math.floor(random() * workers.length)];
			if (!victim) continue;
			if (random() < 0.7) {
				tally.kills++;
				await victim.kill();
			} else {
				tally.stops++;
				victim.freeze();
				// Past the lock (5 s) and the lease (6 s); another one takes over meanwhile.
				thawing.push(sleep(5500 + random() * 3000).then(() => victim.thaw()));
			}
			replace(victim);
		}
		await Promise.all(successors);
	};
	const thawing: Promise<void>[] = [];
	const breakRedis = async (): Promise<void> => {
		await sleep(3000 + random() * 3000);
		while (!typing.signal.aborted) {
			tally.redisKills++;
			await redis.kill();
			await sleep(300 + random() * 700);
			await redis.restart();
			await sleep(4000 + random() * 3000);
			if (typing.signal.aborted) return;
			redis.freeze();
			await sleep(1500 + random() * 1500);
			redis.thaw();
			await sleep(6000 + random() * 6000);
		}
	};
	const breaking = [breakWorkers(), breakRedis()];

	// A person types again what was said not to be accepted, and waits while the bot is not sure.
	const typeOne = async (n: number): Promise<void> => {
		for (let attempt = 0; attempt < 60; attempt++) {
			const user = slack.workspace.users[Math.floor(random() * slack.workspace.users.length)];
			const channel = `C0CHAOS${String(Math.floor(random() * CHANNELS)).padStart(2, '0')}`;
			const deliveries = 1 + Math.floor(random() * 3);
			if (!user) throw new Error('nobody types');
			tally.deliveries += deliveries;
			const { acks } = await slack.type({ user: user.id, channel, text: `/dag trigger quick n=${n}`, deliveries });
			if (acks.some((ack) => ack.status === 'acked' && ack.text === '')) return;
			const unsure = acks.some((ack) => ack.text.startsWith('❓') || ack.status !== 'acked');
			if (unsure && (await decided(slack, channel, user.id, () => runOf(house, n)))) return;
			tally.retyped++;
			await sleep(500);
		}
	};
	if (failures > 0) await watching(house);
	const failing = failFor(house, planFailures(failures, random), random);
	const perSecond = Math.max(5, commands / 30);
	const typists: Promise<void>[] = [];
	for (let n = 1; n <= commands; n++) {
		typists.push(typeOne(n));
		await sleep(1000 / perSecond);
	}
	await Promise.all([...typists, failing]);
	typing.abort();
	await Promise.all(breaking);
	await Promise.all(thawing);
	say(
		`  typed ${commands} in ${((performance.now() - started) / 1000).toFixed(0)} s: ${tally.kills} kills, ${tally.stops} stops, ` +
			`${tally.redisKills} Redis kills, ${tally.deliveries} deliveries, ${tally.retyped} typed again`,
	);
	// The faults end with the typing; what is still unknown must come to rest by itself.
	slack.clearFaults();
	airflow.clearFaults();
	await untilCalm(house, commands, calmMs);

	const seen = count(house, commands);
	const telling = told(slack, failedTries(airflow), channelOf);
	for (const one of [
		...telling.lost.map((name) => `lost: ${name}`),
		...telling.doubled.map((name) => `doubled: ${name}`),
	])
		say(`  ${one}`);
	if (Object.values(seen).some((one) => one > 0)) await explain(house, seen, say);
	return {
		seed,
		commands,
		...seen,
		failures: failedTries(airflow).length,
		failuresLost: telling.lost.length,
		failuresDoubled: telling.doubled.length,
		kills: tally.kills,
		stops: tally.stops,
		redisKills: tally.redisKills,
		faults: Object.values(slack.counts().faults).reduce((sum, one) => sum + one, 0),
		deliveries: tally.deliveries,
		retyped: tally.retyped,
		seconds: Number(((performance.now() - started) / 1000).toFixed(1)),
	};
}

/** Until the watch has looked once: what failed before its first start is nobody's news. */
async function watching({ airflow }: House): Promise<void> {
	await airflow.until(() => airflow.calls('runs').length > 0 && airflow.calls('tasks').length > 0, 60_000);
	await sleep(2000);
}

/** Runs of the failing DAGs, spread over the time in which things break. */
async function failFor({ airflow }: House, plan: readonly SimDag[], random: () => number): Promise<void> {
	const gapMs = Math.min(250, 25_000 / Math.max(1, plan.length));
	for (const [n, { id }] of plan.entries()) {
		airflow.foreignRun({ dag: id, run: `f${n}` });
		await sleep(gapMs * (0.5 + random()));
	}
}

/** Whether a command of unknown fate turned out to be accepted: by what the bot says, or by its run. */
async function decided(slack: SandboxSlack, channel: string, user: string, hasRun: () => boolean): Promise<boolean> {
	const before = slack.messages(channel).length;
	for (let waited = 0; waited < 40_000; waited += 500) {
		await sleep(500);
		if (hasRun()) return true;
		const told = slack
			.messages(channel)
			.slice(Math.max(0, before - 3))
			.filter((message) => message.ephemeralTo === user)
			.map((message) => message.text);
		if (
			told.some((text) => text.includes('I found out: your command was not') || text.includes('受け付けられておらず'))
		)
			return hasRun();
		if (
			told.some(
				(text) => text.includes('I found out: your command was accepted') || text.includes('受け付けられており'),
			)
		)
			return true;
	}
	return hasRun();
}

type Seen = Pick<ChaosResult, 'commandsLost' | 'runsDoubled' | 'messagesLost' | 'messagesDoubled' | 'messagesStale'>;

/** By command: runs by the `n` in their conf, messages by the key of those runs. */
function count({ slack, airflow }: House, commands: number): Seen {
	const runs = new Map<number, string[]>();
	for (const { dag, run } of airflow.started()) {
		const n = Number(airflow.run(dag, run)?.conf['n']);
		runs.set(n, [...(runs.get(n) ?? []), run.replace(/^slack__/, '')]);
	}
	const posts = postsOf(slack);
	const final = new Set(
		slack
			.allMessages()
			.filter((message) => /succeeded|成功/.test(message.text))
			.map((message) => message.metadata?.event_payload['key']),
	);
	const seen: Seen = { commandsLost: 0, runsDoubled: 0, messagesLost: 0, messagesDoubled: 0, messagesStale: 0 };
	for (let n = 1; n <= commands; n++) {
		const keys = runs.get(n) ?? [];
		if (keys.length === 0) seen.commandsLost++;
		if (keys.length > 1) seen.runsDoubled++;
		const told = keys.reduce((sum, key) => sum + (posts.get(key) ?? 0), 0);
		if (told === 0) seen.messagesLost++;
		if (told > Math.max(1, keys.length)) seen.messagesDoubled++;
		if (told > 0 && !keys.every((key) => final.has(key))) seen.messagesStale++;
	}
	return seen;
}

const runOf = ({ airflow }: House, n: number): boolean =>
	airflow.started().some(({ dag, run }) => Number(airflow.run(dag, run)?.conf['n']) === n);

/** Until every command has its run and its final message and every failed try is told, or nothing has changed for so long. */
async function untilCalm(house: House, commands: number, calmMs: number): Promise<void> {
	let last = '';
	let since = performance.now();
	for (;;) {
		const seen = count(house, commands);
		const running = house.airflow.runs().filter(({ state }) => state === 'queued' || state === 'running').length;
		const untold = told(house.slack, failedTries(house.airflow), channelOf).lost.length;
		if (seen.commandsLost + seen.messagesLost + seen.messagesStale + running + untold === 0) break;
		const now = JSON.stringify([seen, running, untold]);
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
