import { idOf } from '../../src/alerts/watch-tries.ts';
import type { TaskInstance } from '../../src/domain/airflow.ts';
import { passOn } from './pass-on.ts';
import { readAll } from './read.ts';
import { numberOf, timed } from './round.ts';
import type { Round } from './round.ts';

const FAILED = ['failed', 'up_for_retry'];
/** Where a task instance is between its tries. */
const LIVE = ['scheduled', 'queued', 'running', 'deferred', 'up_for_reschedule', 'restarting'];

/** What became visible late, and clocks of Airflow's own that differ: so far back every look begins. */
const OVERLAP_MS = 30_000;
/** Once in five minutes as far as this. */
const LATE_MS = 10 * 60_000;
/** Longer without a look is a gap, which is caught up in windows of this length. */
const GAP_MS = 2 * 60_000;
const WINDOW_MS = 10 * 60_000;
/** A gap is caught up for so long, then it is the next turn's. */
const PATIENCE_MS = 15_000;
/** An environment with more under way than one call shows is asked for failures alone for this long. */
const BUSY_MS = 5 * 60_000;
const MOST_LIVE_CALLS = 10;

export const TASKS_MARK = 'tasksFrom';

/** Failed tries, those that wait for their retry, and those that were followed by another try, over all DAGs. How many were passed on. */
export async function lookAtTasks(round: Round): Promise<number> {
	const mark = numberOf(round.fields, TASKS_MARK) ?? round.baseline;
	if (round.serverNow() - mark > GAP_MS) return catchUp(round, mark);
	const since = mark - overlap(round, OVERLAP_MS);
	const { answer, before } = await timed(round, () => recent(round, since));
	if (round.wires.broken === 'watermark') await round.commit([{ name: TASKS_MARK, raise: before }]);
	const passed = await passOn(round, answer);
	await round.commit([{ name: TASKS_MARK, raise: before }]);
	return passed;
}

/** One call where it shows everything. Else failures alone, however many; what is under way has a look of its own then. */
async function recent(round: Round, since: number): Promise<TaskInstance[]> {
	const { airflow, fields, startedAt } = round;
	if ((numberOf(fields, 'busyUntil') ?? 0) <= startedAt) {
		const states = [...FAILED, ...LIVE];
		const page = await airflow.changedTasks({ states, since: new Date(since).toISOString() });
		if (page.items.length >= page.total) return [...page.items];
		await round.commit([{ name: 'busyUntil', set: startedAt + BUSY_MS }]);
	}
	return failedSince(round, since);
}

function failedSince(round: Round, from: number, to?: number, states = FAILED): Promise<TaskInstance[]> {
	return readAll(
		(since, until, offset) => round.airflow.changedTasks({ states, since, until, offset }),
		from,
		to,
		round.serverNow(),
		(row) => `${idOf(row)} ${row.tryNumber}`,
	);
}

/** The bot was away: window by window, so that what was done stays done. */
async function catchUp(round: Round, mark: number): Promise<number> {
	const started = performance.now();
	let passed = 0;
	let from = mark;
	for (let more = true; more && performance.now() - started < PATIENCE_MS;) {
		const end = from + WINDOW_MS;
		more = end < round.serverNow();
		const { answer, before } = await timed(round, () =>
			failedSince(round, from - overlap(round, OVERLAP_MS), more ? end : undefined, [...FAILED, ...LIVE]),
		);
		passed += await passOn(round, answer, { catchUp: true });
		from = more ? end : before;
		await round.commit([{ name: TASKS_MARK, raise: from }]);
	}
	round.wires.deps.log.info({ env: round.env, tries: passed, since: new Date(mark).toISOString() }, 'gap caught up');
	return passed;
}

/** Failed ones far back: committed late, or ended by a machine whose clock is behind. */
export async function lookLate(round: Round): Promise<number> {
	if (round.wires.broken === 'watermark') return 0;
	const mark = numberOf(round.fields, TASKS_MARK) ?? round.baseline;
	return passOn(round, await failedSince(round, mark - LATE_MS));
}

/** What is under way in a later try, where `lookAtTasks` shows failures alone. */
export async function lookAtLive(round: Round): Promise<number> {
	if ((numberOf(round.fields, 'busyUntil') ?? 0) <= round.startedAt) return 0;
	const since = new Date((numberOf(round.fields, 'liveFrom') ?? round.baseline) - OVERLAP_MS).toISOString();
	const found = new Map<string, TaskInstance>();
	const { before } = await timed(round, async () => {
		for (let offset = 0, calls = 0; calls < MOST_LIVE_CALLS; calls++) {
			const page = await round.airflow.changedTasks({ states: LIVE, since, offset, highestTriesFirst: true });
			for (const row of page.items) found.set(idOf(row), row);
			offset += page.items.length;
			const rest = page.highestTriesFirst && (page.items.at(-1)?.tryNumber ?? 0) <= 1;
			if (rest || page.items.length === 0 || offset >= page.total) break;
		}
	});
	const passed = await passOn(round, [...found.values()]);
	await round.commit([{ name: 'liveFrom', raise: before }]);
	return passed;
}

/** Without overlap nothing covers for what the watermark leaves behind: for the fault run. */
function overlap({ wires }: Round, ms: number): number {
	return wires.broken === 'watermark' ? 0 : ms;
}
