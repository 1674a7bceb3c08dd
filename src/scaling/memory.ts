import type { History } from './history.ts';
import { asTheyLie, sweep, walk, type Timeline } from './timeline.ts';

/** Memory of the busiest worker by how many tasks it ran: `baseGb + perTaskGb × tasks`, and what the worst sample had above that. */
export type MemoryFit = {
	baseGb: number;
	perTaskGb: number;
	aboveGb: number;
	peakGb: number;
	/** Most tasks on one worker in a sample. */
	peakTasks: number;
	samples: number;
	/** The peak is the worker's limit: what its tasks wanted beyond it was not recorded. */
	atLimit: boolean;
};

/** An hour of samples says something about memory. */
const LEAST_SAMPLES = 60;
/** From this share on a worker is full: what cannot be had is killed, not sampled. */
const FULL = 0.95;

/** Undefined: fewer samples than that. A sample near the limit says only "at least that much" and so does not bend the slope down. */
export function fitMemory(history: History, timeline: Timeline, concurrency: number): MemoryFit | undefined {
	const points = (history.metrics.workerMemoryGb ?? []).toSorted((a, b) => a[0] - b[0]);
	if (points.length < LEAST_SAMPLES) return undefined;
	const counts = tasksOnBusiest(
		history,
		timeline,
		points.map(([at]) => at),
	).map((tasks) => Math.min(tasks, concurrency));
	const limit = history.environment.worker.memoryGb ?? Infinity;
	const clear = points.flatMap(([, gb], i) => (gb < FULL * limit ? [[counts[i] ?? 0, gb] as const] : []));
	const peakGb = highest(points.map(([, gb]) => gb));
	const peakTasks = highest(counts);
	const x = mean(clear.map(([tasks]) => tasks));
	const y = mean(clear.map(([, gb]) => gb));
	const spread = clear.reduce((sum, [tasks]) => sum + (tasks - x) ** 2, 0);
	const perTaskGb =
		spread < 1 ? Number.NaN : clear.reduce((sum, [tasks, gb]) => sum + (tasks - x) * (gb - y), 0) / spread;
	const baseGb = y - perTaskGb * x;
	const seen = { peakGb, peakTasks, samples: points.length, aboveGb: 0, atLimit: peakGb >= FULL * limit };
	// It does not grow with the tasks: one of them needs it, and fewer at a time would not help.
	if (spread >= 1 && !(perTaskGb > 0)) return { ...seen, baseGb: peakGb, perTaskGb: 0 };
	// No spread to fit a line to, or a nonsensical one: all of it is the tasks' (facts: the plain recipe).
	if (spread < 1 || baseGb < 0) return { ...seen, baseGb: 0, perTaskGb: peakGb / Math.max(1, peakTasks) };
	const aboveGb = highest(points.map(([, gb], i) => gb - baseGb - perTaskGb * (counts[i] ?? 0)));
	return { ...seen, baseGb, perTaskGb, aboveGb };
}

/** 0 for none, and not below. */
const highest = (values: readonly number[]): number => values.reduce((most, value) => Math.max(most, value), 0);
/** 0 for none. */
const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / Math.max(1, values.length);

export const memoryAt = (fit: MemoryFit, tasks: number): number => fit.baseGb + fit.perTaskGb * tasks + fit.aboveGb;

/** Tasks on the busiest worker at each of the ascending times; without host names, all tasks spread over the workers there were. */
export function tasksOnBusiest(history: History, { byEnd }: Timeline, times: readonly number[]): number[] {
	const { tasks, metrics } = history;
	const go = walk({ rows: asTheyLie(tasks.length), at: tasks.start }, { rows: byEnd, at: tasks.end });
	const workers = (metrics.workers ?? []).toSorted((a, b) => a[0] - b[0]);
	const named = tasks.names.hosts.some((host) => host !== '');
	const running = busiest(tasks.names.hosts.length);
	const step = (row: number, change: 1 | -1): void => running.change(tasks.host[row] ?? 0, change);
	let sample = 0;
	return times.map((time) => {
		go(time, step);
		if (named) return running.most();
		for (let next = workers[sample + 1]; next && next[0] <= time; next = workers[sample + 1]) sample++;
		const up = Math.max(1, workers[sample]?.[1] ?? history.environment.worker.max);
		return Math.ceil(running.most() / up);
	});
}

/** The most tasks that any worker ever ran at once; 0 where Airflow does not name them. */
export function mostAtOnce({ tasks }: Pick<History, 'tasks'>, { byEnd }: Timeline): number {
	const unnamed = tasks.names.hosts.indexOf('');
	const running = busiest(tasks.names.hosts.length);
	let most = 0;
	sweep({ rows: asTheyLie(tasks.length), at: tasks.start }, { rows: byEnd, at: tasks.end }, (row, change) => {
		const host = tasks.host[row] ?? 0;
		if (host === unnamed) return;
		running.change(host, change);
		if (change === 1) most = Math.max(most, running.most());
	});
	return most;
}

/** Counts of each worker, and the highest of them. */
function busiest(hosts: number) {
	const counts = new Int32Array(hosts);
	/** How many workers have each count. */
	const having: number[] = [hosts];
	let most = 0;
	return {
		change(host: number, by: 1 | -1): void {
			const before = counts[host] ?? 0;
			const after = before + by;
			counts[host] = after;
			// A task that took no time ends as it begins: the count is below zero for a moment.
			having[before] = (having[before] ?? 0) - 1;
			having[after] = (having[after] ?? 0) + 1;
			if (after > most) most = after;
			while (most > 0 && (having[most] ?? 0) <= 0) most--;
		},
		most: (): number => most,
	};
}
