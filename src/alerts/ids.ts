import { createHash } from 'node:crypto';
import type { TryKey } from '../domain/ids.ts';

/** `again`: its run was deleted and made anew, so that the same key is another try. */
type Again = { again?: number | undefined };
type Instance = Pick<TryKey, 'dag' | 'run' | 'task' | 'mapIndex'> & Again;

/** A short name for parts that may be long and hold anything. */
export function hashOf(length: number, ...parts: readonly (string | number)[]): string {
	return createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, length);
}

/** A failed try, for ever. */
export const tryId = ({ env, dag, run, task, mapIndex, tryNumber, again }: TryKey & Again): string =>
	hashOf(24, env, dag, run, task, mapIndex, tryNumber, ...(again === undefined ? [] : [again]));

/** A task instance within its environment. */
export const memberId = ({ dag, run, task, mapIndex, again }: Instance): string =>
	hashOf(12, dag, run, task, mapIndex, ...(again === undefined ? [] : [again]));

/** A task (of a mapped one, one index) over all its runs, within its environment. */
export const lineId = ({ dag, task, mapIndex }: Omit<Instance, 'run'>): string => hashOf(12, dag, task, mapIndex);

/** A run within its environment. */
export const runHash = ({ dag, run }: Pick<TryKey, 'dag' | 'run'>): string => hashOf(8, dag, run);
