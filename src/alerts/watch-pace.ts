/**
 * When the watch looks at what. Times are milliseconds of one clock, Redis': several workers take turns, each with a clock of
 * its own.
 */

export type Look =
	/** Runs that changed: failed ones, and which ones are alive. */
	| 'runs'
	/** Task instances that failed, wait for a retry, or are under way. */
	| 'tasks'
	/** Failed task instances once more, far back: what became visible late. */
	| 'late'
	/** Task instances that ended well, for failed tries before. */
	| 'ended'
	/** What is under way, where that is too much for `tasks`. */
	| 'live'
	| 'health'
	| 'imports'
	/** Queued or silent for too long. */
	| 'stuck'
	/** Composer's own operations; not a call to Airflow. */
	| 'operations';

/**
 * In units of `everySeconds`. At 5 s: 12 + 6 + 0.2 + 0.6 + 0.6 + 1 + 0.3 calls a minute, 21 in all. Airflow itself reads a DAG file again
 * after half a minute or more (`min_file_process_interval`), so a minute for import errors at most doubles what people wait; more often
 * would find nothing sooner than Airflow does.
 */
const EVERY: Readonly<Record<Look, number>> = {
	runs: 1,
	tasks: 2,
	late: 60,
	ended: 21,
	live: 6,
	health: 21,
	imports: 12,
	stuck: 42,
	operations: 12,
};

/** Time from one look to the next. */
export const spacingMs = (look: Look, everyMs: number): number => EVERY[look] * everyMs;

export const LOOKS: readonly Look[] = Object.keys(EVERY).filter((name): name is Look => name in EVERY);

export type Dues = Readonly<Partial<Record<Look, number>>>;

/** A tick that comes a little early counts, or every second one would be skipped. */
const EARLY = 0.1;

export type Pace = {
	everyMs: number;
	/** When a failure was last noticed. */
	lastFailureAt: number | undefined;
	/** When `ended` was last done. */
	lastEndedAt: number | undefined;
};

/** What is to be looked at now. After a failure `ended` is done soon, then at growing intervals: about five more calls for each. */
export function dueLooks(dues: Dues, now: number, { everyMs, lastFailureAt, lastEndedAt }: Pace): Look[] {
	const sinceFailure = lastFailureAt === undefined ? Infinity : now - lastFailureAt;
	const sinceEnded = lastEndedAt === undefined ? Infinity : now - lastEndedAt;
	// Every second tick, however late the last one was.
	const soon = sinceEnded >= Math.max(2 * everyMs, sinceFailure / 2) - everyMs / 2;
	return LOOKS.filter((look) => (dues[look] ?? 0) <= now + EARLY * everyMs || (look === 'ended' && soon));
}

/** When it is due again: on its own beat, so that a late tick does not make every later one late. */
export function nextDue(look: Look, due: number | undefined, now: number, everyMs: number): number {
	const every = spacingMs(look, everyMs);
	const next = (due ?? now) + every;
	return next > now + EARLY * everyMs ? next : now + every;
}
