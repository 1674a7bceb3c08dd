import { describe, expect, test } from '@jest/globals';
import { readHistory } from '../../src/scaling/history.ts';
import { buildLoad } from '../../src/scaling/load.ts';
import { fitMemory } from '../../src/scaling/memory.ts';
import { fitOverhead, type Recorded } from '../airflow/overhead.ts';
import { quantile } from '../../src/scaling/quantile.ts';
import { replay } from '../../src/scaling/replay.ts';
import { timelineOf } from '../../src/scaling/timeline.ts';
import { makeHistory, PLANTED } from './make-histories.ts';
import { random } from './random.ts';

const HEAD = {
	format: 'concertmaster-history/1',
	from: '2026-11-16T00:00:00Z',
	to: '2026-11-18T00:00:00Z',
	environment: { generation: 'airflow', worker: { min: 1, max: 1 } },
};
const at = (second: number): string => new Date(Date.parse(HEAD.from) + second * 1000).toISOString();
const row = (task: string, queued: number, start: number, end: number, more: object = {}) => ({
	dag_id: 'd',
	dag_run_id: 'r',
	task_id: task,
	queued_when: at(queued),
	start_date: at(start),
	end_date: at(end),
	...more,
});

describe('the load out of a history', () => {
	test('a task follows the last end before it in its run, and shares its lag', () => {
		const { arrivals } = buildLoad(
			readHistory({ ...HEAD, task_instances: [row('a', 0, 1, 10), row('b', 12, 13, 20), row('late', 900, 901, 910)] }),
		);
		expect([...arrivals.after]).toEqual([-1, 0, -1]);
		expect(arrivals.lagMs[1]).toBe(2000);
	});

	test('a task that was queued as its full pool got room goes back to its release', () => {
		const narrow = { pool: 'narrow' };
		const { heldMs, waitsMs } = buildLoad(
			readHistory({
				...HEAD,
				pools: [{ name: 'narrow', slots: 1 }],
				task_instances: [row('a', 0, 1, 100, narrow), row('b', 101, 102, 110, narrow)],
			}),
		);
		expect([...heldMs]).toEqual([0, 101_000]);
		expect([...waitsMs]).toEqual([1000, 102_000]);
	});

	test('Airflow 3 says when it was scheduled, and that is believed', () => {
		const narrow = { pool: 'narrow' };
		const { heldMs } = buildLoad(
			readHistory({
				...HEAD,
				pools: [{ name: 'narrow', slots: 1 }],
				task_instances: [row('a', 0, 1, 100, narrow), row('b', 101, 102, 110, { ...narrow, scheduled_when: at(95) })],
			}),
		);
		expect(heldMs[1]).toBe(6000);
	});
});

test('memory: base and share of a task come back out of what was planted', () => {
	const history = readHistory(makeHistory({ ...PLANTED['queueing-at-most'], days: 2 }));
	const fit = fitMemory(history, timelineOf(history.tasks), 4);
	expect(fit?.baseGb).toBeCloseTo(0.6, 1);
	expect(fit?.perTaskGb).toBeCloseTo(0.6, 1);
});

test('overhead fitted at four slots predicts the waits at two and eight', () => {
	const next = random(5);
	const load = Array.from({ length: 300 }, (_, i) => ({ at: i * 30, durationMs: 1000 + next() * 3000 }));
	const truth = { dispatchMs: 0, startMs: 700, endMs: 400 };
	const run = (concurrency: number, overhead: typeof truth): Float64Array =>
		replay(load, { workers: { min: 1, max: 1 }, concurrency, overhead }).waitsMs;
	const recorded = [...run(4, truth)].map((waitMs, i): Recorded => {
		const { at: queued = 0, durationMs = 0 } = load[i] ?? {};
		return { queued, start: queued + waitMs, end: queued + waitMs + durationMs };
	});
	const fitted = fitOverhead(recorded, 4);
	expect(fitted.startMs + fitted.endMs).toBeCloseTo(1100, -2);
	for (const concurrency of [2, 8]) {
		const ratio = quantile(run(concurrency, fitted), 0.95) / quantile(run(concurrency, truth), 0.95);
		expect(Math.abs(ratio - 1)).toBeLessThan(0.05);
	}
});
