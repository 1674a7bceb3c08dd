import type { DagRun, DagSummary, EventLog, Health, ImportError, Pool, TaskInstance } from './airflow.ts';
import type { Environment, Generation } from './environment.ts';
import type { TryKey } from './ids.ts';
import type { Text } from './text.ts';

/** One entry of Cloud Logging (or a line of a component's log), masked. Oldest first in every list. */
export type LogLine = {
	/** ISO 8601, UTC. */
	at: string;
	/** `DEFAULT`, `INFO`, `WARNING`, `ERROR` … */
	severity: string;
	text: string;
	/** `worker_id`, `workflow`, `task-id`, `try-number` … */
	labels: Readonly<Record<string, string>>;
};

/** One time series, a point a minute, oldest first; the unit stands with the source. */
export type Series = {
	/** Pod or component it belongs to; empty for the environment as a whole. */
	of: string;
	points: readonly { at: string; value: number }[];
};

/** One Kubernetes event. Composer 2 and own clusters only; Composer 3 hides its cluster. */
export type KubernetesEvent = { at: string; reason: string; message: string; object: string };

/** One role and who holds it, as an IAM policy lists it. */
export type Binding = { role: string; members: readonly string[]; condition?: string | undefined };

/** What one change of a policy did, read from two consecutive audit entries (each holds the complete policy after it). */
export type PolicyChange = {
	at: string;
	/** Whose policy: that of the environment's service account, or of the project (there the entry names the difference itself). */
	on: 'serviceAccount' | 'project';
	/** Who changed it: a person or a service account. */
	actor: string;
	added: readonly { role: string; member: string }[];
	removed: readonly { role: string; member: string }[];
};

/** One entry of the admin activity or policy-denied audit log: who called what, and how it ended. Foreign text, masked. */
export type AuditEntry = {
	at: string;
	actor: string;
	/** `google.api.serviceusage.v1.ServiceUsage.DisableService`, `google.iam.admin.v1.DisableServiceAccount` … */
	method: string;
	/** protoPayload.resourceName: the service, account or environment it was about. */
	target: string;
	/** 0: it went through; 7: refused. */
	code: number;
	message?: string | undefined;
	/** Of a refusal by VPC Service Controls. */
	uniqueId?: string | undefined;
};

export type Workload = { name: string; type: string; state: string; message: string };

export type Operation = {
	/** `CREATE`, `UPDATE`, `DELETE`, `CHECK` … */
	type: string;
	/** `PENDING`, `RUNNING`, `SUCCEEDED`, `FAILED`. */
	state: string;
	startedAt?: string | undefined;
	endedAt?: string | undefined;
	/** Foreign text, masked. */
	error?: string | undefined;
};

/** The try that is asked about: what is known before any evidence is read. */
export type Failed = TryKey & {
	/** As Airflow has it for this try: `failed`, `up_for_retry`, or `queued`, `scheduled`, `running` while it has not ended. */
	state: string;
	/** 1 for a task without retries. */
	ofTries: number;
	operator?: string | undefined;
	queuedAt?: string | undefined;
	startedAt?: string | undefined;
	endedAt?: string | undefined;
	/** Absent: no worker ever took it. */
	hostname?: string | undefined;
	pool?: string | undefined;
	queue?: string | undefined;
	/** The pod that its operator started, as far as the log or an event names it. */
	pod?: string | undefined;
	namespace?: string | undefined;
	/** E-mail of a service account that is at issue and is not the environment's own. */
	account?: string | undefined;
	/** A bucket that is at issue, without `gs://`; absent: the environment's own. */
	bucket?: string | undefined;
	/** Of the run; labels of old images name the run by it. Null for an Airflow 3 run without one. */
	logicalDate?: string | null | undefined;
	/**
	 * `missing`: nobody wrote a line, or the lines cannot be had. `elsewhere`: Airflow has none, and Cloud Logging has its
	 * entries.
	 */
	log: 'there' | 'elsewhere' | 'missing';
	/** Causes that its log speaks of, best first. */
	told: readonly string[];
	generation?: Generation | undefined;
	/** When it is asked about. Epoch milliseconds. */
	now: number;
};

/**
 * Every source a rule may read about one failed try. Foreign text in it is masked. The time frame is 15 minutes around its
 * end unless said otherwise.
 */
export type EvidenceMap = {
	/** The task instance as the engine found it; nothing is read for it. */
	taskInstance: TaskInstance;
	/** The run the try belongs to. */
	dagRun: DagRun;
	/** Every task instance of that run. */
	taskInstances: readonly TaskInstance[];
	/** Every try of the task instance, oldest first. */
	tries: readonly TaskInstance[];
	/** The DAG as it is now. */
	dag: DagSummary;
	/** Airflow's audit log for the DAG from a minute before the try to now, oldest first, at most 100. */
	eventLog: readonly EventLog[];
	/** Now. */
	importErrors: readonly ImportError[];
	/** Now. */
	pools: readonly Pool[];
	/** Now. */
	airflowHealth: Health;
	/** Settings in force, `celery-worker_concurrency` → `16`; a gap where `expose_config` is off. */
	airflowConfig: Readonly<Record<string, string>>;
	/** Task instances of all DAGs that failed in the time frame, at most 300. */
	failures: readonly TaskInstance[];
	/** Scheduler lines that name the run, and those that name no run at WARNING or above; at most 200. */
	schedulerLog: readonly LogLine[];
	/** Lines of the worker that ran the try, at most 200. Needs its host name. */
	workerLog: readonly LogLine[];
	triggererLog: readonly LogLine[];
	dagProcessorLog: readonly LogLine[];
	/** Composer's own agent, WARNING and above, of 24 hours. */
	agentLog: readonly LogLine[];
	/** The try's own entries in Cloud Logging, newest first read, at most 1,000: there although the UI has none. */
	taskEntries: readonly LogLine[];
	/** Events of the cluster that name the pod, the worker, or the user-workloads namespace. */
	kubernetesEvents: readonly KubernetesEvent[];
	/** Composer 2: why the cluster got no more nodes (`gce_cluster_autoscaler`: errors, and what it would not scale up for). */
	autoscalerLog: readonly LogLine[];
	/** The Composer environment, asked for now. */
	environment: Environment & { state: string };
	workloads: readonly Workload[];
	/** Operations of the last 24 hours and those that still run, newest first. */
	operations: readonly Operation[];
	/** Bytes, one series per worker pod. composer.googleapis.com/workload/memory/bytes_used. */
	workerMemory: readonly Series[];
	/** Bytes. workload/memory/quota. */
	workerMemoryQuota: readonly Series[];
	/** Bytes. workload/disk/bytes_used and quota are told as a fraction 0–1. */
	workerDisk: readonly Series[];
	/** Count in each minute. environment/worker/pod_eviction_count. */
	podEvictions: readonly Series[];
	/** Count in each minute, per pod. workload/restart_count. */
	restarts: readonly Series[];
	/** Count in each minute, one series per return code (`of`: `-9`, `1` …). workflow/task_runner/terminated_count. */
	exitCodes: readonly Series[];
	/** Count in each minute. environment/celery/task_timeout_error_count. */
	brokerErrors: readonly Series[];
	/** Missing permissions in each minute. environment/health/dependency_permissions_check_count. */
	permissionChecks: readonly Series[];
	/** Fraction 0–1. environment/database/cpu/utilization. */
	databaseCpu: readonly Series[];
	/** Bytes of Airflow's own tables, not of the disk. environment/database/airflow/size. */
	databaseSize: readonly Series[];
	/** Tasks. environment/task_queue_length. */
	queueLength: readonly Series[];
	/** Workers. environment/num_celery_workers. */
	workers: readonly Series[];
	/** Count in each minute; a gap is a lost heartbeat. environment/scheduler_heartbeat_count. */
	schedulerHeartbeats: readonly Series[];
	/** 1 while a maintenance operation ran. */
	maintenance: readonly Series[];
	projectPolicy: readonly Binding[];
	/** Policy of the environment's service account. */
	serviceAccountPolicy: readonly Binding[];
	/** The environment's service account itself. `missing`: deleted, or it never existed. */
	serviceAccount: { state: 'enabled' | 'disabled' | 'missing' };
	/** Policy of the account that is at issue (`failed.account`). Empty where none is named. */
	accountPolicy: readonly Binding[];
	/** Of the bucket that is at issue (`failed.bucket`), else of the environment's own. */
	bucketPolicy: readonly Binding[];
	/** Changes to the policies of the environment's service account and of the project, newest first, at most 7 days. */
	policyChanges: readonly PolicyChange[];
	/**
	 * Newest first, at most 100 of 7 days: APIs switched off (`ServiceUsage.DisableService`), the service account disabled or deleted,
	 * updates of the environment and what Composer refused; and calls that VPC Service Controls refused in the time frame.
	 */
	audit: readonly AuditEntry[];
	/** APIs that are enabled, `bigquery.googleapis.com` … */
	enabledApis: readonly string[];
};

export type SourceName = keyof EvidenceMap;

/** Why a source could not be read. It lowers the status and is told. */
export type Gap = {
	/** `taskLog`: the log itself, which is read before everything else. */
	source: SourceName | 'taskLog';
	/** `quota`: used up for the moment. `absent`: this kind of environment has no such source (Kubernetes events on Composer 3, metrics on plain Airflow). */
	because: 'denied' | 'unavailable' | 'timeout' | 'quota' | 'absent';
	/** What is missing and who grants it, or what was answered. */
	say: Text;
	/** `logging.logEntries.list`. */
	permission?: string | undefined;
	/** Smallest predefined role that carries it. */
	role?: string | undefined;
};

/** What a rule's `verify` is given: only what it `reads`; undefined means *could not be read*. */
export type Seen<Name extends SourceName = SourceName> = { readonly [K in Name]?: EvidenceMap[K] | undefined };

/** What one round of evidence names that nobody knew before, and a second round may look at. */
export type Subject = Partial<Pick<Failed, 'hostname' | 'pod' | 'namespace' | 'account'>>;

/** What a rule makes of the evidence. `cannot tell` is returned as undefined. */
export type Verified = {
	/**
	 * `confirmed`: the evidence says that this is it. `likely`: it fits, and other causes leave the same trace. `unlikely`: it
	 * fits badly, and cannot be excluded (a short spike between two samples); what the log says is then only possible. `beside`:
	 * worth knowing, no cause by itself (an update that ran meanwhile). `ruled-out`: it cannot be.
	 */
	status: 'confirmed' | 'likely' | 'unlikely' | 'beside' | 'ruled-out';
	/** By what, in a sentence with the numbers that say so. Foreign names in it are masked. */
	because: Text;
	/** The deciding piece. */
	source: SourceName;
	/** When that was, ISO 8601. */
	at?: string | undefined;
	facts?: Readonly<Record<string, string>> | undefined;
};
