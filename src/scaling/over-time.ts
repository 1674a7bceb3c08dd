import type { History } from './history.ts';
import type { Load } from './load.ts';
import type { Plan } from './plan.ts';
import { plantOf } from './predict.ts';
import { quantile } from './quantile.ts';
import { replayer, type Replay } from './replay.ts';

/** What the chart draws: for each stretch of time the p95 wait (seconds) and the most workers, before and after. */
export type OverTime = {
	/** Beginning of each stretch, epoch milliseconds. */
	at: number[];
	stretchMs: number;
	waitSeconds: { before: number[]; after: number[] };
	workers: { before: number[]; after: number[] };
};

const HOUR = 3_600_000;

/** At most 20 stretches, which is what Slack's chart takes: whole hours, as short as they can be. */
export function overTime(history: History, load: Load, before: Plan, after: Plan): OverTime {
	const stretchMs = Math.max(1, Math.ceil((history.to - history.from) / 20 / HOUR)) * HOUR;
	const at: number[] = [];
	for (let from = history.from; from < history.to; from += stretchMs) at.push(from);
	const run = replayer(load.arrivals);
	const series = (plan: Plan): { wait: number[]; workers: number[] } => {
		const seen = run(plantOf(plan, { environment: history.environment, overhead: load.overhead }));
		return {
			wait: waitsOver(at, stretchMs, load.arrivals.at, seen.waitsMs),
			workers: at.map((from) => mostWorkers(seen, from, from + stretchMs, plan.worker.min)),
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

/** p95 of each stretch in seconds; 0 where nothing arrived. */
function waitsOver(at: readonly number[], stretchMs: number, arrived: Float64Array, waitsMs: Float64Array): number[] {
	const waits = at.map((): number[] => []);
	for (let i = 0; i < arrived.length; i++)
		waits[Math.floor(((arrived[i] ?? 0) - (at[0] ?? 0)) / stretchMs)]?.push(waitsMs[i] ?? 0);
	return waits.map((list) => (list.length === 0 ? 0 : Math.round(quantile(list, 0.95) / 100) / 10));
}

function mostWorkers({ workersOverTime }: Replay, from: number, to: number, least: number): number {
	let most = least;
	workersOverTime.forEach(([since, workers], i) => {
		const until = workersOverTime[i + 1]?.[0] ?? Infinity;
		if (since < to && until > from) most = Math.max(most, workers);
	});
	return most;
}
