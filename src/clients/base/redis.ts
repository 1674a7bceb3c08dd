import { Cluster, Redis as SingleRedis } from 'ioredis';
import { z } from 'zod';
import { parseRedisAddress, REDIS_FORMS } from './redis-address.ts';
import type { RedisAddress } from './redis-address.ts';

/** One server (direct or by Sentinel) or a cluster: the same commands, as long as the keys of one script share a hash tag. */
export type Redis = SingleRedis | Cluster;

/** One hash tag for every key we own, BullMQ's included, so that scripts over several keys also run on Redis Cluster. */
export const PREFIX = '{concertmaster}';

/**
 * A connection for somebody who waits for an answer: a command is sent now or refused now. Nothing is kept for later and
 * nothing is sent twice by the driver, because its caller has told a person what happened by then.
 * `url`: one of `REDIS_FORMS`.
 */
export function impatientRedis(url: string, onError: (error: Error) => void): Redis {
	return connect(url, onError, {
		enableOfflineQueue: false,
		autoResendUnfulfilledCommands: false,
		// Zero: what was under way when the connection broke fails at once; null would leave its promise open for ever.
		maxRetriesPerRequest: 0,
		// Commands of one turn of the event loop travel in one write: a third of the system calls under load.
		enableAutoPipelining: true,
	});
}

/** A connection for background work: commands wait for Redis to come back. Source: BullMQ wants `maxRetriesPerRequest: null`. */
export function patientRedis(url: string, onError: (error: Error) => void): Redis {
	return connect(url, onError, {
		enableOfflineQueue: true,
		autoResendUnfulfilledCommands: true,
		maxRetriesPerRequest: null,
		enableAutoPipelining: false,
	});
}

type Manner = {
	enableOfflineQueue: boolean;
	autoResendUnfulfilledCommands: boolean;
	maxRetriesPerRequest: number | null;
	enableAutoPipelining: boolean;
};

/** Throws an Error when `url` has none of the forms; the settings have checked that before. */
function connect(url: string, onError: (error: Error) => void, manner: Manner): Redis {
	const address = parseRedisAddress(url);
	if (!address) throw new Error(`REDIS_URL must be ${REDIS_FORMS}.`);
	const client = open(address, manner);
	client.on('error', onError);
	return client;
}

const again = (times: number): number => Math.min(50 * times, 500);

function open(address: RedisAddress, manner: Manner): Redis {
	const shared = { connectTimeout: 3000, retryStrategy: again };
	if (address.kind === 'single') return new SingleRedis(address.url, { ...manner, ...shared });
	const { nodes, tls } = address;
	const signIn = access(address);
	if (address.kind === 'sentinel')
		return new SingleRedis({
			...manner,
			...shared,
			...signIn,
			sentinels: [...nodes],
			name: address.master,
			db: address.db,
			sentinelRetryStrategy: again,
			...(tls ? { tls: {}, enableTLSForSentinelMode: true } : {}),
		});
	const { enableOfflineQueue, enableAutoPipelining, maxRetriesPerRequest, autoResendUnfulfilledCommands } = manner;
	return new Cluster([...nodes], {
		enableOfflineQueue,
		enableAutoPipelining,
		clusterRetryStrategy: again,
		// Certificates name hosts: an address that was looked up before would fail their check.
		dnsLookup: (host, done) => done(null, host),
		redisOptions: {
			connectTimeout: 3000,
			autoResendUnfulfilledCommands,
			maxRetriesPerRequest,
			...signIn,
			...(tls ? { tls: {} } : {}),
		},
	});
}

function access({ username, password }: { username: string | undefined; password: string | undefined }) {
	return {
		...(username === undefined ? {} : { username }),
		...(password === undefined ? {} : { password }),
	};
}

/** Every key that matches, some hundred at a time; of a cluster, from each of its masters. */
export async function* keysLike(client: Redis, match: string): AsyncGenerator<string[]> {
	const nodes = client instanceof Cluster ? client.nodes('master') : [client];
	for (const node of nodes)
		for await (const keys of node.scanStream({ match, count: 500 })) yield z.array(z.string()).parse(keys);
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
