/** How each metric counts and in which type. Source: Composer's list of metrics (scaling.md, section 7). */
export type MetricKind = {
	kind: 'GAUGE' | 'DELTA';
	type: 'INT64' | 'DOUBLE' | 'BOOL';
	unit: string;
};

const gauge = (type: MetricKind['type'], unit = '1'): MetricKind => ({ kind: 'GAUGE', type, unit });
const delta = (type: MetricKind['type'] = 'INT64', unit = '1'): MetricKind => ({ kind: 'DELTA', type, unit });
const all = (names: readonly string[], kind: MetricKind): [string, MetricKind][] => names.map((name) => [name, kind]);

const COMPOSER = new Map<string, MetricKind>([
	...all(
		[
			'environment/num_celery_workers',
			'environment/worker/min_workers',
			'environment/worker/max_workers',
			'environment/task_queue_length',
			'environment/executor/open_slots',
			'environment/executor/queued_tasks',
			'environment/executor/running_tasks',
			'environment/unfinished_task_instances',
			'environment/active_schedulers',
			'environment/active_triggerers',
			'environment/active_webservers',
			'environment/dag_processing/processes',
			'environment/dagbag_size',
			'environment/job/count',
			'environment/pool/open_slots',
			'environment/pool/queued_slots',
			'environment/pool/running_slots',
			'environment/pool/starving_tasks',
			'environment/database/network/connections',
			'environment/database/network/max_connections',
			'workload/trigger/num_running',
		],
		gauge('INT64'),
	),
	['environment/worker/scale_factor_target', gauge('DOUBLE')],
	['environment/dag_processing/total_parse_time', gauge('DOUBLE', 's')],
	['environment/dag_processing/last_duration', gauge('INT64', 'ms')],
	...all(
		[
			'environment/finished_task_instance_count',
			'environment/worker/pod_eviction_count',
			'environment/scheduler/pod_eviction_count',
			'environment/zombie_task_killed_count',
			'environment/celery/execute_command_failure_count',
			'environment/celery/task_timeout_error_count',
			'environment/job/heartbeat_failure_count',
			'environment/scheduler_heartbeat_count',
			'environment/dag_processing/parse_error_count',
			'environment/dag_processing/processor_timeout_count',
			'environment/dag_processing/manager_stall_count',
			'environment/dag_callback/exception_count',
			'environment/trigger/blocking_count',
			'environment/trigger/failed_count',
			'environment/trigger/succeeded_count',
			'environment/database/auto_failover_request_count',
			'environment/health/dependency_check_count',
			'environment/health/dependency_permissions_check_count',
			'environment/health/autoscaling_check_count',
			'environment/health/redis_queue_check_count',
			'environment/health/airflow_api_check_count',
			'environment/health/container_restart_count',
			'environment/health/pod_event_count',
			'environment/api/request_count',
			'workload/restart_count',
			'workload/log_entry_count',
			'workflow/task_runner/terminated_count',
			'workflow/task_instance/started_count',
			'workflow/task_instance/finished_count',
			'workflow/run_count',
			'workflow/task/run_count',
		],
		delta(),
	),
	...all(
		[
			'environment/healthy',
			'environment/maintenance_operation',
			'environment/database_health',
			'environment/web_server/health',
			'environment/database/available_for_failover',
		],
		gauge('BOOL'),
	),
	...all(
		[
			'environment/database/cpu/utilization',
			'environment/database/memory/utilization',
			'environment/database/disk/utilization',
		],
		gauge('DOUBLE'),
	),
	...all(
		[
			'environment/database/memory/bytes_used',
			'environment/database/memory/quota',
			'environment/database/disk/bytes_used',
			'environment/database/disk/quota',
			'environment/database/airflow/size',
			'environment/web_server/memory/bytes_used',
			'environment/web_server/memory/quota',
			'workload/memory/bytes_used',
			'workload/memory/quota',
			'workload/disk/bytes_used',
			'workload/disk/quota',
		],
		gauge('INT64', 'By'),
	),
	...all(
		[
			'environment/database/cpu/reserved_cores',
			'environment/web_server/cpu/reserved_cores',
			'workload/cpu/reserved_cores',
		],
		gauge('DOUBLE'),
	),
	...all(
		['environment/database/cpu/usage_time', 'environment/web_server/cpu/usage_time', 'workload/cpu/usage_time'],
		delta('DOUBLE', 's{CPU}'),
	),
	['workload/uptime', gauge('DOUBLE', 's')],
	...all(['workflow/task/cpu_usage', 'workflow/task/mem_usage'], gauge('DOUBLE', '%')),
]);

/** Undefined: Cloud Monitoring knows no such metric. */
export function kindOf(metric: string): MetricKind | undefined {
	const composer = /^composer\.googleapis\.com\/(.+)$/.exec(metric)?.[1];
	if (composer !== undefined) return COMPOSER.get(composer);
	if (/^kubernetes\.io\/container\/(cpu|memory)\/limit_utilization$/.test(metric)) return gauge('DOUBLE');
	if (/^kubernetes\.io\/container\/memory\/(used|limit)_bytes$/.test(metric)) return gauge('INT64', 'By');
	if (metric === 'kubernetes.io/container/restart_count') return delta();
	return metric === 'logging.googleapis.com/log_entry_count' ? delta() : undefined;
}
