import type { Facts, Finding, Rule } from './finding.ts';
import { componentRules } from './rules/components.ts';
import { databaseRules } from './rules/database.ts';
import { limitRules } from './rules/limits.ts';
import { settingRules } from './rules/settings.ts';
import { workerRules } from './rules/workers.ts';

/** What Google's pages and gcpdiag name, threshold by threshold, and what the recipe adds. */
export const RULES: readonly Rule[] = [
	...workerRules,
	...limitRules,
	...componentRules,
	...databaseRules,
	...settingRules,
];

const WEIGHTS: readonly Finding['weight'][] = ['act', 'check', 'save'];

export function findAll(facts: Facts): Finding[] {
	return RULES.flatMap(({ id, look }) => look(facts).map((found) => ({ id, ...found }))).toSorted(
		(a, b) => WEIGHTS.indexOf(a.weight) - WEIGHTS.indexOf(b.weight),
	);
}
