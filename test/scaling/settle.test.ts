import { describe, expect, test } from '@jest/globals';
import type { Change } from '../../src/scaling/plan.ts';
import { grade, heldBack, type Week } from '../../src/scaling/settle.ts';

const DAY = 86_400_000;
const NOW = 100 * DAY;
const up: Change = { what: 'concurrency', from: 4, to: 8 };
const down: Change = { what: 'concurrency', from: 8, to: 4 };
const other: Change = { what: 'pool', name: 'warehouse', from: 4, to: 8 };

describe('advice is held back', () => {
	test.each([
		{ name: 'less than a week after any change', ago: 6, old: up, fresh: other, failing: true, held: true },
		{ name: 'not after a week, for another setting', ago: 8, old: up, fresh: other, failing: false, held: false },
		{ name: 'from turning back within four weeks', ago: 20, old: up, fresh: down, failing: false, held: true },
		{ name: 'not when the target is missed', ago: 20, old: up, fresh: down, failing: true, held: false },
		{
			name: 'but from turning back to what made things worse',
			ago: 20,
			old: up,
			fresh: down,
			failing: true,
			grade: 'made worse',
			held: true,
		},
		{ name: 'later too while the load is the same', ago: 300, old: up, fresh: down, failing: false, held: true },
		{
			name: 'not after four weeks with another load',
			ago: 29,
			old: up,
			fresh: down,
			failing: false,
			load: 1400,
			held: false,
		},
		{ name: 'not from going on the same way', ago: 8, old: up, fresh: up, failing: false, held: false },
		{
			name: 'from taking back what a missed target asked for',
			ago: 300,
			old: up,
			fresh: down,
			failing: false,
			forced: true,
			held: true,
		},
		{
			name: 'not when the load has fallen since',
			ago: 300,
			old: up,
			fresh: down,
			failing: false,
			forced: true,
			load: 600,
			held: false,
		},
	] as const)('$name', ({ ago, old, fresh, failing, held, ...rest }) => {
		const { grade, forced = false, load = 1000 } = { grade: undefined, ...rest };
		const past = [{ at: NOW - ago * DAY, changes: [old], failing: forced, tasksPerDay: 1000, grade }];
		expect(heldBack(past, [fresh], { now: NOW, failing, tasksPerDay: load })).toBe(held);
	});
});

describe('a grade', () => {
	const week: Week = { tasks: 1000, waitP95Ms: 120_000, memoryShare: 0.95, deaths: 3, cost: 100 };
	const aim = { waitMs: 60_000, memoryShare: 0.8 };
	test.each([
		['a shorter wait helped', { waitP95Ms: 50_000 }, 'helped'],
		['fewer deaths helped', { deaths: 0 }, 'helped'],
		['a smaller bill helped', { cost: 80 }, 'helped'],
		['the same is no effect', {}, 'no effect'],
		['a longer wait is worse', { waitP95Ms: 200_000 }, 'made worse'],
		['more deaths are worse, whatever it saved', { deaths: 4, cost: 50 }, 'made worse'],
		['a week with a third of the load says nothing', { tasks: 300, waitP95Ms: 1000 }, undefined],
	] as const)('%s', (_name, after, expected) => {
		expect(grade(week, { ...week, ...after }, aim)).toBe(expected);
	});
});
