import type { Environment } from '../domain/environment.ts';
import type { Failed, Gap, Seen, SourceName, Verified } from '../domain/evidence.ts';
import { quote } from '../domain/quote.ts';
import type { Diagnosis, Evidence, Facts, Finding, FixStep, Rule, Status } from '../domain/rule.ts';
import type { Lang, Text } from '../domain/text.ts';

/** A suspicion: from the log (`finding`), or only from how the try ended. */
export type Candidate = { rule: Rule; finding: Finding | undefined };

/** A cause after the evidence was looked at. */
export type Judged = {
	cause: string;
	title: Text;
	status: Exclude<Status, 'unknown'>;
	/** Lines of the log that decide; empty when only the evidence speaks. */
	evidence: readonly Evidence[];
	/** What the evidence says of it, and where that was read; undefined: nothing more than the log. */
	because: (Pick<Verified, 'because' | 'source' | 'at'> & { verified: 'confirmed' | 'likely' }) | undefined;
	/** What it wanted to read and could not. */
	gaps: readonly Gap[];
	facts: Facts;
	fix: readonly FixStep[];
	docs: string;
};

export type Verdict = {
	/** A cause id, or `unknown`. */
	verdict: string;
	status: Status;
	/** Best first, the verdict's first, at most five. */
	findings: readonly Judged[];
	ruledOut: readonly { cause: string; title: Text; because: Text; source: SourceName }[];
	/** Worth knowing, no cause: an update that ran meanwhile, a fault of the image version. */
	beside: readonly { cause: string; because: Text }[];
	/** Every source that was asked for and could not be read. */
	gaps: readonly Gap[];
	notes: readonly string[];
	lastException: string | undefined;
	/** The end of the log, masked. */
	tail: readonly string[];
};

/** Whoever the log suspects, and whoever suspects itself. In the log's order. */
export function candidates(rules: readonly Rule[], diagnosis: Diagnosis | undefined, failed: Failed): Candidate[] {
	const told = (diagnosis?.findings ?? []).flatMap((finding): Candidate[] => {
		const rule = rules.find(({ id }) => id === finding.cause);
		return rule ? [{ rule, finding }] : [];
	});
	const more = rules
		.filter((rule) => rule.suspects?.(failed) === true && !told.some((one) => one.rule === rule))
		.map((rule): Candidate => ({ rule, finding: undefined }));
	return [...told, ...more];
}

/** What the candidates want to read: each source once, nothing that nobody asked for. */
export function wanted(all: readonly Candidate[]): Set<SourceName> {
	return new Set(all.flatMap(({ rule }) => rule.reads ?? []));
}

export type Hearing = {
	diagnosis: Diagnosis | undefined;
	candidates: readonly Candidate[];
	failed: Failed;
	seen: Seen;
	gaps: readonly Gap[];
	env: Environment;
	lang: Lang;
};

/**
 * Confirms, ranks and rules out. `confirmed` takes evidence, or a sentence in the log that nothing else prints; what was only
 * suspected and finds no evidence is dropped.
 */
export function verify(hearing: Hearing): Verdict {
	const { diagnosis, failed, seen, env, lang, gaps } = hearing;
	const ruledOut: Verdict['ruledOut'][number][] = [];
	const beside: Verdict['beside'][number][] = [];
	const judged: Weighed[] = [];
	for (const [place, { rule, finding }] of hearing.candidates.entries()) {
		const reads = rule.reads ?? [];
		const mine = gaps.filter(({ source }) => reads.some((read) => read === source));
		const said = rule.verify?.(only(seen, reads), { failed, facts: finding?.facts ?? {}, env });
		const { id: cause, title } = rule;
		if (said?.status === 'ruled-out') {
			ruledOut.push({ cause, title, because: said.because, source: said.source });
			continue;
		}
		if (said?.status === 'beside') beside.push({ cause, because: said.because });
		const because =
			said?.status === 'confirmed' || said?.status === 'likely'
				? { because: said.because, source: said.source, at: said.at, verified: said.status }
				: undefined;
		const status = stronger(finding?.status, because?.verified);
		if (status === undefined) continue;
		const facts = { ...namesOf(failed), ...finding?.facts, ...safe(said?.facts) };
		const evidence = finding?.evidence ?? [];
		judged.push({
			rule,
			place,
			one: {
				cause,
				title,
				status,
				evidence,
				because,
				gaps: mine,
				facts,
				fix: rule.fix({ env, facts, lang }),
				docs: rule.docs,
			},
		});
	}
	const findings = ranked(judged).slice(0, 5);
	const [first] = findings;
	return {
		verdict: first?.cause ?? 'unknown',
		status: first?.status ?? 'unknown',
		findings,
		ruledOut,
		beside,
		gaps,
		notes: first === undefined ? (diagnosis?.notes ?? []) : [],
		lastException: diagnosis?.lastException,
		tail: diagnosis?.tail ?? [],
	};
}

type Weighed = { rule: Rule; place: number; one: Judged };

/** A rule sees what it reads, whatever others asked for. */
function only(seen: Seen, reads: readonly SourceName[]): Seen {
	return Object.fromEntries(Object.entries(seen).filter(([name]) => reads.some((read) => read === name)));
}

const ORDER: Readonly<Record<Status, number>> = { unknown: 0, possible: 1, likely: 2, confirmed: 3 };

function stronger(told: Status | undefined, verified: Judged['status'] | undefined): Judged['status'] | undefined {
	const log = told === 'unknown' ? undefined : told;
	if (log === undefined || verified === undefined) return log ?? verified;
	return ORDER[verified] > ORDER[log] ? verified : log;
}

/** For the fix's commands; what the log names goes first. */
function namesOf({ dag, task, run, tryNumber, hostname }: Failed): Facts {
	return { dag, task, run, tryNumber: String(tryNumber), ...(hostname === undefined ? {} : { host: hostname }) };
}

function safe(facts: Facts | undefined): Facts {
	return Object.fromEntries(Object.entries(facts ?? {}).map(([name, value]) => [name, quote(value, 300)]));
}

/**
 * What the log ranked stays in its order; evidence that confirms goes first, a symptom behind what may explain it, and a cause
 * behind those that it says explain it.
 */
function ranked(judged: readonly Weighed[]): Judged[] {
	const worth = new Map(judged.map((each) => [each.rule.id, worthOf(each, judged)]));
	for (const { rule, one } of judged)
		for (const behind of rule.yieldsTo ?? []) {
			const other = judged.find((each) => each.rule.id === behind);
			if (!other || other.one.status === 'possible' || ORDER[other.one.status] < Math.min(2, ORDER[one.status]))
				continue;
			const most = (worth.get(behind) ?? 0) - 1;
			if ((worth.get(rule.id) ?? 0) > most) worth.set(rule.id, most);
		}
	const [first, ...others] = judged.toSorted(
		(a, b) => (worth.get(b.rule.id) ?? 0) - (worth.get(a.rule.id) ?? 0) || a.place - b.place,
	);
	if (!first) return [];
	// That code failed is no second cause beside the one that says why.
	return [first, ...others.filter(({ rule }) => !rule.lastResort)].map(({ one }) => one);
}

function worthOf({ rule, place, one: { because, status, evidence } }: Weighed, judged: readonly Weighed[]): number {
	const told = evidence.length > 0;
	const base = because?.verified === 'confirmed' ? 400 : told ? (status === 'possible' ? 100 : 300) : 200;
	const explained =
		rule.symptom === true &&
		judged.some(({ rule: other, one }) => !other.symptom && !other.lastResort && one.status !== 'possible');
	return base - (explained ? 350 : 0) - place;
}
