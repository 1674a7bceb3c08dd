import type { Lang } from '../domain/text.ts';
import type { Predicted } from './plan.ts';
import { amount } from './prices.ts';

export function costText(of: Predicted, now: Predicted, lang: Lang): string {
	const t = (en: string, ja: string): string => (lang === 'ja' ? ja : en);
	if (of.cost.kind === 'dollars')
		return t(`$${of.cost.perMonth.toFixed(0)} a month`, `月 $${of.cost.perMonth.toFixed(0)}`);
	const share = amount(of.cost) / amount(now.cost);
	return of === now ? '100 %' : `${Math.round(share * 100)} %`;
}

export function priceNote({ cost }: Predicted, lang: Lang): string {
	const t = (en: string, ja: string): string => (lang === 'ja' ? ja : en);
	return cost.kind === 'dollars'
		? t(
				`Workers alone, ${cost.prices.source}, read on ${cost.prices.readOn}; the environment's fixed fee comes on top and does not change.`,
				`費用はワーカーのみです（${cost.prices.source}、${cost.prices.readOn} 時点）。環境の固定料金は別で、変わりません。`,
			)
		: t(
				'Costs only compared with each other: how many DCU a vCPU or a GB is on Composer 3 is not published, and plain Airflow costs what its machines cost.',
				'費用は相対比較のみです。Composer 3 では vCPU や GB あたりの DCU 数が公開されておらず、Composer 以外の Airflow ではマシンの費用によります。',
			);
}

/** What it costs or saves, in one sentence. */
export function savingText(now: Predicted, after: Predicted, lang: Lang): string {
	const t = (en: string, ja: string): string => (lang === 'ja' ? ja : en);
	const change = amount(after.cost) / amount(now.cost) - 1;
	const percent = `${Math.abs(Math.round(change * 100))} %`;
	if (now.cost.kind === 'dollars' && after.cost.kind === 'dollars') {
		const [from, to] = [now.cost.perMonth, after.cost.perMonth].map((dollars) => `$${dollars.toFixed(0)}`);
		const by = `$${Math.abs(after.cost.perMonth - now.cost.perMonth).toFixed(0)}`;
		return change <= 0
			? t(
					`Workers cost ${from} → ${to} a month: ${by} less (${percent}).`,
					`ワーカーの費用は月 ${from} → ${to}（${by}、${percent} の削減）です。`,
				)
			: t(
					`Workers cost ${from} → ${to} a month: ${by} more (${percent}).`,
					`ワーカーの費用は月 ${from} → ${to}（${by}、${percent} の増加）です。`,
				);
	}
	return change <= 0
		? t(`Workers cost ${percent} less than now.`, `ワーカーの費用は現在より ${percent} 減ります。`)
		: t(`Workers cost ${percent} more than now.`, `ワーカーの費用は現在より ${percent} 増えます。`);
}
