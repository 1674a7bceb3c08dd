import { expect, test } from '@jest/globals';
import { spawn } from 'node:child_process';
import { stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { startRedis } from '../../src/sandbox/redis.ts';

const alive = (pid: number): boolean => {
	try {
		process.kill(pid, 0);
		return true;
	} catch {
		return false;
	}
};

test('keeps what it acknowledged over a kill -9, on a socket only we can reach', async () => {
	const redis = await startRedis();
	const client = new Redis(redis.url);
	client.on('error', (error) => void error);
	await client.set('k', 'v');
	expect((await stat(dirname(redis.url))).mode & 0o777).toBe(0o700);
	expect(await client.config('GET', 'port')).toEqual(['port', '0']);
	await redis.kill();
	await redis.restart();
	expect(await client.get('k')).toBe('v');
	client.disconnect();
	await redis.stop();
	expect(alive(redis.pid())).toBe(false);
});

test('ends with its owner even when that is killed with -9', async () => {
	const script = `import { startRedis } from ${JSON.stringify(new URL('../../src/sandbox/redis.ts', import.meta.url).href)};
		const redis = await startRedis(); console.log(redis.pid()); setInterval(() => {}, 1000);`;
	const owner = spawn(process.execPath, ['--input-type=module', '-e', script], {
		stdio: ['ignore', 'pipe', 'inherit'],
	});
	const pid = Number(await new Promise<string>((done) => owner.stdout.once('data', (b: Buffer) => done(b.toString()))));
	expect(alive(pid)).toBe(true);
	owner.kill('SIGKILL');
	for (let i = 0; i < 100 && alive(pid); i++) await sleep(50);
	expect(alive(pid)).toBe(false);
});
