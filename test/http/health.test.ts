import { expect, test } from '@jest/globals';
import { startHealth } from '../../src/http/health.ts';

test('says whether the process lives and whether it can work', async () => {
	let redis: 'up' | 'down' | 'broken' = 'up';
	const health = await startHealth(0, () =>
		redis === 'broken' ? Promise.reject(new Error('x')) : Promise.resolve(redis === 'up'),
	);
	const ask = async (path: string, method = 'GET') =>
		(await fetch(`http://127.0.0.1:${health.port}${path}`, { method })).status;
	expect([await ask('/healthz'), await ask('/readyz'), await ask('/else'), await ask('/healthz', 'POST')]).toEqual([
		200, 200, 404, 405,
	]);
	redis = 'down';
	expect([await ask('/healthz'), await ask('/readyz')]).toEqual([200, 503]);
	redis = 'broken';
	expect(await ask('/readyz')).toBe(503);
	await health.close();
});
