import type { Airflow, TaskInstance } from '../../src/domain/airflow.ts';
import type { Environment } from '../../src/domain/environment.ts';
import type { Trouble } from '../../src/domain/errors.ts';
import type { Deps } from '../../src/deps.ts';
import { RAN, toHistoryValue } from '../../src/scaling/export.ts';
import { readHistory, type History, type SeriesName } from '../../src/scaling/history.ts';
import { METRICS_KEPT_MS, type KeptHistory } from '../../src/scaling/kept-history.ts';
import { readMetrics } from './read-metrics.ts';
import { asTrouble, mistake } from './trouble.ts';

const DAY = 86_400_000;
/** So many new rows are read for one question, which is two hundred calls; a longer history is advised on from an export. */
const MOST_NEW = 20_000;

export type Read = {
	history: History;
	/** Only the last days were read: there is more than one question may read. */
	cut: boolean;
	tasks: number;
	/** What could not be read and what is not judged for it. */
	gaps: readonly { trouble: Trouble; of: readonly SeriesName[] }[];
	/** There are no metrics at all: the settings name none, or it is no Composer. */
	unmeasured: boolean;
};

/** What an environment did in the last days, from Airflow and Cloud Monitoring. Throws Trouble where Airflow cannot be read. */
export async function readEnvironment(env: string, days: number, deps: Deps): Promise<Read> {
	const { keptHistory: kept } = deps;
	const airflow = deps.airflow(env);
	const now = deps.now();
	const monitoring = deps.monitoring(env);
	const [{ tasks, from, to, cut }, pools, home, { version }, dags, config] = await Promise.all([
		lately(env, airflow, now, days, kept),
		airflow.pools(),
		deps.composer(env)?.describe({ fresh: true }),
		airflow.version(),
		orElse(airflow.dags({ limit: 5000 }), []),
		orElse(airflow.config(), {}),
	]);
	// Ten minutes are one time: the same question a minute later is answered from what is known.
	const window = { from, to: Math.floor(to / METRICS_KEPT_MS) * METRICS_KEPT_MS };
	const processor = home?.environment.generation === 'composer-3';
	const measured = monitoring
		? await kept.metrics(`${env} ${window.from} ${window.to}`, now, () =>
				readMetrics(monitoring, { ...window, processor }),
			)
		: undefined;
	const history = readHistory(
		toHistoryValue({
			environment: withConfig({ airflowVersion: version, ...home?.environment }, config),
			parallelism: count(config['core-parallelism']),
			name: env,
			from,
			to,
			tasks,
			pools,
			dags,
			metrics: measured?.series,
		}),
	);
	return { history, cut, tasks: tasks.length, gaps: measured?.gaps ?? [], unmeasured: measured === undefined };
}

/** Not everybody's Airflow tells everything; what it does not is worked out otherwise. */
async function orElse<T>(asked: Promise<T>, otherwise: T): Promise<T> {
	try {
		return await asked;
	} catch (error) {
		if (asTrouble(error).kind === 'bug') throw error;
		return otherwise;
	}
}

function withConfig(environment: Environment, config: Readonly<Record<string, string>>): Environment {
	const { workerConcurrency = count(config['celery-worker_concurrency']) } = environment;
	return { ...environment, workerConcurrency };
}

function count(text: string | undefined): number | undefined {
	const value = Number(text);
	return Number.isInteger(value) && value > 0 ? value : undefined;
}

type Lately = { tasks: TaskInstance[]; from: number; to: number; cut: boolean };

/** Day by day backwards from today, so that what is left out at the limit is the oldest and whole days stay whole. Days are those of UTC. */
async function lately(env: string, airflow: Airflow, now: number, days: number, kept: KeptHistory): Promise<Lately> {
	const midnight = Math.floor(now / DAY) * DAY;
	const tasks: TaskInstance[] = [];
	let fresh = 0;
	// Today, and the last of the days is only as long as today is not yet.
	const oldest = now - days * DAY;
	for (let day = 0; day <= days; day++) {
		const begin = Math.max(midnight - day * DAY, oldest);
		const end = day === 0 ? now : midnight - (day - 1) * DAY;
		if (begin >= end) {
			if (day === 0) continue;
			break;
		}
		const whole = day > 0 && end - begin === DAY;
		const known = whole ? kept.day(env, begin) : undefined;
		const room = MOST_NEW - fresh;
		const found = known ?? (await ended(airflow, begin, end, room + 1));
		if (!known) {
			if (found.length > room) return await withinADay(airflow, tasks, { from: end, now, room });
			fresh += found.length;
			// What has ended by now is known for good an hour after midnight: clocks and late reports have settled.
			if (whole && now - end > DAY / 24) kept.keepDay(env, begin, found);
		}
		for (const task of found) tasks.push(task);
	}
	return { tasks, from: oldest, to: now, cut: false };
}

function ended(airflow: Airflow, begin: number, end: number, limit: number): Promise<TaskInstance[]> {
	return airflow.endedTaskInstances({
		states: RAN,
		since: new Date(begin).toISOString(),
		// One a millisecond earlier, so that none is counted twice.
		until: new Date(end - 1).toISOString(),
		limit,
	});
}

/** What was read before the limit, a whole day at least: a part of one would look like a lighter load than it is. */
async function withinADay(
	airflow: Airflow,
	tasks: TaskInstance[],
	{ from, now, room }: { from: number; now: number; room: number },
): Promise<Lately> {
	if (now - from >= DAY) return { tasks, from, to: now, cut: true };
	const rest = await ended(airflow, now - DAY, from, room + 1);
	if (rest.length <= room) return { tasks: [...tasks, ...rest], from: now - DAY, to: now, cut: true };
	throw mistake(
		'too many tasks for a command',
		{
			en: `More than ${MOST_NEW.toLocaleString('en')} task instances ended in the last day: too many to read for a command.`,
			ja: `直近 1 日に完了したタスク インスタンスが ${MOST_NEW.toLocaleString('en')} 件を超えており、コマンドでは読み取れません。`,
		},
		{
			en: 'Export the history and run `npm run advise` on it.',
			ja: '履歴をエクスポートして `npm run advise` を実行してください。',
		},
	);
}
