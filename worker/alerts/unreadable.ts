import type { FailedTry, Why } from '../../src/alerts/incident.ts';
import type { Placed } from '../../src/clients/incidents.ts';
import type { Trouble } from '../../src/domain/errors.ts';
import { hashOf } from '../../src/alerts/ids.ts';
import type { FailureJob } from '../jobs.ts';
import type { Wires } from '../wires.ts';

/** Told as it was noticed: Airflow could not be asked about it for too long, and nobody may stay without word. */
export async function unreadable(
	job: FailureJob,
	holder: string,
	trouble: Trouble | undefined,
	{ deps }: Wires,
): Promise<Placed> {
	const { incidents, now } = deps;
	const { env, dag, run, task, mapIndex, tryNumber, again, seenAt } = job;
	const failed: FailedTry = {
		env,
		dag,
		run,
		task,
		mapIndex,
		tryNumber,
		seenAt,
		...(again === undefined ? {} : { again }),
		ofTries: tryNumber,
		// Whether another follows is not known: told, rather than not.
		last: true,
	};
	const key = hashOf(24, 'unreadable', env, dag);
	const aliases = { keys: [key], brief: [key], history: key };
	const because = {
		en: trouble?.message ?? 'The bot could not read it.',
		ja: trouble?.ja?.message ?? trouble?.message ?? 'ボットが読み取れませんでした。',
	};
	const why: Why = {
		env: { name: env },
		provisional: false,
		verdict: {
			verdict: 'unknown',
			status: 'unknown',
			findings: [],
			ruledOut: [],
			beside: [],
			gaps: [{ source: 'taskInstance', because: 'unavailable', say: because }],
			notes: [],
			lastException: undefined,
			tail: [],
		},
	};
	for (;;) {
		const admitted = await incidents.admit(failed, aliases);
		if (admitted.kind !== 'none') return admitted;
		const begun = await incidents.begin(
			incidents.idFor(key, failed),
			{ env, scope: 'task', cause: 'unknown', history: { before: 0 }, openedAt: now(), why, condition: undefined },
			{ kind: 'failed', at: now(), failed },
			aliases,
		);
		if (begun.kind !== 'other') return begun;
		deps.log.info({ job: holder }, 'another opened it first');
	}
}
