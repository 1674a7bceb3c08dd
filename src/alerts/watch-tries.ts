import type { TaskInstance } from '../domain/airflow.ts';

export type TaskKey = Pick<TaskInstance, 'dag' | 'run' | 'task' | 'mapIndex'>;

/** Up to which try everything that failed was passed on, and when that try ended (epoch ms, Airflow's clock). */
export type Through = { tryNumber: number; endedAt: number };

export type FailedTry = TaskKey & {
	tryNumber: number;
	/** Epoch milliseconds; undefined where Airflow names no end. */
	endedAt: number | undefined;
	/** Set when the run was deleted and made anew under the same id, so that the same key is another try: when this one began. */
	again?: number | undefined;
};

export type Swept = {
	failed: FailedTry[];
	/** Task instances with earlier tries nobody has looked at: `tries` has to be asked for those up to `upTo`. */
	ask: { row: TaskInstance; from: number; upTo: number }[];
	/** What is accounted for once `failed` and the answers to `ask` were passed on. */
	through: { key: TaskKey; through: Through }[];
};

export const idOf = ({ dag, run, task, mapIndex }: TaskKey): string => JSON.stringify([dag, run, task, mapIndex]);

const at = (time: string | undefined): number | undefined => (time === undefined ? undefined : Date.parse(time));
const isFailure = ({ state }: TaskInstance): boolean => state === 'failed' || state === 'up_for_retry';

/**
 * Which tries failed, by what a poll saw and what was passed on before. `since`: what ended before that is not ours. A retry that was
 * faster than the poll shows by a try number that is higher than what was accounted for.
 */
export function sweep(rows: readonly TaskInstance[], known: ReadonlyMap<string, Through>, since: number): Swept {
	const swept: Swept = { failed: [], ask: [], through: [] };
	for (const row of rows) {
		const failing = isFailure(row);
		const last = failing ? row.tryNumber : row.tryNumber - 1;
		if (last < 1) continue;
		const { before, again } = accounted(row, known.get(idOf(row)));
		if (last <= before) continue;
		const endedAt = at(row.endedAt);
		if (failing && !(endedAt !== undefined && endedAt < since))
			swept.failed.push({ ...keyOf(row), tryNumber: row.tryNumber, endedAt, again });
		const earlier = failing ? last - 1 : last;
		if (earlier > before) swept.ask.push({ row, from: before + 1, upTo: earlier });
		swept.through.push({ key: keyOf(row), through: { tryNumber: last, endedAt: endedAt ?? at(row.startedAt) ?? 0 } });
	}
	return swept;
}

/** The failed ones among the tries that `sweep` asked for. */
export function failedAmong(
	tries: readonly TaskInstance[],
	{ row, from, upTo }: Swept['ask'][number],
	since: number,
): FailedTry[] {
	return tries.flatMap((one) => {
		const endedAt = at(one.endedAt);
		const ours = one.tryNumber >= from && one.tryNumber <= upTo && isFailure(one);
		if (!ours || (endedAt !== undefined && endedAt < since)) return [];
		return [{ ...keyOf(row), tryNumber: one.tryNumber, endedAt }];
	});
}

/** Try numbers only ever rise, unless the run was deleted and made anew: then this try began after the one that was accounted for had ended. */
function accounted(row: TaskInstance, known: Through | undefined): { before: number; again?: number } {
	if (known === undefined) return { before: 0 };
	const startedAt = at(row.startedAt);
	if (isFailure(row) && row.tryNumber <= known.tryNumber && startedAt !== undefined && startedAt > known.endedAt)
		return { before: row.tryNumber - 1, again: startedAt };
	return { before: known.tryNumber };
}

function keyOf({ dag, run, task, mapIndex }: TaskKey): TaskKey {
	return { dag, run, task, mapIndex };
}
