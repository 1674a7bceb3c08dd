import { mayDo } from '../src/access/roles.ts';
import type { Asker, Deps, Typed } from '../src/deps.ts';
import { near } from '../src/domain/near.ts';
import { clip } from '../src/domain/text.ts';
import type { CommandResult, Prepared, Verb } from './define.ts';
import { commands } from './index.ts';
import { refusal } from './refusal.ts';
import { readVerb, wrongWords } from './route.ts';
import { asTrouble, mistake, toReply } from './trouble.ts';

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
			en: `There is no command “${clip(read.said, 40)}”.`,
			ja: `「${clip(read.said, 40)}」というコマンドはありません。`,
		});
	const { verb, words } = read;
	let prepared: Prepared;
	try {
		prepared = verb.prepare(words);
	} catch (error) {
		return { reply: wrongWords(verb, error, asker.lang), trouble: asTrouble(error) };
	}
	const env = await environmentFor(verb, read.env, typed, asker, deps);
	const place = { channel: typed.channel, env: verb.anywhere && read.env === undefined ? undefined : env };
	if (verb.name !== 'help' && !mayDo(deps, asker, { ...place, dag: prepared.dag }, verb.role))
		return { reply: refusal({ verb, asker, access: deps, ...place, dag: prepared.dag }) };

	if (prepared.atOnce)
		return { reply: prepared.atOnce({ asker, channel: typed.channel, access: deps, verbs: commands }) };
	return prepared.run({
		deps,
		env,
		typed,
		asker,
		may: (role, dag) => mayDo(deps, asker, { channel: typed.channel, env, dag }, role),
	});
}

/** `--env` wins, then the channel's choice, then the person's, then the first of the settings. */
async function environmentFor(
	verb: Verb,
	named: string | undefined,
	typed: Typed,
	asker: Asker,
	deps: Deps,
): Promise<string> {
	const [first = ''] = deps.environments;
	if (named !== undefined) {
		if (deps.environments.includes(named)) return named;
		throw unknownEnvironment(named, visibleEnvironments(typed, asker, deps));
	}
	if (verb.anywhere || deps.environments.length === 1) return first;
	const { channel, user } = await deps.choices.environment({ channel: typed.channel, user: typed.user });
	const chosen = channel ?? user;
	if (chosen === undefined || deps.environments.includes(chosen)) return chosen ?? first;
	// Falling back to another environment would run things where nobody meant them to run.
	throw mistake(
		'chosen environment gone',
		{
			en: `The environment ${chosen}, chosen for ${channel === undefined ? 'you' : 'this channel'}, is no longer in the settings.`,
			ja: `${channel === undefined ? 'あなた' : 'このチャンネル'}に選ばれている環境 ${chosen} は、設定から削除されています。`,
		},
		{
			en: `Choose another with \`/dag env NAME${channel === undefined ? '' : ' --channel'}\`, or say \`--env NAME\`.`,
			ja: `\`/dag env 名前${channel === undefined ? '' : ' --channel'}\` で選び直すか、\`--env 名前\` を付けてください。`,
		},
	);
}

/** Those in which the asker has any role at all. */
export function visibleEnvironments(typed: Typed, asker: Asker, deps: Deps): string[] {
	return deps.environments.filter((env) => mayDo(deps, asker, { channel: typed.channel, env }, 'viewer'));
}

export function unknownEnvironment(named: string, seen: readonly string[]) {
	const meant = near(named, seen, 2);
	const shown = clip(named, 40);
	const list = (meant.length > 0 ? meant : seen.slice(0, 10)).map((env) => `\`${env}\``);
	return mistake(
		'environment unknown',
		{ en: `There is no environment ${shown}.`, ja: `環境 ${shown} はありません。` },
		list.length === 0
			? undefined
			: meant.length > 0
				? { en: `Did you mean ${list.join(' or ')}?`, ja: `もしかして: ${list.join('、')}` }
				: { en: `There is ${list.join(', ')}.`, ja: `使える環境: ${list.join('、')}` },
	);
}
