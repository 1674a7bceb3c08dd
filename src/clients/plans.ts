import { createHash } from 'node:crypto';
import type { Redis } from './base/redis.ts';
import { PREFIX } from './base/redis.ts';

export type Plans = ReturnType<typeof plans>;

/** How long a question may stand before it must be asked anew, and how long its end is remembered. */
const KEEP_MS = 24 * 3600_000;

/** Whose turn it is to carry a plan out. `at`: when it was taken, epoch milliseconds by Redis's clock. */
export type Claim =
	/** Nobody had it; now it is ours. */
	| { kind: 'ours' }
	/** We had it already: what became of it is not known. */
	| { kind: 'ours again'; forMs: number }
	| { kind: 'theirs'; by: string }
	/** It ended so. */
	| { kind: 'over'; by: string; outcome: string }
	/** It was asked too long ago. */
	| { kind: 'gone' };

const CLAIM = `
local holder, by, at, outcome = unpack(redis.call('HMGET', KEYS[1], 'holder', 'by', 'at', 'outcome'))
if redis.call('EXISTS', KEYS[1]) == 0 then return {'gone'} end
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
if outcome then return {'over', by, outcome} end
if holder == ARGV[1] then return {'ours again', now - tonumber(at)} end
if holder then return {'theirs', by} end
redis.call('HSET', KEYS[1], 'holder', ARGV[1], 'by', ARGV[2], 'at', now)
return {'ours'}`;

const SETTLE = `
if redis.call('HGET', KEYS[1], 'holder') ~= ARGV[1] then return 0 end
if ARGV[2] == '' then redis.call('HDEL', KEYS[1], 'holder', 'by', 'at') return 1 end
redis.call('HSET', KEYS[1], 'outcome', ARGV[2])
return 1`;

/** What somebody is asked to confirm, under the hash of exactly what was shown, and who carries it out: one command alone. */
export function plans(client: Redis) {
	const keyOf = (id: string): string => `${PREFIX}:plan:${id}`;
	return {
		/** The id under which it is kept, `[0-9a-f]{24}`. The same plan has the same id, and keeps what became of it. */
		async keep(plan: string): Promise<string> {
			const id = createHash('sha256').update(plan).digest('hex').slice(0, 24);
			await client.multi().hset(keyOf(id), 'plan', plan).pexpire(keyOf(id), KEEP_MS).exec();
			return id;
		},
		async load(id: string): Promise<string | undefined> {
			return (await client.hget(keyOf(id), 'plan')) ?? undefined;
		},
		/** `holder`: the command's key. `by`: name of who asked, for those who come later; foreign text. */
		async claim(id: string, holder: string, by: string): Promise<Claim> {
			const answer = await client.eval(CLAIM, 1, keyOf(id), holder, by);
			const [kind, first, second] = Array.isArray(answer) ? answer.map(String) : [];
			switch (kind) {
				case 'ours':
					return { kind };
				case 'ours again':
					return { kind, forMs: Number(first) };
				case 'theirs':
					return { kind, by: first ?? '' };
				case 'over':
					return { kind, by: first ?? '', outcome: second ?? '' };
				default:
					return { kind: 'gone' };
			}
		},
		/** It ended so, for good. */
		async settle(id: string, holder: string, outcome: string): Promise<void> {
			await client.eval(SETTLE, 1, keyOf(id), holder, outcome);
		},
		/** It surely had no effect: whoever comes next may carry it out. */
		async release(id: string, holder: string): Promise<void> {
			await client.eval(SETTLE, 1, keyOf(id), holder, '');
		},
	};
}
