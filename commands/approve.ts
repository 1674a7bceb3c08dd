import { mayDecide } from '../src/access/approvals.ts';
import type { Text } from '../src/domain/text.ts';
import { clip, visible } from '../src/domain/text.ts';
import type { Applying } from '../src/scaling/applying.ts';
import { applyingOf, idWord } from './_parts/applying-word.ts';
import { boundWhat, mayNotApply } from './_parts/ask-to-apply.ts';
import { defineCommand, type CommandContext, type CommandResult } from './define.ts';
import { noMore } from './_parts/ids.ts';
import { mistake } from './_parts/trouble.ts';
import { splitWords, takeOptions } from './_parts/words.ts';

type Args = { id: string; approve: boolean };

export default defineCommand<Args>({
	name: 'approve',
	summary: {
		en: 'Approve or reject a change of an environment that another admin asked for.',
		ja: '別の管理者が依頼した環境の変更を承認または却下します。',
	},
	group: 'bot',
	usage: '<id> [--no]',
	examples: [
		{
			words: 'approve 3f9a2c71b0d4e5f6a7b8c9d0',
			means: { en: 'the buttons of the question do it', ja: '依頼メッセージのボタンと同じです' },
		},
	],
	role: 'admin',
	changes: true,
	parse(words) {
		const { rest, flags } = takeOptions(splitWords(words), { flags: ['no'] });
		const [first, ...more] = rest;
		noMore(more);
		return { id: idWord(first), approve: !flags.has('no') };
	},
	run: approve,
});

async function approve({ id, approve }: Args, context: CommandContext): Promise<CommandResult> {
	const no = mayNotApply('approve', context);
	if (no) return no;
	const { deps, asker, typed } = context;
	await applyingOf(id, context);
	let answer: ReturnType<typeof mayDecide> = 'yes';
	const result = await deps.applies.change(id, (now) => {
		// The same click again: it was ours.
		if (now.decided?.user === asker.user && now.decided.approved === approve) {
			answer = 'yes';
			return undefined;
		}
		answer = now.ended ? 'decided' : mayDecide(now, asker.user, approve, deps.now());
		if (answer !== 'yes') return undefined;
		return { ...now, decided: { user: asker.user, name: asker.name, at: typed.at, approved: approve } };
	});
	if (!result || answer !== 'yes') throw cannot(answer, result?.value);
	const said: Text = approve
		? { en: 'Approved. Its message shows how it goes.', ja: '承認しました。経過はメッセージに表示されます。' }
		: { en: 'Rejected.', ja: '却下しました。' };
	return {
		reply: { parts: [{ kind: 'title', icon: approve ? '✅' : '🚫', line: [said[asker.lang]] }], to: 'asker' },
		apply: { id },
		act: { what: boundWhat(result.value), result: 'done', why: approve ? 'approved' : 'rejected' },
	};
}

function cannot(why: Exclude<ReturnType<typeof mayDecide>, 'yes'> | 'yes', applying: Applying | undefined) {
	if (why === 'own')
		return mistake('own request', {
			en: 'You asked for it yourself: another admin has to approve it.',
			ja: 'ご自身の依頼は承認できません。別の管理者の承認が必要です。',
		});
	if (why === 'too late')
		return mistake(
			'approval too late',
			{ en: 'The time for this approval is over.', ja: '承認の期限を過ぎています。' },
			{ en: 'Ask for the change again.', ja: '変更を再度依頼してください。' },
		);
	const by = applying?.decided ? clip(visible(applying.decided.name), 60) : undefined;
	return mistake('decided already', {
		en: by === undefined ? 'It has ended already.' : `${by} has decided already.`,
		ja: by === undefined ? 'すでに終了しています。' : `${by} さんがすでに判断しています。`,
	});
}
