import * as fc from 'fast-check';
import { LINE_CAP } from '../../src/diagnosis/line.ts';

const GENERIC = [
	'a',
	'A',
	'0',
	' ',
	'.',
	'/',
	'-',
	'_',
	':',
	'=',
	'"',
	"'",
	'\\',
	'[',
	'{',
	'(',
	'<',
	'@',
	'\t',
	'\u0000',
	'é',
	', ',
	'a.',
	'a ',
	'a=',
	'"a',
	'File "',
	'https://',
	'a:a@',
	'{"a":',
	"{'",
	'[[',
	'\\"',
	'Error: ',
	'password=',
	'Traceback (most recent call last):',
	'x-',
	'1,',
	'//',
	'*** ',
	'| ',
	'\u001b[',
	'\u001b]8;;',
];

/** Long lines that suit no pattern in particular. */
export function genericAttacks(): string[] {
	return GENERIC.map((piece) => piece.repeat(Math.ceil(LINE_CAP / piece.length)).slice(0, LINE_CAP));
}

/**
 * Lines of the longest length that are made to keep one pattern busy: beginnings of what it matches, followed by the last
 * character over and over, and such beginnings one after the other. Empty where no sample can be made.
 */
export function attacks(pattern: RegExp, literals: readonly string[], samples = 4): string[] {
	let seeds: string[];
	try {
		seeds = fc.sample(fc.stringMatching(new RegExp(pattern.source, pattern.flags)), { numRuns: samples, seed: 11 });
	} catch {
		// Look-around and the like cannot be sampled: the literals alone are the beginning then.
		seeds = [];
	}
	const found: string[] = [];
	for (const seed of [...seeds.map((text) => text.slice(0, 600)), ...literals]) {
		for (let part = 1; part <= 6; part++) {
			const start = seed.slice(0, Math.ceil((seed.length * part) / 6));
			const last = start.at(-1) ?? 'a';
			found.push((start + last.repeat(LINE_CAP)).slice(0, LINE_CAP));
			found.push(`${start}${' a'.repeat(LINE_CAP)}`.slice(0, LINE_CAP));
			found.push(start.repeat(Math.ceil(LINE_CAP / Math.max(1, start.length))).slice(0, LINE_CAP));
			const pumped = start + last.repeat(60);
			found.push(pumped.repeat(Math.ceil(LINE_CAP / pumped.length)).slice(0, LINE_CAP));
		}
	}
	return found;
}

/** Milliseconds, the least of up to three tries so that another process on the machine is not blamed on the pattern. */
export function leastMs(work: () => void, enough: number): number {
	let least = Infinity;
	for (let i = 0; i < 3 && least > enough; i++) {
		const started = performance.now();
		work();
		least = Math.min(least, performance.now() - started);
	}
	return least;
}
