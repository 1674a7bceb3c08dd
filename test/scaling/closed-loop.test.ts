import { describe, expect, test } from '@jest/globals';
import { addWhenBusy, followAdvice, judged, LOADS, type Verdict } from './closed-loop.ts';

/** `npm run -s bench:settle` shows a hundred rounds. */
const ROUNDS = 24;
type Load = keyof typeof LOADS;

const advised = new Map<Load, Verdict>();
function advice(load: Load): Verdict {
	const verdict = advised.get(load) ?? judged(followAdvice(load, ROUNDS));
	advised.set(load, verdict);
	return verdict;
}

describe('advice that is applied again and again', () => {
	test.each(Object.keys(LOADS) as Load[])('under a %s load settles, swings never and keeps the targets', (load) => {
		const { lastChange, swings, missed } = advice(load);
		expect({ swings, missed }).toEqual({ swings: 0, missed: 0 });
		// A growing load is followed as long as it grows.
		if (load !== 'growing') expect(lastChange).toBeLessThan(10);
	});

	test('beats adding a worker when the workers are busy: that misses under bursts what the advice keeps', () => {
		expect(advice('bursty').missed).toBe(0);
		expect(judged(addWhenBusy('bursty', ROUNDS)).missed).toBeGreaterThan(10);
	});

	test('costs less than adding workers where there is nothing to do', () => {
		expect(advice('steady').dollarsADay).toBeLessThan(0.9 * judged(addWhenBusy('steady', ROUNDS)).dollarsADay);
	});
});
