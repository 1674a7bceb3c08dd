import type { Wires } from '../wires.ts';

/** Cards that stand are edited at most so often; more than this nobody reads. */
export const PACE_MS = 1500;

/** Sees to it that an incident's cards are brought up to its state: soon, or at `at` (epoch milliseconds). */
export async function cardsDue(
	{ work, deps }: Pick<Wires, 'work' | 'deps'>,
	{ id, rev }: { id: string; rev: number | string },
	at?: number,
): Promise<void> {
	// An id of its own for each state: a job that is at work swallows another of its name.
	const name = at === undefined ? `card-${id}-${rev}` : `card-${id}-at-${at}`;
	await work.add('cards', name, { v: 1, incident: id }, at === undefined ? 0 : Math.max(0, at - deps.now()));
}
