import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { parseAirflowUrl } from '../../src/domain/airflow-url.ts';
import { isDagId, isRunId, isTaskId } from '../../src/domain/ids.ts';

const RUN = 'manual__2026-11-20T00:00:00+00:00';
const at = (path: string, host = 'https://airflow.example.com') => parseAirflowUrl(host + path);
const here = { origin: 'https://airflow.example.com', base: '/' };

describe("addresses of Airflow's web interface", () => {
	test.each([
		['/dags/daily', { dag: 'daily' }],
		// Airflow 3
		[`/dags/daily/runs/${encodeURIComponent(RUN)}`, { dag: 'daily', run: RUN }],
		[`/dags/daily/runs/${RUN}/tasks/load?try_number=2`, { dag: 'daily', run: RUN, task: 'load', tryNumber: 2 }],
		[`/dags/daily/runs/${RUN}/tasks/load/mapped/3/details`, { dag: 'daily', run: RUN, task: 'load', mapIndex: 3 }],
		[`/dags/daily/runs/${RUN}/tasks/group/extract`, { dag: 'daily', run: RUN }],
		['/dags/daily/tasks/load', { dag: 'daily', task: 'load' }],
		// Airflow 2
		[
			`/dags/daily/grid?dag_run_id=${encodeURIComponent(RUN)}&task_id=load&map_index=1&tab=logs`,
			{ dag: 'daily', run: RUN, task: 'load', mapIndex: 1 },
		],
		// The plus sign was not encoded, so that it reads as a blank.
		[`/dags/daily/grid?dag_run_id=${RUN}`, { dag: 'daily', run: RUN }],
		[
			'/log?dag_id=daily&task_id=load&execution_date=2026-11-20T00%3A00%3A00%2B00%3A00&map_index=-1',
			{ dag: 'daily', task: 'load', logicalDate: '2026-11-20T00:00:00.000Z' },
		],
		['/taskinstance/list/?_flt_3_dag_id=daily&_flt_3_task_id=load', { dag: 'daily', task: 'load' }],
		// The REST API's own
		[
			`/api/v2/dags/daily/dagRuns/${RUN}/taskInstances/load/logs/2`,
			{ dag: 'daily', run: RUN, task: 'load', tryNumber: 2 },
		],
		[
			`/api/v1/dags/daily/dagRuns/${RUN}/taskInstances/load/4/tries`,
			{ dag: 'daily', run: RUN, task: 'load', mapIndex: 4 },
		],
		['/dags/%E5%A3%B2%E4%B8%8A', { dag: '売上' }],
	])('%s', (path, expected) => {
		expect(at(path)).toEqual({ ...here, ...expected });
	});

	test('below a path of its own', () => {
		expect(at('/team/airflow/dags/daily/grid')).toEqual({ ...here, base: '/team/airflow/', dag: 'daily' });
	});

	test.each([
		'/',
		'/home',
		'/dags/',
		'/dags/..%2F..%2Fapi',
		'/dags/~',
		'/dags/a%20b',
		'/dags/daily/runs/~',
		'/log?task_id=load',
		'/dags/%E0%A4%A',
	])('%s is about no DAG', (path) => {
		expect(at(path)).toBeUndefined();
	});

	test('only http, and no user name', () => {
		expect(parseAirflowUrl('javascript:alert(1)//dags/x')).toBeUndefined();
		expect(parseAirflowUrl('https://airflow.example.com@evil.example/dags/daily')).toBeUndefined();
		expect(parseAirflowUrl('https://airflow.example.com.evil.example/dags/daily')?.origin).toBe(
			'https://airflow.example.com.evil.example',
		);
	});

	const id = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 40 });
	test('any ids come back as they went in, in both forms', () => {
		fc.assert(
			fc.property(id.filter(isDagId), id.filter(isRunId), id.filter(isTaskId), fc.nat(999), (dag, run, task, n) => {
				const [d, r, t] = [dag, run, task].map(encodeURIComponent);
				const expected = { ...here, dag, run, task, tryNumber: n };
				expect(at(`/dags/${d}/runs/${r}/tasks/${t}?try_number=${n}`)).toEqual(expected);
				expect(at(`/dags/${d}/grid?dag_run_id=${r}&task_id=${t}&try_number=${n}`)).toEqual(expected);
			}),
		);
	});

	test('whatever is pasted, what comes out can stand in a path', () => {
		fc.assert(
			fc.property(
				fc.oneof(
					fc.webUrl({ withQueryParameters: true }),
					fc.string(),
					id.map((x) => `https://a.b/dags/${x}`),
				),
				(text) => {
					const read = parseAirflowUrl(text);
					if (!read) return;
					expect(isDagId(read.dag)).toBe(true);
					expect(read.run === undefined || isRunId(read.run)).toBe(true);
					expect(read.task === undefined || isTaskId(read.task)).toBe(true);
				},
			),
			{ numRuns: 500 },
		);
	});
});
