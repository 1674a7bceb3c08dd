import { describe, expect, test } from '@jest/globals';
import { diagnose } from '../../src/diagnosis/diagnose.ts';
import type { Environment, Generation } from '../../src/domain/environment.ts';
import { capitals, isPlaceholder, toFillIn } from '../../src/domain/placeholders.ts';
import type { Facts, FixStep, Rule } from '../../src/domain/rule.ts';
import { rules } from '../../src/rules/index.ts';
import { environment } from '../evidence/values.ts';
import { flips, onlyAPersonKnows, words } from './environment.ts';
import { caseFiles, parseCase } from './txtar.ts';

const GENERATIONS = ['composer-2', 'composer-3', 'airflow'] as const;

/** Everything that the bot may know of where a try failed. */
function known(generation: Generation): Environment {
	if (generation !== 'airflow') return environment(generation);
	const { worker, workerConcurrency, project } = environment('composer-3');
	return { name: 'prod', generation, airflowVersion: '2.11.2', project, worker, workerConcurrency };
}

/** What a verdict about a try always knows. */
const OF_THE_TRY: Facts = {
	dag: 'daily',
	task: 'load',
	run: 'manual__1',
	tryNumber: '1',
	host: 'airflow-worker-7d9f8',
	pod: 'load-x1y2z3',
	namespace: 'composer-user-workloads',
};

const logs = caseFiles().map((file) => ({ ...file, ...parseCase(file.rule, file.name, file.text) }));

/** The facts that a rule's own cases tell it, and none beside the try. */
function factsOf(rule: Rule): Facts[] {
	const told = logs
		.filter((each) => each.rule === rule.id && each.expect.verdict?.id === rule.id)
		.flatMap(({ log }) => {
			const [first] = diagnose(new TextEncoder().encode(log), { rules }).findings;
			return first?.cause === rule.id ? [{ ...OF_THE_TRY, ...first.facts }] : [];
		});
	return [OF_THE_TRY, ...told];
}

const shell = (steps: readonly FixStep[]): string[] =>
	steps.flatMap((step) => (step.code !== undefined && step.lang === 'sh' ? [step.code] : []));

describe.each(rules.map((rule) => [rule.id, rule] as const))('the fix of %s', (id, rule) => {
	const facts = factsOf(rule);

	test('in an environment that is known leaves open only what a person knows', () => {
		const open = new Set(
			(['composer-2', 'composer-3'] as const).flatMap((generation) =>
				facts.flatMap((each) => shell(rule.fix({ env: known(generation), facts: each, lang: 'en' })).flatMap(toFillIn)),
			),
		);
		expect([...open].sort()).toEqual([...(onlyAPersonKnows[id] ?? [])].sort());
	});

	test('says in capitals only what is a placeholder or a word of the tools', () => {
		for (const env of [{}, ...GENERATIONS.map(known)])
			for (const each of facts)
				for (const code of shell(rule.fix({ env, facts: each, lang: 'ja' }))) {
					const odd = capitals(code).filter((word) => !isPlaceholder(word) && !words.has(word));
					// Out of a log, and not ours.
					const said = Object.values(each).join(' ');
					expect({ id, odd: odd.filter((word) => !said.includes(word)), code: odd.length > 0 && code }).toMatchObject({
						id,
						odd: [],
					});
				}
	});

	test('changes with the generation only where the catalogue of causes says so', () => {
		// Everything else is the same, its version and its sizes too.
		const one = {
			...environment('composer-3'),
			airflowVersion: '2.11.2',
			imageVersion: undefined,
			cluster: 'c',
			size: 'small' as const,
		};
		const differs = facts.some((each) => {
			const [two, three] = (['composer-2', 'composer-3'] as const).map((generation) =>
				JSON.stringify(rule.fix({ env: { ...one, generation }, facts: each, lang: 'en' })),
			);
			return two !== three;
		});
		expect({ id, differs }).toEqual({ id, differs: flips.has(id) });
	});
});

test('the tables name rules that are there', () => {
	const ids = new Set(rules.map(({ id }) => id));
	expect([...flips.keys(), ...Object.keys(onlyAPersonKnows)].filter((id) => !ids.has(id))).toEqual([]);
});

test.each([
	['gcloud x PROJECT --member=serviceAccount:SERVICE_ACCOUNT_EMAIL', ['PROJECT', 'SERVICE_ACCOUNT_EMAIL']],
	['KSA=x\nkubectl get "$KSA" -n NAMESPACE   # the KEY', ['NAMESPACE']],
	['gcloud y --format=json | jq ".VALUES"', []],
])('what is to be filled in of %s', (code, expected) => {
	expect(toFillIn(code)).toEqual(expected);
});
