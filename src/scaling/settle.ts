import type { Change } from './plan.ts';
import { PRESETS } from './sizes.ts';

/** Advice that was applied, and what came of it. Times are epoch milliseconds. */
export type Past = {
	at: number;
	changes: readonly Change[];
	/** It was applied because a target was missed, not to save. */
	failing: boolean;
	/** Task instances a day when it was applied. */
	tasksPerDay: number;
	/** Undefined: a week has not passed yet. */
	grade?: Grade | undefined;
};

export type Grade = 'helped' | 'no effect' | 'made worse';

const DAY = 86_400_000;
/** What was applied is looked at after a week. */
export const GRADE_AFTER_MS = 7 * DAY;
/** A setting is not turned the other way before that, unless the target is missed. */
export const TURN_AFTER_MS = 28 * DAY;
/** A load within this factor of what it was is the same load: what was decided for it stands. */
export const SAME_LOAD = 1.3;

/**
 * Whether this advice would chase its own tail: something was changed less than a week ago (the autoscaler and the load must
 * settle), or it turns a setting back. While a target is missed only what made things worse is not gone back to within four weeks;
 * to save, nothing is turned back within four weeks, nor later as long as the load is the same, nor what a missed target had
 * asked for until there is clearly less to do.
 */
export function heldBack(
	past: readonly Past[],
	changes: readonly Change[],
	{ now, failing, tasksPerDay }: { now: number; failing: boolean; tasksPerDay: number },
): boolean {
	return past.some((old) => {
		if (now - old.at < GRADE_AFTER_MS) return true;
		const back = old.changes.some((done) => changes.some((fresh) => turnsBack(done, fresh)));
		if (!back) return false;
		const lately = now - old.at < TURN_AFTER_MS;
		if (failing) return lately && old.grade === 'made worse';
		const less = tasksPerDay < old.tasksPerDay / SAME_LOAD;
		const more = tasksPerDay > old.tasksPerDay * SAME_LOAD;
		return lately || !(less || (more && !old.failing));
	});
}

function turnsBack(old: Change, fresh: Change): boolean {
	const before = numbers(old);
	return [...numbers(fresh)].some(([name, direction]) => direction * (before.get(name) ?? 0) < 0);
}

/** +1 or -1 for each setting that the change raises or lowers. */
function numbers(change: Change): Map<string, number> {
	switch (change.what) {
		case 'worker':
			return directions('worker', change.from, change.to);
		case 'component':
			return directions(change.component, change.from, change.to);
		case 'environment size': {
			const places = Object.keys(PRESETS);
			return new Map([['size', Math.sign(places.indexOf(change.to) - places.indexOf(change.from))]]);
		}
		case 'retention':
			return new Map();
		case 'override':
			return new Map([[`setting ${change.key}`, Math.sign(Number(change.to) - Number(change.from)) || 0]]);
		default: {
			const of = change.what === 'pool' ? change.name : change.what === 'dag' ? `${change.dag} ${change.setting}` : '';
			return new Map([[`${change.what} ${of}`, Math.sign(change.to - change.from)]]);
		}
	}
}

type Numbers = Readonly<Partial<Record<(typeof NUMBERS)[number], number | undefined>>>;
const NUMBERS = ['min', 'max', 'count', 'cpu', 'memoryGb', 'storageGb'] as const;

function directions(of: string, from: Numbers, to: Numbers): Map<string, number> {
	return new Map(NUMBERS.map((name) => [`${of} ${name}`, Math.sign((to[name] ?? 0) - (from[name] ?? 0))]));
}

/** What the week before and the week after the change looked like. `cost`: of the workers, in whatever unit, the same in both. */
export type Week = { tasks: number; waitP95Ms: number; memoryShare?: number | undefined; deaths: number; cost: number };

/**
 * Grades applied advice by what it was for. A week with less than half or more than twice the tasks says nothing about the
 * change: undefined. Deaths are evictions and worker restarts.
 */
export function grade(before: Week, after: Week, aim: { waitMs: number; memoryShare: number }): Grade | undefined {
	if (after.tasks < before.tasks / 2 || after.tasks > before.tasks * 2 || before.tasks === 0) return undefined;
	const slower = after.waitP95Ms > Math.max(aim.waitMs, before.waitP95Ms * 1.25);
	const fuller =
		(after.memoryShare ?? 0) > aim.memoryShare && (after.memoryShare ?? 0) > (before.memoryShare ?? 0) * 1.05;
	if (slower || fuller || after.deaths > before.deaths) return 'made worse';
	const faster = before.waitP95Ms > aim.waitMs && after.waitP95Ms < before.waitP95Ms * 0.8;
	const calmer =
		before.deaths > after.deaths ||
		((before.memoryShare ?? 0) > aim.memoryShare && (after.memoryShare ?? 1) < (before.memoryShare ?? 0) * 0.9);
	const cheaper = after.cost < before.cost * 0.95;
	return faster || calmer || cheaper ? 'helped' : 'no effect';
}
