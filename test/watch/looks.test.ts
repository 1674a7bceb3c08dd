import { afterEach, describe, expect, test } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import type { SimDag } from '../../src/sandbox/airflow/types.ts';
import { names, openWatch } from './house.ts';
import type { WatchHouse } from './house.ts';

const one = (id: string, more: Partial<SimDag['tasks'][number]> = {}): SimDag => ({
	id,
	owner: 'tests',
	tags: [],
	file: `${id}.py`,
	maxActiveRuns: 1000,
	tasks: [{ id: 'work', operator: 'PythonOperator', ms: 50, ...more }],
});

/** So that what a test makes right away is not of before the first look: Airflow tells its time in whole seconds. */
const A_MINUTE = { lookBackMinutes: 1 };

let open: WatchHouse | undefined;
afterEach(async () => {
	await open?.close();
	open = undefined;
});

for (const api of [1, 2] as const)
	describe(`REST API v${api}`, () => {
		test('what failed before the first start is not told, what fails after it is, once', async () => {
			const house = (open = await openWatch({ api, dags: [one('etl', { endings: ['killed'] })] }));
			house.failedRun('etl', 'old', Date.now() - 60_000);
			await house.look('tasks', 'runs');
			expect(await house.failures()).toEqual([]);
			await sleep(1100);
			house.airflow.foreignRun({ dag: 'etl', run: 'new' });
			await house.airflow.until(() => house.airflow.run('etl', 'new')?.state === 'failed');
			await house.look('tasks');
			expect(names(await house.failures())).toEqual(['etl/new.work#1']);
			expect(await house.failures()).toMatchObject([{ by: 'poll', catchUp: false, mapIndex: -1, env: 'lab' }]);
			// The overlap shows it again and again.
			await house.drain();
			await house.look('tasks', 'runs', 'late', 'ended');
			expect(await house.failures()).toEqual([]);
		});

		test('Redis lost what the watch knew (a failover): it goes on where this worker had looked, not from now on', async () => {
			const house = (open = await openWatch({ api, dags: [one('etl', { endings: ['killed'] })] }));
			house.failedRun('etl', 'old', Date.now() - 60_000);
			await house.look('tasks', 'runs');
			await sleep(1100);
			house.airflow.foreignRun({ dag: 'etl', run: 'meanwhile' });
			await house.airflow.until(() => house.airflow.run('etl', 'meanwhile')?.state === 'failed');
			await sleep(1100);
			await house.client.flushall();
			await house.look('tasks', 'runs');
			expect(names(await house.failures())).toEqual(['etl/meanwhile.work#1']);
		});

		test('a retry that is faster than the poll, and succeeds: its failed try is told', async () => {
			const house = (open = await openWatch(
				{
					api,
					dags: [one('flaky', { retries: 2, retryDelayMs: 20, endings: ['killed', 'killed', 'success'] })],
				},
				A_MINUTE,
			));
			await house.look('tasks', 'runs', 'ended');
			house.airflow.foreignRun({ dag: 'flaky', run: 'r1' });
			await house.airflow.until(() => house.airflow.run('flaky', 'r1')?.state === 'success');
			await house.look('tasks', 'runs');
			expect(await house.failures()).toEqual([]);
			await house.look('ended');
			expect(names(await house.failures())).toEqual(['flaky/r1.work#1', 'flaky/r1.work#2']);
		});

		test('a retry that already runs: its failed try is told by the same call that lists failures', async () => {
			const house = (open = await openWatch(
				{
					api,
					dags: [one('flaky', { retries: 2, retryDelayMs: 20, ms: 300, endings: ['killed', 'success'] })],
				},
				A_MINUTE,
			));
			await house.look('tasks');
			house.airflow.foreignRun({ dag: 'flaky', run: 'r1' });
			await house.airflow.until(() => house.airflow.run('flaky', 'r1')?.tasks[0]?.tryNumber === 2);
			const before = house.airflow.calls('tasks').length;
			await house.look('tasks');
			expect(house.airflow.calls('tasks').length - before).toBe(1);
			expect(names(await house.failures())).toEqual(['flaky/r1.work#1']);
		});

		test('more than a page that ended at one moment, and more than a page spread over the window', async () => {
			const house = (open = await openWatch({ api, dags: [one('etl')] }, A_MINUTE));
			await house.look('tasks');
			const now = Date.now();
			for (let n = 0; n < 230; n++) house.failedRun('etl', `same-${n}`, now);
			for (let n = 0; n < 320; n++) house.failedRun('etl', `spread-${n}`, now - n);
			await house.look('tasks');
			const told = await house.failures();
			expect(
				house.airflow
					.runs('etl')
					.map(({ run }) => run)
					.filter((run) => !names(told).includes(`etl/${run}.work#1`)),
			).toEqual([]);
			expect(told).toHaveLength(550);
		}, 20_000);

		test('two hours away: everything is caught up in windows, marked as such, once', async () => {
			const house = (open = await openWatch({ api, dags: [one('etl')] }, { lookBackMinutes: 120 }));
			const now = Date.now();
			for (let n = 0; n < 150; n++) house.failedRun('etl', `r${n}`, now - n * 47_000, 1 + (n % 3));
			await house.look('tasks');
			const told = await house.failures();
			expect(names(told)).toHaveLength(300);
			expect(new Set(names(told)).size).toBe(300);
			expect(told.every(({ catchUp }) => catchUp)).toBe(true);
			await house.drain();
			await house.look('tasks', 'runs');
			expect(await house.failures()).toEqual([]);
		}, 20_000);

		test('a failed run is looked into at once; one without a failed task is a condition, over when it succeeds later', async () => {
			const house = (open = await openWatch({ api, dags: [one('etl'), one('timed-out')] }, A_MINUTE));
			await house.look('tasks', 'runs');
			house.failedRun('etl', 'r1', Date.now());
			house.airflow.foreignRun({ dag: 'timed-out', run: 'r1', state: 'failed' });
			await house.look('runs');
			expect(names(await house.failures())).toEqual(['etl/r1.work#1']);
			const [begun] = await house.conditions();
			expect(begun).toMatchObject({ kind: 'run-failed-without-task', dag: 'timed-out', run: 'r1', over: false });
			expect(await house.conditions()).toHaveLength(1);
			await house.look('runs');
			expect(await house.conditions()).toHaveLength(1);
			await sleep(5);
			house.airflow.endRun('timed-out', 'r1', 'success');
			await house.look('runs');
			expect(await house.conditions()).toContainEqual(
				expect.objectContaining({ kind: 'run-failed-without-task', since: begun?.since, over: true }),
			);
		});
	});

describe('clocks that differ', () => {
	test.each([-6, 6])(
		"our clock %i minutes from Airflow's: nothing is lost, nothing of before is told",
		async (minutes) => {
			const now = (): number => Date.now() + minutes * 60_000;
			const house = (open = await openWatch({ dags: [one('etl', { endings: ['killed'] })], now }));
			house.failedRun('etl', 'old', now() - 60_000);
			await house.look('tasks', 'runs');
			house.airflow.foreignRun({ dag: 'etl', run: 'new' });
			await house.airflow.until(() => house.airflow.run('etl', 'new')?.state === 'failed');
			await house.look('tasks', 'runs');
			expect(names(await house.failures())).toEqual(['etl/new.work#1']);
			expect(Math.round((house.wires.deps.airflow('lab').clockAheadMs() ?? 0) / 60_000)).toBe(minutes);
		},
	);
});

test('a run deleted and made anew under the same id is another failure', async () => {
	const house = (open = await openWatch({ dags: [one('etl')] }, A_MINUTE));
	house.failedRun('etl', 'r1', Date.now() - 30_000);
	await house.look('tasks');
	await house.drain();
	house.airflow.deleteRun('etl', 'r1');
	house.failedRun('etl', 'r1', Date.now() - 5000);
	await house.look('tasks');
	await house.look('tasks');
	expect(await house.failures()).toMatchObject([{ run: 'r1', tryNumber: 1, again: expect.any(Number) }]);
});

test('a run that fails again without a failed task is told again', async () => {
	const house = (open = await openWatch({ dags: [one('etl')] }, A_MINUTE));
	const made = house.airflow.foreignRun({ dag: 'etl', run: 'r1', state: 'failed' });
	await house.look('runs');
	await house.look('runs');
	expect((await house.conditions()).map(({ over }) => over)).toEqual([false]);
	made.state = 'running';
	await house.look('runs');
	made.state = 'failed';
	made.endedAt = Date.now() + 10;
	await house.look('runs');
	await house.look('runs');
	expect((await house.conditions()).map(({ over }) => over)).toEqual([false, false]);
});
