import type { Verdict, Judged } from './verify.ts';
import type { Gap } from '../domain/evidence.ts';
import type { Line, Part } from '../domain/reply.ts';
import type { FixStep, Status } from '../domain/rule.ts';
import { clip, visible, type Lang, type Text } from '../domain/text.ts';
import { withCode } from '../domain/with-code.ts';

export const STATUS_WORDS: Readonly<Record<Status, Text>> = {
	confirmed: { en: 'confirmed', ja: '確定' },
	likely: { en: 'likely', ja: '可能性が高い' },
	possible: { en: 'possible', ja: '可能性あり' },
	unknown: { en: 'unknown', ja: '不明' },
};
const STATUS_ICON: Readonly<Record<Status, string>> = { confirmed: '🎯', likely: '🔎', possible: '🤔', unknown: '❔' };

/** Whose words they are, for the reader. */
const SOURCE_NAMES: Readonly<Partial<Record<Gap['source'], Text>>> & { taskLog: Text } = {
	taskLog: { en: 'the task log', ja: 'タスクログ' },
	dagRun: { en: 'the DAG run', ja: 'DAG 実行' },
	taskInstances: { en: 'the task instances of the run', ja: '実行のタスクインスタンス' },
	tries: { en: 'the tries of the task', ja: 'タスクの試行' },
	dag: { en: 'the DAG', ja: 'DAG' },
	eventLog: { en: "Airflow's event log", ja: 'Airflow のイベントログ' },
	importErrors: { en: "Airflow's import errors", ja: 'Airflow のインポートエラー' },
	pools: { en: "Airflow's pools", ja: 'Airflow のプール' },
	airflowHealth: { en: "Airflow's health", ja: 'Airflow の health' },
	failures: { en: 'failures of other tasks', ja: '他のタスクの失敗' },
	environment: { en: 'the Composer environment', ja: 'Composer 環境' },
	operations: { en: "the environment's operations", ja: '環境の操作履歴' },
};
export const sourceName = (source: Gap['source'], lang: Lang): string => SOURCE_NAMES[source]?.[lang] ?? source;

/** Our own sentences may hold `code`; what they quote is masked, and stays literal. */
const sentence = (text: string, most = 900): Line => withCode(clip(visible(text), most));

const capital = (text: string): string => text.replace(/^[a-z]/, (first) => first.toUpperCase());

/** The cause in a line and what decides it: for the message about a failed run. Empty: nothing is known, and that is no news. */
export function causeAtAGlance({ findings, lastException }: Verdict, lang: Lang): Part[] {
	const [first] = findings;
	if (!first) {
		if (lastException === undefined) return [];
		const unknown = lang === 'ja' ? '❔ 原因不明。最後の例外: ' : '❔ Cause unknown. Last exception: ';
		return [{ kind: 'text', line: [unknown, { code: clip(lastException, 300) }] }];
	}
	const [line] = first.evidence;
	return [
		{ kind: 'text', line: causeLine(first, lang) },
		...(first.because ? [{ kind: 'text' as const, line: sentence(capital(first.because.because[lang]), 400) }] : []),
		...(line ? [{ kind: 'code' as const, text: clip(line.text, 300) }] : []),
	];
}

function causeLine({ title, status }: Judged, lang: Lang): Line {
	const word = STATUS_WORDS[status][lang];
	return [`${STATUS_ICON[status]} `, { bold: title[lang] }, lang === 'ja' ? `（${word}）` : ` (${word})`];
}

export type Showing = {
	lang: Lang;
	full: boolean;
	/** What the evidence's line numbers count in. */
	log?: Text;
};

/** `full`: everything there is; else what fits a glance, and `cut` says that there is more. */
export function verdictParts(
	verdict: Verdict,
	{ lang, full, log = SOURCE_NAMES.taskLog }: Showing,
): { parts: Part[]; cut: boolean } {
	const [first, ...others] = verdict.findings;
	const parts: Part[] = first ? causeParts(first, log, lang) : unknownParts(verdict, lang);
	let cut = false;
	if (first) {
		const steps = fixParts(first.fix, lang, full ? 7000 : 1500, full ? 40 : 4);
		parts.push(...steps.parts);
		cut = steps.cut;
	}
	if (others.length > 0) parts.push(...otherParts(others, lang));
	if (verdict.ruledOut.length > 0) parts.push(...ruledOutParts(verdict, lang));
	for (const { because } of verdict.beside) parts.push({ kind: 'note', line: sentence(`ℹ️ ${because[lang]}`) });
	for (const note of verdict.notes) parts.push({ kind: 'note', line: sentence(note) });
	parts.push(...gapParts(verdict, lang, full));
	if (first && full)
		parts.push({ kind: 'text', line: [{ link: first.docs, label: lang === 'ja' ? 'ドキュメント' : 'Documentation' }] });
	return { parts, cut };
}

/** Why, and what to do: what a card shows. `cut`: there is more to do than that. */
export function whyParts(verdict: Verdict, lang: Lang): { parts: Part[]; cut: boolean } {
	const [first] = verdict.findings;
	if (!first) return { parts: unknownParts(verdict, lang), cut: false };
	const steps = fixParts(first.fix, lang, 1200, 4);
	return { parts: [...causeParts(first, SOURCE_NAMES.taskLog, lang), ...steps.parts], cut: steps.cut };
}

function causeParts(judged: Judged, log: Text, lang: Lang): Part[] {
	const { evidence, because } = judged;
	const ja = lang === 'ja';
	const parts: Part[] = [{ kind: 'text', line: causeLine(judged, lang) }];
	if (because)
		parts.push({
			kind: 'text',
			line: [
				...sentence(capital(because.because[lang])),
				ja ? `（${sourceName(because.source, lang)}` : ` (${sourceName(because.source, lang)}`,
				...(because.at === undefined ? [] : [ja ? '、' : ', ', { time: because.at }]),
				ja ? '）' : ')',
			],
		});
	const [line] = evidence;
	if (line)
		parts.push(
			{
				kind: 'text',
				line: [ja ? `${log.ja} ${line.line} 行目:` : `Line ${line.line} of ${log.en}:`],
			},
			{ kind: 'code', text: clip(line.text, 700) },
		);
	return parts;
}

function unknownParts({ lastException, tail }: Verdict, lang: Lang): Part[] {
	const ja = lang === 'ja';
	const parts: Part[] = [
		{ kind: 'text', line: [`${STATUS_ICON.unknown} `, { bold: ja ? '原因を特定できませんでした' : 'Cause unknown' }] },
	];
	if (lastException !== undefined)
		parts.push(
			{ kind: 'text', line: [ja ? '最後の例外:' : 'Last exception:'] },
			{ kind: 'code', text: clip(lastException, 900) },
		);
	else if (tail.length > 0)
		parts.push(
			{ kind: 'text', line: [ja ? 'ログの末尾:' : 'End of the log:'] },
			{
				kind: 'code',
				text: tail
					.slice(-8)
					.map((one) => clip(one, 300))
					.join('\n'),
			},
		);
	return parts;
}

function fixParts(fix: readonly FixStep[], lang: Lang, budget: number, most: number): { parts: Part[]; cut: boolean } {
	if (fix.length === 0) return { parts: [], cut: false };
	const parts: Part[] = [{ kind: 'text', line: [{ bold: lang === 'ja' ? '対処' : 'Fix' }] }];
	let left = budget;
	for (const [i, { say, code }] of fix.entries()) {
		const length = (say?.length ?? 0) + (code?.length ?? 0);
		if (i === most || (length > left && i > 0)) return { parts, cut: true };
		left -= length;
		if (say !== undefined) parts.push({ kind: 'text', line: sentence(say) });
		if (code !== undefined) parts.push({ kind: 'code', text: clip(code, 2500) });
	}
	return { parts, cut: false };
}

function otherParts(others: readonly Judged[], lang: Lang): Part[] {
	return [
		{ kind: 'text', line: [{ bold: lang === 'ja' ? 'そのほかの候補' : 'Also possible' }] },
		{
			kind: 'list',
			items: others
				.slice(0, 3)
				.map(({ title, status }): Line => [
					title[lang],
					lang === 'ja' ? `（${STATUS_WORDS[status].ja}）` : ` (${STATUS_WORDS[status].en})`,
				]),
		},
	];
}

function ruledOutParts({ ruledOut }: Verdict, lang: Lang): Part[] {
	return [
		{ kind: 'text', line: [{ bold: lang === 'ja' ? '除外した原因' : 'Ruled out' }] },
		{
			kind: 'list',
			items: ruledOut
				.slice(0, 4)
				.map(({ title, because }): Line => [title[lang], lang === 'ja' ? '：' : ': ', ...sentence(because[lang], 400)]),
		},
	];
}

/** What could not be read lowers what can be said, so it is told, with what would change that. */
function gapParts({ gaps }: Verdict, lang: Lang, full: boolean): Part[] {
	const told = gaps.filter(({ because }) => because !== 'absent' || full);
	if (told.length === 0) return [];
	const ja = lang === 'ja';
	return [
		{ kind: 'text', line: [{ bold: ja ? '読み取れなかったもの' : 'What I could not read' }] },
		{
			kind: 'list',
			items: told.slice(0, 6).map(({ source, say, permission, role }): Line => {
				const needs =
					permission === undefined
						? ''
						: ja
							? `（必要な権限: ${permission}${role === undefined ? '' : `、ロール: ${role}`}）`
							: ` (needs ${permission}${role === undefined ? '' : `, role ${role}`})`;
				return [sourceName(source, lang), ja ? '：' : ': ', ...sentence(say[lang], 300), needs];
			}),
		},
	];
}
