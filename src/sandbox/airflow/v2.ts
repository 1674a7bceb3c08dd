import { createHash } from 'node:crypto';
import { jsonLog } from './logs-json.ts';
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
import type { SimRun, SimTaskInstance } from './types.ts';

/** Airflow 3.1.8, REST API v2, as a real one answered. */

const FOLDER = '/home/airflow/gcs/dags/';

/** `2026-11-24T15:33:14.463000Z`; no fraction on a full second. */
function iso(at: number | null | undefined): string | null {
	if (at === null || at === undefined) return null;
	return new Date(at).toISOString().replace(/\.(\d+)Z$/, (_, ms: string) => (ms === '000' ? 'Z' : `.${ms}000Z`));
}

const detail = (status: number, words: unknown): Reply => json(status, { detail: words });

/** The same id for the same thing, in the form of a UUID. */
function uuid(of: string): string {
	const hex = createHash('sha256').update(of).digest('hex');
	return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-7${hex.slice(13, 16)}-9${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

const version = (dag: string, createdAt: number): Record<string, unknown> => ({
	id: uuid(`version ${dag}`),
	version_number: 1,
	dag_id: dag,
	bundle_name: 'dags-folder',
	bundle_version: null,
	created_at: iso(createdAt),
	dag_display_name: dag,
	bundle_url: null,
});

function dagFields(dag: KnownDag): Record<string, unknown> {
	const next = dag.schedule ? Math.ceil(dag.parsedAt / dag.schedule.everyMs) * dag.schedule.everyMs : undefined;
	const before = next === undefined ? undefined : next - (dag.schedule?.everyMs ?? 0);
	return {
		dag_id: dag.id,
		dag_display_name: dag.id,
		is_paused: dag.paused,
		is_stale: false,
		last_parsed_time: iso(dag.parsedAt),
		last_parse_duration: 0.16,
		last_expired: null,
		bundle_name: 'dags-folder',
		bundle_version: null,
		relative_fileloc: dag.file,
		fileloc: FOLDER + dag.file,
		description: dag.description ?? null,
		timetable_summary: dag.schedule?.text ?? null,
		timetable_description: dag.schedule ? `Schedule ${dag.schedule.text}` : 'Never, external triggers only',
		tags: dag.tags.map((name) => ({ name, dag_id: dag.id, dag_display_name: dag.id })),
		max_active_tasks: 16,
		max_active_runs: dag.maxActiveRuns ?? 16,
		max_consecutive_failed_dag_runs: 0,
		has_task_concurrency_limits: false,
		has_import_errors: dag.importError !== undefined,
		next_dagrun_logical_date: iso(before),
		next_dagrun_data_interval_start: iso(before),
		next_dagrun_data_interval_end: iso(next),
		next_dagrun_run_after: iso(next),
		owners: [dag.owner],
		file_token: Buffer.from(JSON.stringify({ bundle_name: 'dags-folder', relative_fileloc: dag.file })).toString(
			'base64url',
		),
	};
}

const seconds = (from: number | undefined, to: number | undefined): number | null =>
	from === undefined || to === undefined ? null : (to - from) / 1000;

type Attempt = {
	state: string;
	tryNumber: number;
	queuedAt: number | undefined;
	startedAt: number | undefined;
	endedAt: number | undefined;
	host: string | undefined;
};

/** What a task instance and one of its tries have in common. */
function attemptFields(run: SimRun, one: SimTaskInstance, at: Attempt): Record<string, unknown> {
	const ran = at.startedAt !== undefined && at.state !== 'upstream_failed';
	return {
		task_id: one.task.id,
		dag_id: run.dag,
		dag_run_id: run.run,
		map_index: one.mapIndex,
		start_date: iso(at.startedAt),
		end_date: iso(at.endedAt),
		duration: seconds(at.startedAt, at.endedAt),
		state: at.state === 'none' ? null : at.state,
		try_number: at.tryNumber,
		max_tries: one.maxTries,
		task_display_name: one.task.id,
		dag_display_name: run.dag,
		hostname: ran ? (at.host ?? '') : '',
		unixname: 'airflow',
		pool: 'default_pool',
		pool_slots: 1,
		queue: 'default',
		priority_weight: 1,
		operator: one.task.operator,
		operator_name: one.task.operator,
		queued_when: iso(at.queuedAt),
		scheduled_when: iso(one.scheduledAt),
		pid: ran ? 2815 : null,
		executor: null,
		executor_config: '{}',
		dag_version: version(run.dag, run.queuedAt),
	};
}

function taskFields(run: SimRun, one: SimTaskInstance): Record<string, unknown> {
	return {
		id: uuid(`${run.dag} ${run.run} ${one.task.id} ${one.mapIndex}`),
		logical_date: iso(run.logicalDate),
		run_after: iso(run.runAfter),
		...attemptFields(run, one, one),
		note: null,
		rendered_map_index: null,
		rendered_fields: {},
		trigger: null,
		triggerer_job: null,
	};
}

type Flaw = { type: string; loc: readonly (string | number)[]; msg: string; input: unknown };
const invalid = (flaws: readonly Flaw[]): Refused => new Refused(detail(422, flaws));

function needRecord(body: unknown): Record<string, unknown> {
	if (!isRecord(body))
		throw invalid([
			{
				type: 'model_attributes_type',
				loc: ['body'],
				msg: 'Input should be a valid dictionary or object to extract fields from',
				input: body ?? null,
			},
		]);
	return body;
}

function extra(body: Record<string, unknown>, known: readonly string[]): Flaw[] {
	return Object.keys(body)
		.filter((key) => !known.includes(key))
		.map((key) => ({
			type: 'extra_forbidden',
			loc: ['body', key],
			msg: 'Extra inputs are not permitted',
			input: body[key],
		}));
}

function date(value: unknown, name: string, flaws: Flaw[]): number | undefined {
	if (value === undefined || value === null) return undefined;
	const at = typeof value === 'string' && /^\d{4}-\d{2}-\d{2}/.test(value) ? Date.parse(value) : NaN;
	if (Number.isNaN(at))
		flaws.push({
			type: 'datetime_from_date_parsing',
			loc: ['body', name],
			msg: 'Input should be a valid datetime or date, input is too short',
			input: value,
		});
	return at;
}

const TRIGGER_FIELDS = [
	'dag_run_id',
	'data_interval_start',
	'data_interval_end',
	'logical_date',
	'run_after',
	'conf',
	'note',
];

/** An id, or one with a map index. */
function taskNamed(one: unknown): [task: string, mapIndex?: number] {
	if (typeof one === 'string') return [one];
	const [task, index]: unknown[] = Array.isArray(one) ? one : [];
	if (typeof task === 'string' && typeof index === 'number') return [task, index];
	throw invalid([
		{ type: 'string_type', loc: ['body', 'task_ids'], msg: 'Input should be a valid string', input: one },
	]);
}

export const v2: Dialect = {
	root: '/api/v2/',
	version: '3.1.8',
	fallbackLimit: 50,
	healthPath: 'monitor/health',
	dag: dagFields,
	details: (dag) => ({
		...dagFields(dag),
		catchup: false,
		dag_run_timeout: null,
		asset_expression: null,
		doc_md: null,
		start_date: '2026-01-01T00:00:00Z',
		end_date: null,
		is_paused_upon_creation: null,
		params: Object.fromEntries(
			Object.entries(dag.params ?? {}).map(([name, { value, description, schema }]) => [
				name,
				{ __class: 'airflow.sdk.definitions.param.Param', value, description: description ?? null, schema },
			]),
		),
		render_template_as_native_obj: false,
		template_search_path: null,
		timezone: 'UTC',
		last_parsed: iso(dag.parsedAt),
		default_args: { owner: dag.owner },
		owner_links: {},
		is_favorite: false,
		concurrency: 16,
		latest_dag_version: version(dag.id, dag.parsedAt),
	}),
	run: (run) => ({
		dag_run_id: run.run,
		dag_id: run.dag,
		logical_date: iso(run.logicalDate),
		queued_at: iso(run.queuedAt),
		start_date: iso(run.startedAt),
		end_date: iso(run.endedAt),
		duration: seconds(run.startedAt, run.endedAt),
		data_interval_start: iso(run.logicalDate),
		data_interval_end: iso(run.logicalDate),
		run_after: iso(run.runAfter),
		last_scheduling_decision: iso(run.endedAt ?? run.startedAt),
		run_type: run.runType,
		state: run.state,
		triggered_by: run.runType === 'manual' ? 'rest_api' : 'timetable',
		triggering_user_name: run.by ?? null,
		conf: run.conf,
		note: run.note,
		dag_versions: [version(run.dag, run.queuedAt)],
		bundle_version: null,
		dag_display_name: run.dag,
	}),
	task: taskFields,
	oneTry: attemptFields,
	cleared: taskFields,
	importError: ({ file, stackTrace }, id, at) => ({
		import_error_id: id,
		timestamp: iso(at),
		filename: file,
		bundle_name: 'dags-folder',
		stack_trace: stackTrace,
	}),
	event: (event) => ({
		event_log_id: event.id,
		when: iso(event.at),
		dag_id: event.dag ?? null,
		task_id: event.task ?? null,
		run_id: event.run ?? null,
		map_index: event.mapIndex ?? null,
		try_number: event.tryNumber ?? null,
		event: event.event,
		logical_date: null,
		owner: event.owner ?? null,
		extra: event.extra ?? null,
		dag_display_name: event.dag ?? null,
		task_display_name: event.task ?? null,
	}),
	log(one, accept, { tryNumber, composer }) {
		if (accept.includes('text/plain') && !accept.includes('json') && !accept.includes('*/*'))
			return detail(406, 'Only application/json or application/x-ndjson is supported');
		if (!one && tryNumber > 0) return detail(404, 'TaskInstance not found');
		const lines = one
			? jsonLog(one, composer)
			: [
					{ timestamp: null, event: '::group::Log message source details' },
					{ timestamp: null, event: '::endgroup::' },
					{ timestamp: null, event: 'Task did not run because upstream task(s) failed.' },
				];
		if (accept.includes('application/x-ndjson'))
			return {
				status: 200,
				headers: { 'content-type': 'application/x-ndjson' },
				body: lines.map((line) => `${JSON.stringify(line)}\n`).join(''),
			};
		// In this form fields without a value are left out.
		const content = lines.map((line) => Object.fromEntries(Object.entries(line).filter(([, value]) => value !== null)));
		return json(200, { content, continuation_token: null });
	},
	readTrigger(body) {
		const read = needRecord(body);
		const flaws: Flaw[] = [];
		if (!Object.hasOwn(read, 'logical_date'))
			flaws.push({ type: 'missing', loc: ['body', 'logical_date'], msg: 'Field required', input: read });
		flaws.push(...extra(read, TRIGGER_FIELDS));
		const { dag_run_id: run, conf, note } = read;
		if (run !== undefined && run !== null && typeof run !== 'string')
			flaws.push({
				type: 'string_type',
				loc: ['body', 'dag_run_id'],
				msg: 'Input should be a valid string',
				input: run,
			});
		if (conf !== undefined && conf !== null && !isRecord(conf))
			flaws.push({ type: 'dict_type', loc: ['body', 'conf'], msg: 'Input should be a valid dictionary', input: conf });
		const logicalDate = date(read['logical_date'], 'logical_date', flaws);
		if (flaws.length > 0) throw invalid(flaws);
		return {
			run: typeof run === 'string' ? run : undefined,
			logicalDate: logicalDate ?? null,
			conf: isRecord(conf) ? conf : {},
			note: typeof note === 'string' ? note : null,
		};
	},
	readClear(body) {
		const read = needRecord(body);
		const flaws = extra(read, [
			'dry_run',
			'start_date',
			'end_date',
			'only_failed',
			'only_running',
			'reset_dag_runs',
			'task_ids',
			'dag_run_id',
			'include_upstream',
			'include_downstream',
			'include_future',
			'include_past',
			'run_on_latest_version',
		]);
		if (flaws.length > 0) throw invalid(flaws);
		const ids = read['task_ids'];
		const named = Array.isArray(ids) ? ids.map(taskNamed) : undefined;
		return {
			dryRun: read['dry_run'] !== false,
			run: typeof read['dag_run_id'] === 'string' ? read['dag_run_id'] : undefined,
			tasks: named?.map((one) => one[0]),
			mapped: (named ?? []).flatMap(([task, index]): [string, number][] =>
				index === undefined ? [] : [[task, index]],
			),
			onlyFailed: read['only_failed'] !== false,
			downstream: read['include_downstream'] === true,
		};
	},
	readBatch(body) {
		const read = needRecord(body);
		const ranges = ['run_after', 'logical_date', 'start_date', 'end_date', 'duration'].flatMap((name) =>
			['gte', 'gt', 'lte', 'lt'].map((side) => `${name}_${side}`),
		);
		const flaws = extra(read, [
			'dag_ids',
			'dag_run_ids',
			'task_ids',
			'state',
			'pool',
			'queue',
			'executor',
			'page_offset',
			'page_limit',
			'order_by',
			...ranges,
		]);
		const batch = {
			dags: texts(read['dag_ids']),
			runs: texts(read['dag_run_ids']),
			tasks: texts(read['task_ids']),
			states: texts(read['state']),
			endGte: date(read['end_date_gte'], 'end_date_gte', flaws),
			endLte: date(read['end_date_lte'], 'end_date_lte', flaws),
			startGte: date(read['start_date_gte'], 'start_date_gte', flaws),
			limit: typeof read['page_limit'] === 'number' ? read['page_limit'] : 100,
			offset: typeof read['page_offset'] === 'number' ? read['page_offset'] : 0,
		};
		if (flaws.length > 0) throw invalid(flaws);
		return batch;
	},
	readState(body) {
		const { state } = needRecord(body);
		if (state === 'queued' || state === 'success' || state === 'failed') return state;
		throw invalid([
			{
				type: 'enum',
				loc: ['body', 'state'],
				msg: "Input should be 'queued', 'success' or 'failed'",
				input: state ?? null,
			},
		]);
	},
	readPaused(body) {
		const read = needRecord(body);
		const flaws = extra(read, ['is_paused']);
		const paused = read['is_paused'];
		if (typeof paused === 'boolean' && flaws.length === 0) return paused;
		throw invalid([
			...flaws,
			...(typeof paused === 'boolean'
				? []
				: [{ type: 'missing', loc: ['body', 'is_paused'], msg: 'Field required', input: read }]),
		]);
	},
	noDag: (dag, doing) =>
		detail(
			404,
			doing === 'trigger' ? `DAG with dag_id: '${dag}' not found` : `The Dag with ID: \`${dag}\` was not found`,
		),
	noRun: (dag, run, doing) =>
		detail(
			404,
			doing === 'tasks' || doing === 'clear'
				? `DagRun with run_id: \`${run}\` was not found`
				: `The DagRun with dag_id: \`${dag}\` and run_id: \`${run}\` was not found`,
		),
	noTask: (dag, run, task) =>
		detail(404, `The Task Instance with dag_id: \`${dag}\`, run_id: \`${run}\` and task_id: \`${task}\` was not found`),
	noPlan: (task) => detail(404, `Task with id ${task} was not found`),
	noPath: json(404, { error: 'API route not found' }),
	wrongMethod: detail(405, 'Method Not Allowed'),
	notJson: () =>
		detail(422, [
			{
				type: 'model_attributes_type',
				loc: ['body'],
				msg: 'Input should be a valid dictionary or object to extract fields from',
				input: '',
			},
		]),
	forbidden: detail(403, 'Forbidden'),
	forbiddenNowhere: detail(403, 'Forbidden'),
	brokenDag: (dag) => detail(400, `DAG with dag_id: '${dag}' has import errors and cannot be triggered`),
	badRequest: (words) => detail(400, words),
	config: (settings) => (settings ? json(200, configBody(settings)) : detail(403, HIDDEN_CONFIG)),
	runExists: (dag, run, same, logicalDate) =>
		detail(409, {
			reason: 'Unique constraint violation',
			statement:
				'INSERT INTO dag_run (dag_id, queued_at, logical_date, start_date, end_date, state, run_id) VALUES (%(dag_id)s, %(queued_at)s, %(logical_date)s, %(start_date)s, %(end_date)s, %(state)s, %(run_id)s) RETURNING dag_run.id',
			orig_error:
				same === 'id'
					? `duplicate key value violates unique constraint "dag_run_dag_id_run_id_key"\nDETAIL:  Key (dag_id, run_id)=(${dag}, ${run}) already exists.\n`
					: `duplicate key value violates unique constraint "dag_run_dag_id_logical_date_key"\nDETAIL:  Key (dag_id, logical_date)=(${dag}, ${logicalDate}) already exists.\n`,
			message:
				'Serious error when handling your request. Check logs for more details - you will find it in api server when you look for ID lfBQyfQk',
		}),
	reservedId: (run) => detail(400, `A manual DAG run cannot use ID '${run}' since it is reserved for scheduled runs`),
	malformedId: (run) =>
		detail(
			400,
			`The run_id provided '${run}' does not match regex pattern '^[A-Za-z0-9_.~:+-]+$' or '^(?:manual|scheduled|asset_triggered)__(?:\\d{4}-\\d{2}-\\d{2}T\\d{2}:\\d{2}:\\d{2}\\+00:00)$'`,
		),
	mayRead: (role) => role !== 'Public',
};
