import { clip, visible } from '../src/domain/text.ts';
import { actOf } from './_parts/act-on-incident.ts';
import { defineCommand, type CommandContext, type CommandResult } from './define.ts';
import { noMore } from './_parts/ids.ts';
import { incidentInReach } from './_parts/incident-in-reach.ts';
import { incidentWord } from './_parts/incident-word.ts';
import { mistake, quoted } from './_parts/trouble.ts';
import { splitWords, takeOptions } from './_parts/words.ts';

type Args = { incident: string; who: string };

export default defineCommand<Args>({
	name: 'assign',
	summary: { en: 'Say who looks after an incident.', ja: 'インシデントの担当者を決めます。' },
	group: 'alerts',
	usage: 'incident:<id> [me | @user]',
	examples: [
		{ words: 'assign incident:3f9a1c20b7d4 me', means: { en: 'to yourself', ja: '自分が担当する' } },
		{ words: 'assign incident:3f9a1c20b7d4 @ken', means: { en: 'to somebody else', ja: 'ほかの人に割り当てる' } },
	],
	role: 'operator',
	posts: true,
	changes: true,
	parse(words) {
		const [first, who, ...more] = takeOptions(splitWords(words), {}).rest;
		noMore(more);
		return { incident: incidentWord(first), who: who?.text ?? 'me' };
	},
	run: assign,
});

async function assign({ incident, who }: Args, context: CommandContext): Promise<CommandResult> {
	const { deps, env, asker } = context;
	const ja = asker.lang === 'ja';
	const { id } = await incidentInReach(incident, { role: 'operator', every: false }, context);
	const to = await personOf(who, context);
	await deps.incidents.act(id, { ...actOf(context), kind: 'assign', to: to.user, toName: to.name });
	const by = { bold: clip(visible(asker.name), 80) };
	const name = { user: to.user, name: clip(visible(to.name), 80), notify: true } as const;
	const mine = to.user === asker.user;
	return {
		reply: {
			parts: [
				{
					kind: 'title',
					icon: '🙋',
					line: mine
						? ja
							? [by, ' さんがインシデント ', { code: id }, ' を担当します']
							: [by, ' looks after incident ', { code: id }]
						: ja
							? [by, ' さんがインシデント ', { code: id }, ' を ', name, ' さんに割り当てました']
							: [by, ' assigned incident ', { code: id }, ' to ', name],
				},
				...(deps.environments.length > 1
					? [{ kind: 'text' as const, line: [ja ? '環境: ' : 'in ', { bold: clip(visible(env), 40) }] }]
					: []),
			],
			to: 'channel',
		},
		card: id,
		act: { what: `incident:${id} to ${to.name}`, result: 'done' },
	};
}

/** `me`, an id, a mention or a handle. Trouble `user`: nobody of that name. */
async function personOf(who: string, { deps, typed, asker }: CommandContext): Promise<{ user: string; name: string }> {
	if (who.toLowerCase() === 'me') return { user: asker.user, name: asker.name };
	// A mention came with the id, of which the words keep the name only; the first of a mention of the bot is the bot itself.
	const [mentioned] = [...typed.words.matchAll(/<@([UW][A-Z0-9]{2,20})(?:\|[^>]*)?>/g)].slice(
		typed.via === 'mention' ? 1 : 0,
	);
	const found = await deps.person(mentioned?.[1] ?? who.replace(/^@(?=[UW][A-Z0-9]{6,20}$)/, ''));
	if (found) return found;
	throw mistake(
		'person unknown',
		{ en: `I do not find ${quoted(who, 60)} in Slack.`, ja: `Slack に ${quoted(who, 60)} が見つかりません。` },
		{
			en: 'Give the handle as it stands after the @, or mention me with the person: `@Concertmaster assign … @person`.',
			ja: '@ に続くユーザー名を指定するか、`@Concertmaster assign … @相手` のようにボットへメンションしてください。',
		},
	);
}
