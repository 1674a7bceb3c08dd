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

/**
 * Mean wait in an M/D/c queue, milliseconds: D Σₙ [P(N ≥ nc) − P(N > nc) / ρ], N Poisson of mean ncρ. Exact; Pollaczek (1930); C. D. Crommelin,
 * Delay probability formulas when the holding times are constant, P. O. Electr. Engrs. J. 25 (1932).
 */
function pollaczekWaitMs(load: number, meanMs: number, c: number): number {
	let sum = 0;
	for (let n = 1; n < 100_000; n++) {
		const mean = n * c * load;
		let logOf = -mean;
		for (let k = 1; k <= n * c; k++) logOf += Math.log(mean / k);
		const at = Math.exp(logOf);
		let above = 0;
		for (let k = n * c + 1, p = at; p > 1e-18 * (above + at); k++) {
			p *= mean / k;
			above += p;
		}
		const term = at + above - above / load;
		sum += term;
		if (term < 1e-9 * sum || at === 0) break;
	}
	return sum * meanMs;
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

	test.each([
		{ workers: 1, concurrency: 1, load: 0.8 },
		{ workers: 2, concurrency: 2, load: 0.8 },
		{ workers: 3, concurrency: 6, load: 0.9 },
	])('M/D/c, equal tasks: $workers workers of $concurrency at $load', ({ workers, concurrency, load }) => {
		const c = workers * concurrency;
		const meanMs = 1000;
		const expected = pollaczekWaitMs(load, meanMs, c);
		const seen = average(
			SEEDS.map((seed) =>
				meanWaitMs(
					poisson(80_000, (load * c * 1000) / meanMs, () => meanMs, seed),
					workers,
					concurrency,
				),
			),
		);
		expect(Math.abs(seen / expected - 1)).toBeLessThan(0.05);
	});

	test('the formulas agree where they must: one server by Pollaczek and Khinchine, many as Erlang for no wait', () => {
		expect(pollaczekWaitMs(0.8, 1000, 1)).toBeCloseTo((0.8 * 1000) / (2 * (1 - 0.8)), 3);
		expect(pollaczekWaitMs(0.5, 1000, 60)).toBeLessThan(0.01);
		// Heavy traffic: equal tasks wait half as long as exponential ones.
		expect(pollaczekWaitMs(0.9, 1000, 4) / erlangWaitMs(0.9 * 4, 1000, 4)).toBeCloseTo(0.5, 1);
	});
});
