import { emptyArrivals, type Arrivals } from './arrivals.ts';
import type { History } from './history.ts';
import { groupRows, upTo } from './order.ts';
import { heldByPool } from './pool-watch.ts';
import { quantile } from './quantile.ts';
import type { Overhead } from './replay.ts';
import type { Tasks } from './tasks.ts';
import { timelineOf, type Timeline } from './timeline.ts';

/** The recorded load, ready to be replayed on another plant. One entry a task instance, in the history's order. */
export type Load = {
	arrivals: Arrivals;
	/** From what released it (its predecessor's end, a pool's room) to its start, as recorded. Milliseconds. */
	waitsMs: Float64Array;
	/** How long a full pool kept it from being queued at all. Milliseconds; 0 for most. */
	heldMs: Float64Array;
	/** Between a predecessor's end and being queued, where nothing held it. About 2.5 s on a healthy scheduler. Milliseconds. */
	lagMs: number;
	/** Queued to start when nothing was in the way. Milliseconds. */
	overhead: Overhead;
	timeline: Timeline;
};

/** Later than that after the last end in its run, a task was released by something else: a date, a sensor, an asset. */
const MOST_LAG_MS = 120_000;
const USUAL_LAG_MS = 2500;

/**
 * Arrivals out of task instances. What released a task is, in this order: `scheduled_when` (Airflow 3 says it), the end of
 * its upstream tasks (where the history has the DAG's structure), else the last end before it in the same run. A task that was
 * queued as its full pool got room is taken back to its release, so that a larger pool or fewer tasks show their effect.
 */
export function buildLoad(history: Pick<History, 'tasks' | 'pools' | 'dags'>): Load {
	const { tasks } = history;
	const { length, scheduled, start, end } = tasks;
	const timeline = timelineOf(tasks);
	const { queuedAt } = timeline;
	const held = heldByPool(history, timeline);
	const { predecessor, firstQueued, lagMs } = released(history, timeline, held);

	const waitsMs = new Float64Array(length);
	const heldMs = new Float64Array(length);
	const queueWaits = new Float64Array(length);
	const arrivals = emptyArrivals(length, tasks.names.pools);
	arrivals.pool.set(tasks.pool);
	arrivals.slots.set(tasks.slots);
	for (let i = 0; i < length; i++) {
		const queued = queuedAt[i] ?? 0;
		const started = start[i] ?? 0;
		const asked = scheduled[i] ?? Number.NaN;
		const before = predecessor[i] ?? -1;
		const beforeEnd = before === -1 ? Number.NaN : (end[before] ?? Number.NaN);
		let release = queued;
		if (held[i] === 1) {
			if (!Number.isNaN(asked)) release = Math.min(asked, queued);
			else release = Math.min(queued, before === -1 ? (firstQueued[i] ?? queued) : beforeEnd + lagMs);
		}
		waitsMs[i] = started - release;
		heldMs[i] = queued - release;
		queueWaits[i] = started - queued;
		arrivals.at[i] = release;
		arrivals.durationMs[i] = (end[i] ?? 0) - started;
		const lag = release - beforeEnd;
		if (lag >= 0 && lag <= MOST_LAG_MS) {
			arrivals.after[i] = before;
			arrivals.lagMs[i] = lag;
		}
	}
	// What even the luckiest tenth waits is the way to the worker and the start of the process, not the queue.
	const least = length === 0 ? 0 : quantile(queueWaits, 0.1);
	const overhead = { dispatchMs: 0, startMs: Math.min(least, 10_000), endMs: 0 };
	return { arrivals, waitsMs, heldMs, lagMs, overhead, timeline };
}

type Released = {
	/** Row whose end released this one; -1: none in its run. */
	predecessor: Int32Array;
	/** When the first task of its run was queued. */
	firstQueued: Float64Array;
	lagMs: number;
};

function released(
	{ tasks, dags }: Pick<History, 'tasks' | 'dags'>,
	{ queuedAt, byEnd }: Timeline,
	held: Uint8Array,
): Released {
	const { length, scheduled, pool, end, run, task, dag } = tasks;
	const predecessor = new Int32Array(length).fill(-1);
	const firstQueued = new Float64Array(length);
	const lags = new Float64Array(length);
	let lagsKnown = 0;
	const upstreamOf = structure({ dags, tasks });
	const { starts, rows } = groupRows(byEnd, tasks.runs, run);
	for (let place = 0; place < tasks.runs; place++) {
		const byItsEnd = rows.subarray(starts[place], starts[place + 1]);
		const ends = Float64Array.from(byItsEnd, (row) => end[row] ?? 0);
		const upstream = upstreamOf.get(dag[byItsEnd[0] ?? -1] ?? -1);
		const ofTasks = upstream && upstreamEnds(byItsEnd, tasks);
		const elsewhere = inAnotherPool(byItsEnd, pool);
		let first = Infinity;
		for (const row of byItsEnd) first = Math.min(first, queuedAt[row] ?? 0);
		for (const row of byItsEnd) {
			firstQueued[row] = first;
			const queued = queuedAt[row] ?? 0;
			const asked = scheduled[row] ?? Number.NaN;
			const before = asked < queued ? asked : queued;
			const known = upstream?.get(task[row] ?? -1);
			let found: number;
			if (known && ofTasks) found = ofTasks(known, before);
			else {
				let at = upTo(ends, before) - 1;
				// In a full pool the end before a start is the slot's last holder, not a predecessor.
				if (held[row] === 1 && Number.isNaN(asked) && pool[byItsEnd[at] ?? -1] === pool[row]) at = elsewhere[at] ?? -1;
				found = byItsEnd[at] ?? -1;
			}
			if (found === -1 || (end[found] ?? 0) >= (end[row] ?? 0)) continue;
			predecessor[row] = found;
			const lag = before - (end[found] ?? 0);
			if (held[row] === 0 && lag < MOST_LAG_MS) lags[lagsKnown++] = lag;
		}
	}
	const lagMs = lagsKnown === 0 ? USUAL_LAG_MS : Math.round(quantile(lags.subarray(0, lagsKnown), 0.5));
	return { predecessor, firstQueued, lagMs };
}

/** For each place among a run's rows the last one before it whose task ran in another pool; -1: none. */
function inAnotherPool(rows: Int32Array, pool: Int32Array): Int32Array {
	const found = new Int32Array(rows.length).fill(-1);
	for (let at = 1; at < rows.length; at++)
		found[at] = pool[rows[at - 1] ?? -1] === pool[rows[at] ?? -1] ? (found[at - 1] ?? -1) : at - 1;
	return found;
}

/** Finds the row among those of the given tasks that ended last, up to a time; -1: none did. Rows by their ends. */
function upstreamEnds(rows: Int32Array, { task, end }: Tasks): (known: Iterable<number>, until: number) => number {
	const byTask = new Map<number, number[]>();
	for (const row of rows) {
		const same = byTask.get(task[row] ?? -1);
		if (same) same.push(row);
		else byTask.set(task[row] ?? -1, [row]);
	}
	const ends = new Map([...byTask].map(([each, its]) => [each, Float64Array.from(its, (row) => end[row] ?? 0)]));
	return (known, until) => {
		let found = -1;
		for (const each of known) {
			const row = byTask.get(each)?.[upTo(ends.get(each) ?? new Float64Array(0), until) - 1] ?? -1;
			if (row !== -1 && (found === -1 || (end[row] ?? 0) > (end[found] ?? 0))) found = row;
		}
		return found;
	};
}

/** Upstream tasks by DAG and task, for the DAGs whose structure the history has; all as numbers of the name lists. */
function structure({ dags, tasks: { names } }: Pick<History, 'dags' | 'tasks'>): Map<number, Map<number, Set<number>>> {
	const found = new Map<number, Map<number, Set<number>>>();
	if (!dags.some(({ tasks }) => tasks !== undefined)) return found;
	const dagOf = new Map(names.dags.map((name, i) => [name, i]));
	const taskOf = new Map(names.tasks.map((name, i) => [name, i]));
	for (const { dag_id, tasks } of dags) {
		const dag = dagOf.get(dag_id);
		if (dag === undefined || tasks === undefined) continue;
		const upstream = new Map<number, Set<number>>();
		for (const { task_id } of tasks) {
			const task = taskOf.get(task_id);
			if (task !== undefined) upstream.set(task, new Set());
		}
		for (const { task_id, downstream_task_ids } of tasks) {
			const from = taskOf.get(task_id);
			if (from === undefined) continue;
			for (const name of downstream_task_ids) upstream.get(taskOf.get(name) ?? -1)?.add(from);
		}
		found.set(dag, upstream);
	}
	return found;
}
