import type { History } from './history.ts';
import { groupRows } from './order.ts';
import type { Timeline } from './timeline.ts';

/** The scheduler looks every few seconds: a pool that was full so shortly before kept the task waiting. */
const FULL_BEFORE_MS = 30_000;

/** 1 for each task whose pool had no room for it at some time in the half minute before it was queued. Queued tasks take their slots too. */
export function heldByPool({ tasks, pools }: Pick<History, 'tasks' | 'pools'>, timeline: Timeline): Uint8Array {
	const held = new Uint8Array(tasks.length);
	const limits = new Map(pools.map(({ name, slots }) => [name, slots]));
	const count = tasks.names.pools.length;
	const queued = groupRows(timeline.byQueued, count, tasks.pool);
	const ended = groupRows(timeline.byEnd, count, tasks.pool);
	tasks.names.pools.forEach((name, pool) => {
		const limit = limits.get(name);
		if (limit === undefined || limit < 0) return;
		watch({
			limit,
			slots: tasks.slots,
			queuedAt: timeline.queuedAt,
			end: tasks.end,
			queued: queued.rows.subarray(queued.starts[pool], queued.starts[pool + 1]),
			ended: ended.rows.subarray(ended.starts[pool], ended.starts[pool + 1]),
			held,
		});
	});
	return held;
}

type Watch = {
	limit: number;
	slots: Int32Array;
	queuedAt: Float64Array;
	end: Float64Array;
	/** Rows of the pool, by time. */
	queued: Int32Array;
	ended: Int32Array;
	held: Uint8Array;
};

/** One pass over time with the highest use of the last half minute at hand. */
function watch({ limit, slots, queuedAt, end, queued, ended, held }: Watch): void {
	const recent = recentMost();
	let used = 0;
	let nextQueued = 0;
	let nextEnded = 0;
	while (nextQueued < queued.length) {
		const now = Math.min(queuedAt[queued[nextQueued] ?? 0] ?? 0, end[ended[nextEnded] ?? 0] ?? 0);
		// What happens at this very time may be this task's own doing: it is looked at before.
		let until = nextQueued;
		for (; until < queued.length && queuedAt[queued[until] ?? 0] === now; until++) {
			const row = queued[until] ?? 0;
			if (recent.most(now - FULL_BEFORE_MS) + (slots[row] ?? 1) > limit) held[row] = 1;
		}
		for (; nextEnded < ended.length && end[ended[nextEnded] ?? 0] === now; nextEnded++) {
			used -= slots[ended[nextEnded] ?? 0] ?? 1;
			recent.step(now, used);
		}
		for (; nextQueued < until; nextQueued++) {
			used += slots[queued[nextQueued] ?? 0] ?? 1;
			recent.step(now, used);
		}
	}
}

/** The highest of the levels that were in force since a time. Falling levels are kept in a row: a higher later one makes the earlier ones moot. */
function recentMost() {
	const levels: number[] = [];
	/** When the next step came after each. */
	const until: number[] = [];
	let head = 0;
	let latestIsLast = false;
	return {
		step(now: number, level: number): void {
			if (latestIsLast) until[until.length - 1] = now;
			while (levels.length > head && (levels.at(-1) ?? 0) <= level) {
				levels.pop();
				until.pop();
			}
			levels.push(level);
			until.push(Infinity);
			latestIsLast = true;
		},
		/** Times must not go backwards. */
		most(since: number): number {
			while (head < levels.length && (until[head] ?? 0) < since) head++;
			if (head > 4096 && 2 * head > levels.length) {
				levels.splice(0, head);
				until.splice(0, head);
				head = 0;
			}
			return levels[head] ?? -Infinity;
		},
	};
}
