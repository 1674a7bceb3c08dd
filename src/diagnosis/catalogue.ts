import type { Rule, Signature } from '../domain/rule.ts';
import { compile, coreOf, MIN_CORE } from './scan.ts';
import type { Scanner } from './scan.ts';

export type Owner = { rule: Rule; signature: Signature };

/** All rules compiled into one scanner. */
export type Catalogue = {
	rules: readonly Rule[];
	scanner: Scanner;
	/** By the scanner's literal id: whose signatures ask for it. */
	owners: readonly (readonly Owner[])[];
	literals: readonly string[];
	/** By the same id: the text that some rule's `asks` holds. */
	asked: readonly boolean[];
	asks: ReadonlySet<string>;
};

/** The engine's own literal: where an attempt begins. */
export const ATTEMPT = 'Starting attempt ';

const made = new WeakMap<readonly Rule[], Catalogue>();

/** Compiled once for one array of rules. Throws RangeError where a literal cannot be scanned for. */
export function catalogue(rules: readonly Rule[]): Catalogue {
	const known = made.get(rules);
	if (known) return known;
	const owners = new Map<string, Owner[]>([[ATTEMPT, []]]);
	const asks = new Set<string>();
	for (const rule of rules) {
		for (const ask of rule.asks ?? []) {
			asks.add(ask);
			// A short one is looked for in the end of the log only.
			if (!owners.has(ask) && coreOf(ask).length >= MIN_CORE) owners.set(ask, []);
		}
		for (const signature of rule.signatures) {
			for (const literal of signature.literals) {
				const list = owners.get(literal) ?? [];
				if (list.length === 0) owners.set(literal, list);
				list.push({ rule, signature });
			}
		}
	}
	const literals = [...owners.keys()];
	const compiled: Catalogue = {
		rules,
		scanner: compile(literals),
		owners: [...owners.values()],
		literals,
		asked: literals.map((literal) => asks.has(literal)),
		asks,
	};
	made.set(rules, compiled);
	return compiled;
}
