import { closeSync, openSync, readSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { Trouble } from '../domain/errors.ts';
import { milliseconds } from './asked.ts';
import { advise } from './advise.ts';
import type { History } from './history.ts';
import { patchFor } from './patch.ts';
import { plain } from './plain.ts';
import { historyStream } from './stream.ts';
import { say } from './words.ts';

const USAGE = `Usage: npm run -s advise -- [--json] [--lang en|ja] [--target 30s] HISTORY.json

Says what size the environment of an exported history should have, why, and what that costs. The format is described in
docs/history.md; JSON, or JSON Lines with the task instances one a line, which is for long histories.

  --json     one JSON object: the decision, its reasons, what is predicted, the change to apply
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
		const told = error instanceof Trouble ? { message: error.message, hint: error.hint } : undefined;
		const message = told?.message ?? (error instanceof Error ? error.message : String(error));
		process.stderr.write(`${file}: ${message}\n${told?.hint === undefined ? '' : `${told.hint}\n`}`);
		return 1;
	}
	const advice = advise(history, waitMs === undefined ? {} : { target: { waitMs } });
	if (values.json) {
		const { suggestion } = advice;
		process.stdout.write(
			`${JSON.stringify({
				...advice,
				...(suggestion && { apply: patchFor(history.environment, suggestion.changes) }),
				findings: advice.findings.map(({ text, ...rest }) => ({ ...rest, text: text[lang] })),
			})}\n`,
		);
	} else process.stdout.write(`${plain(say(advice, history.environment, lang))}\n`);
	return 0;
}

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
