import { noteIn } from '../diagnosis/diagnose.ts';
import { verdictParts, whyParts } from '../diagnosis/verdict-message.ts';
import type { Verdict } from '../diagnosis/verify.ts';
import { durationText } from '../domain/duration.ts';
import { quote } from '../domain/quote.ts';
import type { Line, Part, Reply, Span } from '../domain/reply.ts';
import { clip, type Lang } from '../domain/text.ts';
import { rules } from '../rules/index.ts';
import { suggestionFor } from '../scaling/suggestion.ts';
import type { Suggestion } from '../scaling/suggestion.ts';
import { actLines } from './acts.ts';
import { cardButtons } from './buttons.ts';
import { timeOf } from './fold.ts';
import { CONDITION_LOGS } from './incident.ts';
import type { FailedTry, Incident, Why } from './incident.ts';
import { rowText } from './row.ts';
import { headline, idSpan, labels, subjectOf } from './words.ts';

/** So many failed tries stand in the card itself; more have pages of their own in its thread. */
export const IN_CARD = 5;
/** Where nothing goes into a thread, so many stand in the card; more have pages of their own in messages that follow it. */
export const IN_LONE_CARD = 40;
/** A block of preformatted text takes 3,000 characters. */
const CODE_LENGTH = 2900;

export type Showing = {
	lang: Lang;
	/** There is more than one environment, so that each is named. */
	nameEnv: boolean;
	/** Where it is seen in Airflow; undefined: nowhere. */
	url: string | undefined;
	/** Failed tries that are listed in the card. */
	rows: readonly FailedTry[];
	/** What is too long for it is in its thread; else the list of tries is in messages that follow. */
	thread: boolean;
	/** Who is called: user and user group ids. */
	notify: readonly string[];
	/** The bigger one that it is part of. */
	bigger?: Incident | undefined;
};

/** One message for one incident, for its whole life: what happened, why, what to do, and what was done. */
export function card(incident: Incident, showing: Showing): Reply {
	const { lang, notify } = showing;
	const { icon, line } = headline(incident, lang);
	const over = incident.phase === 'recovered' || incident.phase === 'closed';
	return {
		to: 'channel',
		parts: [
			{ kind: 'title', icon, line },
			...whereabouts(incident, showing),
			...labels(incident, lang).map((one): Part => ({ kind: 'note', line: one })),
			...(incident.phase === 'folded' && showing.bigger ? [partOf(showing.bigger, lang)] : []),
			...(over ? causeInShort(incident, lang) : why(incident, showing)),
			...conditionFacts(incident),
			...listed(incident, showing),
			...actLines(incident.acts, lang).map((one): Part => ({ kind: 'text', line: one })),
			...(notify.length === 0 || over ? [] : [called(notify)]),
			cardButtons(incident, { ...showing, size: sizeFor(incident.why) !== undefined }),
		],
	};
}

/** Run, time, environment, and how much of it still fails. */
function whereabouts(incident: Incident, { lang, nameEnv }: Showing): Part[] {
	const { run, since, env, counts, latest } = incident;
	const ja = lang === 'ja';
	const line: Span[] = [];
	const dot = (): void => {
		if (line.length > 0) line.push(' · ');
	};
	if (run) line.push(idSpan(run.run, 100));
	dot();
	line.push({ time: new Date(since).toISOString() });
	if (nameEnv) {
		dot();
		line.push(ja ? '環境: ' : 'in ', { bold: env });
	}
	if (counts.members === 1 && latest?.operator !== undefined) {
		dot();
		line.push(quote(latest.operator, 60));
	}
	if (counts.tries > 1 || counts.members > 1) {
		dot();
		line.push(countWords(counts, lang));
	}
	return [{ kind: 'text', line }];
}

function countWords({ tries, members, bad, dags }: Incident['counts'], lang: Lang): string {
	const ja = lang === 'ja';
	const of = dags <= 1 ? '' : ja ? `${dags} 件の DAG で` : ` of ${dags} DAGs`;
	const count = ja ? `${of}失敗した試行 ${tries} 件` : `${tries} failed ${tries === 1 ? 'try' : 'tries'}${of}`;
	if (members <= 1 || bad === 0) return count;
	return ja ? `${count}、未復旧のタスク ${bad}/${members} 件` : `${count}, ${bad} of ${members} tasks still failing`;
}

function partOf(bigger: Incident, lang: Lang): Part {
	const line: Line = [...subjectOf(bigger, lang)];
	return {
		kind: 'text',
		line: lang === 'ja' ? ['原因: ', ...line, '（そのカードを参照）'] : ['It is told by: ', ...line],
	};
}

function why({ why: known, condition, counts, latest }: Incident, { lang, thread }: Showing): Part[] {
	if (!known) {
		if (condition && counts.tries === 0) return [];
		return [{ kind: 'note', line: [lang === 'ja' ? '原因を調べています…' : 'Finding out why …'] }];
	}
	const log = condition && CONDITION_LOGS[condition.kind];
	const more = thread ? WHOLE_FIX.thread : latest ? WHOLE_FIX.button : undefined;
	const size = sizeFor(known);
	// A size in the fix's own words, beside the one that is worked out, would be one too many.
	const { parts, cut } = whyParts(verdictIn(known, lang), lang, log, size ? 2 : 3);
	return [
		...parts,
		...(size ? [sizeLine(size, lang)] : []),
		...(cut && more ? [{ kind: 'note' as const, line: [more[lang]] }] : []),
		...(known.provisional ? [{ kind: 'note' as const, line: [PROVISIONAL[lang]] }] : []),
	];
}

const WHOLE_FIX = {
	thread: { en: 'The whole fix stands in the thread.', ja: '対処の全文はスレッドにあります。' },
	button: { en: 'Diagnose again shows the whole fix.', ja: '対処の全文は「再診断」で確認できます。' },
};

/** A change of size that meets a cause that is sure. */
export const sizeFor = (known: Why | undefined): Suggestion | undefined =>
	known?.verdict.status === 'confirmed' ? suggestionFor(known.verdict.verdict, known.env) : undefined;

const sizeLine = ({ text }: Suggestion, lang: Lang): Part => ({
	kind: 'text',
	line: [lang === 'ja' ? '💡 サイズの変更案: ' : '💡 Or another size: ', clip(text[lang], 400)],
});

const PROVISIONAL = {
	en: 'By its log alone so far: the evidence is still being looked at.',
	ja: '現時点ではログのみによる判断です。裏付けを確認しています。',
};

function causeInShort({ why: known }: Incident, lang: Lang): Part[] {
	const first = known?.verdict.findings[0];
	if (!first) return [];
	return [{ kind: 'text', line: [lang === 'ja' ? '原因: ' : 'Cause: ', { bold: first.title[lang] }] }];
}

/** What was judged in one language, said in another: the fix is made anew from its facts. */
export function verdictIn({ verdict, env }: Why, lang: Lang): Verdict {
	return {
		...verdict,
		findings: verdict.findings.map((one) => {
			const rule = rules.find(({ id }) => id === one.cause);
			return rule ? { ...one, title: rule.title, fix: rule.fix({ env, facts: one.facts, lang }) } : one;
		}),
		notes: verdict.notes.map((note) => noteIn(note, lang)),
	};
}

function conditionFacts({ condition }: Incident): Part[] {
	const facts = Object.entries(condition?.facts ?? {}).slice(0, 8);
	if (facts.length === 0) return [];
	const short = facts.filter(([, value]) => value.length <= 200 && !value.includes('\n'));
	const long = facts.filter(([, value]) => value.length > 200 || value.includes('\n'));
	return [
		...(short.length === 0
			? []
			: [
					{
						kind: 'fields' as const,
						fields: short.map(([name, value]) => [quote(name, 40), [{ code: quote(value, 200) }]] as const),
					},
				]),
		...long.slice(0, 1).map(([, value]): Part => ({ kind: 'code', text: lastLines(value, 12) })),
	];
}

const lastLines = (text: string, most: number): string =>
	text
		.trimEnd()
		.split('\n')
		.slice(-most)
		.map((line) => quote(line, 300))
		.join('\n');

/** Every failed try once: in the card while they are few, else on pages. */
function listed({ counts }: Incident, { rows, thread, lang }: Showing): Part[] {
	if (counts.tries <= 1) return [];
	if (rows.length > 0) return rowParts(rows.toSorted((a, b) => timeOf(a) - timeOf(b) || a.tryNumber - b.tryNumber));
	const where = thread
		? { en: 'in the thread', ja: 'スレッド' }
		: { en: 'in the messages that follow', ja: 'この後のメッセージ' };
	return [
		{
			kind: 'note',
			line: [
				lang === 'ja'
					? `失敗した試行 ${counts.tries} 件の一覧は${where.ja}にあります。`
					: `All ${counts.tries} failed tries are listed ${where.en}.`,
			],
		},
	];
}

/** Rows in blocks of preformatted text, none cut in two. */
export function rowParts(rows: readonly FailedTry[]): Part[] {
	const blocks: string[] = [];
	let open = '';
	for (const row of rows) {
		const text = rowText(row);
		if (open !== '' && open.length + text.length + 1 > CODE_LENGTH) {
			blocks.push(open);
			open = '';
		}
		open += open === '' ? text : `\n${text}`;
	}
	if (open !== '') blocks.push(open);
	return blocks.map((text) => ({ kind: 'code', text }));
}

function called(notify: readonly string[]): Part {
	return { kind: 'text', line: notify.flatMap((user): Span[] => [{ user, notify: true }, ' ']) };
}

/** First message of the thread: all evidence, what was ruled out and by what, the whole fix, and what could not be read. */
export function details({ why: known, condition }: Incident, lang: Lang): Reply | undefined {
	if (!known) return undefined;
	const log = condition && CONDITION_LOGS[condition.kind];
	const size = sizeFor(known);
	const { parts } = verdictParts(verdictIn(known, lang), { lang, full: true, ...(log ? { log } : {}) });
	return {
		to: 'channel',
		parts: [
			{ kind: 'title', icon: '🩺', line: [lang === 'ja' ? '詳細' : 'Details'] },
			...(size ? [sizeLine(size, lang), { kind: 'code' as const, text: size.patch.shell.join('\n') }] : []),
			...parts,
		],
	};
}

/** One page of the list of failed tries. `from`: the number of its first, 1-based. `of`: what they are of, where no thread says it. */
export function page(from: number, rows: readonly FailedTry[], lang: Lang, of?: Line): Reply {
	const to = from + rows.length - 1;
	const range = from === to ? String(from) : `${from}–${to}`;
	const title = lang === 'ja' ? `失敗した試行 ${range}` : `${of ? 'failed' : 'Failed'} tries ${range}`;
	return {
		to: 'channel',
		parts: [{ kind: 'title', icon: '📋', line: of ? [...of, `: ${title}`] : [title] }, ...rowParts(rows)],
	};
}

/** When all of it has gone well. `of`: what, where no thread says it. */
export function recovery({ endedAt, since, counts }: Incident, lang: Lang, of?: Line): Reply {
	const took = durationText((endedAt ?? since) - since, lang);
	const title =
		lang === 'ja'
			? `復旧しました（${took}、失敗した試行 ${counts.tries} 件）`
			: `${of ? 'recovered' : 'Recovered'} after ${took}, ${counts.tries} failed ${counts.tries === 1 ? 'try' : 'tries'} in all`;
	return {
		to: 'channel',
		parts: [{ kind: 'title', icon: '🟢', line: of ? [...of, `: ${title}`] : [title] }],
	};
}
