import { durationText } from '../domain/duration.ts';
import type { Lang } from '../domain/text.ts';
import { LEAST, type Advice } from './advise.ts';
import type { Change } from './plan.ts';

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
	if (advice.suggestion) return aboutMemory(advice.suggestion.changes, advice.atLimit, lang);
	switch (advice.because) {
		case 'fine':
			if (advice.now?.memoryShare === undefined)
				return t(
					'The waits meet their target, and no smaller size saves enough to be worth a change. The memory of the workers is not known.',
					'待ち時間は目標を満たしており、縮小しても変更に見合う節約になりません。ワーカーのメモリは不明です。',
				);
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

/** Why the memory grows by so much, and why a setting is written that keeps its value. */
function aboutMemory(changes: readonly Change[], atLimit: boolean, lang: Lang): string | undefined {
	const t = (en: string, ja: string): string => (lang === 'ja' ? ja : en);
	const said: string[] = [];
	const more = changes.some(
		(change) => change.what === 'worker' && (change.to.memoryGb ?? 0) > (change.from.memoryGb ?? 0),
	);
	if (more && atLimit)
		said.push(
			t(
				'A worker used all the memory it has, so how much more its tasks wanted was not recorded: it grows by one whole step.',
				'ワーカーのメモリが上限に達しており、本来の必要量は記録されていないため、1 段階分まとめて増やします。',
			),
		);
	if (changes.some((change) => change.what === 'concurrency' && change.from === change.to))
		said.push(
			t(
				'Where worker_concurrency is not set, Composer works it out from the size of the worker: it is set, so that the new size does not change it.',
				'worker_concurrency が未設定の場合、Composer がワーカーのサイズから計算します。サイズ変更で値が変わらないよう、明示的に設定します。',
			),
		);
	return said.length === 0 ? undefined : said.join(t(' ', ''));
}
