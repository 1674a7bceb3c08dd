import { closeSync, openSync, readSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { Trouble } from '../domain/errors.ts';
import type { Lang, Text } from '../domain/text.ts';
import { milliseconds } from './asked.ts';
import { advise, type Advice } from './advise.ts';
import { changesText } from './change-words.ts';
import type { History } from './history.ts';
import { patchFor } from './patch.ts';
import { plain } from './plain.ts';
import { reason } from './reason-words.ts';
import { historyStream } from './stream.ts';
import { say } from './words.ts';

const USAGE = `Usage: npm run -s advise -- [--json] [--lang en|ja] [--target 30s] HISTORY.json

Says what size the environment of an exported history should have, why, and what that costs. The format is described in
docs/history.md; JSON, or JSON Lines with the task instances one a line, which is for long histories.

  --json     one JSON object: the decision, its reasons, what is predicted, the change to apply; where the file
             cannot be read, what is wrong with it
  --lang     the language of the answer
  --target   the p95 wait from release to start that is wanted (default 60s)`;

/** `2`: wrong usage, `1`: the file could not be read, `0`: advised, be it "change nothing". */
function main(argv: string[]): 0 | 1 | 2 {
	const wrong = (what: string): 2 => {
		process.stderr.write(`${what}\n\n${USAGE}\n`);
		return 2;
	};
	let parsed;
	try {
		parsed = parseArgs({
			args: argv,
			allowPositionals: true,
			options: {
				json: { type: 'boolean' },
				lang: { type: 'string' },
				target: { type: 'string' },
				help: { type: 'boolean', short: 'h' },
			},
		});
	} catch (error) {
		return wrong(error instanceof Error ? error.message : String(error));
	}
	const { values, positionals } = parsed;
	if (values.help) {
		process.stdout.write(`${USAGE}\n`);
		return 0;
	}
	const [file, ...more] = positionals;
	if (file === undefined || more.length > 0) return wrong('One history, please.');
	const lang = (['en', 'ja'] as const).find((each) => each === (values.lang ?? 'en'));
	if (lang === undefined) return wrong(`--lang ${values.lang}: en or ja.`);
	const waitMs = values.target === undefined ? undefined : milliseconds(values.target);
	if (values.target !== undefined && waitMs === undefined)
		return wrong(`--target ${values.target}: such as 30s or 2m.`);
	let history: History;
	try {
		history = read(file);
	} catch (error) {
		const { message, hint } = unreadable(error, lang);
		process.stderr.write(`${file}: ${message}\n${hint === undefined ? '' : `${hint}\n`}`);
		if (values.json)
			process.stdout.write(`${JSON.stringify({ error: message, ...(hint !== undefined && { hint }) })}\n`);
		return 1;
	}
	const advice = advise(history, waitMs === undefined ? {} : { target: { waitMs } });
	if (values.json) process.stdout.write(`${JSON.stringify(answer(advice, history, lang))}\n`);
	else process.stdout.write(`${plain(say(advice, history.environment, lang))}\n`);
	return 0;
}

/** The advice as data. `reasons`: the sentences that a person would read; `predicted`: of the settings as they are, and of the suggestion. */
function answer(
	{ decision, because, suggestion, now, findings, ...rest }: Advice,
	{ environment }: History,
	lang: Lang,
): Record<string, unknown> {
	const why = reason({ decision, because, suggestion, now, findings, ...rest }, lang);
	return {
		decision,
		because,
		...(suggestion && {
			suggestion: {
				text: changesText(suggestion.changes, lang),
				changes: suggestion.changes,
				reaches: suggestion.reaches,
				plan: suggestion.plan,
			},
		}),
		reasons: [...(why === undefined ? [] : [why]), ...findings.map(({ text }) => text[lang])],
		...(now && { predicted: { now, ...(suggestion && { after: suggestion.after }) } }),
		...(suggestion && { apply: patchFor(environment, suggestion.changes) }),
		...rest,
		findings: findings.map(({ text, ...more }) => ({ ...more, text: text[lang] })),
	};
}

function unreadable(error: unknown, lang: Lang): { message: string; hint?: string | undefined } {
	if (error instanceof Trouble)
		return lang === 'ja' && error.ja ? error.ja : { message: error.message, hint: error.hint };
	const code = error instanceof Error && 'code' in error ? String(error.code) : '';
	const known = READING[code];
	return { message: known?.[lang] ?? (error instanceof Error ? error.message : String(error)) };
}

const READING: Readonly<Record<string, Text>> = {
	ENOENT: { en: 'There is no such file.', ja: 'ファイルがありません。' },
	EISDIR: { en: 'That is a folder, not a file.', ja: 'ファイルではなくフォルダです。' },
	EACCES: { en: 'The file may not be read.', ja: 'ファイルを読み取る権限がありません。' },
};

const PIECE = 1 << 20;

/** Piece by piece: of a long history no more than that lies in memory as text. */
function read(file: string): History {
	const stream = historyStream();
	const piece = Buffer.allocUnsafe(PIECE);
	const open = openSync(file, 'r');
	try {
		for (let length = readSync(open, piece); length > 0; length = readSync(open, piece))
			stream.feed(piece.subarray(0, length));
	} finally {
		closeSync(open);
	}
	return stream.done();
}

process.exitCode = main(process.argv.slice(2));
