import type { DagSummary, Pool, TaskInstance } from '../domain/airflow.ts';
import type { Environment } from '../domain/environment.ts';

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
	dags?: readonly Pick<DagSummary, 'id'>[] | undefined;
};

/** What was read from an environment, in the documented form of a history (docs/history.md). */
export function toHistoryValue({
	environment,
	name,
	from,
	to,
	tasks,
	pools,
	dags = [],
}: Exported): Record<string, unknown> {
	const { worker, generation, project, location, airflowVersion, imageVersion, workerConcurrency } = environment;
	const known = worker && worker.cpu > 0 && worker.memoryGb > 0 ? worker : undefined;
	const hosts = new Set(tasks.flatMap(({ hostname }) => hostname ?? [])).size;
	// Plain Airflow does not say how many workers there are: those that were seen, which do not scale by themselves.
	const seen = Math.max(1, hosts);
	return {
		format: 'concertmaster-history/1',
		from: new Date(from).toISOString(),
		to: new Date(to).toISOString(),
		environment: {
			generation: known && generation ? generation : 'airflow',
			name: environment.environment ?? name,
			project,
			location,
			airflowVersion,
			imageVersion,
			workerConcurrency,
			worker: known
				? {
						cpu: known.cpu,
						memoryGb: known.memoryGb,
						storageGb: known.storageGb,
						min: known.minCount,
						max: known.maxCount,
					}
				: { min: seen, max: seen },
		},
		pools: pools.map(({ name, slots }) => ({ name, slots })),
		dags: dags.map(({ id }) => ({ dag_id: id })),
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
