import { reachOf } from '../src/access/roles.ts';
import { hashOf } from '../src/alerts/ids.ts';
import type { Mute } from '../src/alerts/mutes.ts';
import { subjectText, type Subject } from '../src/alerts/subject.ts';
import { clip, visible } from '../src/domain/text.ts';
import { actOf, unmuteIncident } from './_parts/act-on-incident.ts';
import { defineCommand, type CommandContext, type CommandResult } from './define.ts';
import { noMore } from './_parts/ids.ts';
import { dagOfSubject, subjectSpan, subjectWord } from './_parts/subject-word.ts';
import { mistake, trouble } from './_parts/trouble.ts';
import { splitWords, takeOptions } from './_parts/words.ts';

type Args = { subject: Subject };

export default defineCommand<Args>({
	name: 'unmute',
	summary: { en: 'End a mute before its time.', ja: 'ミュートを解除します。' },
	group: 'alerts',
	usage: '<dag | tag:x | owner:y | cause:z | incident:id>',
	examples: [{ words: 'unmute daily_sales', means: { en: 'told again from now on', ja: '通知を再開する' } }],
	role: 'operator',
	posts: true,
	changes: true,
	parse(words) {
		const [first, ...more] = takeOptions(splitWords(words), {}).rest;
		noMore(more);
		if (!first)
			throw mistake('unmute of nothing', {
				en: 'Which mute shall end? `/dag mutes` lists them.',
				ja: '対象を指定してください。一覧は `/dag mutes` で確認できます。',
			});
		return { subject: subjectWord(first) };
	},
	dagOf: ({ subject }) => dagOfSubject(subject),
	run: unmute,
});

async function unmute({ subject }: Args, context: CommandContext): Promise<CommandResult> {
	const { deps, env, typed, asker } = context;
	const ja = asker.lang === 'ja';
	const text = subjectText(subject);
	const { mutes } = await deps.watches.heard();
	const id = hashOf(12, 'mute', env, text);
	const found = mutes.find((one) => one.id === id && one.until > deps.now());
	if (found && !mayEnd(found, context)) throw notTheirs(found);
	if (!(await deps.watches.endMute(id, typed.key)))
		return {
			reply: {
				parts: [
					{
						kind: 'title',
						icon: '▫️',
						line: ja ? [subjectSpan(subject), ' はミュートされていません'] : [subjectSpan(subject), ' is not muted'],
					},
				],
				to: 'asker',
			},
			act: { what: text, result: 'nothing' },
		};
	if (subject.kind === 'incident') await unmuteIncident(subject.pattern, actOf(context), deps);
	const who = { bold: clip(visible(asker.name), 80) };
	return {
		reply: {
			parts: [
				{
					kind: 'title',
					icon: '🔔',
					line: ja
						? [who, ' さんが ', subjectSpan(subject), ' のミュートを解除しました']
						: [who, ' unmuted ', subjectSpan(subject)],
				},
			],
			to: 'channel',
		},
		card: subject.kind === 'incident' ? subject.pattern : undefined,
		act: { dag: dagOfSubject(subject), what: text, result: 'done' },
	};
}

/** Whoever made it, and whoever reaches all that it silences. */
function mayEnd(mute: Mute, { deps, env, typed, asker }: CommandContext): boolean {
	if (dagOfSubject(mute.subject) !== undefined || mute.by.user === typed.user) return true;
	const reach = reachOf(deps, asker, { channel: typed.channel, env }, 'operator');
	return reach === undefined || (mute.within?.every((pattern) => reach.includes(pattern)) ?? false);
}

const notTheirs = ({ by }: Mute) =>
	trouble(
		'denied',
		'unmute denied',
		{
			en: 'This mute also holds for DAGs for which you are no operator.',
			ja: 'このミュートは、あなたが運用者 (operator) ではない DAG にも適用されています。',
		},
		{
			en: `${clip(visible(by.name), 60)} made it, and may end it.`,
			ja: `設定した ${clip(visible(by.name), 60)} さんが解除できます。`,
		},
	);
