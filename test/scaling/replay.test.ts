import { describe, expect, test } from '@jest/globals';
import type { Arrival } from '../../src/scaling/arrivals.ts';
import { quantile } from '../../src/scaling/quantile.ts';
import { replay } from '../../src/scaling/replay.ts';

const tasks = (count: number, durationMs: number, rest: Partial<Arrival> = {}): Arrival[] =>
	Array.from({ length: count }, () => ({ at: 0, durationMs, ...rest }));

describe('replay', () => {
	test('six equal tasks on one worker of two run in three rounds', () => {
		const { waitsMs, spanMs, workerHours, peakTasksPerWorker } = replay(tasks(6, 60_000), {
			workers: { min: 1, max: 1 },
			concurrency: 2,
		});
		expect([...waitsMs]).toEqual([0, 0, 60_000, 60_000, 120_000, 120_000]);
		expect(spanMs).toBe(180_000);
		expect(workerHours).toBeCloseTo(0.05);
		expect(peakTasksPerWorker).toBe(2);
	});

	test('a full pool holds its own tasks back and nobody else', () => {
		const load = [...tasks(3, 10_000, { pool: 'narrow' }), ...tasks(1, 10_000, { pool: 'wide' })];
		const { waitsMs } = replay(load, { workers: { min: 1, max: 1 }, concurrency: 8, pools: { narrow: 1 } });
		expect([...waitsMs]).toEqual([0, 10_000, 20_000, 0]);
	});

	test('parallelism holds whatever the workers could do', () => {
		const { waitsMs } = replay(tasks(4, 1000), { workers: { min: 4, max: 4 }, concurrency: 4, parallelism: 1 });
		expect([...waitsMs]).toEqual([0, 1000, 2000, 3000]);
	});

	test('what waited for another task comes earlier when that one did', () => {
		const load: Arrival[] = [...tasks(2, 10_000), { at: 20_500, durationMs: 1000, after: { index: 1, lagMs: 500 } }];
		const narrow = replay(load, { workers: { min: 1, max: 1 }, concurrency: 1 });
		const wide = replay(load, { workers: { min: 1, max: 1 }, concurrency: 2 });
		expect([narrow.spanMs, wide.spanMs]).toEqual([21_500, 11_500]);
	});

	test('the start of a process takes a slot, the way to the worker does not', () => {
		const { waitsMs } = replay(tasks(2, 1000), {
			workers: { min: 1, max: 1 },
			concurrency: 1,
			overhead: { dispatchMs: 5, startMs: 100, endMs: 50 },
		});
		expect([...waitsMs]).toEqual([105, 5 + 100 + 1000 + 50 + 100]);
	});

	test('autoscaling adds workers after their start and lets them go when they are idle', () => {
		const plant = {
			workers: { min: 1, max: 3 },
			concurrency: 1,
			scaling: { everyMs: 15_000, workerStartMs: 120_000, settleMs: 300_000 },
		};
		const load: Arrival[] = [...tasks(3, 200_000), { at: 3_600_000, durationMs: 1000 }];
		const { waitsMs, peakWorkers, workersOverTime } = replay(load, plant);
		expect([...waitsMs]).toEqual([0, 120_000, 120_000, 0]);
		expect(peakWorkers).toBe(3);
		expect(workersOverTime.map(([, workers]) => workers)).toEqual([1, 3, 1]);
	});

	test('more of anything never makes the load wait longer in all', () => {
		const load: Arrival[] = Array.from({ length: 300 }, (_, i) => ({
			at: i * 400,
			durationMs: 1000 + ((i * 7919) % 5000),
		}));
		const waits = [1, 2, 4, 8].map((concurrency) =>
			quantile(replay(load, { workers: { min: 1, max: 1 }, concurrency }).waitsMs, 0.95),
		);
		expect(waits).toEqual(waits.toSorted((a, b) => b - a));
	});
});

test('quantile interpolates and has no answer for nothing', () => {
	expect([quantile([1, 2, 3, 4], 0.5), quantile([5], 0.95), quantile([], 0.5)]).toEqual([2.5, 5, Number.NaN]);
});
