/** How points are brought to one grid: a level, a number of events, a rate of something that adds up, a yes or no. */
export type Kind = 'level' | 'count' | 'rate' | 'flag';

export type Metric = {
	/** After `composer.googleapis.com/`. */
	type: string;
	of: 'environment' | 'workload' | 'workflow';
	kind: Kind;
	/** For windows longer than a minute: the peak matters, not the mean. */
	peak?: boolean;
	/** The metric's own label that tells its series apart. */
	label?: string;
};

/** Units: bytes, cores, seconds, fractions 0–1 and counts, as named. Source: docs.cloud.google.com/monitoring/api/metrics_gcp_c. */
export const METRICS = {
	/** Workers that run. */
	workers: { type: 'environment/num_celery_workers', of: 'environment', kind: 'level' },
	minWorkers: { type: 'environment/worker/min_workers', of: 'environment', kind: 'level' },
	maxWorkers: { type: 'environment/worker/max_workers', of: 'environment', kind: 'level' },
	/** Tasks. */
	queueLength: { type: 'environment/task_queue_length', of: 'environment', kind: 'level', peak: true },
	/** Pods. */
	evictions: { type: 'environment/worker/pod_eviction_count', of: 'environment', kind: 'count' },
	/** Heartbeats. */
	schedulerHeartbeats: { type: 'environment/scheduler_heartbeat_count', of: 'environment', kind: 'count' },
	/** Seconds for one round over all files. */
	parseSeconds: { type: 'environment/dag_processing/total_parse_time', of: 'environment', kind: 'level' },
	/** Fraction 0–1. */
	databaseCpu: { type: 'environment/database/cpu/utilization', of: 'environment', kind: 'level' },
	databaseMemory: { type: 'environment/database/memory/utilization', of: 'environment', kind: 'level' },
	/** Bytes. */
	databaseSize: { type: 'environment/database/airflow/size', of: 'environment', kind: 'level' },
	/** Missing permissions found. */
	permissionChecks: { type: 'environment/health/dependency_permissions_check_count', of: 'environment', kind: 'count' },
	brokerErrors: { type: 'environment/celery/task_timeout_error_count', of: 'environment', kind: 'count' },
	/** 1 while it ran. */
	maintenance: { type: 'environment/maintenance_operation', of: 'environment', kind: 'flag' },
	/** Cores in use. */
	webServerCpu: { type: 'environment/web_server/cpu/usage_time', of: 'environment', kind: 'rate' },
	webServerCores: { type: 'environment/web_server/cpu/reserved_cores', of: 'environment', kind: 'level' },
	/** Bytes. */
	webServerMemory: { type: 'environment/web_server/memory/bytes_used', of: 'environment', kind: 'level', peak: true },
	webServerMemoryQuota: { type: 'environment/web_server/memory/quota', of: 'environment', kind: 'level' },
	/** Of each pod: cores in use, cores it may use. */
	cpu: { type: 'workload/cpu/usage_time', of: 'workload', kind: 'rate' },
	cores: { type: 'workload/cpu/reserved_cores', of: 'workload', kind: 'level' },
	/** Of each pod: bytes. */
	memory: { type: 'workload/memory/bytes_used', of: 'workload', kind: 'level', peak: true },
	memoryQuota: { type: 'workload/memory/quota', of: 'workload', kind: 'level' },
	disk: { type: 'workload/disk/bytes_used', of: 'workload', kind: 'level', peak: true },
	diskQuota: { type: 'workload/disk/quota', of: 'workload', kind: 'level' },
	restarts: { type: 'workload/restart_count', of: 'workload', kind: 'count' },
	/** Ends of task processes, one series a return code. */
	exitCodes: { type: 'workflow/task_runner/terminated_count', of: 'workflow', kind: 'count', label: 'return_code' },
} as const satisfies Readonly<Record<string, Metric>>;
export type MetricName = keyof typeof METRICS;

/** Part of an environment, as the label `type` of its workloads says. */
export type WorkloadType = 'CELERY_WORKER' | 'SCHEDULER' | 'DAG_PROCESSOR' | 'TRIGGERER' | 'WEB_SERVER' | 'REDIS';
