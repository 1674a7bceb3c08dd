import type { Part } from '../src/domain/reply.ts';
import { quote } from '../src/domain/quote.ts';
import { clip, type Lang } from '../src/domain/text.ts';
import { STATUS_WORDS } from '../src/diagnosis/verdict-message.ts';
import { rules } from '../src/rules/index.ts';
import type { CommandContext } from './define.ts';

/** Why an operation on an environment failed: its error is read by the same rules as a log. */
export async function operationError(
	error: string,
	{ lang, env, deps }: { lang: Lang; env: string; deps: CommandContext['deps'] },
): Promise<Part[]> {
	const home = await deps.composer(env)?.describe();
	const diagnosis = await deps.readLog(new TextEncoder().encode(error), {
		lang,
		env: { ...home?.environment, name: env },
	});
	const [first] = diagnosis.findings;
	const title = rules.find(({ id }) => id === first?.cause)?.title[lang];
	const shown: Part = { kind: 'code', text: quote(error, 700) };
	if (!first || title === undefined) return [shown];
	const status = STATUS_WORDS[first.status][lang];
	const fix = first.fix
		.slice(0, 2)
		.flatMap(({ say, code }): Part[] => [
			...(say === undefined ? [] : [{ kind: 'text' as const, line: [clip(say, 500)] }]),
			...(code === undefined ? [] : [{ kind: 'code' as const, text: clip(code, 1200) }]),
		]);
	return [{ kind: 'text', line: [{ bold: title }, lang === 'ja' ? `（${status}）` : ` (${status})`] }, shown, ...fix];
}
