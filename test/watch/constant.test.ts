import { afterEach, describe, expect, test } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import { LOOKS } from '../../src/alerts/watch-pace.ts';
import type { SimDag } from '../../src/sandbox/airflow/types.ts';
import { names, openWatch } from './house.ts';
import type { WatchHouse } from './house.ts';

let open: WatchHouse | undefined;
afterEach(async () => {
	await open?.close();
	open = undefined;
});

const dag = (n: number): SimDag => ({
	id: `dag_${n}`,
	owner: 'tests',
	tags: [],
	file: `dag_${n}.py`,
	tasks: [{ id: 'work', operator: 'PythonOperator', ms: 50, endings: n === 3 ? ['killed'] : ['success'] }],
	history: { runs: 2, everyMs: 3600_000 },
});

/** Calls to Airflow by what was asked, for one tick with everything due. */
async function callsOf(dags: number): Promise<Record<string, number>> {
	const house = (open = await openWatch({ dags: Array.from({ length: dags }, (_, n) => dag(n)) }));
	await house.look(...LOOKS);
	await sleep(1100);
	for (let n = 0; n < 20; n++) house.airflow.foreignRun({ dag: `dag_${n}`, run: 'now' });
	await house.airflow.until(() => house.airflow.runs().every(({ state }) => state === 'success' || state === 'failed'));
	const before = house.airflow.calls().length;
	await house.look(...LOOKS);
	expect(names(await house.failures())).toEqual(['dag_3/now.work#1']);
	const counts: Record<string, number> = {};
	for (const { op } of house.airflow.calls().slice(before)) counts[op] = (counts[op] ?? 0) + 1;
	await house.close();
	open = undefined;
	return counts;
}

describe('what watching costs', () => {
	test.each([500, 5000])(
		'with %i DAGs: one call a look',
		async (dags) => {
			// runs; the failed run's tasks, recent, late, ended, stuck; health; import errors.
			expect(await callsOf(dags)).toEqual({ runs: 1, tasks: 5, health: 1, importErrors: 1 });
		},
		60_000,
	);
});
