import { durationText } from '../domain/duration.ts';
import type { Line, Part, Reply, Span } from '../domain/reply.ts';
import { clip, visible, type Lang } from '../domain/text.ts';
import { rowParts } from './card.ts';
import { epochOf, minutesOf, wallAt, weekdayOf } from './clock.ts';
import type { FailedTry, Incident } from './incident.ts';
import { WEEKDAYS, type DigestOptions } from './options.ts';
import { rowLength } from './row.ts';
import { subjectOf, titleOf } from './words.ts';

/** When the last digest was due at `now`, epoch milliseconds. */
export function lastDue({ every, at, weekday, timeZone }: DigestOptions, ownZone: string, now: number): number {
	const zone = timeZone ?? ownZone;
	const minutes = minutesOf(at);
	const today = { ...wallAt(now, zone), hour: Math.floor(minutes / 60), minute: minutes % 60 };
	const period = every === 'week' ? 7 : 1;
	const back = every === 'week' ? (weekdayOf(today) - WEEKDAYS.indexOf(weekday) + 7) % 7 : 0;
	const due = epochOf({ ...today, day: today.day - back }, zone);
	return due <= now ? due : epochOf({ ...today, day: today.day - back - period }, zone);
}

/** An incident as one conversation's digest tells of it. */
export type Entry = {
	incident: Incident;
	/** Its failed tries that no digest of this conversation has listed yet. */
	rows: readonly FailedTry[];
	muted: boolean;
};

export type Made = { head: Reply; pages: readonly Reply[] };

/** So many lines stand in the message itself; more go onto pages. */
const IN_HEAD = 15;
const PAGE = 10_800;
const SHOWN = 10;
const CAUSES = 5;

type About = {
	/** Epoch milliseconds; `from` is the end of the digest before. */
	from: number;
	due: number;
	lang: Lang;
	/** Whether the environment's name is worth a word. */
	nameEnv: boolean;
	/** Whether the pages follow in a thread. */
	thread: boolean;
};

/** What failed, recovered, is open and is muted; every failed try of `entries` on exactly one line, of the message or of a page. */
export function digest(entries: readonly Entry[], about: About): Made {
	const { lang } = about;
	const rows = entries.flatMap((entry) => entry.rows).toSorted((a, b) => a.seenAt - b.seenAt);
	const inHead = rows.length <= IN_HEAD;
	const pages = inHead ? [] : paged(rows);
	let from = 1;
	return {
		head: head(entries, rows, inHead, about),
		pages: pages.map((page) => {
			const reply = pageReply(page, from, rows.length, lang);
			from += page.length;
			return reply;
		}),
	};
}

function head(entries: readonly Entry[], rows: readonly FailedTry[], inHead: boolean, about: About): Reply {
	const { from, due, lang, nameEnv, thread } = about;
	const ja = lang === 'ja';
	const open = entries.filter(({ incident: { phase } }) => phase === 'open' || phase === 'retrying');
	const recovered = entries.filter(({ incident: { phase } }) => phase === 'recovered');
	const muted = entries.filter((entry) => entry.muted);
	const failed = entries.filter((entry) => entry.rows.length > 0).length;
	const parts: Part[] = [
		{
			kind: 'title',
			icon: rows.length === 0 && open.length === 0 ? '✅' : '🗞️',
			line: [headline(rows.length, failed, lang)],
		},
		{
			kind: 'text',
			line: [{ time: new Date(from).toISOString() }, ja ? ' ～ ' : ' – ', { time: new Date(due).toISOString() }],
		},
	];
	if (entries.length > 0)
		parts.push({
			kind: 'text',
			line: [
				ja
					? `未復旧 ${open.length} 件 · 復旧済み ${recovered.length} 件 · ミュート中 ${muted.length} 件`
					: `${open.length} still open · ${recovered.length} recovered · ${muted.length} muted`,
			],
		});
	// Before everything that may be cut: each failed try is listed.
	if (inHead) parts.push(...rowParts(rows));
	const section = (title: string, items: readonly Line[], all: number): void => {
		if (items.length === 0) return;
		parts.push({ kind: 'text', line: [{ bold: title }] });
		const more = all - items.length;
		parts.push({
			kind: 'list',
			items: more > 0 ? [...items, [ja ? `ほか ${more} 件` : `and ${more} more`]] : items,
		});
	};
	const line = (entry: Entry): Line => incidentLine(entry, nameEnv, lang);
	section(ja ? '未復旧' : 'Still open', open.slice(0, SHOWN).map(line), open.length);
	section(ja ? '復旧済み' : 'Recovered', recovered.slice(0, SHOWN).map(line), recovered.length);
	const causes = topCauses(entries);
	section(
		ja ? '主な原因' : 'Top causes',
		causes.slice(0, CAUSES).map(([cause, tries]): Line => [causeName(cause, lang), triesText(tries, lang)]),
		causes.length,
	);
	if (!inHead)
		parts.push({
			kind: 'note',
			line: [
				thread
					? ja
						? '失敗した試行の一覧はスレッドにあります。'
						: 'Each failed try is listed in the thread.'
					: ja
						? '失敗した試行の一覧は次のメッセージにあります。'
						: 'Each failed try is listed in the messages that follow.',
			],
		});
	return { to: 'channel', parts };
}

function headline(tries: number, incidents: number, lang: Lang): string {
	if (lang === 'ja')
		return tries === 0
			? 'ダイジェスト: 新たな失敗はありません'
			: `ダイジェスト: 失敗した試行 ${tries} 件（インシデント ${incidents} 件）`;
	if (tries === 0) return 'Digest: nothing failed';
	return `Digest: ${tries} failed ${tries === 1 ? 'try' : 'tries'} in ${incidents} ${incidents === 1 ? 'incident' : 'incidents'}`;
}

/** Also of the App Home. */
export function incidentLine({ incident, rows, muted }: Entry, nameEnv: boolean, lang: Lang): Line {
	const { env, cause, since, endedAt, phase } = incident;
	const ja = lang === 'ja';
	const time: Span = { time: new Date(since).toISOString() };
	// A cause that is the whole environment's is its own subject.
	const [about, named] = [subjectOf(incident, lang), causeName(cause, lang)];
	const lasted =
		phase === 'recovered'
			? [` · ${durationText((endedAt ?? since) - since, lang)}`]
			: ja
				? [' · 開始: ', time]
				: [' · since ', time];
	return [
		...(muted ? ['🔕 '] : []),
		...about,
		...(about.length === 1 && about[0] === named ? [] : [' · ', named]),
		...lasted,
		...(rows.length > 0 ? [triesText(rows.length, lang)] : []),
		...(nameEnv ? [' · ', { bold: clip(visible(env), 40) }] : []),
	];
}

const triesText = (tries: number, lang: Lang): string =>
	lang === 'ja' ? ` · 失敗 ${tries} 件` : ` · ${tries} failed ${tries === 1 ? 'try' : 'tries'}`;

function causeName(cause: string, lang: Lang): string {
	const unknown = lang === 'ja' ? '原因不明' : 'cause unknown';
	return cause === 'unknown' ? unknown : (titleOf(cause, lang) ?? clip(visible(cause), 60));
}

/** By failed tries, the most first. */
function topCauses(entries: readonly Entry[]): [cause: string, tries: number][] {
	const counts = new Map<string, number>();
	for (const { incident, rows } of entries)
		if (rows.length > 0) counts.set(incident.cause, (counts.get(incident.cause) ?? 0) + rows.length);
	return [...counts].toSorted((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1));
}

function paged(rows: readonly FailedTry[]): FailedTry[][] {
	const pages: FailedTry[][] = [];
	let left = 0;
	for (const row of rows) {
		const length = rowLength(row);
		const page = pages.at(-1);
		if (page && length <= left) {
			page.push(row);
			left -= length;
		} else {
			pages.push([row]);
			left = PAGE - length;
		}
	}
	return pages;
}

function pageReply(rows: readonly FailedTry[], from: number, all: number, lang: Lang): Reply {
	const range = `${from}–${from + rows.length - 1}`;
	return {
		to: 'channel',
		parts: [
			{
				kind: 'title',
				icon: '📋',
				line: [lang === 'ja' ? `失敗した試行 ${range}（全 ${all} 件）` : `Failed tries ${range} of ${all}`],
			},
			...rowParts(rows),
		],
	};
}
