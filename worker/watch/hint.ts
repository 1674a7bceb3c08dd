import { idOf } from '../../src/alerts/watch-tries.ts';
import type { Hint } from '../../src/alerts/push.ts';
import { jobIdOf } from '../../src/clients/queue.ts';
import type { Wires } from '../wires.ts';

/** However many hints there are, the watch looks at most this often because of them. */
const SLOT_MS = 3000;
/** A task says that it fails a moment before Airflow writes it down. */
const FIRST_MS = 300;
const SECOND_MS = 2500;
/** How long it is known who said it first. */
const KNOWN_MS = 10 * 60_000;

export const hintId = (hint: Hint): string => `${idOf(hint)} ${hint.tryNumber}`;

/** Something failed, says somebody: the watch looks now, and once more a moment later. Nothing else follows from a hint. */
export async function lookSoon(
	{ deps, work }: Pick<Wires, 'deps' | 'work'>,
	env: string,
	hint: Hint | undefined,
	by: 'push' | 'tail',
): Promise<void> {
	if (hint !== undefined) await deps.watching.hinted(env, hintId(hint), by, KNOWN_MS);
	const slot = Math.floor((await deps.watching.time()) / SLOT_MS);
	const data = { v: 1, env, soon: true };
	await work.add('watches', jobIdOf('soon', env, slot), data, FIRST_MS);
	await work.add('watches', jobIdOf('soon', env, slot, 'later'), data, SECOND_MS);
}
