import type { Scope } from './incident.ts';

/** What makes two failures with this cause one incident. */
export type Oneness = {
	scope: Scope;
	/**
	 * Sets of facts; of the first set whose facts are all known the values count, with the environment. Without any known set:
	 * what `else` says.
	 */
	by: readonly (readonly string[])[];
	else: 'env' | 'dag' | 'task' | 'run';
	/** It also belongs to an incident of the same worker, or of the same task. */
	host?: true;
};

const environment = (...by: (readonly string[])[]): Oneness => ({ scope: 'environment', by, else: 'env' });
const facts = (...by: (readonly string[])[]): Oneness => ({ scope: 'task', by, else: 'task' });
const TASK: Oneness = { scope: 'task', by: [], else: 'task' };
const DAG: Oneness = { scope: 'task', by: [], else: 'dag' };
const HOST: Oneness = { ...TASK, host: true };

/** Every cause of the catalogue; a test looks that none is missing. */
export const ONENESS: Readonly<Record<string, Oneness>> = {
	// The environment as a whole.
	'airflow-config-blocked': environment(['section', 'option']),
	'celery-broker-problem': environment(),
	'composer-agent-role-missing': environment(),
	'composer-api-disabled': environment(),
	'dag-not-synced': environment(),
	'db-overloaded': environment(),
	'db-too-large-for-upgrade': environment(),
	'env-in-error-or-busy': environment(),
	'env-network-unreachable': environment(),
	'env-sa-disabled-or-deleted': environment(['account']),
	'env-sa-missing-worker-role': environment(),
	'env-update-sa-permissions': environment(),
	'gcsfuse-mount-lost': environment(),
	'gke-quota-exceeded': environment(['quota', 'region'], ['quota']),
	'metadata-server-unavailable': environment(),
	'pypi-build-no-network': environment(),
	'pypi-dependency-conflict': environment(),
	'scheduler-overloaded': environment(),
	'triggerer-disabled': environment(),
	'triggerer-overloaded': environment(),
	'version-or-build-known-bad': environment(),
	'webserver-resources-too-small': environment(),
	'worker-liveness-probe-failed': environment(),
	'worker-pod-evicted-storage': environment(),
	'worker-rollout-by-update': environment(),
	'workload-identity-binding-lost': environment(['serviceAccount']),

	// An account, an object, a place: whoever meets it meets the same.
	'api-endpoint-or-auth-changed': facts(['host', 'path'], ['path']),
	'api-not-enabled': facts(['api', 'project'], ['api']),
	'api-user-not-registered': { scope: 'task', by: [], else: 'env' },
	'bigquery-access-denied': facts(['principal'], ['table'], ['dataset'], ['resource'], ['project']),
	'bigquery-quota-or-rate-limit': facts(['project', 'reason'], ['api'], ['resources']),
	'billing-disabled': { scope: 'environment', by: [['project']], else: 'env' },
	'caller-permission-denied': facts(['principal', 'permission'], ['permission', 'resource']),
	'data-object-not-found': facts(
		['project', 'dataset', 'table'],
		['bucket', 'object'],
		['bucket'],
		['table'],
		['resource'],
	),
	'gcs-permission-denied': facts(['principal', 'bucket'], ['bucket'], ['principal']),
	'google-api-permission-denied': facts(['principal', 'permission'], ['permission', 'resource'], ['api', 'project']),
	'impersonation-denied': facts(['target']),
	'kpo-cluster-config': facts(['cluster'], ['host'], ['namespace', 'problem'], ['webhook'], ['policy']),
	'kpo-image-pull': facts(['image']),
	'kpo-ksa-no-gcp-access': facts(['namespace', 'ksa'], ['ksa']),
	'kpo-pods-forbidden': facts(['principal', 'namespace'], ['principal'], ['namespace']),
	'kpo-secret-or-config-missing': facts(['namespace', 'kind', 'object'], ['kind', 'object'], ['object']),
	'kpo-unschedulable': facts(['quota'], ['resource'], ['problem']),
	'missing-connection-or-variable': facts(['connection'], ['variable']),
	'network-egress-failure': facts(['host', 'port'], ['host']),
	'secret-manager-access': facts(['project', 'secret'], ['secret'], ['project']),
	'task-stuck-queued': { scope: 'task', by: [], else: 'env' },
	'task-token-expired': { scope: 'task', by: [], else: 'env' },
	'vpc-sc-denied': { scope: 'task', by: [], else: 'env' },
	'concurrency-limits': { scope: 'task', by: [['pool']], else: 'dag' },

	// A worker: whatever ran there, and whatever of the same task died elsewhere.
	'executor-state-mismatch': HOST,
	'task-log-missing-worker-lost': HOST,
	'worker-oom-task-sigkill': HOST,
	'zombie-heartbeat-timeout': HOST,

	// A DAG, its file, one of its runs.
	'airflow3-direct-db-access': DAG,
	'dag-import-error': { scope: 'task', by: [['file'], ['module']], else: 'dag' },
	'dag-import-timeout': { scope: 'task', by: [['file']], else: 'dag' },
	'dag-missing-on-worker': DAG,
	'dagrun-already-exists': DAG,
	'dagrun-timeout': DAG,
	'task-externally-set-state': { scope: 'task', by: [], else: 'run' },

	// One task.
	'bigquery-job-failed': TASK,
	'external-job-failed': TASK,
	'kpo-composer3-unsupported-spec': TASK,
	'kpo-container-failed': TASK,
	'kpo-oomkilled': TASK,
	'kpo-pod-lost': TASK,
	'kpo-startup-timeout': TASK,
	'sensor-timeout': TASK,
	'task-execution-timeout': TASK,
	'user-code-exception': TASK,
	'worker-process-crash': TASK,
	'xcom-serialization': TASK,
};

/** What the watch found wrong beside failed tries. */
export const CONDITION_SCOPE: Readonly<Record<string, Scope>> = {
	'scheduler-heartbeat-lost': 'environment',
	'triggerer-heartbeat-lost': 'environment',
	'dag-processor-heartbeat-lost': 'environment',
	'operation-failed': 'environment',
};

const WORKER_GONE = ['task-log-missing-worker-lost', 'zombie-heartbeat-timeout', 'executor-state-mismatch'];
const QUEUE_STANDS = ['task-stuck-queued', 'executor-state-mismatch', 'queued-too-long', 'running-without-heartbeat'];
const DENIED = [
	'bigquery-access-denied',
	'gcs-permission-denied',
	'google-api-permission-denied',
	'secret-manager-access',
	'task-log-missing-worker-lost',
];

/** What a bigger cause leaves behind: failures that say no more than this are its symptoms. */
const EXPLAINS: Readonly<Record<string, readonly string[]>> = {
	'worker-pod-evicted-storage': [...WORKER_GONE, 'running-without-heartbeat', 'gcsfuse-mount-lost'],
	'worker-liveness-probe-failed': [...WORKER_GONE, 'running-without-heartbeat'],
	'worker-rollout-by-update': [...WORKER_GONE, 'running-without-heartbeat', 'queued-too-long'],
	'gcsfuse-mount-lost': ['dag-missing-on-worker'],
	'dag-not-synced': ['dag-missing-on-worker'],
	'db-overloaded': [
		...WORKER_GONE,
		...QUEUE_STANDS,
		'scheduler-overloaded',
		'triggerer-overloaded',
		'scheduler-heartbeat-lost',
		'triggerer-heartbeat-lost',
	],
	'scheduler-overloaded': [...QUEUE_STANDS, 'zombie-heartbeat-timeout', 'scheduler-heartbeat-lost'],
	'scheduler-heartbeat-lost': [...QUEUE_STANDS, 'zombie-heartbeat-timeout', 'scheduler-overloaded'],
	'celery-broker-problem': QUEUE_STANDS,
	'triggerer-heartbeat-lost': ['triggerer-overloaded'],
	'triggerer-overloaded': ['triggerer-heartbeat-lost'],
	'env-sa-disabled-or-deleted': [...DENIED, 'metadata-server-unavailable', 'workload-identity-binding-lost'],
	'env-sa-missing-worker-role': DENIED,
	'workload-identity-binding-lost': [...DENIED, 'metadata-server-unavailable'],
	'env-in-error-or-busy': WORKER_GONE,
	'billing-disabled': [
		'api-not-enabled',
		'google-api-permission-denied',
		'bigquery-access-denied',
		'gcs-permission-denied',
	],
};

export const explains = (bigger: string, symptom: string): boolean => EXPLAINS[bigger]?.includes(symptom) === true;

/** Causes that explain others, for whoever looks for them. */
export const BIGGER: ReadonlySet<string> = new Set(Object.keys(EXPLAINS));
