import { describe, expect, test } from '@jest/globals';
import type { Environment } from '../../src/domain/environment.ts';
import { reversed } from '../../src/scaling/applying.ts';
import { suggestionFor } from '../../src/scaling/suggestion.ts';

const COMPOSER_2: Environment = {
	generation: 'composer-2',
	airflowVersion: '2.10.5',
	project: 'acme',
	location: 'europe-west1',
	environment: 'prod',
	worker: { cpu: 0.5, memoryGb: 2, storageGb: 1, minCount: 1, maxCount: 3 },
	scheduler: { cpu: 0.5, memoryGb: 2, storageGb: 1, count: 1 },
	triggerer: { cpu: 0.5, memoryGb: 0.5, count: 1 },
	webServer: { cpu: 0.5, memoryGb: 2, storageGb: 1, count: 1 },
	overrides: {},
};
const COMPOSER_3: Environment = {
	...COMPOSER_2,
	generation: 'composer-3',
	dagProcessor: { cpu: 1, memoryGb: 4, storageGb: 1, count: 1 },
};
const worker = (of: Environment, more: Partial<NonNullable<Environment['worker']>>): Environment => ({
	...of,
	worker: { cpu: 0.5, memoryGb: 2, storageGb: 1, minCount: 1, maxCount: 3, ...more },
});
const KEPT = { en: '; worker_concurrency kept at 6', ja: '、worker_concurrency は 6 に固定' };

describe('what the card of an incident suggests', () => {
	test.each([
		['memory, as far as the vCPUs carry it', 'gcsfuse-mount-lost', COMPOSER_2, `worker memory 2 → 3.25 GB${KEPT.en}`],
		['memory on Composer 3', 'worker-oom-task-sigkill', COMPOSER_3, `worker memory 2 → 4 GB${KEPT.en}`],
		['missing logs are memory too', 'task-log-missing-worker-lost', COMPOSER_3, `worker memory 2 → 4 GB${KEPT.en}`],
		[
			'memory that the vCPUs carry no more of',
			'worker-oom-task-sigkill',
			worker(COMPOSER_2, { memoryGb: 3.25 }),
			`worker CPU 0.5 → 1 vCPU, worker memory 3.25 → 6.5 GB${KEPT.en}`,
		],
		[
			'a concurrency that is set stays as it is',
			'worker-oom-task-sigkill',
			{ ...COMPOSER_3, overrides: { 'celery-worker_concurrency': '12' } },
			'worker memory 2 → 4 GB',
		],
		[
			'the largest worker there is takes fewer tasks',
			'worker-oom-task-sigkill',
			worker({ ...COMPOSER_3, workerConcurrency: 24 }, { cpu: 32, memoryGb: 256 }),
			'worker_concurrency 24 → 12',
		],
		['a full disk', 'worker-pod-evicted-storage', COMPOSER_2, 'worker storage 1 → 2 GB'],
		['a queue', 'task-stuck-queued', COMPOSER_3, 'max workers 3 → 5'],
		['a queue, up to the most', 'task-stuck-queued', worker(COMPOSER_3, { maxCount: 80 }), 'max workers 80 → 100'],
		[
			'a queue before workers that do not scale',
			'task-stuck-queued',
			worker(COMPOSER_2, { minCount: 2, maxCount: 2 }),
			'min workers 2 → 3, max workers 2 → 3',
		],
	] as const)('%s', (_what, cause, environment, text) => {
		const found = suggestionFor(cause, environment);
		expect(found?.text.en).toBe(text);
		expect(found?.text.ja).toMatch(/[ぁ-んァ-ン]|worker_concurrency/);
		expect(found?.patch.shell).toHaveLength(text.includes('kept') ? 2 : 1);
		expect(found?.patch.api).toHaveLength(text.includes('kept') ? 2 : 1);
	});

	test('in Japanese', () => {
		expect(suggestionFor('gcsfuse-mount-lost', COMPOSER_2)?.text.ja).toBe(`ワーカーのメモリ 2 → 3.25 GB${KEPT.ja}`);
		expect(suggestionFor('task-stuck-queued', COMPOSER_2)?.text.ja).toBe('最大ワーカー数 3 → 5');
	});

	test.each([
		['a cause that no size mends', 'bigquery-access-denied', COMPOSER_3],
		['limits of DAGs and pools, which a bigger machine does not widen', 'concurrency-limits', COMPOSER_3],
		['sizes that are not known', 'gcsfuse-mount-lost', { generation: 'composer-3' }],
		['plain Airflow', 'worker-oom-task-sigkill', { ...COMPOSER_2, generation: 'airflow' }],
		['the most storage there is', 'worker-pod-evicted-storage', worker(COMPOSER_2, { storageGb: 10 })],
		['the most workers there are', 'task-stuck-queued', worker(COMPOSER_3, { maxCount: 100 })],
	] as const)('nothing: %s', (_what, cause, environment) => {
		expect(suggestionFor(cause, environment)).toBeUndefined();
	});

	test('fewer tasks at once come before a larger worker, and back in the other order', () => {
		const { changes = [], patch } = suggestionFor('gcsfuse-mount-lost', COMPOSER_2) ?? {};
		const shell = patch?.shell ?? [];
		expect(shell[0]).toContain('--update-airflow-configs=celery-worker_concurrency=6');
		expect(shell[1]).toContain('--worker-memory=3.25GB');
		const before = { settings: '{}' };
		expect(reversed({ changes: [...changes], before })).toMatchObject([
			{ what: 'worker', to: { memoryGb: 2 } },
			{ what: 'override', key: 'celery-worker_concurrency', from: '6', to: undefined },
		]);
	});
});
