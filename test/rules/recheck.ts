/**
 * Asks recheck about every pattern it was not asked about before and keeps the answers beside this file. `npm run recheck`; it
 * takes about a second a pattern. Counted repeats become unbounded ones, because recheck writes them out: what is safe so
 * is safe with a bound. Polynomial ones are left to the time limit of the test, for a line has at most 8 KiB.
 */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { check } from 'recheck';
import type { Rule } from '../../src/domain/rule.ts';
import { rules } from '../../src/rules/index.ts';

export type Answer = 'safe' | 'polynomial' | 'exponential' | 'not decided';

const FILE = fileURLToPath(new URL('./rechecked.json', import.meta.url));

export function answers(): Readonly<Record<string, Answer>> {
	return existsSync(FILE) ? (JSON.parse(readFileSync(FILE, 'utf8')) as Record<string, Answer>) : {};
}

export function keyOf({ source, flags }: RegExp): string {
	return createHash('sha256').update(`/${source}/${flags}`).digest('hex').slice(0, 16);
}

export function patternsOf(all: readonly Rule[]): RegExp[] {
	const byKey = new Map(
		all.flatMap((rule) => rule.signatures.map(({ pattern }) => [keyOf(pattern), pattern] as const)),
	);
	return [...byKey.values()];
}

/** Within a few seconds, else `not decided`. */
export async function ask(pattern: RegExp, timeout = 4000): Promise<Answer> {
	const source = pattern.source
		.replace(/\{(\d{1,6}),(\d{0,6})\}/g, (all, from: string, to: string) =>
			to !== '' && Number(to) <= 3 ? all : Number(from) === 0 ? '*' : '+',
		)
		.replace(/\{(\d{1,6})\}/g, (all, times: string) => (Number(times) <= 4 ? all : '+'));
	const said = await check(source, pattern.flags, { timeout, checker: 'automaton' });
	if (said.status === 'vulnerable') return said.complexity.type;
	return said.status === 'safe' ? 'safe' : 'not decided';
}

async function main() {
	const known: Record<string, Answer> = { ...answers() };
	const now = patternsOf(rules);
	const kept: Record<string, Answer> = {};
	let asked = 0;
	const save = () => {
		for (const pattern of now) {
			const answer = known[keyOf(pattern)];
			if (answer !== undefined) kept[keyOf(pattern)] = answer;
		}
		writeFileSync(
			FILE,
			`${JSON.stringify(Object.fromEntries(Object.entries(kept).sort(([a], [b]) => (a < b ? -1 : 1))), undefined, '\t')}\n`,
		);
	};
	for (const pattern of now) {
		if (known[keyOf(pattern)] !== undefined) continue;
		const answer = await ask(pattern);
		known[keyOf(pattern)] = answer;
		if (answer === 'exponential') process.stderr.write(`exponential: ${pattern}\n`);
		if (++asked % 20 === 0) save();
	}
	save();
	process.stderr.write(`${asked} asked, ${now.length} in all\n`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main();
