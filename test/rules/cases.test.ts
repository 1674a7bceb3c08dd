import { describe, expect, test } from '@jest/globals';
import { diagnose } from '../../src/diagnosis/diagnose.ts';
import { rules } from '../../src/rules/index.ts';
import { caseFiles, parseCase } from './txtar.ts';

// RULE=kpo-oomkilled runs the cases of one rule.
const only = process.env.RULE;
const cases = caseFiles().filter((each) => only === undefined || each.rule === only);

describe('every case against the whole catalogue', () => {
	test.each(cases.map((each) => [each.name, each] as const))('%s', (_, file) => {
		const { log, env, expect: expected } = parseCase(file.rule, file.name, file.text);
		const said = diagnose(new TextEncoder().encode(log), { rules, env: { generation: env } });
		const first = said.findings[0];
		const firm = said.findings.filter(({ status }) => status !== 'possible').map(({ cause }) => cause);
		const { verdict } = expected;
		// One object, so that a failure shows the whole answer at once.
		expect({
			verdict: verdict && said.verdict,
			status: verdict?.status && said.status,
			facts: expected.facts.map(([key]) => [key, first?.facts[key]]),
			evidence: expected.evidence.map(
				(text) => first?.evidence.some((line) => line.text.includes(text)) || first?.evidence,
			),
			fix: expected.fix.map(
				(text) => first?.fix.some((step) => `${step.say ?? ''}\n${step.code ?? ''}`.includes(text)) || first?.fix,
			),
			not: expected.not.filter((id) => id === said.verdict || firm.includes(id)),
			also: expected.also.filter((id) => !said.findings.some(({ cause }) => cause === id)),
		}).toEqual({
			verdict: verdict?.id,
			status: verdict?.status,
			facts: expected.facts,
			evidence: expected.evidence.map(() => true),
			fix: expected.fix.map(() => true),
			not: [],
			also: [],
		});
	});
});

describe('the catalogue', () => {
	const shown = rules.filter(({ id }) => only === undefined || id === only);
	test.each(shown.map(({ id }) => id))('%s has a case that finds it and one that must stay silent', (id) => {
		const own = cases
			.filter((each) => each.rule === id)
			.map((each) => parseCase(id, each.name, each.text).expect.verdict?.id);
		expect({ finds: own.includes(id), silent: own.some((verdict) => verdict !== id) }).toEqual({
			finds: true,
			silent: true,
		});
	});
});
