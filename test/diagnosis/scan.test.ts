import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { compile, coreOf, MIN_CORE } from '../../src/diagnosis/scan.ts';
import { rules } from '../../src/rules/index.ts';

function scanned(literals: readonly string[], text: string): string[] {
	const found: string[] = [];
	const bytes = Buffer.from(text, 'latin1');
	compile(literals).scan(bytes, 0, bytes.length, (at, id) => found.push(`${at}:${id}`));
	return found.sort();
}

function searched(literals: readonly string[], text: string): string[] {
	const found: string[] = [];
	literals.forEach((literal, id) => {
		const core = coreOf(literal);
		for (let at = text.indexOf(core); at >= 0; at = text.indexOf(core, at + 1)) found.push(`${at}:${id}`);
	});
	return found.sort();
}

describe('the skip scanner', () => {
	// Few letters, so that slices overlap, repeat and share their ends.
	const word = (min: number) => fc.string({ unit: fc.constantFrom('a', 'b', 'c', ' '), minLength: min, maxLength: 14 });

	test('finds what a plain search finds', () => {
		fc.assert(
			fc.property(
				fc.uniqueArray(word(MIN_CORE), { minLength: 1, maxLength: 12 }),
				fc.array(word(0), { maxLength: 60 }),
				(literals, words) => {
					const text = words.join('') + literals.join('');
					expect(scanned(literals, text)).toEqual(searched(literals, text));
				},
			),
			{ numRuns: 300 },
		);
	});

	test('finds every literal of the catalogue, at the beginning and at the end of what is scanned', () => {
		const literals = [...new Set(rules.flatMap((rule) => rule.signatures.flatMap((signature) => signature.literals)))];
		const scanner = compile(literals);
		for (const [id, literal] of literals.entries()) {
			const bytes = Buffer.from(coreOf(literal));
			const found: number[] = [];
			scanner.scan(bytes, 0, bytes.length, (at, each) => {
				if (each === id) found.push(at);
			});
			expect([literal, found]).toEqual([literal, [0]]);
		}
	});

	test('looks for the stretch that JSON does not change', () => {
		expect(coreOf('pods is forbidden: User "')).toBe('pods is forbidden: User ');
		expect(coreOf('a <b> longer part')).toBe(' longer part');
		expect(() => compile(['abc"def'])).toThrow(RangeError);
	});
});

/** One line that every pattern of the rule may be tried on. */
describe('literals', () => {
	test('every line that a pattern matches in a case holds one of its literals', async () => {
		const { caseFiles, parseCase } = await import('../rules/txtar.ts');
		const { unwrap } = await import('../../src/diagnosis/unwrap.ts');
		const wrong = new Set<string>();
		const lines = new Set(
			caseFiles().flatMap((file) => unwrap(parseCase(file.rule, file.name, file.text).log).map((line) => line.text)),
		);
		for (const { id, signatures } of rules) {
			for (const { literals, pattern } of signatures) {
				for (const line of lines) {
					if (!literals.some((literal) => line.includes(literal)) && pattern.test(line))
						wrong.add(`${id}: ${pattern.source} matches ${line.slice(0, 200)}`);
				}
			}
		}
		expect([...wrong]).toEqual([]);
	});

	test('patterns carry no state from one line to the next', () => {
		const stateful = rules.flatMap((rule) =>
			rule.signatures.filter(({ pattern }) => pattern.global || pattern.sticky).map(() => rule.id),
		);
		expect(stateful).toEqual([]);
	});
});
