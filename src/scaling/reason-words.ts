import { durationText } from '../domain/duration.ts';
import type { Lang } from '../domain/text.ts';
import { LEAST, type Advice } from './advise.ts';

/** Why it is so, in a sentence; undefined: the numbers say it. */
export function reason(advice: Advice, lang: Lang): string | undefined {
	const t = (en: string, ja: string): string => (lang === 'ja' ? ja : en);
	if (advice.decision === 'too little data') {
		const names = {
			hours: t(`at least ${LEAST.hours} hours`, `${LEAST.hours} 時間以上の期間`),
			tasks: t(`at least ${LEAST.tasks} finished task instances`, `完了したタスク インスタンス ${LEAST.tasks} 件以上`),
			queued: t('queued times for at least half of them', 'その半数以上の待機開始時刻 (queued_when)'),
		};
		return t('Needed: ', '必要なもの: ') + advice.missing.map((each) => names[each]).join(t(', ', '、'));
	}
	const pool = advice.suggestion?.changes.some(({ what }) => what === 'pool');
	if (pool)
		return t(
			`With any number of workers the p95 wait would still be ${durationText(advice.unlimitedP95Ms ?? 0, lang)}: the pool is the bottleneck, a bigger machine buys nothing.`,
			`ワーカーを何台に増やしても p95 の待ち時間は ${durationText(advice.unlimitedP95Ms ?? 0, lang)} のままです。ボトルネックはプールで、マシンを大きくしても効果はありません。`,
		);
	switch (advice.because) {
		case 'fine':
			return t(
				'The targets are met, and no smaller size saves enough to be worth a change.',
				'目標を満たしており、縮小しても変更に見合う節約になりません。',
			);
		case 'no gain':
			return t(
				'No legal size within one step comes clearly nearer to the targets.',
				'1 段階以内の有効なサイズでは、目標に明確には近づきません。',
			);
		case 'not reproduced':
			return t(
				'The replay does not show the waits that were recorded, so something other than workers and pools decides them; no size is suggested on that ground.',
				'再現した待ち時間が実績と一致しません。ワーカーやプール以外の要因が働いているため、サイズの提案は控えます。',
			);
		case 'limits':
			return t(
				'With any number of workers the tasks would wait as long: limits of DAGs or their order hold them back. A bigger machine buys nothing.',
				'ワーカーを何台に増やしても待ち時間は変わりません。DAG の上限や依存関係が制約です。マシンを大きくしても効果はありません。',
			);
		case 'settling':
			return t(
				'Something was changed lately; its effect is judged first.',
				'最近変更があったため、まずその効果を確認します。',
			);
		case undefined:
			return undefined;
	}
	return undefined;
}
