import { closeSync, openSync } from 'node:fs';
import { styleText } from 'node:util';
import type { Environment } from '../domain/environment.ts';
import type { Diagnosis, FixStep, Status } from '../domain/rule.ts';
import { visible } from '../domain/text.ts';
import type { Lang, Text } from '../domain/text.ts';
import { rules } from '../rules/index.ts';
import { diagnoseSource } from './read.ts';

type How = { json: boolean; env: Environment; lang: Lang };

/** Diagnoses file after file and writes each answer as soon as it stands. 1 when one could not be read. */
export async function answerFiles(files: readonly string[], { json, env, lang }: How): Promise<0 | 1> {
	let code: 0 | 1 = 0;
	for (const file of files) {
		let answer: string;
		try {
			const fd = file === '-' ? 0 : openSync(file, 'r');
			try {
				const diagnosis = await diagnoseSource({ fd }, { rules, env, lang });
				answer = json ? JSON.stringify(toJson(file, diagnosis)) : toPlain(file, diagnosis, lang);
			} finally {
				if (fd !== 0) closeSync(fd);
			}
		} catch (error) {
			code = 1;
			const why = error instanceof Error ? error.message : String(error);
			answer = json ? JSON.stringify({ file, error: why }) : `${visible(file)}: ${visible(why)}`;
			if (!json) {
				process.stderr.write(`${answer}\n`);
				continue;
			}
		}
		process.stdout.write(`${answer}\n`);
	}
	return code;
}

/** The form machines read; a fix is its sentences and its code blocks in their order. */
function toJson(file: string, { verdict, status, findings, notes, lastException, tail }: Diagnosis) {
	return {
		file,
		verdict,
		status,
		findings: findings.map((finding) => ({ ...finding, fix: finding.fix.flatMap(stepTexts) })),
		notes,
		...(lastException === undefined ? {} : { lastException }),
		...(verdict === 'unknown' ? { tail } : {}),
	};
}

function stepTexts({ say, code }: FixStep): string[] {
	return [say, code].filter((text) => text !== undefined);
}

const WORDS = {
	confirmed: { en: 'confirmed', ja: '確定' },
	likely: { en: 'likely', ja: '可能性が高い' },
	possible: { en: 'possible', ja: '可能性あり' },
	unknown: { en: 'unknown', ja: '不明' },
	unknownTitle: { en: 'No known cause', ja: '原因を特定できませんでした' },
	upstreamTitle: { en: 'A task before it failed', ja: '上流のタスクが失敗しています' },
	evidence: { en: 'Evidence', ja: '根拠' },
	fix: { en: 'Fix', ja: '対処' },
	others: { en: 'Also seen', ja: 'そのほかの候補' },
	last: { en: 'Last exception', ja: '最後の例外' },
	end: { en: 'End of the log', ja: 'ログの末尾' },
} satisfies Record<string, Text>;

const COLOUR: Readonly<Record<Status, 'red' | 'yellow' | 'cyan' | 'gray'>> = {
	confirmed: 'red',
	likely: 'yellow',
	possible: 'cyan',
	unknown: 'gray',
};

/** A short answer for people; in colour where standard output is a terminal that wants it. */
function toPlain(file: string, diagnosis: Diagnosis, lang: Lang): string {
	const paint = (format: Parameters<typeof styleText>[0], text: string) =>
		styleText(format, text, { stream: process.stdout });
	const { verdict, status, findings, notes, lastException, tail } = diagnosis;
	const [first, ...others] = findings;
	const title =
		rules.find(({ id }) => id === verdict)?.title[lang] ??
		WORDS[verdict === 'upstream-failed' ? 'upstreamTitle' : 'unknownTitle'][lang];
	const out = [
		paint('dim', visible(file)),
		`${paint([COLOUR[status], 'bold'], WORDS[status][lang])}  ${paint('bold', title)}  ${paint('dim', verdict)}`,
	];
	const heading = (text: Text) => out.push('', paint('underline', text[lang]));
	if (first) {
		heading(WORDS.evidence);
		for (const { line, text } of first.evidence) out.push(`${paint('dim', String(line).padStart(7))}  ${text}`);
		heading(WORDS.fix);
		for (const { say, code } of first.fix) {
			if (say !== undefined) out.push(`  ${say}`);
			if (code !== undefined) for (const line of code.split('\n')) out.push(paint('green', `      ${line}`));
		}
		out.push('', paint('dim', first.docs));
	}
	if (others.length > 0) {
		const list = others.map((each) => `${each.cause} (${WORDS[each.status][lang]})`);
		out.push('', `${WORDS.others[lang]}: ${list.join(', ')}`);
	}
	if (notes.length > 0) out.push('', ...notes);
	if (!first && lastException !== undefined) out.push('', `${WORDS.last[lang]}: ${lastException}`);
	if (verdict === 'unknown' && lastException === undefined) {
		heading(WORDS.end);
		for (const line of tail.slice(-8)) out.push(`  ${line}`);
	}
	out.push('');
	return out.join('\n');
}
