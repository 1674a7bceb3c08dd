import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import type { Facts, FixStep, Rule } from '../../src/domain/rule.ts';
import type { Lang } from '../../src/domain/text.ts';
import { rules } from '../../src/rules/index.ts';

const GENERATIONS = [undefined, 'composer-2', 'composer-3', 'airflow'] as const;
const LANGS: readonly Lang[] = ['en', 'ja'];
const JAPANESE = /[\u3040-\u30ff\u4e00-\u9fff]/;

/** Every fact that a rule's patterns can name. */
function factNames(rule: Rule): string[] {
	return [
		...new Set(
			rule.signatures.flatMap(({ pattern }) =>
				[...pattern.source.matchAll(/\(\?<([a-zA-Z]\w*)>/g)].map((m) => m[1] ?? ''),
			),
		),
	];
}

function stepsOf(rule: Rule, facts: Facts): { step: FixStep; lang: Lang; generation: string }[] {
	return GENERATIONS.flatMap((generation) =>
		LANGS.flatMap((lang) =>
			rule
				.fix({ env: generation ? { generation } : {}, facts, lang })
				.map((step) => ({ step, lang, generation: generation ?? 'unknown' })),
		),
	);
}

const textOf = (step: FixStep): string => `${step.say ?? ''}\n${step.code ?? ''}`;

describe('the fix of every rule', () => {
	test.each(rules.map((rule) => [rule.id, rule] as const))('%s speaks both languages, whatever is known', (_, rule) => {
		const names = factNames(rule);
		const known: Facts[] = [
			{},
			...names.map((name) => ({ [name]: 'abc-1' })),
			Object.fromEntries(names.map((name) => [name, 'abc-1'])),
		];
		for (const facts of known) {
			const steps = stepsOf(rule, facts);
			expect(steps.map(({ generation }) => generation)).toEqual(expect.arrayContaining(['unknown', 'composer-2']));
			for (const { step, lang } of steps) {
				expect(textOf(step)).not.toMatch(/\bundefined\b|\bNaN\b|\[object /);
				if (step.say === undefined) continue;
				expect({ lang, japanese: JAPANESE.test(step.say), text: step.say }).toEqual({
					lang,
					japanese: lang === 'ja',
					text: step.say,
				});
			}
		}
	});

	test.each(rules.map((rule) => [rule.id, rule] as const))('%s quotes what comes out of a log', (_, rule) => {
		const folder = mkdtempSync(join(tmpdir(), 'fix-'));
		const attack = `x'; : > pwned; echo '" ; : > pwned ; " $(: > pwned) \`: > pwned\` \\`;
		const facts = Object.fromEntries(factNames(rule).map((name) => [name, attack]));
		const scripts = new Set(
			stepsOf(rule, facts).flatMap(({ step }) => (step.code !== undefined && step.lang === 'sh' ? [step.code] : [])),
		);
		try {
			for (const script of scripts) {
				// In an empty PATH no program of the script is found; what an injection needs are the shell's own words.
				execFileSync('/bin/bash', ['-c', `set +e\n${script}\nexit 0`], {
					cwd: folder,
					env: { PATH: folder },
					stdio: 'ignore',
				});
				expect({ script, pwned: existsSync(join(folder, 'pwned')) }).toEqual({ script, pwned: false });
			}
		} finally {
			rmSync(folder, { recursive: true });
		}
	});
});
