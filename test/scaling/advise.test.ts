import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { advise, type Advice } from '../../src/scaling/advise.ts';
import { candidates } from '../../src/scaling/candidates.ts';
import { readHistory, type History } from '../../src/scaling/history.ts';
import { fitMemory } from '../../src/scaling/memory.ts';
import { isLegal, type Plan } from '../../src/scaling/plan.ts';
import { plain } from '../../src/scaling/plain.ts';
import { legalCpus, memoryRange } from '../../src/scaling/sizes.ts';
import { timelineOf } from '../../src/scaling/timeline.ts';
import { say } from '../../src/scaling/words.ts';
import { makeHistory, PLANTED } from './make-histories.ts';

const made = new Map<string, History>();
/** Two days are enough, and made once. */
function planted(name: keyof typeof PLANTED): History {
	const history = made.get(name) ?? readHistory(makeHistory({ ...PLANTED[name], days: 2 }));
	made.set(name, history);
	return history;
}
const advised = new Map<string, Advice>();
function advice(name: keyof typeof PLANTED): Advice {
	const found = advised.get(name) ?? advise(planted(name));
	advised.set(name, found);
	return found;
}
const ids = (name: keyof typeof PLANTED): string[] => advice(name).findings.map(({ id }) => id);

describe('a planted truth is what is advised', () => {
	test('worker too small: fewer tasks at once or more memory, and the memory peak comes below 80 %', () => {
		const { decision, now, suggestion, findings } = advice('too-small');
		expect({ decision, reaches: suggestion?.reaches }).toEqual({ decision: 'change', reaches: true });
		expect(now?.memoryShare).toBeGreaterThan(1);
		expect(suggestion?.after.memoryShare).toBeLessThanOrEqual(0.8);
		expect(suggestion?.after.waitP95Ms).toBeLessThanOrEqual(60_000);
		expect(findings.slice(0, 2).map(({ id }) => id)).toEqual(['worker-memory', 'worker-deaths']);
	});

	test('pool bottleneck: the pool grows, and no worker does', () => {
		const history = planted('pool-bottleneck');
		const { suggestion, unlimitedP95Ms } = advice('pool-bottleneck');
		expect(suggestion?.changes).toEqual([{ what: 'pool', name: 'warehouse', from: 4, to: 8 }]);
		expect(unlimitedP95Ms).toBeGreaterThan(60_000);
		expect(ids('pool-bottleneck')).toContain('pool-full');
		expect(plain(say(advice('pool-bottleneck'), history.environment, 'en'))).toContain('a bigger machine buys nothing');
	});

	test('idle workers: fewer of them, for less money, with both targets kept', () => {
		const { now, suggestion } = advice('idle');
		const worker = suggestion?.changes.find(({ what }) => what === 'worker');
		expect(worker?.what === 'worker' && worker.to.min).toBe(3);
		expect(suggestion?.after.workersOnAverage).toBeLessThan(0.6 * (now?.workersOnAverage ?? 0));
		expect(suggestion?.after.memoryShare).toBeLessThanOrEqual(0.8 * 0.9);
	});

	test('fine as it is: nothing', () => {
		const { decision, because } = advice('fine');
		expect({ decision, because }).toEqual({ decision: 'nothing', because: 'fine' });
	});

	test('queueing with all workers up: more room, one step, and it says that another is needed', () => {
		const { decision, now, suggestion } = advice('queueing-at-most');
		expect(decision).toBe('change');
		expect(suggestion?.after.waitP95Ms).toBeLessThan(0.8 * (now?.waitP95Ms ?? 0));
		expect(ids('queueing-at-most')).toEqual(expect.arrayContaining(['queue-wait', 'workers-at-most']));
	});

	test('the target of the asker is the one that counts', () => {
		const history = planted('queueing-at-most');
		expect(
			advise(history, { target: { waitMs: 600_000 } }).suggestion?.changes.some(({ what }) => what === 'pool'),
		).not.toBe(true);
		expect(advise(history, { target: { waitMs: 600_000 } }).findings.map(({ id }) => id)).not.toContain('queue-wait');
	});
});

describe('what is not known is not claimed', () => {
	test('too little data says what is missing', () => {
		const value = makeHistory({ ...PLANTED.fine, days: 1 });
		const few = { ...value, task_instances: [], to: '2026-11-16T02:00:00Z' };
		expect(advise(readHistory(few))).toMatchObject({ decision: 'too little data', missing: ['hours', 'tasks'] });
	});

	test('without memory metrics memory is not judged, and no concurrency is raised', () => {
		const history = planted('queueing-at-most');
		const { now, suggestion } = advise({ ...history, metrics: {} });
		expect(now?.memoryShare).toBeUndefined();
		for (const change of suggestion?.changes ?? [])
			if (change.what === 'concurrency') expect(change.to).toBeLessThan(change.from);
	});

	test('waits that the settings do not explain lead to no size', () => {
		const value = makeHistory({ ...PLANTED.fine, days: 2 });
		const rows = value['task_instances'] as { start_date: string; end_date: string }[];
		const late = (iso: string): string => new Date(Date.parse(iso) + 600_000).toISOString();
		const task_instances = rows.map((row, i) =>
			i % 3 === 0 ? { ...row, start_date: late(row.start_date), end_date: late(row.end_date) } : row,
		);
		const { decision, because } = advise(readHistory({ ...value, metrics: {}, task_instances }));
		expect({ decision, because }).toEqual({ decision: 'nothing', because: 'not reproduced' });
	});
});

test('every candidate is legal for its generation and at most one step away', () => {
	const memory = fitMemory(planted('too-small'), timelineOf(planted('too-small').tasks), 6);
	fc.assert(
		fc.property(
			fc.constantFrom('composer-2' as const, 'composer-3' as const),
			fc.nat(1000),
			fc.nat(1000),
			fc.integer({ min: 1, max: 100 }),
			fc.integer({ min: 0, max: 99 }),
			fc.integer({ min: 1, max: 24 }),
			(generation, cpuPick, memoryPick, max, minPick, concurrency) => {
				const cpus = legalCpus(generation, 'worker');
				const cpu = cpus[cpuPick % cpus.length] ?? 1;
				const [least, most] = memoryRange(generation, 'worker', cpu);
				const memoryGb = least + 0.25 * (memoryPick % ((most - least) * 4 + 1));
				const worker = { cpu, memoryGb, storageGb: 1, min: 1 + (minPick % max), max };
				const fine = planted('fine');
				const history = { ...fine, environment: { ...fine.environment, generation, worker } };
				const now: Plan = { worker, concurrency, pools: {} };
				expect(isLegal(now, generation)).toBe(true);
				const found = candidates(now, history, memory, { waitMs: 60_000, memoryShare: 0.8, minGain: 0.1 });
				for (const plan of found) {
					expect(isLegal(plan, generation)).toBe(true);
					expect(plan.worker.max).toBeLessThanOrEqual(2 * max);
					expect(plan.concurrency).toBeLessThanOrEqual(2 * concurrency);
				}
			},
		),
		{ numRuns: 30 },
	);
});

test('what is said has no gap in Japanese', () => {
	for (const name of ['too-small', 'pool-bottleneck', 'idle', 'fine'] as const) {
		const history = planted(name);
		const words = plain(say(advice(name), history.environment, 'ja'));
		expect(words).not.toMatch(/undefined|NaN|Infinity|Risk:|Target:/);
		expect(words).toMatch(/目標/);
	}
});
