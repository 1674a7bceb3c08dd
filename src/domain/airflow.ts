/** What both generations of Airflow's REST API are brought to. Airflow's own terms; times are ISO 8601 in UTC as the server wrote them. */

export type RunState = 'queued' | 'running' | 'success' | 'failed';

export type DagSummary = {
	id: string;
	paused: boolean;
	owners: readonly string[];
	tags: readonly string[];
	description?: string | undefined;
	/** When the scheduler will start the next run. */
	nextRunAt?: string | undefined;
	/** Human form of the schedule: `@daily`, `Never, external triggers only`. */
	schedule?: string | undefined;
	hasImportErrors: boolean;
	/** Its file, as the DAG processor sees it. */
	file?: string | undefined;
	/** How many of its tasks, and of its runs, may be under way at once. */
	maxActiveTasks?: number | undefined;
	maxActiveRuns?: number | undefined;
};

/** A DAG's param as the form needs it. `schema` is the JSON schema the DAG author wrote, passed on as it is. */
export type DagParam = {
	name: string;
	value: unknown;
	description?: string | undefined;
	schema: Readonly<Record<string, unknown>>;
};

export type DagDetails = DagSummary & { params: readonly DagParam[] };

export type DagRun = {
	dag: string;
	run: string;
	state: RunState;
	runType: string;
	/** Null for an Airflow 3 run without one. */
	logicalDate: string | null;
	queuedAt?: string | undefined;
	startedAt?: string | undefined;
	endedAt?: string | undefined;
	conf: Readonly<Record<string, unknown>>;
	note: string | null;
};

export type TaskInstance = {
	dag: string;
	run: string;
	task: string;
	/** -1: not mapped. */
	mapIndex: number;
	tryNumber: number;
	maxTries: number;
	/** `none` where Airflow says null. */
	state: string;
	operator?: string | undefined;
	queuedAt?: string | undefined;
	/** Airflow 3 only: when its dependencies were met, before pools and limits. */
	scheduledAt?: string | undefined;
	startedAt?: string | undefined;
	endedAt?: string | undefined;
	hostname?: string | undefined;
	pool?: string | undefined;
	poolSlots?: number | undefined;
	queue?: string | undefined;
};

/** What one call gave of a list that shifts while it is read. `total`: how many there are in all. */
export type Page<T> = { items: readonly T[]; total: number };

/** `stackTrace` is masked. */
export type ImportError = { file: string; at: string; stackTrace: string };

export type Health = {
	/** `healthy`, `unhealthy`, or undefined where this Airflow has no such component (or hides it). */
	database?: string | undefined;
	scheduler?: { status: string; heartbeatAt?: string | undefined } | undefined;
	triggerer?: { status: string; heartbeatAt?: string | undefined } | undefined;
	dagProcessor?: { status: string; heartbeatAt?: string | undefined } | undefined;
};

export type Pool = { name: string; slots: number; open: number; running: number; queued: number; deferred: number };

/** One line of Airflow's audit log: `event` is `clear`, `failed`, `heartbeat timeout`, `state mismatch` … */
export type EventLog = {
	at: string;
	event: string;
	dag?: string | undefined;
	task?: string | undefined;
	run?: string | undefined;
	mapIndex?: number | undefined;
	tryNumber?: number | undefined;
	owner?: string | undefined;
	/** Masked. */
	extra?: string | undefined;
};

export type ClearRequest = {
	dag: string;
	run: string;
	/** Absent: every task of the run. */
	tasks?: readonly string[] | undefined;
	/** Of the one task in `tasks`, this mapped task instance alone. Airflow 2 cannot: it takes all of them that `onlyFailed` leaves. */
	mapIndex?: number | undefined;
	/** Only task instances that failed (or are upstream_failed). */
	onlyFailed: boolean;
	/** With everything that comes after `tasks`. */
	downstream: boolean;
};

export type TriggerRequest = {
	dag: string;
	run: string;
	conf?: Readonly<Record<string, unknown>> | undefined;
	/** ISO 8601 with a zone. Absent: Airflow 2 takes now, Airflow 3 none. */
	logicalDate?: string | undefined;
	/** At most 1,000 characters; carries our key. */
	note: string;
};

/**
 * One environment's Airflow. Every method throws `Trouble` and nothing else; none retries by itself.
 * 404 on a single object is an answer (`undefined`), not a Trouble. Lists page by themselves up to `limit`.
 */
export type Airflow = {
	/** Which API answered, found by asking the server: 1 (Airflow 2) or 2 (Airflow 3), and its version. Cached. */
	version(): Promise<{ api: 1 | 2; version: string }>;
	health(): Promise<Health>;
	/** `words`: substring of the id, matched by the server where it can. Newest state is not part of it. */
	dags(options?: { words?: string | undefined; paused?: boolean | undefined; limit?: number }): Promise<DagSummary[]>;
	dag(dag: string): Promise<DagSummary | undefined>;
	/** With its params. */
	dagDetails(dag: string): Promise<DagDetails | undefined>;
	/** How long Airflow waits before it tries a task again. Undefined: no such task, or not a fixed time. */
	retryDelayMs(dag: string, task: string): Promise<number | undefined>;
	/**
	 * One POST, never repeated here. 409 is a Trouble labelled `airflow run exists`; a timeout, reset or 5xx is an upstream
	 * Trouble with `outcome: 'unknown'`: ask `run()` before doing it again.
	 */
	trigger(request: TriggerRequest): Promise<DagRun>;
	run(dag: string, run: string): Promise<DagRun | undefined>;
	/** Newest first (by run_after / start). */
	runs(dag: string, options?: { limit?: number; state?: readonly RunState[] | undefined }): Promise<DagRun[]>;
	/** Empty when there is no such run. */
	taskInstances(dag: string, run: string): Promise<TaskInstance[]>;
	/**
	 * The log of one try as the server streams it: text from Airflow 2, one JSON object per line from Airflow 3. At most
	 * `maxBytes` (16 MiB when absent), the end of it. Not masked. Undefined: no such task instance (Airflow 3: no such try;
	 * Airflow 2 writes a log that says so).
	 */
	log(
		key: { dag: string; run: string; task: string; mapIndex: number; tryNumber: number },
		maxBytes?: number,
	): Promise<string | undefined>;
	importErrors(): Promise<ImportError[]>;
	/**
	 * Over all DAGs, for the watch: runs in one of these states that ended at or after `since` (ISO 8601), any order.
	 * One call a hundred runs.
	 */
	endedRuns(options: { since: string; states: readonly RunState[]; limit?: number }): Promise<DagRun[]>;
	/** Over all DAGs: task instances in one of these states, a hundred a call. `since`: ended at or after. A retry's end is the failed try's. */
	endedTaskInstances(options: {
		states: readonly string[];
		since?: string | undefined;
		/** Ended at or before. */
		until?: string | undefined;
		limit?: number;
	}): Promise<TaskInstance[]>;
	/**
	 * One call over all DAGs, for the watch: task instances in one of these states whose row changed between `since` and `until` (ISO 8601, both
	 * included). Airflow 3 counts a heartbeat as a change. At most a hundred; in no order, unless `highestTriesFirst` was asked and the
	 * answer says so (Airflow 3 only).
	 */
	changedTasks(options: {
		states: readonly string[];
		since?: string | undefined;
		until?: string | undefined;
		offset?: number | undefined;
		highestTriesFirst?: boolean | undefined;
	}): Promise<Page<TaskInstance> & { highestTriesFirst: boolean }>;
	/** The same for runs; a run that is running changes whenever the scheduler looks at it. */
	changedRuns(options: {
		states: readonly RunState[];
		since: string;
		until?: string | undefined;
		offset?: number | undefined;
	}): Promise<Page<DagRun>>;
	/** One call: task instances of these runs that ended between `since` and `until`; may hold some of a run with the same id in another of these DAGs. */
	tasksOfRuns(options: {
		runs: readonly { dag: string; run: string }[];
		states: readonly string[];
		since?: string | undefined;
		until?: string | undefined;
		offset?: number | undefined;
	}): Promise<Page<TaskInstance>>;
	/** Milliseconds by which the server's clock is ahead of ours, give or take a second, by its last answer; undefined before the first, or when it names no date. */
	clockAheadMs(): number | undefined;
	taskInstance(key: { dag: string; run: string; task: string; mapIndex: number }): Promise<TaskInstance | undefined>;
	/** Task id → the tasks that come directly after it, as the DAG is now. One call. Undefined: no such DAG. */
	dependencies(dag: string): Promise<ReadonlyMap<string, readonly string[]> | undefined>;
	/** Every try of one task instance, oldest first, the running or last one included. */
	tries(key: { dag: string; run: string; task: string; mapIndex: number }): Promise<TaskInstance[]>;
	/** What `clear` would clear: nothing is changed. */
	clearable(request: ClearRequest): Promise<TaskInstance[]>;
	/**
	 * Clears, so that the scheduler runs them again; how many. One POST, never repeated here; `outcome: 'unknown'` as with `trigger`.
	 * `sparing`: Airflow 3.2 and later refuse (Trouble `airflow conflict`) when one of them runs by then; others would end it.
	 */
	clear(request: ClearRequest, options?: { sparing?: boolean }): Promise<number>;
	/** Replaces the run's note, at most 1,000 characters. False: no such run. */
	noteRun(dag: string, run: string, note: string): Promise<boolean>;
	/** `failed` stops a run: its running tasks are ended. Undefined: no such run. */
	setRunState(dag: string, run: string, state: 'success' | 'failed' | 'queued'): Promise<DagRun | undefined>;
	setPaused(dag: string, paused: boolean): Promise<DagSummary | undefined>;
	/** Newest first. `since`: ISO 8601. */
	eventLogs(options: {
		dag?: string | undefined;
		run?: string | undefined;
		task?: string | undefined;
		since?: string | undefined;
		limit?: number;
	}): Promise<EventLog[]>;
	pools(): Promise<Pool[]>;
	/**
	 * Its settings as they are in force, `celery-worker_concurrency` and the like; secrets masked. Trouble `airflow config hidden` where
	 * `expose_config` is off.
	 */
	config(): Promise<Readonly<Record<string, string>>>;
	/** Link to the run in this Airflow's UI. */
	runUrl(dag: string, run: string): string;
	dagUrl(dag: string): string;
	/** Who Airflow takes us for and what that allows, as far as it tells; for `doctor`. */
	whoAmI(): Promise<string | undefined>;
};
