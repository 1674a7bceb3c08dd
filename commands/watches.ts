import { mayDo } from '../src/access/roles.ts';
import { manner, routeOf, type Watch } from '../src/alerts/routes.ts';
import { subjectText } from '../src/alerts/subject.ts';
import type { Button, Part } from '../src/domain/reply.ts';
import { clip, visible, type Lang } from '../src/domain/text.ts';
import { defineCommand, type CommandContext, type CommandResult } from './define.ts';
import { mannerPart, watchLine } from './_parts/hearing-message.ts';
import { noMore } from './_parts/ids.ts';
import { dagOfSubject } from './_parts/subject-word.ts';
import { quoteWord, splitWords, takeOptions } from './_parts/words.ts';

export default defineCommand<undefined>({
	name: 'watches',
	summary: { en: 'What this channel hears of, and how.', ja: 'このチャンネルの通知対象と通知方法を表示します。' },
	group: 'alerts',
	usage: '',
	examples: [{ words: 'watches', means: { en: 'all of it', ja: '一覧' } }],
	role: 'viewer',
	anywhere: true,
	parse(words) {
		noMore(takeOptions(splitWords(words), {}).rest);
		return undefined;
	},
	run: (_, context) => watches(context),
});

/** Buttons to take one away; the rest by its words. */
const BUTTONS = 10;
const SHOWN = 50;

async function watches({ deps, typed, asker }: CommandContext): Promise<CommandResult> {
	const { lang } = asker;
	const ja = lang === 'ja';
	const { channel } = typed;
	const heard = await deps.watches.heard();
	const mine = heard.watches.filter(
		(one) =>
			one.channel === channel &&
			mayDo(deps, asker, { channel, env: one.env, dag: dagOfSubject(one.subject) }, 'viewer'),
	);
	const route = routeOf(deps.alerts, channel);
	const several = deps.environments.length > 1;
	const isDefault = deps.alerts.channel === channel;
	const parts: Part[] = [
		{
			kind: 'title',
			icon: mine.length > 0 || route || isDefault ? '🔔' : '🔕',
			line:
				mine.length > 0
					? [
							ja
								? `このチャンネルの通知設定: ${mine.length} 件`
								: `This channel watches ${mine.length === 1 ? 'one thing' : `${mine.length} things`}`,
						]
					: [ja ? 'このチャンネルの通知設定はありません' : 'Nothing is watched from this channel'],
		},
	];
	if (mine.length > 0)
		parts.push({ kind: 'list', items: mine.slice(0, SHOWN).map((one) => watchLine(one, several, lang)) });
	if (mine.length > SHOWN)
		parts.push({ kind: 'note', line: [ja ? `ほか ${mine.length - SHOWN} 件` : `and ${mine.length - SHOWN} more`] });
	if (route)
		parts.push({
			kind: 'note',
			line: [
				ja
					? '設定ファイルの alerts.routes からもこのチャンネルに通知されます。'
					: 'The settings (alerts.routes) send failures here as well.',
			],
		});
	if (isDefault)
		parts.push({
			kind: 'note',
			line: [
				ja
					? 'ほかに通知先がない失敗は、すべてこのチャンネルに通知されます。'
					: 'What nobody else hears of is told here.',
			],
		});
	parts.push(
		mannerPart(manner(deps.alerts, heard.manners.get(channel), route, deps.lang), deps.alerts.timeZone, lang),
		{
			kind: 'note',
			line: [ja ? '変更: /dag watch …、/dag unwatch …' : 'To change it: /dag watch …, /dag unwatch …'],
		},
	);
	if (mine.length > 0)
		parts.push({ kind: 'buttons', buttons: mine.slice(0, BUTTONS).map((one) => unwatchButton(one, lang)) });
	return { reply: { parts, to: 'asker' } };
}

function unwatchButton({ subject, env }: Watch, lang: Lang): Button {
	const shown = clip(visible(subjectText(subject)), 40);
	return {
		label: lang === 'ja' ? `${shown} の通知をやめる` : `Unwatch ${shown}`,
		verb: 'unwatch',
		words: `${quoteWord(subjectText(subject))} --env ${quoteWord(env)}`,
	};
}
