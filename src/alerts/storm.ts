import type { Line, Part, Reply } from '../domain/reply.ts';
import type { Lang } from '../domain/text.ts';
import { STATE_ICONS, titleOf, idSpan } from './words.ts';
import type { Incident } from './incident.ts';

/** An incident as a line of a digest. */
export type StormLine = {
	incident: string;
	cause: string;
	phase: Incident['phase'];
	tries: number;
	dags: number;
	/** The DAG it is about, where it is one. */
	dag?: string | undefined;
};

export const lineOf = ({ id, cause, phase, counts, dags }: Incident): StormLine => ({
	incident: id,
	cause,
	phase,
	tries: counts.tries,
	dags: counts.dags,
	dag: dags.length === 1 ? dags[0] : undefined,
});

const SHOWN = 15;

export const MANY = { en: 'Many failures at once', ja: '多数の失敗' };

export type Storm = { openedAt: number; lines: readonly StormLine[]; tries: number };

/** More incidents at once than anybody can read, in one message: by cause, the worst first. */
export function digest({ openedAt, lines, tries }: Storm, { lang, thread }: { lang: Lang; thread: boolean }): Reply {
	const ja = lang === 'ja';
	const bad = lines.filter(({ phase }) => phase === 'open' || phase === 'retrying').length;
	const groups = [...Map.groupBy(lines, ({ cause }) => cause)]
		.map(([cause, all]) => ({ cause, all, tries: all.reduce((sum, one) => sum + one.tries, 0) }))
		.sort((a, b) => b.tries - a.tries || (a.cause < b.cause ? -1 : 1));
	const parts: Part[] = [
		{
			kind: 'title',
			icon: bad > 0 ? '🌪️' : '🟢',
			line: [
				ja
					? `${MANY.ja}: 失敗した試行 ${tries} 件、障害 ${lines.length} 件`
					: `${MANY.en}: ${tries} failed tries in ${lines.length} incidents`,
			],
		},
		{
			kind: 'text',
			line: ja
				? [{ time: new Date(openedAt).toISOString() }, ` から · 未復旧の障害 ${bad} 件`]
				: ['Since ', { time: new Date(openedAt).toISOString() }, ` · ${bad} not recovered`],
		},
		{ kind: 'list', items: groups.slice(0, SHOWN).map((group) => groupLine(group, lang)) },
	];
	const rest = groups.length - SHOWN;
	if (rest > 0) parts.push({ kind: 'note', line: [ja ? `ほか ${rest} 種類の原因` : `and ${rest} more causes`] });
	const where = thread
		? { en: 'in the thread', ja: 'スレッド' }
		: { en: 'in the messages that follow', ja: 'この後のメッセージ' };
	parts.push({
		kind: 'note',
		line: [ja ? `失敗した試行はすべて${where.ja}に一覧があります。` : `Every failed try is listed ${where.en}.`],
	});
	return { to: 'channel', parts };
}

type Group = { cause: string; all: readonly StormLine[]; tries: number };

function groupLine({ cause, all, tries }: Group, lang: Lang): Line {
	const ja = lang === 'ja';
	const [first] = all;
	const bad = all.find(({ phase }) => phase === 'open') ?? all.find(({ phase }) => phase === 'retrying');
	const title = titleOf(cause, lang) ?? (ja ? '原因不明' : 'Cause unknown');
	const dags = new Set(all.flatMap(({ dag }) => (dag === undefined ? [] : [dag])));
	const [only] = dags;
	const many = all.reduce((most, one) => Math.max(most, one.dags), dags.size);
	const where: Line =
		dags.size === 1 && only !== undefined && first?.dags === 1
			? [idSpan(only, 60)]
			: [ja ? `${many} 件の DAG` : `${many} DAGs`];
	const count = ja ? `${tries} 件` : `${tries} ${tries === 1 ? 'try' : 'tries'}`;
	return [`${STATE_ICONS[bad?.phase ?? first?.phase ?? 'open']} `, { bold: title }, ' · ', ...where, ` · ${count}`];
}
