import { expect, test } from '@jest/globals';
import { metrics } from '../../src/clients/metrics.ts';
import { startHealth } from '../../src/http/health.ts';

test('says whether the process lives, whether it can work, what it is blind to, and its figures', async () => {
	let redis: 'up' | 'down' | 'broken' | 'frozen' = 'up';
	let problems: string[] = [];
	const measure = metrics();
	const health = await startHealth(0, {
		ready() {
			if (redis === 'broken') return Promise.reject(new Error('x'));
			if (redis === 'frozen') return new Promise(() => undefined);
			return Promise.resolve({ ready: redis === 'up', problems });
		},
		metrics: () => measure.text(),
	});
	const ask = async (path: string, method = 'GET') => {
		const answer = await fetch(`http://127.0.0.1:${health.port}${path}`, { method });
		return `${answer.status} ${await answer.text()}`;
	};
	expect([await ask('/healthz'), await ask('/readyz'), await ask('/else'), await ask('/healthz', 'POST')]).toEqual([
		'200 ok\n',
		'200 ok\n',
		'404 not ok\n',
		'405 not ok\n',
	]);
	problems = ['prod: Airflow does not answer'];
	expect(await ask('/readyz')).toBe('200 ok\nprod: Airflow does not answer\n');
	redis = 'down';
	expect([await ask('/healthz'), await ask('/readyz')]).toEqual([
		'200 ok\n',
		'503 not ok\nprod: Airflow does not answer\n',
	]);
	redis = 'broken';
	expect(await ask('/readyz')).toBe('503 not ok\n');
	redis = 'frozen';
	expect(await ask('/readyz')).toBe('503 not ok\nno answer in time\n');

	measure.seconds('detection', 3.2, { env: 'prod', by: 'poll' });
	measure.seconds('detection', Number.NaN, { env: 'prod', by: 'poll' });
	measure.count('deliveries', { outcome: 'posted' }, 2);
	measure.gauge('blind', 1, { what: 'airflow', env: 'prod' });
	const text = await ask('/metrics');
	expect(text).toContain('concertmaster_detection_seconds_bucket{le="5",env="prod",by="poll"} 1');
	expect(text).toContain('concertmaster_detection_seconds_count{env="prod",by="poll"} 1');
	expect(text).toContain('concertmaster_deliveries_total{outcome="posted"} 2');
	expect(text).toContain('concertmaster_blind{what="airflow",env="prod"} 1');
	expect(text).toContain('nodejs_eventloop_lag_seconds');
	await health.close();
});
