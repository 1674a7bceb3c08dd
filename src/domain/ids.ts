/** Airflow's own `^[\w.-]+$` for DAG and task ids (Python's \w: any Unicode letter, digit, underscore), at most 250 characters. */
const NAME = /^[\p{L}\p{M}\p{N}_.-]+$/u;
/** Run ids also carry `:`, `+` and `~` (`manual__2026-11-20T00:00:00+00:00`). */
const RUN = /^[\p{L}\p{M}\p{N}_.:+~-]+$/u;

/** Everything that may stand in a path as a DAG or task id. `~` would mean "all DAGs", `.` and `..` change the path. */
export function isDagId(id: string): boolean {
	return id.length <= 250 && id !== '.' && id !== '..' && NAME.test(id);
}
export const isTaskId = (id: string): boolean => isDagId(id);

export function isRunId(id: string): boolean {
	return id.length <= 250 && id !== '.' && id !== '..' && id !== '~' && RUN.test(id);
}

/** One try of one task instance: what a failure is about, and what it is counted by. `mapIndex` -1: not mapped. */
export type TryKey = {
	env: string;
	dag: string;
	run: string;
	task: string;
	mapIndex: number;
	tryNumber: number;
};
