import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { plainWords, quoteWord, splitWords, takeEnv, takeOptions } from '../../commands/_parts/words.ts';
import { readConf } from '../../commands/_parts/conf.ts';
import { Trouble } from '../../src/domain/errors.ts';

const texts = (words: string) => splitWords(words).map(({ text }) => text);

const labelOf = (act: () => unknown): string => {
	try {
		act();
	} catch (error) {
		if (error instanceof Trouble) return error.label;
		throw error;
	}
	return 'fine';
};

describe('splitting', () => {
	test.each([
		['etl', ['etl']],
		['  etl   a=1\n b=2 ', ['etl', 'a=1', 'b=2']],
		['etl a="x y" b', ['etl', 'a=x y', 'b']],
		["etl 'x y'", ['etl', 'x y']],
		['etl “x y” k=„a b“', ['etl', 'x y', 'k=a b']],
		['etl ‘x y’', ['etl', 'x y']],
		['say "a \\"b\\" \\\\ c"', ['say', 'a "b" \\ c']],
		["it's fine", ["it's", 'fine']],
		["'tis fine", ["'tis", 'fine']],
		['{"a": [1, {"b": "}"}]} --note x', ['{"a": [1, {"b": "}"}]}', '--note', 'x']],
		['{“a”: “x} y”} z', ['{“a”: “x} y”}', 'z']],
		['k={"a": 1} l=[1, 2] m=[x', ['k={"a": 1}', 'l=[1, 2]', 'm=[x']],
		['—date 2026-11-20 –-note x －－env y', ['--date', '2026-11-20', '--note', 'x', '--env', 'y']],
		['売上　日次', ['売上', '日次']],
		['a=""', ['a=']],
		['C:\\new a=C:\\new', ['C:\\new', 'a=C:\\new']],
	])('%j', (words, expected) => {
		expect(texts(words)).toEqual(expected);
	});

	test('what is never closed is told', () => {
		expect(labelOf(() => splitWords('etl "a b'))).toBe('quote not closed');
		expect(labelOf(() => splitWords('etl {"a": 1'))).toBe('json not closed');
	});

	test('a word that begins with a quote is no option', () => {
		expect(takeOptions(splitWords('"--note" x'), {}).rest.map(({ text }) => text)).toEqual(['--note', 'x']);
	});

	test('any text survives quoting, among other words', () => {
		fc.assert(
			fc.property(fc.array(fc.string({ unit: 'binary', maxLength: 40 }), { minLength: 1, maxLength: 5 }), (all) => {
				expect(texts(all.map(quoteWord).join('  '))).toEqual(all);
			}),
		);
	});

	test('any value survives as key=value', () => {
		fc.assert(
			fc.property(fc.string({ unit: 'binary' }), (value) => {
				const [word] = splitWords(`key=${quoteWord(value)}`);
				expect(readConf(word ? [word] : [])).toEqual({ json: undefined, pairs: [{ key: 'key', text: value }] });
			}),
		);
	});

	test('any JSON object survives between other words, and nothing but Trouble is thrown', () => {
		fc.assert(
			fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (conf) => {
				const json = JSON.stringify(conf);
				const words = splitWords(`etl ${json} --note x`);
				expect(words.map(({ text }) => text)).toEqual(['etl', json, '--note', 'x']);
				expect(JSON.stringify(readConf(words.slice(1, 2)).json)).toBe(json);
			}),
		);
		fc.assert(
			fc.property(fc.string({ unit: 'grapheme' }), (words) => {
				expect(typeof labelOf(() => readConf(takeOptions(splitWords(words), {}).rest))).toBe('string');
			}),
		);
		const hostile = fc.array(
			fc.constantFrom('"', '“', '”', "'", '{', '}', '[', ']', '=', '\\', ' ', 'a', '--', '—', ':'),
		);
		fc.assert(
			fc.property(hostile, (pieces) => {
				expect(typeof labelOf(() => readConf(takeOptions(splitWords(pieces.join('')), {}).rest))).toBe('string');
			}),
			{ numRuns: 2000 },
		);
	});

	test('8,000 characters of openers do not hang it', () => {
		const from = performance.now();
		for (const opener of ['k=[ ', 'k={ ', '" ', '=" ', 'k={"[" '])
			expect(typeof labelOf(() => splitWords(opener.repeat(8000 / opener.length)))).toBe('string');
		expect(performance.now() - from).toBeLessThan(5000);
	});
});

describe("Slack's writing undone", () => {
	test.each([
		['a &amp; b &lt;c&gt;', 'a & b <c>'],
		['x=&amp;lt;', 'x=&lt;'],
		['url=<http://example.com/a?b=1&amp;c=2>', 'url=http://example.com/a?b=1&c=2'],
		['host=<http://example.com|example.com>', 'host=example.com'],
		['to=<mailto:a@example.com|a@example.com>', 'to=a@example.com'],
		['to=<mailto:a@example.com>', 'to=a@example.com'],
		['who=<@U123|aiko>', 'who=@aiko'],
		['where=<#C123|data>', 'where=#data'],
		['<!here> x', '@here x'],
	])('%j', (words, expected) => {
		expect(plainWords({ words, via: 'command' })).toBe(expected);
	});

	test('a mention of the bot goes; words of a button are left alone', () => {
		expect(plainWords({ words: '<@U0BOT> trigger a', via: 'mention' })).toBe('trigger a');
		expect(plainWords({ words: 'trigger a x=&amp;', via: 'click' })).toBe('trigger a x=&amp;');
	});

	test('whatever was typed comes back', () => {
		const escape = (text: string) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
		fc.assert(
			fc.property(fc.string({ unit: 'grapheme' }), (text) => {
				expect(plainWords({ words: escape(text), via: 'command' })).toBe(text.trim());
			}),
		);
	});
});

describe('options', () => {
	const known = { values: ['date', 'note'], flags: ['paused'] };
	test.each([
		['--date 2026 a', { date: '2026' }, [], ['a']],
		['a --date=2026 --paused', { date: '2026' }, ['paused'], ['a']],
		['--note "a b" --DATE x', { note: 'a b', date: 'x' }, [], []],
		['--note="--date"', { note: '--date' }, [], []],
	])('%j', (words, values, flags, rest) => {
		const got = takeOptions(splitWords(words), known);
		expect([Object.fromEntries(got.values), [...got.flags], got.rest.map(({ text }) => text)]).toEqual([
			values,
			flags,
			rest,
		]);
	});

	test.each([
		['--dat x', 'option unknown'],
		['--date', 'option without value'],
		['--date --note x', 'option without value'],
		['--date a --date b', 'option twice'],
	])('%j is refused', (words, label) => {
		expect(labelOf(() => takeOptions(splitWords(words), known))).toBe(label);
	});

	test('a slip names what is near', () => {
		try {
			takeOptions(splitWords('--dat x'), known);
		} catch (error) {
			expect(error).toMatchObject({ hint: 'Did you mean `--date`?', ja: { hint: '`--date` のことでしょうか。' } });
		}
	});

	test.each([
		['etl --env prod a=1', 'etl  a=1', 'prod'],
		['--env=prod etl', 'etl', 'prod'],
		['etl {"a": "--env x"}', 'etl {"a": "--env x"}', undefined],
		['etl “--env x”', 'etl “--env x”', undefined],
	])('--env in %j', (words, rest, env) => {
		expect(takeEnv(words)).toEqual({ words: rest, env });
	});

	test('--env twice or without a name is refused', () => {
		expect(labelOf(() => takeEnv('a --env x --env y'))).toBe('option twice');
		expect(labelOf(() => takeEnv('a --env'))).toBe('option without value');
	});
});
