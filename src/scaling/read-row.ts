import { clear, DAG, END, HOST, POOL, QUEUED, RUN, SCHEDULED, SLOTS, START, TASK, type Row } from './tasks.ts';

const [ZERO, DASH, PLUS, POINT, LETTER_T, LETTER_Z, LETTER_N] = [48, 45, 43, 46, 84, 90, 110];
const [QUOTE, BACKSLASH, COMMA, COLON, OPEN, CLOSE, OPEN_LIST, CLOSE_LIST] = [34, 92, 44, 58, 123, 125, 91, 93];

type Field = { key: Uint8Array; kind: 'text' | 'number' | 'time'; place: number; needed: boolean };

const field = (key: string, kind: Field['kind'], place: number, needed = false): Field => ({
	key: new TextEncoder().encode(key),
	kind,
	place,
	needed,
});

/** What we read of a task instance; everything else is passed over. */
const FIELDS: readonly Field[] = [
	field('dag_id', 'text', DAG, true),
	field('dag_run_id', 'text', RUN, true),
	field('task_id', 'text', TASK, true),
	field('pool', 'text', POOL),
	field('hostname', 'text', HOST),
	field('pool_slots', 'number', SLOTS),
	field('queued_when', 'time', QUEUED),
	field('scheduled_when', 'time', SCHEDULED),
	field('start_date', 'time', START),
	field('end_date', 'time', END),
];
const BY_LENGTH: readonly (readonly Field[])[] = Array.from({ length: 16 }, (_, length) =>
	FIELDS.filter(({ key }) => key.length === length),
);
const NULL = new TextEncoder().encode('null');

/**
 * Reads one task instance, a JSON object in UTF-8, without making a string or an object of it. False: something in it is unusual
 * (an escape in a text we keep, another form of time, a wrong type, no JSON at all), and JSON.parse with the schema has to say what it is.
 */
export function rowReader(): (text: Uint8Array, from: number, to: number, row: Row) => boolean {
	const readTime = timeReader();

	/** A value we keep, into the row; its end, or -1. */
	function take(text: Uint8Array, at: number, to: number, { kind, place, needed }: Field, row: Row): number {
		const byte = text[at];
		if (byte === LETTER_N) return !needed && begins(text, at, to, NULL) ? at + NULL.length : -1;
		if (kind === 'number') {
			let end = at;
			let value = 0;
			while (end < to && end - at < 9) {
				const digit = (text[end] ?? 0) - ZERO;
				if (digit < 0 || digit > 9) break;
				value = 10 * value + digit;
				end++;
			}
			row.numbers[place] = value;
			// A sign, a fraction, a power, a zero in front: let JSON.parse say what it is.
			if (end === at || (end - at > 1 && text[at] === ZERO)) return -1;
			return text[end] === COMMA || text[end] === CLOSE ? end : -1;
		}
		if (byte !== QUOTE) return -1;
		const end = stringEnd(text, at + 1, to);
		if (end === -1) return -1;
		if (kind === 'text') {
			row.spans[2 * place] = at + 1;
			row.spans[2 * place + 1] = end;
			return end + 1;
		}
		const time = readTime(text, at + 1, end);
		if (Number.isNaN(time)) return -1;
		row.numbers[place] = time;
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
			if (keyEnd === -1) return false;
			const kept = fieldOf(text, at + 1, keyEnd);
			at = space(text, keyEnd + 1, to);
			if (text[at] !== COLON) return false;
			at = space(text, at + 1, to);
			const end = kept === undefined ? skip(text, at, to) : take(text, at, to, kept, row);
			if (end === -1) return false;
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

function fieldOf(text: Uint8Array, from: number, to: number): Field | undefined {
	const some = BY_LENGTH[to - from];
	if (some === undefined) return undefined;
	for (const each of some) if (begins(text, from, to, each.key)) return each;
	return undefined;
}

function begins(text: Uint8Array, from: number, to: number, with_: Uint8Array): boolean {
	if (from + with_.length > to) return false;
	for (let i = 0; i < with_.length; i++) if (text[from + i] !== with_[i]) return false;
	return true;
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
	const lastDay = new Uint8Array(10);
	const lastMidnight = new Float64Array(1).fill(Number.NaN);
	return (text, from, to) => {
		if (to - from < 20 || text[from + 10] !== LETTER_T) return Number.NaN;
		if (text[from + 13] !== COLON || text[from + 16] !== COLON) return Number.NaN;
		if (!begins(text, from, to, lastDay)) {
			lastDay.set(text.subarray(from, from + 10));
			lastMidnight[0] = midnight(lastDay);
		}
		const hour = twoDigits(text, from + 11);
		const minute = twoDigits(text, from + 14);
		const second = twoDigits(text, from + 17);
		if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59) return Number.NaN;
		let at = from + 19;
		let ms = 0;
		if (text[at] === POINT) {
			const first = ++at;
			for (; at < to; at++) {
				const digit = (text[at] ?? 0) - ZERO;
				if (digit < 0 || digit > 9) break;
				if (at - first < 3) ms = 10 * ms + digit;
			}
			for (let read = at - first; read < 3; read++) ms *= 10;
			if (at === first) return Number.NaN;
		}
		let zone = 0;
		if (to - at === 6 && (text[at] === PLUS || text[at] === DASH) && text[at + 3] === COLON) {
			const hours = twoDigits(text, at + 1);
			const minutes = twoDigits(text, at + 4);
			if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59) return Number.NaN;
			zone = (text[at] === DASH ? -1 : 1) * (60 * hours + minutes);
		} else if (to - at !== 1 || text[at] !== LETTER_Z) return Number.NaN;
		return (lastMidnight[0] ?? Number.NaN) + ((60 * hour + minute - zone) * 60 + second) * 1000 + ms;
	};
}

/** Below zero: they are none. */
function twoDigits(text: Uint8Array, from: number): number {
	const tens = (text[from] ?? 0) - ZERO;
	const ones = (text[from + 1] ?? 0) - ZERO;
	return tens < 0 || tens > 9 || ones < 0 || ones > 9 ? -1 : 10 * tens + ones;
}

function midnight(day: Uint8Array): number {
	const text = new TextDecoder().decode(day);
	return /^\d{4}-\d{2}-\d{2}$/.test(text) ? Date.parse(`${text}T00:00:00Z`) : Number.NaN;
}
