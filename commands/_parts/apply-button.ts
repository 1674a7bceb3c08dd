import type { Deps } from '../../src/deps.ts';
import type { Part } from '../../src/domain/reply.ts';
import type { Lang } from '../../src/domain/text.ts';
import type { Advice } from '../../src/scaling/advise.ts';
import { propose } from '../../src/scaling/applying.ts';
import { changesText } from '../../src/scaling/change-words.ts';
import type { Read } from './read-history.ts';
import { quoteWord } from './words.ts';

/** What is suggested, ready to be asked for; nothing where it cannot be applied from here. Who clicks is checked then. */
export async function applyButton(
	{ suggestion, failing, seen, week }: Advice,
	{ history }: Read,
	{ env, lang, deps }: { env: string; lang: Lang; deps: Pick<Deps, 'scaling' | 'composer' | 'plans'> },
): Promise<Part[]> {
	if (!suggestion || !deps.scaling.apply || !deps.composer(env)) return [];
	const more = { failing, tasksPerDay: seen.tasks / seen.days, week };
	const proposal = propose(env, history.environment, suggestion.changes, more);
	if (!proposal) return [];
	const plan = await deps.plans.keep(JSON.stringify(proposal));
	const ja = lang === 'ja';
	return [
		{
			kind: 'buttons',
			buttons: [
				{
					label: ja ? '適用を依頼…' : 'Apply…',
					verb: 'apply',
					words: `--plan ${plan} --env ${quoteWord(env)}`,
					style: 'primary',
					confirm: {
						title: ja ? '適用を依頼しますか？' : 'Ask to apply it?',
						text: changesText(suggestion.changes, lang),
						yes: ja ? '依頼する' : 'Ask for approval',
						no: ja ? 'キャンセル' : 'Cancel',
					},
				},
			],
		},
	];
}
