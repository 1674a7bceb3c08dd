import { afterEach, describe, expect, jest, test } from '@jest/globals';
import { resourceOf } from '../../src/sandbox/world/environments.ts';
import { closeAll, refusal, stand, type Stand } from './stand.ts';

// The first call loads Google's libraries.
jest.setTimeout(30_000);
afterEach(closeAll);

describe('series of Cloud Monitoring', () => {
	const workload = (it: Stand, name: string, type = 'CELERY_WORKER') => ({
		type: 'cloud_composer_workload',
		labels: { ...resourceOf(it.world, it.environment).labels, type, workload_name: name },
	});
	const put = (it: Stand, metric: string, resource: ReturnType<typeof workload>, values: readonly number[]) => {
		for (const [i, value] of values.entries())
			it.world.metrics.put(
				{ metric: `composer.googleapis.com/${metric}`, resource },
				value,
				it.clock.now - (values.length - i) * 60_000,
			);
	};
	const hour = (it: Stand) => ({ from: it.clock.now - 3600_000, to: it.clock.now });

	test('one for each worker, a point a minute, oldest first', async () => {
		const it = await stand();
		put(it, 'workload/memory/bytes_used', workload(it, 'airflow-worker-a'), [1e9, 2e9, 3e9]);
		put(it, 'workload/memory/bytes_used', workload(it, 'airflow-worker-b'), [5e8, 5e8, 5e8]);
		put(it, 'workload/memory/bytes_used', workload(it, 'airflow-scheduler-a', 'SCHEDULER'), [7e8]);
		const found = await it.metrics.series('memory', { ...hour(it), of: 'CELERY_WORKER' });
		expect(found.map(({ of }) => of).sort()).toEqual(['airflow-worker-a', 'airflow-worker-b']);
		const values = found.find(({ of }) => of === 'airflow-worker-a')?.points.map(({ value }) => value) ?? [];
		expect(values).toEqual([1e9, 2e9, 3e9]);
	});

	test('over all of them, over longer stretches, and over pages', async () => {
		const it = await stand();
		put(
			it,
			'workload/memory/bytes_used',
			workload(it, 'a'),
			Array.from({ length: 60 }, (_, i) => i),
		);
		put(
			it,
			'workload/memory/bytes_used',
			workload(it, 'b'),
			Array.from({ length: 60 }, (_, i) => 2 * i),
		);
		const most = await it.metrics.series('memory', { ...hour(it), alignS: 600, reducer: 'max' });
		expect(most).toHaveLength(1);
		expect(most[0]?.of).toBe('');
		expect(Math.max(...(most[0]?.points ?? []).map(({ value }) => value))).toBe(118);
		it.google.forgetCalls();
		it.google.limitPages(50);
		const paged = await it.metrics.series('memory', hour(it));
		expect(it.google.calls().length).toBeGreaterThan(1);
		// The stretch that ends where the window begins belongs to the one before.
		expect(paged.map(({ points }) => points.length)).toEqual([59, 59]);
		for (const { points } of paged) expect(points).toEqual(points.toSorted((a, b) => (a.at < b.at ? -1 : 1)));
		it.google.limitPages(5);
		expect((await refusal(it.metrics.series('memory', hour(it)))).label).toBe('google too much');
	});

	test('a yes or no is 0 or 1; exit codes are told apart by their code', async () => {
		const it = await stand();
		const resource = { type: 'cloud_composer_environment', labels: resourceOf(it.world, it.environment).labels };
		it.world.metrics.put(
			{ metric: 'composer.googleapis.com/environment/maintenance_operation', resource },
			1,
			it.clock.now - 60_000,
		);
		const flags = await it.metrics.series('maintenance', hour(it));
		expect(flags[0]?.points.map(({ value }) => value)).toEqual([1]);
		for (const [code, dag] of [
			['-9', 'daily'],
			['1', 'daily'],
			['-9', 'other'],
		] as const)
			it.world.metrics.put(
				{
					metric: 'composer.googleapis.com/workflow/task_runner/terminated_count',
					metricLabels: { return_code: code },
					resource: { type: 'cloud_composer_workflow', labels: { ...resource.labels, workflow_name: dag } },
				},
				1,
				it.clock.now - 60_000,
			);
		const codes = await it.metrics.series('exitCodes', { ...hour(it), dag: 'daily' });
		expect(codes.map(({ of }) => of).sort()).toEqual(['-9', '1']);
	});
});
