import { SOURCE_NAMES, sourceName } from './source-names.ts';
import type { Verdict, Judged } from './verify.ts';
import type { Gap } from '../domain/evidence.ts';
import { toFillIn } from '../domain/placeholders.ts';
import type { Line, Part } from '../domain/reply.ts';
import type { Evidence, FixStep, Status } from '../domain/rule.ts';
import { clip, visible, type Lang, type Text } from '../domain/text.ts';
import { withCode } from '../domain/with-code.ts';

export const STATUS_WORDS: Readonly<Record<Status, Text>> = {
	confirmed: { en: 'confirmed', ja: '確定' },
	likely: { en: 'likely', ja: '可能性が高い' },
	possible: { en: 'possible', ja: '可能性あり' },
	unknown: { en: 'unknown', ja: '不明' },
};
const STATUS_ICON: Readonly<Record<Status, string>> = { confirmed: '🎯', likely: '🔎', possible: '🤔', unknown: '❔' };

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
export function verdictParts(verdict: Verdict, showing: Showing): { parts: Part[]; cut: boolean } {
	const { lang, full } = showing;
	const [first, ...others] = verdict.findings;
	const why: Part[] = first ? causeParts(first, showing) : unknownParts(verdict, lang);
	const rest: Part[] = [
		...(others.length > 0 ? otherParts(others, lang) : []),
		...(verdict.ruledOut.length > 0 ? ruledOutParts(verdict, lang, full) : []),
		...verdict.beside
			.slice(0, full ? 4 : 3)
			.map(({ because }): Part => ({ kind: 'note', line: sentence(`ℹ️ ${because[lang]}`, 300) })),
		...verdict.notes.slice(0, 2).map((note): Part => ({ kind: 'note', line: sentence(note, 500) })),
		...gapParts(verdict, lang, full),
	];
	if (!first) return { parts: [...why, ...rest], cut: false };
	// What could not be read must not be what falls off the end.
	const room = Math.max(1000, (full ? MOST : MOST_AT_A_GLANCE) - lengthOf(why) - lengthOf(rest));
	const steps = fixParts(first.fix, lang, Math.min(room, full ? 7000 : 1500), full ? 40 : 4);
	const docs: Part[] = full
		? [{ kind: 'text', line: [{ link: first.docs, label: lang === 'ja' ? 'ドキュメント' : 'Documentation' }] }]
		: [];
	return { parts: [...why, ...steps.parts, ...rest, ...docs], cut: steps.cut };
}

/** Characters of one message, less what its head and buttons take. Slack fails at about 13,000 (see slack/render.ts). */
const MOST = 9500;
const MOST_AT_A_GLANCE = 6000;

function lengthOf(parts: readonly Part[]): number {
	return JSON.stringify(parts).length;
}

/** Why, and what to do: what a card shows, as much of it as is read at a glance. `cut`: there is more to do than that. */
export function whyParts(verdict: Verdict, lang: Lang, log?: Text, steps = 3): { parts: Part[]; cut: boolean } {
	const [first] = verdict.findings;
	if (!first) return { parts: unknownParts(verdict, lang), cut: false };
	const fix = fixParts(first.fix, lang, 1000, steps);
	const showing = { lang, full: false, ...(log === undefined ? {} : { log }) };
	return { parts: [...causeParts(first, showing), ...fix.parts], cut: fix.cut };
}

function causeParts(judged: Judged, { log = SOURCE_NAMES.taskLog, lang, full }: Showing): Part[] {
	const { evidence, because, lowered } = judged;
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
	for (const one of evidence.slice(0, full ? 3 : 1))
		parts.push({ kind: 'text', line: whereLine(one, log, lang) }, { kind: 'code', text: clip(one.text, 600) });
	if (lowered && lowered.length > 0) parts.push({ kind: 'note', line: [loweredText(lowered, lang)] });
	return parts;
}

/** `Line 41 of the task log:`, or `The worker log, 10:04:` where the time says more than a number. */
function whereLine({ line, source, at }: Evidence, log: Text, lang: Lang): Line {
	const ja = lang === 'ja';
	if (source === undefined) return [ja ? `${log.ja} ${line} 行目:` : `Line ${line} of ${log.en}:`];
	const name = sourceName(source, lang);
	return [ja ? name : capital(name), ...(at === undefined ? [] : [ja ? '、' : ', ', { time: at }]), ':'];
}

/** Why it is not sure. */
function loweredText(sources: readonly Gap['source'][], lang: Lang): string {
	const names = sources.map((source) => sourceName(source, lang));
	return lang === 'ja'
		? `確定ではありません: ${names.join('、')}を読み取れませんでした。`
		: `Not sure, because I could not read ${names.join(' and ')}.`;
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
	const open = new Set<string>();
	let left = budget;
	let cut = false;
	for (const [i, { say, code, ...rest }] of fix.entries()) {
		const length = (say?.length ?? 0) + (code?.length ?? 0);
		cut = i === most || (length > left && i > 0);
		if (cut) break;
		if (say !== undefined) parts.push({ kind: 'text', line: sentence(say, Math.min(900, left)) });
		if (code !== undefined) parts.push({ kind: 'code', text: clip(code, Math.min(2500, left)) });
		if (code !== undefined && 'lang' in rest && rest.lang === 'sh') for (const word of toFillIn(code)) open.add(word);
		left -= length;
	}
	if (open.size > 0) parts.push({ kind: 'note', line: [openText([...open].slice(0, 12), lang)] });
	return { parts, cut };
}

/** What nobody could know for the reader. */
function openText(words: readonly string[], lang: Lang): string {
	return lang === 'ja'
		? `大文字の箇所は置き換えてください: ${words.join('、')}。`
		: `To be filled in, in capitals: ${words.join(', ')}.`;
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

function ruledOutParts({ ruledOut }: Verdict, lang: Lang, full: boolean): Part[] {
	const ja = lang === 'ja';
	return [
		{ kind: 'text', line: [{ bold: ja ? '除外した原因' : 'Ruled out' }] },
		{
			kind: 'list',
			items: ruledOut
				.slice(0, full ? 6 : 3)
				.map(({ title, because, source }): Line => [
					title[lang],
					ja ? '：' : ': ',
					...sentence(because[lang], 250),
					ja ? `（${sourceName(source, lang)}）` : ` (${sourceName(source, lang)})`,
				]),
		},
	];
}

/** What could not be read lowers what can be said, so it is told, with what would change that. */
function gapParts({ gaps }: Verdict, lang: Lang, full: boolean): Part[] {
	const ja = lang === 'ja';
	const told = gaps.filter(({ because }) => because !== 'absent');
	const absent = gaps.filter(({ because }) => because === 'absent');
	const parts: Part[] = [];
	const groups = byReason(told);
	const most = full ? 8 : 6;
	if (told.length > 0)
		parts.push(
			{ kind: 'text', line: [{ bold: ja ? '読み取れなかったもの' : 'What I could not read' }] },
			{
				kind: 'list',
				items: groups.slice(0, most).map((same) => gapLine(same, lang)),
			},
		);
	// Less of each, and none left out.
	const more = groups.slice(most).flat();
	if (more.length > 0) {
		const names = more.map(({ source }) => sourceName(source, lang));
		parts.push({ kind: 'note', line: [ja ? `ほかに: ${names.join('、')}。` : `And: ${names.join(', ')}.`] });
	}
	if (full && absent.length > 0) {
		const names = absent.slice(0, 12).map(({ source }) => sourceName(source, lang));
		parts.push({
			kind: 'note',
			line: [
				ja
					? `この種類の環境にはないもの: ${names.join('、')}。`
					: `Not there in this kind of environment: ${names.join(', ')}.`,
			],
		});
	}
	return parts;
}

/** A right that is missing closes several sources at once: one line for all of them. */
function byReason(gaps: readonly Gap[]): Gap[][] {
	return [
		...Map.groupBy(gaps, ({ because, permission, role, say }) =>
			[because, permission, role, permission ?? say.en].join('\n'),
		).values(),
	];
}

function gapLine(same: readonly Gap[], lang: Lang): Line {
	const ja = lang === 'ja';
	const [first] = same;
	if (!first) return [];
	const { say, permission, role } = first;
	const names = same.map(({ source }) => sourceName(source, lang));
	const needs =
		permission === undefined
			? ''
			: ja
				? `（必要な権限: ${permission}${role === undefined ? '' : `、ロール: ${role}`}）`
				: ` (needs ${permission}${role === undefined ? '' : `, role ${role}`})`;
	return [clip(names.join(ja ? '、' : ', '), 600), ja ? '：' : ': ', ...sentence(say[lang], 150), needs];
}
