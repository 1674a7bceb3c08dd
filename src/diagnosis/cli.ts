import { closeSync, openSync, readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import type { Environment, Generation } from '../domain/environment.ts';
import type { Diagnosis, FixStep } from '../domain/rule.ts';
import { rules } from '../rules/index.ts';
import { diagnose } from './diagnose.ts';

const USAGE = `usage: npm run -s diagnose -- [--json] [--env composer-2|composer-3|airflow] [--lang en|ja] FILE… | -`;

process.exitCode = main(process.argv.slice(2));

function main(argv: string[]): number {
	let parsed;
	try {
		parsed = parseArgs({
			args: argv,
			allowPositionals: true,
			options: {
				json: { type: 'boolean' },
				env: { type: 'string' },
				lang: { type: 'string' },
				help: { type: 'boolean' },
			},
		});
	} catch (error) {
		process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n${USAGE}\n`);
		return 2;
	}
	const { values, positionals } = parsed;
	if (values.help || positionals.length === 0) {
		process.stderr.write(`${USAGE}\n`);
		return values.help ? 0 : 2;
	}
	const lang = values.lang === 'ja' ? 'ja' : 'en';
	const env: Environment = values.env === undefined ? {} : { generation: values.env as Generation };
	let failed = 0;
	for (const file of positionals) {
		try {
			const fd = file === '-' ? 0 : openSync(file, 'r');
			const diagnosis = diagnose(readFileSync(fd), { rules, env, lang });
			if (fd !== 0) closeSync(fd);
			process.stdout.write(values.json ? `${JSON.stringify(toJson(file, diagnosis))}\n` : toPlain(file, diagnosis));
		} catch (error) {
			failed++;
			process.stdout.write(
				`${JSON.stringify({ file, error: error instanceof Error ? error.message : String(error) })}\n`,
			);
		}
	}
	return failed > 0 ? 1 : 0;
}

function toJson(file: string, diagnosis: Diagnosis) {
	return {
		file,
		...diagnosis,
		findings: diagnosis.findings.map((finding) => ({ ...finding, fix: finding.fix.flatMap(stepLines) })),
	};
}

export function stepLines(step: FixStep): string[] {
	return step.code === undefined ? [step.say] : step.say === undefined ? [step.code] : [step.say, step.code];
}

function toPlain(file: string, diagnosis: Diagnosis): string {
	const out = [`${file}: ${diagnosis.verdict} (${diagnosis.status})`];
	for (const finding of diagnosis.findings.slice(0, 1)) {
		for (const { line, text } of finding.evidence) out.push(`  ${line}: ${text}`);
		for (const step of finding.fix) for (const text of stepLines(step)) out.push(`  ${text}`);
	}
	return [...out, ...diagnosis.notes, ''].join('\n');
}
