import { durationText } from '../domain/duration.ts';
import { quote } from '../domain/quote.ts';
import type { Part, Reply } from '../domain/reply.ts';
import type { Lang } from '../domain/text.ts';
import type { Advice } from './advise.ts';
import { changesText } from './change-words.ts';
import { chartAlt, charts } from './chart.ts';
import type { Finding } from './finding.ts';
import type { Head } from './history.ts';
import type { OverTime } from './over-time.ts';
import { patchFor } from './patch.ts';
import type { Change, Predicted } from './plan.ts';
import { costText, priceNote, savingText } from './price-words.ts';
import { reason } from './reason-words.ts';
import { risks } from './risk-words.ts';

type Environment = Head['environment'];
const MOST_FINDINGS = 8;

/** The advice as a message: what to change first, the numbers that say so, what it costs, the risk, the change itself. */
export function say(advice: Advice, environment: Environment, lang: Lang, over?: OverTime): Reply {
	const t = (en: string, ja: string): string => (lang === 'ja' ? ja : en);
	const { suggestion, now } = advice;
	const where = environment.name ? quote(environment.name, 100) : t('this environment', 'この環境');
	const parts: Part[] = [
		{
			kind: 'title',
			icon: advice.decision === 'change' ? '📐' : isFine(advice) ? '✅' : '🔍',
			line: [headline(advice, where, lang)],
		},
	];
	if (suggestion && !suggestion.reaches)
		parts.push({
			kind: 'text',
			line: [
				t(
					'This is one step; the target needs another one after it.',
					'これは 1 段階目で、目標の達成には続く変更が必要です。',
				),
			],
		});
	const why = reason(advice, lang);
	if (why !== undefined) parts.push({ kind: 'text', line: [why] });
	if (now && suggestion) parts.push({ kind: 'text', line: [savingText(now, suggestion.after, lang)] });
	if (now) parts.push(numbers(advice, now, lang));
	if (over) {
		for (const chart of charts(over, lang)) parts.push({ kind: 'chart', chart });
		parts.push({ kind: 'note', line: [chartAlt(over, lang)] });
	}
	const findings = advice.findings.slice(0, MOST_FINDINGS);
	if (findings.length > 0) parts.push({ kind: 'list', items: findings.map((finding) => [findingText(finding, lang)]) });
	if (suggestion) parts.push(...ready(suggestion.changes, environment, lang));
	parts.push(...fixes(findings, environment, lang));
	parts.push({ kind: 'note', line: [basis(advice, lang)] });
	if (now) parts.push({ kind: 'note', line: [priceNote(now, lang)] });
	return { parts, to: 'asker' };
}

/** Nothing is suggested, nothing fails, and nothing that matters could not be judged. */
const isFine = ({ decision, because, findings }: Advice): boolean =>
	decision === 'nothing' && because === 'fine' && findings.every(({ weight }) => weight !== 'act');

function headline(advice: Advice, where: string, lang: Lang): string {
	const t = (en: string, ja: string): string => (lang === 'ja' ? ja : en);
	if (advice.decision === 'too little data')
		return t(`Too little data to advise on ${where}`, `${where} の助言にはデータが足りません`);
	if (isFine(advice)) return t(`Change nothing in ${where}`, `${where} は変更不要です`);
	if (advice.because === 'settling')
		return t(`Change nothing more in ${where} yet`, `${where} の追加変更はまだ不要です`);
	if (!advice.suggestion)
		return t(
			`No other size of the workers is suggested for ${where}`,
			`${where} のワーカーについて、サイズ変更の提案はありません`,
		);
	return `${where}: ${changesText(advice.suggestion.changes, lang)}`;
}

function numbers({ seen, suggestion, atLimit, week }: Advice, now: Predicted, lang: Lang): Part {
	const t = (en: string, ja: string): string => (lang === 'ja' ? ja : en);
	const wait = (ms: number): string => durationText(ms, lang);
	const after = suggestion?.after;
	const row = (name: string, value: (of: Predicted) => string, recorded: string): string[] =>
		after ? [name, recorded, value(now), value(after)] : [name, recorded, value(now)];
	const share = (of: Predicted): string => {
		const least = atLimit && of.memoryShare !== undefined ? '≥ ' : '';
		return `${least}${percent(of.memoryShare)}`;
	};
	return {
		kind: 'table',
		head: [
			'',
			t('Recorded', '実績'),
			t('Replayed as it is', '現状の再現'),
			...(after ? [t('After the change', '変更後の予測')] : []),
		],
		rows: [
			row(t('Wait for the start, p50', '開始待ち p50'), (of) => wait(of.waitP50Ms), wait(seen.waitP50Ms)),
			row(t('Wait for the start, p95', '開始待ち p95'), (of) => wait(of.waitP95Ms), wait(seen.waitP95Ms)),
			row(t('Workers on average', '平均ワーカー数'), (of) => of.workersOnAverage.toFixed(1), '–'),
			row(t('Memory peak of a worker', 'ワーカーのメモリ最大'), share, percent(week?.memoryShare)),
			row(t('Workers cost', 'ワーカーの費用'), (of) => costText(of, now, lang), '–'),
		],
	};
}

const percent = (share: number | undefined): string => (share === undefined ? '–' : `${Math.round(share * 100)} %`);

const ICONS = { act: '🔴', check: '🟡', save: '🟢' } as const;

function findingText({ text, weight, fix }: Finding, lang: Lang): string {
	const said = `${ICONS[weight]} ${quote(text[lang], 500)}`;
	if (!fix || fix.length === 0) return said;
	return `${said} → ${changesText(fix, lang)}`;
}

/** The change in the three ways people apply it, and what it costs the running tasks. */
function ready(changes: readonly Change[], environment: Environment, lang: Lang): Part[] {
	const patch = patchFor(environment, changes);
	const code = [...patch.shell, ...patch.settings];
	return [
		...(code.length > 0 ? [{ kind: 'code' as const, text: code.join('\n') }] : []),
		...(patch.terraform === undefined ? [] : [{ kind: 'code' as const, text: patch.terraform }]),
		...(patch.api.length > 0
			? [
					{
						kind: 'code' as const,
						text: patch.api.map(({ method, path, body }) => `${method} ${path}\n${JSON.stringify(body)}`).join('\n'),
					},
				]
			: []),
		...risks(changes, environment, lang).map((line): Part => ({ kind: 'note', line: [line] })),
	];
}

/** The commands of what the findings ask for beside the suggestion. */
function fixes(findings: readonly Finding[], environment: Environment, lang: Lang): Part[] {
	const lines = findings.flatMap(({ fix }) => {
		if (!fix) return [];
		const { shell, settings } = patchFor(environment, fix);
		return [...shell, ...settings];
	});
	if (lines.length === 0) return [];
	return [
		{
			kind: 'note',
			line: [
				lang === 'ja'
					? '指摘ごとの変更（更新は 1 回に 1 種類ずつ実行できます）:'
					: 'What each of these asks for by itself (one update at a time):',
			],
		},
		{ kind: 'code', text: [...new Set(lines)].join('\n') },
	];
}

function basis({ seen, target, concurrency, now }: Advice, lang: Lang): string {
	const t = (en: string, ja: string): string => (lang === 'ja' ? ja : en);
	const count = seen.tasks.toLocaleString('en');
	const days = Math.round(seen.days * 10) / 10;
	const wait = durationText(target.waitMs, lang);
	const memory = Math.round(target.memoryShare * 100);
	const base = t(
		`${days} ${days === 1 ? 'day' : 'days'}, ${count} task instances. Target: p95 wait ≤ ${wait}, memory peak ≤ ${memory} %. worker_concurrency ${concurrency.value}.`,
		`${days} 日間、タスク インスタンス ${count} 件。目標: p95 待ち時間 ≤ ${wait}、メモリ最大 ≤ ${memory} %。worker_concurrency は ${concurrency.value}。`,
	);
	if (!now || now.memoryShare !== undefined) return base;
	return `${base}${t(' No memory metrics: memory was not judged.', ' メモリの指標がないため、メモリは評価していません。')}`;
}
