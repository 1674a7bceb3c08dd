import { adapter, type Adapter, type Dialect } from './adapter.ts';
import { taskPath, type Session } from './session.ts';

/**
 * REST API v2, Airflow 3.x. Source: Airflow's own OpenAPI documents of 3.1.8 and 3.2.1. Unknown keys in a body are refused
 * (422), so that what 3.2 added is sent to nothing older.
 */
const dialect = (version: string): Dialect => ({
	healthPath: 'monitor/health',
	onlyPresent: { exclude_stale: true },
	newestRunsFirst: '-run_after',
	byTries: '-try_number',
	// `logical_date` is a required key that may be null.
	triggerBody: ({ run, conf, logicalDate, note }) => ({
		dag_run_id: run,
		conf: conf ?? {},
		note,
		logical_date: logicalDate ?? null,
	}),
	clearBody: ({ run, tasks, mapIndex, onlyFailed, downstream }, { dryRun, sparing }) => ({
		dry_run: dryRun,
		dag_run_id: run,
		...(tasks ? { task_ids: mapIndex === undefined ? tasks : tasks.map((task) => [task, mapIndex]) } : {}),
		...(sparing && !dryRun && isFrom(version, 3, 2) ? { prevent_running_task: true } : {}),
		only_failed: onlyFailed,
		include_downstream: downstream,
		reset_dag_runs: true,
	}),
	notePath: '',
	// text/plain is answered with 406 (seen on 3.1.8); this one streams.
	logAccept: 'application/x-ndjson',
	terse: false,
	oneTask: ({ dag, run, task, mapIndex }) => taskPath(dag, run, task) + (mapIndex >= 0 ? `/${mapIndex}` : ''),
});

/** `3.2.1`, `3.2.0+composer` … */
function isFrom(version: string, major: number, minor: number): boolean {
	const [, has = '0', hasMinor = '0'] = /^(\d+)\.(\d+)/.exec(version) ?? [];
	return Number(has) > major || (Number(has) === major && Number(hasMinor) >= minor);
}

export const v2 = (session: Session, version: string): Adapter => adapter(session, dialect(version));
