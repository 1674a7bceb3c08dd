import { createHash, randomBytes } from 'node:crypto';
import { PREFIX } from './base/redis.ts';
import type { Redis } from './base/redis.ts';

export type Tickets = {
	/** A ticket for this person, good for one use within `forMs`. Only its hash is kept. */
	issue(what: 'queues', user: string, forMs: number): Promise<string>;
	/** Whose it was; undefined when it was used, is too old or was never issued. It is used up by this. */
	redeem(what: 'queues', ticket: string): Promise<string | undefined>;
};

/** Single-use tickets in Redis: a link that is found in a log later opens nothing. */
export function tickets(client: Redis): Tickets {
	const key = (what: string, ticket: string): string =>
		`${PREFIX}:ticket:${what}:${createHash('sha256').update(ticket).digest('hex')}`;
	return {
		async issue(what, user, forMs) {
			const ticket = randomBytes(32).toString('base64url');
			await client.set(key(what, ticket), user, 'PX', forMs);
			return ticket;
		},
		async redeem(what, ticket) {
			if (!/^[\w-]{43}$/.test(ticket)) return undefined;
			return (await client.getdel(key(what, ticket))) ?? undefined;
		},
	};
}
