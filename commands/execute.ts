import { mayDo } from '../src/access/roles.ts';
import type { Asker, Deps, Typed } from '../src/deps.ts';
import type { CommandResult, Prepared } from './define.ts';
import { environmentInForce } from './environment.ts';
import { commands } from './index.ts';
import { refusal } from './refusal.ts';
import { readVerb, wrongWords } from './route.ts';
import { asTrouble, mistake, quoted, toReply } from './trouble.ts';

/**
 * Carries a command out, in the worker: reads the words again, finds the environment, checks the role once more with all that
 * is known now, runs the verb. Never throws: what went wrong is in `trouble`, and `reply` says it in the asker's language.
 */
export async function execute(typed: Typed, asker: Asker, deps: Deps): Promise<CommandResult> {
	try {
		return await carryOut(typed, asker, deps);
	} catch (error) {
		const trouble = asTrouble(error);
		const ref = typed.key.slice(0, 8);
		if (trouble.kind === 'bug')
			deps.log.error({ ref, label: trouble.label, err: trouble.cause ?? trouble }, 'command failed by a bug');
		return { reply: toReply(trouble, asker.lang, ref), trouble };
	}
}

async function carryOut(typed: Typed, asker: Asker, deps: Deps): Promise<CommandResult> {
	const read = readVerb(typed);
	// Reached only when the worker is older than the Slack process that took the command in.
	if (read.kind === 'unknown')
		throw mistake('verb unknown', {
			en: `There is no command “${quoted(read.said)}”.`,
			ja: `「${quoted(read.said)}」というコマンドはありません。`,
		});
	const { verb, words } = read;
	const { channel } = typed;
	if (verb.name !== 'help' && !mayDo(deps, asker, { channel, env: read.env }, verb.role))
		return { reply: refusal({ verb, asker, access: deps, channel, env: read.env }) };
	let prepared: Prepared;
	try {
		prepared = verb.prepare(words);
	} catch (error) {
		return { reply: wrongWords(verb, error, asker.lang), trouble: asTrouble(error) };
	}
	const needed = !verb.anywhere || read.env !== undefined;
	const env = needed ? await environmentInForce(read.env, typed, asker, deps) : (deps.environments[0] ?? '');
	const place = { channel, env: needed ? env : undefined };
	if (verb.name !== 'help' && !mayDo(deps, asker, { ...place, dag: prepared.dag }, verb.role))
		return { reply: refusal({ verb, asker, access: deps, ...place, dag: prepared.dag }) };

	if (prepared.atOnce) return { reply: prepared.atOnce({ asker, channel, access: deps, verbs: commands }) };
	return prepared.run({
		deps,
		env,
		typed,
		asker,
		may: (role, dag) => mayDo(deps, asker, { channel, env, dag }, role),
	});
}
