import { propose, reversed } from '../src/scaling/applying.ts';
import { environmentOf } from '../src/scaling/environment.ts';
import { askForApproval, composerOf, mayNotApply, standsAs } from './_parts/ask-to-apply.ts';
import { defineCommand, type CommandContext, type CommandResult } from './define.ts';
import { noMore } from './_parts/ids.ts';
import { applyingOf, idWord } from './_parts/applying-word.ts';
import { mistake } from './_parts/trouble.ts';
import { splitWords, takeOptions } from './_parts/words.ts';

export default defineCommand<{ id: string }>({
	name: 'revert',
	under: 'scale',
	summary: {
		en: 'Set back a change of size that was applied here; a second admin approves.',
		ja: 'ここで適用したサイズの変更を元に戻します。別の管理者の承認が必要です。',
	},
	group: 'bot',
	usage: '<id>',
	examples: [
		{
			words: 'scale revert 3f9a2c71b0d4e5f6a7b8c9d0',
			means: { en: 'the button below the change does it', ja: '変更メッセージのボタンと同じです' },
		},
	],
	role: 'admin',
	posts: true,
	changes: true,
	parse(words) {
		const [first, ...more] = takeOptions(splitWords(words), {}).rest;
		noMore(more);
		return { id: idWord(first) };
	},
	run: revert,
});

async function revert({ id }: { id: string }, context: CommandContext): Promise<CommandResult> {
	const no = mayNotApply('scale revert', context);
	if (no) return no;
	const { env } = context;
	const composer = composerOf(context);
	const applied = await applyingOf(id, context);
	if (applied.ended?.how !== 'done')
		throw mistake('not applied', { en: 'That change did not take effect.', ja: 'その変更は適用されていません。' });
	if (applied.revertedBy !== undefined)
		throw mistake('reverted already', { en: 'It was set back already.', ja: 'すでに元に戻されています。' });
	const { environment } = await composer.describe({ fresh: true });
	const { failing, tasksPerDay, after } = applied.proposal;
	const proposal = propose(env, environmentOf(environment, env), reversed(applied.proposal), {
		failing,
		tasksPerDay,
		reverts: id,
	});
	if (!proposal)
		throw mistake('not applicable from here', {
			en: 'The environment does not tell all of its sizes, so it is not changed from here.',
			ja: '環境の全サイズを確認できないため、ここからは変更しません。',
		});
	const home = await standsAs(after, proposal, context);
	return askForApproval(proposal, home, context);
}
