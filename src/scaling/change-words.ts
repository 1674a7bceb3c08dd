import { quote } from '../domain/quote.ts';
import type { Lang, Text } from '../domain/text.ts';
import type { Change } from './plan.ts';

const COMPONENTS: Readonly<Record<Extract<Change, { what: 'component' }>['component'], Text>> = {
	scheduler: { en: 'scheduler', ja: 'スケジューラ' },
	dagProcessor: { en: 'DAG processor', ja: 'DAG プロセッサ' },
	triggerer: { en: 'triggerer', ja: 'トリガラー' },
	webServer: { en: 'web server', ja: 'ウェブサーバー' },
};

/** All of a change in one line; what is only kept comes last, in whatever order it is applied. */
export function changesText(changes: readonly Change[], lang: Lang): string {
	const isKept = (change: Change): boolean => change.what === 'concurrency' && change.from === change.to;
	const [kept, changed] = [changes.filter(isKept), changes.filter((change) => !isKept(change))];
	return [...changed, ...kept].map((change) => changeText(change, lang)).join(lang === 'ja' ? '、' : '; ');
}

/** `worker memory 2 → 4 GB, max workers 3 → 6` */
function changeText(change: Change, lang: Lang): string {
	const t = (en: string, ja: string): string => (lang === 'ja' ? ja : en);
	switch (change.what) {
		case 'concurrency':
			if (change.from === change.to)
				return t(`worker_concurrency kept at ${change.to}`, `worker_concurrency は ${change.to} に固定`);
			return `worker_concurrency ${change.from} → ${change.to}`;
		case 'pool': {
			const name = quote(change.name, 80);
			return t(
				`pool ${name} ${change.from} → ${change.to} slots`,
				`プール ${name} ${change.from} → ${change.to} スロット`,
			);
		}
		case 'dag':
			return t(
				`${change.setting} of DAG ${quote(change.dag, 80)} ${change.from} → ${change.to}`,
				`DAG ${quote(change.dag, 80)} の ${change.setting} ${change.from} → ${change.to}`,
			);
		case 'override': {
			const [key, from, to] = [change.key, change.from, change.to].map((text) => text && quote(text, 80));
			if (to === undefined) return t(`${key} removed (was ${from})`, `${key} を削除（現在 ${from}）`);
			return `${key} ${from ?? t('(not set)', '（未設定）')} → ${to}`;
		}
		case 'environment size':
			return t(`environment size ${change.from} → ${change.to}`, `環境サイズ ${change.from} → ${change.to}`);
		case 'retention':
			return t(
				`keep the database's history ${change.days} days`,
				`データベースの履歴の保持期間を ${change.days} 日に設定`,
			);
		case 'component':
			return sizeText(COMPONENTS[change.component][lang], change.from, change.to, lang);
		case 'worker':
			return sizeText(t('worker', 'ワーカー'), change.from, change.to, lang);
	}
	return '';
}

type Sized = Readonly<Partial<Record<'min' | 'max' | 'count' | 'cpu' | 'memoryGb' | 'storageGb', number | undefined>>>;

function sizeText(who: string, from: Sized, to: Sized, lang: Lang): string {
	const t = (en: string, ja: string): string => (lang === 'ja' ? ja : en);
	const found: string[] = [];
	const add = (key: keyof Sized, name: string, unit: string): void => {
		if (from[key] !== to[key]) found.push(`${name} ${from[key] ?? '?'} → ${to[key] ?? '?'}${unit}`);
	};
	add('cpu', t(`${who} CPU`, `${who}の CPU`), ' vCPU');
	add('memoryGb', t(`${who} memory`, `${who}のメモリ`), ' GB');
	add('storageGb', t(`${who} storage`, `${who}のストレージ`), ' GB');
	add('min', t(`min ${who}s`, `最小${who}数`), '');
	add('max', t(`max ${who}s`, `最大${who}数`), '');
	add('count', t(`number of ${who}s`, `${who}の台数`), '');
	return found.join(t(', ', '、'));
}
