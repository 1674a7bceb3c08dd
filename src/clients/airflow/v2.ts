import { adapter, type Adapter, type Dialect } from './adapter.ts';
import { taskPath, type Session } from './session.ts';

/** REST API v2, Airflow 3.x. Source: Airflow's own OpenAPI document of 3.1.8. Unknown keys in a body are refused (422). */
const dialect: Dialect = {
	healthPath: 'monitor/health',
	onlyPresent: { exclude_stale: true },
	newestRunsFirst: '-run_after',
	// `logical_date` is a required key that may be null.
	triggerBody: ({ run, conf, logicalDate, note }) => ({
		dag_run_id: run,
		conf: conf ?? {},
		note,
		logical_date: logicalDate ?? null,
	}),
	clearBody: ({ run, tasks, onlyFailed, downstream }, dryRun) => ({
		dry_run: dryRun,
		dag_run_id: run,
		...(tasks ? { task_ids: tasks } : {}),
		only_failed: onlyFailed,
		include_downstream: downstream,
		reset_dag_runs: true,
	}),
	// text/plain is answered with 406 (seen on 3.1.8); this one streams.
	logAccept: 'application/x-ndjson',
	terse: false,
	oneTask: ({ dag, run, task, mapIndex }) => taskPath(dag, run, task) + (mapIndex >= 0 ? `/${mapIndex}` : ''),
};

export const v2 = (session: Session): Adapter => adapter(session, dialect);
