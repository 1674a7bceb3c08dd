import { adapter, type Adapter, type Dialect } from './adapter.ts';
import { taskPath, type Session } from './session.ts';

/** REST API v1, Airflow 2.6 to 2.11. Source: Airflow's own OpenAPI document of 2.11. */
const dialect: Dialect = {
	healthPath: 'health',
	onlyPresent: { only_active: true },
	// Queued runs have no start date; Postgres sorts them first, which is where the newest belong.
	newestRunsFirst: '-start_date',
	byTries: undefined,
	triggerBody: ({ run, conf, logicalDate, note }) => ({
		dag_run_id: run,
		conf: conf ?? {},
		note,
		...(logicalDate === undefined ? {} : { logical_date: logicalDate }),
	}),
	clearBody: ({ run, tasks, onlyFailed, downstream }, { dryRun }) => ({
		dry_run: dryRun,
		dag_run_id: run,
		...(tasks ? { task_ids: tasks } : {}),
		only_failed: onlyFailed,
		include_downstream: downstream,
		reset_dag_runs: true,
		// Otherwise a run of a SubDAG's parent would be cleared as well.
		include_subdags: false,
		include_parentdag: false,
	}),
	notePath: '/setNote',
	logAccept: 'text/plain',
	terse: true,
	oneTask: ({ dag, run, task, mapIndex }) => taskPath(dag, run, task) + (mapIndex >= 0 ? `/${mapIndex}` : ''),
};

export const v1 = (session: Session): Adapter => adapter(session, dialect);
