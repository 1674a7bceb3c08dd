import { clear, DAG, HOST, POOL, RUN, TASK, type Row } from './tasks.ts';

const [ZERO, DASH, PLUS, POINT, LETTER_T, LETTER_Z] = [48, 45, 43, 46, 84, 90];
const [QUOTE, BACKSLASH, COMMA, COLON, OPEN, CLOSE, OPEN_LIST, CLOSE_LIST] = [34, 92, 44, 58, 123, 125, 91, 93];

/** What we read of a task instance; everything else is passed over. Texts by their place in the row, then the number and the times. */
const FIELDS: readonly { key: Uint8Array; what: number }[] = [
	['dag_id', DAG],
	['dag_run_id', RUN],
	['task_id', TASK],
	['pool', POOL],
	['hostname', HOST],
	['pool_slots', 10],
	['queued_when', 11],
	['scheduled_when', 12],
	['start_date', 13],
	['end_date', 14],
].map(([key, what]) => ({ key: new TextEncoder().encode(String(key)), what: Number(what) }));
const [SLOTS, QUEUED, SCHEDULED, START] = [10, 11, 12, 13];

/**
 * Reads one task instance, a JSON object in UTF-8, without making a string or an object of it. False: something in it is unusual
 * (an escape in a text we keep, another form of time, a wrong type, no JSON at all), and JSON.parse with the schema has to say what it is.
 */
export function rowReader(): (text: Uint8Array, from: number, to: number, row: Row) => boolean {
	const readTime = timeReader();

	/** A value we keep, into the row; its end, or -1. */
	function take(text: Uint8Array, at: number, to: number, what: number, row: Row): number {
		const byte = text[at] ?? 0;
		if (byte === 110) return what === DAG || what === RUN || what === TASK ? -1 : word(text, at, to, 'null');
		if (what === SLOTS) {
			let end = at;
			let value = 0;
			while (end < to && isDigit(text[end] ?? 0) && end - at < 9) value = 10 * value + (text[end++] ?? 0) - ZERO;
			row.slots = value;
			return end === at || (text[end] !== COMMA && text[end] !== CLOSE) ? -1 : end;
		}
		if (byte !== QUOTE) return -1;
		const end = stringEnd(text, at + 1, to);
		if (end < 0) return -1;
		if (what < SLOTS) {
			row.spans[2 * what] = at + 1;
			row.spans[2 * what + 1] = end;
			return end + 1;
		}
		const time = readTime(text, at + 1, end);
		if (Number.isNaN(time)) return -1;
		if (what === QUEUED) row.queued = time;
		else if (what === SCHEDULED) row.scheduled = time;
		else if (what === START) row.start = time;
		else row.end = time;
		return end + 1;
	}

	return (text, from, to, row) => {
		clear(row);
		row.text = text;
		let at = space(text, from, to);
		if (text[at] !== OPEN) return false;
		at = space(text, at + 1, to);
		for (;;) {
			if (text[at] !== QUOTE) return false;
			const keyEnd = stringEnd(text, at + 1, to);
			if (keyEnd < 0) return false;
			const what = fieldOf(text, at + 1, keyEnd);
			at = space(text, keyEnd + 1, to);
			if (text[at] !== COLON) return false;
			at = space(text, at + 1, to);
			const end = what === -1 ? skip(text, at, to) : take(text, at, to, what, row);
			if (end < 0) return false;
			at = space(text, end, to);
			if (text[at] === CLOSE) break;
			if (text[at] !== COMMA) return false;
			at = space(text, at + 1, to);
		}
		if (space(text, at + 1, to) !== to) return false;
		const { spans } = row;
		return spans[2 * DAG] !== -1 && spans[2 * RUN] !== -1 && spans[2 * TASK] !== -1;
	};
}

function space(text: Uint8Array, from: number, to: number): number {
	let at = from;
	while (at < to) {
		const byte = text[at];
		if (byte !== 32 && byte !== 9 && byte !== 10 && byte !== 13) break;
		at++;
	}
	return at;
}

/** Where a text without escapes ends; -1: it has some, or is not ended. */
function stringEnd(text: Uint8Array, from: number, to: number): number {
	for (let at = from; at < to; at++) {
		const byte = text[at] ?? 0;
		if (byte === QUOTE) return at;
		if (byte === BACKSLASH || byte < 32) return -1;
	}
	return -1;
}

function fieldOf(text: Uint8Array, from: number, to: number): number {
	for (const { key, what } of FIELDS) {
		if (key.length !== to - from || key[0] !== text[from]) continue;
		let same = 1;
		while (same < key.length && key[same] === text[from + same]) same++;
		if (same === key.length) return what;
	}
	return -1;
}

const isDigit = (byte: number): boolean => byte >= 48 && byte <= 57;

function word(text: Uint8Array, at: number, to: number, expected: string): number {
	if (at + expected.length > to) return -1;
	for (let i = 0; i < expected.length; i++) if (text[at + i] !== expected.charCodeAt(i)) return -1;
	return at + expected.length;
}

/** The end of a value we do not keep, -1: it has none. What is inside of it is not checked: nothing of it is used. */
function skip(text: Uint8Array, from: number, to: number): number {
	const byte = text[from];
	if (byte === QUOTE) return afterString(text, from, to);
	if (byte === OPEN || byte === OPEN_LIST) {
		let depth = 0;
		for (let at = from; at < to; at++) {
			const here = text[at];
			if (here === QUOTE) {
				at = afterString(text, at, to) - 1;
				if (at < 0) return -1;
			} else if (here === OPEN || here === OPEN_LIST) depth++;
			else if (here === CLOSE || here === CLOSE_LIST) {
				depth--;
				if (depth === 0) return at + 1;
			}
		}
		return -1;
	}
	let at = from;
	while (at < to && text[at] !== COMMA && text[at] !== CLOSE && (text[at] ?? 0) > 32) at++;
	return at === from ? -1 : at;
}

function afterString(text: Uint8Array, quote: number, to: number): number {
	for (let at = quote + 1; at < to; at++) {
		if (text[at] === BACKSLASH) at++;
		else if (text[at] === QUOTE) return at + 1;
	}
	return -1;
}

/** `2026-11-16T08:00:00.123456+00:00` or `…Z`, as Airflow writes it, cut to milliseconds; NaN: it is in another form. Most rows lie on the day of the one before. */
function timeReader(): (text: Uint8Array, from: number, to: number) => number {
	let lastDay = 0;
	let lastMidnight = Number.NaN;
	return (text, from, to) => {
		if (to - from < 20 || text[from + 4] !== DASH || text[from + 7] !== DASH || text[from + 10] !== LETTER_T)
			return Number.NaN;
		if (text[from + 13] !== COLON || text[from + 16] !== COLON) return Number.NaN;
		const day = 10_000 * digits(text, from, 4) + 100 * digits(text, from + 5, 2) + digits(text, from + 8, 2);
		const hour = digits(text, from + 11, 2);
		const minute = digits(text, from + 14, 2);
		const second = digits(text, from + 17, 2);
		if (!(hour < 24 && minute < 60 && second < 60)) return Number.NaN;
		if (day !== lastDay) {
			lastDay = day;
			lastMidnight = midnight(day);
		}
		let at = from + 19;
		let ms = 0;
		if (text[at] === POINT)
			for (let worth = 100, first = ++at; at < to && isDigit(text[at] ?? 0); at++)
				if (at - first < 3) {
					ms += worth * ((text[at] ?? 0) - ZERO);
					worth /= 10;
				}
		let zone = 0;
		if (to - at === 6 && (text[at] === PLUS || text[at] === DASH) && text[at + 3] === COLON)
			zone = (text[at] === DASH ? -1 : 1) * (60 * digits(text, at + 1, 2) + digits(text, at + 4, 2));
		else if (to - at !== 1 || text[at] !== LETTER_Z) return Number.NaN;
		return lastMidnight + ((60 * hour + minute - zone) * 60 + second) * 1000 + ms;
	};
}

/** NaN where one of them is none. */
function digits(text: Uint8Array, from: number, count: number): number {
	let value = 0;
	for (let at = from; at < from + count; at++) {
		const byte = text[at] ?? 0;
		if (!isDigit(byte)) return Number.NaN;
		value = 10 * value + byte - ZERO;
	}
	return value;
}

function midnight(day: number): number {
	const text = String(day).padStart(8, '0');
	return Date.parse(`${text.slice(0, 4)}-${text.slice(4, 6)}-${text.slice(6)}T00:00:00Z`);
}
