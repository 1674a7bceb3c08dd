import { names } from './names.ts';
import { orderBy } from './order.ts';

/** Task instances that ran, by their start, one column a field, so that a million of them stay small. Times are epoch milliseconds. */
export type Tasks = {
	length: number;
	dag: Int32Array;
	/** DAG and run together. */
	run: Int32Array;
	task: Int32Array;
	pool: Int32Array;
	host: Int32Array;
	slots: Int32Array;
	/** NaN where Airflow did not say. */
	queued: Float64Array;
	scheduled: Float64Array;
	start: Float64Array;
	end: Float64Array;
	/** How many runs there are. */
	runs: number;
	names: { dags: string[]; tasks: string[]; pools: string[]; hosts: string[] };
};

/** The texts of a row, by their place in `spans`. */
export const [DAG, RUN, TASK, POOL, HOST] = [0, 1, 2, 3, 4];

/** One row on its way into the columns; the same object is filled again and again. */
export type Row = {
	text: Uint8Array;
	/** For each text where it begins and ends in `text`; begins at -1: there is none. */
	spans: Int32Array;
	/** Pool slots; NaN: not said. Times are epoch milliseconds, NaN: not said. */
	slots: number;
	queued: number;
	scheduled: number;
	start: number;
	end: number;
};

export const newRow = (): Row => ({
	text: new Uint8Array(0),
	spans: new Int32Array(10),
	slots: Number.NaN,
	queued: Number.NaN,
	scheduled: Number.NaN,
	start: Number.NaN,
	end: Number.NaN,
});

export function clear(row: Row): void {
	row.spans.fill(-1);
	row.slots = row.queued = row.scheduled = row.start = row.end = Number.NaN;
}

const NO_TEXT = new Uint8Array(0);
const DEFAULT_POOL = new TextEncoder().encode('default_pool');

/** Gathers rows. `take` is false for one that never started or has not ended, and leaves it out. */
export function gather(): { take(row: Row): boolean; done(): Tasks } {
	const [dags, runs, tasks, pools, hosts] = [names(), names(), names(), names(), names()];
	const whole = [dags, runs, tasks, pools, hosts, undefined].map(() => new Int32Array(1024));
	const times = [0, 1, 2, 3].map(() => new Float64Array(1024));
	let length = 0;

	function grow(): void {
		whole.forEach((column, i) => (whole[i] = enlarged(column, new Int32Array(2 * column.length))));
		times.forEach((column, i) => (times[i] = enlarged(column, new Float64Array(2 * column.length))));
	}
	const put = (column: number, value: number): void => {
		const values = whole[column];
		if (values) values[length] = value;
	};
	const putTime = (column: number, value: number): void => {
		const values = times[column];
		if (values) values[length] = value;
	};

	return {
		take(row) {
			const { text, spans, start, end } = row;
			if (!(end >= start)) return false;
			if (length === whole[0]?.length) grow();
			const from = (field: number): number => spans[2 * field] ?? -1;
			const to = (field: number): number => spans[2 * field + 1] ?? -1;
			const dag = dags.of(text, from(DAG), to(DAG));
			put(0, dag);
			put(1, runs.of(text, from(RUN), to(RUN), dag));
			put(2, tasks.of(text, from(TASK), to(TASK)));
			put(3, from(POOL) === -1 ? pools.of(DEFAULT_POOL, 0, DEFAULT_POOL.length) : pools.of(text, from(POOL), to(POOL)));
			put(4, from(HOST) === -1 ? hosts.of(NO_TEXT, 0, 0) : hosts.of(text, from(HOST), to(HOST)));
			put(5, row.slots > 1 ? row.slots : 1);
			putTime(0, row.queued);
			putTime(1, row.scheduled);
			putTime(2, start);
			putTime(3, end);
			length++;
			return true;
		},
		done() {
			const order = orderBy((times[2] ?? new Float64Array(0)).subarray(0, length));
			const int = (column: number): Int32Array => {
				const sorted = new Int32Array(length);
				const values = whole[column] ?? sorted;
				for (let place = 0; place < length; place++) sorted[place] = values[order[place] ?? 0] ?? 0;
				whole[column] = sorted;
				return sorted;
			};
			const time = (column: number): Float64Array => {
				const sorted = new Float64Array(length);
				const values = times[column] ?? sorted;
				for (let place = 0; place < length; place++) sorted[place] = values[order[place] ?? 0] ?? Number.NaN;
				times[column] = sorted;
				return sorted;
			};
			return {
				length,
				dag: int(0),
				run: int(1),
				task: int(2),
				pool: int(3),
				host: int(4),
				slots: int(5),
				queued: time(0),
				scheduled: time(1),
				start: time(2),
				end: time(3),
				runs: runs.size,
				names: { dags: dags.list(), tasks: tasks.list(), pools: pools.list(), hosts: hosts.list() },
			};
		},
	};
}

function enlarged<T extends Int32Array | Float64Array>(from: T, to: T): T {
	to.set(from);
	return to;
}
