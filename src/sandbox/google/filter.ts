import { invalid, type GoogleRefusal } from '../world/refusal.ts';

/** Logging's query language as far as people and the bot use it, parsed into a tree. */
export type Filter =
	| { kind: 'and' | 'or'; of: Filter[] }
	| { kind: 'not'; of: Filter }
	| { kind: 'compare'; path: string[]; op: Operator; value: string }
	/** A word that stands alone: any field has it. */
	| { kind: 'anywhere'; text: string }
	| { kind: 'log-id'; id: string }
	| { kind: 'search'; path: string[] | undefined; query: string };

export type Operator = '=' | '!=' | '<' | '<=' | '>' | '>=' | ':' | '=~' | '!~';

type Token = {
	kind: 'word' | 'path' | 'string' | 'operator' | '(' | ')' | ',' | '-' | 'end';
	text: string;
	/** A path's parts, quotes taken off. */
	parts: string[];
	line: number;
	column: number;
};

const OPERATORS = ['!=', '<=', '>=', '=~', '!~', '=', '<', '>', ':'] as const;
const WORD = /[^\s"'()=!<>:~,]+/y;
const BLANK = /(?:\s|--[^\n]*)+/y;
const STRING = /"((?:[^"\\]|\\[^])*)"/y;

/**
 * Throws GoogleRefusal INVALID_ARGUMENT, with the place, for what does not follow the grammar. An empty filter is everything.
 * Precedence as documented: NOT, then OR, then AND; a blank between two comparisons is AND.
 */
export function parseFilter(source: string): Filter {
	if (source.length > 20_000) throw invalid('Filter exceeds the maximum length of 20000 characters.');
	const tokens = lex(source);
	let place = 0;
	const end: Token = { kind: 'end', text: '', parts: [], line: 0, column: 0 };
	const peek = (ahead = 0): Token => tokens[place + ahead] ?? end;
	const next = (): Token => tokens[place++] ?? end;
	const isWord = (token: Token, text: string): boolean => token.kind === 'word' && token.text === text;
	function expect(kind: Token['kind']): Token {
		const token = next();
		if (token.kind !== kind) throw unparseable(token);
		return token;
	}

	function conjunction(): Filter {
		const of = [disjunction()];
		for (;;) {
			const token = peek();
			if (isWord(token, 'AND')) next();
			else if (token.kind === 'end' || token.kind === ')') break;
			of.push(disjunction());
		}
		return join('and', of);
	}
	function disjunction(): Filter {
		const of = [negation()];
		while (isWord(peek(), 'OR')) {
			next();
			of.push(negation());
		}
		return join('or', of);
	}
	function negation(): Filter {
		const token = peek();
		if (isWord(token, 'NOT') || token.kind === '-') {
			next();
			return { kind: 'not', of: negation() };
		}
		if (token.kind === '(') {
			next();
			const inner = conjunction();
			expect(')');
			return inner;
		}
		return term();
	}
	function term(): Filter {
		const token = next();
		if (token.kind === 'word' && (token.text === 'AND' || token.text === 'OR')) throw unparseable(token);
		if (token.kind !== 'word' && token.kind !== 'path' && token.kind !== 'string') throw unparseable(token);
		if (token.kind === 'word' && peek().kind === '(') return call(token);
		if (peek().kind !== 'operator') {
			if (token.kind === 'path') throw unparseable(peek());
			return { kind: 'anywhere', text: token.text };
		}
		const op = next().text as Operator;
		const path = token.kind === 'path' ? token.parts : token.kind === 'word' ? token.text.split('.') : [token.text];
		if (path.includes('')) throw unparseable(token);
		return operand((value) => ({ kind: 'compare', path, op, value }));
	}
	/** One value, or several in parentheses with OR, AND and NOT between them. */
	function operand(make: (value: string) => Filter): Filter {
		const token = next();
		if (token.kind === 'word' || token.kind === 'string' || token.kind === 'path') return make(valueOf(token));
		if (token.kind === '-' && peek().kind === 'word') return make(`-${next().text}`);
		if (token.kind !== '(') throw unparseable(token);
		const either = (): Filter => {
			const of = [single()];
			while (isWord(peek(), 'OR')) {
				next();
				of.push(single());
			}
			return join('or', of);
		};
		const single = (): Filter => {
			if (!isWord(peek(), 'NOT')) return operand(make);
			next();
			return { kind: 'not', of: single() };
		};
		const of = [either()];
		while (peek().kind !== ')') {
			if (isWord(peek(), 'AND')) next();
			else if (peek().kind === 'end') throw unparseable(peek());
			of.push(either());
		}
		expect(')');
		return join('and', of);
	}
	function valueOf(token: Token): string {
		if (token.kind === 'word' && /^(AND|OR|NOT)$/.test(token.text)) throw unparseable(token);
		return token.kind === 'path' ? token.parts.join('.') : token.text;
	}
	function call(name: Token): Filter {
		const open = expect('(');
		const given: Token[] = [];
		while (peek().kind !== ')') {
			if (given.length > 0) expect(',');
			const token = next();
			if (token.kind !== 'word' && token.kind !== 'string' && token.kind !== 'path') throw unparseable(token);
			given.push(token);
		}
		expect(')');
		const [first, second] = given;
		if (name.text === 'log_id' && first && given.length === 1) return { kind: 'log-id', id: valueOf(first) };
		if (/^search$/i.test(name.text) && first && given.length === 1)
			return { kind: 'search', path: undefined, query: valueOf(first) };
		if (/^search$/i.test(name.text) && first && second && given.length === 2)
			return {
				kind: 'search',
				path: first.kind === 'path' ? first.parts : first.text.split('.'),
				query: valueOf(second),
			};
		throw unparseable(open);
	}

	if (tokens.length === 0) return { kind: 'and', of: [] };
	const whole = conjunction();
	if (peek().kind !== 'end') throw unparseable(peek());
	return whole;
}

function join(kind: 'and' | 'or', of: Filter[]): Filter {
	const [only] = of;
	return of.length === 1 && only ? only : { kind, of };
}

function unparseable({ kind, text, line, column }: Token): GoogleRefusal {
	return invalid(
		kind === 'end'
			? 'Unparseable filter: syntax error at end of filter'
			: `Unparseable filter: syntax error at line ${line}, column ${column}, token '${text || kind}'`,
	);
}

function lex(source: string): Token[] {
	const tokens: Token[] = [];
	let at = 0;
	const where = (): { line: number; column: number } => {
		const before = source.slice(0, at);
		return { line: before.split('\n').length, column: at - before.lastIndexOf('\n') };
	};
	const match = (pattern: RegExp): RegExpExecArray | undefined => {
		pattern.lastIndex = at;
		const found = pattern.exec(source);
		if (found) at += found[0].length;
		return found ?? undefined;
	};
	for (;;) {
		match(BLANK);
		const char = source[at];
		if (char === undefined) return tokens;
		const place = where();
		const push = (kind: Token['kind'], text: string, parts: string[] = []): void =>
			void tokens.push({ kind, text, parts, ...place });
		if (char === '(' || char === ')' || char === ',') {
			at++;
			push(char, char);
			continue;
		}
		const operator = OPERATORS.find((one) => source.startsWith(one, at));
		if (operator !== undefined) {
			at += operator.length;
			push('operator', operator);
			continue;
		}
		// A minus before a term negates it; within a word it is part of it.
		if (char === '-' && /[("'A-Za-z_]/.test(source[at + 1] ?? '') && !endsWithOperator(tokens)) {
			at++;
			push('-', '-');
			continue;
		}
		if (char === '"') {
			const found = match(STRING);
			if (!found) throw unparseable({ kind: 'string', text: source.slice(at, at + 20), parts: [], ...place });
			push('string', unescape(found[1] ?? ''));
			continue;
		}
		const word = match(WORD)?.[0];
		if (word === undefined) throw unparseable({ kind: 'word', text: char, parts: [], ...place });
		// `labels."task-id".x`: quoted parts of a path, without blanks between.
		if (!word.endsWith('.') || source[at] !== '"') {
			push('word', word);
			continue;
		}
		const parts = word.slice(0, -1).split('.');
		for (;;) {
			const quoted = match(STRING);
			if (!quoted) throw unparseable({ kind: 'path', text: source.slice(at, at + 20), parts: [], ...place });
			parts.push(unescape(quoted[1] ?? ''));
			if (source[at] !== '.') break;
			at++;
			const more = match(WORD)?.[0];
			if (more === undefined) {
				if (source[at] !== '"') throw unparseable({ kind: 'path', text: '.', parts: [], ...place });
				continue;
			}
			parts.push(...more.replace(/\.$/, '').split('.'));
			if (!more.endsWith('.')) break;
		}
		push('path', parts.join('.'), parts);
	}
}

const endsWithOperator = (tokens: readonly Token[]): boolean => tokens.at(-1)?.kind === 'operator';

const ESCAPES: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', a: '\x07', b: '\b', f: '\f', v: '\v' };

function unescape(text: string): string {
	return text.replace(
		/\\(?:u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|([0-7]{1,3})|([^]))/g,
		(_, unicode?: string, hex?: string, octal?: string, char?: string) => {
			if (unicode !== undefined || hex !== undefined) return String.fromCharCode(parseInt(unicode ?? hex ?? '', 16));
			if (octal !== undefined) return String.fromCharCode(parseInt(octal, 8));
			return ESCAPES[char ?? ''] ?? char ?? '';
		},
	);
}
