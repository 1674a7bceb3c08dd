import type { Facts, Signature } from '../domain/rule.ts';

/** The pattern's named groups when it matches the line. */
export function run({ pattern }: Signature, text: string): Facts | undefined {
	const found = pattern.exec(text);
	if (!found) return undefined;
	const facts: Record<string, string> = {};
	for (const [name, value] of Object.entries(found.groups ?? {})) if (value !== undefined) facts[name] = value;
	return facts;
}
