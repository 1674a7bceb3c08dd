import { z } from 'zod';
import type { Destination } from '../alerts/about.ts';
import { PREFIX } from './base/redis.ts';
import type { Redis } from './base/redis.ts';

const told = z.object({
	/** Epoch milliseconds when it was noticed. */
	since: z.number(),
	places: z.array(z.object({ channel: z.string(), lang: z.enum(['en', 'ja']) })),
});
export type Told = z.output<typeof told>;

/** Which operations of an environment are being told about, and where: later edits go to the same messages. */
export type Followed = {
	/** Of several who notice it at once the first decides. Returns what holds. */
	begin(env: string, operation: string, since: number, places: readonly Destination[]): Promise<Told>;
	/** By the operation's name. */
	all(env: string): Promise<ReadonlyMap<string, Told>>;
	end(env: string, operation: string): Promise<void>;
};

export function followed(client: Redis): Followed {
	const key = (env: string): string => `${PREFIX}:operations:${env}`;
	return {
		async begin(env, operation, since, places) {
			const mine: Told = { since, places: places.map(({ channel, lang }) => ({ channel, lang })) };
			await client.hsetnx(key(env), operation, JSON.stringify(mine));
			return told.parse(JSON.parse((await client.hget(key(env), operation)) ?? JSON.stringify(mine)));
		},
		async all(env) {
			const found = await client.hgetall(key(env));
			return new Map(
				Object.entries(found).map(([operation, kept]) => [operation, told.parse(JSON.parse(kept))] as const),
			);
		},
		async end(env, operation) {
			await client.hdel(key(env), operation);
		},
	};
}
