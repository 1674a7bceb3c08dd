import { mayDo } from '../../src/access/roles.ts';
import type { Asker, Deps, Typed } from '../../src/deps.ts';
import type { Trouble } from '../../src/domain/errors.ts';
import { near } from '../../src/domain/near.ts';
import { mistake, quoted } from './trouble.ts';

/** The environment in force: `--env` wins, then the channel's choice, then the person's, then the first of the settings. */
export async function environmentInForce(
	named: string | undefined,
	typed: Pick<Typed, 'channel' | 'user'>,
	asker: Asker,
	deps: Deps,
): Promise<string> {
	const [first = ''] = deps.environments;
	if (named !== undefined) {
		if (deps.environments.includes(named)) return named;
		throw unknownEnvironment(named, visibleEnvironments(typed.channel, asker, deps));
	}
	if (deps.environments.length === 1) return first;
	const { channel, user } = await deps.choices.environment({ channel: typed.channel, user: typed.user });
	const chosen = channel ?? user;
	if (chosen === undefined || deps.environments.includes(chosen)) return chosen ?? first;
	// Falling back to another environment would run things where nobody meant them to run.
	throw mistake(
		'chosen environment gone',
		{
			en: `The environment ${chosen}, chosen for ${channel === undefined ? 'you' : 'this channel'}, is no longer in the settings.`,
			ja: `${channel === undefined ? 'あなた' : 'このチャンネル'}の既定の環境 ${chosen} は、設定から削除されています。`,
		},
		{
			en: `Choose another with \`/dag env NAME${channel === undefined ? '' : ' --channel'}\`, or say \`--env NAME\`.`,
			ja: `\`/dag env 名前${channel === undefined ? '' : ' --channel'}\` で選び直すか、\`--env 名前\` を付けてください。`,
		},
	);
}

/** Those in which the asker has any role at all. */
export function visibleEnvironments(channel: string, asker: Asker, deps: Deps): string[] {
	return deps.environments.filter((env) => mayDo(deps, asker, { channel, env }, 'viewer'));
}

export function unknownEnvironment(named: string, seen: readonly string[]): Trouble {
	const meant = near(named, seen, 2);
	const shown = quoted(named);
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
