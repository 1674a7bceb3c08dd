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

/** The texts of a row, by their place in `spans`; then its numbers, by their place in `numbers`. */
export const [DAG, RUN, TASK, POOL, HOST] = [0, 1, 2, 3, 4];
export const [SLOTS, QUEUED, SCHEDULED, START, END] = [0, 1, 2, 3, 4];

/** One row on its way into the columns; the same object is filled again and again. */
export type Row = {
	text: Uint8Array;
	/** For each text where it begins and ends in `text`; begins at -1: there is none. */
	spans: Int32Array;
	/** Pool slots, and times in epoch milliseconds; NaN: not said. */
	numbers: Float64Array;
};

export const newRow = (): Row => ({
	text: new Uint8Array(0),
	spans: new Int32Array(10),
	numbers: new Float64Array(5),
});

export function clear(row: Row): void {
	row.spans.fill(-1);
	row.numbers.fill(Number.NaN);
}

const NO_TEXT = new Uint8Array(0);
const DEFAULT_POOL = new TextEncoder().encode('default_pool');

type Columns = Omit<Tasks, 'length' | 'runs' | 'names'>;

const newColumns = (capacity: number): Columns => ({
	dag: new Int32Array(capacity),
	run: new Int32Array(capacity),
	task: new Int32Array(capacity),
	pool: new Int32Array(capacity),
	host: new Int32Array(capacity),
	slots: new Int32Array(capacity),
	queued: new Float64Array(capacity),
	scheduled: new Float64Array(capacity),
	start: new Float64Array(capacity),
	end: new Float64Array(capacity),
});

/** Gathers rows. `take` is false for one that never started or has not ended, and leaves it out. */
export function gather(): { take(row: Row): boolean; done(): Tasks } {
	const [dags, runs, tasks, pools, hosts] = [names(), names(), names(), names(), names()];
	let columns = newColumns(1024);
	let length = 0;

	return {
		take({ text, spans, numbers }) {
			const start = numbers[START] ?? Number.NaN;
			const end = numbers[END] ?? Number.NaN;
			if (!(end >= start)) return false;
			if (length === columns.dag.length) columns = enlarged(columns);
			const dag = dags.of(text, spans[2 * DAG] ?? 0, spans[2 * DAG + 1] ?? 0);
			const pool = spans[2 * POOL] ?? -1;
			const host = spans[2 * HOST] ?? -1;
			columns.dag[length] = dag;
			columns.run[length] = runs.of(text, spans[2 * RUN] ?? 0, spans[2 * RUN + 1] ?? 0, dag);
			columns.task[length] = tasks.of(text, spans[2 * TASK] ?? 0, spans[2 * TASK + 1] ?? 0);
			columns.pool[length] =
				pool === -1 ? pools.of(DEFAULT_POOL, 0, DEFAULT_POOL.length) : pools.of(text, pool, spans[2 * POOL + 1] ?? 0);
			columns.host[length] = host === -1 ? hosts.of(NO_TEXT, 0, 0) : hosts.of(text, host, spans[2 * HOST + 1] ?? 0);
			columns.slots[length] = Math.max(1, numbers[SLOTS] ?? 1) || 1;
			columns.queued[length] = numbers[QUEUED] ?? Number.NaN;
			columns.scheduled[length] = numbers[SCHEDULED] ?? Number.NaN;
			columns.start[length] = start;
			columns.end[length] = end;
			length++;
			return true;
		},
		done() {
			const order = orderBy(columns.start.subarray(0, length));
			const sorted = newColumns(0);
			// One column after the other, so that they do not all stand there twice.
			for (const name of ['dag', 'run', 'task', 'pool', 'host', 'slots'] as const) {
				sorted[name] = arranged(columns[name], order, new Int32Array(length));
				columns[name] = new Int32Array(0);
			}
			for (const name of ['queued', 'scheduled', 'start', 'end'] as const) {
				sorted[name] = arranged(columns[name], order, new Float64Array(length));
				columns[name] = new Float64Array(0);
			}
			columns = newColumns(0);
			return {
				...sorted,
				length,
				runs: runs.size,
				names: { dags: dags.list(), tasks: tasks.list(), pools: pools.list(), hosts: hosts.list() },
			};
		},
	};
}

function arranged<T extends Int32Array | Float64Array>(from: T, order: Int32Array, to: T): T {
	for (let place = 0; place < order.length; place++) to[place] = from[order[place] ?? 0] ?? 0;
	return to;
}

function enlarged(columns: Columns): Columns {
	const larger = newColumns(2 * columns.dag.length);
	for (const name of ['dag', 'run', 'task', 'pool', 'host', 'slots'] as const) larger[name].set(columns[name]);
	for (const name of ['queued', 'scheduled', 'start', 'end'] as const) larger[name].set(columns[name]);
	return larger;
}
