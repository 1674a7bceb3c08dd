import type { Chart } from '../domain/reply.ts';
import type { Lang } from '../domain/text.ts';
import type { OverTime } from './over-time.ts';

const WORDS = {
	wait: { en: 'Wait for the start, p95 (s)', ja: '開始待ち時間 p95（秒）' },
	workers: { en: 'Workers', ja: 'ワーカー数' },
	before: { en: 'as it is', ja: '現状' },
	after: { en: 'after the change', ja: '変更後' },
	time: { en: 'Time (UTC)', ja: '日時（UTC）' },
} as const;

/** Two of them: queue wait, and workers; before and after in the replay. At most 20 points each, which is what Slack's chart takes. */
export function charts({ at, waitSeconds, workers }: OverTime, lang: Lang): Chart[] {
	const chart = (title: string, { before, after }: { before: number[]; after: number[] }): Chart => ({
		title,
		x: WORDS.time[lang],
		y: title,
		categories: at.map(label),
		series: [
			{ name: WORDS.before[lang], values: before },
			{ name: WORDS.after[lang], values: after },
		],
	});
	return [chart(WORDS.wait[lang], waitSeconds), chart(WORDS.workers[lang], workers)];
}

/** `11-16 08:00`, each only once. */
const label = (ms: number): string => new Date(ms).toISOString().slice(5, 16).replace('T', ' ');

/** For a screen reader and where neither chart nor picture can be shown. */
export function chartAlt({ waitSeconds, workers }: OverTime, lang: Lang): string {
	const most = (values: readonly number[]): number => Math.max(0, ...values);
	return lang === 'ja'
		? `開始待ち時間 p95 の最大は現状 ${most(waitSeconds.before)} 秒、変更後 ${most(waitSeconds.after)} 秒。ワーカー数の最大は現状 ${most(workers.before)}、変更後 ${most(workers.after)}。`
		: `Longest p95 wait ${most(waitSeconds.before)} s as it is, ${most(waitSeconds.after)} s after the change; at most ${most(workers.before)} workers as it is, ${most(workers.after)} after.`;
}
