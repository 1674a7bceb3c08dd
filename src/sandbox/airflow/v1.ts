import { HOST } from './logs.ts';
import { textLog } from './logs-text.ts';
import { problemBody } from './callers.ts';
import {
	configBody,
	HIDDEN_CONFIG,
	isRecord,
	json,
	Refused,
	texts,
	type Dialect,
	type KnownDag,
	type Reply,
} from './dialect.ts';
import type { SimDag, SimRun, SimTaskInstance } from './types.ts';

/** Airflow 2.11.2, REST API v1, as a real one answered. */

const FOLDER = '/home/airflow/gcs/dags/';

/** `2026-11-24T15:34:27.506569+00:00`; no fraction on a full second. */
function iso(at: number | null | undefined): string | null {
	if (at === null || at === undefined) return null;
	return new Date(at)
		.toISOString()
		.replace(/\.(\d+)Z$/, (_, ms: string) => (ms === '000' ? '+00:00' : `.${ms}000+00:00`));
}

function problem(status: number, title: string, detail: string | null, type?: string): Reply {
	return {
		status,
		headers: { 'content-type': 'application/problem+json' },
		body: problemBody(status, title, detail, type),
	};
}

const bad = (detail: string): Reply => problem(400, 'Bad Request', detail);

function dagFields(dag: KnownDag): Record<string, unknown> {
	const next = dag.schedule ? Math.ceil(dag.parsedAt / dag.schedule.everyMs) * dag.schedule.everyMs : undefined;
	return {
		dag_display_name: dag.id,
		dag_id: dag.id,
		default_view: 'grid',
		description: dag.description ?? null,
		file_token: Buffer.from(JSON.stringify(FOLDER + dag.file)).toString('base64url'),
		fileloc: FOLDER + dag.file,
		has_import_errors: dag.importError !== undefined,
		has_task_concurrency_limits: false,
		is_active: true,
		is_paused: dag.paused,
		is_subdag: false,
		last_expired: null,
		last_parsed_time: iso(dag.parsedAt),
		last_pickled: null,
		max_active_runs: dag.maxActiveRuns ?? 16,
		max_active_tasks: 16,
		max_consecutive_failed_dag_runs: 0,
		next_dagrun: iso(next === undefined ? undefined : next - (dag.schedule?.everyMs ?? 0)),
		next_dagrun_create_after: iso(next),
		next_dagrun_data_interval_end: iso(next),
		next_dagrun_data_interval_start: iso(next === undefined ? undefined : next - (dag.schedule?.everyMs ?? 0)),
		owners: [dag.owner],
		pickle_id: null,
		root_dag_id: null,
		schedule_interval: dag.schedule ? scheduleInterval(dag.schedule) : null,
		scheduler_lock: null,
		tags: dag.tags.map((name) => ({ name })),
		timetable_description: dag.schedule ? `Schedule ${dag.schedule.text}` : 'Never, external triggers only',
	};
}

/** A cron expression, or a timedelta as Python writes it. */
function scheduleInterval({ text, everyMs }: NonNullable<SimDag['schedule']>): Record<string, unknown> {
	if (!/^(\d+ days?, )?\d+:\d\d:\d\d$/.test(text)) return { __type: 'CronExpression', value: text };
	const seconds = Math.round(everyMs / 1000);
	return { __type: 'TimeDelta', days: Math.floor(seconds / 86_400), seconds: seconds % 86_400, microseconds: 0 };
}

function attemptFields(run: SimRun, one: SimTaskInstance): Record<string, unknown> {
	return {
		dag_id: run.dag,
		dag_run_id: run.run,
		executor: null,
		executor_config: '{}',
		map_index: one.mapIndex,
		operator: one.task.operator,
		pool: 'default_pool',
		pool_slots: 1,
		priority_weight: 1,
		queue: 'default',
		task_display_name: one.task.id,
		task_id: one.task.id,
		unixname: 'airflow',
	};
}

const seconds = (from: number | undefined, to: number | undefined): number | null =>
	from === undefined || to === undefined ? null : (to - from) / 1000;

function needRecord(body: unknown): Record<string, unknown> {
	if (!isRecord(body)) throw new Refused(bad(`${JSON.stringify(body)} is not of type 'object'`));
	return body;
}

function refuseUnknown(body: Record<string, unknown>, known: readonly string[]): void {
	const unknown = Object.keys(body).find((key) => !known.includes(key));
	if (unknown !== undefined) throw new Refused(bad(`{'${unknown}': ['Unknown field.']}`));
}

function date(value: unknown, name: string): number | undefined {
	if (value === undefined || value === null) return undefined;
	const at = typeof value === 'string' && /^\d{4}-\d{2}-\d{2}T/.test(value) ? Date.parse(value) : NaN;
	if (Number.isNaN(at))
		throw new Refused(
			bad(`'${typeof value === 'string' ? value : JSON.stringify(value)}' is not a 'date-time' - '${name}'`),
		);
	return at;
}

const TRIGGER_FIELDS = [
	'dag_run_id',
	'logical_date',
	'execution_date',
	'conf',
	'note',
	'data_interval_start',
	'data_interval_end',
];
const CLEAR_FIELDS = [
	'dry_run',
	'dag_run_id',
	'task_ids',
	'only_failed',
	'only_running',
	'include_downstream',
	'include_upstream',
	'include_future',
	'include_past',
	'include_subdags',
	'include_parentdag',
	'reset_dag_runs',
	'start_date',
	'end_date',
];

/** Airflow's own page when it fell over. */
const CRASH: Reply = {
	status: 500,
	headers: { 'content-type': 'text/html; charset=utf-8' },
	body: '<!DOCTYPE html>\n<html lang="en"><body><h1> Ooops! </h1><pre>Something bad has happened.</pre></body></html>\n',
};

export const v1: Dialect = {
	root: '/api/v1/',
	version: '2.11.2',
	fallbackLimit: 100,
	healthPath: 'health',
	dag: dagFields,
	details: (dag) => ({
		...dagFields(dag),
		catchup: false,
		concurrency: 16,
		dag_run_timeout: null,
		dataset_expression: null,
		doc_md: null,
		end_date: null,
		is_paused_upon_creation: null,
		last_parsed: iso(dag.parsedAt),
		orientation: 'LR',
		// Left empty by the real one, and the params in alphabetical order.
		owners: [],
		params: Object.fromEntries(
			Object.entries(dag.params ?? {})
				.sort(([a], [b]) => (a < b ? -1 : 1))
				.map(([name, { value, description, schema }]) => [
					name,
					{ __class: 'airflow.models.param.Param', description: description ?? null, schema, value },
				]),
		),
		render_template_as_native_obj: false,
		start_date: '2026-01-01T00:00:00+00:00',
		template_search_path: null,
		timezone: 'UTC',
	}),
	run: (run) => ({
		conf: run.conf,
		dag_id: run.dag,
		dag_run_id: run.run,
		data_interval_end: iso(run.logicalDate),
		data_interval_start: iso(run.logicalDate),
		end_date: iso(run.endedAt),
		execution_date: iso(run.logicalDate),
		external_trigger: run.runType === 'manual',
		last_scheduling_decision: iso(run.endedAt ?? run.startedAt),
		logical_date: iso(run.logicalDate),
		note: run.note,
		run_type: run.runType,
		start_date: iso(run.startedAt),
		state: run.state,
	}),
	task: (run, one) => ({
		...attemptFields(run, one),
		duration: seconds(one.startedAt, one.endedAt),
		end_date: iso(one.endedAt),
		execution_date: iso(run.logicalDate),
		hostname: one.startedAt === undefined || one.state === 'upstream_failed' ? '' : (one.host ?? ''),
		max_tries: one.maxTries,
		note: null,
		pid: one.startedAt === undefined || one.state === 'upstream_failed' ? null : 2815,
		queued_when: iso(one.queuedAt),
		rendered_fields: {},
		rendered_map_index: null,
		sla_miss: null,
		start_date: iso(one.startedAt),
		state: one.state === 'none' ? null : one.state,
		trigger: null,
		triggerer_job: null,
		try_number: one.tryNumber,
	}),
	oneTry: (run, one, past) => ({
		...attemptFields(run, one),
		duration: seconds(past.startedAt, past.endedAt),
		end_date: iso(past.endedAt),
		hostname: past.startedAt === undefined ? '' : (past.host ?? ''),
		max_tries: one.maxTries,
		pid: past.startedAt === undefined ? null : 2815,
		queued_when: iso(past.queuedAt),
		start_date: iso(past.startedAt),
		state: past.state === 'none' ? null : past.state,
		try_number: past.tryNumber,
	}),
	cleared: (run, one) => ({
		dag_id: run.dag,
		dag_run_id: run.run,
		execution_date: iso(run.logicalDate),
		task_id: one.task.id,
	}),
	importError: ({ file, stackTrace }, id, at) => ({
		filename: FOLDER + file,
		import_error_id: id,
		stack_trace: stackTrace,
		timestamp: iso(at),
	}),
	event: (event) => ({
		dag_id: event.dag ?? null,
		event: event.event,
		event_log_id: event.id,
		execution_date: null,
		extra: event.extra ?? null,
		map_index: event.mapIndex ?? null,
		owner: event.owner ?? null,
		run_id: event.run ?? null,
		task_id: event.task ?? null,
		try_number: event.tryNumber ?? null,
		when: iso(event.at),
	}),
	log(one, accept, { tryNumber, composer }) {
		let text: string;
		if (tryNumber < 1) text = 'default_host\nError fetching the logs. Try number 0 is invalid.\n';
		else if (one) text = textLog(one, composer);
		else
			text = [
				HOST,
				' INFO - ::group::Log message source details',
				"*** Log file not found on worker 'airflow-worker-7d9f8'. This attempt may have run on a different worker whose logs are no longer accessible. Consider configuring remote logging (S3, GCS, etc.) for log persistence.",
				' INFO - ::endgroup::',
				'',
				'',
			].join('\n');
		if (accept.includes('text/plain')) return { status: 200, headers: { 'content-type': 'text/plain' }, body: text };
		return json(200, {
			content: `[('airflow-worker-7d9f8', ${JSON.stringify(text)})]`,
			continuation_token: 'ImVuZCI.sig',
		});
	},
	readTrigger(body) {
		const read = needRecord(body);
		refuseUnknown(read, TRIGGER_FIELDS);
		const { dag_run_id: run, conf, note } = read;
		if (run !== undefined && run !== null && typeof run !== 'string')
			throw new Refused(bad(`${JSON.stringify(run)} is not of type 'string' - 'dag_run_id'`));
		if (conf !== undefined && conf !== null && !isRecord(conf))
			throw new Refused(bad(`${JSON.stringify(conf)} is not of type 'object' - 'conf'`));
		if (typeof note === 'string' && note.length > 1000)
			throw new Refused(bad(`{'note': ['Longer than maximum length 1000.']}`));
		return {
			run: run ?? undefined,
			logicalDate: date(read['logical_date'], 'logical_date') ?? date(read['execution_date'], 'execution_date'),
			conf: conf ?? {},
			note: typeof note === 'string' ? note : null,
		};
	},
	readClear(body) {
		const read = needRecord(body);
		refuseUnknown(read, CLEAR_FIELDS);
		return {
			dryRun: read['dry_run'] !== false,
			run: typeof read['dag_run_id'] === 'string' ? read['dag_run_id'] : undefined,
			tasks: texts(read['task_ids']),
			onlyFailed: read['only_failed'] !== false,
			downstream: read['include_downstream'] === true,
		};
	},
	readBatch(body) {
		const read = needRecord(body);
		refuseUnknown(read, [
			'page_offset',
			'page_limit',
			'dag_ids',
			'dag_run_ids',
			'task_ids',
			'execution_date_gte',
			'execution_date_lte',
			'start_date_gte',
			'start_date_lte',
			'end_date_gte',
			'end_date_lte',
			'duration_gte',
			'duration_lte',
			'state',
			'pool',
			'queue',
			'executor',
		]);
		return {
			dags: texts(read['dag_ids']),
			runs: texts(read['dag_run_ids']),
			tasks: texts(read['task_ids']),
			states: texts(read['state']),
			endGte: date(read['end_date_gte'], 'end_date_gte'),
			endLte: date(read['end_date_lte'], 'end_date_lte'),
			startGte: date(read['start_date_gte'], 'start_date_gte'),
			limit: typeof read['page_limit'] === 'number' ? read['page_limit'] : 100,
			offset: typeof read['page_offset'] === 'number' ? read['page_offset'] : 0,
		};
	},
	readState(body) {
		const { state } = needRecord(body);
		if (state === 'queued' || state === 'success' || state === 'failed') return state;
		throw new Refused(bad(`'${String(state)}' is not one of ['success', 'failed', 'queued'] - 'state'`));
	},
	readPaused(body) {
		const paused = needRecord(body)['is_paused'];
		if (typeof paused !== 'boolean') throw new Refused(bad(`{'is_paused': ['Not a valid boolean.']}`));
		return paused;
	},
	noDag(dag, doing) {
		// A message in the place of the title, hence no detail.
		if (doing === 'patch') return problem(404, `Dag with id: '${dag}' not found`, null);
		const words =
			doing === 'trigger' ? `DAG with dag_id: '${dag}' not found` : `The DAG with dag_id: ${dag} was not found`;
		return problem(404, 'DAG not found', words);
	},
	noRun(dag, run, doing) {
		if (doing === 'tasks') return json(200, { task_instances: [], total_entries: 0 });
		if (doing === 'patch') return problem(404, `Dag Run id ${run} not found in dag ${dag}`, null);
		if (doing === 'clear') return problem(404, `Dag Run id ${run} not found in dag ${dag}`, null);
		return problem(404, 'DAGRun not found', `DAGRun with DAG ID: '${dag}' and DagRun ID: '${run}' not found`);
	},
	noTask: () => problem(404, 'TaskInstance not found', null),
	noPlan: () => problem(404, 'Task not found', null),
	noPath: problem(
		404,
		'Not Found',
		'The requested URL was not found on the server. If you entered the URL manually please check your spelling and try again.',
		'about:blank',
	),
	wrongMethod: problem(405, 'Method Not Allowed', 'The method is not allowed for the requested URL.', 'about:blank'),
	notJson: (type) =>
		problem(415, 'Unsupported Media Type', `Invalid Content-type (${type}), expected JSON data`, 'about:blank'),
	// `detail: null` here too, so that it looks like wrong credentials.
	forbidden: problem(403, 'Forbidden', null),
	// Looks for rights on a DAG that it does not find (seen on 2.11.2).
	forbiddenNowhere: CRASH,
	brokenDag: (dag) => problem(400, 'DAG cannot be triggered', `DAG with dag_id: '${dag}' has import errors`),
	badRequest: bad,
	config: (settings) => (settings ? json(200, configBody(settings)) : problem(403, 'Forbidden', HIDDEN_CONFIG)),
	runExists: (dag, run, same, logicalDate) =>
		problem(
			409,
			'Conflict',
			same === 'id'
				? `DAGRun with DAG ID: '${dag}' and DAGRun ID: '${run}' already exists`
				: `DAGRun with DAG ID: '${dag}' and DAGRun logical date: '${logicalDate.replace('T', ' ')}' already exists`,
		),
	reservedId: (run) => bad(`A manual DAG run cannot use ID '${run}' since it is reserved for scheduled runs`),
	// A ValueError that nobody catches.
	malformedId: () => CRASH,
	// Op reads everything but the audit log (seen on 2.11.2).
	mayRead: (role, what) =>
		role === 'Admin' || (role !== 'Public' && what !== 'eventLogs' && (role === 'Op' || what !== 'config')),
};
