import fc from 'fast-check';
import type { Opening } from '../../src/alerts/fold.ts';
import type { Act, FailedTry, IncidentEvent } from '../../src/alerts/incident.ts';

export const T0 = Date.parse('2026-11-24T09:00:00Z');
const iso = (seconds: number): string => new Date(T0 + seconds * 1000).toISOString();

export const failedTry = (more: Partial<FailedTry> = {}): FailedTry => ({
	env: 'prod',
	dag: 'daily_sales',
	run: 'scheduled__1',
	task: 'load',
	mapIndex: -1,
	tryNumber: 1,
	ofTries: 1,
	last: true,
	endedAt: iso(0),
	hostname: 'worker-1',
	operator: 'PythonOperator',
	seenAt: T0 + 3000,
	...more,
});

export const failed = (more: Partial<FailedTry> = {}): IncidentEvent => {
	const one = failedTry(more);
	return { kind: 'failed', at: one.seenAt, failed: one };
};

export const passed = (more: Partial<Extract<IncidentEvent, { kind: 'passed' }>> = {}): IncidentEvent => ({
	kind: 'passed',
	at: T0 + 700_000,
	dag: 'daily_sales',
	run: 'scheduled__1',
	task: 'load',
	mapIndex: -1,
	tryNumber: 2,
	startedAt: iso(600),
	endedAt: iso(660),
	...more,
});

export const ack = (more: Partial<Extract<Act, { kind: 'ack' }>> = {}): Act => ({
	kind: 'ack',
	by: 'U0ANN',
	name: 'Ann',
	at: T0 + 60_000,
	...more,
});

export const opening = (more: Partial<Opening> = {}): Opening => ({
	env: 'prod',
	scope: 'task',
	cause: 'unknown',
	history: { before: 0 },
	openedAt: T0 + 3000,
	...more,
});

/** What really happened to one task instance: tries in their order, each a second apart from the next. */
export type Life = {
	dag: string;
	run: string;
	task: string;
	mapIndex: number;
	/** `f`: failed and tried again, `F`: failed for good (and cleared by somebody when more follows), `s`: went well. */
	tries: readonly ('f' | 'F' | 's')[];
	/** Seconds. */
	begins: number;
};

const life: fc.Arbitrary<Life> = fc.record({
	dag: fc.constantFrom('a', 'b', 'constructor'),
	run: fc.constantFrom('r1', 'r2', 'r3'),
	task: fc.constantFrom('x', 'y'),
	mapIndex: fc.constantFrom(-1, 0),
	tries: fc.array(fc.constantFrom('f' as const, 'F' as const, 's' as const), { minLength: 1, maxLength: 4 }),
	begins: fc.integer({ min: 0, max: 3000 }),
});

/** Lives of different task instances, at least one of which failed. */
export const lives: fc.Arbitrary<Life[]> = fc
	.uniqueArray(life, {
		minLength: 1,
		maxLength: 8,
		selector: ({ dag, run, task, mapIndex }) => `${dag} ${run} ${task} ${mapIndex}`,
	})
	.filter((all) => all.some(({ tries }) => tries.some((one) => one !== 's')));

/** Each try takes ten seconds. */
export const timesOf = ({ begins }: Life, at: number): { startedAt: string; endedAt: string } => ({
	startedAt: iso(begins + at * 10),
	endedAt: iso(begins + at * 10 + 9),
});

/** What is seen of it: every failed try once, and every time that it went well. */
export function eventsOf(one: Life): IncidentEvent[] {
	const { dag, run, task, mapIndex, tries } = one;
	return tries.map((outcome, at): IncidentEvent => {
		const times = timesOf(one, at);
		const tryNumber = at + 1;
		if (outcome === 's') return passed({ dag, run, task, mapIndex, tryNumber, ...times });
		return failed({
			dag,
			run,
			task,
			mapIndex,
			tryNumber,
			ofTries: tries.length,
			last: outcome === 'F',
			endedAt: times.endedAt,
			seenAt: Date.parse(times.endedAt) + 1000,
		});
	});
}
