import { z } from 'zod';
import { failedAmong, idOf, sweep } from '../../src/alerts/watch-tries.ts';
import type { FailedTry, Swept, Through } from '../../src/alerts/watch-tries.ts';
import { jobIdOf } from '../../src/clients/queue.ts';
import type { TaskInstance } from '../../src/domain/airflow.ts';
import type { FailureJob } from '../jobs.ts';
import { hintId } from './hint.ts';
import type { Round } from './round.ts';

const throughSchema = z.object({ tryNumber: z.number(), endedAt: z.number() });
const noticedBy = z.enum(['poll', 'push', 'tail']).catch('poll');
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
	const { watching, now, log, measure } = wires.deps;
	const hinted = await watching.hintedBy(env, failed.map(hintId));
	const seenAt = now();
	const jobs = failed.map(({ dag, run, task, mapIndex, tryNumber, again }, at) => {
		const key = { env, dag, run, task, mapIndex, tryNumber };
		const id = again === undefined ? failureJobId(key) : jobIdOf(failureJobId(key), again);
		const by = noticedBy.parse(hinted[at]);
		// Without it the same try is another one each time it is seen.
		const other = wires.broken === 'seen' ? Math.random() : again;
		const data = {
			v: 1,
			...key,
			seenAt,
			by,
			catchUp,
			...(other === undefined ? {} : { again: other }),
		} satisfies FailureJob;
		return { id: wires.broken === 'seen' ? jobIdOf(id, other ?? 0) : id, data };
	});
	await wires.work.addAll('failures', jobs);
	log.info({ env, tries: failed.length, catchUp }, 'failed tries noticed');
	const serverNow = round.serverNow();
	for (const [at, { endedAt }] of failed.entries()) {
		const by = catchUp ? 'catch-up' : (hinted[at] ?? 'poll');
		measure.count('failures', { env, by });
		if (endedAt !== undefined) measure.seconds('detection', (serverNow - endedAt) / 1000, { env, by });
	}
}
