import TinyQueue from 'tinyqueue';

/** One task instance of the load. Times are milliseconds from any common zero. */
export type Arrival = {
	/** When the executor had it in its queue. Ignored when `after` is given. */
	at: number;
	/** start_date to end_date. */
	durationMs: number;
	/** Index of the arrival whose end released this one, and how long after that it was queued: waiting shortened there comes here earlier. */
	after?: { index: number; lagMs: number } | undefined;
	pool?: string | undefined;
	/** Pool slots it takes; 1 unless given. */
	slots?: number | undefined;
};

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

type Worker = { running: number; readyAt: number; draining: boolean };
type Event = {
	at: number;
	order: number;
	what: 'arrive' | 'free' | 'end' | 'look' | 'ready';
	task: number;
	worker?: Worker | undefined;
};

/**
 * The load on another plant: a discrete-event replay. First in, first out, as Celery's queue is; a task whose pool is full
 * is passed over, as the scheduler does. Deterministic. Source of the queue discipline: Airflow's Celery executor.
 */
export function replay(load: readonly Arrival[], plant: Plant): Replay {
	const overhead = plant.overhead ?? NO_OVERHEAD;
	const scaling = plant.workers.min < plant.workers.max ? (plant.scaling ?? COMPOSER_SCALING) : undefined;
	const parallelism = plant.parallelism && plant.parallelism > 0 ? plant.parallelism : Infinity;
	const waitsMs = new Float64Array(load.length);
	const followers = new Map<number, number[]>();
	const events = new TinyQueue<Event>([], (a, b) => a.at - b.at || a.order - b.order);
	let order = 0;
	const push = (at: number, what: Event['what'], task: number, worker?: Worker): void =>
		events.push({ at, order: order++, what, task, worker });

	// Those that wait for nobody come in order of time; keeping them out of the event queue keeps it as short as what is in flight.
	const roots: number[] = [];
	load.forEach(({ after }, task) => {
		const list = after && followers.get(after.index);
		if (after === undefined || after.index === task) roots.push(task);
		else if (list) list.push(task);
		else followers.set(after.index, [task]);
	});
	roots.sort((a, b) => (load[a]?.at ?? 0) - (load[b]?.at ?? 0));
	let nextRoot = 0;
	/** The next thing that happens; an arrival goes first. */
	function nextEvent(): Event | undefined {
		const root = roots[nextRoot];
		const other = events.peek();
		const at = root === undefined ? Infinity : (load[root]?.at ?? 0) + overhead.dispatchMs;
		if (root === undefined || (other && other.at < at)) return events.pop();
		nextRoot++;
		return { at, order: 0, what: 'arrive', task: root };
	}

	const workers: Worker[] = Array.from({ length: plant.workers.min }, () => ({
		running: 0,
		readyAt: 0,
		draining: false,
	}));
	const poolUse = new Map<string, number>();
	/** Waiting tasks by pool, so that a full pool does not make every look at the queue long. */
	const queues = new Map<string, { tasks: number[]; head: number }>();
	const queuedAt = new Float64Array(load.length);
	const arrivedAs = new Float64Array(load.length);
	let arrivals = 0;
	let waiting = 0;
	let running = 0;
	let left = load.length;
	let first = Infinity;
	let last = -Infinity;
	let peakWorkers = workers.length;
	let peakTasksPerWorker = 0;
	let workerMs = 0;
	let countedUntil = Infinity;
	let enoughSince = Infinity;
	let looking = false;
	const workersOverTime: [number, number][] = [];

	const poolFree = (pool: string): number => {
		const slots = plant.pools?.[pool];
		return slots === undefined ? Infinity : slots - (poolUse.get(pool) ?? 0);
	};
	/** Accounts for the time until now; before every change of the workers and at the end. */
	const elapse = (now: number): void => {
		if (now > countedUntil) workerMs += workers.length * (now - countedUntil);
		countedUntil = Math.max(now, countedUntil);
	};
	const note = (now: number): void => {
		if (workersOverTime.at(-1)?.[1] !== workers.length) workersOverTime.push([now, workers.length]);
		peakWorkers = Math.max(peakWorkers, workers.length);
	};

	/** The oldest waiting task whose pool has room. */
	function next(): number | undefined {
		let best: number | undefined;
		let from: { tasks: number[]; head: number } | undefined;
		for (const [pool, queue] of queues) {
			const task = queue.tasks[queue.head];
			if (task === undefined) continue;
			if (poolFree(pool) < (load[task]?.slots ?? 1)) continue;
			if (best === undefined || (arrivedAs[task] ?? 0) < (arrivedAs[best] ?? 0)) {
				best = task;
				from = queue;
			}
		}
		if (from) {
			from.head++;
			if (from.head > 1024 && from.head * 2 > from.tasks.length) {
				from.tasks.splice(0, from.head);
				from.head = 0;
			}
		}
		return best;
	}

	function dispatch(now: number): void {
		while (waiting > 0 && running < parallelism) {
			// The emptiest ready worker takes the next task, as idle Celery workers do.
			let worker: Worker | undefined;
			for (const candidate of workers)
				if (
					!candidate.draining &&
					candidate.readyAt <= now &&
					candidate.running < plant.concurrency &&
					candidate.running < (worker?.running ?? Infinity)
				)
					worker = candidate;
			if (!worker) return;
			const task = next();
			if (task === undefined) return;
			const arrival = load[task];
			if (!arrival) return;
			waiting--;
			running++;
			worker.running++;
			peakTasksPerWorker = Math.max(peakTasksPerWorker, worker.running);
			const pool = arrival.pool ?? '';
			poolUse.set(pool, (poolUse.get(pool) ?? 0) + (arrival.slots ?? 1));
			const start = now + overhead.startMs;
			waitsMs[task] = start - (queuedAt[task] ?? 0);
			push(start + arrival.durationMs, 'end', task, worker);
		}
	}

	function look(now: number): void {
		if (!scaling) return;
		const wanted = Math.min(
			plant.workers.max,
			Math.max(plant.workers.min, Math.ceil((waiting + running) / plant.concurrency)),
		);
		const staying = workers.filter(({ draining }) => !draining).length;
		if (wanted > staying) {
			enoughSince = Infinity;
			elapse(now);
			for (let i = staying; i < wanted; i++) {
				const worker = { running: 0, readyAt: now + scaling.workerStartMs, draining: false };
				workers.push(worker);
				push(worker.readyAt, 'ready', -1, worker);
			}
			note(now);
		} else if (wanted === staying) enoughSince = Infinity;
		else {
			enoughSince = Math.min(enoughSince, now);
			if (now - enoughSince < scaling.settleMs) return;
			enoughSince = Infinity;
			const leaving = workers
				.filter(({ draining }) => !draining)
				.toSorted((a, b) => a.running - b.running)
				.slice(0, staying - wanted);
			for (const worker of leaving) worker.draining = true;
			letGo(now);
		}
	}

	function letGo(now: number): void {
		if (!workers.some(({ draining, running }) => draining && running === 0)) return;
		elapse(now);
		for (let i = workers.length - 1; i >= 0; i--)
			if (workers[i]?.draining && workers[i]?.running === 0) workers.splice(i, 1);
		note(now);
	}

	for (let event = nextEvent(); event && left > 0; event = nextEvent()) {
		const now = event.at;
		switch (event.what) {
			case 'arrive': {
				const queued = now - overhead.dispatchMs;
				if (queued < first) {
					first = queued;
					countedUntil = queued;
					note(queued);
				}
				queuedAt[event.task] = queued;
				arrivedAs[event.task] = arrivals++;
				const pool = load[event.task]?.pool ?? '';
				const queue = queues.get(pool);
				if (queue) queue.tasks.push(event.task);
				else queues.set(pool, { tasks: [event.task], head: 0 });
				waiting++;
				if (scaling && !looking) {
					looking = true;
					push(now, 'look', -1);
				}
				break;
			}
			case 'end': {
				left--;
				last = Math.max(last, now);
				for (const follower of followers.get(event.task) ?? [])
					push(now + (load[follower]?.after?.lagMs ?? 0) + overhead.dispatchMs, 'arrive', follower);
				push(now + overhead.endMs, 'free', event.task, event.worker);
				break;
			}
			case 'free': {
				running--;
				if (event.worker) event.worker.running--;
				const arrival = load[event.task];
				const pool = arrival?.pool ?? '';
				poolUse.set(pool, (poolUse.get(pool) ?? 0) - (arrival?.slots ?? 1));
				letGo(now);
				break;
			}
			case 'look':
				look(now);
				if (left > 0) push(now + (scaling?.everyMs ?? 0), 'look', -1);
				break;
			case 'ready':
				break;
		}
		dispatch(now);
	}
	elapse(last);
	return {
		waitsMs,
		workerHours: workerMs / 3_600_000,
		peakWorkers,
		peakTasksPerWorker,
		workersOverTime,
		spanMs: load.length === 0 ? 0 : last - first,
	};
}

/** The value below which the given share lies (0–1), by linear interpolation. NaN for an empty list. */
export function quantile(values: ArrayLike<number>, share: number): number {
	const sorted = Float64Array.from(values).sort();
	if (sorted.length === 0) return Number.NaN;
	const place = share * (sorted.length - 1);
	const low = Math.floor(place);
	const a = sorted[low] ?? 0;
	return a + ((sorted[Math.min(low + 1, sorted.length - 1)] ?? a) - a) * (place - low);
}
