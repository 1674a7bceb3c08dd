/**
 * The longest a single hostile line can take: every pattern of the catalogue on lines made against it, and the engine's own
 * reading, masking and quoting. `npm run bench:hostile`. No line may take more than 20 ms. The last line is one JSON object.
 */
import { quote } from '../../src/domain/quote.ts';
import { diagnose } from '../../src/diagnosis/diagnose.ts';
import { unwrap } from '../../src/diagnosis/unwrap.ts';
import { rules } from '../../src/rules/index.ts';
import { attacks, genericAttacks, leastMs } from './attack.ts';

const LIMIT_MS = 20;
const worst: { ms: number; what: string; line: string }[] = [];
let lines = 0;

function measure(what: string, line: string, work: () => void) {
	lines++;
	const ms = leastMs(work, LIMIT_MS);
	worst.push({ ms, what, line: line.slice(0, 80) });
	if (worst.length > 400) worst.sort((a, b) => b.ms - a.ms).splice(20);
}

const generic = genericAttacks();
const own: string[] = [];
for (const rule of rules) {
	for (const { pattern, literals } of rule.signatures) {
		const made = attacks(pattern, literals);
		own.push(...made.filter((_, i) => i % 37 === 0));
		// A pattern only ever sees a line that holds one of its literals.
		const seen = [...made, ...generic.map((line) => (line + (literals[0] ?? '')).slice(-8192))];
		for (const line of seen) measure(`${rule.id} ${pattern.source.slice(0, 80)}`, line, () => pattern.exec(line));
	}
}
const patterns = lines;
for (const line of [...generic, ...own]) {
	measure('read', line, () => unwrap(line));
	measure('mask and quote', line, () => quote(line));
	measure('everything', line, () => diagnose(Buffer.from(line), { rules }));
}
worst.sort((a, b) => b.ms - a.ms);
for (const { ms, what, line } of worst.slice(0, 12))
	console.log(`${ms.toFixed(1)} ms  ${what}  on  ${JSON.stringify(line)}`);
const over = worst.filter(({ ms }) => ms > LIMIT_MS).length;
console.log(
	JSON.stringify({
		worstMs: Number((worst[0]?.ms ?? 0).toFixed(2)),
		overLimit: over,
		limitMs: LIMIT_MS,
		lines,
		patternLines: patterns,
		what: worst[0]?.what,
	}),
);
process.exitCode = over > 0 ? 1 : 0;
