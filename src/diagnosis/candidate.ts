import type { Environment } from '../domain/environment.ts';
import type { Failed, Seen, SourceName, Subject } from '../domain/evidence.ts';
import type { About, Diagnosis, Evidence, Facts, Finding, Rule, Status } from '../domain/rule.ts';

/** A suspicion: from the log (`finding`), from the lines of a component (`heard`), or only from how the try ended. */
export type Candidate = { rule: Rule; finding: Finding | undefined; heard: readonly Heard[] };

/** What the lines of a component say of a cause. */
export type Heard = {
	source: SourceName;
	status: Exclude<Status, 'unknown'>;
	evidence: readonly Evidence[];
	facts: Facts;
};

/** Whoever the log suspects, and whoever suspects itself. In the log's order. */
export function candidates(rules: readonly Rule[], diagnosis: Diagnosis | undefined, failed: Failed): Candidate[] {
	const told = (diagnosis?.findings ?? []).flatMap((finding): Candidate[] => {
		const rule = rules.find(({ id }) => id === finding.cause);
		return rule ? [{ rule, finding, heard: [] }] : [];
	});
	const more = rules
		.filter((rule) => rule.suspects?.(failed) === true && !told.some((one) => one.rule === rule))
		.map((rule): Candidate => ({ rule, finding: undefined, heard: [] }));
	return [...told, ...more];
}

/** What the candidates want to read: each source once, nothing that nobody asked for. */
export function wanted(all: readonly Candidate[]): Set<SourceName> {
	return new Set(all.flatMap(({ rule }) => rule.reads ?? []));
}

/** What the first round named that nobody knew, and what to read about it; undefined: nothing, so there is no second round. */
export function followed(
	all: readonly Candidate[],
	seen: Seen,
	failed: Failed,
	env: Environment,
): { failed: Failed; reads: Set<SourceName> } | undefined {
	let known = failed;
	const reads = new Set<SourceName>();
	for (const candidate of all) {
		const { rule } = candidate;
		const more = rule.follows?.(only(seen, rule.reads ?? []), aboutIt(candidate, known, env));
		if (!more || !tellsMore(more.subject, failed)) continue;
		known = { ...more.subject, ...withoutGaps(known) };
		for (const read of more.reads) reads.add(read);
	}
	return reads.size === 0 ? undefined : { failed: known, reads };
}

/** The first round looked at something else, or at nothing. */
function tellsMore(subject: Subject, { hostname, pod, namespace, account }: Failed): boolean {
	const known: Subject = { hostname, pod, namespace, account };
	return Object.entries(subject).some(
		([name, value]) =>
			value !== undefined && Object.entries(known).some(([of, has]) => of === name && has === undefined),
	);
}

/** What is undefined here must not hide what was found. */
function withoutGaps(failed: Failed): Failed {
	const out = { ...failed };
	for (const name of ['hostname', 'pod', 'namespace', 'account'] as const)
		if (out[name] === undefined) delete out[name];
	return out;
}

/** What a rule judges by, beside the evidence. */
export function aboutIt(candidate: Candidate, failed: Failed, env: Environment): About {
	const { finding, heard } = candidate;
	return { failed, facts: factsOf(candidate), told: finding ? 'log' : heard[0]?.source, env };
}

/** What the log names goes before what a component's line names. */
export function factsOf({ finding, heard }: Candidate): Facts {
	return Object.assign({}, ...heard.map(({ facts }) => facts).reverse(), finding?.facts) as Facts;
}

/** A rule sees what it reads, whatever others asked for. */
export function only(seen: Seen, reads: readonly SourceName[]): Seen {
	return Object.fromEntries(Object.entries(seen).filter(([name]) => reads.some((read) => read === name)));
}
