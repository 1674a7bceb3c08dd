import { attempt, framesOf, isGone, isRaised, neverRan, printed, printedFrames, SITE, type LoggedTry } from './logs.ts';
import type { ComposerLogs, Raised } from './types.ts';

/** One line of Airflow 2.11: `[at] {source} LEVEL - text`; a traceback is part of the text of its line. */
export type TextLine = { at: number; source: string; level: 'INFO' | 'WARNING' | 'ERROR' | 'CRITICAL'; text: string };

/** What the task runner itself writes, in the words and order of a real 2.11. Empty for a try that never ran. */
export function textLines(one: LoggedTry): TextLine[] {
	if (neverRan(one) || one.startedAt === undefined) return [];
	const begin = one.startedAt;
	const end = one.endedAt ?? begin;
	const mapped = one.mapIndex >= 0 ? ` map_index=${one.mapIndex}` : '';
	const ti = (state: string): string =>
		`<TaskInstance: ${one.dag.id}.${one.task.id} ${one.run.run}${mapped} [${state}]>`;
	const logical = new Date(one.run.logicalDate ?? one.run.runAfter)
		.toISOString()
		.replace('T', ' ')
		.replace('Z', '000+00:00');
	const info = (at: number, source: string, text: string): TextLine => ({ at, source, level: 'INFO', text });
	const lines = [
		info(begin, 'local_task_job_runner.py:123', '::group::Pre task execution logs'),
		info(begin, 'taskinstance.py:2632', `Dependencies all met for dep_context=non-requeueable deps ti=${ti('queued')}`),
		info(begin, 'taskinstance.py:2632', `Dependencies all met for dep_context=requeueable deps ti=${ti('queued')}`),
		info(begin, 'taskinstance.py:2885', `Starting attempt ${one.tryNumber} of ${one.maxTries + 1}`),
		info(
			begin,
			'taskinstance.py:2908',
			`Executing <${one.mapIndex >= 0 ? 'Mapped' : 'Task'}(${one.task.operator}): ${one.task.id}> on ${logical}`,
		),
		info(begin, 'standard_task_runner.py:72', 'Started process 2815 to run task'),
		info(begin, 'task_command.py:467', `Running ${ti('running')} on host ${one.host}`),
		info(begin, 'taskinstance.py:740', '::endgroup::'),
		...printed(one).map((words) => info(begin + 50, 'logging_mixin.py:190', words)),
		...one.said.map(({ at, level, text, source }): TextLine => ({
			at,
			source: source ?? 'logging_mixin.py:190',
			level: LEVELS[level],
			text,
		})),
	];
	if (one.open || isGone(one.ending)) return lines;
	const marked = (state: string): TextLine => info(end, 'taskinstance.py:361', markedAs(one, begin, end, state));
	const last = (code: number): TextLine[] => [
		info(end, 'local_task_job_runner.py:266', `Task exited with return code ${code}`),
		info(end, 'taskinstance.py:3925', '0 downstream tasks scheduled from follow-on schedule check'),
		info(end, 'local_task_job_runner.py:245', '::endgroup::'),
	];
	const { ending } = one;
	if (ending === 'killed') lines.push(...last(-9));
	else if (ending === 'terminated')
		lines.push(
			{
				at: end,
				source: 'taskinstance.py:3093',
				level: 'ERROR',
				text: 'Received SIGTERM. Terminating subprocesses.',
			},
			{
				at: end,
				source: 'taskinstance.py:3337',
				level: 'ERROR',
				text: [
					'Task failed with exception',
					'Traceback (most recent call last):',
					`  File "${SITE}/airflow/models/taskinstance.py", line 3095, in signal_handler`,
					'    raise AirflowTaskTerminated("Task received SIGTERM signal")',
					'airflow.exceptions.AirflowTaskTerminated: Task received SIGTERM signal',
				].join('\n'),
			},
			...last(143),
		);
	else if (ending === 'success') {
		if (one.task.operator === 'PythonOperator')
			lines.push(info(end, 'python.py:240', 'Done. Returned value was: None'));
		lines.push(marked('SUCCESS'), ...last(0));
	} else if (ending === 'skipped') lines.push(marked('SKIPPED'), ...last(0));
	else if (isRaised(ending))
		lines.push(
			{
				at: end,
				source: 'taskinstance.py:3337',
				level: 'ERROR',
				text: ['Task failed with exception', ...traceback(one, ending.raises)].join('\n'),
			},
			info(
				end,
				'taskinstance.py:1242',
				markedAs(one, begin, end, one.tryNumber <= one.maxTries ? 'UP_FOR_RETRY' : 'FAILED'),
			),
			...last(1),
		);
	return lines;
}

const LEVELS = { info: 'INFO', warning: 'WARNING', error: 'ERROR', critical: 'CRITICAL' } as const;

function markedAs(one: LoggedTry, begin: number, end: number, state: string): string {
	const compact = (ms: number): string => new Date(ms).toISOString().replaceAll(/[-:]|\.\d+Z$/g, '');
	return `Marking task as ${state}. dag_id=${one.dag.id}, task_id=${one.task.id}, run_id=${one.run.run}${one.mapIndex >= 0 ? `, map_index=${one.mapIndex}` : ''}, execution_date=${compact(one.run.logicalDate ?? one.run.runAfter)}, start_date=${compact(begin)}, end_date=${compact(end)}`;
}

function traceback(one: LoggedTry, raised: Raised): string[] {
	const own = printedFrames(framesOf(one, raised));
	const first = raised.from
		? [
				'Traceback (most recent call last):',
				...own,
				`${raised.from.type}: ${raised.from.message}`,
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
		...(raised.frames?.own === false
			? []
			: [
					`  File "${SITE}/airflow/operators/python.py", line 256, in execute_callable`,
					'    return runner.run(*self.op_args, **self.op_kwargs)',
				]),
		...own,
		`${raised.type}: ${raised.message}`,
	];
}

/** The whole log as the REST API of Airflow 2.11 gives it. */
export function textLog(one: LoggedTry, composer: ComposerLogs | undefined): string {
	const lines = textLines(one);
	if (lines.length === 0 || (isGone(one.ending) && one.ending.gone === 'missing'))
		return composer ? missingInComposer(one, composer) : missingHere(one);
	return [
		...(composer
			? found(one, composer)
			: [
					one.host,
					' INFO - ::group::Log message source details',
					'*** Found local files:',
					`***   * ${attempt(one)}`,
					' INFO - ::endgroup::',
				]),
		...lines.map(
			({ at, source, level, text }) =>
				`[${new Date(at).toISOString().replace('Z', '+0000')}] {${source}} ${level} - ${text}`,
		),
		'',
	].join('\n');
}

function missingHere(one: LoggedTry): string {
	const file = attempt(one).split('/logs/')[1] ?? '';
	const because = neverRan(one)
		? `Invalid URL 'http://:8793/log/${file}': No host supplied`
		: `HTTPConnectionPool(host='${one.host}', port=8793): Max retries exceeded with url: /log/${file} (Caused by NameResolutionError("<urllib3.connection.HTTPConnection object at 0x7f1c9c0>: Failed to resolve '${one.host}' ([Errno -3] Temporary failure in name resolution)"))`;
	return [
		'',
		' INFO - ::group::Log message source details',
		`*** Could not read served logs: ${because}`,
		' INFO - ::endgroup::',
		'',
		'',
	].join('\n');
}

const objectOf = (one: LoggedTry, { bucket }: ComposerLogs): string =>
	`gs://${bucket}/logs/${attempt(one).split('/logs/')[1] ?? ''}`;

function found(one: LoggedTry, composer: ComposerLogs): string[] {
	return composer.inBucket ? [`*** Reading remote log from ${objectOf(one, composer)}.`] : [];
}

/** Composer's own words. Source: composer-airflow, gcs_task_handler.py and composer_task_handler.py. */
function missingInComposer(one: LoggedTry, composer: ComposerLogs): string {
	if (composer.inBucket)
		return [
			`*** Log file is not found: ${objectOf(one, composer)}.`,
			'*** The task might not have been executed or worker executing it might have finished abnormally (e.g. was evicted).',
			'*** Please, refer to https://cloud.google.com/composer/docs/how-to/using/troubleshooting-dags#common_issues hints to learn what might be possible reasons for a missing log.',
			'',
		].join('\n');
	return [
		'*** Logs not found for Cloud Logging filter:',
		cloudFilter(one, composer),
		'*** The task might not have been executed, logs were deleted as part of logs retention (default of 30 days),  or worker executing it might have finished abnormally (e.g. was evicted).',
		'*** Please, refer to https://cloud.google.com/composer/docs/how-to/using/troubleshooting-dags#common_issues hints to learn what might be possible reasons for a missing log.',
		'',
	].join('\n');
}

function cloudFilter(one: LoggedTry, { project, environment, location }: ComposerLogs): string {
	return [
		`logName="projects/${project}/logs/airflow-worker"`,
		'resource.type="cloud_composer_environment"',
		`resource.labels.project_id="${project}"`,
		`resource.labels.environment_name="${environment}"`,
		`resource.labels.location="${location}"`,
		`labels.task-id="${one.task.id}"`,
		`labels.workflow="${one.dag.id}"`,
		`labels.execution-date="${new Date(one.run.logicalDate ?? one.run.runAfter).toISOString().replace('.000Z', '+00:00')}"`,
		`labels.try-number="${one.tryNumber}"`,
	].join('\n');
}
