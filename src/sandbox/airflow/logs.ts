import type { Ending, SimDag, SimRun, SimTask } from './types.ts';

/** One try as a log writer needs it. */
export type LoggedTry = {
	dag: SimDag;
	run: SimRun;
	task: SimTask;
	mapIndex: number;
	tryNumber: number;
	maxTries: number;
	startedAt: number | undefined;
	endedAt: number | undefined;
	ending: Ending;
	/** The try is still running. */
	open: boolean;
};

export const HOST = 'airflow-worker-7d9f8';
const SITE = '/opt/python3.11/lib/python3.11/site-packages';

function attempt(one: LoggedTry): string {
	const mapped = one.mapIndex >= 0 ? `/map_index=${one.mapIndex}` : '';
	return `/home/airflow/gcs/logs/dag_id=${one.dag.id}/run_id=${one.run.run}/task_id=${one.task.id}${mapped}/attempt=${one.tryNumber}.log`;
}

/** What a task prints: its own words on the way to success, or before it is killed. */
function printed(one: LoggedTry): readonly string[] {
	const raised = typeof one.ending === 'object';
	return raised || (one.task.retries !== undefined && one.ending !== 'success') ? [] : (one.task.prints ?? []);
}

/** Airflow 2.11's text, in the words and order of a real one. */
export function textLog(one: LoggedTry): string {
	if (one.ending === 'no-log' || one.startedAt === undefined)
		return [
			'',
			' INFO - ::group::Log message source details',
			`*** Could not read served logs: Invalid URL 'http://:8793/log/${attempt(one).split('/logs/')[1] ?? ''}': No host supplied`,
			' INFO - ::endgroup::',
			'',
			'',
		].join('\n');
	const at = (ms: number): string => `[${new Date(ms).toISOString().replace('Z', '+0000')}]`;
	const begin = one.startedAt;
	const mapped = one.mapIndex >= 0 ? ` map_index=${one.mapIndex}` : '';
	const ti = (state: string): string =>
		`<TaskInstance: ${one.dag.id}.${one.task.id} ${one.run.run}${mapped} [${state}]>`;
	const logical = new Date(one.run.logicalDate ?? one.run.runAfter)
		.toISOString()
		.replace('T', ' ')
		.replace('Z', '000+00:00');
	const compact = (ms: number | undefined): string => new Date(ms ?? begin).toISOString().replace(/[-:]|\.\d+Z$/g, '');
	const lines = [
		HOST,
		' INFO - ::group::Log message source details',
		'*** Found local files:',
		`***   * ${attempt(one)}`,
		' INFO - ::endgroup::',
		`${at(begin)} {local_task_job_runner.py:123} INFO - ::group::Pre task execution logs`,
		`${at(begin)} {taskinstance.py:2632} INFO - Dependencies all met for dep_context=non-requeueable deps ti=${ti('queued')}`,
		`${at(begin)} {taskinstance.py:2632} INFO - Dependencies all met for dep_context=requeueable deps ti=${ti('queued')}`,
		`${at(begin)} {taskinstance.py:2885} INFO - Starting attempt ${one.tryNumber} of ${one.maxTries + 1}`,
		`${at(begin)} {taskinstance.py:2908} INFO - Executing <${one.mapIndex >= 0 ? 'Mapped' : 'Task'}(${one.task.operator}): ${one.task.id}> on ${logical}`,
		`${at(begin)} {standard_task_runner.py:72} INFO - Started process 2815 to run task`,
		`${at(begin)} {task_command.py:467} INFO - Running ${ti('running')} on host ${HOST}`,
		`${at(begin)} {taskinstance.py:740} INFO - ::endgroup::`,
		...printed(one).map((words) => `${at(begin + 50)} {logging_mixin.py:190} INFO - ${words}`),
	];
	const end = one.endedAt ?? begin;
	const marked = (state: string): string =>
		`dag_id=${one.dag.id}, task_id=${one.task.id}, run_id=${one.run.run}${one.mapIndex >= 0 ? `, map_index=${one.mapIndex}` : ''}, execution_date=${compact(one.run.logicalDate ?? one.run.runAfter)}, start_date=${compact(begin)}, end_date=${compact(end)}`.replace(
			/^/,
			`Marking task as ${state}. `,
		);
	const last = (code: number): string[] => [
		`${at(end)} {local_task_job_runner.py:266} INFO - Task exited with return code ${code}`,
		`${at(end)} {taskinstance.py:3925} INFO - 0 downstream tasks scheduled from follow-on schedule check`,
		`${at(end)} {local_task_job_runner.py:245} INFO - ::endgroup::`,
	];
	if (one.open) return `${lines.join('\n')}\n`;
	if (one.ending === 'killed') lines.push(...last(-9));
	else if (one.ending === 'success') {
		if (one.task.operator === 'PythonOperator')
			lines.push(`${at(end)} {python.py:240} INFO - Done. Returned value was: None`);
		lines.push(`${at(end)} {taskinstance.py:361} INFO - ${marked('SUCCESS')}`, ...last(0));
	} else if (one.ending === 'skipped')
		lines.push(`${at(end)} {taskinstance.py:361} INFO - ${marked('SKIPPED')}`, ...last(0));
	else if (typeof one.ending === 'object')
		lines.push(
			`${at(end)} {taskinstance.py:3337} ERROR - Task failed with exception`,
			...traceback(one, one.ending),
			`${at(end)} {taskinstance.py:1242} INFO - ${marked(one.tryNumber <= one.maxTries ? 'UP_FOR_RETRY' : 'FAILED')}`,
			...last(1),
		);
	return `${lines.join('\n')}\n`;
}

/** A library raises its exceptions in a file of its own, below the DAG's line. By the first word of the exception's type. */
const LIBRARY: Readonly<Record<string, { file: string; line: number; name: string; code: string }>> = {
	google: {
		file: 'google/cloud/_http/__init__.py',
		line: 494,
		name: 'api_request',
		code: 'raise exceptions.from_http_response(response)',
	},
	requests: { file: 'requests/adapters.py', line: 665, name: 'send', code: 'raise ConnectTimeout(e, request=request)' },
	airflow: {
		file: 'airflow/hooks/base.py',
		line: 61,
		name: 'get_connection',
		code: 'conn = Connection.get_connection_from_secrets(conn_id)',
	},
};

const libraryOf = (type: string) => (type.includes('.') ? LIBRARY[type.split('.')[0] ?? ''] : undefined);

function traceback(one: LoggedTry, { raises }: Extract<Ending, object>): string[] {
	const library = libraryOf(raises.type);
	const own = [
		`  File "/home/airflow/gcs/dags/${one.dag.file}", line ${raises.line}, in ${raises.function}`,
		`    ${raises.function === 'divide' ? 'return 1 / 0' : library ? 'run(…)' : `raise ${raises.type.split('.').at(-1) ?? ''}(…)`}`,
		...(library
			? [`  File "${SITE}/${library.file}", line ${library.line}, in ${library.name}`, `    ${library.code}`]
			: []),
	];
	const first = raises.from
		? [
				'Traceback (most recent call last):',
				...own,
				`${raises.from.type}: ${raises.from.message}`,
				'',
				'The above exception was the direct cause of the following exception:',
				'',
			]
		: [];
	return [
		...first,
		'Traceback (most recent call last):',
		`  File "${SITE}/airflow/models/taskinstance.py", line 776, in _execute_task`,
		'    result = _execute_callable(context=context, **execute_callable_kwargs)',
		`  File "${SITE}/airflow/operators/python.py", line 256, in execute_callable`,
		'    return runner.run(*self.op_args, **self.op_kwargs)',
		...own,
		`${raises.type}: ${raises.message}`,
	];
}

export type JsonLine = Readonly<Record<string, unknown>>;

/** Airflow 3.1's structured lines. */
export function jsonLog(one: LoggedTry): JsonLine[] {
	if (one.ending === 'no-log' || one.startedAt === undefined)
		return [
			{ timestamp: null, event: '::group::Log message source details' },
			{ timestamp: null, event: '::endgroup::' },
			{
				timestamp: null,
				event: `Could not read served logs: Invalid URL 'http://:8793/log/${attempt(one).split('/logs/')[1] ?? ''}': No host supplied`,
			},
		];
	const at = (ms: number): string => new Date(ms).toISOString().replace('Z', '000Z');
	const begin = one.startedAt;
	const end = one.endedAt ?? begin;
	const lines: JsonLine[] = [
		{ timestamp: null, event: '::group::Log message source details', sources: [attempt(one)] },
		{ timestamp: null, event: '::endgroup::' },
		{
			timestamp: at(begin),
			event: 'DAG bundles loaded: dags-folder',
			level: 'info',
			logger: 'airflow.dag_processing.bundles.manager.DagBundlesManager',
			filename: 'manager.py',
			lineno: 179,
		},
		{
			timestamp: at(begin),
			event: `Filling up the DagBag from /home/airflow/gcs/dags/${one.dag.file}`,
			level: 'info',
			logger: 'airflow.models.dagbag.BundleDagBag',
			filename: 'dagbag.py',
			lineno: 593,
		},
		...printed(one).map((event) => ({ timestamp: at(begin + 50), event, level: 'info', logger: 'task.stdout' })),
	];
	if (one.open) return lines;
	if (one.ending === 'killed')
		lines.push({
			timestamp: at(end),
			event:
				'Process terminated by signal. Likely out of memory error (OOM). For more information, see https://airflow.apache.org/docs/apache-airflow/stable/troubleshooting.html#process-terminated-by-signal.',
			level: 'critical',
			signal: -9,
			signal_name: 'SIGKILL',
			logger: 'task',
		});
	else if (one.ending === 'success' && one.task.operator === 'PythonOperator')
		lines.push({
			timestamp: at(end),
			event: 'Done. Returned value was: None',
			level: 'info',
			logger: 'airflow.task.operators.airflow.providers.standard.operators.python.PythonOperator',
			filename: 'python.py',
			lineno: 229,
		});
	else if (one.ending === 'skipped')
		lines.push({ timestamp: at(end), event: 'Skipping task.', level: 'info', logger: 'task' });
	else if (typeof one.ending === 'object')
		lines.push({
			timestamp: at(end),
			event: 'Task failed with exception',
			level: 'error',
			logger: 'task',
			filename: 'task_runner.py',
			lineno: 1186,
			error_detail: errorDetail(one, one.ending),
		});
	return lines;
}

function errorDetail(one: LoggedTry, { raises }: Extract<Ending, object>): JsonLine[] {
	const library = libraryOf(raises.type);
	const own = { filename: `/home/airflow/gcs/dags/${one.dag.file}`, lineno: raises.line, name: raises.function };
	const link = (type: string, value: string, isCause: boolean, frames: JsonLine[]): JsonLine => ({
		exc_type: type.split('.').at(-1),
		exc_value: value,
		exc_notes: [],
		syntax_error: null,
		is_cause: isCause,
		frames,
		is_group: false,
		exceptions: [],
	});
	return [
		link(raises.type, raises.message, false, [
			{ filename: `${SITE}/airflow/sdk/execution_time/task_runner.py`, lineno: 1112, name: 'run' },
			{ filename: `${SITE}/airflow/sdk/execution_time/task_runner.py`, lineno: 1528, name: '_execute_task' },
			own,
			...(library ? [{ filename: `${SITE}/${library.file}`, lineno: library.line, name: library.name }] : []),
		]),
		...(raises.from ? [link(raises.from.type, raises.from.message, true, [own])] : []),
	];
}
