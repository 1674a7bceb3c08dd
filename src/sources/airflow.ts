import type { Sources } from '../collect.ts';
import type { Airflow } from '../domain/airflow.ts';
import { Trouble } from '../domain/errors.ts';
import { quote, quoteLines } from '../domain/quote.ts';

const MINUTE = 60_000;

/** Everything Airflow's own REST API tells about a try. One call each (lists page by the hundred), whichever generation. */
export function airflowSources(airflow: Airflow): Sources {
	return {
		dagRun: {
			async read({ dag, run }) {
				const found = await airflow.run(dag, run);
				if (!found) throw new Trouble('user', 'run gone', `${dag} has no run ${run} any more.`);
				return found;
			},
		},
		taskInstances: { read: ({ dag, run }) => airflow.taskInstances(dag, run) },
		tries: { read: ({ dag, run, task, mapIndex }) => airflow.tries({ dag, run, task, mapIndex }) },
		dag: {
			async read({ dag }) {
				const found = await airflow.dag(dag);
				if (!found) throw new Trouble('user', 'dag gone', `There is no DAG ${dag} any more.`);
				return found;
			},
		},
		eventLog: {
			// Airflow 2 gives it to nobody below Admin, Airflow 3 to every role. Seen on 2.11.2 and 3.1.8.
			permission: 'can_read on Audit Logs',
			async read({ dag, queuedAt, startedAt, endedAt, now }) {
				const begin = queuedAt ?? startedAt ?? endedAt;
				const since = new Date((begin === undefined ? now - 24 * 60 * MINUTE : Date.parse(begin)) - MINUTE);
				const found = await airflow.eventLogs({ dag, since: since.toISOString(), limit: 100 });
				return found
					.map((entry) => ({
						...entry,
						owner: entry.owner === undefined ? undefined : quote(entry.owner, 120),
						extra: entry.extra === undefined ? undefined : quote(entry.extra, 600),
					}))
					.reverse();
			},
		},
		importErrors: {
			permission: 'can_read on ImportError',
			role: 'Viewer',
			read: async () =>
				(await airflow.importErrors()).map(({ file, at, stackTrace }) => ({
					file: quote(file, 500),
					at,
					stackTrace: quoteLines(stackTrace.split('\n').slice(-40), 500).join('\n'),
				})),
		},
		pools: {
			permission: 'can_read on Pools',
			role: 'Viewer',
			read: async () => (await airflow.pools()).map((pool) => ({ ...pool, name: quote(pool.name, 256) })),
		},
		airflowHealth: { read: () => airflow.health() },
		airflowConfig: { permission: 'can_read on Configurations', role: 'Op', read: () => airflow.config() },
		failures: {
			async read({ endedAt, now }) {
				const at = endedAt === undefined ? now : Date.parse(endedAt);
				const since = new Date(at - 15 * MINUTE).toISOString();
				const found = await airflow.endedTaskInstances({ states: ['failed', 'up_for_retry'], since, limit: 300 });
				return found.filter((one) => one.endedAt !== undefined && Date.parse(one.endedAt) <= at + 15 * MINUTE);
			},
		},
	};
}
