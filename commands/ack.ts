import { clip, visible } from '../src/domain/text.ts';
import { actOf } from './_parts/act-on-incident.ts';
import { defineCommand, type CommandContext, type CommandResult } from './define.ts';
import { noMore } from './_parts/ids.ts';
import { incidentInReach } from './_parts/incident-in-reach.ts';
import { incidentWord } from './_parts/incident-word.ts';
import { splitWords, takeOptions } from './_parts/words.ts';

type Args = { incident: string };

export default defineCommand<Args>({
	name: 'ack',
	summary: { en: 'Say that you have seen an incident.', ja: 'インシデントを確認済みにします。' },
	group: 'alerts',
	usage: 'incident:<id>',
	examples: [{ words: 'ack incident:3f9a1c20b7d4', means: { en: 'as its button does', ja: 'カードのボタンと同じ' } }],
	role: 'operator',
	changes: true,
	parse(words) {
		const [first, ...more] = takeOptions(splitWords(words), {}).rest;
		noMore(more);
		return { incident: incidentWord(first) };
	},
	run: ack,
});

async function ack({ incident }: Args, context: CommandContext): Promise<CommandResult> {
	const { deps, asker } = context;
	const ja = asker.lang === 'ja';
	const { id } = await incidentInReach(incident, { role: 'operator', every: false }, context);
	const done = await deps.incidents.act(id, { ...actOf(context), kind: 'ack' });
	const first = done && !done.won ? { bold: clip(visible(done.first.name), 80) } : undefined;
	return {
		reply: {
			parts: [
				{
					kind: 'title',
					icon: '👀',
					line: first
						? ja
							? [first, ' さんがすでに確認済みです']
							: [first, ' has acknowledged it already']
						: [ja ? '確認済みにしました' : 'Acknowledged'],
				},
			],
			to: 'asker',
		},
		card: id,
		act: { what: `incident:${id}`, result: first ? 'nothing' : 'done' },
	};
}
