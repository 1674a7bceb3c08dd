import type { SimRun, SimTaskInstance } from './types.ts';

/**
 * When a row last changed, as Airflow's `updated_at` has it: its latest step. A running task instance of Airflow 3 changes with every
 * heartbeat (one of Airflow 2 does not), a run that is running whenever the scheduler looks at it.
 */
export function taskChangedAt(one: SimTaskInstance, now: number, api: 1 | 2): number {
	if (api === 2 && one.state === 'running') return one.silentSince ?? now;
	return Math.max(one.scheduledAt ?? 0, one.queuedAt ?? 0, one.startedAt ?? 0, one.endedAt ?? 0);
}

export function runChangedAt(run: SimRun, now: number): number {
	if (run.state === 'running') return now;
	return Math.max(run.queuedAt, run.startedAt ?? 0, run.endedAt ?? 0);
}

/** `updated_at_gte` and `updated_at_lte` of a list. */
export function changedWithin(query: URLSearchParams): (at: number) => boolean {
	const bound = (name: string, open: number): number => {
		const value = query.get(name);
		return value === null ? open : Date.parse(value);
	};
	const from = bound('updated_at_gte', -Infinity);
	const to = bound('updated_at_lte', Infinity);
	return (at) => at >= from && at <= to;
}
