import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Generation } from '../../src/domain/environment.ts';

export type Case = {
	/** `kpo-oomkilled/exit-137`: the rule and the file. */
	name: string;
	rule: string;
	origin: 'Real' | 'Synthetic';
	env: Generation | undefined;
	log: string;
	expect: {
		verdict?: { id: string; status?: string } | undefined;
		facts: [string, string][];
		evidence: string[];
		fix: string[];
		not: string[];
		also: string[];
	};
};

export const RULES = fileURLToPath(new URL('../../src/rules/', import.meta.url));

/** The case files of every rule: name and text. */
export function caseFiles(): { rule: string; name: string; text: string }[] {
	return readdirSync(RULES, { withFileTypes: true })
		.filter((entry) => entry.isDirectory() && existsSync(join(RULES, entry.name, 'cases')))
		.flatMap(({ name: rule }) =>
			readdirSync(join(RULES, rule, 'cases'))
				.filter((file) => file.endsWith('.txtar'))
				.sort()
				.map((file) => ({
					rule,
					name: `${rule}/${file.replace('.txtar', '')}`,
					text: readFileSync(join(RULES, rule, 'cases', file), 'utf8'),
				})),
		);
}

/** Throws with the file's name when it is not in the form that docs/rules.md gives. */
export function parseCase(rule: string, name: string, text: string): Case {
	const bad = (what: string): never => {
		throw new Error(`${name}: ${what}`);
	};
	const [head = '', ...parts] = text.split(/^-- (log|expect) --\n/m);
	const part = (wanted: string) => parts[parts.indexOf(wanted) + 1] ?? bad(`there is no "-- ${wanted} --"`);
	if (!parts.includes('log')) bad('there is no "-- log --"');
	if (!parts.includes('expect')) bad('there is no "-- expect --"');
	const origin =
		/^(Real|Synthetic): \S/.exec(head)?.[1] ?? bad('the first line says neither "Real: …" nor "Synthetic: …"');
	const env = /^Env: (.*)$/m.exec(head)?.[1];
	if (env !== undefined && !['composer-2', 'composer-3', 'airflow'].includes(env))
		bad(`Env: ${env} is none of composer-2, composer-3, airflow`);
	const expect: Case['expect'] = { facts: [], evidence: [], fix: [], not: [], also: [] };
	for (const line of part('expect').split('\n')) {
		if (line.trim() === '') continue;
		const [, key = '', value = ''] = /^(\w+): (.*\S)\s*$/.exec(line) ?? [];
		if (key === 'verdict') {
			const [id = '', status] = value.split(/\s+/);
			expect.verdict = { id, ...(status === undefined ? {} : { status }) };
		} else if (key === 'facts') {
			const at = value.indexOf('=');
			if (at < 1) bad(`"${line}" is not key=value`);
			expect.facts.push([value.slice(0, at), value.slice(at + 1)]);
		} else if (key === 'evidence' || key === 'fix' || key === 'not' || key === 'also') expect[key].push(value);
		else bad(`"${line}" is not understood`);
	}
	if (!expect.verdict && expect.not.length === 0) bad('expects neither a verdict nor a "not:"');
	return {
		name,
		rule,
		origin: origin === 'Real' ? 'Real' : 'Synthetic',
		env: env as Generation | undefined,
		log: part('log'),
		expect,
	};
}
