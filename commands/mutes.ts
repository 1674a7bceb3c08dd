import { mayDo } from '../src/access/roles.ts';
import type { Part } from '../src/domain/reply.ts';
import { defineCommand, type CommandContext, type CommandResult } from './define.ts';
import { noMore } from './_parts/ids.ts';
import { endButton, muteLine } from './_parts/mute-message.ts';
import { dagOfSubject } from './_parts/subject-word.ts';
import { splitWords, takeOptions } from './_parts/words.ts';

export default defineCommand<undefined>({
	name: 'mutes',
	summary: {
		en: 'What is silenced, by whom and until when.',
		ja: 'ミュート中のもの（設定者と期限）を一覧表示します。',
	},
	group: 'alerts',
	usage: '',
	examples: [{ words: 'mutes', means: { en: 'all of them', ja: '一覧' } }],
	role: 'viewer',
	anywhere: true,
	parse(words) {
		noMore(takeOptions(splitWords(words), {}).rest);
		return undefined;
	},
	run: (_, context) => mutes(context),
});

const SHOWN = 50;
const BUTTONS = 10;

async function mutes({ deps, typed, asker }: CommandContext): Promise<CommandResult> {
	const { lang } = asker;
	const ja = lang === 'ja';
	const now = deps.now();
	const heard = await deps.watches.heard();
	const mine = heard.mutes.filter(
		({ env, subject, until }) =>
			until > now && mayDo(deps, asker, { channel: typed.channel, env, dag: dagOfSubject(subject) }, 'viewer'),
	);
	const parts: Part[] = [
		{
			kind: 'title',
			icon: mine.length > 0 ? '🔕' : '🔔',
			line: [
				mine.length === 0
					? ja
						? 'ミュート中のものはありません'
						: 'Nothing is muted'
					: ja
						? `ミュート中: ${mine.length} 件`
						: `${mine.length} ${mine.length === 1 ? 'mute' : 'mutes'}`,
			],
		},
	];
	if (mine.length > 0) {
		parts.push({
			kind: 'list',
			items: mine.slice(0, SHOWN).map((one) => muteLine(one, deps.environments.length > 1, lang)),
		});
		if (mine.length > SHOWN)
			parts.push({ kind: 'note', line: [ja ? `ほか ${mine.length - SHOWN} 件` : `and ${mine.length - SHOWN} more`] });
		parts.push({ kind: 'buttons', buttons: mine.slice(0, BUTTONS).map((one) => endButton(one, lang, true)) });
	}
	return { reply: { parts, to: 'asker' } };
}
