import { computedConcurrency, mostConcurrency } from '../domain/concurrency.ts';
import type { Finding } from './rules.ts';
import { findAll } from './rules.ts';
import { buildLoad, fitMemory, memoryAt, type Load, type MemoryFit } from './load.ts';
import type { Head, History } from './history.ts';
import { amount, workerCost, type Cost, type Prices } from './prices.ts';
import { quantile, replay, type Arrival } from './replay.ts';
import { illegal, smaller, withMemory, type Size } from './sizes.ts';
import { heldBack, type Past } from './settle.ts';

/** What is judged against. Waits are from a task's release to its start. */
export type Target = {
	/** p95. Milliseconds. */
	waitMs: number;
	/** Peak of the busiest worker, 0 to 1. */
	memoryShare: number;
	/** Share of the workers' cost that a saving must bring to be worth a change. */
	minGain: number;
};
export const TARGET: Target = { waitMs: 60_000, memoryShare: 0.8, minGain: 0.1 };
/** Below this a week says nothing: a day at least, and enough tasks for a p95. */
export const LEAST = { hours: 24, tasks: 200, queuedShare: 0.5 };
/** A saving must leave that much room below both targets, so that it is not taken back the week after. */
const ROOM = { wait: 0.8, memory: 0.9 };
/** Candidates are first tried on the busiest stretch of this many tasks; the best ones then on everything. */
const SCREEN = 40_000;

export type Worker = Head['environment']['worker'];
/** The settings a replay depends on. */
export type Plan = { worker: Worker; concurrency: number; pools: Readonly<Record<string, number>> };

export type Change =
	| { what: 'worker'; from: Worker; to: Worker }
	| { what: 'concurrency'; from: number; to: number }
	| { what: 'pool'; name: string; from: number; to: number };

export type Predicted = {
	waitP50Ms: number;
	waitP95Ms: number;
	workersOnAverage: number;
	peakWorkers: number;
	peakTasksPerWorker: number;
	/** Peak memory of the busiest worker against its limit; undefined: no memory series, so it cannot be judged. */
	memoryShare?: number | undefined;
	cost: Cost;
};

export type Concurrency = { value: number; from: 'override' | 'config' | 'observed' | 'computed' };

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
	/** With as many workers as one could want: what is still waited then is no worker's fault. p95, milliseconds. */
	unlimitedP95Ms?: number | undefined;
	suggestion?: { changes: Change[]; after: Predicted; reaches: boolean; plan: Plan } | undefined;
	findings: Finding[];
};

export type AdviseOptions = { target?: Partial<Target>; prices?: Prices | undefined; past?: readonly Past[] };

/** The whole advice on one history. Pure, deterministic; about a second for each hundred thousand task instances. */
export function advise(history: History, options: AdviseOptions = {}): Advice {
	const target = { ...TARGET, ...options.target };
	const { tasks, environment } = history;
	const load = buildLoad(history);
	const concurrency = concurrencyOf(history);
	const memory = fitMemory(history, concurrency.value);
	const hours = (history.to - history.from) / 3_600_000;
	const queued = tasks.queued.filter((at) => !Number.isNaN(at)).length;
	const missing: Advice['missing'] = [];
	if (hours < LEAST.hours) missing.push('hours');
	if (tasks.length < LEAST.tasks) missing.push('tasks');
	else if (queued < tasks.length * LEAST.queuedShare) missing.push('queued');
	const seen = {
		days: hours / 24,
		tasks: tasks.length,
		waitP50Ms: quantile(load.waitsMs, 0.5),
		waitP95Ms: quantile(load.waitsMs, 0.95),
		heldP95Ms: quantile(load.heldMs, 0.95),
	};
	const findings = findAll({ history, load, concurrency, memory, target });
	const base = { missing, target, seen, concurrency, findings };
	if (missing.length > 0) return { ...base, decision: 'too little data', reproduced: false };

	const now: Plan = {
		worker: environment.worker,
		concurrency: concurrency.value,
		pools: Object.fromEntries(history.pools.filter(({ slots }) => slots >= 0).map(({ name, slots }) => [name, slots])),
	};
	const judge = (arrivals: readonly Arrival[], plan: Plan): Predicted =>
		predict(arrivals, plan, { history, load, memory, prices: options.prices });
	const as = judge(load.arrivals, now);
	const reproduced = isNear(as.waitP95Ms, seen.waitP95Ms);
	const meets = ({ waitP95Ms, memoryShare }: Predicted, room = { wait: 1, memory: 1 }): boolean =>
		waitP95Ms <= target.waitMs * room.wait && (memoryShare ?? 0) <= target.memoryShare * room.memory;
	const result = { ...base, now: as, reproduced };
	const nothing = (because: Advice['because'], more: Partial<Advice> = {}): Advice => ({
		...result,
		decision: 'nothing',
		because,
		...more,
	});

	const wide: Plan = { ...now, worker: { ...now.worker, min: 100, max: 100 } };
	const slow = as.waitP95Ms > target.waitMs;
	const screen = busiest(load.arrivals, SCREEN);
	if (slow) {
		const unlimited = judge(load.arrivals, wide);
		if (unlimited.waitP95Ms > target.waitMs || unlimited.waitP95Ms > 0.8 * as.waitP95Ms) {
			const unlimitedP95Ms = unlimited.waitP95Ms;
			// Workers buy nothing. A pool may: the least one that reaches what could be reached.
			const pool = reproduced ? widerPool(load.arrivals, now, judge, target) : undefined;
			if (!pool) return nothing(reproduced ? 'limits' : 'not reproduced', { unlimitedP95Ms });
			const suggestion = { ...pool, changes: changes(now, pool.plan), reaches: meets(pool.after) };
			if (heldBack(options.past ?? [], suggestion.changes, history.to, slow))
				return nothing('settling', { unlimitedP95Ms });
			return { ...result, decision: 'change', suggestion, unlimitedP95Ms };
		}
	}
	const tight = (as.memoryShare ?? 0) > target.memoryShare;
	const failing = slow || tight;
	// A replay that does not show what was seen may not take anything away, nor promise a wait.
	if (!reproduced && !tight) return nothing('not reproduced');

	const plans = candidates(now, history, memory, target);
	const onScreen = screen.length === load.arrivals.length ? undefined : screen;
	let judged = plans.map((plan) => ({ plan, after: judge(onScreen ?? load.arrivals, plan) }));
	if (onScreen) {
		const screened = judge(onScreen, now);
		judged = order(judged, meets, failing, screened).slice(0, 4);
		judged = judged.map(({ plan }) => ({ plan, after: judge(load.arrivals, plan) }));
	}
	const best = order(judged, meets, failing, as)[0];
	if (!best) return nothing(failing ? 'no gain' : 'fine');
	const reaches = meets(best.after);
	if (failing) {
		const better =
			reaches ||
			(best.after.waitP95Ms < as.waitP95Ms * 0.8 &&
				(best.after.memoryShare ?? 0) <= Math.max(target.memoryShare, as.memoryShare ?? 0)) ||
			(tight && (best.after.memoryShare ?? 0) < (as.memoryShare ?? 0) * 0.9);
		if (!better) return nothing('no gain');
	} else {
		const saved = 1 - amount(best.after.cost) / amount(as.cost);
		if (!(saved >= target.minGain) || !meets(best.after, ROOM)) return nothing('fine');
	}
	const suggestion = { ...best, changes: changes(now, best.plan), reaches };
	if (heldBack(options.past ?? [], suggestion.changes, history.to, failing)) return nothing('settling');
	return { ...result, decision: 'change', suggestion };
}

type Judged = { plan: Plan; after: Predicted };
type Means = { history: History; load: Load; memory: MemoryFit | undefined; prices: Prices | undefined };

/** Best first: what meets the target by its cost; else, when something is failing, what comes nearest. */
function order(
	judged: readonly Judged[],
	meets: (after: Predicted, room?: typeof ROOM) => boolean,
	failing: boolean,
	now: Predicted,
): Judged[] {
	const good = judged.filter(({ after }) => meets(after, failing ? undefined : ROOM));
	const cheapest = (a: Judged, b: Judged): number => {
		const [x, y] = [amount(a.after.cost), amount(b.after.cost)];
		// Within 2 % the one that leaves more memory.
		return Math.abs(x - y) > 0.02 * Math.max(x, y)
			? x - y
			: (a.after.memoryShare ?? 0) - (b.after.memoryShare ?? 0) || a.after.waitP95Ms - b.after.waitP95Ms;
	};
	if (good.length > 0 || !failing) return good.toSorted(cheapest);
	const worst = (after: Predicted): number =>
		after.waitP95Ms / Math.max(1, now.waitP95Ms) + 3 * Math.max(0, (after.memoryShare ?? 0) - 0.8);
	return judged.toSorted((a, b) => worst(a.after) - worst(b.after));
}

function predict(arrivals: readonly Arrival[], plan: Plan, { history, load, memory, prices }: Means): Predicted {
	const { environment } = history;
	const run = replay(arrivals, {
		workers: { min: Math.max(1, plan.worker.min), max: plan.worker.max },
		concurrency: plan.concurrency,
		parallelism: environment.parallelism,
		pools: plan.pools,
		overhead: load.overhead,
	});
	const memoryGb = plan.worker.memoryGb;
	const workersOnAverage = run.spanMs > 0 ? (run.workerHours * 3_600_000) / run.spanMs : plan.worker.min;
	return {
		waitP50Ms: quantile(run.waitsMs, 0.5),
		waitP95Ms: quantile(run.waitsMs, 0.95),
		workersOnAverage,
		peakWorkers: run.peakWorkers,
		peakTasksPerWorker: run.peakTasksPerWorker,
		memoryShare: memory && memoryGb ? memoryAt(memory, run.peakTasksPerWorker) / memoryGb : undefined,
		cost: workerCost(environment.generation, sizeOf(plan.worker), workersOnAverage, prices),
	};
}

export function sizeOf({ cpu, memoryGb, storageGb = 1 }: Worker): Size | undefined {
	return cpu === undefined || memoryGb === undefined ? undefined : { cpu, memoryGb, storageGb };
}

/** What `[celery]worker_concurrency` is: set, read from the running Airflow, else the more careful of what was seen and computed. */
export function concurrencyOf({ environment, tasks, from, to }: History): Concurrency {
	const set = Number(environment.overrides['celery-worker_concurrency']);
	if (Number.isInteger(set) && set > 0) return { value: set, from: 'override' };
	if (environment.workerConcurrency !== undefined) return { value: environment.workerConcurrency, from: 'config' };
	const computed = computedConcurrency(environment.generation, environment.airflowVersion, sizeOf(environment.worker));
	if (computed.certain || tasks.length === 0) return { value: computed.value, from: 'computed' };
	const most = mostAtOnce({ tasks, from, to });
	// A worker that ran more tasks than the formula says has a higher setting; one that never did says nothing.
	return most > computed.value ? { value: most, from: 'observed' } : { value: computed.value, from: 'computed' };
}

function mostAtOnce({ tasks }: Pick<History, 'tasks' | 'from' | 'to'>): number {
	const steps: [number, number, number][] = [];
	for (let i = 0; i < tasks.length; i++) {
		const host = tasks.host[i] ?? 0;
		if (tasks.names.hosts[host] === '') continue;
		steps.push([tasks.start[i] ?? 0, host, 1], [tasks.end[i] ?? 0, host, -1]);
	}
	steps.sort((a, b) => a[0] - b[0] || a[2] - b[2]);
	const running = new Map<number, number>();
	let most = 0;
	for (const [, host, change] of steps) {
		const count = (running.get(host) ?? 0) + change;
		running.set(host, count);
		most = Math.max(most, count);
	}
	return most;
}

/** Within a third, or half a minute, of each other. */
const isNear = (a: number, b: number): boolean => Math.abs(a - b) <= Math.max(30_000, 0.34 * Math.max(a, b));

/** Legal plans one step away: no number more than doubled or halved, at most two settings changed. */
export function candidates(now: Plan, history: History, memory: MemoryFit | undefined, target: Target): Plan[] {
	const { generation } = history.environment;
	const { worker, concurrency } = now;
	const size = sizeOf(worker);
	const cap = mostConcurrency(generation);
	const cpuShare = quantile(
		(history.metrics.workerCpuShare ?? []).map(([, share]) => share),
		0.95,
	);
	const roomInCpu = cpuShare < 0.6;

	const counts = new Set<number>();
	for (const factor of [0.5, 0.75]) counts.add(Math.max(1, Math.floor(concurrency * factor)));
	if (memory && worker.memoryGb !== undefined) {
		const fits = Math.floor((target.memoryShare * worker.memoryGb - memory.baseGb - memory.aboveGb) / memory.perTaskGb);
		if (fits >= Math.ceil(concurrency / 2) && fits <= concurrency * 2) counts.add(Math.min(cap, fits));
		if (roomInCpu) for (const factor of [1.5, 2]) counts.add(Math.min(cap, Math.ceil(concurrency * factor)));
	}
	counts.delete(concurrency);

	const sizes: Size[] = [];
	if (size && generation !== 'airflow') {
		for (const factor of [1.5, 2]) {
			const more = withMemory(generation, 'worker', size, size.memoryGb * factor);
			if (more && memory) sizes.push(more);
		}
		const less = smaller(generation, 'worker', size);
		if (less && memory && cpuShare * size.cpu <= 0.8 * less.cpu) sizes.push(less);
	}

	const fixed = worker.min === worker.max;
	const ranges: [number, number][] = [];
	for (const factor of [1.25, 1.5, 2]) {
		const max = Math.min(100, Math.ceil(worker.max * factor));
		ranges.push([fixed ? max : worker.min, max]);
	}
	for (const factor of [0.5, 0.75]) {
		const min = Math.max(1, Math.floor(worker.min * factor));
		ranges.push([min, fixed ? min : worker.max]);
	}
	if (!fixed) ranges.push([Math.min(worker.max, Math.max(1, worker.min) * 2), worker.max]);

	const byConcurrency = [...counts].map((each): Plan => ({ ...now, concurrency: each }));
	const bySize = sizes.map((each): Plan => ({ ...now, worker: { ...worker, ...each } }));
	const byCount = ranges.map(([min, max]): Plan => ({ ...now, worker: { ...worker, min, max } }));
	const merge = (a: Plan, b: Plan): Plan => ({
		...now,
		concurrency: a.concurrency === concurrency ? b.concurrency : a.concurrency,
		worker: {
			...worker,
			...(bySize.includes(a) ? sizeOf(a.worker) : bySize.includes(b) ? sizeOf(b.worker) : undefined),
			...(byCount.includes(b) && { min: b.worker.min, max: b.worker.max }),
		},
	});
	const pairs = [
		...byConcurrency.flatMap((a) => bySize.map((b) => merge(a, b))),
		...byConcurrency.flatMap((a) => byCount.map((b) => merge(a, b))),
		...bySize.flatMap((a) => byCount.map((b) => merge(a, b))),
	];
	const seen = new Set([JSON.stringify(now)]);
	return [...byConcurrency, ...bySize, ...byCount, ...pairs].filter((plan) => {
		const key = JSON.stringify(plan);
		return !seen.has(key) && seen.add(key) && isLegal(plan, history);
	});
}

/** Sizes and counts as the generation allows them, and a concurrency Airflow takes. */
export function isLegal(plan: Plan, { environment: { generation } }: Pick<History, 'environment'>): boolean {
	const { worker, concurrency } = plan;
	if (worker.min > worker.max || !Number.isInteger(concurrency) || concurrency < 1) return false;
	if (concurrency > mostConcurrency(generation)) return false;
	const size = sizeOf(worker);
	if (generation === 'airflow' || !size) return true;
	return illegal(generation, 'worker', { ...size, count: [worker.min, worker.max] }).length === 0;
}

/** The least growth of one pool that reaches the target, else most of what an endless pool would bring. */
function widerPool(
	arrivals: readonly Arrival[],
	now: Plan,
	judge: (arrivals: readonly Arrival[], plan: Plan) => Predicted,
	target: Target,
): Judged | undefined {
	const as = judge(arrivals, now).waitP95Ms;
	const used = new Set(arrivals.map(({ pool }) => pool ?? ''));
	let best: { name: string; slots: number; waitMs: number } | undefined;
	for (const [name, slots] of Object.entries(now.pools)) {
		if (!used.has(name)) continue;
		const waitMs = judge(arrivals, { ...now, pools: { ...now.pools, [name]: 1_000_000 } }).waitP95Ms;
		if (waitMs < 0.8 * as && waitMs < (best?.waitMs ?? Infinity)) best = { name, slots, waitMs };
	}
	if (!best) return undefined;
	let found: Judged | undefined;
	for (const factor of [1.25, 1.5, 2]) {
		const plan = {
			...now,
			pools: { ...now.pools, [best.name]: Math.max(best.slots + 1, Math.ceil(best.slots * factor)) },
		};
		found = { plan, after: judge(arrivals, plan) };
		if (found.after.waitP95Ms <= Math.max(target.waitMs, 1.1 * best.waitMs)) return found;
	}
	return found;
}

export function changes(from: Plan, to: Plan): Change[] {
	const found: Change[] = [];
	if (JSON.stringify(from.worker) !== JSON.stringify(to.worker))
		found.push({ what: 'worker', from: from.worker, to: to.worker });
	if (from.concurrency !== to.concurrency)
		found.push({ what: 'concurrency', from: from.concurrency, to: to.concurrency });
	for (const [name, slots] of Object.entries(to.pools)) {
		const before = from.pools[name];
		if (before !== undefined && before !== slots) found.push({ what: 'pool', name, from: before, to: slots });
	}
	return found;
}

/** The stretch of `count` consecutive arrivals with the most work in the least time. */
function busiest(arrivals: readonly Arrival[], count: number): readonly Arrival[] {
	if (arrivals.length <= count) return arrivals;
	const byTime = arrivals.map((_, i) => i).sort((a, b) => (arrivals[a]?.at ?? 0) - (arrivals[b]?.at ?? 0));
	let work = 0;
	let most = -1;
	let from = 0;
	byTime.forEach((i, place) => {
		work += arrivals[i]?.durationMs ?? 0;
		const left = byTime[place - count];
		if (left !== undefined) work -= arrivals[left]?.durationMs ?? 0;
		const first = byTime[place - count + 1];
		if (first === undefined) return;
		const density = work / Math.max(1, (arrivals[i]?.at ?? 0) - (arrivals[first]?.at ?? 0));
		if (density > most) {
			most = density;
			from = place - count + 1;
		}
	});
	const chosen = byTime.slice(from, from + count);
	const place = new Map(chosen.map((old, now) => [old, now]));
	return chosen.flatMap((i) => {
		const arrival = arrivals[i];
		if (!arrival) return [];
		const { after, ...rest } = arrival;
		const index = after && place.get(after.index);
		return [index === undefined || !after ? rest : { ...rest, after: { index, lagMs: after.lagMs } }];
	});
}
