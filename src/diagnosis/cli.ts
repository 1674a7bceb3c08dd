import { enableCompileCache } from 'node:module';
import { parseArgs } from 'node:util';

// Before anything else is loaded: the second start then skips parsing, and needs a third less memory.
enableCompileCache();

const USAGE = `Usage: npm run -s diagnose -- [--json] [--env composer-2|composer-3|airflow] [--lang en|ja] FILE… | -

Names the cause of a failure out of a log: a task log, a worker or scheduler log, Kubernetes events, an operation's or
a build's error. Plain text, JSON and gzip; "-" reads standard input.

  --json   one JSON object a line for each file
  --env    the generation the fix is written for
  --lang   the language of the answer`;

/** `2`: wrong usage, `1`: a file could not be read, `0`: every file has its answer, be it "unknown". */
async function main(argv: string[]): Promise<0 | 1 | 2> {
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
				env: { type: 'string' },
				lang: { type: 'string' },
				help: { type: 'boolean', short: 'h' },
			},
		});
	} catch (error) {
		return wrong(error instanceof Error ? error.message : String(error));
	}
	const { values, positionals: files } = parsed;
	if (values.help) {
		process.stdout.write(`${USAGE}\n`);
		return 0;
	}
	if (files.length === 0) return wrong('No file given.');
	const generation = (['composer-2', 'composer-3', 'airflow'] as const).find((each) => each === values.env);
	if (values.env !== undefined && generation === undefined)
		return wrong(`--env ${values.env}: composer-2, composer-3 or airflow.`);
	const lang = (['en', 'ja'] as const).find((each) => each === (values.lang ?? 'en'));
	if (lang === undefined) return wrong(`--lang ${values.lang}: en or ja.`);
	const { answerFiles } = await import('./answer.ts');
	return answerFiles(files, { json: values.json === true, env: { generation }, lang });
}

process.exitCode = await main(process.argv.slice(2));
