import type { Deps } from '../../src/deps.ts';
import type { Advised } from '../../src/scaling/apart.ts';
import type { Applying } from '../../src/scaling/applying.ts';
import { targetOf } from '../../src/scaling/options.ts';
import type { Past } from '../../src/scaling/settle.ts';
import { readEnvironment, type Read } from './read-history.ts';

/** What was done in an environment in the last days, and what is advised for it. `waitMs`: in place of the settings' target. */
export async function adviceOn(
	env: string,
	{ days, waitMs }: { days: number; waitMs: number | undefined },
	deps: Deps,
): Promise<Advised & { read: Read }> {
	const [read, applied] = await Promise.all([readEnvironment(env, days, deps), deps.applies.applied(env)]);
	const target = targetOf(deps.scaling);
	const found = await deps.advise(read.history, {
		target: { ...target, ...(waitMs !== undefined && { waitMs }) },
		prices: deps.scaling.prices,
		past: applied.flatMap(pastOf),
	});
	return { ...found, read };
}

function pastOf({ ended, proposal, grade }: Applying): Past[] {
	if (ended?.how !== 'done') return [];
	const { changes, failing, tasksPerDay } = proposal;
	return [{ at: ended.at, changes, failing, tasksPerDay, grade }];
}
