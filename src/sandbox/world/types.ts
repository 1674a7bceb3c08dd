/** The simulated Google Cloud project that every stand-in looks at. Times are epoch milliseconds, sizes as Composer writes them. */

/** One role and who holds it, on one resource. */
export type Binding = {
	role: string;
	/** `serviceAccount:a@b`, `user:a@b`, `serviceAccount:P.svc.id.goog[NS/KSA]`, `allUsers` … */
	members: string[];
	condition?: { title: string; description?: string; expression: string };
};

/** `version` is 3 once a binding has a condition. `etag` changes with every change. */
export type Policy = { version: 1 | 3; etag: string; bindings: Binding[] };

export type Quota = { limit: number; usage: number };

export type Project = {
	/** `demo-project`. */
	id: string;
	/** `123456789012`. */
	number: string;
	/** `composer.googleapis.com` … */
	enabledApis: Set<string>;
	billingEnabled: boolean;
	policy: Policy;
	/** By metric, `CPUS`, `SSD_TOTAL_GB` … in the region of the environments. */
	quotas: Map<string, Quota>;
	/** VPC Service Controls: calls to these services are refused, but for these members. Undefined: no perimeter. */
	perimeter?: { services: Set<string>; members: Set<string> } | undefined;
	/** `projects/P/roles/NAME` → its permissions. */
	customRoles: Map<string, readonly string[]>;
};

export type ServiceAccount = {
	email: string;
	/** 21 digits. */
	uniqueId: string;
	displayName: string;
	disabled: boolean;
	/** Who may act as it, impersonate it, and as which it is reached by Workload Identity. */
	policy: Policy;
};

export type Bucket = {
	name: string;
	/** Whose it is, when it is another project's: then only its own policy counts. */
	project?: string;
	location: string;
	policy: Policy;
	objects: Map<string, { bytes: number; contentEncoding?: string }>;
};
export type Secret = { id: string; policy: Policy; versions: number };
/** What has a policy and nothing else that matters here: a BigQuery dataset, an Artifact Registry repository, a topic. */
export type Thing = { policy: Policy };

/** Composer 2's cluster, in the customer's project. Composer 3 has none that can be seen. */
export type Cluster = {
	name: string;
	location: string;
	/** Namespace → what is in it. */
	namespaces: Map<string, Namespace>;
	nodes: { name: string; cpu: number; memoryGb: number; freeCpu: number; freeMemoryGb: number }[];
};
export type Namespace = {
	/** Kubernetes service account → the Google account its annotation `iam.gke.io/gcp-service-account` names, if any. */
	accounts: Map<string, string | undefined>;
	/** Secret → its keys. */
	secrets: Map<string, ReadonlySet<string>>;
	configMaps: Map<string, ReadonlySet<string>>;
};

/** A container image as its registry has it. `repository`: the thing whose policy decides who may pull; undefined: anybody. */
export type Image = { repository?: string; bytes: number };

export type EnvironmentState = 'CREATING' | 'RUNNING' | 'UPDATING' | 'DELETING' | 'ERROR';
export type ComponentSize = { cpu: number; memoryGb: number; storageGb: number };
export type Workloads = {
	scheduler: ComponentSize & { count: number };
	webServer: ComponentSize;
	worker: ComponentSize & { minCount: number; maxCount: number };
	triggerer: { cpu: number; memoryGb: number; count: number };
	/** Composer 3. */
	dagProcessor?: ComponentSize & { count: number };
};

export type EnvironmentSize =
	'ENVIRONMENT_SIZE_SMALL' | 'ENVIRONMENT_SIZE_MEDIUM' | 'ENVIRONMENT_SIZE_LARGE' | 'ENVIRONMENT_SIZE_EXTRA_LARGE';
export type LogStorage = 'CLOUD_LOGGING_AND_CLOUD_STORAGE' | 'CLOUD_LOGGING_ONLY';

/** What an update can change; everything else of an environment stays. */
export type Settings = {
	/** `composer-3-airflow-3.1.7-build.7`. */
	imageVersion: string;
	/** `celery-worker_concurrency` → `6`. */
	airflowConfigOverrides: Record<string, string>;
	envVariables: Record<string, string>;
	/** Package → extras and version: `==1.2`, `[gcs]>=2`, or empty. */
	pypiPackages: Record<string, string>;
	workloads: Workloads;
	environmentSize: EnvironmentSize;
	logStorage: LogStorage;
	maintenanceWindow: { startTime: string; endTime: string; recurrence: string };
	/** Addresses that may reach the web server. */
	allowedIpRanges: { value: string; description: string }[];
	labels: Record<string, string>;
};

export type ComposerEnvironment = {
	name: string;
	location: string;
	uuid: string;
	generation: 'composer-2' | 'composer-3';
	state: EnvironmentState;
	createdAt: number;
	updatedAt: number;
	settings: Settings;
	/** E-mail. */
	serviceAccount: string;
	/** Without `gs://`. */
	bucket: string;
	/** Composer 2. */
	cluster?: string | undefined;
	/** Undefined while it is being created. */
	airflowUri: string | undefined;
	pods: Pod[];
};

export type PodType =
	| 'CELERY_WORKER'
	| 'KUBERNETES_WORKER'
	| 'KUBERNETES_OPERATOR_POD'
	| 'SCHEDULER'
	| 'DAG_PROCESSOR'
	| 'TRIGGERER'
	| 'WEB_SERVER'
	| 'REDIS';

/** One running part of an environment, as `workloads.list` tells of it. */
export type Pod = {
	/** `airflow-worker-x7k2p`: also the `worker_id` of its log lines and the `workload_name` of its metrics. */
	name: string;
	type: PodType;
	state: 'PENDING' | 'OK' | 'WARNING' | 'ERROR' | 'SUCCEEDED' | 'FAILED';
	message: string;
	detail: string;
	startedAt: number;
	restarts: number;
};

export type OperationType =
	'CREATE' | 'DELETE' | 'UPDATE' | 'CHECK' | 'SAVE_SNAPSHOT' | 'LOAD_SNAPSHOT' | 'DATABASE_FAILOVER';

/** A long-running operation of the Composer API. It ends by the clock: see `tick`. */
export type LongOperation = {
	/** The last part of its name. */
	id: string;
	location: string;
	environment: string;
	type: OperationType;
	state: 'PENDING' | 'RUNNING' | 'SUCCEEDED' | 'FAILED';
	startedAt: number;
	/** When it ends if nothing intervenes. Infinity: never by itself. */
	dueAt: number;
	endedAt?: number | undefined;
	error?: { code: number; message: string } | undefined;
	by: string;
	/** Carried out when it is due: makes the change, or says why it failed. */
	settle: () => { code: number; message: string } | undefined;
};

export type Severity =
	'DEFAULT' | 'DEBUG' | 'INFO' | 'NOTICE' | 'WARNING' | 'ERROR' | 'CRITICAL' | 'ALERT' | 'EMERGENCY';

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
export type JsonObject = { [key: string]: Json };

/** One entry of Cloud Logging, as its REST form writes it, but for the times. */
export type LogEntry = {
	insertId: string;
	/** `projects/P/logs/airflow-worker`; the id after `/logs/` is URL-encoded. */
	logName: string;
	resource: { type: string; labels: Readonly<Record<string, string>> };
	labels: Readonly<Record<string, string>>;
	severity: Severity;
	timestamp: number;
	receivedAt: number;
	textPayload?: string;
	jsonPayload?: JsonObject;
	/** `google.cloud.audit.AuditLog` in its JSON form. */
	protoPayload?: JsonObject;
	operation?: { id: string; producer: string; first?: boolean; last?: boolean };
};

/** What one gives to write an entry: the log's id, un-encoded, and what differs from the usual. */
export type NewEntry = Pick<LogEntry, 'resource'> & {
	/** `airflow-worker`, `cloudaudit.googleapis.com/activity`, `events`. */
	log: string;
	labels?: Readonly<Record<string, string>>;
	severity?: Severity;
	/** Default: now. */
	at?: number;
	/** It can be read only from then on, as when a log agent is late. Default: at once. */
	visibleAt?: number;
} & (
		| { text: string; json?: never; audit?: never }
		| { json: JsonObject; text?: never; audit?: never }
		| { audit: JsonObject; operation?: LogEntry['operation']; text?: never; json?: never }
	);

/** Which series a point belongs to. */
export type SeriesId = {
	/** `composer.googleapis.com/workload/memory/bytes_used`. */
	metric: string;
	metricLabels?: Readonly<Record<string, string>>;
	resource: { type: string; labels: Readonly<Record<string, string>> };
};

/** Which member holds a role, and on what. */
export type Place =
	| { kind: 'project' }
	| { kind: 'serviceAccount'; email: string }
	| { kind: 'bucket'; name: string }
	| { kind: 'secret'; id: string }
	/** Full resource name after `//`: `bigquery.googleapis.com/projects/P/datasets/D`. */
	| { kind: 'thing'; name: string };

/** Told to whoever listens, after it happened. */
export type Happening =
	| { what: 'policy'; on: Place; by: string }
	| { what: 'service-account'; email: string; by: string }
	| { what: 'api'; api: string; enabled: boolean; by: string }
	| { what: 'operation-started'; operation: LongOperation }
	| { what: 'operation-ended'; operation: LongOperation; environment: ComposerEnvironment }
	| { what: 'pods-replaced'; environment: ComposerEnvironment; gone: readonly Pod[] }
	| { what: 'kubernetes'; cluster: string };
