import { median } from '../domain/duration.ts';
import type { History, Tasks } from './history.ts';
import { quantile, type Arrival, type Overhead } from './replay.ts';

/** The recorded load, ready to be replayed on another plant. One entry a task instance, in the history's order. */
export type Load = {
	arrivals: Arrival[];
	/** From what released it (its predecessor's end, a pool's room) to its start, as recorded. Milliseconds. */
	waitsMs: Float64Array;
	/** How long a full pool kept it from being queued at all. Milliseconds; 0 for most. */
	heldMs: Float64Array;
	/** Between a predecessor's end and being queued, where nothing held it. About 2.5 s on a healthy scheduler. Milliseconds. */
	lagMs: number;
	/** Queued to start when nothing was in the way. Milliseconds. */
	overhead: Overhead;
};

/** Later than that after the last end in its run, a task was released by something else: a date, a sensor, an asset. */
const MOST_LAG_MS = 120_000;
const USUAL_LAG_MS = 2500;
/** The scheduler looks every few seconds: a pool that was full so shortly before kept the task waiting. */
const FULL_BEFORE_MS = 30_000;

/**
 * Arrivals out of task instances. What released a task is, in this order: `scheduled_when` (Airflow 3 says it), the end of
 * its upstream tasks (where the history has the DAG's structure), else the last end before it in the same run. A task that was
 * queued as its full pool got room is taken back to its release, so that a larger pool or fewer tasks show their effect.
 */
export function buildLoad(history: Pick<History, 'tasks' | 'pools' | 'dags'>): Load {
	const { tasks } = history;
	const runs = byRun(tasks);
	const wasFull = poolWatch(history);
	const upstreamOf = structure(history);
	const queuedAt = (i: number): number => {
		const queued = tasks.queued[i] ?? Number.NaN;
		const start = tasks.start[i] ?? 0;
		return Number.isNaN(queued) ? start : Math.min(queued, start);
	};
	const predecessor = new Int32Array(tasks.length).fill(-1);
	const held = new Uint8Array(tasks.length);
	const firstQueued = new Float64Array(tasks.length);
	const lags: number[] = [];

	for (const byEnd of runs) {
		let first = Infinity;
		for (const i of byEnd) first = Math.min(first, queuedAt(i));
		const ends = Float64Array.from(byEnd, (i) => tasks.end[i] ?? 0);
		const byTask = new Map<number, number[]>();
		if (upstreamOf.size > 0)
			for (const i of byEnd) {
				const task = tasks.task[i] ?? -1;
				const same = byTask.get(task);
				if (same) same.push(i);
				else byTask.set(task, [i]);
			}
		for (const i of byEnd) {
			firstQueued[i] = first;
			const queued = queuedAt(i);
			const scheduled = tasks.scheduled[i] ?? Number.NaN;
			if (wasFull(i, queued)) held[i] = 1;
			const known = upstreamOf.get(tasks.dag[i] ?? -1)?.get(tasks.task[i] ?? -1);
			const before = Number.isNaN(scheduled) ? queued : Math.min(scheduled, queued);
			let found = -1;
			if (known) {
				for (const task of known)
					for (const each of byTask.get(task) ?? [])
						if ((tasks.end[each] ?? 0) <= before && (found < 0 || (tasks.end[each] ?? 0) > (tasks.end[found] ?? 0)))
							found = each;
			} else {
				for (let at = upTo(ends, before) - 1; at >= 0; at--) {
					const each = byEnd[at] ?? -1;
					// In a full pool the end before a start is the slot's last holder, not a predecessor.
					if (held[i] === 1 && Number.isNaN(scheduled) && tasks.pool[each] === tasks.pool[i]) continue;
					found = each;
					break;
				}
			}
			if (found >= 0 && (tasks.end[found] ?? 0) < (tasks.end[i] ?? 0)) {
				predecessor[i] = found;
				const lag = before - (tasks.end[found] ?? 0);
				if (held[i] === 0 && lag < MOST_LAG_MS) lags.push(lag);
			}
		}
	}
	const lagMs = median(lags) ?? USUAL_LAG_MS;

	const waitsMs = new Float64Array(tasks.length);
	const heldMs = new Float64Array(tasks.length);
	const queueWaits = new Float64Array(tasks.length);
	const arrivals = Array.from({ length: tasks.length }, (_, i): Arrival => {
		const queued = queuedAt(i);
		const start = tasks.start[i] ?? 0;
		const scheduled = tasks.scheduled[i] ?? Number.NaN;
		const before = predecessor[i] ?? -1;
		const beforeEnd = tasks.end[before];
		let released = queued;
		if (held[i] === 1) {
			if (!Number.isNaN(scheduled)) released = Math.min(scheduled, queued);
			else released = Math.min(queued, beforeEnd === undefined ? (firstQueued[i] ?? queued) : beforeEnd + lagMs);
		}
		waitsMs[i] = start - released;
		heldMs[i] = queued - released;
		queueWaits[i] = start - queued;
		const lag = beforeEnd === undefined ? Infinity : released - beforeEnd;
		return {
			at: released,
			durationMs: (tasks.end[i] ?? 0) - start,
			pool: tasks.names.pools[tasks.pool[i] ?? -1],
			slots: tasks.slots[i],
			...(lag >= 0 && lag <= MOST_LAG_MS && { after: { index: before, lagMs: lag } }),
		};
	});
	// What even the luckiest tenth waits is the way to the worker and the start of the process, not the queue.
	const least = tasks.length === 0 ? 0 : quantile(queueWaits, 0.1);
	return { arrivals, waitsMs, heldMs, lagMs, overhead: { dispatchMs: 0, startMs: Math.min(least, 10_000), endMs: 0 } };
}

/** The rows of each run, by their ends. */
function byRun(tasks: Tasks): number[][] {
	const runs: number[][] = [];
	tasks.run.forEach((run, i) => {
		const rows = runs[run];
		if (rows) rows.push(i);
		else runs[run] = [i];
	});
	for (const rows of runs) rows.sort((a, b) => (tasks.end[a] ?? 0) - (tasks.end[b] ?? 0));
	return runs;
}

/** Upstream tasks by DAG and task, for the DAGs whose structure the history has; all as numbers of the name lists. */
function structure({ dags, tasks: { names } }: Pick<History, 'dags' | 'tasks'>): Map<number, Map<number, number[]>> {
	const dagOf = new Map(names.dags.map((name, i) => [name, i]));
	const taskOf = new Map(names.tasks.map((name, i) => [name, i]));
	const found = new Map<number, Map<number, number[]>>();
	for (const { dag_id, tasks } of dags) {
		const dag = dagOf.get(dag_id);
		if (dag === undefined || tasks === undefined) continue;
		const upstream = new Map<number, number[]>();
		for (const { task_id } of tasks) {
			const task = taskOf.get(task_id);
			if (task !== undefined) upstream.set(task, []);
		}
		for (const { task_id, downstream_task_ids } of tasks) {
			const from = taskOf.get(task_id);
			if (from === undefined) continue;
			for (const name of downstream_task_ids) upstream.get(taskOf.get(name) ?? -1)?.push(from);
		}
		found.set(dag, upstream);
	}
	return found;
}

/** Says whether a task's pool had no room for it in the half minute before it was queued. Queued tasks take their slots too. */
function poolWatch({ tasks, pools }: Pick<History, 'tasks' | 'pools'>): (i: number, queued: number) => boolean {
	const slots = new Map(pools.map(({ name, slots }) => [name, slots]));
	const watches = tasks.names.pools.map((name, pool) => {
		const limit = slots.get(name);
		if (limit === undefined || limit < 0) return undefined;
		const steps: [number, number][] = [];
		for (let i = 0; i < tasks.length; i++) {
			if (tasks.pool[i] !== pool) continue;
			const queued = tasks.queued[i] ?? Number.NaN;
			const taken = tasks.slots[i] ?? 1;
			steps.push([Number.isNaN(queued) ? (tasks.start[i] ?? 0) : queued, taken], [tasks.end[i] ?? 0, -taken]);
		}
		steps.sort((a, b) => a[0] - b[0] || a[1] - b[1]);
		const at = new Float64Array(steps.length);
		const used = new Float64Array(steps.length);
		let now = 0;
		steps.forEach(([time, change], i) => {
			now += change;
			at[i] = time;
			used[i] = now;
		});
		return { limit, at, used };
	});
	return (i, queued) => {
		const watch = watches[tasks.pool[i] ?? -1];
		if (!watch) return false;
		const { limit, at, used } = watch;
		const need = tasks.slots[i] ?? 1;
		// The first step at this very time is the last one that may already be this task's own.
		for (let step = before(at, queued) - 1; step >= 0; step--) {
			if ((used[step] ?? 0) + need > limit) return true;
			if ((at[step] ?? 0) < queued - FULL_BEFORE_MS) return false;
		}
		return false;
	};
}

/** How many of the ascending values are at most `value`. */
function upTo(values: Float64Array, value: number): number {
	let low = 0;
	let high = values.length;
	while (low < high) {
		const middle = (low + high) >> 1;
		if ((values[middle] ?? 0) <= value) low = middle + 1;
		else high = middle;
	}
	return low;
}

/** How many of the ascending values are below `value`. */
function before(values: Float64Array, value: number): number {
	let low = 0;
	let high = values.length;
	while (low < high) {
		const middle = (low + high) >> 1;
		if ((values[middle] ?? 0) < value) low = middle + 1;
		else high = middle;
	}
	return low;
}

export type Recorded = { queued: number; start: number; end: number };

/**
 * What a task costs beside its own duration, out of one recording on a fixed number of slots. While there is a queue, a slot's
 * next start follows its last end by `startMs + endMs`; a task that finds a free slot waits `dispatchMs + startMs`.
 */
export function fitOverhead(recording: readonly Recorded[], slots: number): Overhead {
	const byStart = recording.toSorted((a, b) => a.start - b.start);
	const starts = Float64Array.from(byStart, ({ start }) => start);
	const ends = Float64Array.from(recording, ({ end }) => end).sort();
	const turnovers: number[] = [];
	const idle: number[] = [];
	byStart.forEach(({ queued, start }, k) => {
		const freed = ends[k - slots];
		// Queued well before a slot came free: the wait after that is the turnover.
		if (freed !== undefined && queued < freed - 1000 && start >= freed) turnovers.push(start - freed);
		const started = upTo(starts, queued);
		const ended = upTo(ends, queued);
		if (started - ended < slots && k < slots) idle.push(start - queued);
		else if (freed !== undefined && freed < queued - 1000) idle.push(start - queued);
	});
	const turnover = mean(turnovers) ?? 0;
	const free = median(idle) ?? turnover;
	const startMs = Math.min(turnover, free);
	return { dispatchMs: free - startMs, startMs, endMs: turnover - startMs };
}

function mean(values: readonly number[]): number | undefined {
	return values.length === 0 ? undefined : values.reduce((a, b) => a + b, 0) / values.length;
}

/** Memory of the busiest worker by how many tasks it ran: `baseGb + perTaskGb × tasks`, and what the worst sample had above that. */
export type MemoryFit = {
	baseGb: number;
	perTaskGb: number;
	aboveGb: number;
	peakGb: number;
	/** Most tasks on one worker in a sample. */
	peakTasks: number;
	samples: number;
};

/** Undefined: fewer than ten samples. A sample near the limit says only "at least that much" and so does not bend the slope down. */
export function fitMemory(history: History, concurrency: number): MemoryFit | undefined {
	const points = (history.metrics.workerMemoryGb ?? []).toSorted((a, b) => a[0] - b[0]);
	if (points.length < 10) return undefined;
	const counts = tasksOnBusiest(
		history,
		points.map(([at]) => at),
	).map((tasks) => Math.min(tasks, concurrency));
	const limit = history.environment.worker.memoryGb ?? Infinity;
	const clear = points.flatMap(([, gb], i) => (gb < 0.95 * limit ? [[counts[i] ?? 0, gb] as const] : []));
	const peakGb = Math.max(...points.map(([, gb]) => gb));
	const peakTasks = Math.max(...counts);
	const x = mean(clear.map(([tasks]) => tasks)) ?? 0;
	const y = mean(clear.map(([, gb]) => gb)) ?? 0;
	const spread = clear.reduce((sum, [tasks]) => sum + (tasks - x) ** 2, 0);
	let perTaskGb =
		spread < 1 ? Number.NaN : clear.reduce((sum, [tasks, gb]) => sum + (tasks - x) * (gb - y), 0) / spread;
	let baseGb = y - perTaskGb * x;
	// No spread to fit a line to, or a nonsensical one: all of it is the tasks' (facts: the plain recipe).
	if (!(perTaskGb > 0) || baseGb < 0) {
		baseGb = 0;
		perTaskGb = peakGb / Math.max(1, peakTasks);
	}
	const aboveGb = Math.max(0, ...points.map(([, gb], i) => gb - baseGb - perTaskGb * (counts[i] ?? 0)));
	return { baseGb, perTaskGb, aboveGb, peakGb, peakTasks, samples: points.length };
}

export const memoryAt = (fit: MemoryFit, tasks: number): number => fit.baseGb + fit.perTaskGb * tasks + fit.aboveGb;

/** Tasks on the busiest worker at each of the ascending times; without host names, all tasks spread over the workers there were. */
export function tasksOnBusiest(history: History, times: readonly number[]): number[] {
	const { tasks, metrics } = history;
	const steps: [number, number, number][] = [];
	for (let i = 0; i < tasks.length; i++) {
		const host = tasks.host[i] ?? 0;
		steps.push([tasks.start[i] ?? 0, host, 1], [tasks.end[i] ?? 0, host, -1]);
	}
	steps.sort((a, b) => a[0] - b[0] || a[2] - b[2]);
	const workers = (metrics.workers ?? []).toSorted((a, b) => a[0] - b[0]);
	const named = tasks.names.hosts.some((host) => host !== '');
	const running = new Map<number, number>();
	let step = 0;
	let sample = 0;
	return times.map((time) => {
		for (let next = steps[step]; next && next[0] <= time; next = steps[++step]) {
			const count = (running.get(next[1]) ?? 0) + next[2];
			if (count === 0) running.delete(next[1]);
			else running.set(next[1], count);
		}
		if (named) return Math.max(0, ...running.values());
		for (let next = workers[sample + 1]; next && next[0] <= time; next = workers[sample + 1]) sample++;
		const up = Math.max(1, workers[sample]?.[1] ?? history.environment.worker.max);
		return Math.ceil((running.get(0) ?? 0) / up);
	});
}
