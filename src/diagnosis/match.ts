import type { Hit, Rule, Signature } from '../domain/rule.ts';
import type { Catalogue } from './catalogue.ts';
import type { LogLine } from './line.ts';
import type { Setting } from './scene.ts';
import { run } from './signature.ts';

/** Most hits kept for one rule: the last ones, for they stand nearest the end. */
export const KEPT = 40;

/** Every signature on every line that holds one of its literals: one scan over the text, patterns on the hit lines only. */
export function match(
	lines: readonly LogLine[],
	{ scanner, owners, literals }: Catalogue,
	setting: Setting,
): Map<Rule, Hit[]> {
	const hits = new Map<Rule, Hit[]>();
	// Cores are ASCII, so one byte a character keeps offsets and characters the same.
	const bytes = Buffer.from(lines.map((line) => line.text).join('\n'), 'latin1');
	let index = 0;
	let end = lines[0]?.text.length ?? 0;
	let seen = new Set<Signature>();
	scanner.scan(bytes, 0, bytes.length, (at, id) => {
		while (at > end) {
			index++;
			end += 1 + (lines[index]?.text.length ?? 0);
			if (seen.size > 0) seen = new Set();
		}
		const line = lines[index];
		if (!line?.text.includes(literals[id] ?? '')) return;
		for (const { rule, signature } of owners[id] ?? []) {
			if (seen.has(signature)) continue;
			seen.add(signature);
			const facts = run(signature, line.text);
			if (!facts) continue;
			keep(hits, rule, {
				signature,
				line: line.line,
				text: line.text,
				facts,
				level: setting.levelOf(index),
				place: setting.placeOf(index),
			});
		}
	});
	return hits;
}

export function keep(hits: Map<Rule, Hit[]>, rule: Rule, hit: Hit) {
	const list = hits.get(rule) ?? [];
	if (list.length === 0) hits.set(rule, list);
	list.push(hit);
	if (list.length > KEPT * 2) list.splice(0, KEPT);
}
