import { orderBy } from './order.ts';

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

/** The same, one column a field, so that a million stay small. */
export type Arrivals = {
	length: number;
	at: Float64Array;
	durationMs: Float64Array;
	/** -1: released by nobody's end. */
	after: Int32Array;
	lagMs: Float64Array;
	/** Place in `pools`. */
	pool: Int32Array;
	slots: Int32Array;
	pools: readonly string[];
};

export function emptyArrivals(length: number, pools: readonly string[]): Arrivals {
	return {
		length,
		at: new Float64Array(length),
		durationMs: new Float64Array(length),
		after: new Int32Array(length).fill(-1),
		lagMs: new Float64Array(length),
		pool: new Int32Array(length),
		slots: new Int32Array(length).fill(1),
		pools,
	};
}

export function arrivalsOf(list: readonly Arrival[]): Arrivals {
	const pools = [...new Set(list.map(({ pool = '' }) => pool))];
	const placeOf = new Map(pools.map((pool, i) => [pool, i]));
	const columns = emptyArrivals(list.length, pools);
	list.forEach(({ at, durationMs, after, pool = '', slots = 1 }, i) => {
		columns.at[i] = at;
		columns.durationMs[i] = durationMs;
		columns.after[i] = after?.index ?? -1;
		columns.lagMs[i] = after?.lagMs ?? 0;
		columns.pool[i] = placeOf.get(pool) ?? 0;
		columns.slots[i] = slots;
	});
	return columns;
}

/**
 * The stretch of `count` consecutive arrivals with the most work in the least time; what was released by one outside of it comes
 * at its own time.
 */
export function busiest(arrivals: Arrivals, count: number): Arrivals {
	if (arrivals.length <= count) return arrivals;
	const { at, durationMs } = arrivals;
	const byTime = orderBy(at);
	let work = 0;
	let most = -1;
	let from = 0;
	for (let place = 0; place < byTime.length; place++) {
		const row = byTime[place] ?? 0;
		work += durationMs[row] ?? 0;
		if (place >= count) work -= durationMs[byTime[place - count] ?? 0] ?? 0;
		if (place < count - 1) continue;
		const density = work / Math.max(1, (at[row] ?? 0) - (at[byTime[place - count + 1] ?? 0] ?? 0));
		if (density <= most) continue;
		most = density;
		from = place - count + 1;
	}
	return picked(arrivals, byTime.subarray(from, from + count));
}

function picked(arrivals: Arrivals, rows: Int32Array): Arrivals {
	const placeOf = new Int32Array(arrivals.length).fill(-1);
	rows.forEach((row, place) => (placeOf[row] = place));
	const columns = emptyArrivals(rows.length, arrivals.pools);
	rows.forEach((row, place) => {
		columns.at[place] = arrivals.at[row] ?? 0;
		columns.durationMs[place] = arrivals.durationMs[row] ?? 0;
		columns.after[place] = placeOf[arrivals.after[row] ?? -1] ?? -1;
		columns.lagMs[place] = arrivals.lagMs[row] ?? 0;
		columns.pool[place] = arrivals.pool[row] ?? 0;
		columns.slots[place] = arrivals.slots[row] ?? 1;
	});
	return columns;
}
