import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { parseObject, readConf } from '../../commands/_parts/conf.ts';
import { readDate } from '../../commands/_parts/dates.ts';
import { splitWords } from '../../commands/_parts/words.ts';
import { Trouble } from '../../src/domain/errors.ts';

const troubleOf = (act: () => unknown): Trouble | undefined => {
	try {
		act();
	} catch (error) {
		if (error instanceof Trouble) return error;
		throw error;
	}
	return undefined;
};

describe('conf', () => {
	test('JSON and pairs together', () => {
		expect(readConf(splitWords('{"a": 1} b=2 c="x y" d=a=b'))).toEqual({
			json: { a: 1 },
			pairs: [
				{ key: 'b', text: '2' },
				{ key: 'c', text: 'x y' },
				{ key: 'd', text: 'a=b' },
			],
		});
	});

	test('typographic quotes are straightened only where JSON needs it', () => {
		expect(parseObject('{“a”: “it’s”}')).toEqual({ a: 'it’s' });
		expect(parseObject('{"a": "a “quoted” word"}')).toEqual({ a: 'a “quoted” word' });
	});

	test('whole numbers of any size stay exact', () => {
		const text = '{"id":12345678901234567890,"list":[9007199254740993,-9007199254740993],"f":0.1,"n":7}';
		expect(JSON.stringify(parseObject(text))).toBe(text);
	});

	test('a key called __proto__ is a key', () => {
		expect(JSON.stringify(readConf(splitWords('{"__proto__": 1}')).json)).toBe('{"__proto__":1}');
	});

	test.each([
		['[1]', 'conf malformed'],
		['word', 'conf malformed'],
		['"a=b"', 'conf malformed'],
		['=b', 'conf malformed'],
		['a=1 a=2', 'key twice'],
		['{"a":1} {"b":1}', 'json twice'],
		['{a: 1}', 'json malformed'],
		['{"a": 1,}', 'json malformed'],
		['{"a": 1e999}', 'json malformed'],
	])('%j is refused', (words, label) => {
		expect(troubleOf(() => readConf(splitWords(words)))?.label).toBe(label);
	});

	test('what is wrong is told without the values', () => {
		const told = troubleOf(() => parseObject('{"password": "hunter2", oops}'));
		expect(told).toMatchObject({
			kind: 'user',
			message: 'The conf is not valid JSON: look at character 25.',
			ja: { message: 'conf が正しい JSON ではありません（25 文字目付近）。' },
		});
		expect(JSON.stringify([told?.message, told?.hint, told?.ja])).not.toContain('hunter2');
		expect(troubleOf(() => parseObject("{'a': 1}"))?.hint).toBe('JSON takes double quotes: `{"key": "value"}`.');
		expect(troubleOf(() => parseObject('{"a": 1,}'))?.hint).toBe('There is a comma before a closing bracket.');
	});
});

describe('dates', () => {
	test.each([
		['2026-11-20', '2026-11-20T00:00:00Z'],
		['2026-11-20T09:30', '2026-11-20T09:30:00Z'],
		['2026-11-20 09:30:15', '2026-11-20T09:30:15Z'],
		['2026-11-20T09:30+09:00', '2026-11-20T00:30:00Z'],
		['2026-11-20T09:30+0900', '2026-11-20T00:30:00Z'],
		['2026-11-20T09:30Z', '2026-11-20T09:30:00Z'],
		['2026-11-20T09:30 UTC', '2026-11-20T09:30:00Z'],
		['2024-02-29', '2024-02-29T00:00:00Z'],
		['2026-11-20T09:30:00.125Z', '2026-11-20T09:30:00.125Z'],
	])('%s', (text, iso) => {
		expect(readDate(text)).toBe(iso);
	});

	test.each(['2026-02-30', '2026-13-01', '20.11.2026', 'yesterday', '2026-11-20T25:00', '2026-11-20T09:30+99:00', ''])(
		'%j is no date',
		(text) => {
			expect(troubleOf(() => readDate(text))?.label).toBe('date malformed');
		},
	);

	test('every minute there is comes back', () => {
		const days = fc.date({ min: new Date('1990-01-01Z'), max: new Date('2100-01-01Z'), noInvalidDate: true });
		fc.assert(
			fc.property(days, (at) => {
				expect(readDate(at.toISOString().slice(0, 16))).toBe(`${at.toISOString().slice(0, 16)}:00Z`);
			}),
		);
	});
});
