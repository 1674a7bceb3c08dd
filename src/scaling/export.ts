import type { DagSummary, Pool, TaskInstance } from '../domain/airflow.ts';
import type { Environment } from '../domain/environment.ts';
import { environmentOf } from './environment.ts';
import type { SeriesName } from './history.ts';

/** States in which a task instance has run. */
export const RAN = ['success', 'failed', 'up_for_retry'] as const;

export type Exported = {
	environment: Environment;
	name: string;
	/** Epoch milliseconds. */
	from: number;
	to: number;
	tasks: readonly TaskInstance[];
	pools: readonly Pool[];
	parallelism?: number | undefined;
	dags?: readonly Pick<DagSummary, 'id' | 'maxActiveTasks' | 'maxActiveRuns'>[] | undefined;
	/** By their names in docs/history.md: `[ISO time, value]`. */
	metrics?: Readonly<Partial<Record<SeriesName, readonly (readonly [string, number])[]>>> | undefined;
};

/** What was read from an environment, in the documented form of a history (docs/history.md). */
export function toHistoryValue({
	environment,
	name,
	from,
	to,
	tasks,
	pools,
	parallelism,
	dags = [],
	metrics = {},
}: Exported): Record<string, unknown> {
	const hosts = new Set(tasks.flatMap(({ hostname }) => hostname ?? [])).size;
	return {
		format: 'concertmaster-history/1',
		from: new Date(from).toISOString(),
		to: new Date(to).toISOString(),
		environment: { ...environmentOf(environment, name, hosts), parallelism },
		pools: pools.map(({ name, slots }) => ({ name, slots })),
		dags: dags.map(({ id, maxActiveTasks, maxActiveRuns }) => ({
			dag_id: id,
			max_active_tasks: maxActiveTasks,
			max_active_runs: maxActiveRuns,
		})),
		metrics,
		task_instances: tasks.map((each) => ({
			dag_id: each.dag,
			dag_run_id: each.run,
			task_id: each.task,
			state: each.state,
			operator: each.operator,
			pool: each.pool,
			pool_slots: each.poolSlots,
			hostname: each.hostname,
			queued_when: each.queuedAt,
			scheduled_when: each.scheduledAt,
			start_date: each.startedAt,
			end_date: each.endedAt,
		})),
	};
}
