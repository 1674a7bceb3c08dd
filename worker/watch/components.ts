import type { Health } from '../../src/domain/airflow.ts';
import { conditionId, tell } from './conditions.ts';
import type { Kind, SeenCondition } from './conditions.ts';
import { numberOf } from './round.ts';
import type { Round } from './round.ts';

const PARTS = {
	scheduler: 'scheduler-heartbeat-lost',
	triggerer: 'triggerer-heartbeat-lost',
	dagProcessor: 'dag-processor-heartbeat-lost',
} as const satisfies Partial<Record<keyof Health, Kind>>;

/** A heartbeat that is younger than this may be a restart: looked at again before it is told. */
const SILENT_MS = 60_000;
/** An operation that ended longer ago is nobody's news. */
const OPERATION_MS = 3 * 24 * 3600_000;
/** A file's whole stack trace is read by the diagnosis. */
const MOST_TRACE = 20_000;

/** Scheduler, triggerer and DAG processor, by what Airflow says of their heartbeats. True: to be looked at again soon. */
export async function lookAtHealth(round: Round): Promise<boolean> {
	const health = await round.airflow.health();
	const seen: SeenCondition[] = [];
	let again = false;
	for (const [part, kind] of [
		['scheduler', PARTS.scheduler],
		['triggerer', PARTS.triggerer],
		['dagProcessor', PARTS.dagProcessor],
	] as const) {
		const one = health[part];
		if (!one || one.status === 'healthy') continue;
		const silentMs = one.heartbeatAt === undefined ? Infinity : round.serverNow() - Date.parse(one.heartbeatAt);
		if (silentMs < SILENT_MS) again = true;
		else
			seen.push({
				kind,
				key: part,
				since: one.heartbeatAt ?? new Date(round.baseline).toISOString(),
				facts: { status: one.status, ...(one.heartbeatAt === undefined ? {} : { heartbeatAt: one.heartbeatAt }) },
			});
	}
	await tell(round, { kinds: Object.values(PARTS), seen });
	return again;
}

/** Files that cannot be imported. Those that are there at the very first look are known already. */
export async function lookAtImports(round: Round): Promise<void> {
	const errors = await round.airflow.importErrors();
	await tell(round, {
		kinds: ['import-error'],
		seen: errors.map(({ file, at, stackTrace }) => ({
			kind: 'import-error' as const,
			key: file,
			since: at,
			facts: {
				file,
				error: stackTrace.trimEnd().split('\n').at(-1)?.slice(0, 300) ?? '',
				text: stackTrace.slice(-MOST_TRACE),
			},
		})),
		silent: numberOf(round.fields, 'importsKnown') === undefined,
	});
	await round.commit([{ name: 'importsKnown', set: 1 }]);
}

/** Updates and upgrades of the Composer environment that failed. They have no end of their own. */
export async function lookAtOperations(round: Round): Promise<void> {
	const { env, wires, baseline } = round;
	const { watching } = wires.deps;
	const oldest = Math.max(baseline, round.serverNow() - OPERATION_MS);
	const failed = ((await wires.deps.composer(env)?.operations(20)) ?? []).filter(
		({ state, endedAt }) => state === 'FAILED' && endedAt !== undefined && Date.parse(endedAt) >= oldest,
	);
	const seen = await watching.recall(
		env,
		failed.map(({ name }) => `operation ${name}`),
	);
	const fresh = failed.filter((_, at) => seen[at] === undefined);
	await tell(round, {
		kinds: [],
		seen: fresh.map(({ name, type, endedAt = '', error = '' }) => ({
			kind: 'operation-failed' as const,
			key: name.split('/').at(-1) ?? name,
			since: endedAt,
			facts: { operation: type, text: error },
		})),
	});
	await watching.remember(
		env,
		fresh.map(({ name }) => ({ id: `operation ${name}`, value: '1' })),
	);
	for (const { name } of fresh)
		await watching.over(env, conditionId({ kind: 'operation-failed', key: name.split('/').at(-1) ?? name }));
}
