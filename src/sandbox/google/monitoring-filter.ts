import { invalid } from '../world/refusal.ts';
import type { SeriesId } from '../world/world.ts';

export type MonitoringFilter = {
	/** The one metric it must name. */
	metric: string;
	matches: (series: SeriesId) => boolean;
};

type Test = (series: SeriesId) => boolean;
type Parsed = { test: Test; metrics: string[] };

const TOKEN = /\s*(?:(AND|OR|NOT)\b|([a-zA-Z_][\w.]*)|"((?:[^"\\]|\\[^])*)"|(!=|=|:|\(|\)|,))/y;

/**
 * A filter of Cloud Monitoring: selectors `metric.type`, `metric.labels.X`, `resource.type`, `resource.labels.X`, compared by `=`
 * and `!=` with a text, `one_of`, `starts_with`, `ends_with`, `has_substring` or `monitoring.regex.full_match`. Throws
 * GoogleRefusal for anything else, and when it names not exactly one metric.
 */
export function parseMonitoringFilter(source: string): MonitoringFilter {
	const tokens = lex(source);
	let place = 0;
	const peek = () => tokens[place];
	const fail = (at = peek()) =>
		invalid(
			`Field filter had an invalid value of "${source}": Could not parse filter "${source}"; syntax error at line 1, column ${(at?.at ?? source.length) + 1}, token '${at?.text ?? ''}'.`,
		);
	function take(kind: Token['kind'], text?: string): Token {
		const token = tokens[place];
		if (!token || token.kind !== kind || (text !== undefined && token.text !== text)) throw fail();
		place++;
		return token;
	}
	const isWord = (text: string): boolean => peek()?.kind === 'word' && peek()?.text === text;

	function expression(): Parsed {
		let left = term();
		for (;;) {
			const token = peek();
			if (!token || token.text === ')') return left;
			const either = isWord('OR');
			if (either || isWord('AND')) place++;
			const right = term();
			const [a, b] = [left.test, right.test];
			left = {
				test: either ? (series) => a(series) || b(series) : (series) => a(series) && b(series),
				metrics: [...left.metrics, ...right.metrics],
			};
		}
	}
	function term(): Parsed {
		if (isWord('NOT')) {
			place++;
			const { test, metrics } = term();
			return { test: (series) => !test(series), metrics };
		}
		if (peek()?.text === '(' && peek()?.kind === 'mark') {
			place++;
			const inner = expression();
			take('mark', ')');
			return inner;
		}
		const selector = take('name');
		const read = readerOf(selector.text);
		if (!read) throw fail(selector);
		const mark = take('mark');
		if (mark.text !== '=' && mark.text !== '!=') throw fail(mark);
		const value = peek();
		const { accepts, plain } = operand();
		if (
			plain === undefined &&
			selector.text === 'metric.type' &&
			value?.text !== 'starts_with' &&
			value?.text !== 'one_of'
		)
			throw fail(value);
		return {
			test: (series) => accepts(read(series) ?? '') === (mark.text === '='),
			metrics: selector.text === 'metric.type' && mark.text === '=' ? [plain ?? '*'] : [],
		};
	}
	function operand(): { accepts: (value: string) => boolean; plain?: string } {
		const token = peek();
		if (token?.kind === 'string') {
			place++;
			return { accepts: (value) => value === token.text, plain: token.text };
		}
		const name = take('name').text;
		take('mark', '(');
		const given = [take('string').text];
		while (peek()?.text === ',') {
			place++;
			given.push(take('string').text);
		}
		take('mark', ')');
		const [first = ''] = given;
		switch (name) {
			case 'one_of':
				return { accepts: (value) => given.includes(value), ...(given.length === 1 && { plain: first }) };
			case 'starts_with':
				return { accepts: (value) => value.startsWith(first) };
			case 'ends_with':
				return { accepts: (value) => value.endsWith(first) };
			case 'has_substring':
				return { accepts: (value) => value.includes(first) };
			case 'monitoring.regex.full_match': {
				const pattern = toPattern(first, source);
				return { accepts: (value) => pattern.test(value) };
			}
			default:
				throw fail(token);
		}
	}

	if (tokens.length === 0) throw invalid('Field filter must not be empty.');
	const { test, metrics } = expression();
	if (place < tokens.length) throw fail();
	const [metric] = metrics;
	if (metric === undefined || metric === '*' || metrics.length > 1)
		throw invalid(
			`Field filter had an invalid value of "${source}": The metric.type must be specified with a single value.`,
		);
	return { metric, matches: test };
}

type Token = { kind: 'word' | 'name' | 'string' | 'mark'; text: string; at: number };

function lex(source: string): Token[] {
	const tokens: Token[] = [];
	let at = 0;
	while (source.slice(at).trim() !== '') {
		TOKEN.lastIndex = at;
		const found = TOKEN.exec(source);
		if (!found)
			throw invalid(
				`Field filter had an invalid value of "${source}": Could not parse filter "${source}"; syntax error at line 1, column ${at + 1}, token '${source.slice(at).trim()[0]}'.`,
			);
		const [, word, name, text, mark] = found;
		const kind = word !== undefined ? 'word' : name !== undefined ? 'name' : text !== undefined ? 'string' : 'mark';
		tokens.push({ kind, text: word ?? name ?? text?.replace(/\\([^])/g, '$1') ?? mark ?? '', at });
		at = TOKEN.lastIndex;
	}
	return tokens;
}

/** `metric.labels.state` and the older `metric.label.state`. */
function readerOf(selector: string): ((series: SeriesId) => string | undefined) | undefined {
	if (selector === 'metric.type') return ({ metric }) => metric;
	if (selector === 'resource.type') return ({ resource }) => resource.type;
	const [, of, label] = /^(metric|resource)\.labels?\.(\w+)$/.exec(selector) ?? [];
	if (label === undefined) return selector === 'project' ? ({ resource }) => resource.labels['project_id'] : undefined;
	return of === 'metric' ? ({ metricLabels }) => metricLabels?.[label] : ({ resource }) => resource.labels[label];
}

function toPattern(text: string, source: string): RegExp {
	try {
		return new RegExp(`^(?:${text})$`, 'u');
	} catch {
		throw invalid(`Field filter had an invalid value of "${source}": invalid regular expression.`);
	}
}
