import { busiest } from './arrivals.ts';
import { candidates } from './candidates.ts';
import { concurrencyOf } from './concurrency.ts';
import type { Finding } from './finding.ts';
import type { History } from './history.ts';
import { buildLoad, type Load } from './load.ts';
import { fitMemory, type MemoryFit } from './memory.ts';
import {
	changesBetween,
	TARGET,
	type Change,
	type Concurrency,
	type Plan,
	type Predicted,
	type Target,
} from './plan.ts';
import { predictor, sampledShare } from './predict.ts';
import { amount, type Prices } from './prices.ts';
import { quantiles } from './quantile.ts';
import { findAll } from './rules.ts';
import { heldBack, type Past, type Week } from './settle.ts';

/** Below this a week says nothing: a day at least, and enough tasks for a p95. */
export const LEAST = { hours: 24, tasks: 200, queuedShare: 0.5 };
/** A saving must leave that much room below both targets, so that it is not taken back the week after. */
const ROOM = { wait: 0.8, memory: 0.9 };
/** Candidates are first tried on the busiest stretch of this many tasks; the best ones then on everything. */
const SCREEN = 20_000;
const FINALISTS = 3;
/** Pools that are looked at: those that held their tasks longest. */
const POOLS_TRIED = 3;

export type Advice = {
	decision: 'change' | 'nothing' | 'too little data';
	/** Why nothing is suggested although something was found. */
	because?: 'fine' | 'no gain' | 'not reproduced' | 'limits' | 'settling' | undefined;
	/** What is missing, when it is too little data. */
	missing: ('hours' | 'tasks' | 'queued')[];
	target: Target;
	seen: { days: number; tasks: number; waitP50Ms: number; waitP95Ms: number; heldP95Ms: number };
	concurrency: Concurrency;
	/** The replay of the settings as they are; `reproduced` when its p95 is near the recorded one. */
	now?: Predicted | undefined;
	reproduced: boolean;
	/** A target is missed. */
	failing: boolean;
	/** A worker's memory was used up: what is said of memory is the least it can be. */
	atLimit: boolean;
	/** With as many workers as one could want: what is still waited then is no worker's fault. p95, milliseconds. */
	unlimitedP95Ms?: number | undefined;
	suggestion?: { changes: Change[]; after: Predicted; reaches: boolean; plan: Plan } | undefined;
	findings: Finding[];
	/** What it looked like, for the grade of what is applied now. */
	week?: Week | undefined;
};

export type AdviseOptions = { target?: Partial<Target>; prices?: Prices | undefined; past?: readonly Past[] };

/** The whole advice on one history. Pure, deterministic; some seconds for a million task instances. */
export function advise(history: History, options: AdviseOptions = {}): Advice {
	return adviseOn(history, buildLoad(history), options);
}

/** For whoever needs the load for a chart as well. */
export function adviseOn(history: History, load: Load, options: AdviseOptions = {}): Advice {
	const target = { ...TARGET, ...options.target };
	const concurrency = concurrencyOf(history, load.timeline);
	const memory = fitMemory(history, load.timeline, concurrency.value);
	const missing = missingIn(history);
	const seen = seenIn(history, load);
	const findings = findAll({ history, load, concurrency, memory, target, seen });
	const base = { missing, target, seen, concurrency, findings, atLimit: memory?.atLimit ?? false };
	if (missing.length > 0) return { ...base, decision: 'too little data', reproduced: false, failing: false };

	const now = planOf(history, concurrency);
	const { environment } = history;
	const means = { environment, overhead: load.overhead, memory, prices: options.prices, sampled: 1 };
	const judge = predictor(load.arrivals, means);
	means.sampled = sampledShare(memory, judge(now));
	const as = judge(now);
	const reproduced = isNear(as.waitP95Ms, seen.waitP95Ms);
	const slow = as.waitP95Ms > target.waitMs;
	const tight = (as.memoryShare ?? 0) > target.memoryShare;
	const failing = slow || tight;
	const aims: Aims = { target, now, as, slow, tight };
	const result = { ...base, now: as, reproduced, failing, week: weekOf(history, seen, memory, as) };
	const nothing = (because: Advice['because'], unlimitedP95Ms?: number): Advice => ({
		...result,
		decision: 'nothing',
		because,
		unlimitedP95Ms,
	});
	const tasksPerDay = seen.tasks / seen.days;
	/** The best one that does not chase its own tail. */
	const suggest = (judged: readonly Judged[], unlimitedP95Ms?: number): Advice => {
		for (const { plan, after } of judged) {
			const changes = changesBetween(now, plan, concurrency.from === 'override');
			if (heldBack(options.past ?? [], changes, { now: history.to, failing, tasksPerDay })) continue;
			const suggestion = { plan, after, changes, reaches: meets(after, target) };
			return { ...result, decision: 'change', suggestion, unlimitedP95Ms };
		}
		return nothing('settling', unlimitedP95Ms);
	};

	if (slow) {
		const unlimitedP95Ms = judge({ ...now, worker: { ...now.worker, min: 100, max: 100 } }).waitP95Ms;
		if (unlimitedP95Ms > target.waitMs || unlimitedP95Ms > 0.8 * as.waitP95Ms) {
			// Workers buy nothing. A pool may: the least one that reaches what could be reached.
			const pool = reproduced ? widerPool(load, now, judge, aims) : undefined;
			if (!pool) return nothing(reproduced ? 'limits' : 'not reproduced', unlimitedP95Ms);
			return suggest([pool], unlimitedP95Ms);
		}
	}
	// A replay that does not show what was seen may not take anything away, nor promise a wait.
	if (!reproduced && !tight) return nothing('not reproduced');

	const plans = candidates(now, history, memory, target);
	const screen = busiest(load.arrivals, SCREEN);
	const finalists =
		screen === load.arrivals ? plans : firstOnes(plans, predictor(screen, means), aims).slice(0, FINALISTS);
	const judged = finalists.map((plan) => ({ plan, after: judge(plan) }));
	const worthIt = ordered(judged, aims).filter(({ after }) => isWorthIt(after, aims));
	return worthIt.length === 0 ? nothing(failing ? 'no gain' : 'fine') : suggest(worthIt);
}

function missingIn({ from, to, tasks }: History): Advice['missing'] {
	const missing: Advice['missing'] = [];
	if (to - from < LEAST.hours * 3_600_000) missing.push('hours');
	let queued = 0;
	for (const at of tasks.queued) if (!Number.isNaN(at)) queued++;
	if (tasks.length < LEAST.tasks) missing.push('tasks');
	else if (queued < tasks.length * LEAST.queuedShare) missing.push('queued');
	return missing;
}

function seenIn({ from, to, tasks }: History, load: Load): Advice['seen'] {
	const [waitP50Ms = Number.NaN, waitP95Ms = Number.NaN] = quantiles(load.waitsMs, [0.5, 0.95]);
	const [heldP95Ms = Number.NaN] = quantiles(load.heldMs, [0.95]);
	return { days: (to - from) / 86_400_000, tasks: tasks.length, waitP50Ms, waitP95Ms, heldP95Ms };
}

/** Brought to seven days, so that a shorter look can be compared. */
function weekOf(
	{ metrics, environment }: History,
	seen: Advice['seen'],
	memory: MemoryFit | undefined,
	as: Predicted,
): Week {
	const { memoryGb } = environment.worker;
	const deaths = [...(metrics.evictions ?? []), ...(metrics.restarts ?? [])].reduce((sum, [, value]) => sum + value, 0);
	return {
		tasks: Math.round((seen.tasks / seen.days) * 7),
		waitP95Ms: seen.waitP95Ms,
		...(memory && memoryGb !== undefined && { memoryShare: memory.peakGb / memoryGb }),
		deaths: Math.round((deaths / seen.days) * 7),
		cost: amount(as.cost),
	};
}

export const planOf = (
	{ environment, pools }: Pick<History, 'environment' | 'pools'>,
	{ value }: Concurrency,
): Plan => ({
	worker: environment.worker,
	concurrency: value,
	pools: Object.fromEntries(pools.filter(({ slots }) => slots >= 0).map(({ name, slots }) => [name, slots])),
});

type Judged = { plan: Plan; after: Predicted };
type Aims = { target: Target; now: Plan; as: Predicted; slow: boolean; tight: boolean };

const meets = ({ waitP95Ms, memoryShare }: Predicted, target: Target, room = { wait: 1, memory: 1 }): boolean =>
	waitP95Ms <= target.waitMs * room.wait && (memoryShare ?? 0) <= target.memoryShare * room.memory;

/** The plans as they come out on the busiest stretch, best first. */
function firstOnes(plans: readonly Plan[], judge: (plan: Plan) => Predicted, aims: Aims): Plan[] {
	const judged = plans.map((plan) => ({ plan, after: judge(plan) }));
	return ordered(judged, { ...aims, as: judge(aims.now) }).map(({ plan }) => plan);
}

/** Best first: what meets the target by its cost; else, when something is failing, what comes nearest. */
function ordered(judged: readonly Judged[], { target, now, as, slow, tight }: Aims): Judged[] {
	const failing = slow || tight;
	const changed = (plan: Plan): number => changesBetween(now, plan, true).length;
	const good = judged.filter(({ after }) => meets(after, target, failing ? undefined : ROOM));
	const cheapest = (a: Judged, b: Judged): number => {
		const [x, y] = [amount(a.after.cost), amount(b.after.cost)];
		// Within 2 % the one that changes less, and then the one that leaves more memory.
		return Math.abs(x - y) > 0.02 * Math.max(x, y)
			? x - y
			: changed(a.plan) - changed(b.plan) ||
					(a.after.memoryShare ?? 0) - (b.after.memoryShare ?? 0) ||
					a.after.waitP95Ms - b.after.waitP95Ms;
	};
	if (good.length > 0 || !failing) return good.toSorted(cheapest);
	const worst = (after: Predicted): number =>
		after.waitP95Ms / Math.max(1, as.waitP95Ms) + 3 * Math.max(0, (after.memoryShare ?? 0) - target.memoryShare);
	return judged.toSorted((a, b) => worst(a.after) - worst(b.after));
}

/** What fails must get clearly better; what is fine must become clearly cheaper, with room to spare. */
function isWorthIt(after: Predicted, { target, as, slow, tight }: Aims): boolean {
	if (!slow && !tight) {
		const saved = 1 - amount(after.cost) / amount(as.cost);
		return saved >= target.minGain && meets(after, target, ROOM);
	}
	const memory = after.memoryShare ?? 0;
	const before = as.memoryShare ?? 0;
	return (
		meets(after, target) ||
		(after.waitP95Ms < as.waitP95Ms * 0.8 && memory <= Math.max(target.memoryShare, before)) ||
		(tight && memory < before * 0.9)
	);
}

/** Within a third, or half a minute, of each other. */
const isNear = (a: number, b: number): boolean => Math.abs(a - b) <= Math.max(30_000, 0.34 * Math.max(a, b));

/** The least growth of one pool that reaches the target, else most of what an endless pool would bring. */
function widerPool(
	{ arrivals, heldMs }: Load,
	now: Plan,
	judge: (plan: Plan) => Predicted,
	{ as, target }: Aims,
): Judged | undefined {
	const held = new Float64Array(arrivals.pools.length);
	for (let i = 0; i < arrivals.length; i++) {
		const pool = arrivals.pool[i] ?? 0;
		held[pool] = (held[pool] ?? 0) + (heldMs[i] ?? 0);
	}
	const tried = arrivals.pools
		.map((name, i) => ({ name, held: held[i] ?? 0, slots: now.pools[name] }))
		.filter(({ held }) => held > 0)
		.toSorted((a, b) => b.held - a.held)
		.slice(0, POOLS_TRIED);
	const resized = (name: string, slots: number): Plan => ({ ...now, pools: { ...now.pools, [name]: slots } });
	let best: { name: string; slots: number; waitMs: number } | undefined;
	for (const { name, slots } of tried) {
		if (slots === undefined) continue;
		const waitMs = judge(resized(name, 1_000_000)).waitP95Ms;
		if (waitMs < 0.8 * as.waitP95Ms && waitMs < (best?.waitMs ?? Infinity)) best = { name, slots, waitMs };
	}
	if (!best) return undefined;
	let found: Judged | undefined;
	for (const factor of [1.25, 1.5, 2]) {
		const plan = resized(best.name, Math.max(best.slots + 1, Math.ceil(best.slots * factor)));
		found = { plan, after: judge(plan) };
		if (found.after.waitP95Ms <= Math.max(target.waitMs, 1.1 * best.waitMs)) return found;
	}
	return found;
}
