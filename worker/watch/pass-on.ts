import { z } from 'zod';
import { failedAmong, idOf, sweep } from '../../src/alerts/watch-tries.ts';
import type { FailedTry, Swept, Through } from '../../src/alerts/watch-tries.ts';
import { jobIdOf } from '../../src/clients/queue.ts';
import type { TaskInstance } from '../../src/domain/airflow.ts';
import type { FailureJob } from '../jobs.ts';
import type { Wires } from '../wires.ts';
import type { Round } from './round.ts';

const throughSchema = z.object({ tryNumber: z.number(), endedAt: z.number() });
/** Calls for tries at the same time. */
const ASKED_AT_ONCE = 4;

/** The id of a failed try's job: whoever reports it, it is the same job. */
export function failureJobId(key: Pick<FailureJob, 'env' | 'dag' | 'run' | 'task' | 'mapIndex' | 'tryNumber'>): string {
	return jobIdOf('try', key.env, key.dag, key.run, key.task, key.mapIndex, key.tryNumber);
}

/**
 * Passes on every failed try these rows tell of and which was not passed on before; how many. In this order: the jobs, then that
 * they were passed on, and only then may the caller move its watermark. A crash in between repeats it, with the same jobs.
 */
export async function passOn(round: Round, rows: readonly TaskInstance[], { catchUp = false } = {}): Promise<number> {
	const { env, wires } = round;
	const { watching } = wires.deps;
	const told = rows.filter(({ state, tryNumber }) => tryNumber > 1 || state === 'failed' || state === 'up_for_retry');
	const ids = told.map(idOf);
	const recalled = wires.broken === 'seen' ? [] : await watching.recall(env, ids);
	const known = new Map(ids.flatMap((id, at) => throughOf(id, recalled[at])));
	const swept = sweep(told, known, round.baseline);
	const failed = [...swept.failed, ...(await earlier(round, swept.ask))];
	await enqueue(round, failed, catchUp);
	await watching.remember(
		env,
		swept.through.map(({ key, through }) => ({ id: idOf(key), value: JSON.stringify(through) })),
	);
	return failed.length;
}

function throughOf(id: string, value: string | undefined): [string, Through][] {
	if (value === undefined) return [];
	return [[id, throughSchema.parse(JSON.parse(value))]];
}

/** Tries that failed and were followed by another before anybody looked. */
async function earlier({ airflow, baseline }: Round, ask: Swept['ask']): Promise<FailedTry[]> {
	const found: FailedTry[] = [];
	for (let at = 0; at < ask.length; at += ASKED_AT_ONCE) {
		const some = await Promise.all(
			ask.slice(at, at + ASKED_AT_ONCE).map(async (one) => failedAmong(await airflow.tries(one.row), one, baseline)),
		);
		found.push(...some.flat());
	}
	return found;
}

async function enqueue(round: Round, failed: readonly FailedTry[], catchUp: boolean): Promise<void> {
	if (failed.length === 0) return;
	const { env, wires } = round;
	const seenAt = wires.deps.now();
	const jobs = failed.map(({ dag, run, task, mapIndex, tryNumber, again }) => {
		const key = { env, dag, run, task, mapIndex, tryNumber };
		const id = again === undefined ? failureJobId(key) : jobIdOf(failureJobId(key), again);
		const data = { v: 1, ...key, seenAt, by: 'poll', catchUp, again } satisfies FailureJob;
		return { id: wires.broken === 'seen' ? jobIdOf(id, Math.random()) : id, data };
	});
	await wires.work.addAll('failures', jobs);
	measure(wires, env, failed, catchUp ? 'catch-up' : 'poll', round.serverNow());
	wires.deps.log.info({ env, tries: failed.length, catchUp }, 'failed tries noticed');
}

function measure({ deps }: Wires, env: string, failed: readonly FailedTry[], by: string, now: number): void {
	deps.measure.count('failures', { env, by }, failed.length);
	for (const { endedAt } of failed)
		if (endedAt !== undefined) deps.measure.seconds('detection', (now - endedAt) / 1000, { env, by });
}
