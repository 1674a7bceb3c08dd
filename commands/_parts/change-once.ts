import { z } from 'zod';
import type { Plans } from '../../src/clients/plans.ts';
import type { CommandContext } from '../define.ts';
import { mistake } from './trouble.ts';

/** A change that may be made twice without harm, such as pausing: asked about first, carried out by one command. */
const planSchema = z.object({
	v: z.literal(1),
	verb: z.string(),
	env: z.string(),
	dag: z.string(),
	run: z.string().optional(),
	/** Key of the command that asked, so that each question is one of its own. */
	asked: z.string(),
});

export type Change = { verb: string; dag: string; run?: string | undefined };

/** The id that goes with the button. */
export function askFirst({ verb, dag, run }: Change, { deps, env, typed }: CommandContext): Promise<string> {
	const plan: z.output<typeof planSchema> = { v: 1, verb, env, dag, run, asked: typed.key };
	return deps.plans.keep(JSON.stringify(plan));
}

export type Changed =
	| 'done'
	/** It was so before. */
	| 'already'
	| { by: string };

/**
 * Makes the change that was confirmed. Called again for the same command it looks first whether it is so: then an earlier attempt
 * made it. Trouble `user`: what was confirmed is too old, or something else. What `make` throws goes on to whoever calls.
 */
export async function changeOnce(
	id: string,
	change: Change,
	{ isSo, make }: { isSo: () => Promise<boolean>; make: () => Promise<void> },
	{ deps, env, typed, asker }: CommandContext,
): Promise<Changed> {
	const plans: Plans = deps.plans;
	const text = await plans.load(id);
	const plan = planSchema.safeParse(text === undefined ? undefined : JSON.parse(text));
	// The role was checked for the DAG of the words.
	if (!plan.success || plan.data.env !== env) throw stale();
	const { verb, dag, run } = plan.data;
	if (verb !== change.verb || dag !== change.dag || run !== change.run) throw stale();
	const standing = await plans.claim(id, typed.key, asker.name);
	if (standing.kind === 'gone') throw stale();
	if (standing.kind === 'theirs' || (standing.kind === 'over' && !standing.ours)) return { by: standing.by };
	if (standing.kind === 'over') return standing.outcome === 'already' ? 'already' : 'done';
	const before = await isSo();
	if (!before) await make();
	const outcome = before && standing.kind === 'free' ? 'already' : 'done';
	await plans.settle(id, typed.key, outcome);
	return outcome;
}

/** The word of a button that carries an answer. Trouble `user`: it cannot be one. */
export function planWord(text: string | undefined): string | undefined {
	if (text === undefined || /^[0-9a-f]{24}$/.test(text)) return text;
	throw stale();
}

export const stale = () =>
	mistake(
		'plan gone',
		{ en: 'This question is too old to be answered.', ja: 'この確認は期限切れです。' },
		{ en: 'Type the command again.', ja: 'もう一度コマンドを入力してください。' },
	);
