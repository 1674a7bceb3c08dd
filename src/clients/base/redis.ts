import { Redis } from 'ioredis';

export type { Redis } from 'ioredis';

/** One hash tag for every key we own, BullMQ's included, so that scripts over several keys also run on Redis Cluster. */
export const PREFIX = '{concertmaster}';

/**
 * A connection for somebody who waits for an answer: a command is sent now or refused now. Nothing is kept for later and
 * nothing is sent twice by the driver, because its caller has told a person what happened by then.
 * `url`: `redis://`, `rediss://`, or the path of a unix socket.
 */
export function impatientRedis(url: string, onError: (error: Error) => void): Redis {
	const client = new Redis(url, {
		enableOfflineQueue: false,
		autoResendUnfulfilledCommands: false,
		// Zero: what was under way when the connection broke fails at once; null would leave its promise open for ever.
		maxRetriesPerRequest: 0,
		// Commands of one turn of the event loop travel in one write: a third of the system calls under load.
		enableAutoPipelining: true,
		retryStrategy: (times) => Math.min(50 * times, 500),
		connectTimeout: 3000,
	});
	client.on('error', onError);
	return client;
}

/** A connection for background work: commands wait for Redis to come back. Source: BullMQ wants `maxRetriesPerRequest: null`. */
export function patientRedis(url: string, onError: (error: Error) => void): Redis {
	const client = new Redis(url, {
		maxRetriesPerRequest: null,
		retryStrategy: (times) => Math.min(50 * times, 500),
		connectTimeout: 3000,
	});
	client.on('error', onError);
	return client;
}

/** Redis that is away fails twice a second: said at once, then every half minute. `now`: epoch milliseconds. */
export function saidSeldom(say: (error: Error) => void, now: () => number): (error: Error) => void {
	const said = new Map<string, number>();
	return (error) => {
		if (now() - (said.get(error.message) ?? -Infinity) < 30_000) return;
		if (said.size > 100) said.clear();
		said.set(error.message, now());
		say(error);
	};
}

/** The eviction policy, undefined where the server hides it. Anything but `noeviction` may throw accepted commands away. */
export async function evictionPolicy(client: Redis): Promise<string | undefined> {
	// INFO and not CONFIG GET: managed Redis refuses CONFIG.
	return /^maxmemory_policy:(\S+)/m.exec(await client.info('memory'))?.[1];
}
