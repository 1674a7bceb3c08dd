import { durationText } from '../domain/duration.ts';
import type { Line, Reply } from '../domain/reply.ts';
import type { Lang, Text } from '../domain/text.ts';
import type { Applying } from './applying.ts';
import { changesText } from './change-words.ts';
import type { Grade, Week } from './settle.ts';

const SAID: Readonly<Record<Grade, { icon: string; text: Text }>> = {
	helped: { icon: '👍', text: { en: 'A week later: it helped.', ja: '1 週間後の評価: 効果がありました。' } },
	'no effect': { icon: '➖', text: { en: 'A week later: no effect.', ja: '1 週間後の評価: 変化はありませんでした。' } },
	'made worse': {
		icon: '👎',
		text: { en: 'A week later: it made things worse.', ja: '1 週間後の評価: 悪化しました。' },
	},
};

/** The week before and the week after, and the grade; undefined: the weeks cannot be compared. */
export function gradeReply(
	{ proposal }: Applying,
	week: Week | undefined,
	grade: Grade | undefined,
	lang: Lang,
): Reply {
	const t = (en: string, ja: string): string => (lang === 'ja' ? ja : en);
	const title: Line = grade
		? [SAID[grade].text[lang]]
		: [
				t(
					'A week later: the load was too different, or too little was read, to say what the change did.',
					'1 週間後の評価: 負荷が大きく異なるか、データが足りないため、変更の効果は判断できません。',
				),
			];
	const before = proposal.week;
	const rows =
		before && week
			? [
					[
						t('Wait for the start, p95', '開始待ち p95'),
						durationText(before.waitP95Ms, lang),
						durationText(week.waitP95Ms, lang),
					],
					[t('Memory peak of a worker', 'ワーカーのメモリ最大'), share(before), share(week)],
					[t('Evictions and restarts', '退避・再起動'), String(before.deaths), String(week.deaths)],
					[t('Task instances', 'タスク インスタンス'), count(before), count(week)],
				]
			: [];
	return {
		to: 'channel',
		parts: [
			{ kind: 'title', icon: grade ? SAID[grade].icon : '🔍', line: title },
			{ kind: 'text', line: [changesText(proposal.changes, lang)] },
			...(rows.length > 0
				? [
						{
							kind: 'table' as const,
							head: ['', t('The week before', '変更前の週'), t('The week after', '変更後の週')],
							rows,
						},
					]
				: []),
		],
	};
}

const share = ({ memoryShare }: Week): string =>
	memoryShare === undefined ? '–' : `${Math.round(memoryShare * 100)} %`;
const count = ({ tasks }: Week): string => tasks.toLocaleString('en');
