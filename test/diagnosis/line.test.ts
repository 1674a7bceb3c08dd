import { describe, expect, test } from '@jest/globals';
import { prefixOf, stripEscapes } from '../../src/diagnosis/line.ts';

describe('prefixOf', () => {
	const cases: [string, { message: string; level: string; from?: string }][] = [
		[
			'[2026-11-22T22:37:00.808+0000] {taskinstance.py:1958} INFO - Starting',
			{ message: 'Starting', level: 'info', from: 'taskinstance.py' },
		],
		[
			'[2026-11-13, 20:44:00 UTC] {dagbag.py:538} ERROR - Failed',
			{ message: 'Failed', level: 'error', from: 'dagbag.py' },
		],
		['[2020-12-01 01:30:57,766] {dagbag.py:440} WARNING - x', { message: 'x', level: 'warning', from: 'dagbag.py' }],
		[
			'[2020-12-01 01:30:57,766] {base_task_runner.py:101} INFO - Job 5: Subtask load [2020-12-01 01:30:57,700] {models.py:3} ERROR - inner',
			{ message: 'inner', level: 'error', from: 'models.py' },
		],
		[' INFO - ::group::Log', { message: '::group::Log', level: 'info' }],
		[
			'2026-11-23T01:22:03.611203Z [warning  ] Tasks using [airflow.jobs.Runner] loc=x.py:1',
			{ message: 'Tasks using [airflow.jobs.Runner] loc=x.py:1', level: 'warning', from: 'airflow.jobs.Runner' },
		],
		[
			'[2025-11-23 00:47:34] ERROR - Task failed source=task loc=x.py:3',
			{ message: 'Task failed source=task loc=x.py:3', level: 'error', from: 'task' },
		],
		['[2026-11-23 00:54:33,616: INFO/MainProcess] mingle', { message: 'mingle', level: 'info', from: 'MainProcess' }],
		[
			'[2024-11-04 01:17:28,807][PID:7][ERROR][airflow.jobs.x] Executor reports',
			{ message: 'Executor reports', level: 'error', from: 'airflow.jobs.x' },
		],
		['2026-11-22 22:37:00,808 - root - ERROR - lost', { message: 'lost', level: 'error', from: 'root' }],
		['ERROR:root:lost', { message: 'lost', level: 'error', from: 'root' }],
		[
			'E1122 12:00:00.000000       1 reflector.go:12] failed',
			{ message: 'failed', level: 'error', from: 'reflector.go:12' },
		],
		[
			'airflow-scheduler: [2026-11-14T18:26:31.004+0000] {x.py:15} WARNING - y',
			{ message: 'y', level: 'warning', from: 'x.py' },
		],
		['*** Log file is not found', { message: 'Log file is not found', level: 'none', from: '***' }],
	];
	test.each(cases)('%s', (line, expected) => {
		expect(prefixOf(line)).toMatchObject(expected);
	});

	test.each(['Traceback (most recent call last):', '  File "x.py", line 3, in load', 'KeyError: 1', '', '[1, 2, 3]'])(
		'%j continues the line before',
		(line) => {
			expect(prefixOf(line)).toBeUndefined();
		},
	);
});

test('terminal colours, titles, links and what is left of them where the escape was lost', () => {
	expect(
		stripEscapes('\u001b[1;31mred\u001b[0m \u001b]8;;https://x\u001b\\link\u001b]8;;\u001b\\ \u001b]0;title\u0007end'),
	).toBe('red link end');
	expect(stripEscapes('[[34m2024-01-01T00:00:00[0m] {[34mx.py:[0m3} INFO[0m - hi[0m')).toBe(
		'[2024-01-01T00:00:00] {x.py:3} INFO - hi',
	);
});
