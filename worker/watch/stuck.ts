import { idOf } from '../../src/alerts/watch-tries.ts';
import type { TaskInstance } from '../../src/domain/airflow.ts';
import { tell } from './conditions.ts';
import type { SeenCondition } from './conditions.ts';
import type { Round } from './round.ts';

/**
 * Half of what Airflow itself waits before it gives a queued task up: scheduler.task_queued_timeout is 600 s, Composer sets 2,400 s.
 * Source: release notes of Composer of 2023-10-16.
 */
const QUEUED_MS = { airflow: 5 * 60_000, composer: 20 * 60_000 };
/** Airflow fails a task whose heartbeat is 300 s old (task_instance_heartbeat_timeout); one that is older has been left alone. */
const SILENT_MS = 6 * 60_000;
const MOST_SILENT = 20;

const iso = (at: number): string => new Date(at).toISOString();

/**
 * Tasks that wait in the queue for too long, one condition for each Celery queue however many wait, and tasks that run without a
 * heartbeat. Only Airflow 3 shows heartbeats over REST: of Airflow 2 that is not known before its scheduler says so.
 */
export async function lookAtStuck(round: Round): Promise<void> {
	const { airflow, wires, env } = round;
	const now = round.serverNow();
	const patience = wires.deps.composer(env) === undefined ? QUEUED_MS.airflow : QUEUED_MS.composer;
	const { api } = await airflow.version();
	const until = iso(now - Math.min(patience, api === 2 ? SILENT_MS : patience));
	const states = api === 2 ? ['queued', 'running'] : ['queued'];
	const page = await airflow.changedTasks({ states, until });
	const since = (row: TaskInstance): number => Date.parse(row.queuedAt ?? row.startedAt ?? iso(now));
	const queued = page.items.filter((row) => row.state === 'queued' && now - since(row) >= patience);
	const more = page.total - page.items.length;
	const byQueue = Map.groupBy(queued, ({ queue }) => queue ?? 'default');
	const waiting = [...byQueue].map(([queue, rows]): SeenCondition => {
		const [oldest] = rows.sort((a, b) => since(a) - since(b));
		return {
			kind: 'queued-too-long',
			key: `queue:${queue}`,
			since: oldest?.queuedAt ?? iso(now),
			...(oldest && named(oldest)),
			facts: {
				queue,
				tasks: `${rows.length}${more > 0 ? '+' : ''}`,
				pool: oldest?.pool ?? '',
				waitingSeconds: String(Math.round((now - (oldest ? since(oldest) : now)) / 1000)),
			},
		};
	});
	const silent = page.items.filter(({ state }) => state === 'running').slice(0, MOST_SILENT);
	await tell(round, {
		kinds: ['queued-too-long', 'running-without-heartbeat'],
		seen: [
			...waiting,
			...silent.map((row): SeenCondition => ({
				kind: 'running-without-heartbeat',
				key: `${idOf(row)} ${row.tryNumber}`,
				since: row.startedAt ?? iso(now),
				...named(row),
				facts: { host: row.hostname ?? '', ...(row.startedAt === undefined ? {} : { startedAt: row.startedAt }) },
			})),
		],
	});
}

function named({ dag, run, task, mapIndex, tryNumber }: TaskInstance) {
	return { dag, run, task, mapIndex, tryNumber };
}
