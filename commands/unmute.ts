import { reachOf } from '../src/access/roles.ts';
import { hashOf } from '../src/alerts/ids.ts';
import type { Mute } from '../src/alerts/mutes.ts';
import { subjectText } from '../src/alerts/subject.ts';
import { clip, visible } from '../src/domain/text.ts';
import { actOf, unmuteIncident } from './_parts/act-on-incident.ts';
import { defineCommand, type CommandContext } from './define.ts';
import { ending } from './_parts/ending.ts';
import { dagOfSubject } from './_parts/subject-word.ts';
import { trouble } from './_parts/trouble.ts';

export default defineCommand(
	ending({
		name: 'unmute',
		summary: { en: 'End a mute before its time.', ja: 'ミュートを解除します。' },
		usage: '<dag | tag:x | owner:y | cause:z | incident:id>',
		examples: [{ words: 'unmute daily_sales', means: { en: 'told again from now on', ja: '通知を再開する' } }],
		dagOf: ({ subject }) => dagOfSubject(subject),
		missing: {
			en: 'Which mute shall end? `/dag mutes` lists them.',
			ja: '対象を指定してください。一覧は `/dag mutes` で確認できます。',
		},
		icon: '🔔',
		ended: (subject, who, ja) =>
			ja ? [who, ' さんが ', subject, ' のミュートを解除しました'] : [who, ' unmuted ', subject],
		none: (subject, ja) => (ja ? [subject, ' はミュートされていません'] : [subject, ' is not muted']),
		end: async (subject, context) => {
			const { deps, env, typed } = context;
			const id = hashOf(12, 'mute', env, subjectText(subject));
			const { mutes } = await deps.watches.heard();
			const found = mutes.find((one) => one.id === id && one.until > deps.now());
			if (found && !mayEnd(found, context)) throw notTheirs(found);
			if (!(await deps.watches.endMute(id, typed.key))) return false;
			if (subject.kind === 'incident') await unmuteIncident(subject.pattern, actOf(context), deps);
			return true;
		},
	}),
);

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
