import { invalid } from '../world/refusal.ts';
import type { Json, LogEntry, Severity } from '../world/types.ts';
import { parseFilter, type Filter, type Operator } from './filter.ts';

export const SEVERITIES: Readonly<Record<Severity, number>> = {
	DEFAULT: 0,
	DEBUG: 100,
	INFO: 200,
	NOTICE: 300,
	WARNING: 400,
	ERROR: 500,
	CRITICAL: 600,
	ALERT: 700,
	EMERGENCY: 800,
};

type Test = (entry: LogEntry) => boolean;

/** A filter of Cloud Logging as a test of entries. Throws GoogleRefusal INVALID_ARGUMENT. */
export function logFilter(source: string): Test {
	return compile(parseFilter(source));
}

function compile(filter: Filter): Test {
	switch (filter.kind) {
		case 'and': {
			const all = filter.of.map(compile);
			return (entry) => all.every((test) => test(entry));
		}
		case 'or': {
			const all = filter.of.map(compile);
			return (entry) => all.some((test) => test(entry));
		}
		case 'not': {
			const test = compile(filter.of);
			return (entry) => !test(entry);
		}
		case 'log-id': {
			const ending = `/logs/${encodeURIComponent(filter.id)}`;
			return ({ logName }) => logName.endsWith(ending);
		}
		case 'anywhere': {
			const text = filter.text.toLowerCase();
			return (entry) => leaves(entry).some((leaf) => leaf.toLowerCase().includes(text));
		}
		case 'search': {
			const words = tokensOf(filter.query);
			const read = filter.path && readerOf(filter.path);
			return (entry) => {
				const found = new Set((read ? read(entry).flatMap(textsIn) : leaves(entry)).flatMap(tokensOf));
				return words.every((word) => found.has(word));
			};
		}
		default:
			return comparison(filter.path, filter.op, filter.value);
	}
}

function comparison(path: readonly string[], op: Operator, value: string): Test {
	const read = readerOf(path);
	const [first = ''] = path;
	if (first === 'severity') return bySeverity(op, value);
	if (/^(timestamp|receive_?[tT]imestamp)$/.test(first)) return byTime(first === 'timestamp', op, value);
	if (op === ':' && value === '*') return (entry) => read(entry).some((found) => found !== '' && found !== null);
	const test = leafTest(op, value);
	// All comparisons with a field that is not there fail, `!=` too.
	return (entry) => {
		const found = read(entry);
		return found.length > 0 && (isNegative(op) ? found.every(test) : found.some(test));
	};
}

const isNegative = (op: Operator): boolean => op === '!=' || op === '!~';

function leafTest(op: Operator, value: string): (found: Json) => boolean {
	if (op === '=~' || op === '!~') {
		const pattern = regexOf(value);
		return (found) => textsIn(found).some((text) => pattern.test(text)) === (op === '=~');
	}
	const small = value.toLowerCase();
	const number = value.trim() === '' ? Number.NaN : Number(value);
	return (found) => {
		if (typeof found === 'object' && found !== null)
			return op === ':' && textsIn(found).some((text) => text.toLowerCase().includes(small));
		const text = String(found).toLowerCase();
		if (op === ':') return typeof found === 'number' ? found === number : text.includes(small);
		const order =
			typeof found === 'number' && !Number.isNaN(number)
				? Math.sign(found - number)
				: text < small
					? -1
					: text > small
						? 1
						: 0;
		return ordered(op, order);
	};
}

function ordered(op: Operator, order: number): boolean {
	switch (op) {
		case '=':
		case ':':
			return order === 0;
		case '!=':
			return order !== 0;
		case '<':
			return order < 0;
		case '<=':
			return order <= 0;
		case '>':
			return order > 0;
		default:
			return order >= 0;
	}
}

function bySeverity(op: Operator, value: string): Test {
	const name = Object.keys(SEVERITIES).find((one) => one === value.toUpperCase()) as Severity | undefined;
	const wanted = name === undefined ? Number(value) : SEVERITIES[name];
	if (Number.isNaN(wanted) || value === '') throw invalid(`Unparseable filter: invalid severity '${value}'`);
	if (op === '=~' || op === '!~') throw invalid("Unparseable filter: regular expressions can't be used with severity");
	return ({ severity }) => ordered(op, Math.sign(SEVERITIES[severity] - wanted));
}

function byTime(own: boolean, op: Operator, value: string): Test {
	const at = /^\d{4}-\d\d-\d\d/.test(value) ? Date.parse(value) : Number.NaN;
	if (Number.isNaN(at)) throw invalid(`Unparseable filter: invalid timestamp '${value}'`);
	if (op === '=~' || op === '!~' || op === ':')
		throw invalid(`Unparseable filter: operator '${op}' can't be used with a timestamp`);
	return ({ timestamp, receivedAt }) => ordered(op, Math.sign((own ? timestamp : receivedAt) - at));
}

/** RE2 as far as JavaScript reads it the same; `(?i)` in front. */
function regexOf(source: string): RegExp {
	const flags = /^\(\?([ims]+)\)/.exec(source);
	try {
		return new RegExp(flags ? source.slice(flags[0].length) : source, `${flags?.[1] ?? ''}u`);
	} catch {
		throw invalid(`Unparseable filter: regular expression '${source}' is not valid`);
	}
}

/** `log_name` and `logName` are the same field. */
const camel = (name: string): string => name.replace(/_([a-z])/g, (_, next: string) => next.toUpperCase());

/** Fields every entry has, if only by default, by their path. */
const FIXED: Readonly<Record<string, (entry: LogEntry) => Json>> = {
	logName: ({ logName }) => logName,
	insertId: ({ insertId }) => insertId,
	severity: ({ severity }) => severity,
	textPayload: ({ textPayload }) => textPayload ?? '',
	trace: () => '',
	spanId: () => '',
	traceSampled: () => false,
	'resource.type': ({ resource }) => resource.type,
	'operation.id': ({ operation }) => operation?.id ?? '',
	'operation.producer': ({ operation }) => operation?.producer ?? '',
	'operation.first': ({ operation }) => operation?.first ?? false,
	'operation.last': ({ operation }) => operation?.last ?? false,
};

/** What a path finds in an entry; empty: the field is missing. Throws for a field that no entry can have. */
function readerOf(path: readonly string[]): (entry: LogEntry) => Json[] {
	const [head = '', ...rest] = path;
	const root = camel(head);
	const fixed = FIXED[[root, ...rest.map(camel)].join('.')];
	if (fixed) return (entry) => [fixed(entry)];
	if (root === 'timestamp' || root === 'receiveTimestamp') return () => [];
	if (root === 'labels') return ({ labels }) => inLabels(labels, rest);
	if (root === 'resource' && rest[0] === 'labels') return ({ resource }) => inLabels(resource.labels, rest.slice(1));
	if (root === 'jsonPayload') return ({ jsonPayload }) => dig(jsonPayload, rest);
	if (root === 'protoPayload') return ({ protoPayload }) => dig(protoPayload, rest.map(camel));
	if (root === 'httpRequest' || root === 'sourceLocation') return () => [''];
	throw invalid(`Unparseable filter: Field not found: '${path.join('.')}'.`);
}

function inLabels(labels: Readonly<Record<string, string>>, path: readonly string[]): Json[] {
	if (path.length === 0) return [{ ...labels }];
	// A label's name may have dots that nobody quoted.
	const found = labels[path.join('.')];
	return found === undefined ? [] : [found];
}

function dig(value: Json | undefined, path: readonly string[]): Json[] {
	if (value === undefined) return [];
	if (Array.isArray(value)) return value.flatMap((one) => dig(one, path));
	const [name, ...rest] = path;
	if (name === undefined) return [value];
	return typeof value === 'object' && value !== null ? dig(value[name], rest) : [];
}

/** Every text of an entry, for words that stand alone. */
function leaves(entry: LogEntry): string[] {
	return [
		entry.logName,
		entry.insertId,
		entry.severity,
		entry.resource.type,
		...Object.values(entry.resource.labels),
		...Object.values(entry.labels),
		...textsIn(entry.textPayload ?? null),
		...textsIn(entry.jsonPayload ?? null),
		...textsIn(entry.protoPayload ?? null),
	];
}

function textsIn(value: Json): string[] {
	if (value === null) return [];
	if (Array.isArray(value)) return value.flatMap(textsIn);
	return typeof value === 'object' ? Object.values(value).flatMap(textsIn) : [String(value)];
}

/** SEARCH looks for whole words in any order, whatever their case. */
const tokensOf = (text: string): string[] => text.toLowerCase().match(/[\p{L}\p{N}_]+/gu) ?? [];
