import type { Log } from './deps.ts';
import { buildDeps } from './build-deps.ts';
import type { BotDeps } from './build-deps.ts';
import { evictionPolicy, patientRedis, saidSeldom } from './clients/base/redis.ts';
import type { Redis } from './clients/base/redis.ts';
import { QUEUES, workQueue } from './clients/queue.ts';
import type { WorkQueue } from './clients/queue.ts';
import type { Config } from './config.ts';
import { Trouble } from './domain/errors.ts';
import { consume } from '../worker/consume.ts';
import { keepWatching } from '../worker/watch/schedule.ts';
import { watchOurselves } from '../worker/watch/self.ts';
import type { Wires } from '../worker/wires.ts';
import type { Doors } from './slack/doors.ts';
import { startHealth } from './http/health.ts';
import { dispatcher, startPublic } from './http/public.ts';
import type { Handler } from './http/public.ts';
import { pushDoor } from './http/push.ts';
import { queuePage, QUEUES_PATH } from './http/queues.ts';
import { idTokens } from './clients/id-tokens.ts';

/** What the bot says, made by the verbs and the renderer; put together in main.ts. */
export type Voice = (
	deps: BotDeps,
) => Pick<Wires, 'execute' | 'render'> & Pick<Doors, 'route' | 'openForm' | 'wordsOf'>;

export type Bot = {
	/** Where Slack's HTTP requests are taken; undefined with Socket Mode. */
	port: number | undefined;
	deps: BotDeps;
	/** Takes nothing new, finishes what is in hand within the grace, closes. */
	stop(): Promise<void>;
};

/** What must be mended before the bot can start; `message` is for whoever starts it. */
export class CannotStart extends Error {}

const STOP_GRACE_MS = 8000;

/** One process of the bot: the Slack side, the worker, or both. Resolves when it takes work. */
export async function startBot(
	config: Config,
	parts: { slack: boolean; worker: boolean },
	options: { log: Log; voice: Voice; now?: () => number },
): Promise<Bot> {
	const { log, now = Date.now } = options;
	const warn = saidSeldom((error) => log.warn({ error: error.message }, 'redis connection'), now);
	const redis = patientRedis(config.redisUrl, warn);
	const deps = buildDeps(config, redis, log, now);
	const work = workQueue(config.redisUrl, redis, log, now);
	const voice = options.voice(deps);
	const wires: Wires = { deps, work, ...voice, broken: config.broken };

	// Waits for Redis: the two may be started in any order.
	const policy = await evictionPolicy(redis);
	if (policy === undefined) log.warn({}, 'eviction policy of Redis not known: it must be noeviction');
	else if (policy !== 'noeviction')
		throw new CannotStart(
			`Redis has maxmemory-policy ${policy}: when memory is short, accepted commands would vanish. Set it to noeviction.`,
		);
	const me = await untilAnswered(() => deps.identity(), log);

	// Whoever takes Slack's requests takes the others from outside as well.
	const outside = parts.slack && config.publicUrl !== undefined ? await handlers(wires, redis) : undefined;
	const dispatch = outside && dispatcher(outside, log);
	const open = dispatch && config.publicPort !== undefined ? await startPublic(config.publicPort, dispatch) : undefined;
	if (open) log.info({ port: open.port }, 'answering the outside');

	// Bolt is read by the Slack side only: a tenth of a process's memory.
	const side = parts.slack
		? await (
				await import('./slack/open.ts')
			).openSlackSide(config, { deps, work, broken: config.broken, ...voice }, me, dispatch)
		: undefined;
	let endWatch: (() => void) | undefined;
	if (parts.worker) {
		consume(wires);
		endWatch = await keepWatching(wires);
		log.info({}, 'carrying out commands');
	}

	const self = watchOurselves(wires, { deliversItself: !parts.worker });

	const health =
		config.healthPort === undefined
			? undefined
			: await startHealth(config.healthPort, {
					async ready() {
						await redis.ping();
						return { ready: true, problems: self.problems() };
					},
					async metrics() {
						await countJobs(work, deps);
						return deps.measure.text();
					},
				});
	if (health) log.info({ port: health.port }, 'answering probes');

	let stopping: Promise<void> | undefined;
	return {
		port: side?.port,
		deps,
		stop() {
			stopping ??= (async () => {
				if (side) await settle(side.close(), 3000);
				if (open) await settle(open.close(), 500);
				if (health) await settle(health.close(), 500);
				endWatch?.();
				self.stop();
				await work.close(STOP_GRACE_MS);
				redis.disconnect();
			})();
			return stopping;
		},
	};
}

/** What is served to the outside. Bull Board is read only where somebody can open it. */
async function handlers(wires: Wires, redis: Redis): Promise<Handler[]> {
	const { deps } = wires;
	const { queueBoard } = await import('./clients/queue-board.ts');
	return [
		queuePage(deps.tickets, queueBoard(redis, QUEUES, QUEUES_PATH), () => deps.now()),
		...(deps.watch.push === undefined ? [] : [pushDoor(deps.watch.push, wires, idTokens())]),
	];
}

/** How full the queues are is asked when somebody wants to know. */
async function countJobs(work: WorkQueue, { measure }: BotDeps): Promise<void> {
	await Promise.all(
		QUEUES.map(async (queue) => {
			for (const [state, jobs] of Object.entries(await work.counts(queue)))
				measure.gauge('queue_jobs', jobs, { queue, state });
		}),
	);
}

/** Slack may be away while we start; a token that is refused will not get better. */
async function untilAnswered<T>(ask: () => Promise<T>, log: Log): Promise<T> {
	for (let attempt = 0; ; attempt++)
		try {
			return await ask();
		} catch (error) {
			if (!(error instanceof Trouble) || error.kind === 'denied' || error.kind === 'bug')
				throw new CannotStart(
					`Slack refused the bot token (SLACK_BOT_TOKEN): ${error instanceof Error ? error.message : String(error)}`,
				);
			log.warn({ label: error.label }, 'Slack does not answer yet');
			await new Promise((done) => setTimeout(done, error.retryAfterMs ?? Math.min(500 * 2 ** attempt, 10_000)));
		}
}

async function settle(work: Promise<unknown>, ms: number): Promise<void> {
	await Promise.race([work.catch((error: unknown) => error), new Promise((done) => setTimeout(done, ms))]);
}
