import { createHash } from 'node:crypto';
import type { Redis } from './redis.ts';

const shas = new Map<string, string>();

/** Runs it by its hash, and whole where Redis was restarted and has forgotten the script. */
export async function script(client: Redis, lua: string, keys: string[], args: (string | number)[]): Promise<unknown> {
	let sha = shas.get(lua);
	if (sha === undefined) shas.set(lua, (sha = createHash('sha1').update(lua).digest('hex')));
	try {
		return await client.evalsha(sha, keys.length, ...keys, ...args);
	} catch (error) {
		if (!(error instanceof Error) || !error.message.startsWith('NOSCRIPT')) throw error;
		return client.eval(lua, keys.length, ...keys, ...args);
	}
}
