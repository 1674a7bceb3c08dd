import type { Environment } from '../domain/environment.ts';
import type { Failed, Gap, Seen, SourceName, Verified } from '../domain/evidence.ts';
import { quote } from '../domain/quote.ts';
import type { Diagnosis, Evidence, Facts, FixStep, Rule, Status } from '../domain/rule.ts';
import type { Lang, Text } from '../domain/text.ts';
import { aboutIt, factsOf, only, type Candidate } from './candidate.ts';

/** A cause after the evidence was looked at. */
export type Judged = {
	cause: string;
	title: Text;
	status: Exclude<Status, 'unknown'>;
	/** Lines that decide, those of the task log first; empty when only the evidence speaks. */
	evidence: readonly Evidence[];
	/** What the evidence says of it, and where that was read; undefined: nothing more than the log. */
	because:
		(Pick<Verified, 'because' | 'source' | 'at'> & { verified: 'confirmed' | 'likely' | 'unlikely' }) | undefined;
	/** What it wanted to read and could not. */
	gaps: readonly Gap[];
	/** Of these, the ones without which it cannot be more than likely, where it would have been. */
	lowered?: readonly Gap['source'][];
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
 * Confirms, ranks and rules out. `confirmed` takes evidence, or a sentence in the log that nothing else prints, and that nothing
 * which can speak against it was left unread; what was only suspected and finds no evidence is dropped.
 */
export function verify(hearing: Hearing): Verdict {
	const { diagnosis, failed, seen, env, gaps } = hearing;
	const ruledOut: Verdict['ruledOut'][number][] = [];
	const beside: Verdict['beside'][number][] = [];
	const judged: Weighed[] = [];
	for (const [place, candidate] of hearing.candidates.entries()) {
		const { rule } = candidate;
		const said = rule.verify?.(only(seen, rule.reads ?? []), aboutIt(candidate, failed, env));
		const { id: cause, title } = rule;
		if (said?.status === 'ruled-out') {
			ruledOut.push({ cause, title, because: said.because, source: said.source });
			continue;
		}
		if (said?.status === 'beside') beside.push({ cause, because: said.because });
		const one = judge(candidate, said, hearing);
		if (one) judged.push({ rule, place, inLog: candidate.finding !== undefined, one });
	}
	const findings = ranked(judged).slice(0, 5);
	const [first] = findings;
	return {
		verdict: first?.cause ?? 'unknown',
		status: first?.status ?? 'unknown',
		findings,
		ruledOut,
		beside: beside.filter(({ cause }) => cause !== first?.cause),
		gaps,
		notes: first === undefined ? (diagnosis?.notes ?? []) : [],
		lastException: diagnosis?.lastException,
		tail: diagnosis?.tail ?? [],
	};
}

type Weighed = { rule: Rule; place: number; inLog: boolean; one: Judged };

/** Undefined: nothing speaks for it. */
function judge(candidate: Candidate, said: Verified | undefined, hearing: Hearing): Judged | undefined {
	const { failed, gaps, env, lang } = hearing;
	const { rule, finding, heard } = candidate;
	const { id: cause, title, docs } = rule;
	const because =
		said === undefined || said.status === 'beside' || said.status === 'ruled-out'
			? undefined
			: { because: said.because, source: said.source, at: said.at, verified: said.status };
	const told = [finding?.status, ...heard.map(({ status }) => status)].reduce<Judged['status'] | undefined>(
		stronger,
		undefined,
	);
	const full = because?.verified === 'unlikely' ? told && weaker(told, 'possible') : stronger(told, because?.verified);
	if (full === undefined) return undefined;
	const mine = gaps.filter(({ source }) => (rule.reads ?? []).some((read) => read === source));
	const unread = [
		...new Set([
			...[candidate, ...behind(candidate, hearing)].flatMap((one) => unreadOf(one, hearing)),
			...(rule.symptom === true && noLog(hearing) ? (['taskLog'] as const) : []),
		]),
	];
	const most = isQuoted(candidate, hearing) ? 'possible' : unread.length > 0 ? 'likely' : 'confirmed';
	const status = weaker(full, most);
	const facts = { ...namesOf(failed), ...factsOf(candidate), ...safe(said?.facts) };
	return {
		cause,
		title,
		status,
		evidence: [...(finding?.evidence ?? []), ...heard.flatMap(({ evidence }) => evidence)],
		because,
		gaps: mine,
		...(most === 'likely' && status !== full ? { lowered: unread } : {}),
		facts,
		fix: rule.fix({ env, facts, lang }),
		docs,
	};
}

/** What decides the cause, exists here and could not be read. */
function unreadOf(candidate: Candidate, { failed, seen, gaps, env }: Hearing): SourceName[] {
	const { decides = [] } = candidate.rule;
	return (typeof decides === 'function' ? decides(aboutIt(candidate, failed, env)) : decides).flatMap((name) => {
		const any: readonly SourceName[] = typeof name === 'string' ? [name] : name;
		const lost = any.filter((one) => gaps.some((gap) => gap.source === one && gap.because !== 'absent'));
		return lost.length > 0 && any.every((one) => seen[one] === undefined) ? lost : [];
	});
}

/** What it wrote could not be read, neither where Airflow has it nor in Cloud Logging. */
const noLog = ({ gaps, seen }: Hearing): boolean =>
	seen.taskEntries === undefined && gaps.some(({ source, because }) => source === 'taskLog' && because !== 'absent');

/** A symptom is the cause only as far as none of those that would explain it was left unread. */
function behind({ rule }: Candidate, { candidates: all }: Hearing): Candidate[] {
	return rule.symptom === true ? all.filter(({ rule: other }) => rule.yieldsTo?.includes(other.id) === true) : [];
}

/**
 * The user's own code ended the try, and the log only holds this for possible: words of that code. What holds good of the
 * environment (who has which role, how full a worker is) then says nothing of this try.
 */
function isQuoted({ finding, heard }: Candidate, { diagnosis, candidates: all }: Hearing): boolean {
	if (finding?.status !== 'possible' || heard.length > 0) return false;
	const [first] = diagnosis?.findings ?? [];
	return first?.status === 'confirmed' && all.some(({ rule }) => rule.id === first.cause && rule.lastResort === true);
}

const ORDER: Readonly<Record<Status, number>> = { unknown: 0, possible: 1, likely: 2, confirmed: 3 };

function stronger(one: Judged['status'] | undefined, other: Status | undefined): Judged['status'] | undefined {
	if (other === undefined || other === 'unknown') return one;
	return one === undefined || ORDER[other] > ORDER[one] ? other : one;
}

const weaker = (one: Judged['status'], most: Judged['status']): Judged['status'] =>
	ORDER[one] > ORDER[most] ? most : one;

/** For the fix's commands; what the log names goes first. */
function namesOf({ dag, task, run, tryNumber, hostname, pod, namespace }: Failed): Facts {
	return {
		dag,
		task,
		run,
		tryNumber: String(tryNumber),
		...(hostname === undefined ? {} : { host: hostname }),
		...(pod === undefined ? {} : { pod }),
		...(namespace === undefined ? {} : { namespace }),
	};
}

function safe(facts: Facts | undefined): Facts {
	return Object.fromEntries(Object.entries(facts ?? {}).map(([name, value]) => [name, quote(value, 1500)]));
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

function worthOf({ rule, place, inLog, one }: Weighed, judged: readonly Weighed[]): number {
	const { because, status, evidence } = one;
	const told = inLog ? 300 : evidence.length > 0 ? 250 : 200;
	// What could not be read makes it less sure, and no other cause more.
	const shown = because?.verified === 'confirmed' ? (status === 'confirmed' ? 400 : 350) : told;
	const base = status === 'possible' ? 100 : shown;
	const explained =
		rule.symptom === true &&
		judged.some(({ rule: other, one }) => !other.symptom && !other.lastResort && one.status !== 'possible');
	return base - (explained ? 350 : 0) - place;
}
