/**
 * Scores a labelled corpus in two halves, drawn by the hash of each failure's id, so that a rule set frozen on one half can
 * be held against the other: `node test/diagnosis/split.ts CORPUS.jsonl [--misses]`.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { diagnose } from '../../src/diagnosis/diagnose.ts';
import { rules } from '../../src/rules/index.ts';

type Row = { id: string; text: string; expect: string[]; also: string[]; class: string; origin: string };

const [path, ...flags] = process.argv.slice(2);
if (path === undefined) throw new Error('usage: node test/diagnosis/split.ts CORPUS.jsonl [--misses]');
const rows = readFileSync(path, 'utf8')
	.split('\n')
	.filter(Boolean)
	.map((line) => JSON.parse(line) as Row)
	.filter(({ origin }) => origin !== 'reconstructed');
const halfOf = (id: string) => ((createHash('sha256').update(id).digest()[0] ?? 0) % 2 === 0 ? 'first' : 'second');

for (const half of ['first', 'second'] as const) {
	let top = 0;
	let strict = 0;
	let wrong = 0;
	let unknown = 0;
	const mine = rows.filter(({ id }) => halfOf(id) === half);
	for (const { id, text, expect, also, class: kind } of mine) {
		const { verdict, status } = diagnose(Buffer.from(text), { rules });
		const right = expect.includes(verdict) || also.includes(verdict);
		if (right) top++;
		if (expect.includes(verdict)) strict++;
		if (verdict === 'unknown') unknown++;
		if (!right && verdict !== 'unknown' && (status === 'confirmed' || status === 'likely')) wrong++;
		if (!right && flags.includes('--misses'))
			console.log(`${id} ${kind}: ${expect.join('|')} expected, ${verdict} (${status}) said`);
	}
	const share = (n: number) => (n / mine.length).toFixed(3);
	console.log(
		`${half} half: ${mine.length} failures, top-1 ${share(top)} (strict ${share(strict)}), confident-and-wrong ${share(wrong)}, unknown ${share(unknown)}`,
	);
}
