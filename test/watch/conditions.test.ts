import { afterEach, describe, expect, test } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Composer } from '../../src/clients/composer.ts';
import type { SimDag } from '../../src/sandbox/airflow/types.ts';
import { openWatch } from './house.ts';
import type { WatchHouse } from './house.ts';

let open: WatchHouse | undefined;
afterEach(async () => {
	await open?.close();
	open = undefined;
});

const etl: SimDag = {
	id: 'etl',
	owner: 'tests',
	tags: [],
	file: 'etl.py',
	tasks: [{ id: 'work', operator: 'PythonOperator', ms: 3600_000 }],
};

describe('conditions', () => {
	test('import errors: those of before are known, one that appears is told with its trace, and its end', async () => {
		const house = (open = await openWatch({ dags: [etl], broken: [{ file: 'old.py', stackTrace: 'Boom' }] }));
		await house.look('imports');
		expect(await house.conditions()).toEqual([]);
		house.airflow.setDag('bad', {
			...etl,
			id: 'bad',
			file: 'bad.py',
			importError: 'Traceback\n  File "x"\nModuleNotFoundError: pandas',
		});
		await house.look('imports');
		await house.look('imports');
		expect(await house.conditions()).toMatchObject([
			{
				kind: 'import-error',
				over: false,
				facts: { error: 'ModuleNotFoundError: pandas', text: expect.stringContaining('Traceback') },
			},
		]);
		house.airflow.setDag('bad', undefined);
		await house.look('imports');
		await house.look('imports');
		expect((await house.conditions()).map(({ kind, over }) => [kind, over])).toEqual([
			['import-error', false],
			['import-error', true],
		]);
	});

	test.each([
		['scheduler', 'scheduler-heartbeat-lost'],
		['triggerer', 'triggerer-heartbeat-lost'],
		['dag_processor', 'dag-processor-heartbeat-lost'],
	] as const)('%s without a heartbeat, and back', async (part, kind) => {
		const house = (open = await openWatch({ dags: [etl] }));
		await house.look('health');
		house.airflow.setHealth(part, 'unhealthy', Date.now() - 5000);
		await house.look('health');
		// Its heart beat five seconds ago: a restart is no news.
		expect(await house.conditions()).toEqual([]);
		house.airflow.setHealth(part, 'unhealthy', Date.now() - 90_000);
		await house.look('health');
		await house.look('health');
		expect(await house.conditions()).toMatchObject([{ kind, over: false }]);
		house.airflow.setHealth(part, 'healthy');
		await house.look('health');
		expect((await house.conditions()).map(({ over }) => over)).toEqual([false, true]);
	});

	test('tasks queued for longer than half of what Airflow waits: one condition a queue, with their number', async () => {
		let ahead = 0;
		const house = (open = await openWatch({ dags: [etl], now: () => Date.now() + ahead }));
		await house.look('stuck');
		for (const run of ['a', 'b', 'c']) {
			const made = house.airflow.foreignRun({ dag: 'etl', run, state: 'running' });
			Object.assign(made, { state: 'running', startedAt: Date.now() });
			Object.assign(made.tasks[0] ?? {}, { state: 'queued', tryNumber: 1, queuedAt: Date.now(), dueAt: Infinity });
		}
		await house.look('stuck');
		expect(await house.conditions()).toEqual([]);
		ahead = 6 * 60_000;
		await house.look('stuck');
		await house.look('stuck');
		expect(await house.conditions()).toMatchObject([
			{ kind: 'queued-too-long', key: 'queue:default', facts: { tasks: '3' }, over: false, dag: 'etl', task: 'work' },
		]);
		for (const run of house.airflow.runs('etl'))
			Object.assign(run.tasks[0] ?? {}, { state: 'running', startedAt: Date.now() + ahead });
		await house.look('stuck');
		expect((await house.conditions()).map(({ over }) => over)).toEqual([false, true]);
	});

	test('a task that runs without a heartbeat (Airflow 3)', async () => {
		const house = (open = await openWatch({ dags: [etl] }));
		await house.look('stuck');
		const made = house.airflow.foreignRun({ dag: 'etl', run: 'r1' });
		await house.airflow.until(() => made.tasks[0]?.state === 'running');
		await house.look('stuck');
		expect(await house.conditions()).toEqual([]);
		Object.assign(made.tasks[0] ?? {}, { silentSince: Date.now() - 7 * 60_000 });
		await house.look('stuck');
		expect(await house.conditions()).toMatchObject([
			{ kind: 'running-without-heartbeat', dag: 'etl', run: 'r1', task: 'work', tryNumber: 1, over: false },
		]);
	});

	test('an operation of the Composer environment that failed: once, and never one of before', async () => {
		const house = (open = await openWatch({ dags: [etl] }));
		await house.look('tasks');
		const iso = (ms: number): string => new Date(Date.now() + ms).toISOString();
		const operation = (name: string, state: string, endedAt: string) => ({
			name: `projects/p/locations/l/operations/${name}`,
			type: 'UPDATE',
			state,
			startedAt: iso(-600_000),
			endedAt,
			error: 'Failed to install PyPI packages.',
		});
		const home: Pick<Composer, 'operations'> = {
			operations: async () => [
				operation('new', 'FAILED', iso(2000)),
				operation('fine', 'SUCCEEDED', iso(2000)),
				operation('old', 'FAILED', iso(-3600_000)),
			],
		};
		Object.assign(house.wires.deps, { composer: () => home });
		await house.look('operations');
		await house.look('operations');
		expect(await house.conditions()).toMatchObject([
			{
				kind: 'operation-failed',
				key: 'new',
				facts: { operation: 'UPDATE', text: 'Failed to install PyPI packages.' },
			},
		]);
	});

	test('one look that is refused keeps none of the others from being made', async () => {
		const house = (open = await openWatch({
			dags: [{ ...etl, tasks: [{ id: 'work', operator: 'PythonOperator', ms: 20, endings: ['killed'] }] }],
			users: [{ username: 'admin', password: 'admin', role: 'Admin' }],
		}));
		await house.look('tasks', 'imports');
		await sleep(1100);
		const made = house.airflow.foreignRun({ dag: 'etl', run: 'r1' });
		await house.airflow.until(() => made.state === 'failed');
		house.airflow.faults({ op: 'importErrors', kind: 'login' });
		await house.look('imports', 'tasks', 'health');
		expect(await house.failures()).toHaveLength(1);
		const noted = await house.client.hget('{concertmaster}:watch:state:lab', 'failing:imports');
		expect(JSON.parse(noted ?? '{}')).toMatchObject({ kind: expect.any(String) });
		house.airflow.clearFaults();
		await house.look('imports');
		expect(await house.client.hget('{concertmaster}:watch:state:lab', 'failing:imports')).toBeNull();
	});
});
