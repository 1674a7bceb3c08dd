/** A piece of a word: what it says, or what only a shell that runs would know. */
type Piece = { text: string } | { variable: string } | { substitution: string };

/** One command as the shell would start it. */
export type Simple = {
	/** `NAME=value` in front of it, or alone. */
	assigns: readonly { name: string; value: Word }[];
	words: readonly Word[];
	/** What it reads or writes instead of the terminal; not followed any further. */
	redirects: readonly string[];
	/** In a loop: how often it runs is not known. */
	looped: boolean;
};

export type Word = readonly Piece[];

/** Commands joined by `|`. `after`: what stood between it and the pipeline before it. */
export type Pipeline = { after: 'start' | ';' | '&&' | '||'; commands: readonly Simple[] };

/** What is wrong, and where it stands. */
export class ShellError extends Error {
	readonly at: number;
	constructor(message: string, text: string, at: number) {
		const line = text.slice(0, at).split('\n').length;
		super(`${message} (line ${line}: ${JSON.stringify(text.slice(at, at + 40))})`);
		this.name = 'ShellError';
		this.at = at;
	}
}

/**
 * Reads a script of bash as far as the posted commands go: words with quotes of every kind, `\` at the end of a line, comments,
 * assignments, `$NAME`, `${NAME}`, `$(…)`, pipes, `&&`, `||`, `;`, redirections, and `while … do … done`. Throws ShellError.
 */
export function readShell(text: string): Pipeline[] {
	const reader = openReader(text);
	const list = readList(reader, false);
	if (reader.at < text.length) throw new ShellError('nothing to close here', text, reader.at);
	return list;
}

type Reader = { text: string; at: number };

const openReader = (text: string): Reader => ({ text, at: 0 });

/** Blanks, line continuations and, where a word may begin, a comment. Ends at a newline. */
function skipBlanks(reader: Reader): void {
	const { text } = reader;
	for (;;) {
		if (text[reader.at] === ' ' || text[reader.at] === '\t') reader.at++;
		else if (text.startsWith('\\\n', reader.at)) reader.at += 2;
		else if (text[reader.at] === '#' && /^$|\s|[;|&]/.test(text[reader.at - 1] ?? '')) {
			const end = text.indexOf('\n', reader.at);
			reader.at = end < 0 ? text.length : end;
		} else return;
	}
}

function skipLines(reader: Reader): void {
	for (skipBlanks(reader); reader.text[reader.at] === '\n'; skipBlanks(reader)) reader.at++;
}

/** Up to the end, or to `done` in a loop. */
function readList(reader: Reader, looped: boolean): Pipeline[] {
	const list: Pipeline[] = [];
	let after: Pipeline['after'] = 'start';
	for (;;) {
		skipLines(reader);
		if (reader.at >= reader.text.length) {
			if (after === '&&' || after === '||') throw new ShellError(`nothing after ${after}`, reader.text, reader.at);
			return list;
		}
		if (looped && isWord(reader, 'done')) return list;
		const found = readPipeline(reader, looped);
		list.push({ after, commands: found });
		skipBlanks(reader);
		const joint = /^(?:&&|\|\||;|\n)/.exec(reader.text.slice(reader.at, reader.at + 2))?.[0];
		if (joint === undefined) return list;
		reader.at += joint.length;
		after = joint === '&&' || joint === '||' ? joint : ';';
	}
}

function isWord(reader: Reader, word: string): boolean {
	return reader.text.startsWith(word, reader.at) && /^(?:$|[\s;&|)])/.test(reader.text.slice(reader.at + word.length));
}

function take(reader: Reader, word: string): void {
	skipLines(reader);
	if (!isWord(reader, word)) throw new ShellError(`${word} is missing`, reader.text, reader.at);
	reader.at += word.length;
}

function readPipeline(reader: Reader, looped: boolean): Simple[] {
	const commands: Simple[] = [];
	for (;;) {
		skipLines(reader);
		commands.push(...(isWord(reader, 'while') ? readLoop(reader) : [readSimple(reader, looped)]));
		skipBlanks(reader);
		if (reader.text[reader.at] !== '|' || reader.text[reader.at + 1] === '|') return commands;
		reader.at++;
	}
}

/** Its commands one after another; what they read from each other does not matter to what they are. */
function readLoop(reader: Reader): Simple[] {
	take(reader, 'while');
	skipBlanks(reader);
	const condition = readPipeline(reader, true);
	skipBlanks(reader);
	if (reader.text[reader.at] === ';') reader.at++;
	take(reader, 'do');
	const body = readList(reader, true);
	take(reader, 'done');
	return [...condition, ...body.flatMap(({ commands }) => commands)];
}

function readSimple(reader: Reader, looped: boolean): Simple {
	const assigns: { name: string; value: Word }[] = [];
	const words: Word[] = [];
	const redirects: string[] = [];
	const begin = reader.at;
	for (;;) {
		skipBlanks(reader);
		const rest = reader.text.slice(reader.at);
		const redirect = /^\d?(?:>>|>&?|<(?!<))/.exec(rest)?.[0];
		if (redirect !== undefined) {
			reader.at += redirect.length;
			skipBlanks(reader);
			redirects.push(redirect + shown(readWord(reader)));
			continue;
		}
		if (/^(?:$|[\n;|&)])/.test(rest)) break;
		const name = words.length === 0 ? /^([A-Za-z_][A-Za-z0-9_]*)=/.exec(rest)?.[1] : undefined;
		if (name !== undefined) {
			reader.at += name.length + 1;
			assigns.push({ name, value: /^[\s;|&]|^$/.test(reader.text.slice(reader.at)) ? [] : readWord(reader) });
		} else words.push(readWord(reader));
	}
	if (words.length === 0 && assigns.length === 0 && redirects.length === 0)
		throw new ShellError('a command is missing', reader.text, begin);
	return { assigns, words, redirects, looped };
}

// Left alone: brackets, braces and stars. bash expands them only against files, of which there are none.
const PLAIN = /^[^\s'"\\$`;|&<>()]+/;

function readWord(reader: Reader): Piece[] {
	const pieces: Piece[] = [];
	const { text } = reader;
	const begin = reader.at;
	while (reader.at < text.length) {
		const mark = text[reader.at];
		if (mark === "'") {
			const end = text.indexOf("'", reader.at + 1);
			if (end < 0) throw new ShellError("a ' is never closed", text, reader.at);
			pieces.push({ text: text.slice(reader.at + 1, end) });
			reader.at = end + 1;
		} else if (mark === '"') readDouble(reader, pieces);
		else if (mark === '\\') {
			if (text[reader.at + 1] !== '\n') pieces.push({ text: text[reader.at + 1] ?? '' });
			reader.at += 2;
		} else if (mark === '$') pieces.push(readDollar(reader));
		else if (mark === '`') throw new ShellError('a backtick outside quotes would be run', text, reader.at);
		else {
			const plain = PLAIN.exec(text.slice(reader.at))?.[0];
			if (plain === undefined) break;
			pieces.push({ text: plain });
			reader.at += plain.length;
		}
	}
	if (reader.at === begin) throw new ShellError('a word is missing', text, begin);
	return pieces;
}

function readDouble(reader: Reader, pieces: Piece[]): void {
	const { text } = reader;
	const begin = reader.at;
	reader.at++;
	// An empty pair of quotes is a word as well.
	pieces.push({ text: '' });
	for (;;) {
		const mark = text[reader.at];
		if (mark === undefined) throw new ShellError('a " is never closed', text, begin);
		if (mark === '"') {
			reader.at++;
			return;
		}
		if (mark === '\\') {
			const next = text[reader.at + 1] ?? '';
			// Between double quotes a backslash takes only these along.
			if (next !== '\n') pieces.push({ text: /["\\$`]/.test(next) ? next : `\\${next}` });
			reader.at += 2;
		} else if (mark === '$') pieces.push(readDollar(reader));
		else if (mark === '`') throw new ShellError('a backtick between double quotes would be run', text, reader.at);
		else {
			const end = text.slice(reader.at).search(/["\\$`]/);
			const part = end < 0 ? text.slice(reader.at) : text.slice(reader.at, reader.at + end);
			pieces.push({ text: part });
			reader.at += part.length;
		}
	}
}

function readDollar(reader: Reader): Piece {
	const { text } = reader;
	const rest = text.slice(reader.at);
	const named = /^\$(?:\{([A-Za-z_]\w*)\}|([A-Za-z_]\w*))/.exec(rest);
	if (named) {
		reader.at += named[0].length;
		return { variable: named[1] ?? named[2] ?? '' };
	}
	if (rest.startsWith('$(')) {
		const inner = { text, at: reader.at + 2 };
		readList(inner, false);
		skipBlanks(inner);
		if (text[inner.at] !== ')') throw new ShellError('a $( is never closed', text, reader.at);
		const substitution = text.slice(reader.at + 2, inner.at);
		reader.at = inner.at + 1;
		return { substitution };
	}
	if (/^\$[{(*@#?!0-9-]/.test(rest)) throw new ShellError('not understood', text, reader.at);
	reader.at++;
	return { text: '$' };
}

/** As it was written, near enough to be recognised. */
export function shown(word: Word): string {
	return word
		.map((piece) =>
			'text' in piece ? piece.text : 'variable' in piece ? `$${piece.variable}` : `$(${piece.substitution})`,
		)
		.join('');
}

/** The word with what is known put in; `open` when some of it only a running shell would know. */
export function expand(word: Word, known: ReadonlyMap<string, string>): { text: string; open: boolean } {
	let open = false;
	const text = word
		.map((piece) => {
			if ('text' in piece) return piece.text;
			const value = 'variable' in piece ? known.get(piece.variable) : said(piece.substitution);
			if (value !== undefined) return value;
			open = true;
			return shown([piece]);
		})
		.join('');
	return { text, open };
}

/** What a command prints whose answer is known without running anything. */
function said(command: string): string | undefined {
	if (/^date\b/.test(command)) return '2026-01-01';
	return command === 'hostname' ? 'here' : undefined;
}
