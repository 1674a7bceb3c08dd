import { propose, proposalSchema, type Proposal } from '../src/scaling/applying.ts';
import { askForApproval, composerOf, mayNotApply, standsAs } from './_parts/ask-to-apply.ts';
import { defineCommand, type CommandContext, type CommandResult } from './define.ts';
import { noMore } from './_parts/ids.ts';
import { adviceOn } from './_parts/size-advice.ts';
import { planWord } from './_parts/change-once.ts';
import { mistake } from './_parts/trouble.ts';
import { splitWords, takeOptions } from './_parts/words.ts';

type Args = { plan: string | undefined };

export default defineCommand<Args>({
	name: 'apply',
	under: 'scale',
	summary: {
		en: 'Apply the size advice: a second admin approves, then the environment is updated.',
		ja: 'サイズの提案を適用します。別の管理者の承認後に環境を更新します。',
	},
	group: 'bot',
	usage: '',
	examples: [
		{ words: 'scale apply', means: { en: 'what `/dag scale` suggests now', ja: '現在の `/dag scale` の提案を適用' } },
	],
	role: 'admin',
	posts: true,
	changes: true,
	parse(words) {
		const { rest, values } = takeOptions(splitWords(words), { values: ['plan'] });
		noMore(rest);
		return { plan: planWord(values.get('plan')) };
	},
	run: apply,
});

async function apply({ plan }: Args, context: CommandContext): Promise<CommandResult> {
	const no = mayNotApply('scale apply', context);
	if (no) return no;
	composerOf(context);
	const proposal = plan === undefined ? await worked(context) : await shown(plan, context);
	const home = await standsAs(proposal.before, proposal, context);
	return askForApproval(proposal, home, context);
}

/** What stood beside the button. */
async function shown(plan: string, { deps, env }: CommandContext): Promise<Proposal> {
	const text = await deps.plans.load(plan);
	const read = proposalSchema.safeParse(text === undefined ? undefined : JSON.parse(text));
	if (read.success && read.data.env === env) return read.data;
	throw mistake(
		'advice too old',
		{ en: 'This advice is too old to be applied.', ja: 'この提案は古いため適用できません。' },
		{ en: 'Ask `/dag scale` again.', ja: '`/dag scale` を再度実行してください。' },
	);
}

async function worked(context: CommandContext): Promise<Proposal> {
	const { deps, env } = context;
	const { advice, read } = await adviceOn(env, { days: 7, waitMs: undefined }, deps);
	const { suggestion, failing, seen, week } = advice;
	if (!suggestion)
		throw mistake(
			'nothing to apply',
			{ en: 'There is nothing to apply: no change is suggested.', ja: '適用する変更はありません（提案なし）。' },
			{ en: '`/dag scale` says why.', ja: '理由は `/dag scale` で確認できます。' },
		);
	const proposal = propose(env, read.history.environment, suggestion.changes, {
		failing,
		tasksPerDay: seen.tasks / seen.days,
		week,
	});
	if (proposal) return proposal;
	throw mistake(
		'not applicable from here',
		{
			en: 'What is suggested is no setting of the environment alone, so it is not applied from Slack.',
			ja: '提案の内容は環境の設定だけではないため、Slack からは適用できません。',
		},
		{ en: '`/dag scale` shows the commands.', ja: 'コマンドは `/dag scale` に表示されます。' },
	);
}
