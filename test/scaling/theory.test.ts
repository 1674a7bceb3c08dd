import { describe, expect, test } from '@jest/globals';
import type { Arrival } from '../../src/scaling/arrivals.ts';
import { replay } from '../../src/scaling/replay.ts';
import { random } from './random.ts';

/** Poisson arrivals, `perSecond` of them a second, with the given durations. */
function poisson(count: number, perSecond: number, durationMs: (uniform: number) => number, seed: number): Arrival[] {
	const next = random(seed);
	let at = 0;
	return Array.from({ length: count }, () => {
		at += (-Math.log(next()) / perSecond) * 1000;
		return { at, durationMs: durationMs(next()) };
	});
}

const exponential = (meanMs: number) => (uniform: number) => -Math.log(uniform) * meanMs;

/** Mean wait in an M/M/c queue by Erlang's C formula, milliseconds. */
function erlangWaitMs(perSecond: number, meanMs: number, c: number): number {
	const offered = (perSecond * meanMs) / 1000;
	let blocked = 1;
	for (let k = 1; k <= c; k++) blocked = (offered * blocked) / (k + offered * blocked);
	const waits = blocked / (1 - (offered / c) * (1 - blocked));
	return (waits * meanMs) / (c - offered);
}

/** The first tenth is warm-up: the formulas hold for the steady state. */
function meanWaitMs(load: Arrival[], workers: number, concurrency: number): number {
	const { waitsMs } = replay(load, { workers: { min: workers, max: workers }, concurrency });
	const steady = waitsMs.subarray(waitsMs.length / 10);
	return steady.reduce((sum, wait) => sum + wait, 0) / steady.length;
}

const SEEDS = [3, 11, 29];
const average = (values: number[]): number => values.reduce((a, b) => a + b, 0) / values.length;

describe('the replay against queueing theory, within 5 %', () => {
	test.each([
		{ workers: 1, concurrency: 1, load: 0.7 },
		{ workers: 1, concurrency: 4, load: 0.8 },
		{ workers: 3, concurrency: 6, load: 0.9 },
	])('M/M/c: $workers workers of $concurrency at $load', ({ workers, concurrency, load }) => {
		const c = workers * concurrency;
		const meanMs = 2000;
		const perSecond = (load * c * 1000) / meanMs;
		const expected = erlangWaitMs(perSecond, meanMs, c);
		const seen = average(
			SEEDS.map((seed) => meanWaitMs(poisson(80_000, perSecond, exponential(meanMs), seed), workers, concurrency)),
		);
		expect(Math.abs(seen / expected - 1)).toBeLessThan(0.05);
	});

	test('M/D/1: equal tasks wait half as long as exponential ones (Pollaczek–Khinchine)', () => {
		const meanMs = 1000;
		const expected = (0.8 * meanMs) / (2 * (1 - 0.8));
		const seen = average(
			SEEDS.map((seed) =>
				meanWaitMs(
					poisson(80_000, 0.8, () => meanMs, seed),
					1,
					1,
				),
			),
		);
		expect(Math.abs(seen / expected - 1)).toBeLessThan(0.05);
	});
});
