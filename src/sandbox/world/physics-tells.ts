import type { Load, Site, Workers } from './physics-workers.ts';

/** What Airflow says of what happened to its workers and its database. */
export function openTeller({ write, airflow }: Site, workers: Workers) {
	/** The scheduler gives a task up that nobody has heard of. */
	function gone({ tried, host }: Load, now: number): void {
		workers.minute.zombies += 1;
		const { dag, run, task, mapIndex } = tried;
		const seconds = workers.patience();
		if (airflow === 2) {
			write.scheduler(
				`Failing (1) jobs without heartbeat after ${new Date(now - seconds * 1000).toISOString().replace('Z', '+00:00')}`,
				{ severity: 'WARNING' },
			);
			write.scheduler(
				`Detected zombie job: {'full_filepath': '/home/airflow/gcs/dags/${dag.file}', 'processor_subdir': '/home/airflow/gcs/dags', 'msg': "{'DAG Id': '${dag.id}', 'Task Id': '${task.id}', 'Run Id': '${run.run}', ${mapIndex >= 0 ? `'Map Index': '${mapIndex}', ` : ''}'Hostname': '${host}', 'External Executor Id': '5f1c7f0e-7a4c-4f45-8a0a-4c6d7f3b1a22'}", 'simple_task_instance': <airflow.models.taskinstance.SimpleTaskInstance object>, 'is_failure_callback': True} (See https://airflow.apache.org/docs/apache-airflow/stable/core-concepts/tasks.html#zombie-undead-tasks)`,
				{ severity: 'ERROR' },
			);
			return;
		}
		write.scheduler(`Failing 1 TIs without heartbeat after ${new Date(now - seconds * 1000).toISOString()}`, {
			severity: 'WARNING',
		});
		write.scheduler(
			`Detected a task instance without a heartbeat: {'DAG Id': '${dag.id}', 'Task Id': '${task.id}', 'Run Id': '${run.run}', ${mapIndex >= 0 ? `'Map Index': ${mapIndex}, ` : ''}'Hostname': '${host}', 'External Executor Id': '5f1c7f0e-7a4c-4f45-8a0a-4c6d7f3b1a22'} (See https://airflow.apache.org/docs/apache-airflow/stable/core-concepts/tasks.html#task-instance-heartbeat-timeout)`,
			{ severity: 'ERROR' },
		);
	}

	/** The database takes no more connections: heartbeats of all kinds fail. */
	function strain(): void {
		write.scheduler(
			[
				'Job heartbeat failed with error. Scheduler may go into unhealthy state',
				'Traceback (most recent call last):',
				'  File "/opt/python3.11/lib/python3.11/site-packages/airflow/jobs/job.py", line 228, in heartbeat',
				TOO_MANY,
			].join('\n'),
			{ severity: 'ERROR' },
		);
		for (const load of workers.loads.values())
			if (airflow === 2)
				load.tried.say({
					level: 'error',
					source: 'job.py:228',
					text: ['Job heartbeat failed with error', 'Traceback (most recent call last):', TOO_MANY].join('\n'),
				});
			else
				write.worker(load.host, `Failed to send heartbeat. Will be retried [failed_heartbeats=1] [max_retries=3]`, {
					severity: 'WARNING',
				});
	}

	return { gone, strain };
}

const TOO_MANY =
	'psycopg2.OperationalError: connection to server at "airflow-sqlproxy-service.composer-system.svc.cluster.local" (10.61.3.9), port 3306 failed: FATAL:  too many connections for role "root"';
