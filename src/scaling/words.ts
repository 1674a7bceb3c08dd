import { durationText } from '../domain/duration.ts';
import { quote } from '../domain/quote.ts';
import type { Part, Reply } from '../domain/reply.ts';
import type { Lang } from '../domain/text.ts';
import { LEAST, type Advice } from './advise.ts';
import type { Head } from './history.ts';
import { patchFor } from './patch.ts';
import { changeText } from './change-words.ts';
import type { Change, Predicted } from './plan.ts';
import { amount } from './prices.ts';

/** The advice as a message: what to change first, the numbers that say so, what it costs, the risk, the change itself. */
export function say(advice: Advice, environment: Head['environment'], lang: Lang): Reply {
	const t = (en: string, ja: string): string => (lang === 'ja' ? ja : en);
	const wait = (ms: number): string => durationText(ms, lang);
	const { suggestion, now, seen, target } = advice;
	const where = environment.name ? quote(environment.name, 100) : t('this environment', 'この環境');
	const parts: Part[] = [
		{
			kind: 'title',
			icon: advice.decision === 'change' ? '📐' : advice.decision === 'nothing' ? '✅' : '🔍',
			line: [{ bold: headline(advice, where, lang) }],
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

	const window = t(
		`${round(seen.days)} days, ${seen.tasks.toLocaleString('en')} task instances`,
		`${round(seen.days)} 日間、タスク インスタンス ${seen.tasks.toLocaleString('en')} 件`,
	);
	if (now) {
		const after = suggestion?.after;
		const row = (name: string, value: (of: Predicted) => string, recorded: string): string[] =>
			after ? [name, recorded, value(now), value(after)] : [name, recorded, value(now)];
		const share = (of: Predicted): string =>
			of.memoryShare === undefined ? '–' : `${Math.round(of.memoryShare * 100)} %`;
		parts.push({
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
				row(t('Memory peak of a worker', 'ワーカーのメモリ最大'), share, '–'),
				row(t('Workers cost', 'ワーカーの費用'), (of) => costText(of, now, lang), '–'),
			],
		});
	}
	if (advice.findings.length > 0)
		parts.push({
			kind: 'list',
			items: advice.findings
				.slice(0, 8)
				.map(({ text, weight }) => [
					`${weight === 'act' ? '🔴' : weight === 'check' ? '🟡' : '🟢'} ${quote(text[lang], 500)}`,
				]),
		});
	if (suggestion) {
		const patch = patchFor(environment, suggestion.changes);
		const code = [...patch.shell, ...patch.settings];
		if (code.length > 0) parts.push({ kind: 'code', text: code.join('\n') });
		if (patch.terraform !== undefined) parts.push({ kind: 'code', text: patch.terraform });
		for (const line of risks(suggestion.changes, environment, lang)) parts.push({ kind: 'note', line: [line] });
	}
	parts.push({
		kind: 'note',
		line: [
			`${window}${t('. ', '。')}${t(
				`Target: p95 wait ≤ ${wait(target.waitMs)}, memory peak ≤ ${Math.round(target.memoryShare * 100)} %. worker_concurrency ${advice.concurrency.value}.`,
				`目標: p95 待ち時間 ≤ ${wait(target.waitMs)}、メモリ最大 ≤ ${Math.round(target.memoryShare * 100)} %。worker_concurrency は ${advice.concurrency.value}。`,
			)}${now?.memoryShare === undefined && now ? t(' No memory metrics: memory was not judged.', ' メモリの指標がないため、メモリは評価していません。') : ''}`,
		],
	});
	if (now) parts.push({ kind: 'note', line: [priceNote(now, lang)] });
	return { parts, to: 'asker' };
}

function headline(advice: Advice, where: string, lang: Lang): string {
	const t = (en: string, ja: string): string => (lang === 'ja' ? ja : en);
	if (advice.decision === 'too little data')
		return t(`Too little data to advise on ${where}`, `${where} の助言にはデータが足りません`);
	if (!advice.suggestion) return t(`Change nothing in ${where}`, `${where} は変更不要です`);
	const what = advice.suggestion.changes.map((change) => changeText(change, lang)).join(t('; ', '、'));
	return t(`${where}: ${what}`, `${where}: ${what}`);
}

function reason(advice: Advice, lang: Lang): string | undefined {
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

function risks(changes: readonly Change[], { generation }: Head['environment'], lang: Lang): string[] {
	const t = (en: string, ja: string): string => (lang === 'ja' ? ja : en);
	const found: string[] = [];
	const replaces = changes.some(
		(change) =>
			change.what === 'concurrency' ||
			(change.what === 'worker' &&
				(change.from.cpu !== change.to.cpu ||
					change.from.memoryGb !== change.to.memoryGb ||
					change.from.storageGb !== change.to.storageGb)),
	);
	if (generation !== 'airflow' && replaces)
		found.push(
			t(
				'Risk: this update replaces the workers; running tasks get 3600 s to end. Do it in the maintenance window or outside business runs. Only one update runs at a time.',
				'リスク: この更新ではワーカーが入れ替わり、実行中のタスクには 3600 秒の猶予が与えられます。メンテナンスの時間帯か業務の実行時間外に行ってください。更新は同時に 1 つだけです。',
			),
		);
	if (changes.some(({ what }) => what === 'pool'))
		found.push(
			t(
				'Risk: a pool often protects what is behind it (a database, an API quota). Ask its owner first.',
				'リスク: プールは背後のシステム（データベースや API の割り当て）を守っていることがあります。先に管理者へ確認してください。',
			),
		);
	return found;
}

function costText(of: Predicted, now: Predicted, lang: Lang): string {
	const t = (en: string, ja: string): string => (lang === 'ja' ? ja : en);
	if (of.cost.kind === 'dollars')
		return t(`$${of.cost.perMonth.toFixed(0)} a month`, `月 $${of.cost.perMonth.toFixed(0)}`);
	const share = amount(of.cost) / amount(now.cost);
	return of === now ? '100 %' : `${Math.round(share * 100)} %`;
}

function priceNote({ cost }: Predicted, lang: Lang): string {
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

const round = (value: number): number => Math.round(value * 10) / 10;
