/** Everything a test, the chaos run or the demo sees of the Airflow stand-in. Times are epoch milliseconds. */

/** How one try of a task ends. */
export type Ending =
	| 'success'
	| 'skipped'
	/** SIGKILL, as the kernel's OOM killer does it: Airflow sees return code -9. */
	| 'killed'
	/** SIGTERM: its worker was shut down under it. */
	| 'terminated'
	/** Failed by the scheduler before any worker wrote a line. */
	| 'no-log'
	/** Waited in the queue for too long; it was never started either. */
	| 'stuck'
	/** The worker went with it, or stopped telling of it. Its log is cut off there, or was never stored at all. */
	| { gone: 'cut' | 'missing' }
	| { raises: Raised };

export type Raised = {
	/** Dotted name as Airflow prints it. */
	type: string;
	message: string;
	/** In the DAG's own file. */
	line: number;
	function: string;
	/** Below the user's line, outermost first; `own: false`: instead of it, as when an operator raises by itself. */
	frames?: { own: boolean; below: readonly Frame[] };
	/** The exception it was raised from. */
	from?: { type: string; message: string } | undefined;
};

/** `file`: below site-packages, when it is no absolute path. */
export type Frame = { file: string; line: number; name: string; code: string };

/** A line of a task's log beside what Airflow itself says at the beginning and the end. */
export type Said = {
	level: 'info' | 'warning' | 'error' | 'critical';
	text: string;
	/** `pod_manager.py:727`, as Airflow 2 prints it. */
	source?: string;
	/** As Airflow 3 names it; `task.stdout` for what the task prints. */
	logger?: string;
};

/** A try as what lies beneath Airflow sees it. */
export type Tried = {
	dag: SimDag;
	run: SimRun;
	/** The DAG's own object, so that more may be known of it. */
	task: SimTask;
	mapIndex: number;
	tryNumber: number;
	queuedAt: number;
	startedAt: number | undefined;
	/** Worker it runs on. */
	host: string | undefined;
	/** When it ends if nothing intervenes; how, its `endings` say. */
	dueAt: number;
	say(...lines: Said[]): void;
};

/**
 * The machine room: workers, their memory, what a task meets. It is asked at every tick, and everything it answers it may
 * compute from a state that others change meanwhile. Absent: one idle worker on which nothing happens.
 */
export type Beneath = {
	/** A queued try wants a worker. `wait`: there is none now. An ending: it fails without having run. */
	place(tried: Tried): { host: string } | 'wait' | Ending;
	/** A running try. undefined: by its own time and endings. `runs`: it goes on, whatever its time. */
	end(tried: Tried): Ending | 'runs' | undefined;
	/** After it ended; `log` is how its log reads in the words of this Airflow. */
	ended(tried: Tried, ending: Ending, log: readonly Entry[]): void;
};

/** One entry of a task's log as Cloud Logging holds it: a traceback is one entry. */
export type Entry = { at: number; level: 'INFO' | 'WARNING' | 'ERROR' | 'CRITICAL'; text: string };

/** Composer keeps task logs away from the worker: in Cloud Logging, and in the bucket where that is chosen. */
export type ComposerLogs = {
	project: string;
	location: string;
	environment: string;
	bucket: string;
	inBucket: boolean;
};

export type SimTask = {
	id: string;
	operator: string;
	/** Ids of the tasks that must be done first. */
	after?: readonly string[];
	/** How long a try runs, at speed 1. `conf.seconds` of the run wins where `byConf` is set. */
	ms: number;
	byConf?: boolean;
	/** Number of mapped task instances; absent: not mapped. */
	mapped?: number;
	retries?: number;
	retryDelayMs?: number;
	/** One for each try, the last one for all further ones. Default: success. */
	endings?: readonly Ending[];
	/** What the task prints. */
	prints?: readonly string[];
};

export type SimParam = { value: unknown; description?: string; schema: Readonly<Record<string, unknown>> };

export type SimDag = {
	id: string;
	owner: string;
	tags: readonly string[];
	description?: string;
	/** In the DAGs folder. */
	file: string;
	paused?: boolean;
	/** Started by the scheduler at every full multiple of `everyMs`. Absent: only from outside. */
	schedule?: { text: string; everyMs: number };
	params?: Readonly<Record<string, SimParam>>;
	tasks: readonly SimTask[];
	maxActiveRuns?: number;
	/** It was parsed once; its file cannot be imported now, so nothing can be triggered. */
	importError?: string;
	/**
	 * Runs of the past, for the usual duration: how many, how far apart, and which of them (from the newest, 0) failed: at
	 * the first task that fails by itself, else at the last one, as `because` says.
	 */
	history?: {
		runs: number;
		everyMs: number;
		/** So long after the full multiple of `everyMs`; 0. */
		afterMs?: number;
		failed?: readonly number[];
		because?: Ending;
	};
};

/** A file that never became a DAG. */
export type BrokenFile = { file: string; stackTrace: string };

export type RunState = 'queued' | 'running' | 'success' | 'failed';

export type TaskState =
	| 'none'
	| 'scheduled'
	| 'queued'
	| 'running'
	| 'success'
	| 'failed'
	| 'up_for_retry'
	| 'upstream_failed'
	| 'skipped'
	| 'removed';

export type SimTry = {
	tryNumber: number;
	state: TaskState;
	queuedAt: number | undefined;
	startedAt: number | undefined;
	endedAt: number | undefined;
	ending: Ending | undefined;
	host: string | undefined;
	said: readonly (Said & { at: number })[];
};

export type SimTaskInstance = {
	task: SimTask;
	mapIndex: number;
	state: TaskState;
	tryNumber: number;
	maxTries: number;
	scheduledAt: number | undefined;
	queuedAt: number | undefined;
	startedAt: number | undefined;
	endedAt: number | undefined;
	/** How the try of this number ended: in a made-up past, or decided while it ran. */
	made?: { tryNumber: number; ending: Ending };
	/** Worker of the present try. */
	host: string | undefined;
	/** Of the present try. */
	said: (Said & { at: number })[];
	/** Its heartbeats stopped then, and nobody has noticed. */
	silentSince?: number;
	/** When the next step of the simulation is due. */
	dueAt: number;
	/** Ended tries, oldest first. */
	past: SimTry[];
};

export type SimRun = {
	dag: string;
	run: string;
	state: RunState;
	runType: 'manual' | 'scheduled';
	logicalDate: number | null;
	runAfter: number;
	queuedAt: number;
	startedAt: number | undefined;
	endedAt: number | undefined;
	conf: Readonly<Record<string, unknown>>;
	note: string | null;
	/** Airflow user who started it. */
	by: string | undefined;
	tasks: SimTaskInstance[];
};

/** What was asked, in the words of this stand-in; `*` in a fault means all of them. */
export type Op =
	| 'version'
	| 'health'
	| 'token'
	| 'dags'
	| 'dag'
	| 'details'
	| 'dagTasks'
	| 'pause'
	| 'trigger'
	| 'runs'
	| 'run'
	| 'change-run'
	| 'delete-run'
	| 'tasks'
	| 'task'
	| 'tries'
	| 'log'
	| 'clear'
	| 'importErrors'
	| 'eventLogs'
	| 'pools'
	| 'config'
	| 'page';

/** A call as it reached the stand-in. */
export type Call = {
	op: Op;
	method: string;
	path: string;
	dag?: string | undefined;
	run?: string | undefined;
	at: number;
};

export type FaultKind =
	/** 429 with Retry-After, no effect. */
	| '429'
	/** 500, no effect. */
	| '500'
	/** The effect happens, then 500. */
	| '500-after-effect'
	/** The connection is reset before any effect. */
	| 'reset'
	/** The effect happens, then the connection is reset without a reply. */
	| 'reset-after-effect'
	/** The effect happens, the reply comes `slowMs` later. */
	| 'slow-after-effect'
	/** No effect and no reply; the connection stays open. */
	| 'timeout'
	/** 200 with a web page, no effect. */
	| 'html'
	/** 302 to a sign-in page, no effect. */
	| 'login';

export type Fault = {
	op: Op | '*';
	kind: FaultKind;
	/** Probability of each matching call, 0–1, from the seed. */
	rate?: number | undefined;
	/** The next `times` matching calls. With neither: every call. */
	times?: number | undefined;
	/** Seconds in Retry-After; 1. 0: the header is left out. */
	retryAfter?: number | undefined;
	/** 5000. */
	slowMs?: number | undefined;
	match?: ((call: Call) => boolean) | undefined;
};

export type HeldReply = {
	/** Settles once the effect has happened and the reply is being kept back. */
	reached: Promise<Call>;
	/** Lets the reply go; if none was held yet, the hold is dropped. */
	release(): void;
};

export type Role = 'Admin' | 'Op' | 'Viewer' | 'Public';

export type GoogleCaller = {
	email: string;
	role: Role;
	/** False: Airflow has no user for it and cannot make one. */
	registered?: boolean;
	/** False: the proxy in front lets it not through (no roles/composer.user). */
	mayPass?: boolean;
};

export type AirflowOptions = {
	/** REST API generation: 1 is Airflow 2.11, 2 is Airflow 3.1. */
	api: 1 | 2;
	/** What it says it is; default: the version whose answers were recorded. */
	version?: string;
	/** TCP port on 127.0.0.1; 0 = any. */
	port?: number;
	/** Default: `contractDags`, the same as in `airflow/dags`. */
	dags?: readonly SimDag[];
	broken?: readonly BrokenFile[];
	/** Everything that takes time is this much faster; 1. */
	speed?: number;
	/** Epoch milliseconds; Date.now. */
	now?: () => number;
	/** For faults and the past; 1. */
	seed?: number;
	/** Default: admin, op, viewer, each with its name as password and its name as role. */
	users?: readonly { username: string; password: string; role: Role }[];
	/**
	 * `own` (default): basic on Airflow 2, JWT on Airflow 3. `google`: access tokens only, as behind Composer's proxy.
	 * `deny_all`: Airflow 2's backend that refuses everybody.
	 */
	auth?: 'own' | 'google' | 'deny_all';
	/** Access token → who that is. */
	google?: Readonly<Record<string, GoogleCaller>>;
	/** Web server network access control: when false every call is refused at the door. */
	addressAllowed?: boolean;
	/** Whether the scheduler also starts runs by schedule; true. */
	schedules?: boolean;
	beneath?: Beneath;
	/** What `expose_config` lets out, `core-executor` → `CeleryExecutor`; default: nothing, as it is in a fresh Airflow. */
	config?: Readonly<Record<string, string>>;
	/** Where task logs are read from; asked at each reading. Default: the worker's own files. */
	logs?: () => ComposerLogs;
};

/** A run that came into being, however it came; also those that were deleted since. */
export type Started = { dag: string; run: string; note: string | null; by: string | undefined; at: number };

/** `heartbeatAt` undefined: it beats. */
export type PartHealth = { status: 'healthy' | 'unhealthy'; heartbeatAt: number | undefined };

export type SandboxAirflow = {
	/** Without a slash at its end. */
	url: string;
	version: string;
	users: readonly { username: string; password: string; role: Role }[];
	/** Every DAG run that was started over the API, oldest first, counted where it came into being. */
	started(): readonly Started[];
	/** How often runs were started over the API for each key; `undefined` leaves a run out. */
	startedBy(key: (run: Started) => string | undefined): ReadonlyMap<string, number>;
	calls(op?: Op): readonly Call[];
	run(dag: string, run: string): SimRun | undefined;
	runs(dag?: string): readonly SimRun[];
	/** A run of somebody else's, which does not count as started. */
	foreignRun(
		run: { dag: string; run: string } & Partial<Pick<SimRun, 'note' | 'conf' | 'logicalDate' | 'state'>>,
	): SimRun;
	deleteRun(dag: string, run: string): boolean;
	/** Ends it now, whatever its tasks are doing. */
	endRun(dag: string, run: string, state: 'success' | 'failed'): void;
	/** Adds or replaces a DAG; undefined takes it away. */
	setDag(id: string, dag: SimDag | undefined): void;
	/** What is answered to `health`; by default everything is healthy. `heartbeatAt`: its last one; of what is unhealthy, now. */
	setHealth(
		part: 'metadatabase' | 'scheduler' | 'triggerer' | 'dag_processor',
		status: 'healthy' | 'unhealthy',
		heartbeatAt?: number,
	): void;
	/** Carries out what is due by the clock; by itself every 20 ms. */
	tick(): void;
	/** Writes to the event log what a person or a component did. */
	event(event: {
		event: string;
		dag?: string;
		run?: string;
		task?: string;
		tryNumber?: number;
		owner?: string;
		extra?: string;
	}): void;
	/** An upgrade in place. */
	setApi(api: 1 | 2): void;
	/** Every JWT handed out so far is expired. */
	expireTokens(): void;
	/** Google access tokens accepted from now on. */
	setGoogle(google: Readonly<Record<string, GoogleCaller>>): void;
	/** Returns a function that takes it back. */
	faults(fault: Fault): () => void;
	clearFaults(): void;
	holdNextReply(op: Op, match?: (call: Call) => boolean): HeldReply;
	/** Rejects after `timeoutMs` (10,000). */
	until(what: () => boolean, timeoutMs?: number): Promise<void>;
	close(): Promise<void>;
};
