import { advise } from '../../src/scaling/advise.ts';
import type { Arrival } from '../../src/scaling/arrivals.ts';
import { readHistory } from '../../src/scaling/history.ts';
import type { Plan } from '../../src/scaling/plan.ts';
import { workerCost } from '../../src/scaling/prices.ts';
import { grade, type Past, type Week } from '../../src/scaling/settle.ts';
import { random } from './random.ts';
import { recorded, type Recording } from './recorded.ts';

/**
 * An environment under a load that goes on for many weeks: each round a day of its week is run by the simulator with the autoscaler
 * in it, what an export would show is looked at, and what comes out of that is applied before the next. The advice against the
 * plain rule that people know.
 */
type LoadName = keyof typeof LOADS;

const DAY = 86_400_000;
const HOUR = 3_600_000;
const WINDOW = 300_000;
const WEEK = 7 * DAY;
const START = Date.parse('2026-01-05T00:00:00Z');
const MEMORY = { baseGb: 0.6, perTaskGb: 0.25 };

/** Task instances an hour in a round, by the hour of the day. Every round has its own chance. */
export const LOADS = {
	steady: () => 60,
	daily: (_round: number, hour: number) => 60 * (1 + 0.9 * Math.sin(((hour - 9) / 24) * 2 * Math.PI)),
	bursty: (_round: number, hour: number, chance: number) => (hour % 3 === 0 ? 60 + 160 * chance : 15),
	growing: (round: number) => 40 * (1 + round / 10),
} as const satisfies Record<string, (round: number, hour: number, chance: number) => number>;

function loadOf(name: LoadName, round: number): Arrival[] {
	const next = random(round * 7919 + name.length);
	const found: Arrival[] = [];
	for (let hour = 0; hour < 24; hour++) {
		const count = Math.round(LOADS[name](round, hour, next()) * (0.9 + 0.2 * next()));
		// What bursts comes in five minutes, the rest over the hour.
		const within = name === 'bursty' ? 300_000 : HOUR;
		for (let task = 0; task < count; task++)
			found.push({ at: hour * HOUR + next() * within, durationMs: 60_000 * (0.5 + next() + 3 * next() ** 4) });
	}
	return found.map((each) => ({ ...each, at: START + round * WEEK + each.at }));
}

export type Round = {
	plan: Plan;
	waitP95Ms: number;
	memoryShare: number;
	workerHours: number;
	changed: boolean;
};

const BEGIN: Plan = {
	worker: { min: 1, max: 2, cpu: 1, memoryGb: 4, storageGb: 1 },
	concurrency: 6,
	pools: {},
};

function record(name: LoadName, round: number, plan: Plan): Recording {
	return recorded({
		arrivals: loadOf(name, round),
		plant: {
			workers: { min: plan.worker.min, max: plan.worker.max },
			concurrency: plan.concurrency,
			pools: { default_pool: 1000 },
		},
		worker: plan.worker,
		generation: 'composer-2',
		memory: MEMORY,
		from: START + round * WEEK,
		days: 1,
		airflow: 3,
	});
}

/** Our advice, applied each time there is some; graded a week later, as the bot does it. */
export function followAdvice(name: LoadName, rounds: number): Round[] {
	const found: Round[] = [];
	const past: Past[] = [];
	let plan = BEGIN;
	let before: Week | undefined;
	for (let round = 0; round < rounds; round++) {
		const recording = record(name, round, plan);
		const history = readHistory(recording.history);
		const week = weekOf(recording, plan);
		const last = past.at(-1);
		if (last && last.grade === undefined && before && history.to - last.at >= WEEK - DAY)
			last.grade = grade(before, week, { waitMs: 60_000, memoryShare: 0.8 });
		const advice = advise(history, { past });
		const { suggestion } = advice;
		found.push({ ...seenIn(recording, plan), changed: suggestion !== undefined });
		if (!suggestion) continue;
		before = week;
		past.push({ at: history.to, changes: suggestion.changes, failing: advice.failing, tasksPerDay: week.tasks });
		plan = suggestion.plan;
	}
	return found;
}

/** The baseline: slots used above 80 % in the busiest five minutes, one worker more. */
export function addWhenBusy(name: LoadName, rounds: number): Round[] {
	const found: Round[] = [];
	let plan = BEGIN;
	for (let round = 0; round < rounds; round++) {
		const recording = record(name, round, plan);
		const busy = mostAtOnce(recording) / (plan.worker.max * plan.concurrency);
		found.push({ ...seenIn(recording, plan), changed: busy > 0.8 });
		if (busy > 0.8) plan = { ...plan, worker: { ...plan.worker, max: Math.min(100, plan.worker.max + 1) } };
	}
	return found;
}

/** Tasks running on average in the five minutes with the most of them. */
function mostAtOnce({ startMs, endMs }: Recording): number {
	const work = new Map<number, number>();
	startMs.forEach((start, i) => {
		const end = endMs[i] ?? 0;
		for (let from = start; from < end; from = WINDOW * (Math.floor(from / WINDOW) + 1)) {
			const window = Math.floor(from / WINDOW);
			work.set(window, (work.get(window) ?? 0) + Math.min(end, WINDOW * (window + 1)) - from);
		}
	});
	return Math.max(...work.values()) / WINDOW;
}

function seenIn({ waitP95Ms, peakTasksPerWorker, workerHours }: Recording, plan: Plan): Omit<Round, 'changed'> {
	const memoryShare = (MEMORY.baseGb + MEMORY.perTaskGb * peakTasksPerWorker) / (plan.worker.memoryGb ?? 1);
	return { plan, waitP95Ms, memoryShare, workerHours };
}

function weekOf(recording: Recording, plan: Plan): Week {
	const { cpu = 1, memoryGb = 4 } = plan.worker;
	const cost = workerCost('composer-2', { cpu, memoryGb, storageGb: 1 }, recording.workerHours / 24, undefined);
	const { memoryShare } = seenIn(recording, plan);
	return {
		tasks: recording.startMs.length,
		waitP95Ms: recording.waitP95Ms,
		memoryShare,
		deaths: memoryShare > 1 ? 1 : 0,
		cost: cost.kind === 'dollars' ? cost.perMonth : cost.units,
	};
}

export type Verdict = {
	changes: number;
	/** The last round in which something was changed; -1: none. */
	lastChange: number;
	/** Numbers that went the other way once: something was taken back. */
	takenBack: number;
	/** Numbers that went back and forth. */
	swings: number;
	/** Rounds in which the wait or the memory was beyond its target, after the first ten. */
	missed: number;
	/** Of the last ten rounds, a day: dollars for the workers. */
	dollarsADay: number;
	last: Plan;
};

export function judged(rounds: readonly Round[]): Verdict {
	const numbers = (plan: Plan): number[] => [
		plan.worker.min,
		plan.worker.max,
		plan.worker.cpu ?? 0,
		plan.worker.memoryGb ?? 0,
		plan.concurrency,
	];
	const direction = [0, 0, 0, 0, 0];
	const turns = [0, 0, 0, 0, 0];
	rounds.forEach(({ plan }, i) => {
		const before = rounds[i - 1]?.plan;
		if (!before) return;
		numbers(plan).forEach((value, place) => {
			const step = Math.sign(value - (numbers(before)[place] ?? 0));
			if (step === 0) return;
			if (step * (direction[place] ?? 0) < 0) turns[place] = (turns[place] ?? 0) + 1;
			direction[place] = step;
		});
	});
	const late = rounds.slice(-10);
	const cost = late.map(
		({ plan: { worker }, workerHours }) =>
			workerHours * ((worker.cpu ?? 1) * 0.045 + (worker.memoryGb ?? 4) * 0.005 + 0.0002),
	);
	return {
		changes: rounds.filter(({ changed }) => changed).length,
		lastChange: rounds.findLastIndex(({ changed }) => changed),
		takenBack: turns.filter((count) => count > 0).length,
		swings: turns.filter((count) => count > 1).length,
		missed: rounds.slice(10).filter(({ waitP95Ms, memoryShare }) => waitP95Ms > 60_000 || memoryShare > 0.8).length,
		dollarsADay: cost.reduce((a, b) => a + b, 0) / cost.length,
		last: rounds.at(-1)?.plan ?? BEGIN,
	};
}
