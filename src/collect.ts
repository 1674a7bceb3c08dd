import type { Composer } from './clients/composer.ts';
import type { Airflow } from './domain/airflow.ts';
import type { EvidenceMap, Failed, Gap, Seen, SourceName } from './domain/evidence.ts';
import { Trouble } from './domain/errors.ts';
import { quote, quoteLines } from './domain/quote.ts';

/** One source. `read` gives masked evidence or throws; what it throws becomes a `Gap`, so that nothing else waits for it. */
export type Source<Name extends SourceName> = {
	read(failed: Failed): Promise<EvidenceMap[Name]>;
	/** Default 8,000. */
	withinMs?: number;
	/** What one needs to read it; told with the gap. */
	permission?: string;
	role?: string;
};

/** The sources one environment has. What is not there is a gap: `absent`. Today Airflow and the Composer API. */
export type Sources = { readonly [Name in SourceName]?: Source<Name> };

export type Collected = { seen: Seen; gaps: readonly Gap[] };

const WITHIN_MS = 8000;

/**
 * Reads what was asked for, all at once, each source once. Never throws, and takes no longer than its slowest deadline, nor
 * than `mostMs`.
 */
export async function collect(
	wanted: ReadonlySet<SourceName>,
	sources: Sources,
	failed: Failed,
	mostMs = Infinity,
): Promise<Collected> {
	const gaps: Gap[] = [];
	const seen: { [Name in SourceName]?: EvidenceMap[Name] } = {};
	await Promise.all(
		[...wanted].map(async (name) => {
			const source = sources[name];
			if (!source) {
				gaps.push({ source: name, because: 'absent', say: NOT_HERE });
				return;
			}
			try {
				const ms = Math.min(source.withinMs ?? WITHIN_MS, mostMs);
				Object.assign(seen, { [name]: await within<unknown>(source.read(failed), ms) });
			} catch (error) {
				gaps.push(toGap(name, source, error));
			}
		}),
	);
	return { seen, gaps };
}

const NOT_HERE = { en: 'not read in this environment', ja: 'この環境では取得していません' };

class TooLate extends Error {}

async function within<T>(work: Promise<T>, ms: number): Promise<T> {
	const { promise, reject } = Promise.withResolvers<never>();
	const timer = setTimeout(() => reject(new TooLate(`not within ${ms} ms`)), ms);
	try {
		return await Promise.race([work, promise]);
	} finally {
		clearTimeout(timer);
	}
}

function toGap(
	name: SourceName,
	{ permission, role }: Pick<Source<SourceName>, 'permission' | 'role'>,
	error: unknown,
): Gap {
	const needs = { ...(permission === undefined ? {} : { permission }), ...(role === undefined ? {} : { role }) };
	if (error instanceof TooLate)
		return {
			source: name,
			because: 'timeout',
			say: { en: 'no answer in time', ja: '時間内に応答がありませんでした' },
			...needs,
		};
	if (error instanceof Trouble) {
		const { kind, message, hint, ja } = error;
		return {
			source: name,
			because: kind === 'denied' ? 'denied' : 'unavailable',
			say: {
				en: hint === undefined ? message : `${message} ${hint}`,
				ja: [ja?.message ?? message, ja?.hint ?? ''].join(''),
			},
			...needs,
		};
	}
	return {
		source: name,
		because: 'unavailable',
		say: { en: 'could not be read', ja: '読み取れませんでした' },
		...needs,
	};
}

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

/** What the Composer API tells beside. */
export function composerSources(composer: Composer): Sources {
	return {
		environment: {
			permission: 'composer.environments.get',
			role: 'roles/composer.user',
			async read() {
				const { environment, state } = await composer.describe({ fresh: true });
				return { ...environment, state };
			},
		},
		operations: {
			permission: 'composer.operations.list',
			role: 'roles/composer.user',
			async read({ now }) {
				const day = new Date(now - 24 * 60 * MINUTE).toISOString();
				const found = await composer.operations(50);
				return found
					.filter(({ state, endedAt, startedAt }) => state === 'RUNNING' || (endedAt ?? startedAt ?? '') >= day)
					.map(({ type, state, startedAt, endedAt, error }) => ({
						type,
						state,
						startedAt,
						endedAt,
						error: error === undefined ? undefined : quote(error, 2000),
					}));
			},
		},
	};
}
