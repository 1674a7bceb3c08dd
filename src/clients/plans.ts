import { createHash } from 'node:crypto';
import type { Redis } from './base/redis.ts';
import { PREFIX } from './base/redis.ts';
import { script } from './base/script.ts';

export type Plans = ReturnType<typeof plans>;

/** How long a question may stand before it must be asked anew, and how long its end is remembered. */
const KEEP_MS = 24 * 3600_000;

/** How a plan stands for one command. */
export type Standing =
	/** Nobody has it. */
	| { kind: 'free' }
	/** We have had it for so long: what became of it is not known. */
	| { kind: 'ours'; forMs: number }
	| { kind: 'theirs'; by: string }
	/** It ended so, by us or by somebody else. */
	| { kind: 'over'; ours: boolean; by: string; outcome: string }
	/** It was asked too long ago. */
	| { kind: 'gone' };

// Without a name (ARGV[2]) nothing is taken. Times are Redis's own.
const STAND = `
local holder, by, at, outcome = unpack(redis.call('HMGET', KEYS[1], 'holder', 'by', 'at', 'outcome'))
if redis.call('EXISTS', KEYS[1]) == 0 then return {'gone'} end
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
if outcome then return {'over', by, outcome, (holder == ARGV[1]) and 'ours' or 'theirs'} end
if holder == ARGV[1] then return {'ours', now - tonumber(at)} end
if holder then return {'theirs', by} end
if ARGV[2] ~= '' then redis.call('HSET', KEYS[1], 'holder', ARGV[1], 'by', ARGV[2], 'at', now) end
return {'free'}`;

const SETTLE = `
if redis.call('HGET', KEYS[1], 'holder') ~= ARGV[1] then return 0 end
if ARGV[2] == '' then redis.call('HDEL', KEYS[1], 'holder', 'by', 'at') return 1 end
redis.call('HSET', KEYS[1], 'outcome', ARGV[2])
return 1`;

/** What somebody is asked to confirm, under the hash of exactly what was shown, and who carries it out: one command alone. */
export function plans(client: Redis) {
	const keyOf = (id: string): string => `${PREFIX}:plan:${id}`;

	async function stand(id: string, holder: string, by: string): Promise<Standing> {
		const answer = await script(client, STAND, [keyOf(id)], [holder, by]);
		const [kind, first = '', second = '', third] = Array.isArray(answer) ? answer.map(String) : [];
		switch (kind) {
			case 'free':
				return { kind };
			case 'ours':
				return { kind, forMs: Number(first) };
			case 'theirs':
				return { kind, by: first };
			case 'over':
				return { kind, by: first, outcome: second, ours: third === 'ours' };
			default:
				return { kind: 'gone' };
		}
	}

	return {
		/** Its id, `[0-9a-f]{24}`. The same plan has the same id, and keeps what became of it. */
		async keep(plan: string): Promise<string> {
			const id = createHash('sha256').update(plan).digest('hex').slice(0, 24);
			await client.multi().hset(keyOf(id), 'plan', plan).pexpire(keyOf(id), KEEP_MS).exec();
			return id;
		},
		async load(id: string): Promise<string | undefined> {
			return (await client.hget(keyOf(id), 'plan')) ?? undefined;
		},
		/** `holder`: the command's key. */
		standing: (id: string, holder: string): Promise<Standing> => stand(id, holder, ''),
		/** How it stood before; `free` means that it is ours now. `by`: name of who asked, for those who come later; foreign text. */
		claim: (id: string, holder: string, by: string): Promise<Standing> => stand(id, holder, by || 'Somebody'),
		/** It ended so, for good. */
		async settle(id: string, holder: string, outcome: string): Promise<void> {
			await script(client, SETTLE, [keyOf(id)], [holder, outcome]);
		},
		/** It surely had no effect: whoever comes next may carry it out. */
		async release(id: string, holder: string): Promise<void> {
			await script(client, SETTLE, [keyOf(id)], [holder, '']);
		},
	};
}
