import { afterEach, describe, expect, test } from '@jest/globals';
import type { SimDag } from '../../src/sandbox/airflow/types.ts';
import type { Protection } from '../../src/config.ts';
import { names, openWatch } from './house.ts';
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
	tasks: [{ id: 'work', operator: 'PythonOperator', ms: 20 }],
};

/** A turn that dies before it has added its jobs, then another that sees the same. */
async function dying(broken: Protection | undefined): Promise<string[]> {
	const house = (open = await openWatch({ dags: [etl] }, { lookBackMinutes: 1 }, broken));
	house.failedRun('etl', 'r1', Date.now() - 5000);
	const { work } = house.wires;
	const addAll = work.addAll.bind(work);
	work.addAll = async () => {
		throw new Error('kill -9');
	};
	await house.look('tasks');
	work.addAll = addAll;
	await house.look('tasks');
	await house.look('tasks');
	return names(await house.failures());
}

describe('each protection of the watch is needed', () => {
	test('with all of them a turn that dies before it has added its jobs costs nothing', async () => {
		expect(await dying(undefined)).toEqual(['etl/r1.work#1']);
	});

	test('a watermark that moves before the jobs are there loses them', async () => {
		expect(await dying('watermark')).toEqual([]);
	});

	test('without what was seen before, the overlap tells it again and again', async () => {
		expect(await dying('seen')).toEqual(['etl/r1.work#1', 'etl/r1.work#1']);
	});
});
