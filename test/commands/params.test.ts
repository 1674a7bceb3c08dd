import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import type { DagParam } from '../../src/domain/airflow.ts';
import { exactInteger, exactJson } from '../../src/domain/json.ts';
import { near } from '../../src/domain/near.ts';
import { confProblems, labelOf, problemOf, readParam, type JsonType } from '../../src/domain/params.ts';

const param = (schema: DagParam['schema'], value: unknown = null): DagParam => ({ name: 'p', value, schema });
const read = (schema: DagParam['schema'], text: string, value: unknown = null) => {
	const got = readParam(param(schema, value), text);
	return 'value' in got ? JSON.stringify(got.value) : got.problem.en;
};
const problem = (schema: DagParam['schema'], value: unknown) => problemOf(param(schema), value)?.en;

describe('typed text becomes a value', () => {
	test.each([
		[{ type: 'string' }, '5', '"5"'],
		[{ type: 'integer' }, '5', '5'],
		[{ type: 'integer' }, '-007', '-7'],
		[{ type: 'integer' }, '12345678901234567890', '12345678901234567890'],
		[{ type: 'integer' }, '5.5', 'must be a whole number'],
		[{ type: 'number' }, '1e3', '1000'],
		[{ type: 'number' }, '.5', '0.5'],
		[{ type: 'number' }, '1e999', 'must be a number'],
		[{ type: 'number' }, 'NaN', 'must be a number'],
		[{ type: 'boolean' }, 'Yes', 'true'],
		[{ type: 'boolean' }, 'off', 'false'],
		[{ type: 'boolean' }, '1', 'must be true or false'],
		[{ type: 'array', items: { type: 'integer' } }, '1, 2', '[1,2]'],
		[{ type: 'array', items: { type: 'integer' } }, '1, x', 'must be a list'],
		[{ type: 'array' }, 'a,b', '["a","b"]'],
		[{ type: 'array' }, '["a,b", 1]', '["a,b",1]'],
		[{ type: 'array' }, '[1', 'must be a list'],
		[{ type: 'object' }, '{"a": 1}', '{"a":1}'],
		[{ type: 'object' }, '[1]', 'must be a JSON object'],
		[{ type: ['null', 'integer'] }, 'null', 'null'],
		[{ type: ['null', 'integer'] }, '', 'null'],
		[{ type: ['null', 'string'] }, '', '""'],
		[{ type: ['string', 'integer'] }, '5', '5'],
		[{ type: ['string', 'integer'] }, 'five', '"five"'],
		[{ enum: [1, 2] }, '2', '2'],
		[{ enum: ['a', null] }, 'null', 'null'],
		[{ enum: ['a'] }, 'b', 'must be one of: a'],
		[{}, '5', '"5"'],
	])('%j of %j', (schema, text, value) => {
		expect(read(schema, text)).toBe(value);
	});

	test('without a schema the default says the type; without a param it is text', () => {
		expect([read({}, '5', 3), read({}, 'true', false), read({}, 'a,b', ['x']), read({}, '5', 'x')]).toEqual([
			'5',
			'true',
			'["a","b"]',
			'"5"',
		]);
		expect(readParam(undefined, '5')).toEqual({ value: '5' });
	});
});

describe('what does not fit is told', () => {
	test.each([
		[{ type: 'integer', minimum: 1 }, 0, 'must be 1 or more'],
		[{ type: 'integer', maximum: 9 }, 10, 'must be 9 or less'],
		[{ type: 'number', exclusiveMinimum: 0 }, 0, 'must be more than 0'],
		[{ type: 'number', exclusiveMaximum: 1 }, 1, 'must be less than 1'],
		[{ type: 'integer' }, 1.5, 'must be a whole number'],
		[{ type: 'integer' }, 1, undefined],
		[{ type: ['null', 'string'] }, null, undefined],
		[{ type: 'string' }, null, 'needs a value'],
		[{ type: 'string', minLength: 3 }, '売上', 'needs at least 3 characters'],
		[{ type: 'string', maxLength: 2 }, '売上', undefined],
		[{ type: 'string', format: 'date' }, '2026-02-30', 'must be a date such as 2026-11-20'],
		[{ type: 'string', format: 'date-time' }, 'soon', 'must be a date and time such as 2026-11-20T09:30:00+00:00'],
		[{ type: 'string', format: 'time' }, '9', 'must be a time such as 09:30:00'],
		[{ type: 'array', minItems: 2 }, [1], 'needs at least 2 items'],
		[{ type: 'array', items: { type: 'string' } }, ['a', 1], 'must hold text only'],
		[{ const: 5 }, 6, 'must be one of: 5'],
		[{ anyOf: [{ type: 'string' }] }, 5, undefined],
		[{ type: 'string', pattern: '^(a+)+$' }, `${'a'.repeat(40)}!`, undefined],
	])('%j, %j', (schema, value, told) => {
		expect(problem(schema, value)).toBe(told);
	});

	test('a whole conf: required ones that are missing, given ones that do not fit, strangers let through', () => {
		const params: DagParam[] = [
			{ name: 'a', value: null, schema: { type: 'string' } },
			{ name: 'b', value: 1, schema: { type: 'integer' } },
			{ name: 'c', value: 'odd default', schema: { type: 'integer' } },
			{ name: 'd', value: null, schema: {} },
		];
		const named = (conf: Record<string, unknown>) => confProblems(params, conf).map(({ param: name }) => name);
		expect(named({ b: 'x', z: 1 })).toEqual(['a', 'b']);
		expect(named({ a: 'x' })).toEqual([]);
		// Not inherited from Object.
		expect(confProblems([{ name: 'toString', value: null, schema: { type: 'string' } }], {})).toHaveLength(1);
	});

	test('what was read fits its own type, and is read back from how it is shown', () => {
		const types: JsonType[] = ['string', 'integer', 'number', 'boolean', 'array', 'object'];
		fc.assert(
			fc.property(
				fc.constantFrom(...types),
				fc.oneof(fc.string(), fc.json(), fc.double().map(String)),
				(type, text) => {
					const one = param({ type });
					const got = readParam(one, text);
					if (!('value' in got)) return;
					expect(problemOf(one, got.value)).toBeUndefined();
					expect(readParam(one, labelOf(got.value))).toEqual(got);
				},
			),
			{ numRuns: 1000 },
		);
	});
});

describe('numbers', () => {
	test('any whole number comes back digit by digit', () => {
		fc.assert(
			fc.property(fc.bigInt(), (n) => {
				expect(JSON.stringify(exactInteger(String(n)))).toBe(String(n));
				expect(JSON.stringify(exactJson(`[${n}]`))).toBe(`[${n}]`);
			}),
		);
	});
});

describe('did you mean', () => {
	const names = ['daily_sales', 'daily_stock', 'weekly_sales', 'crm_sync', '売上_日次集計'];
	test.each([
		['dayly_sales', ['daily_sales']],
		['daily-sales', ['daily_sales']],
		['DAILY_SALES', ['daily_sales']],
		['dialy_sales', ['daily_sales']],
		['sales', ['daily_sales', 'weekly_sales']],
		['daily', ['daily_sales', 'daily_stock']],
		['売上', []],
		['売上_日次', ['売上_日次集計']],
		['zzz', []],
		['', []],
	])('%s', (typed, meant) => {
		expect(near(typed, names)).toEqual(meant);
	});

	test('agrees with the plain dynamic programme', () => {
		const word = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), minLength: 5, maxLength: 8 });
		fc.assert(
			fc.property(word, word, (a, b) => {
				const is = plainDistance(a, b) <= 2 || b.startsWith(a) || b.includes(a);
				expect(near(a, [b]).length === 1).toBe(is);
			}),
			{ numRuns: 2000 },
		);
	});

	test('thousands of long names take no time to speak of', () => {
		const many = Array.from({ length: 3000 }, (_, i) => `${'dag_'.repeat(50)}${i}`);
		const from = performance.now();
		expect(near(`${'dag_'.repeat(50)}x`, many)).toHaveLength(3);
		expect(near(`x${'dag_'.repeat(50)}xyz`, many)).toHaveLength(0);
		expect(performance.now() - from).toBeLessThan(1500);
	});
});

function plainDistance(a: string, b: string): number {
	const d = Array.from({ length: a.length + 1 }, (_, i) =>
		Array.from({ length: b.length + 1 }, (_, j) => (i && j ? 0 : i + j)),
	);
	const at = (i: number, j: number) => d[i]?.[j] ?? Infinity;
	for (let i = 1; i <= a.length; i++)
		for (let j = 1; j <= b.length; j++) {
			let best = Math.min(at(i - 1, j) + 1, at(i, j - 1) + 1, at(i - 1, j - 1) + (a[i - 1] === b[j - 1] ? 0 : 1));
			if (a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) best = Math.min(best, at(i - 2, j - 2) + 1);
			const row = d[i];
			if (row) row[j] = best;
		}
	return at(a.length, b.length);
}
