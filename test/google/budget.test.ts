import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { budget } from '../../src/clients/base/budget.ts';

/** A clock that sleeping moves. */
function bench(perMinute: number) {
	const clock = { now: 1_000_000 };
	const slept: number[] = [];
	const it = budget(
		perMinute,
		() => clock.now,
		async (ms) => void slept.push(ms),
	);
	return { clock, it, slept };
}

describe('a budget of calls', () => {
	test('gives a burst at once, then asks for patience, then refuses', async () => {
		const { clock, it, slept } = bench(3);
		for (let i = 0; i < 3; i++) expect(await it.take(0)).toBe(true);
		expect(await it.take(2500)).toBe(false);
		clock.now += 58_000;
		expect(await it.take(2500)).toBe(true);
		expect(slept).toEqual([2000]);
	});

	test('after a refusal of the other side it rests, although there seemed to be some left', async () => {
		const { clock, it } = bench(3);
		it.spent();
		expect(await it.take(2500)).toBe(false);
		clock.now += 15_000;
		expect(await it.take(0)).toBe(true);
	});

	test('never more than its number in any minute, whoever waits', async () => {
		await fc.assert(
			fc.asyncProperty(
				fc.integer({ min: 1, max: 5 }),
				fc.array(fc.tuple(fc.integer({ min: 0, max: 40_000 }), fc.integer({ min: 0, max: 90_000 })), { maxLength: 40 }),
				async (perMinute, asked) => {
					const clock = { now: 1_000_000 };
					let waits = 0;
					const it = budget(
						perMinute,
						() => clock.now,
						async (ms) => void (waits = ms),
					);
					const at: number[] = [];
					for (const [pause, patience] of asked) {
						clock.now += pause;
						waits = 0;
						if (await it.take(patience)) at.push(clock.now + waits);
					}
					at.sort((a, b) => a - b);
					for (const [i, time] of at.entries())
						expect(at.slice(i).filter((other) => other < time + 60_000).length).toBeLessThanOrEqual(perMinute);
				},
			),
		);
	});
});
