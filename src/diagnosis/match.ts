import type { Facts, Hit, Rule, Signature } from '../domain/rule.ts';
import type { LogLine } from './line.ts';
import type { Setting } from './scene.ts';

/** Most hits kept for one rule: the last ones, for they stand nearest the end. */
const KEPT = 40;

/** Every signature of every rule on every line that holds one of its literals. */
export function match(lines: readonly LogLine[], rules: readonly Rule[], setting: Setting): Map<Rule, Hit[]> {
	const hits = new Map<Rule, Hit[]>();
	for (let i = 0; i < lines.length; i++) {
		const line = lines[i];
		if (!line || line.text.length < 5) continue;
		for (const rule of rules) {
			for (const signature of rule.signatures) {
				if (!signature.literals.some((literal) => line.text.includes(literal))) continue;
				const facts = run(signature, line.text);
				if (!facts) continue;
				const list = hits.get(rule) ?? [];
				if (list.length === 0) hits.set(rule, list);
				list.push({
					signature,
					line: line.line,
					text: line.text,
					facts,
					level: setting.levelOf(i),
					place: setting.placeOf(i),
				});
				if (list.length > KEPT * 2) list.splice(0, KEPT);
			}
		}
	}
	return hits;
}

/** The pattern's named groups when it matches the line. */
export function run(signature: Signature, text: string): Facts | undefined {
	const { pattern } = signature;
	pattern.lastIndex = 0;
	const found = pattern.exec(text);
	if (!found) return undefined;
	const facts: Record<string, string> = {};
	for (const [name, value] of Object.entries(found.groups ?? {})) if (value !== undefined) facts[name] = value;
	return facts;
}
