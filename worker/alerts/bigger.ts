import { explains } from '../../src/alerts/causes.ts';
import { timeOf } from '../../src/alerts/fold.ts';
import type { FailedTry } from '../../src/alerts/incident.ts';
import type { BotDeps } from '../../src/build-deps.ts';

/** What failed so long before a bigger cause was noticed may still be its doing. */
export const BEFORE_MS = 20 * 60_000;
/** Asked by every failure of a storm. */
const FRESH_MS = 500;

type Bigger = Awaited<ReturnType<BotDeps['incidents']['bigger']>>;
const known = new WeakMap<BotDeps, Map<string, { at: number; all: Promise<Bigger> }>>();

/**
 * The incident under way of which a failure with this cause is a symptom. Its log says no more than that, so that nothing else is
 * asked; one whose log names a cause of its own is never taken for a symptom.
 */
export async function biggerOf(failed: FailedTry, cause: string, deps: BotDeps): Promise<string | undefined> {
	const all = await biggerIn(failed.env, deps);
	return all.find((one) => explains(one.cause, cause) && timeOf(failed) >= one.since - BEFORE_MS)?.id;
}

/** The incident under way of which this condition is a symptom. */
export async function biggerThan(env: string, kind: string, deps: BotDeps): Promise<string | undefined> {
	return (await biggerIn(env, deps)).find((one) => explains(one.cause, kind))?.id;
}

function biggerIn(env: string, deps: BotDeps): Promise<Bigger> {
	let byEnv = known.get(deps);
	if (!byEnv) known.set(deps, (byEnv = new Map()));
	const held = byEnv.get(env);
	if (held && deps.now() - held.at < FRESH_MS) return held.all;
	const all = deps.incidents.bigger(env);
	byEnv.set(env, { at: deps.now(), all });
	all.catch(() => byEnv.delete(env));
	return all;
}
