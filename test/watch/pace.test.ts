import { describe, expect, test } from '@jest/globals';
import { dueLooks, nextDue } from '../../src/alerts/watch-pace.ts';
import type { Dues, Look } from '../../src/alerts/watch-pace.ts';

/** Ticks of a watch for so long, with the scheduler's jitter; which look was made when. */
function simulate({
	minutes,
	everyMs = 5000,
	failureAt,
	lateTicks = () => 0,
}: {
	minutes: number;
	everyMs?: number;
	failureAt?: number;
	lateTicks?: (tick: number) => number;
}) {
	const made: { look: Look; at: number }[] = [];
	let dues: Dues = {};
	let lastEndedAt: number | undefined;
	for (let tick = 0; tick * everyMs < minutes * 60_000; tick++) {
		const now = tick * everyMs + lateTicks(tick);
		const lastFailureAt = failureAt !== undefined && now >= failureAt ? failureAt : undefined;
		for (const look of dueLooks(dues, now, { everyMs, lastFailureAt, lastEndedAt })) {
			made.push({ look, at: now });
			dues = { ...dues, [look]: nextDue(look, dues[look], now, everyMs) };
			if (look === 'ended') lastEndedAt = now;
		}
	}
	return made;
}

// `live` asks nothing unless the environment is busy; `operations` asks Composer.
const asksAirflow = ({ look }: { look: Look }): boolean => look !== 'live' && look !== 'operations';

describe('when the watch looks at what', () => {
	test('failed runs every 5 s, task instances every 10 s, import errors every minute, 21 calls a minute in all', () => {
		const made = simulate({ minutes: 60 });
		const count = (look: Look): number => made.filter((one) => one.look === look).length;
		expect({ runs: count('runs'), tasks: count('tasks'), imports: count('imports') }).toEqual({
			runs: 720,
			tasks: 360,
			imports: 60,
		});
		expect(made.filter(asksAirflow).length / 60).toBeLessThanOrEqual(21);
	});

	test('ticks that come late or early by a tenth change nothing of that', () => {
		const made = simulate({ minutes: 60, lateTicks: (tick) => ((tick * 7919) % 900) - 450 });
		const gaps = (look: Look): number[] => {
			const at = made.filter((one) => one.look === look).map((one) => one.at);
			return at.slice(1).map((time, index) => time - (at[index] ?? 0));
		};
		expect(Math.max(...gaps('runs'))).toBeLessThan(6000);
		expect(Math.max(...gaps('tasks'))).toBeLessThan(11_000);
		expect(Math.max(...gaps('imports'))).toBeLessThan(61_000);
		expect(made.filter(asksAirflow).length / 60).toBeLessThanOrEqual(21);
	});

	test('after a failure ended tasks are looked at soon, then less and less: a handful of calls more', () => {
		const usual = simulate({ minutes: 20 }).filter(({ look }) => look === 'ended').length;
		const after = simulate({ minutes: 20, failureAt: 300_000 }).filter(({ look }) => look === 'ended');
		const first = after.filter(({ at }) => at >= 300_000).map(({ at }) => at - 300_000);
		expect(first[0]).toBeLessThanOrEqual(10_000);
		expect(after.length - usual).toBeLessThanOrEqual(6);
	});

	test('a worker that was away makes each look once, not once for every tick it missed', () => {
		const dues: Dues = { runs: 0, tasks: 0 };
		const now = 3_600_000;
		expect(nextDue('runs', dues.runs, now, 5000)).toBe(now + 5000);
	});
});
