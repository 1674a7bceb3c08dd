import { CONDITION_SCOPE } from './causes.ts';
import type { Severity } from './about.ts';
import { hashOf, lineId, memberId, runHash } from './ids.ts';
import type { Act, Condition, FailedTry, History, IncidentEvent, Phase, Scope, Why } from './incident.ts';
import { addToPages } from './pages.ts';
import type { Page } from './pages.ts';

/**
 * What an incident is by all that happened to it. Kept as JSON; small names, since a storm has ten thousand members. The order
 * in which events come does not matter, but for `relapses`, who acted first, and the pages of its list.
 */
export type Ledger = {
	env: string;
	scope: Scope;
	cause: string;
	history: History;
	openedAt: number;
	/** The earliest failure. */
	since?: number | undefined;
	why?: Why | undefined;
	whyAt?: number | undefined;
	condition?: Condition | undefined;
	members: Record<string, Member>;
	/** The newest pass of a task (by when it started), whatever its run. */
	lines: Record<string, Passed>;
	/** At most 1,000 of each; beyond that `more`. */
	dags: Record<string, true>;
	tasks: Record<string, true>;
	/** The DAG run that all of it belongs to; null: there is more than one. */
	run?: { dag: string; run: string } | null | undefined;
	first?: FailedTry | undefined;
	latest?: FailedTry | undefined;
	tries: number;
	/** Something failed for good, or is no failed try at all. */
	final: boolean;
	acts: Act[];
	partOf?: string | undefined;
	took: string[];
	taken: number;
	staleAt?: number | undefined;
	/** When the newest failure was noticed. */
	badAt: number;
	relapses: number;
	worst: Severity;
	/** Of the list of tries; they begin at events. */
	pages: Page[];
	/** How many events it is made of. */
	rev: number;
};

/** A task instance, or a condition (`c`). Times are epoch milliseconds. */
export type Member = {
	/** Newest try that failed; 0: none is known yet. When it ended. */
	n: number;
	at: number;
	/** No try follows it. */
	last?: true | undefined;
	line?: string | undefined;
	run?: string | undefined;
	/** Its run was made anew under the same name: the numbers of tries began anew as well. */
	again?: true | undefined;
	/** The event that tells its names. */
	ev?: number | undefined;
	/** Newest try that went well, and when. */
	ok?: number | undefined;
	okAt?: number | undefined;
	/** A later try failed for another reason, and is told there. */
	moved?: number | undefined;
	/** Not there any more as of this try. */
	gone?: number | undefined;
	retryAt?: number | undefined;
	/** A condition: since when it is seen, and seen to be over. */
	c?: true | undefined;
	/** Its retries have been counted. */
	counted?: true | undefined;
};

export type Passed = { at: number; end: number; dag: string; run: string; hash: string };

/** One retried task whose outcome is known now. */
export type Outcome = { dag: string; task: string; passed: boolean };

const MOST_NAMES = 1000;
const MOST_ACTS = 50;
const MOST_TOOK = 50;
const ORDER: readonly Severity[] = ['info', 'warning', 'critical'];

export type Opening = Pick<Ledger, 'env' | 'scope' | 'cause' | 'history' | 'openedAt' | 'why' | 'condition'>;

export function openLedger(opening: Opening): Ledger {
	return {
		...opening,
		members: {},
		lines: {},
		dags: {},
		tasks: {},
		tries: 0,
		final: false,
		acts: [],
		took: [],
		taken: 0,
		badAt: 0,
		relapses: 0,
		worst: opening.scope === 'environment' ? worstOf(opening) : 'info',
		pages: [],
		rev: 0,
	};
}

/** What happened next, in the order in which it was written down. `before` is not changed. */
export function fold(before: Ledger, events: readonly IncidentEvent[]): { ledger: Ledger; outcomes: Outcome[] } {
	if (events.length === 0) return { ledger: before, outcomes: [] };
	const ledger: Ledger = {
		...before,
		members: { ...before.members },
		lines: { ...before.lines },
		dags: { ...before.dags },
		tasks: { ...before.tasks },
		acts: [...before.acts],
		took: [...before.took],
		pages: before.pages.map((page) => ({ ...page })),
	};
	const was = phaseOf(before);
	const outcomes: Outcome[] = [];
	for (const event of events) {
		apply(ledger, event, outcomes);
		ledger.rev++;
	}
	const now = phaseOf(ledger);
	if (was === 'recovered' && (now === 'open' || now === 'retrying')) ledger.relapses++;
	ledger.worst = higher(ledger.worst, worstOf(ledger));
	return { ledger, outcomes };
}

function apply(ledger: Ledger, event: IncidentEvent, outcomes: Outcome[]): void {
	switch (event.kind) {
		case 'failed':
			return failed(ledger, event.failed, outcomes);
		case 'passed':
			return passed(ledger, event, outcomes);
		case 'gone': {
			const member = memberOf(ledger, memberId(event));
			member.gone = Math.max(member.gone ?? 0, member.n);
			return;
		}
		case 'moved': {
			const member = memberOf(ledger, memberId(event));
			member.moved = Math.max(member.moved ?? 0, event.tryNumber);
			return;
		}
		case 'wrong':
		case 'over':
			return condition(ledger, event);
		case 'why':
			if (event.at < (ledger.whyAt ?? 0)) return;
			Object.assign(ledger, { cause: event.cause, scope: event.scope, why: event.why, whyAt: event.at });
			return;
		case 'act':
			return act(ledger, event.act);
		case 'folded':
			ledger.partOf ??= event.into;
			return;
		case 'took':
			if (ledger.took.includes(event.from)) return;
			if (ledger.took.length < MOST_TOOK) ledger.took.push(event.from);
			ledger.taken += event.tries;
			return;
		case 'stale':
			ledger.staleAt = Math.max(ledger.staleAt ?? 0, event.at);
			return;
	}
}

function failed(ledger: Ledger, one: FailedTry, outcomes: Outcome[]): void {
	addToPages(ledger.pages, one, ledger.rev);
	ledger.tries++;
	ledger.badAt = Math.max(ledger.badAt, one.seenAt);
	ledger.since = Math.min(ledger.since ?? Infinity, timeOf(one));
	name(ledger.dags, one.dag);
	name(ledger.tasks, taskName(one.dag, one.task));
	if (ledger.run === undefined) ledger.run = { dag: one.dag, run: one.run };
	else if (ledger.run?.dag !== one.dag || ledger.run.run !== one.run) ledger.run = null;
	if (one.last) ledger.final = true;
	if (!ledger.first || isEarlier(one, ledger.first)) ledger.first = one;
	if (!ledger.latest || timeOf(one) > timeOf(ledger.latest) || sameTimeLater(one, ledger.latest)) ledger.latest = one;
	const member = memberOf(ledger, memberId(one));
	if (one.tryNumber > member.n) {
		member.n = one.tryNumber;
		member.at = timeOf(one);
		member.last = one.last ? true : undefined;
		member.retryAt = one.retryAt === undefined ? undefined : Date.parse(one.retryAt);
	} else if (one.tryNumber === member.n && one.last) member.last = true;
	member.line = lineId(one);
	member.run = runHash(one);
	if (one.again !== undefined) member.again = true;
	member.ev ??= ledger.rev;
	count(ledger, member, one, outcomes);
}

function passed(ledger: Ledger, event: Extract<IncidentEvent, { kind: 'passed' }>, outcomes: Outcome[]): void {
	const { dag, run, task } = event;
	const end = parsed(event.endedAt) ?? event.at;
	const member = memberOf(ledger, memberId(event));
	if (event.tryNumber > (member.ok ?? -1)) {
		member.ok = event.tryNumber;
		member.okAt = end;
	}
	count(ledger, member, { dag, task }, outcomes);
	const line = lineId(event);
	const at = parsed(event.startedAt) ?? end;
	const known = ledger.lines[line];
	if (!known || at > known.at || (at === known.at && run > known.run))
		ledger.lines[line] = { at, end, dag, run, hash: runHash(event) };
}

/** Whether the retry of a task helps is told from what became of those before: each task instance counts once. */
function count(
	ledger: Ledger,
	member: Member,
	{ dag, task }: { dag: string; task: string },
	outcomes: Outcome[],
): void {
	if (member.counted || member.n === 0) return;
	const healed = member.ok !== undefined && member.ok > member.n && member.last === undefined;
	const lost = member.last === true && member.n > 1;
	if (!healed && !lost) return;
	member.counted = true;
	outcomes.push({ dag, task, passed: healed });
}

function condition(
	ledger: Ledger,
	{ kind, at, condition: what }: Extract<IncidentEvent, { kind: 'wrong' | 'over' }>,
): void {
	const member = memberOf(ledger, hashOf(12, 'condition', what.kind, what.key));
	member.c = true;
	if (what.dag !== undefined) name(ledger.dags, what.dag);
	if (what.dag !== undefined && what.task !== undefined) name(ledger.tasks, taskName(what.dag, what.task));
	if (kind === 'over') {
		if (at > (member.okAt ?? 0)) member.okAt = at;
		return;
	}
	ledger.final = true;
	if (at > member.at) {
		member.at = at;
		// One that it took in does not change what it is about.
		if (ledger.condition?.kind === what.kind && ledger.condition.key === what.key) ledger.condition = what;
	}
	ledger.badAt = Math.max(ledger.badAt, at);
	ledger.since = Math.min(ledger.since ?? Infinity, parsed(what.since) ?? at);
}

function act(ledger: Ledger, one: Act): void {
	const slot = slotOf(one);
	if (ledger.acts.length >= MOST_ACTS || ledger.acts.some((other) => slotOf(other) === slot)) return;
	ledger.acts.push(one);
}

/** What can be done once has one slot: whoever is first has it. */
export function slotOf(one: Act): string {
	switch (one.kind) {
		case 'ack':
			return 'ack';
		case 'assign':
			return `assign ${one.to} ${one.at}`;
		case 'rerun':
			// Of a run as a whole no try number tells whether it is the same again: the verb knows.
			return hashOf(24, 'rerun', one.dag, one.run, one.task ?? one.at, one.mapIndex ?? -1, one.tryNumber ?? 0);
		default:
			return `${one.kind} ${one.mute}`;
	}
}

/** It still needs somebody, or Airflow's next try. */
export function isBad(ledger: Ledger, member: Member): boolean {
	if (member.c) return member.at > (member.okAt ?? 0);
	if (member.n === 0) return false;
	if ((member.ok ?? -1) >= member.n || (member.moved ?? 0) > member.n || (member.gone ?? -1) >= member.n) return false;
	return passInPlace(ledger, member) === undefined;
}

/** Of its failed tries, the newest of each task instance that is still bad, in the order in which those began to fail. */
export function stillBad(ledger: Ledger, tries: readonly FailedTry[]): FailedTry[] {
	const newest = new Map<string, FailedTry>();
	for (const one of tries) {
		const id = memberId(one);
		if (one.tryNumber >= (newest.get(id)?.tryNumber ?? 0)) newest.set(id, one);
	}
	return [...newest].flatMap(([id, one]) => {
		const member = ledger.members[id];
		return member && isBad(ledger, member) ? [one] : [];
	});
}

/** The task went well in another run, which began after this one failed. In its own run the number of the try says it. */
export function passInPlace(ledger: Ledger, member: Member): Passed | undefined {
	const line = member.line === undefined ? undefined : ledger.lines[member.line];
	return line && line.at > member.at && (line.hash !== member.run || member.again) ? line : undefined;
}

export function phaseOf(ledger: Ledger): Phase {
	if (ledger.partOf !== undefined) return 'folded';
	let bad = false;
	let final = false;
	let well = false;
	for (const member of Object.values(ledger.members)) {
		if (isBad(ledger, member)) {
			bad = true;
			final ||= member.last === true || member.c === true;
		} else if (wellAt(ledger, member) !== undefined) well = true;
	}
	if (bad)
		return ledger.staleAt !== undefined && ledger.staleAt > ledger.badAt ? 'closed' : final ? 'open' : 'retrying';
	return well ? 'recovered' : ledger.rev === 0 ? 'retrying' : 'closed';
}

/** When it went well; undefined: it did not, or it is not known that it ever failed. */
export function wellAt(ledger: Ledger, member: Member): number | undefined {
	if (member.c) return member.at > 0 && (member.okAt ?? 0) >= member.at ? member.okAt : undefined;
	if (member.n === 0) return undefined;
	if ((member.ok ?? -1) >= member.n) return member.okAt;
	return passInPlace(ledger, member)?.end;
}

function worstOf({
	scope,
	final,
	dags,
	condition: what,
}: Pick<Ledger, 'scope' | 'condition'> & Partial<Ledger>): Severity {
	if (what !== undefined && what.kind in CONDITION_SEVERITY) return CONDITION_SEVERITY[what.kind] ?? 'warning';
	if (scope === 'environment' || Object.keys(dags ?? {}).length > 1) return 'critical';
	return final === true ? 'warning' : 'info';
}

const CONDITION_SEVERITY: Readonly<Record<string, Severity>> = {
	'queued-too-long': 'info',
	'running-without-heartbeat': 'info',
	'operation-failed': 'warning',
	'dag-processor-heartbeat-lost': 'warning',
};

function higher(a: Severity, b: Severity): Severity {
	return ORDER.indexOf(a) >= ORDER.indexOf(b) ? a : b;
}

/** What was told first is what it is told by, so that a card does not jump: the first that failed for good. */
function isEarlier(one: FailedTry, other: FailedTry): boolean {
	if (one.last !== other.last) return one.last;
	const [a, b] = [timeOf(one), timeOf(other)];
	return a === b ? sortKey(one) < sortKey(other) : a < b;
}

const sameTimeLater = (one: FailedTry, other: FailedTry): boolean =>
	timeOf(one) === timeOf(other) && sortKey(one) > sortKey(other);

const sortKey = ({ dag, run, task, mapIndex, tryNumber }: FailedTry): string =>
	JSON.stringify([dag, run, task, mapIndex, tryNumber]);

export const timeOf = (one: FailedTry): number => parsed(one.endedAt) ?? one.seenAt;

function parsed(iso: string | undefined): number | undefined {
	const at = iso === undefined ? NaN : Date.parse(iso);
	return Number.isNaN(at) ? undefined : at;
}

function memberOf(ledger: Ledger, id: string): Member {
	const member: Member = { ...(ledger.members[id] ?? { n: 0, at: 0 }) };
	ledger.members[id] = member;
	return member;
}

/** With a letter in front: a DAG may be called `constructor`. */
function name(names: Record<string, true>, one: string): void {
	const key = `:${one}`;
	if (names[key] !== true && Object.keys(names).length < MOST_NAMES) names[key] = true;
}

/** No id holds a NUL. */
const taskName = (dag: string, task: string): string => `${dag}\0${task}`;

export const namesIn = (names: Record<string, true>): string[] =>
	Object.keys(names)
		.map((key) => key.slice(1))
		.sort();

/** Environment-wide conditions are so from their first moment. */
export const scopeOfCondition = (kind: string): Scope => CONDITION_SCOPE[kind] ?? 'task';
