import { hashOf } from '../src/alerts/ids.ts';
import { subjectText, type Subject } from '../src/alerts/subject.ts';
import { clip, visible } from '../src/domain/text.ts';
import { defineCommand, type CommandContext, type CommandResult } from './define.ts';
import { noMore } from './_parts/ids.ts';
import { subjectSpan, subjectWord } from './_parts/subject-word.ts';
import { mistake } from './_parts/trouble.ts';
import { splitWords, takeOptions } from './_parts/words.ts';

type Args = { subject: Subject };

export default defineCommand<Args>({
	name: 'unwatch',
	summary: { en: 'Have failures no longer told in this channel.', ja: 'このチャンネルへの失敗の通知をやめます。' },
	group: 'alerts',
	usage: '<dag | tag:x | owner:y | cause:z>',
	examples: [{ words: 'unwatch daily_sales', means: { en: 'that DAG no longer', ja: 'この DAG の通知をやめる' } }],
	role: 'operator',
	posts: true,
	changes: true,
	parse(words) {
		const [first, ...more] = takeOptions(splitWords(words), {}).rest;
		noMore(more);
		if (!first)
			throw mistake('unwatch of nothing', {
				en: 'What shall it no longer hear of? `/dag watches` lists it.',
				ja: '対象を指定してください。一覧は `/dag watches` で確認できます。',
			});
		return { subject: subjectWord(first) };
	},
	// Whoever may watch anything here may also make the channel quieter.
	run: unwatch,
});

async function unwatch({ subject }: Args, { deps, env, typed, asker }: CommandContext): Promise<CommandResult> {
	const ja = asker.lang === 'ja';
	const text = subjectText(subject);
	if (!(await deps.watches.unwatch(hashOf(12, 'watch', env, typed.channel, text), typed.key)))
		return {
			reply: {
				parts: [
					{
						kind: 'title',
						icon: '▫️',
						line: ja
							? ['このチャンネルに ', subjectSpan(subject), ' の通知設定はありません']
							: ['This channel does not watch ', subjectSpan(subject)],
					},
					{ kind: 'note', line: [ja ? '一覧: /dag watches' : 'What it watches: /dag watches'] },
				],
				to: 'asker',
			},
			act: { what: text, result: 'nothing' },
		};
	const who = { bold: clip(visible(asker.name), 80) };
	return {
		reply: {
			parts: [
				{
					kind: 'title',
					icon: '🔕',
					line: ja
						? [who, ' さんが ', subjectSpan(subject), ' の失敗通知を解除しました']
						: [who, ': this channel no longer hears of ', subjectSpan(subject)],
				},
			],
			to: 'channel',
		},
		act: { what: text, result: 'done' },
	};
}
