import { describe, expect, test } from '@jest/globals';
import { overheadOn } from './shared-cpu.ts';

const overhead = { dispatchMs: 100, startMs: 900, endMs: 100 };

describe('the overhead on another number of slots', () => {
	test('stays as it is on as many slots, and where tasks take no CPU', () => {
		const recorded = { slots: 4, durationMs: 2000, cpuMs: 800, cores: 2 };
		expect(overheadOn(4, overhead, recorded)).toEqual(overhead);
		for (const slots of [1, 2, 8, 64]) {
			const same = overheadOn(slots, overhead, { ...recorded, cpuMs: 0 });
			for (const part of ['dispatchMs', 'startMs', 'endMs'] as const) expect(same[part]).toBeCloseTo(overhead[part], 3);
		}
	});

	test('is that of the machine repairman model on one core', () => {
		// One second by itself and one of CPU: a cycle of 2 s alone, 2.5 s with another one, 3.2 s with two.
		const recorded = { slots: 1, durationMs: 1000, cpuMs: 1000, cores: 1 };
		expect(overheadOn(2, overhead, recorded).startMs).toBeCloseTo(1400, 3);
		expect(overheadOn(3, overhead, recorded).startMs).toBeCloseTo(2100, 3);
	});

	test('lets no more tasks through than the cores can start', () => {
		const recorded = { slots: 4, durationMs: 2000, cpuMs: 800, cores: 2 };
		const { startMs, endMs } = overheadOn(100, overhead, recorded);
		const tasksASecond = (100 * 1000) / (recorded.durationMs + startMs + endMs);
		expect(tasksASecond).toBeLessThanOrEqual(2 / 0.8);
		expect(tasksASecond).toBeGreaterThan(0.95 * (2 / 0.8));
	});

	test('on fewer slots no part falls below nothing', () => {
		const { startMs, endMs } = overheadOn(
			1,
			{ dispatchMs: 0, startMs: 50, endMs: 400 },
			{ slots: 16, durationMs: 100, cpuMs: 60, cores: 2 },
		);
		expect(startMs).toBeGreaterThanOrEqual(0);
		expect(endMs).toBeGreaterThanOrEqual(0);
	});
});
