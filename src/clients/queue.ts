import { createHash } from 'node:crypto';
import { DelayedError, Queue, Worker } from 'bullmq';
import type { Job } from 'bullmq';
import type { Log } from '../domain/log.ts';
import { impatientRedis, patientRedis, PREFIX, saidSeldom } from './base/redis.ts';
import type { Redis } from './base/redis.ts';

/**
 * One queue a kind of work, so that a slow Airflow never delays a Slack message and the other way round. No job carries
 * a priority: BullMQ runs jobs without one before all others.
 */
export const QUEUES = [
	'commands',
	'deliveries',
	'follows',
	/** One look at an environment; the scheduler adds them. */
	'watches',
	/** A failed try; the id is made of the try's key (`jobIdOf`). */
	'failures',
	/** Something wrong that is no failed try, and its end. */
	'conditions',
	/** An incident's cards are to be brought up to its state. */
	'cards',
	/** Digests, advice, self-checks. */
	'chores',
] as const;
export type QueueName = (typeof QUEUES)[number];

/** A person has an answer within three seconds; what Redis may take of that. */
const ENQUEUE_BUDGET_MS = 1000;
/** How long a command's id stays taken, so that a late copy of it is still the same job. Seconds. */
const DEDUP_WINDOW_S = 24 * 3600;
/** Queues whose ended jobs stay for that long, since the same one may come again. */
const KEPT: ReadonlySet<QueueName> = new Set(['commands', 'failures', 'conditions']);
/** By how much the clocks of two workers may differ before one takes the other's schedule for a broken one. */
const CLOCK_MS = 10_000;
/** Jobs that travel to Redis in one write. */
const BULK = 200;

/** `unknown`: Redis did not answer in time and may still do it. `fate` finds out. */
export type Acceptance = 'accepted' | 'refused' | 'unknown';

export type Producer = {
	/** One round trip to Redis. Never throws, never takes longer than the budget. A known id is `accepted` again. */
	accept(id: string, data: unknown): Promise<Acceptance>;
	/**
	 * Decides what became of an `unknown`: true when the job is there. When it is not, its id is refused for good, so
	 * that a write that still lies in some buffer can no longer start anything. Throws while Redis does not answer.
	 */
	fate(id: string): Promise<boolean>;
	/** Jobs that wait for a worker, and how long the first of them has waited. Throws while Redis does not answer. */
	backlog(): Promise<{ waiting: number; oldestMs: number }>;
	ping(): Promise<void>;
	close(): Promise<void>;
};

const FATE = `
if redis.call('EXISTS', KEYS[1]) == 1 then return 1 end
redis.call('SET', KEYS[2], '1', 'EX', ARGV[1])
return 0`;

const refusedKey = (id: string): string => `${PREFIX}:refused:${id}`;

/** The Slack process's side: `commands` only. Resolves when Redis is there, or after `waitMs` all the same. */
export async function producer(url: string, log: Log, now: () => number, waitMs = 5000): Promise<Producer> {
	const warn = saidSeldom((error) => log.warn({ error: error.message }, 'redis connection'), now);
	const client = impatientRedis(url, warn);
	await ready(client, waitMs);
	const queue = new Queue('commands', {
		connection: client,
		prefix: PREFIX,
		skipWaitingForReady: true,
		// The version check would wait for Redis; `doctor` and the worker do it.
		skipVersionCheck: true,
		skipMetasUpdate: true,
	});
	queue.on('error', warn);
	// Set while Redis owes us an answer beyond the budget: then nothing more is sent, and a refusal is a fact.
	let silent = false;

	const listen = (): void => {
		if (silent) return;
		silent = true;
		client.ping().then(
			() => (silent = false),
			() => (silent = false),
		);
	};

	return {
		async accept(id, data) {
			if (client.status !== 'ready' || silent) return 'refused';
			const options = {
				jobId: id,
				removeOnComplete: { age: DEDUP_WINDOW_S },
				removeOnFail: { age: 30 * DEDUP_WINDOW_S },
			};
			try {
				// A late copy of a command that `fate` refused is dropped by whoever takes it up: nobody may be told otherwise. Both travel in one write.
				const adding = Promise.all([queue.add('command', data, options), client.exists(refusedKey(id))]);
				const added = await within(adding, ENQUEUE_BUDGET_MS);
				if (added !== TIMED_OUT) return added[1] === 1 ? 'refused' : 'accepted';
				listen();
				return 'unknown';
			} catch (error) {
				const message = error instanceof Error ? error.message : String(error);
				log.warn({ error: message }, 'enqueue failed');
				// Redis said no (full, read-only, disk error), or nothing was sent: a fact. Anything else is not.
				const refused =
					(error instanceof Error && error.name === 'ReplyError') || message.startsWith("Stream isn't writeable");
				return refused ? 'refused' : 'unknown';
			}
		},
		async fate(id) {
			const asked = client.eval(FATE, 2, `${PREFIX}:commands:${id}`, refusedKey(id), DEDUP_WINDOW_S);
			const found = await within(asked, 2 * ENQUEUE_BUDGET_MS);
			if (found === TIMED_OUT) throw new Error('Redis does not answer');
			return found === 1;
		},
		async backlog() {
			const [first] = await queue.getWaiting(0, 0);
			return { waiting: await queue.getWaitingCount(), oldestMs: first ? now() - first.timestamp : 0 };
		},
		async ping() {
			await client.ping();
		},
		async close() {
			await queue.close();
			client.disconnect();
		},
	};
}

/** A job's id made of what it is about: any text, so hashed (BullMQ refuses `:`). */
export function jobIdOf(...parts: readonly (string | number)[]): string {
	return createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 32);
}

/** One job in the hands of a worker. */
export type Held = {
	id: string;
	/** As it lies in Redis: check it before use. */
	data: unknown;
	/** When it was added. Epoch milliseconds. */
	addedAt: number;
	/** How often it was started, waits included. */
	starts: number;
	/** How often a worker died with it in its hands. */
	stalls: number;
	/** Replaces the data, to drop what is no longer needed. */
	keepOnly(data: Record<string, unknown>): Promise<void>;
};

export type Outcome = 'done' | { againInMs: number };

export type WorkQueue = {
	add(queue: QueueName, id: string, data: Record<string, unknown>, delayMs?: number): Promise<void>;
	/** Many at once: all of them are there when it resolves, or it throws and some may be. A known id changes nothing. */
	addAll(queue: QueueName, jobs: readonly { id: string; data: Record<string, unknown> }[]): Promise<void>;
	/**
	 * One job every so often, over all workers and restarts, until `unschedule`. To be called again now and then: it mends a schedule that
	 * stands still, as one does that was left by a worker whose clock was far ahead. BullMQ's clock for it is that of the worker that
	 * takes it: whatever must not happen twice asks Redis itself.
	 */
	schedule(queue: QueueName, id: string, everyMs: number, data: Record<string, unknown>): Promise<void>;
	unschedule(queue: QueueName, id: string): Promise<void>;
	/** Jobs by state, for metrics and self-checks. */
	counts(queue: QueueName): Promise<{ waiting: number; active: number; delayed: number; failed: number }>;
	/** True when the command was declared not accepted by `fate`. */
	wasRefused(id: string): Promise<boolean>;
	/** Starts taking jobs. A thrown error is logged and the job comes again, later each time. */
	consume(queue: QueueName, concurrency: number, handle: (job: Held) => Promise<Outcome>): void;
	/** Waits for what is in hand, at most `graceMs`. */
	close(graceMs: number): Promise<void>;
};

/** The worker's side. The connection `client` is shared with the store; blocking reads have their own. */
export function workQueue(url: string, client: Redis, log: Log, now: () => number): WorkQueue {
	const queues = new Map<QueueName, Queue>();
	const workers: Worker[] = [];
	const blocking: Redis[] = [];
	const warn = saidSeldom((error) => log.warn({ error: error.message }, 'redis connection'), now);

	const queueOf = (name: QueueName): Queue => {
		let queue = queues.get(name);
		if (!queue) {
			queue = new Queue(name, { connection: client, prefix: PREFIX });
			queue.on('error', warn);
			queues.set(name, queue);
		}
		return queue;
	};

	const keeping = (name: QueueName) => ({
		removeOnComplete: KEPT.has(name) ? { age: DEDUP_WINDOW_S } : true,
		removeOnFail: { age: 30 * DEDUP_WINDOW_S },
	});

	return {
		async add(name, id, data, delayMs = 0) {
			await queueOf(name).add(name, data, { jobId: id, delay: delayMs, ...keeping(name) });
		},
		async addAll(name, jobs) {
			for (let at = 0; at < jobs.length; at += BULK) {
				const some = jobs.slice(at, at + BULK);
				await queueOf(name).addBulk(
					some.map(({ id, data }) => ({ name, data, opts: { jobId: id, ...keeping(name) } })),
				);
			}
		},
		async schedule(name, id, everyMs, data) {
			const queue = queueOf(name);
			const known = await queue.getJobScheduler(id);
			// Every upsert puts the next job off by one beat: with workers that start all the time there would never be one.
			const lateMs = now() - (known?.next ?? 0);
			if (known?.every === everyMs && lateMs < 3 * everyMs + CLOCK_MS && lateMs > -2 * everyMs - CLOCK_MS) return;
			if (known) await queue.removeJobScheduler(id);
			await queue.upsertJobScheduler(id, { every: everyMs }, { name, data, opts: keeping(name) });
		},
		async unschedule(name, id) {
			await queueOf(name).removeJobScheduler(id);
		},
		async counts(name) {
			const found = await queueOf(name).getJobCounts('waiting', 'active', 'delayed', 'failed');
			const of = (state: string): number => found[state] ?? 0;
			return { waiting: of('waiting'), active: of('active'), delayed: of('delayed'), failed: of('failed') };
		},
		async wasRefused(id) {
			return (await client.exists(refusedKey(id))) === 1;
		},
		consume(name, concurrency, handle) {
			const connection = patientRedis(url, warn);
			blocking.push(connection);
			const process = async (job: Job, token?: string): Promise<void> => {
				let outcome: Outcome;
				try {
					outcome = await handle({
						id: job.id ?? '',
						data: job.data as unknown,
						addedAt: job.timestamp,
						starts: job.attemptsStarted,
						stalls: job.stalledCounter,
						keepOnly: (data) => job.updateData(data),
					});
				} catch (error) {
					const { message, stack } = error instanceof Error ? error : { message: String(error), stack: undefined };
					log.error({ queue: name, job: job.id, error: message, stack }, 'job threw');
					outcome = { againInMs: Math.min(Math.max((now() - job.timestamp) / 2, 500), 30_000) };
				}
				if (outcome === 'done') return;
				await job.moveToDelayed(now() + outcome.againInMs, token);
				throw new DelayedError();
			};
			const worker = new Worker(name, process, {
				connection,
				prefix: PREFIX,
				concurrency,
				// A worker that was killed is noticed after the lock and one check: at most 7.5 s (defaults: a minute).
				lockDuration: 5000,
				stalledInterval: 2500,
				// BullMQ's own limit fails a job in silence after one crash; worker/consume.ts quarantines and says so.
				maxStalledCount: 1000,
				// How soon work goes on after Redis came back.
				runRetryDelay: 500,
			});
			worker.on('error', warn);
			workers.push(worker);
		},
		async close(graceMs) {
			await within(Promise.all(workers.map((worker) => worker.close())), graceMs);
			for (const queue of queues.values()) await within(queue.close(), 500);
			for (const connection of blocking) connection.disconnect();
		},
	};
}

const TIMED_OUT = Symbol('timed out');

async function within<T>(work: Promise<T>, ms: number): Promise<T | typeof TIMED_OUT> {
	let timer: NodeJS.Timeout | undefined;
	const budget = new Promise<typeof TIMED_OUT>((done) => {
		timer = setTimeout(() => done(TIMED_OUT), ms);
	});
	try {
		return await Promise.race([work, budget]);
	} finally {
		clearTimeout(timer);
		// What comes after the budget is found out by `fate`; it must not end as an unhandled rejection.
		work.catch((error: unknown) => error);
	}
}

async function ready(client: Redis, waitMs: number): Promise<void> {
	if (client.status === 'ready') return;
	await within(new Promise<void>((done) => client.once('ready', () => done())), waitMs);
}
