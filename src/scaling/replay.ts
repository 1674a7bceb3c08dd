import { arrivalsOf, type Arrival, type Arrivals } from './arrivals.ts';
import { eventHeap, NEVER } from './heap.ts';
import { groupRows, orderBy } from './order.ts';

export type Plant = {
	/** Equal numbers: no autoscaling. */
	workers: { min: number; max: number };
	/** Tasks a worker runs at a time: `[celery] worker_concurrency`. */
	concurrency: number;
	/** `[core] parallelism` over all schedulers; absent or 0: no limit, as on Composer. */
	parallelism?: number | undefined;
	/** Slots by pool; a pool that is not named has no limit. */
	pools?: Readonly<Record<string, number>> | undefined;
	overhead?: Overhead | undefined;
	scaling?: Scaling | undefined;
};

/** What a task costs beside its own duration. Fitted from a recording by `fitOverhead`. */
export type Overhead = {
	/** Queue to a free worker's hands; occupies no slot. */
	dispatchMs: number;
	/** A slot taken before start_date: the task's process starts and imports its DAG. */
	startMs: number;
	/** A slot still taken after end_date. */
	endMs: number;
};

/**
 * How the autoscaler behaves. Google does not publish its formula, only its inputs (queue, idle workers,
 * worker_concurrency), so this is the plain reading of them: enough workers for what is queued and running.
 */
export type Scaling = {
	everyMs: number;
	/** Asked for until it takes tasks. */
	workerStartMs: number;
	/** How long fewer workers must have been enough before one is let go. It finishes what it runs. */
	settleMs: number;
};

export const NO_OVERHEAD: Overhead = { dispatchMs: 0, startMs: 0, endMs: 0 };
/** Kubernetes' horizontal autoscaler looks every 15 s and settles for 300 s; a worker pod takes about two minutes. */
export const COMPOSER_SCALING: Scaling = { everyMs: 15_000, workerStartMs: 120_000, settleMs: 300_000 };

export type Replay = {
	/** Queued until start_date, by arrival, milliseconds. */
	waitsMs: Float64Array;
	/** Workers up, draining ones included, summed over the time from the first arrival to the last end. */
	workerHours: number;
	peakWorkers: number;
	/** Most tasks one worker ran at a time: what its memory has to hold. */
	peakTasksPerWorker: number;
	/** Workers over time, a point at each change: milliseconds, number. */
	workersOverTime: readonly (readonly [number, number])[];
	/** From the first arrival to the last end. */
	spanMs: number;
};

const { ceil, max: most, min: least } = Math;
/** An event's code: the kind in its two lowest bits, above them the task. `SCALES`: the autoscaler looks (0), or a worker is ready (its number and 1). */
const [ARRIVES, ENDS, FREES, SCALES] = [0, 1, 2, 3];

/** For a load that is replayed once. */
export function replay(load: readonly Arrival[], plant: Plant): Replay {
	return replayer(arrivalsOf(load))(plant);
}

/**
 * The load on another plant: a discrete-event replay. First in, first out, as Celery's queue is; a task whose pool is full
 * is passed over, as the scheduler does. Deterministic. Source of the queue discipline: Airflow's Celery executor.
 *
 * What does not depend on the plant is worked out once; each call then replays it on one. Half a second for each million.
 */
export function replayer(load: Arrivals): (plant: Plant) => Replay {
	const { length, at, durationMs, after, lagMs, pool, slots, pools } = load;
	// Those that wait for nobody come in order of time; keeping them out of the event queue keeps it as short as what is in flight.
	const waitsFor = new Int32Array(length);
	let followers = 0;
	for (let task = 0; task < length; task++) {
		const before = after[task] ?? -1;
		waitsFor[task] = before === task ? -1 : before;
		if (waitsFor[task] !== -1) followers++;
	}
	const roots = orderBy(at).filter((task) => waitsFor[task] === -1);
	const { starts, rows } = groupRows(inOrder(length), followers === 0 ? 0 : length, waitsFor);
	// Scratch space, used anew by each replay.
	const queuedAt = new Float64Array(length);
	const arrivedAs = new Int32Array(length);
	const nextInPool = new Int32Array(length);
	const workerOf = new Int32Array(length);

	return (plant) => {
		const { dispatchMs, startMs, endMs } = plant.overhead ?? NO_OVERHEAD;
		const { min, max } = plant.workers;
		const scaling = min < max ? (plant.scaling ?? COMPOSER_SCALING) : undefined;
		const parallelism = plant.parallelism && plant.parallelism > 0 ? plant.parallelism : NEVER;
		const { concurrency } = plant;
		const waitsMs = new Float64Array(length);
		const events = eventHeap();
		const poolLimit = Float64Array.from(pools, (name) => plant.pools?.[name] ?? NEVER);
		const poolRoom = poolLimit.slice();
		/** What needs more than its pool has takes all of it: it did run, so the pool was larger once. */
		const needs = (task: number, place: number): number => least(slots[task] ?? 1, poolLimit[place] ?? 0);
		/** Waiting tasks of each pool as a chain, so that a full pool does not make every look at the queue long. */
		const poolHead = new Int32Array(pools.length).fill(-1);
		const poolTail = new Int32Array(pools.length).fill(-1);
		const workers = crew(concurrency);
		for (let i = 0; i < min; i++) workers.ready(workers.hire());

		let nextRoot = 0;
		let arrived = 0;
		let waiting = 0;
		let running = 0;
		let left = length;
		let first = NEVER;
		let last = -NEVER;
		let peakWorkers = workers.count();
		let workerMs = 0;
		let countedUntil = NEVER;
		let enoughSince = NEVER;
		/** When the autoscaler looked last; NaN: not yet. While nothing changes it would see the same, so it need not look. */
		let lookedAt = Number.NaN;
		let asleep = true;
		const workersOverTime: [number, number][] = [];

		/** Accounts for the time until now; before every change of the workers and at the end. */
		function elapse(now: number): void {
			if (now > countedUntil) workerMs += workers.count() * (now - countedUntil);
			countedUntil = most(now, countedUntil);
		}
		function note(now: number): void {
			const count = workers.count();
			if (workersOverTime.at(-1)?.[1] !== count) workersOverTime.push([now, count]);
			if (count > peakWorkers) peakWorkers = count;
		}

		/** The autoscaler looks again, at the next of its times. */
		function wake(now: number): void {
			if (!scaling || !asleep) return;
			asleep = false;
			const since = now - lookedAt;
			const steps = most(1, ceil(since / scaling.everyMs));
			events.push(Number.isNaN(since) ? now : lookedAt + steps * scaling.everyMs, SCALES);
		}

		function arrive(task: number, now: number): void {
			const queued = now - dispatchMs;
			if (queued < first) {
				first = queued;
				countedUntil = queued;
				note(queued);
			}
			queuedAt[task] = queued;
			arrivedAs[task] = arrived++;
			nextInPool[task] = -1;
			const place = pool[task] ?? 0;
			const tail = poolTail[place] ?? -1;
			if (tail === -1) poolHead[place] = task;
			else nextInPool[tail] = task;
			poolTail[place] = task;
			waiting++;
			wake(now);
		}

		/** The oldest waiting task whose pool has room, taken out of its chain; -1: none. */
		function next(): number {
			let best = -1;
			for (let place = 0; place < poolHead.length; place++) {
				const task = poolHead[place] ?? -1;
				if (task === -1 || (poolRoom[place] ?? 0) < needs(task, place)) continue;
				if (best === -1 || (arrivedAs[task] ?? 0) < (arrivedAs[best] ?? 0)) best = task;
			}
			if (best === -1) return -1;
			const place = pool[best] ?? 0;
			const following = nextInPool[best] ?? -1;
			poolHead[place] = following;
			if (following === -1) poolTail[place] = -1;
			return best;
		}

		function dispatch(now: number): void {
			while (waiting > 0 && running < parallelism && workers.open() > 0) {
				const task = next();
				if (task === -1) return;
				waiting--;
				running++;
				workerOf[task] = workers.take();
				const place = pool[task] ?? 0;
				poolRoom[place] = (poolRoom[place] ?? 0) - needs(task, place);
				const start = now + startMs;
				waitsMs[task] = start - (queuedAt[task] ?? 0);
				events.push(start + (durationMs[task] ?? 0), task * 4 + ENDS);
			}
		}

		function end(task: number, now: number): void {
			left--;
			if (now > last) last = now;
			if (followers > 0)
				for (let place = starts[task] ?? 0; place < (starts[task + 1] ?? 0); place++) {
					const follower = rows[place] ?? 0;
					events.push(now + (lagMs[follower] ?? 0) + dispatchMs, follower * 4 + ARRIVES);
				}
			if (endMs === 0) free(task, now);
			else events.push(now + endMs, task * 4 + FREES);
		}

		function free(task: number, now: number): void {
			running--;
			const place = pool[task] ?? 0;
			poolRoom[place] = (poolRoom[place] ?? 0) + needs(task, place);
			wake(now);
			if (workers.free(workerOf[task] ?? 0)) letGo(now);
		}

		/** True: nothing is to be done until something changes. */
		function look(now: number, { workerStartMs, settleMs }: Scaling): boolean {
			const wanted = least(max, most(min, ceil((waiting + running) / concurrency)));
			const staying = workers.staying();
			if (wanted >= staying) enoughSince = NEVER;
			if (wanted > staying) {
				elapse(now);
				for (let i = staying; i < wanted; i++) events.push(now + workerStartMs, (workers.hire() + 1) * 4 + SCALES);
				note(now);
			} else if (wanted < staying) {
				enoughSince = least(enoughSince, now);
				if (now - enoughSince < settleMs) return false;
				enoughSince = NEVER;
				if (workers.drain(staying - wanted)) letGo(now);
			}
			return true;
		}

		function letGo(now: number): void {
			elapse(now);
			workers.dismiss();
			note(now);
		}

		while (left > 0) {
			const root = roots[nextRoot];
			const rootAt = root === undefined ? NEVER : (at[root] ?? 0) + dispatchMs;
			const eventAt = events.nextAt;
			let now = rootAt;
			if (root !== undefined && rootAt <= eventAt) {
				nextRoot++;
				arrive(root, rootAt);
			} else if (eventAt === NEVER) break;
			else {
				now = eventAt;
				const code = events.pop();
				const of = code >> 2;
				switch (code & 3) {
					case ARRIVES:
						arrive(of, now);
						break;
					case ENDS:
						end(of, now);
						break;
					case FREES:
						free(of, now);
						break;
					default:
						if (of > 0) workers.ready(of - 1);
						else if (scaling) {
							lookedAt = now;
							asleep = look(now, scaling);
							if (!asleep && left > 0) events.push(now + scaling.everyMs, SCALES);
						}
				}
			}
			dispatch(now);
		}
		elapse(last);
		return {
			waitsMs,
			workerHours: workerMs / 3_600_000,
			peakWorkers,
			peakTasksPerWorker: workers.peakTasks(),
			workersOverTime,
			spanMs: length === 0 ? 0 : last - first,
		};
	};
}

function inOrder(length: number): Int32Array {
	const order = new Int32Array(length);
	for (let i = 0; i < length; i++) order[i] = i;
	return order;
}

/** The workers there are. A worker is known by a number; it takes tasks from `ready` until it drains, and goes when it is empty. */
function crew(concurrency: number) {
	const tasks: number[] = [];
	const isReady: boolean[] = [];
	const drains: boolean[] = [];
	/** Numbers of those that are up, oldest first. */
	const up: number[] = [];
	let draining = 0;
	let open = 0;
	let peak = 0;
	return {
		count: (): number => up.length,
		staying: (): number => up.length - draining,
		/** Slots of ready workers that are free. */
		open: (): number => open,
		peakTasks: (): number => peak,
		hire(): number {
			up.push(tasks.length);
			tasks.push(0);
			isReady.push(false);
			return drains.push(false) - 1;
		},
		ready(worker: number): void {
			isReady[worker] = true;
			if (!drains[worker]) open += concurrency;
		},
		/** The emptiest one takes the next task, as idle Celery workers do. Only while `open` is above 0. */
		take(): number {
			let best = -1;
			let fewest = concurrency;
			for (const worker of up) {
				const its = tasks[worker] ?? 0;
				if (its >= fewest || drains[worker] || !isReady[worker]) continue;
				best = worker;
				fewest = its;
				if (its === 0) break;
			}
			tasks[best] = fewest + 1;
			open--;
			if (fewest + 1 > peak) peak = fewest + 1;
			return best;
		},
		/** True: it drains and is empty now. */
		free(worker: number): boolean {
			const its = (tasks[worker] ?? 0) - 1;
			tasks[worker] = its;
			if (!drains[worker]) open++;
			return its === 0 && (drains[worker] ?? false);
		},
		/** The emptiest ones take no more. True: some of them are empty already. */
		drain(count: number): boolean {
			const leaving = up.filter((worker) => !drains[worker]).toSorted((a, b) => (tasks[a] ?? 0) - (tasks[b] ?? 0));
			let empty = false;
			for (const worker of leaving.slice(0, count)) {
				drains[worker] = true;
				draining++;
				if (isReady[worker]) open -= concurrency - (tasks[worker] ?? 0);
				if (tasks[worker] === 0) empty = true;
			}
			return empty;
		},
		/** Those that drain and are empty go. */
		dismiss(): void {
			let kept = 0;
			for (const worker of up) {
				if (drains[worker] && tasks[worker] === 0) draining--;
				else up[kept++] = worker;
			}
			up.length = kept;
		},
	};
}
