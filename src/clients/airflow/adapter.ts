import type { Airflow, ClearRequest, DagRun, DagSummary, TaskInstance } from '../../domain/airflow.ts';
import { Trouble } from '../../domain/errors.ts';
import {
	clearAnswer,
	dagAnswer,
	dagsAnswer,
	dagTasksAnswer,
	eventLogsAnswer,
	configAnswer,
	healthAnswer,
	importErrorsAnswer,
	planAnswer,
	poolsAnswer,
	runAnswer,
	runsAnswer,
	taskAnswer,
	tasksAnswer,
	toConfig,
	toDag,
	toDagDetails,
	toEventLog,
	toHealth,
	toImportError,
	toPool,
	toRun,
	toTask,
} from './answers.ts';
import { dagPath, planPath, orUndefined, PAGE, pages, runPath, taskPath, type Ask, type Session } from './session.ts';

/** What one generation of the API does for `Airflow`; the rest needs the address only. */
export type Adapter = Omit<Airflow, 'version' | 'runUrl' | 'dagUrl' | 'whoAmI' | 'clockAheadMs'>;

/** Where the two generations differ. Everything else is the same question under another root. */
export type Dialect = {
	healthPath: string;
	/** Leaves out DAGs whose file is gone. */
	onlyPresent: Ask['query'] & object;
	newestRunsFirst: string;
	/** v1 lists task instances in no order at all. */
	byTries: string | undefined;
	triggerBody(request: Parameters<Airflow['trigger']>[0]): Record<string, unknown>;
	clearBody(request: ClearRequest, how: { dryRun: boolean; sparing: boolean }): Record<string, unknown>;
	/** Below the run's own path. */
	notePath: string;
	logAccept: string;
	/** v1's details leave the owners out, and its clear names neither state nor map index. */
	terse: boolean;
	/** A mapped task instance lives one level deeper. */
	oneTask(key: { dag: string; run: string; task: string; mapIndex: number }): string;
};

const LOG_BYTES = 16 * 1024 * 1024;
const LOG_TIMEOUT_MS = 60_000;

export function adapter(session: Session, dialect: Dialect): Adapter {
	const listTasks = async (doing: Ask['doing'], path: string, limit: number): Promise<TaskInstance[]> =>
		pages(limit, async (size, offset) => {
			const answer = await session.get(tasksAnswer, { doing, path, query: { limit: size, offset } });
			return { items: answer.task_instances.map(toTask), total: answer.total_entries };
		});

	const listRuns = async (dag: string, limit: number, query: NonNullable<Ask['query']>): Promise<DagRun[]> =>
		pages(limit, async (size, offset) => {
			const answer = await session.get(runsAnswer, {
				doing: 'list runs',
				path: `${dag === '~' ? 'dags/~' : dagPath(dag)}/dagRuns`,
				query: { ...query, limit: size, offset },
				dag: dag === '~' ? undefined : dag,
			});
			return { items: answer.dag_runs.map(toRun), total: answer.total_entries };
		});

	async function clear(
		request: ClearRequest,
		{ dryRun = false, sparing = false }: { dryRun?: boolean; sparing?: boolean | undefined },
	): Promise<TaskInstance[]> {
		const { dag, run } = request;
		// Checks the run id: it travels in the body here.
		runPath(dag, run);
		const answer = await session.get(clearAnswer, {
			doing: dryRun ? 'dry run' : 'clear',
			method: 'POST',
			path: `${dagPath(dag)}/clearTaskInstances`,
			json: dialect.clearBody(request, { dryRun, sparing }),
			dag,
		});
		return answer.task_instances.map(toTask);
	}

	/** What would be cleared, with state and try number, whichever generation. */
	async function clearable(request: ClearRequest): Promise<TaskInstance[]> {
		const named = await clear(request, { dryRun: true });
		if (!dialect.terse) return named;
		const tasks = new Set(named.map(({ task }) => task));
		const all = await listTasks('read tasks', `${runPath(request.dag, request.run)}/taskInstances`, 10_000);
		return all.filter(
			({ task, state }) => tasks.has(task) && (!request.onlyFailed || ['failed', 'upstream_failed'].includes(state)),
		);
	}

	return {
		async health() {
			return toHealth(await session.get(healthAnswer, { doing: 'health', path: dialect.healthPath }));
		},

		async dags({ words, paused, limit = 1000 } = {}) {
			const found = await pages<DagSummary>(limit, async (size, offset) => {
				const answer = await session.get(dagsAnswer, {
					doing: 'list dags',
					path: 'dags',
					query: {
						...dialect.onlyPresent,
						limit: size,
						offset,
						order_by: 'dag_id',
						paused,
						dag_id_pattern: words || undefined,
					},
				});
				return { items: answer.dags.map(toDag), total: answer.total_entries };
			});
			// The server matches with ILIKE, where `_` and `%` stand for anything.
			const wanted = words?.toLowerCase();
			return wanted ? found.filter(({ id }) => id.toLowerCase().includes(wanted)) : found;
		},

		async dag(dag) {
			const answer = await session.find(dagAnswer, { doing: 'read dag', path: dagPath(dag), dag });
			return answer && toDag(answer);
		},

		async dagDetails(dag) {
			const details = session.find(dagAnswer, { doing: 'read dag', path: `${dagPath(dag)}/details`, dag });
			const summary = dialect.terse
				? session.find(dagAnswer, { doing: 'read dag', path: dagPath(dag), dag })
				: undefined;
			const [answer, more] = await Promise.all([details, summary]);
			return answer && toDagDetails(more ? { ...answer, owners: more.owners } : answer);
		},

		async retryDelayMs(dag, task) {
			const path = planPath(dag, task);
			const answer = await session.find(planAnswer, { doing: 'read dag', path, dag });
			// Backoff is jittered by a hash: nobody can tell when.
			if (!answer?.retry_delay || answer.retry_exponential_backoff) return undefined;
			const { days, seconds, microseconds } = answer.retry_delay;
			return (days * 86_400 + seconds) * 1000 + microseconds / 1000;
		},

		async trigger(request) {
			const { dag, run } = request;
			runPath(dag, run);
			return toRun(
				await session.get(runAnswer, {
					doing: 'trigger',
					method: 'POST',
					path: `${dagPath(dag)}/dagRuns`,
					json: dialect.triggerBody(request),
					dag,
				}),
			);
		},

		async run(dag, run) {
			const answer = await session.find(runAnswer, { doing: 'read run', path: runPath(dag, run), dag });
			return answer && toRun(answer);
		},

		runs: (dag, { limit = 25, state } = {}) =>
			listRuns(dag, limit, { order_by: dialect.newestRunsFirst, ...(state ? { state } : {}) }),

		endedRuns: ({ since, states, limit = 1000 }) =>
			listRuns('~', limit, { state: states, end_date_gte: since, order_by: 'id' }),

		// Of a run that is not there Airflow 2 answers an empty list, Airflow 3 404.
		taskInstances: async (dag, run) =>
			(await orUndefined(listTasks('read tasks', `${runPath(dag, run)}/taskInstances`, 10_000))) ?? [],

		endedTaskInstances: ({ states, since, until, limit = 1000 }) =>
			pages(limit, async (size, offset) => {
				const answer = await session.get(tasksAnswer, {
					doing: 'read tasks',
					method: 'POST',
					path: 'dags/~/dagRuns/~/taskInstances/list',
					json: {
						state: states,
						page_limit: size,
						page_offset: offset,
						...(since === undefined ? {} : { end_date_gte: since }),
						...(until === undefined ? {} : { end_date_lte: until }),
					},
				});
				return { items: answer.task_instances.map(toTask), total: answer.total_entries };
			}),

		async changedTasks({ states, since, until, offset = 0, highestTriesFirst = false }) {
			const sorted = highestTriesFirst && dialect.byTries !== undefined;
			const answer = await session.get(tasksAnswer, {
				doing: 'read tasks',
				path: 'dags/~/dagRuns/~/taskInstances',
				query: {
					state: states,
					updated_at_gte: since,
					updated_at_lte: until,
					limit: PAGE,
					offset,
					order_by: sorted ? dialect.byTries : undefined,
				},
			});
			return {
				items: answer.task_instances.map(toTask),
				total: answer.total_entries,
				highestTriesFirst: sorted,
			};
		},

		async changedRuns({ states, since, until, offset = 0 }) {
			const answer = await session.get(runsAnswer, {
				doing: 'list runs',
				path: 'dags/~/dagRuns',
				query: { state: states, updated_at_gte: since, updated_at_lte: until, limit: PAGE, offset },
			});
			return { items: answer.dag_runs.map(toRun), total: answer.total_entries };
		},

		async tasksOfRuns({ runs, states, since, until, offset = 0 }) {
			const answer = await session.get(tasksAnswer, {
				doing: 'read tasks',
				method: 'POST',
				path: 'dags/~/dagRuns/~/taskInstances/list',
				json: {
					dag_ids: [...new Set(runs.map(({ dag }) => dag))],
					dag_run_ids: [...new Set(runs.map(({ run }) => run))],
					state: states,
					page_limit: PAGE,
					page_offset: offset,
					...(since === undefined ? {} : { end_date_gte: since }),
					...(until === undefined ? {} : { end_date_lte: until }),
				},
			});
			return { items: answer.task_instances.map(toTask), total: answer.total_entries };
		},

		async taskInstance(key) {
			const answer = await session.find(taskAnswer, { doing: 'read tasks', path: dialect.oneTask(key), dag: key.dag });
			return answer && toTask(answer);
		},

		async dependencies(dag) {
			const answer = await session.find(dagTasksAnswer, { doing: 'read dag', path: `${dagPath(dag)}/tasks`, dag });
			return (
				answer &&
				new Map(
					answer.tasks.flatMap(({ task_id, downstream_task_ids }) =>
						task_id ? [[task_id, downstream_task_ids ?? []] as const] : [],
					),
				)
			);
		},

		async tries(key) {
			const path = `${dialect.oneTask(key)}/tries`;
			try {
				const tries = await orUndefined(listTasks('read tasks', path, 1000));
				return (tries ?? []).sort((a, b) => a.tryNumber - b.tryNumber);
			} catch (error) {
				// Airflow before 2.10 knows only the present try.
				if (!(error instanceof Trouble && error.label === 'airflow api missing')) throw error;
				const answer = await session.find(taskAnswer, {
					doing: 'read tasks',
					path: dialect.oneTask(key),
					dag: key.dag,
				});
				return answer ? [toTask(answer)] : [];
			}
		},

		async log({ dag, run, task, mapIndex, tryNumber }, maxBytes = LOG_BYTES) {
			const answer = await orUndefined(
				session.ask({
					doing: 'read log',
					path: `${taskPath(dag, run, task)}/logs/${tryNumber}`,
					query: { full_content: true, map_index: mapIndex },
					accept: dialect.logAccept,
					timeoutMs: LOG_TIMEOUT_MS,
					maxBytes,
					keep: 'tail',
					dag,
				}),
			);
			return answer?.text;
		},

		importErrors: () =>
			pages(1000, async (size, offset) => {
				const answer = await session.get(importErrorsAnswer, {
					doing: 'read import errors',
					path: 'importErrors',
					query: { limit: size, offset },
				});
				return { items: answer.import_errors.map(toImportError), total: answer.total_entries };
			}),

		clearable,
		clear: async (request, { sparing } = {}) => (await clear(request, { sparing })).length,

		async noteRun(dag, run, note) {
			const answer = await session.find(runAnswer, {
				doing: 'change run',
				method: 'PATCH',
				path: runPath(dag, run) + dialect.notePath,
				json: { note },
				dag,
			});
			return answer !== undefined;
		},

		async setRunState(dag, run, state) {
			const answer = await session.find(runAnswer, {
				doing: 'change run',
				method: 'PATCH',
				path: runPath(dag, run),
				json: { state },
				dag,
			});
			return answer && toRun(answer);
		},

		async setPaused(dag, paused) {
			const answer = await session.find(dagAnswer, {
				doing: 'pause dag',
				method: 'PATCH',
				path: dagPath(dag),
				query: { update_mask: 'is_paused' },
				json: { is_paused: paused },
				dag,
			});
			return answer && toDag(answer);
		},

		eventLogs: ({ dag, run, task, since, limit = 100 }) =>
			pages(limit, async (size, offset) => {
				const answer = await session.get(eventLogsAnswer, {
					doing: 'read event log',
					path: 'eventLogs',
					query: { limit: size, offset, order_by: '-when', dag_id: dag, run_id: run, task_id: task, after: since },
					dag,
				});
				return { items: answer.event_logs.map(toEventLog), total: answer.total_entries };
			}),

		pools: () =>
			pages(1000, async (size, offset) => {
				const answer = await session.get(poolsAnswer, {
					doing: 'read pools',
					path: 'pools',
					query: { limit: size, offset },
				});
				return { items: answer.pools.map(toPool), total: answer.total_entries };
			}),

		config: async () => toConfig(await session.get(configAnswer, { doing: 'read config', path: 'config' })),
	};
}
