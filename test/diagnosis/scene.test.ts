import { describe, expect, test } from '@jest/globals';
import { defineRule, line } from '../../src/domain/rule.ts';
import type { Rule } from '../../src/domain/rule.ts';
import { diagnose } from '../../src/diagnosis/diagnose.ts';
import { setScene } from '../../src/diagnosis/scene.ts';
import { unwrap } from '../../src/diagnosis/unwrap.ts';

const at = (n: number) => `[2026-11-22T22:37:0${n}.000+0000]`;
const scene = (log: string) => setScene(unwrap(log), new Set()).scene;
const types = (log: string) => scene(log).chain.map(({ type, message }) => `${type}: ${message}`);

describe('the exception chain', () => {
	test('root first, wrapper last, frames with their owner; the message over several lines', () => {
		const { chain, ended, dag, task, operator, airflow, kind } =
			scene(`${at(0)} {taskinstance.py:1083} INFO - Dependencies all met for dep_context=non-requeueable deps ti=<TaskInstance: sales.daily.load manual__1 [queued]>
${at(1)} {taskinstance.py:1} INFO - Executing <Task(PythonOperator): load> on 2026-11-21
${at(2)} {taskinstance.py:2706} ERROR - Task failed with exception
Traceback (most recent call last):
  File "/home/airflow/gcs/dags/sales.py", line 7, in load
    raise KeyError('a')
KeyError: 'a'

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "/opt/python3.11/lib/python3.11/site-packages/airflow/models/taskinstance.py", line 435, in _execute_task
    x()
airflow.exceptions.AirflowException: it failed
HTTP body: second line
${at(3)} {taskinstance.py:1141} INFO - Marking task as FAILED. dag_id=sales.daily, task_id=load
`);
		expect(chain).toEqual([
			{
				type: 'KeyError',
				message: "'a'",
				frames: [{ file: '/home/airflow/gcs/dags/sales.py', line: 7, function: 'load', own: true }],
			},
			{
				type: 'airflow.exceptions.AirflowException',
				message: 'it failed\nHTTP body: second line',
				frames: [
					{
						file: '/opt/python3.11/lib/python3.11/site-packages/airflow/models/taskinstance.py',
						line: 435,
						function: '_execute_task',
						own: false,
					},
				],
			},
		]);
		expect({ ended, dag, task, operator, airflow, kind }).toEqual({
			ended: 'failed',
			dag: 'sales.daily',
			task: 'load',
			operator: 'PythonOperator',
			airflow: 2,
			kind: 'task',
		});
	});

	test("Airflow 3's error_detail reads like Python would have printed it", () => {
		const stack = (exc_type: string, exc_value: string, is_cause: boolean) => ({
			exc_type,
			exc_value,
			exc_notes: [],
			is_cause,
			frames: [{ filename: '/opt/airflow/dags/x.py', lineno: 3, name: 'f' }],
			is_group: false,
			exceptions: [],
		});
		const record = {
			timestamp: '2026-11-23T00:00:00Z',
			level: 'error',
			event: 'Task failed with exception',
			logger: 'task',
			error_detail: [stack('Outer', 'two', false), stack('Inner', 'one', true)],
		};
		expect(types(JSON.stringify(record))).toEqual(['Inner: one', 'Outer: two']);
	});

	test('an exception group: its members are the roots', () => {
		const log = `${at(0)} {taskinstance.py:2706} ERROR - Task failed with exception
  + Exception Group Traceback (most recent call last):
  |   File "/opt/airflow/dags/fan.py", line 10, in run
  | ExceptionGroup: unhandled errors (2 sub-exceptions)
  +-+---------------- 1 ----------------
    | Traceback (most recent call last):
    |   File "/opt/airflow/dags/fan.py", line 5, in one
    | ValueError: bad row
    +---------------- 2 ----------------
    | Traceback (most recent call last):
    |   File "/opt/airflow/dags/fan.py", line 6, in two
    | KeyError: 'x'
    +------------------------------------
${at(1)} {taskinstance.py:1141} INFO - Marking task as FAILED.
`;
		expect(types(log).filter((each) => !each.startsWith('ExceptionGroup'))).toEqual([
			'ValueError: bad row',
			"KeyError: 'x'",
		]);
	});

	test("a child's traceback stands before the wrapper that only says it failed", () => {
		const log = `${at(0)} {subprocess.py:93} INFO - Traceback (most recent call last):
${at(0)} {subprocess.py:93} INFO -   File "/home/airflow/gcs/data/run.py", line 3, in <module>
${at(0)} {subprocess.py:93} INFO - ModuleNotFoundError: No module named 'x'
${at(1)} {taskinstance.py:2698} ERROR - Task failed with exception
Traceback (most recent call last):
  File "/opt/python3.11/lib/python3.11/site-packages/airflow/operators/bash.py", line 210, in execute
    raise AirflowException(
airflow.exceptions.AirflowException: Bash command failed. The command returned a non-zero exit code 1.
`;
		expect(scene(log).chain.map(({ type }) => type)).toEqual([
			'ModuleNotFoundError',
			'airflow.exceptions.AirflowException',
		]);
	});

	test('a handled error is not the one that ended the try', () => {
		const log = `${at(0)} {x.py:1} ERROR - could not reach the cache, going on
Traceback (most recent call last):
  File "/opt/airflow/dags/x.py", line 3, in f
ConnectionError: refused
${at(1)} {taskinstance.py:2698} ERROR - Task failed with exception
Traceback (most recent call last):
  File "/opt/airflow/dags/x.py", line 9, in g
ValueError: bad
`;
		expect(types(log)).toEqual(['ValueError: bad']);
	});
});

describe('how the try ended', () => {
	test.each([
		['Marking task as SUCCESS. dag_id=a', 'success'],
		['Marking task as FAILED. dag_id=a', 'failed'],
		['Marking task as UP_FOR_RETRY. dag_id=a', 'retry'],
		['Marking task as SKIPPED. dag_id=a', 'skipped'],
		['Pausing task as DEFERRED. dag_id=a', 'deferred'],
		['Task exited with return code Negsignal.SIGKILL', 'failed'],
		['Task exited with return code -9', 'failed'],
		['just a line', 'none'],
	])('%s: %s', (message, ended) => {
		expect(
			scene(
				`${at(0)} {taskinstance.py:1} INFO - Starting attempt 1 of 2\n${at(1)} {taskinstance.py:2} INFO - ${message}\n`,
			).ended,
		).toBe(ended);
	});
});

const text = { en: 'x', ja: 'x' };
const rule = (id: string, sentence: string, more: Partial<Rule> = {}): Rule =>
	defineRule({
		id,
		category: 'dag-code',
		title: text,
		looks: text,
		confused: text,
		signatures: [line(sentence, new RegExp(sentence), more.signatures?.[0]?.says)],
		fix: () => [],
		docs: 'https://example.com',
		...more,
	});

describe('the judgement', () => {
	const failed = (message: string) =>
		`${at(8)} {taskinstance.py:2698} ERROR - Task failed with exception\nTraceback (most recent call last):\n  File "/opt/airflow/dags/x.py", line 9, in g\n  File "/opt/python3.11/lib/python3.11/site-packages/google/api_core/x.py", line 3, in call\n${message}\n`;
	const verdict = (log: string, rules: readonly Rule[], about?: { dag: string; task: string }) =>
		diagnose(Buffer.from(log), { rules, about }).verdict;
	const refused = rule('refused', 'connection was refused');
	const denied = rule('denied', 'permission was denied');
	const last = rule('own-code', 'Traceback', { lastResort: true });

	test('what ended the try goes before what was logged on the way', () => {
		expect(
			verdict(
				`${at(1)} {x.py:1} ERROR - connection was refused, retrying\n${failed('Forbidden: permission was denied')}`,
				[refused, denied],
			),
		).toBe('denied');
	});

	test('a symptom gives way to the cause beside it', () => {
		const log = `${at(1)} {x.py:1} INFO - permission was denied\n${at(2)} {x.py:1} ERROR - no log could be found\n`;
		expect(verdict(log, [rule('missing', 'no log could be found', { symptom: true }), denied])).toBe('denied');
	});

	test('a rule stands behind those it yields to', () => {
		const log = failed('OSError: connection was refused because permission was denied');
		expect(verdict(log, [refused, denied])).not.toBe(
			verdict(log, [rule('refused', 'connection was refused', { yieldsTo: ['denied'] }), denied]) === 'denied'
				? 'nothing'
				: 'denied',
		);
		expect(verdict(log, [rule('refused', 'connection was refused', { yieldsTo: ['denied'] }), denied])).toBe('denied');
		expect(verdict(log, [refused, rule('denied', 'permission was denied', { yieldsTo: ['refused'] })])).toBe('refused');
	});

	test('the last resort explains what nothing else explains', () => {
		expect([
			verdict(failed('ValueError: x'), [last, denied]),
			verdict(failed('Forbidden: permission was denied'), [last, denied]),
		]).toEqual(['own-code', 'denied']);
	});

	test("what the user's own code raised may quote anything: words of a cause in it are possible at most", () => {
		const log = failed('ValueError: the report says permission was denied').replace(/^.*site-packages.*\n/m, '');
		expect([verdict(log, [last, denied]), verdict(log, [denied])]).toEqual(['own-code', 'denied']);
		expect(diagnose(Buffer.from(log), { rules: [denied] }).status).toBe('possible');
	});

	test("another task's line explains nothing", () => {
		const log = `${at(0)} {taskinstance.py:1} INFO - Starting attempt 1 of 2\n${at(1)} {x.py:1} ERROR - permission was denied for <TaskInstance: other.job manual__1 [running]>\n`;
		expect([
			verdict(log, [denied], { dag: 'mine', task: 'load' }),
			verdict(log, [denied], { dag: 'other', task: 'job' }),
		]).toEqual(['unknown', 'denied']);
	});

	test('a try that went through is unknown, and that is said; so is a log that just stops', () => {
		const noisy = (end: string) =>
			`${at(0)} {taskinstance.py:1} INFO - Starting attempt 1 of 2\n${at(1)} {x.py:1} ERROR - permission was denied\n${end}`;
		const well = diagnose(Buffer.from(noisy(`${at(2)} {taskinstance.py:1} INFO - Marking task as SUCCESS.\n`)), {
			rules: [denied],
		});
		expect([well.verdict, well.notes]).toEqual([
			'unknown',
			['The try succeeded in spite of the errors it logged: they were handled.'],
		]);
		const stops = diagnose(Buffer.from(`${at(0)} {taskinstance.py:1} INFO - Starting attempt 1 of 2\n`), {
			rules: [denied],
			lang: 'ja',
		});
		expect([stops.verdict, stops.notes[0]]).toEqual(['unknown', expect.stringContaining('途切れています')]);
	});

	test('nothing but a failed upstream', () => {
		const log = `${at(0)} {taskinstance.py:1} INFO - Dependencies not met for <TaskInstance: a.b c [None]>, dependency 'Trigger Rule' FAILED: Task's trigger rule 'all_success' requires all upstream tasks to have succeeded, but found 1 non-success(es).\n`;
		expect(verdict(log, [denied])).toBe('upstream-failed');
	});

	test('an unknown failure still names its last exception', () => {
		expect(
			diagnose(Buffer.from(failed('acme.errors.Strange: password=hunter22x')), { rules: [denied] }).lastException,
		).toBe('acme.errors.Strange: password=***');
	});
});
