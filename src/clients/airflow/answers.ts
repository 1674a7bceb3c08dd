import { z } from 'zod';
import type {
	DagDetails,
	DagParam,
	DagRun,
	DagSummary,
	EventLog,
	Health,
	ImportError,
	Pool,
	RunState,
	TaskInstance,
} from '../../domain/airflow.ts';
import { mask } from '../../domain/mask.ts';

// What both generations write alike. Only what we use is kept; v1's and v2's own fields stand side by side as optional.

const time = z.string().nullish();
const conf = z.record(z.string(), z.unknown()).nullish();

const component = z.object({ status: z.string().nullish() }).nullish();
const withHeartbeat = (name: string) =>
	z.looseObject({ status: z.string().nullish(), [name]: z.string().nullish() }).nullish();

export const healthAnswer = z.object({
	metadatabase: component,
	scheduler: withHeartbeat('latest_scheduler_heartbeat'),
	triggerer: withHeartbeat('latest_triggerer_heartbeat'),
	dag_processor: withHeartbeat('latest_dag_processor_heartbeat'),
});

export function toHealth(answer: z.output<typeof healthAnswer>): Health {
	return {
		database: answer.metadatabase?.status ?? undefined,
		scheduler: heart(answer.scheduler, 'latest_scheduler_heartbeat'),
		triggerer: heart(answer.triggerer, 'latest_triggerer_heartbeat'),
		dagProcessor: heart(answer.dag_processor, 'latest_dag_processor_heartbeat'),
	};
}

// A status of null: this Airflow runs no such component (Airflow 2 without a standalone DAG processor).
function heart(
	part: Record<string, unknown> | null | undefined,
	heartbeat: string,
): { status: string; heartbeatAt?: string | undefined } | undefined {
	if (!part || typeof part['status'] !== 'string') return undefined;
	const at = part[heartbeat];
	return { status: part['status'], heartbeatAt: typeof at === 'string' ? at : undefined };
}

export const versionAnswer = z.object({ version: z.string().min(1) });

export const dagAnswer = z.object({
	dag_id: z.string(),
	is_paused: z.boolean().nullish(),
	owners: z.array(z.string()).nullish(),
	tags: z.array(z.object({ name: z.string() })).nullish(),
	description: z.string().nullish(),
	/** v1 */
	next_dagrun_create_after: time,
	/** v2 */
	next_dagrun_run_after: time,
	// CronExpression has a value, TimeDelta its parts, RelativeDelta (of dateutil) others.
	schedule_interval: z
		.object({ value: z.string().nullish(), days: z.number().nullish(), seconds: z.number().nullish() })
		.nullish(),
	timetable_summary: z.string().nullish(),
	timetable_description: z.string().nullish(),
	has_import_errors: z.boolean().nullish(),
	fileloc: z.string().nullish(),
	max_active_runs: z.number().nullish(),
	max_active_tasks: z.number().nullish(),
	params: z.record(z.string(), z.unknown()).nullish(),
});
type DagAnswer = z.output<typeof dagAnswer>;

export const dagsAnswer = z.object({ dags: z.array(dagAnswer), total_entries: z.number() });

export function toDag(dag: DagAnswer): DagSummary {
	return {
		id: dag.dag_id,
		paused: dag.is_paused ?? false,
		owners: dag.owners ?? [],
		tags: (dag.tags ?? []).map(({ name }) => name),
		description: dag.description ?? undefined,
		nextRunAt: dag.next_dagrun_run_after ?? dag.next_dagrun_create_after ?? undefined,
		schedule: scheduleOf(dag),
		hasImportErrors: dag.has_import_errors ?? false,
		file: dag.fileloc ?? undefined,
		maxActiveTasks: dag.max_active_tasks ?? undefined,
		maxActiveRuns: dag.max_active_runs ?? undefined,
	};
}

function scheduleOf(dag: DagAnswer): string | undefined {
	const { value, days, seconds } = dag.schedule_interval ?? {};
	if (typeof value === 'string') return value;
	if (typeof days === 'number' && typeof seconds === 'number') return deltaText(days, seconds);
	return dag.timetable_summary || dag.timetable_description || undefined;
}

/** As Python writes a timedelta, and so Airflow 3 by itself: `1 day, 0:30:00`. */
function deltaText(days: number, seconds: number): string {
	const two = (n: number): string => String(n).padStart(2, '0');
	const time = `${Math.floor(seconds / 3600)}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
	return days === 0 ? time : `${days} ${Math.abs(days) === 1 ? 'day' : 'days'}, ${time}`;
}

const param = z.object({
	value: z.unknown(),
	description: z.string().nullish(),
	schema: z.record(z.string(), z.unknown()).nullish(),
});

export function toDagDetails(dag: DagAnswer): DagDetails {
	return { ...toDag(dag), params: toParams(dag.params ?? {}) };
}

// A param written without Param() is handed out by some versions as the bare value.
function toParams(params: Record<string, unknown>): DagParam[] {
	return Object.entries(params).map(([name, written]) => {
		const read = param.safeParse(written);
		if (!read.success || (read.data.schema === undefined && read.data.value === undefined))
			return { name, value: written, schema: {} };
		const { value, description, schema } = read.data;
		return { name, value, description: description ?? undefined, schema: schema ?? {} };
	});
}

/** A task as its DAG says it. `retry_exponential_backoff` is a number as of 3.2. */
export const planAnswer = z.object({
	retry_delay: z.object({ days: z.number(), seconds: z.number(), microseconds: z.number() }).nullish(),
	retry_exponential_backoff: z.union([z.boolean(), z.number()]).nullish(),
});

const RUN_STATES: readonly string[] = ['queued', 'running', 'success', 'failed'] satisfies RunState[];
const runState = z.custom<RunState>((value) => typeof value === 'string' && RUN_STATES.includes(value));

export const runAnswer = z.object({
	dag_id: z.string(),
	dag_run_id: z.string(),
	state: runState,
	run_type: z.string(),
	/** Null on Airflow 3 for asset and API runs. */
	logical_date: time,
	/** v2 only. */
	queued_at: time,
	start_date: time,
	end_date: time,
	conf,
	note: z.string().nullish(),
});

export const runsAnswer = z.object({ dag_runs: z.array(runAnswer), total_entries: z.number() });

export function toRun(run: z.output<typeof runAnswer>): DagRun {
	return {
		dag: run.dag_id,
		run: run.dag_run_id,
		state: run.state,
		runType: run.run_type,
		logicalDate: run.logical_date ?? null,
		queuedAt: run.queued_at ?? undefined,
		startedAt: run.start_date ?? undefined,
		endedAt: run.end_date ?? undefined,
		conf: run.conf ?? {},
		note: run.note ?? null,
	};
}

export const taskAnswer = z.object({
	dag_id: z.string(),
	dag_run_id: z.string(),
	task_id: z.string(),
	map_index: z.number().nullish(),
	try_number: z.number().nullish(),
	max_tries: z.number().nullish(),
	state: z.string().nullish(),
	operator: z.string().nullish(),
	queued_when: time,
	scheduled_when: time,
	start_date: time,
	end_date: time,
	hostname: z.string().nullish(),
	pool: z.string().nullish(),
	pool_slots: z.number().nullish(),
	queue: z.string().nullish(),
});

export const tasksAnswer = z.object({ task_instances: z.array(taskAnswer), total_entries: z.number() });

/** A DAG's tasks, not their instances. */
export const dagTasksAnswer = z.object({
	tasks: z.array(z.object({ task_id: z.string().nullish(), downstream_task_ids: z.array(z.string()).nullish() })),
});

/** v1 names the task instances and counts nothing. */
export const clearAnswer = tasksAnswer.omit({ total_entries: true });

export function toTask(task: z.output<typeof taskAnswer>): TaskInstance {
	return {
		dag: task.dag_id,
		run: task.dag_run_id,
		task: task.task_id,
		mapIndex: task.map_index ?? -1,
		tryNumber: task.try_number ?? 0,
		maxTries: task.max_tries ?? 0,
		state: task.state ?? 'none',
		operator: task.operator ?? undefined,
		queuedAt: task.queued_when ?? undefined,
		scheduledAt: task.scheduled_when ?? undefined,
		startedAt: task.start_date ?? undefined,
		endedAt: task.end_date ?? undefined,
		hostname: task.hostname || undefined,
		pool: task.pool ?? undefined,
		poolSlots: task.pool_slots ?? undefined,
		queue: task.queue ?? undefined,
	};
}

export const importErrorsAnswer = z.object({
	import_errors: z.array(
		z.object({ filename: z.string().nullish(), timestamp: time, stack_trace: z.string().nullish() }),
	),
	total_entries: z.number(),
});

export function toImportError(error: z.output<typeof importErrorsAnswer>['import_errors'][number]): ImportError {
	return { file: error.filename ?? '', at: error.timestamp ?? '', stackTrace: mask(error.stack_trace ?? '') };
}

export const eventLogsAnswer = z.object({
	event_logs: z.array(
		z.object({
			when: z.string(),
			event: z.string(),
			dag_id: z.string().nullish(),
			task_id: z.string().nullish(),
			run_id: z.string().nullish(),
			map_index: z.number().nullish(),
			try_number: z.number().nullish(),
			owner: z.string().nullish(),
			extra: z.string().nullish(),
		}),
	),
	total_entries: z.number(),
});

export function toEventLog(log: z.output<typeof eventLogsAnswer>['event_logs'][number]): EventLog {
	return {
		at: log.when,
		event: log.event,
		dag: log.dag_id ?? undefined,
		task: log.task_id ?? undefined,
		run: log.run_id ?? undefined,
		mapIndex: log.map_index ?? undefined,
		tryNumber: log.try_number ?? undefined,
		owner: log.owner ?? undefined,
		extra: log.extra ? mask(log.extra) : undefined,
	};
}

export const poolsAnswer = z.object({
	pools: z.array(
		z.object({
			name: z.string(),
			slots: z.number(),
			open_slots: z.number(),
			running_slots: z.number(),
			queued_slots: z.number(),
			deferred_slots: z.number().nullish(),
		}),
	),
	total_entries: z.number(),
});

export function toPool(pool: z.output<typeof poolsAnswer>['pools'][number]): Pool {
	return {
		name: pool.name,
		slots: pool.slots,
		open: pool.open_slots,
		running: pool.running_slots,
		queued: pool.queued_slots,
		deferred: pool.deferred_slots ?? 0,
	};
}

/** Airflow 3 may give the value with where it came from. */
export const configAnswer = z.object({
	sections: z.array(
		z.object({
			name: z.string(),
			options: z.array(z.object({ key: z.string(), value: z.union([z.string(), z.tuple([z.string(), z.string()])]) })),
		}),
	),
});

/** A name says whether its value is a secret, hence both are looked at together. */
export function toConfig({ sections }: z.output<typeof configAnswer>): Record<string, string> {
	return Object.fromEntries(
		sections.flatMap(({ name, options }) =>
			options.map(({ key, value }) => {
				const text = typeof value === 'string' ? value : value[0];
				return [`${name}-${key}`, mask(`${key}=${text}`).slice(key.length + 1)];
			}),
		),
	);
}
