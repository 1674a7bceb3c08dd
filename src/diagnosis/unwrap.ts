import { CUT } from '../domain/quote.ts';
import { levelOf, LINE_CAP, prefixOf, stripEscapes } from './line.ts';
import type { Level, LogLine, Names } from './line.ts';
import { withoutMargin } from './margin.ts';
import { records } from './records.ts';
import { yamlEntries } from './yaml-entries.ts';

type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };
type Obj = { readonly [key: string]: Json };

/**
 * A log in any of its wrappings brought to lines: plain Airflow 2 and 3 text, Airflow 3 JSON lines and pages, Airflow 2
 * pages, Cloud Logging entries, REST bodies. `firstLine` is the number of the first physical line.
 */
export function unwrap(raw: string, firstLine = 1): LogLine[] {
	const log = withoutMargin(raw);
	const out = collector(firstLine);
	if (/^\s{0,100}(?:\{|\[\s{0,100}\{)/.test(log)) {
		const whole = parse(log);
		if (whole !== undefined) {
			unwrapDocument(whole, out);
			return out.lines;
		}
	}
	const entries = yamlEntries(log);
	for (const { line, ...entry } of entries) {
		out.number = firstLine + line - 1;
		unwrapEntry(entry, out);
	}
	if (entries.length > 0) return out.lines;
	for (let at = 0; at < log.length;) {
		let end = log.indexOf('\n', at);
		if (end < 0) end = log.length;
		unwrapPhysical(log.slice(at, end), out);
		out.number++;
		at = end + 1;
	}
	return out.lines;
}

export type Collector = {
	lines: LogLine[];
	/** Number of the physical line being read. */
	number: number;
	/** Level and source that lines without a prefix continue. */
	level: Level;
	from: string | undefined;
	names: Names | undefined;
};

export function collector(number: number): Collector {
	return { lines: [], number, level: 'none', from: undefined, names: undefined };
}

/** Text as a person would see it in a terminal, one entry a line. */
function add(
	text: string,
	out: Collector,
	starts?: { level: Level; from?: string | undefined; names?: Names | undefined },
) {
	let first = true;
	for (const line of pieces(text)) {
		const prefix = prefixOf(line);
		if (first && starts) {
			out.level = starts.level;
			out.from = starts.from;
			out.names = starts.names;
		}
		if (prefix && !(prefix.from === undefined && prefix.level === 'none')) {
			if (!starts || prefix.level !== 'none') out.level = prefix.level;
			if (!starts || prefix.from !== undefined) out.from = prefix.from;
			if (!starts) out.names = undefined;
		}
		out.lines.push({
			line: out.number,
			text: line,
			message: prefix?.message ?? line,
			level: out.level,
			starts: (first && starts !== undefined) || prefix !== undefined,
			from: out.from,
			names: out.names,
		});
		first = false;
	}
	if (out.lines.length > 1.5 * MOST_LINES) out.lines.splice(0, out.lines.length - MOST_LINES);
}

/** Lines kept of one reading: the last ones. More would cost memory without telling more. */
const MOST_LINES = 20_000;
/** What two pieces of a line that is longer than the cap share, so that nothing is cut apart. */
const OVERLAP = 512;

function* pieces(text: string): Generator<string> {
	for (const line of stripEscapes(text).split(/\r\n|[\n\r\u0085\u2028\u2029]/)) {
		if (line.length <= LINE_CAP) yield line;
		else {
			const step = LINE_CAP - OVERLAP;
			for (let at = 0; at < line.length - OVERLAP; at += step) {
				const end = at + LINE_CAP;
				yield (at > 0 ? CUT : '') + line.slice(at, end) + (end < line.length ? CUT : '');
			}
		}
	}
}

const RECORD = ['event', 'textPayload', 'jsonPayload', 'protoPayload', 'timestamp', 'severity', 'level'];

/** One physical line, or a piece of one that is too long to hold. */
export function unwrapPhysical(raw: string, out: Collector) {
	const text = raw.endsWith('\r') ? raw.slice(0, -1) : raw;
	const brace = text.charCodeAt(0) === 123 ? 0 : text.length > 40 ? text.slice(0, 160).search(/(?<=[\]\s|])\{"/) : -1;
	if (brace >= 0) {
		const tail = text.slice(brace).trimEnd();
		const json = parse(tail.endsWith(',') ? tail.slice(0, -1) : tail);
		// Behind a prefix only a log record: a message may end with the JSON body of an answer, and is the message then.
		if (isObject(json) && (brace === 0 || RECORD.some((key) => key in json))) {
			unwrapRecord(json, out);
			return;
		}
	}
	if (text.length > LINE_CAP) {
		// A page that is one long line and was cut: its whole records.
		const whole = records(text);
		if (whole.length > 0) {
			for (const [from, to] of whole) {
				const json = parse(text.slice(from, to));
				if (isObject(json)) unwrapRecord(json, out);
			}
			return;
		}
	}
	// A pretty-printed body: `  "stack_trace": "Traceback …\n  File …",`
	const field = /^\s{1,40}"(\w{1,60})": (".{2,}"),?$/.exec(text);
	if (field?.[2]?.includes('\\n')) {
		const value = parse(field[2]);
		if (typeof value === 'string') {
			add(`"${field[1]}":`, out);
			add(value, out);
			return;
		}
	}
	add(text, out);
}

function unwrapDocument(json: Json, out: Collector) {
	if (Array.isArray(json)) {
		// `gcloud logging read --format=json` lists the newest entry first.
		const entries = json as readonly Json[];
		const times = entries.map((entry) =>
			isObject(entry) && typeof entry.timestamp === 'string' ? entry.timestamp : '',
		);
		const newestFirst = times.length > 1 && (times[0] ?? '') > (times.at(-1) ?? '');
		for (const entry of newestFirst ? entries.toReversed() : entries) {
			unwrapDocumentPart(entry, out);
		}
		return;
	}
	unwrapDocumentPart(json, out);
}

function unwrapDocumentPart(json: Json, out: Collector) {
	if (isObject(json)) unwrapRecord(json, out);
	else add(typeof json === 'string' ? json : repr(json), out);
	out.number++;
}

function unwrapRecord(record: Obj, out: Collector) {
	const { content } = record;
	if (Array.isArray(content) && 'continuation_token' in record) {
		// Airflow 3's log endpoint: application/json.
		for (const part of content as readonly Json[]) unwrapDocumentPart(part, out);
	} else if (typeof content === 'string' && 'continuation_token' in record) {
		// Airflow 2's: text, or (before 2.10) the Python repr of [(host, text), …].
		for (const text of parseTuples(content))
			for (const line of text.split('\n')) {
				unwrapPhysical(line, out);
				out.number++;
			}
	} else if ('event' in record) {
		unwrapEvent(record, out);
	} else if ('textPayload' in record || 'jsonPayload' in record || 'protoPayload' in record) {
		unwrapEntry(record, out);
	} else {
		unwrapOther(record, out);
	}
}

const SHOWN = new Set([
	'event',
	'timestamp',
	'level',
	'logger',
	'filename',
	'lineno',
	'error_detail',
	'exception',
	'exc_info',
	'loc',
]);

/** A structlog line: the event, then its fields as `key=value` in Python's spelling, then its exceptions as a traceback. */
function unwrapEvent(record: Obj, out: Collector) {
	const fields = Object.entries(record)
		.filter(([key, value]) => !SHOWN.has(key) && value !== null)
		.map(([key, value]) => `${key}=${typeof value === 'string' ? bare(value) : repr(value)}`);
	const event = typeof record.event === 'string' ? record.event : repr(record.event ?? '');
	const names: Names | undefined =
		typeof record.dag_id === 'string' || typeof record.task_id === 'string'
			? { dag: text(record.dag_id), task: text(record.task_id), tryNumber: number(record.try_number) }
			: undefined;
	const from = text(record.logger) ?? text(record.filename);
	add([event, ...fields].join(' '), out, { level: levelOf(text(record.level)), from, names });
	if (Array.isArray(record.error_detail)) addStacks(record.error_detail as readonly Json[], out);
	for (const key of ['exception', 'exc_info']) {
		const value = record[key];
		if (typeof value === 'string' && value.length > 10) add(value, out);
	}
}

/**
 * structlog's `error_detail`: the last exception first, each followed by its cause (`is_cause`) or context.
 * Written out as Python would print it, root first, so that one reader serves both generations.
 */
function addStacks(stacks: readonly Json[], out: Collector) {
	const known = stacks.filter(isObject);
	for (let i = known.length - 1; i >= 0; i--) {
		const stack = known[i];
		if (!stack) continue;
		add('Traceback (most recent call last):', out);
		for (const frame of Array.isArray(stack.frames) ? (stack.frames as readonly Json[]) : []) {
			if (!isObject(frame)) continue;
			add(
				`  File "${text(frame.filename) ?? '?'}", line ${number(frame.lineno) ?? 0}, in ${text(frame.name) ?? '?'}`,
				out,
			);
		}
		const value = text(stack.exc_value) ?? '';
		add(`${text(stack.exc_type) ?? 'Exception'}${value === '' ? '' : ': '}${value}`, out);
		for (const note of Array.isArray(stack.exc_notes) ? (stack.exc_notes as readonly Json[]) : []) {
			if (typeof note === 'string') add(note, out);
		}
		for (const inner of Array.isArray(stack.exceptions) ? (stack.exceptions as readonly Json[]) : []) {
			const list = Array.isArray(inner)
				? (inner as readonly Json[])
				: isObject(inner) && Array.isArray(inner.stacks)
					? (inner.stacks as readonly Json[])
					: [inner];
			add(GROUP_MEMBER, out);
			addStacks(list, out);
		}
		if (i > 0) add(stack.is_cause === true ? CAUSE_OF : DURING, out);
	}
}

export const CAUSE_OF = 'The above exception was the direct cause of the following exception:';
export const DURING = 'During handling of the above exception, another exception occurred:';
export const GROUP_MEMBER = '+---------------- sub-exception ----------------';

/** A Cloud Logging entry; its labels say which try the line is about. */
function unwrapEntry(entry: Partial<Readonly<Record<string, Json | undefined>>>, out: Collector) {
	const labels = isObject(entry.labels) ? entry.labels : {};
	const tryNumber = Number(text(labels['try-number']) ?? Number.NaN);
	const names: Names = {
		dag: text(labels.workflow),
		task: text(labels['task-id']),
		tryNumber: Number.isInteger(tryNumber) ? tryNumber : undefined,
	};
	const start = {
		level: levelOf(text(entry.severity)),
		from: text(labels.process) ?? text(entry.logName)?.split('/').at(-1),
		names,
	};
	const { jsonPayload, protoPayload } = entry;
	if (typeof entry.textPayload === 'string') add(entry.textPayload, out, start);
	else if (isObject(jsonPayload)) {
		const { message, ...rest } = jsonPayload;
		if (typeof message === 'string') {
			const fields = Object.entries(rest).filter(([, value]) => value !== null && value !== '');
			add(
				[
					message,
					...fields.map(([key, value]) => `${key}=${typeof value === 'string' ? bare(value) : repr(value)}`),
				].join(' '),
				out,
				start,
			);
		} else add(repr(jsonPayload), out, start);
	} else if (isObject(protoPayload)) add(JSON.stringify(protoPayload), out, start);
	else add(JSON.stringify(entry), out, start);
}

/** Some other JSON object, such as a REST body or an audit entry: kept as it is, long strings opened. */
function unwrapOther(record: Obj, out: Collector) {
	const open: [string, string][] = [];
	const rest: Record<string, Json> = {};
	for (const [key, value] of Object.entries(record)) {
		if (typeof value === 'string' && value.includes('\n')) open.push([key, value]);
		else rest[key] = value;
	}
	const start = { level: levelOf(text(record.severity) ?? text(record.level)) };
	const message = text(rest.message) ?? text(rest.msg);
	add(
		message !== undefined && Object.keys(rest).length > 1 && message.length > 0
			? `${message} ${JSON.stringify(rest)}`
			: JSON.stringify(rest),
		out,
		start,
	);
	for (const [key, value] of open) {
		add(`"${key}":`, out);
		add(value, out);
	}
}

/** `[('host', '*** Reading …\n[2026-…'), …]` as Airflow 2 sent it: the texts. Anything else: itself. */
export function parseTuples(content: string): string[] {
	if (!/^\[\(['"]/.test(content)) return [content];
	const strings: string[] = [];
	const string = /'((?:[^'\\]|\\[^]){0,})'|"((?:[^"\\]|\\[^]){0,})"/g;
	for (const match of content.matchAll(string)) strings.push(unescapePython(match[1] ?? match[2] ?? ''));
	return strings.flatMap((value, i) => (i % 2 === 1 ? [value] : value === '' ? [] : [value]));
}

function unescapePython(text: string): string {
	return text.replace(
		/\\(?:x([0-9a-f]{2})|u([0-9a-f]{4})|([^]))/gi,
		(_, hex2?: string, hex4?: string, char?: string) => {
			const hex = hex2 ?? hex4;
			if (hex !== undefined) return String.fromCharCode(Number.parseInt(hex, 16));
			return char === 'n' ? '\n' : char === 't' ? '\t' : char === 'r' ? '\r' : (char ?? '');
		},
	);
}

function bare(value: string): string {
	return /^[^\s'"]{1,500}$/.test(value) || value.includes('\n') ? value : repr(value);
}

/** As Python writes it, because that is how Airflow 3's console and Airflow 2 show the same value. */
export function repr(json: Json): string {
	if (json === null) return 'None';
	if (json === true) return 'True';
	if (json === false) return 'False';
	if (typeof json === 'number') return String(json);
	if (typeof json === 'string') {
		const quote = json.includes("'") && !json.includes('"') ? '"' : "'";
		return (
			quote +
			json
				.replaceAll('\\', '\\\\')
				.replaceAll('\n', '\\n')
				.replaceAll(quote === "'" ? /'/g : /"/g, `\\${quote}`) +
			quote
		);
	}
	if (Array.isArray(json)) return `[${(json as readonly Json[]).map(repr).join(', ')}]`;
	return `{${Object.entries(json as Obj)
		.map(([key, value]) => `${repr(key)}: ${repr(value)}`)
		.join(', ')}}`;
}

function text(json: Json | undefined): string | undefined {
	return typeof json === 'string' ? json : undefined;
}

function number(json: Json | undefined): number | undefined {
	return typeof json === 'number' ? json : undefined;
}

function parse(text: string): Json | undefined {
	try {
		return JSON.parse(text) as Json;
	} catch {
		// Not one document: read as text.
		return undefined;
	}
}

function isObject(json: Json | undefined): json is Obj {
	return typeof json === 'object' && json !== null && !Array.isArray(json);
}
