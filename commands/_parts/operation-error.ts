import { causeAtAGlance } from '../../src/diagnosis/verdict-message.ts';
import { quote } from '../../src/domain/quote.ts';
import type { Part } from '../../src/domain/reply.ts';
import { clip, type Lang } from '../../src/domain/text.ts';
import type { CommandContext } from '../define.ts';
import { investigateOperation } from './investigate-operation.ts';

type Telling = { lang: Lang; env: string; deps: CommandContext['deps'] };

/** Why an operation on an environment failed: its cause, Google's own words, and how the fix begins. */
export async function operationError(error: string, { lang, env, deps }: Telling): Promise<Part[]> {
	const verdict = await investigateOperation({ error }, env, lang, deps);
	const shown: Part = { kind: 'code', text: quote(error, 700) };
	const [first] = verdict.findings;
	if (!first) return [shown];
	const fix = first.fix
		.slice(0, 2)
		.flatMap(({ say, code }): Part[] => [
			...(say === undefined ? [] : [{ kind: 'text' as const, line: [clip(say, 500)] }]),
			...(code === undefined ? [] : [{ kind: 'code' as const, text: clip(code, 1200) }]),
		]);
	// The line of evidence is the error itself, which stands there whole.
	const cause = causeAtAGlance({ ...verdict, findings: [{ ...first, evidence: [] }] }, lang);
	return [...cause, shown, ...fix];
}
