import { attempt, framesOf, isGone, isRaised, neverRan, printed, printedFrames, SITE, type LoggedTry } from './logs.ts';
import type { ComposerLogs, Entry, Raised } from './types.ts';

export type JsonLine = Readonly<Record<string, unknown>>;

/** `extra`: what else a structured line carries; `detail`: the exception it carries. */
type Line = {
	at: number;
	level: 'info' | 'warning' | 'error' | 'critical';
	event: string;
	extra: JsonLine;
	raised?: Raised;
};

/** What Airflow 3.1's supervisor and task runner write. Empty for a try that never ran. */
function structured(one: LoggedTry): Line[] {
	if (neverRan(one) || one.startedAt === undefined) return [];
	const begin = one.startedAt;
	const end = one.endedAt ?? begin;
	const lines: Line[] = [
		{
			at: begin,
			level: 'info',
			event: 'DAG bundles loaded: dags-folder',
			extra: {
				logger: 'airflow.dag_processing.bundles.manager.DagBundlesManager',
				filename: 'manager.py',
				lineno: 179,
			},
		},
		{
			at: begin,
			level: 'info',
			event: `Filling up the DagBag from /home/airflow/gcs/dags/${one.dag.file}`,
			extra: { logger: 'airflow.models.dagbag.BundleDagBag', filename: 'dagbag.py', lineno: 593 },
		},
		...printed(one).map((event): Line => ({ at: begin + 50, level: 'info', event, extra: { logger: 'task.stdout' } })),
		...one.said.map(({ at, level, text, source, logger }): Line => ({
			at,
			level,
			event: text,
			extra: { logger: logger ?? 'task', ...placeOf(source) },
		})),
	];
	const { ending } = one;
	if (one.open || isGone(ending)) return lines;
	if (ending === 'killed')
		lines.push({
			at: end,
			level: 'critical',
			event:
				'Process terminated by signal. Likely out of memory error (OOM). For more information, see https://airflow.apache.org/docs/apache-airflow/stable/troubleshooting.html#process-terminated-by-signal.',
			extra: { signal: -9, signal_name: 'SIGKILL', logger: 'task' },
		});
	else if (ending === 'terminated')
		lines.push({
			at: end,
			level: 'critical',
			event:
				'Process terminated by signal. For more information, see https://airflow.apache.org/docs/apache-airflow/stable/troubleshooting.html#process-terminated-by-signal.',
			extra: { signal: -15, signal_name: 'SIGTERM', logger: 'task' },
		});
	else if (ending === 'success' && one.task.operator === 'PythonOperator')
		lines.push({
			at: end,
			level: 'info',
			event: 'Done. Returned value was: None',
			extra: {
				logger: 'airflow.task.operators.airflow.providers.standard.operators.python.PythonOperator',
				filename: 'python.py',
				lineno: 229,
			},
		});
	else if (ending === 'skipped')
		lines.push({ at: end, level: 'info', event: 'Skipping task.', extra: { logger: 'task' } });
	else if (isRaised(ending))
		lines.push({
			at: end,
			level: 'error',
			event: 'Task failed with exception',
			extra: { logger: 'task', filename: 'task_runner.py', lineno: 1186 },
			raised: ending.raises,
		});
	return lines;
}

/** `pod_manager.py:727` as two fields. */
function placeOf(source: string | undefined): JsonLine {
	const [, filename, lineno] = /^(.+):(\d+)$/.exec(source ?? '') ?? [];
	return filename === undefined ? {} : { filename, lineno: Number(lineno) };
}

const stamp = (ms: number): string => new Date(ms).toISOString().replace('Z', '000Z');

/** The log as the REST API of Airflow 3.1 gives it; on Composer 3 what its handler reads from Cloud Logging. */
export function jsonLog(one: LoggedTry, composer: ComposerLogs | undefined): JsonLine[] {
	const lines = structured(one);
	const missing = lines.length === 0 || (isGone(one.ending) && one.ending.gone === 'missing');
	if (composer) return composerLog(one, missing ? [] : entriesOf(one, lines), composer);
	if (missing)
		return [
			{ timestamp: null, event: '::group::Log message source details' },
			{ timestamp: null, event: '::endgroup::' },
			{
				timestamp: null,
				event: neverRan(one)
					? `Could not read served logs: Invalid URL 'http://:8793/log/${attempt(one).split('/logs/')[1] ?? ''}': No host supplied`
					: `Could not read served logs: HTTPConnectionPool(host='${one.host}', port=8793): Max retries exceeded with url: /log/${attempt(one).split('/logs/')[1] ?? ''} (Caused by NameResolutionError("<urllib3.connection.HTTPConnection object at 0x7f1c9c0>: Failed to resolve '${one.host}' ([Errno -3] Temporary failure in name resolution)"))`,
			},
		];
	return [
		{ timestamp: null, event: '::group::Log message source details', sources: [attempt(one)] },
		{ timestamp: null, event: '::endgroup::' },
		...lines.map(({ at, level, event, extra, raised }) => ({
			timestamp: stamp(at),
			event,
			level,
			...extra,
			...(raised ? { error_detail: errorDetail(one, raised) } : {}),
		})),
	];
}

/** Cloud Logging's form of the lines: `event [key=value]`, the traceback below it. */
export function jsonEntries(one: LoggedTry): Entry[] {
	return entriesOf(one, structured(one));
}

const LEVELS = { info: 'INFO', warning: 'WARNING', error: 'ERROR', critical: 'CRITICAL' } as const;

function entriesOf(one: LoggedTry, lines: readonly Line[]): Entry[] {
	return lines.map(({ at, level, event, extra, raised }) => {
		const flat = Object.entries(extra)
			.filter(([key]) => key !== 'logger' && key !== 'filename' && key !== 'lineno')
			.map(([key, value]) => ` [${key}=${String(value)}]`)
			.join('');
		return {
			at,
			level: LEVELS[level],
			text: [event + flat, ...(raised ? traceback(one, raised) : [])].join('\n'),
		};
	});
}

/** Its handler reads one page of Cloud Logging, from the beginning. */
const PAGE = 1000;

/** Source: composer-airflow, patches/logging/task_log_reader_handler.py. */
function composerLog(
	one: LoggedTry,
	entries: readonly Entry[],
	{ project, environment, location }: ComposerLogs,
): JsonLine[] {
	const filter = [
		`logName=("projects/${project}/logs/airflow-worker" OR "projects/${project}/logs/airflow-k8s-worker")`,
		'resource.type="cloud_composer_environment"',
		`resource.labels.environment_name="${environment}"`,
		`resource.labels.location="${location}"`,
		`labels.workflow="${one.dag.id}"`,
		`labels.task-id="${one.task.id}"`,
		`labels.run-id="${one.run.run}"`,
		...(one.mapIndex >= 0 ? [`labels.map-index="${one.mapIndex}"`] : []),
		`labels.try-number="${one.tryNumber}"`,
	].join('\n');
	if (entries.length === 0)
		return [
			one.startedAt === undefined
				? {
						timestamp: null,
						level: 'debug',
						event:
							"Looks like the task didn't start yet (`start_date` of the task instance is empty). Please retry later.",
					}
				: {
						timestamp: null,
						level: 'error',
						event: [
							'Logs not found. The possible reasons are:',
							'*** the task is not yet executed',
							'*** worker executing it might have finished abnormally (e.g. was evicted)',
							'*** the task is executed, but logs are not yet propagated',
							'*** the task is executed, but logs were deleted as part of logs retention (default of 30 days)',
						].join('\n'),
					},
		];
	return [
		{ timestamp: null, level: 'debug', event: `Reading logs from Cloud Logging using filter:\n${filter}.` },
		...entries.slice(0, PAGE).map(({ at, level, text }) => ({ timestamp: stamp(at), level, event: text })),
	];
}

const RUNNER = [
	{
		file: `${SITE}/airflow/sdk/execution_time/task_runner.py`,
		line: 1112,
		name: 'run',
		code: 'result = _execute_task(context=context, ti=ti, log=log)',
	},
	{
		file: `${SITE}/airflow/sdk/execution_time/task_runner.py`,
		line: 1528,
		name: '_execute_task',
		code: 'result = ctx.run(execute, context=context)',
	},
];

function traceback(one: LoggedTry, raised: Raised): string[] {
	const frames = framesOf(one, raised);
	const first = raised.from
		? [
				'Traceback (most recent call last):',
				...printedFrames(frames),
				`${raised.from.type}: ${raised.from.message}`,
				'',
				'The above exception was the direct cause of the following exception:',
				'',
			]
		: [];
	return [
		...first,
		'Traceback (most recent call last):',
		...printedFrames([...RUNNER, ...frames]),
		`${raised.type}: ${raised.message}`,
	];
}

function errorDetail(one: LoggedTry, raised: Raised): JsonLine[] {
	const frames = [...RUNNER, ...framesOf(one, raised)].map(({ file, line, name }) => ({
		filename: file,
		lineno: line,
		name,
	}));
	const link = (type: string, value: string, isCause: boolean, at: JsonLine[]): JsonLine => ({
		exc_type: type.split('.').at(-1),
		exc_value: value,
		exc_notes: [],
		syntax_error: null,
		is_cause: isCause,
		frames: at,
		is_group: false,
		exceptions: [],
	});
	return [
		link(raised.type, raised.message, false, frames),
		...(raised.from ? [link(raised.from.type, raised.from.message, true, frames.slice(RUNNER.length))] : []),
	];
}
