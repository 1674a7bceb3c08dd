import type { Plan } from './advise.ts';
import type { History } from './history.ts';
import type { Load } from './load.ts';
import { quantile, replay, type Replay } from './replay.ts';

/** What the chart draws: for each stretch of time the p95 wait (seconds) and the most workers, before and after. */
export type OverTime = {
	/** Beginning of each stretch, epoch milliseconds. */
	at: number[];
	stretchMs: number;
	waitSeconds: { before: number[]; after: number[] };
	workers: { before: number[]; after: number[] };
};

/** At most 20 stretches, which is what Slack's chart takes: whole hours, as short as they can be. */
export function overTime(history: History, load: Load, before: Plan, after: Plan): OverTime {
	const hour = 3_600_000;
	const stretchMs = Math.max(1, Math.ceil((history.to - history.from) / 20 / hour)) * hour;
	const at: number[] = [];
	for (let from = history.from; from < history.to; from += stretchMs) at.push(from);
	const series = (plan: Plan): { wait: number[]; workers: number[] } => {
		const run = replay(load.arrivals, {
			workers: { min: Math.max(1, plan.worker.min), max: plan.worker.max },
			concurrency: plan.concurrency,
			parallelism: history.environment.parallelism,
			pools: plan.pools,
			overhead: load.overhead,
		});
		const waits = at.map((): number[] => []);
		load.arrivals.forEach(({ at: arrived }, i) => {
			waits[Math.floor((arrived - history.from) / stretchMs)]?.push(run.waitsMs[i] ?? 0);
		});
		return {
			wait: waits.map((list) => (list.length === 0 ? 0 : Math.round(quantile(list, 0.95) / 100) / 10)),
			workers: at.map((from) => mostWorkers(run, from, from + stretchMs, plan.worker.min)),
		};
	};
	const [a, b] = [series(before), series(after)];
	return {
		at,
		stretchMs,
		waitSeconds: { before: a.wait, after: b.wait },
		workers: { before: a.workers, after: b.workers },
	};
}

function mostWorkers({ workersOverTime }: Replay, from: number, to: number, least: number): number {
	let most = least;
	workersOverTime.forEach(([since, workers], i) => {
		const until = workersOverTime[i + 1]?.[0] ?? Infinity;
		if (since < to && until > from) most = Math.max(most, workers);
	});
	return most;
}
