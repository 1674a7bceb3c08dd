import { near } from '../../src/domain/near.ts';
import type { Typed } from '../../src/domain/asking.ts';
import { mistake, quoted } from './trouble.ts';

export { quoteWord } from '../../src/domain/words-of.ts';

/** One word of a command. Quotes are taken off; `start` and `end` are where it stood. */
export type Word = {
	text: string;
	start: number;
	end: number;
	/** It begins with a quote, so that it is never an option. */
	quoted: boolean;
	/** A JSON object that stands by itself, as it was typed. */
	json?: true;
};

const DOUBLE = '"“”„‟«»″＂';
const SINGLE = "'‘’‚‛′＇";
const space = /\s/u;

/**
 * The person's words as typed. Slack writes `&`, `<` and `>` as entities and turns what looks like a link, a user or a
 * channel into `<…|…>`; buttons, forms and the message shortcut carry our own words, which Slack leaves alone.
 */
export function plainWords({ words, via }: Pick<Typed, 'words' | 'via'>): string {
	if (via === 'click' || via === 'form' || via === 'shortcut') return words;
	const own = via === 'mention' ? words.replace(/^\s*<@[A-Z0-9]+(?:\|[^>]*)?>/, '') : words;
	return own
		.replace(/<([^<>|]*)(?:\|([^<>]*))?>/g, (_, target: string, label: string | undefined) => asTyped(target, label))
		.replace(/&(amp|lt|gt);/g, (_, name: string) => (name === 'amp' ? '&' : name === 'lt' ? '<' : '>'))
		.trim();
}

function asTyped(target: string, label: string | undefined): string {
	if (/^[@#!]/.test(target)) {
		const name = label ?? target.slice(1);
		return /^[@#]/.test(name) ? name : `${target.startsWith('#') ? '#' : '@'}${name}`;
	}
	return label !== undefined && label !== '' ? label : target.replace(/^mailto:/, '');
}

/**
 * Splits at white space. `"…"` and `'…'` (typographic quotes too) hold a word together at its beginning and after `=`; inside
 * double quotes `\"` and `\\` stand for `"` and `\`. A word that begins with `{` is JSON up to its closing brace.
 * Trouble `user`: a quote or a brace that is never closed.
 */
export function splitWords(words: string): Word[] {
	const found: Word[] = [];
	let at = 0;
	while (at < words.length) {
		if (space.test(words[at] ?? '')) {
			at++;
			continue;
		}
		const word = words[at] === '{' ? jsonWord(words, at) : plainWord(words, at);
		found.push(word);
		at = word.end;
	}
	return found;
}

function plainWord(words: string, start: number): Word {
	let at = start;
	let text = '';
	let quoted = false;
	while (at < words.length && !space.test(words[at] ?? '')) {
		const char = words[at] ?? '';
		const opensWord = at === start;
		if ((opensWord || words[at - 1] === '=') && (DOUBLE.includes(char) || SINGLE.includes(char))) {
			const inside = quotedText(words, at);
			if (inside) {
				text += inside.text;
				at = inside.end;
				quoted ||= opensWord;
				continue;
			}
			if (DOUBLE.includes(char))
				throw mistake(
					'quote not closed',
					{
						en: `The quote at character ${at + 1} of the words is never closed.`,
						ja: `${at + 1} 文字目の引用符が閉じられていません。`,
					},
					{ en: 'Write text with spaces as "like this".', ja: '空白を含む文字列は "このように" 書いてください。' },
				);
		}
		// `key={"a": 1}` and `key=[1, 2]`: the value goes to its closing bracket, spaces and all.
		if (words[at - 1] === '=' && at > start && (char === '{' || char === '[')) {
			const end = balancedEnd(words, at);
			if (end !== undefined) {
				const typed = words.slice(at, end);
				text += isJson(typed) ? typed : straight(typed);
				at = end;
				continue;
			}
		}
		text += char;
		at++;
	}
	return { text: quoted ? text : doubleDash(text), start, end: at, quoted };
}

/** iOS and macOS make a dash of two hyphens; Japanese keyboards may write them wide. */
const doubleDash = (text: string): string => text.replace(/^(?:[—–]-?|－－)(?=[a-z])/i, '--');

function quotedText(words: string, start: number): { text: string; end: number } | undefined {
	const open = words[start] ?? '';
	// Typed with straight quotes, closed by a straight quote; what the keyboard made typographic may be closed by any.
	const close = open === '"' || open === "'" ? open : DOUBLE.includes(open) ? DOUBLE : SINGLE;
	const escapes = DOUBLE.includes(open);
	let text = '';
	for (let at = start + 1; at < words.length; at++) {
		const char = words[at] ?? '';
		const next = words[at + 1] ?? '';
		if (escapes && char === '\\' && (next === '\\' || DOUBLE.includes(next)) && next !== '') {
			text += next;
			at++;
		} else if (close.includes(char)) return { text, end: at + 1 };
		else text += char;
	}
	return undefined;
}

function jsonWord(words: string, start: number): Word {
	const end = balancedEnd(words, start);
	if (end === undefined)
		throw mistake(
			'json not closed',
			{
				en: 'The JSON conf is not closed: a } or a " is missing.',
				ja: 'conf の JSON が閉じられていません（} または " が不足しています）。',
			},
			{ en: 'For example `{"date": "2026-11-01", "full": true}`.', ja: '例: `{"date": "2026-11-01", "full": true}`' },
		);
	return { text: words.slice(start, end), start, end, quoted: false, json: true };
}

/** Where the bracket that opens at `start` is closed: with straight quotes alone, else with typographic ones as quotes too. */
function balancedEnd(words: string, start: number): number | undefined {
	const strict = balanced(words, start);
	if (strict !== undefined && isJson(words.slice(start, strict))) return strict;
	const straightened = straight(words);
	const lenient = balanced(straightened, start);
	return lenient !== undefined && (strict === undefined || isJson(straightened.slice(start, lenient)))
		? lenient
		: strict;
}

function isJson(text: string): boolean {
	try {
		JSON.parse(text);
		return true;
	} catch {
		return false;
	}
}

function balanced(words: string, start: number): number | undefined {
	let depth = 0;
	let inText = false;
	for (let at = start; at < words.length; at++) {
		const char = words[at];
		if (inText) {
			if (char === '\\') at++;
			else if (char === '"') inText = false;
		} else if (char === '"') inText = true;
		else if (char === '{' || char === '[') depth++;
		else if ((char === '}' || char === ']') && --depth === 0) return at + 1;
	}
	return undefined;
}

/** Typographic double quotes made straight; the length stays. */
export function straight(text: string): string {
	return text.replace(/[“”„‟«»″＂]/g, '"');
}

export type Options = {
	/** Words that are no option. */
	rest: readonly Word[];
	/** By name without the dashes. */
	values: ReadonlyMap<string, string>;
	flags: ReadonlySet<string>;
};

/** Takes `--name value`, `--name=value` and `--flag` out of the words. Trouble `user`: unknown, twice, or without its value. */
export function takeOptions(
	words: readonly Word[],
	known: { values?: readonly string[]; flags?: readonly string[] },
): Options {
	const rest: Word[] = [];
	const values = new Map<string, string>();
	const flags = new Set<string>();
	for (let i = 0; i < words.length; i++) {
		const word = words[i];
		if (word === undefined) continue;
		const option = optionOf(word);
		if (!option) {
			rest.push(word);
			continue;
		}
		if (known.flags?.includes(option.name) && option.value === undefined) {
			flags.add(option.name);
			continue;
		}
		if (!known.values?.includes(option.name)) throw unknownOption(option.name, known);
		let value = option.value;
		if (value === undefined) {
			const next = words[i + 1];
			if (next && !optionOf(next)) {
				value = next.text;
				i++;
			}
		}
		if (value === undefined || value === '')
			throw mistake('option without value', {
				en: `--${option.name} needs a value.`,
				ja: `--${option.name} には値が必要です。`,
			});
		if (values.has(option.name)) throw twice(option.name);
		values.set(option.name, value);
	}
	return { rest, values, flags };
}

function optionOf(word: Word): { name: string; value: string | undefined } | undefined {
	if (word.json || word.quoted) return undefined;
	const [, name, value] = /^--([a-z][\w-]*)(?:=([^]*))?$/i.exec(word.text) ?? [];
	return name === undefined ? undefined : { name: name.toLowerCase(), value };
}

function unknownOption(name: string, { values = [], flags = [] }: Parameters<typeof takeOptions>[1]) {
	const shown = quoted(name);
	const [nearest] = near(name, [...values, ...flags]);
	return mistake(
		'option unknown',
		{ en: `There is no option --${shown} here.`, ja: `ここでは --${shown} というオプションは使えません。` },
		nearest === undefined
			? undefined
			: { en: `Did you mean \`--${nearest}\`?`, ja: `\`--${nearest}\` のことでしょうか。` },
	);
}

const twice = (name: string) =>
	mistake('option twice', { en: `--${name} stands there twice.`, ja: `--${name} が 2 回指定されています。` });

/** `--env NAME` taken out of the words; everything else stays as it was typed. Trouble `user`: twice, or without its name. */
export function takeEnv(words: string): { words: string; env: string | undefined } {
	let env: string | undefined;
	let rest = '';
	let from = 0;
	const split = splitWords(words);
	for (const [i, word] of split.entries()) {
		const option = optionOf(word);
		if (option?.name !== 'env') continue;
		if (env !== undefined) throw twice('env');
		const next = split[i + 1];
		const separate = option.value === undefined && next !== undefined && !optionOf(next);
		env = separate ? next.text : option.value;
		if (env === undefined || env === '')
			throw mistake('option without value', {
				en: '--env needs the name of an environment.',
				ja: '--env には環境名が必要です。',
			});
		rest += words.slice(from, word.start);
		from = separate ? next.end : word.end;
	}
	return { words: (rest + words.slice(from)).trim(), env };
}
