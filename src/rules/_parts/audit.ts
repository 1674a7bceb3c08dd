import type { EventLog, TaskInstance } from '../../domain/airflow.ts';
import type { Failed, Operation, Seen } from '../../domain/evidence.ts';

/** Entries of the event log about this task instance and this try, as far as they say which. */
export function aboutTry(log: readonly EventLog[], failed: Failed): EventLog[] {
	return log.filter(
		(entry) =>
			entry.task === failed.task &&
			(entry.run === undefined || entry.run === failed.run) &&
			(entry.mapIndex === undefined || entry.mapIndex === failed.mapIndex || failed.mapIndex < 0) &&
			(entry.tryNumber === undefined || entry.tryNumber === failed.tryNumber),
	);
}

/** Where and when the scheduler noted that the executor had ended the try although the database says it waits or runs. */
export function stateMismatch(
	{ eventLog, schedulerLog }: Pick<Seen, 'eventLog' | 'schedulerLog'>,
	failed: Failed,
): { source: 'eventLog' | 'schedulerLog'; at: string } | undefined {
	const entry = eventLog && aboutTry(eventLog, failed).findLast(({ event }) => event === 'state mismatch');
	if (entry) return { source: 'eventLog', at: entry.at };
	const said = schedulerLog?.find(
		({ text }) =>
			/although the task says|but the task instance's state attribute is/.test(text) &&
			text.includes(failed.run) &&
			text.includes(failed.task),
	);
	return said && { source: 'schedulerLog', at: said.at };
}

// What the web interface (2.x), the REST API of both generations (2.11 puts `api.` or `ui.` in front) and the command line call
// it. Source: the audit decorators of
// www/views.py and api_connexion (2.11), api_fastapi/logging/decorators.py (3.1), cli_action_loggers.py.
const STOPS =
	/^(?:(?:api|ui)\.)?(?:failed|success|confirm|(?:dagrun_)(?:failed|success|clear)|(?:post_)?set_task_instances_state|(?:update|patch|bulk)_(?:dag_run(?:_state)?|task_instances?|mapped_task_instance)|delete_(?:dag|dag_run|task_instance)|cli_task_(?:clear|delete)|cli_dag_delete)$/;
const CLEARS = /^(?:(?:api|ui)\.)?(?:clear|(?:post_)?clear_(?:task_instances|dag_run)|dagrun_clear|cli_task_clear)$/;

/**
 * Who ended the try by hand: the last entry of a person's that is about it and came while it ran (a clear), or when it ended. Tasks
 * write `failed` and `success` about themselves too: those carry no parameters.
 */
export function endedByHand(log: readonly EventLog[], failed: Failed): EventLog | undefined {
	const begin = time(failed.startedAt ?? failed.queuedAt);
	const end = time(failed.endedAt);
	if (end === undefined) return undefined;
	return log.findLast((entry) => {
		const at = Date.parse(entry.at);
		const clears = CLEARS.test(entry.event);
		if (!clears && !STOPS.test(entry.event)) return false;
		if (/^(?:failed|success)$/.test(entry.event) && (entry.extra ?? '') === '') return false;
		if (entry.task !== undefined && entry.task !== failed.task) return false;
		if (entry.run !== undefined ? entry.run !== failed.run : entry.extra?.includes(failed.run) !== true) return false;
		// A clear afterwards is the repair and not the cause; a state is set within moments.
		return at >= (begin ?? end) - 5000 && at <= end + (clears ? 0 : 5000);
	});
}

export const time = (iso: string | undefined): number | undefined => {
	const at = iso === undefined ? NaN : Date.parse(iso);
	return Number.isNaN(at) ? undefined : at;
};

/** Not taken by any worker yet. */
export const isWaiting = ({ state }: Failed): boolean => state === 'queued' || state === 'scheduled';

/** Its log is missing, or names no cause. */
export const isSilent = ({ log, told, state }: Failed): boolean =>
	(log === 'missing' || told.length === 0) && (state === 'failed' || state === 'up_for_retry');

/** How many other tasks failed on the worker that ran this try within a minute of it: a worker that dies takes all with it. */
export function sameHost(failures: readonly TaskInstance[] | undefined, failed: Failed): number {
	const { hostname, dag, run, task, mapIndex } = failed;
	const end = time(failed.endedAt);
	if (hostname === undefined || end === undefined) return 0;
	return (failures ?? []).filter(
		(one) =>
			one.hostname === hostname &&
			Math.abs((time(one.endedAt) ?? Infinity) - end) <= 60_000 &&
			!(one.dag === dag && one.run === run && one.task === task && one.mapIndex === mapIndex),
	).length;
}

/** On how many workers tasks failed within two minutes of it, its own included. */
export function hostsThatFailed(failures: readonly TaskInstance[] | undefined, failed: Failed): number {
	const end = time(failed.endedAt);
	if (end === undefined || failures === undefined) return 0;
	const near = failures.filter((one) => Math.abs((time(one.endedAt) ?? Infinity) - end) <= 120_000);
	return new Set([failed.hostname, ...near.map(({ hostname }) => hostname)].filter((host) => host !== undefined)).size;
}

/** Airflow 3 names a file below its bundle, Airflow 2 with its whole path. */
export function isSameFile(one: string, other: string): boolean {
	return one === other || one.endsWith(`/${other}`) || other.endsWith(`/${one}`);
}

/** A Composer operation that changes the environment and ran while the try did. */
export function changedMeanwhile(operations: readonly Operation[], failed: Failed): Operation | undefined {
	const end = time(failed.endedAt) ?? failed.now;
	const begin = time(failed.startedAt) ?? end;
	return operations.find(({ type, startedAt, endedAt }) => {
		const from = time(startedAt);
		if (from === undefined || !/^(?:UPDATE|CREATE|DELETE|LOAD_SNAPSHOT|DATABASE_FAILOVER)/.test(type)) return false;
		// Workers go on being replaced for a while after the operation began, and before it is reported done.
		return from <= end && (time(endedAt) ?? failed.now) >= begin;
	});
}

/** `16:02` in UTC. */
export const clock = (iso: string): string => `${new Date(iso).toISOString().slice(11, 16)} UTC`;
