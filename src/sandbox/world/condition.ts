import { invalid } from './refusal.ts';

type About = { name: string; now: number };

/** The few forms of IAM's conditions (CEL) that people really write, joined by `&&`: a time limit and a resource's name. */
const TERM =
	/^(?:request\.time\s*(<|<=|>|>=)\s*timestamp\(\s*["']([^"']+)["']\s*\)|resource\.name\.startsWith\(\s*["']([^"']*)["']\s*\)|resource\.name\s*==\s*["']([^"']*)["'])$/;

export function conditionHolds(expression: string | undefined, about: About): boolean {
	if (expression === undefined) return true;
	return expression.split('&&').every((term) => {
		const [whole, relation, time, prefix, name] = TERM.exec(term.trim()) ?? [];
		if (whole === undefined) return false;
		if (prefix !== undefined) return about.name.startsWith(prefix);
		if (name !== undefined) return about.name === name;
		const at = Date.parse(time ?? '');
		return relation?.startsWith('<') ? about.now < at : about.now > at;
	});
}

/** Throws INVALID_ARGUMENT for what the stand-in would not understand, so that no condition is silently false. */
export function checkCondition(expression: string): void {
	for (const term of expression.split('&&'))
		if (!TERM.test(term.trim())) throw invalid(`Condition expression compilation failed: ${term.trim()}`);
}
