import type { Binding, PolicyChange } from './evidence.ts';

type Grant = { role: string; member: string };

/** One audit entry of a policy that was set. */
export type PolicyRecord = {
	/** ISO 8601. */
	at: string;
	/** Who set it. */
	actor: string;
	on: PolicyChange['on'];
	/** Whose policy: the account or project it names, so that entries of one policy are compared with each other. */
	target: string;
	/** The complete policy after it. Undefined: the entry does not hold it. */
	after?: readonly Binding[] | undefined;
	/** What the entry itself says it changed. */
	delta?: { added: readonly Grant[]; removed: readonly Grant[] } | undefined;
};

/** Who was given what and lost what between two policies. A role under a condition is another grant than the same role without. */
export function policyDiff(
	before: readonly Binding[],
	after: readonly Binding[],
): { added: Grant[]; removed: Grant[] } {
	const old = grants(before);
	const now = grants(after);
	const without = (these: Map<string, Grant>, those: Map<string, Grant>): Grant[] =>
		[...these].filter(([key]) => !those.has(key)).map(([, grant]) => grant);
	return { added: without(now, old), removed: without(old, now) };
}

function grants(bindings: readonly Binding[]): Map<string, Grant> {
	return new Map(
		bindings.flatMap(({ role, members, condition }) =>
			members.map((member) => [JSON.stringify([role, condition ?? null, member]), { role, member }] as const),
		),
	);
}

/**
 * What each entry changed, newest first. Two consecutive entries of one policy, each holding the whole of it, give the
 * difference; where there is none before it, the entry's own word counts, and an entry that says nothing is left out, and one
 * that changed nothing. `since`: epoch milliseconds; older entries only serve for comparison.
 */
export function policyChanges(records: readonly PolicyRecord[], since: number): PolicyChange[] {
	const found: PolicyChange[] = [];
	const last = new Map<string, readonly Binding[]>();
	for (const { at, actor, on, target, after, delta } of records.toSorted((a, b) => time(a.at) - time(b.at))) {
		const key = `${on} ${target}`;
		const before = last.get(key);
		const change = before && after ? policyDiff(before, after) : delta;
		if (after) last.set(key, after);
		if (!change || time(at) < since || change.added.length + change.removed.length === 0) continue;
		found.push({ at, on, actor, added: change.added, removed: change.removed });
	}
	return found.reverse();
}

const time = (iso: string): number => Date.parse(iso);
