import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { advise } from '../../src/scaling/advise.ts';
import { candidates } from '../../src/scaling/candidates.ts';
import { readHistory, SERIES, type History } from '../../src/scaling/history.ts';
import { TARGET, type Change } from '../../src/scaling/plan.ts';
import { illegal, type Component } from '../../src/scaling/sizes.ts';
import { suggestionFor } from '../../src/scaling/suggestion.ts';

type Generation = 'composer-2' | 'composer-3';
type Size = { cpu: number; memoryGb: number; storageGb?: number | undefined; count?: readonly number[] };

/** Both tables of Google's pages, written down a second time and in another form than the product's own. */
const QUARTERS = (from: number, to: number): number[] =>
	Array.from({ length: (to - from) * 4 + 1 }, (_, i) => from + i / 4);
const EVEN = [2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30, 32];
const PAGES = {
	'composer-2': {
		scheduler: { counts: [1, 10], cpus: QUARTERS(0.5, 28), gb: [0.5, 80], each: [1, 6.5], disk: [0.05, 10] },
		triggerer: { counts: [0, 10], cpus: QUARTERS(0.5, 1), gb: [0.5, 80], each: [1, 6.5] },
		webServer: { counts: [1, 1], cpus: QUARTERS(0.5, 28), gb: [1, 80], each: [1, 6.5], disk: [0.05, 10] },
		worker: { counts: [1, 100], cpus: QUARTERS(0.5, 28), gb: [0.5, 80], each: [1, 6.5], disk: [0.05, 10] },
	},
	'composer-3': {
		scheduler: { counts: [1, 3], cpus: [0.5, 1], gb: [1, 8], each: [1, 8], disk: [0, 100] },
		// gcloud takes no more than 128 GB, whatever the page says.
		dagProcessor: { counts: [1, 3], cpus: [0.5, 1, ...EVEN], gb: [1, 128], each: [1, 8], disk: [0, 100] },
		triggerer: { counts: [0, 10], cpus: [0.5, 1], gb: [1, 8], each: [1, 8] },
		webServer: { counts: [1, 1], cpus: [1, 2, 4], gb: [2, 32], each: [1, 8], disk: [0, 100] },
		worker: { counts: [1, 100], cpus: [0.5, 1, ...EVEN], gb: [1, 256], each: [1, 8], disk: [0, 100] },
	},
} as const;
type Page = {
	counts: readonly [number, number];
	cpus: readonly number[];
	gb: readonly [number, number];
	each: readonly [number, number];
	disk?: readonly [number, number];
};
const pageOf = (generation: Generation, component: Component): Page | undefined =>
	(PAGES[generation] as Partial<Record<Component, Page>>)[component];

function allowed(generation: Generation, component: Component, size: Size): boolean {
	const page = pageOf(generation, component);
	if (!page?.cpus.includes(size.cpu)) return false;
	const within = (value: number, [least, most]: readonly [number, number]): boolean => value >= least && value <= most;
	if (!within(size.memoryGb, page.gb) || !within(size.memoryGb / size.cpu, page.each)) return false;
	if (generation === 'composer-3' && (size.memoryGb * 4) % 1 !== 0) return false;
	if (size.storageGb !== undefined) {
		if (!page.disk || !within(size.storageGb, page.disk)) return false;
		if (generation === 'composer-3' && size.storageGb % 1 !== 0) return false;
	}
	return (size.count ?? []).every((count) => count % 1 === 0 && within(count, page.counts));
}

const GENERATIONS = fc.constantFrom<Generation>('composer-2', 'composer-3');
const COMPONENTS = fc.constantFrom<Component>('worker', 'scheduler', 'dagProcessor', 'triggerer', 'webServer');

test('what is legal is what the pages allow, on every edge', () => {
	const size = fc.record({
		cpu: fc.integer({ min: 0, max: 140 }).map((steps) => steps / 4),
		// Most of them near the allowed share of a vCPU.
		share: fc.integer({ min: 0, max: 80 }).map((steps) => steps / 8),
		eighths: fc.constantFrom(0, 0, 0, 0.125),
		storageGb: fc.constantFrom(undefined, 0, 0.05, 0.5, 1, 10, 10.5, 11, 100, 101),
		count: fc.array(fc.constantFrom(0, 1, 2, 3, 4, 10, 11, 100, 101, 1.5), { maxLength: 2 }),
	});
	fc.assert(
		fc.property(GENERATIONS, COMPONENTS, size, (generation, component, { cpu, share, eighths, storageGb, count }) => {
			const asked = { cpu, memoryGb: Math.round(cpu * share * 4) / 4 + eighths, storageGb, count };
			expect({ ...asked, legal: illegal(generation, component, asked).length === 0 }).toEqual({
				...asked,
				legal: allowed(generation, component, asked),
			});
		}),
		{ numRuns: 5000 },
	);
});

type Whole = { cpu: number; memoryGb: number; storageGb: number; count: number };
/** Any size that the pages allow. */
function anySize(generation: Generation, component: Component): fc.Arbitrary<Whole> {
	const page = pageOf(generation, component);
	if (!page) return fc.constant({ cpu: 1, memoryGb: 4, storageGb: 1, count: 1 });
	return fc
		.record({
			cpu: fc.constantFrom(...page.cpus),
			part: fc.double({ min: 0, max: 1, noNaN: true }),
			storageGb: fc.integer({ min: 1, max: page.disk?.[1] ?? 1 }),
			count: fc.integer({ min: Math.max(1, page.counts[0]), max: page.counts[1] }),
		})
		.map(({ cpu, part, storageGb, count }) => {
			const least = Math.max(page.gb[0], page.each[0] * cpu);
			const most = Math.min(page.gb[1], page.each[1] * cpu);
			const memoryGb = Math.max(Math.ceil(least * 4), Math.floor((least + part * (most - least)) * 4)) / 4;
			return { cpu, memoryGb, storageGb, count };
		});
}

const environments = GENERATIONS.chain((generation) =>
	fc.record({
		generation: fc.constant(generation),
		worker: anySize(generation, 'worker'),
		more: fc.integer({ min: 0, max: 5 }),
		scheduler: anySize(generation, 'scheduler'),
		dagProcessor: anySize(generation, 'dagProcessor'),
		triggerer: anySize(generation, 'triggerer'),
		webServer: anySize(generation, 'webServer'),
		concurrency: fc.option(fc.integer({ min: 1, max: 24 }), { nil: undefined }),
		airflowVersion: fc.constantFrom('2.10.5', '3.1.7'),
		/** Of each series: calm, busy or full all the time. */
		load: fc.array(fc.constantFrom(0.02, 0.5, 0.9, 1), { minLength: SERIES.length, maxLength: SERIES.length }),
	}),
);
type Staged = typeof environments extends fc.Arbitrary<infer T> ? T : never;

const withoutStorage = ({ cpu, memoryGb, count }: Whole): Omit<Whole, 'storageGb'> => ({ cpu, memoryGb, count });

function historyOf(staged: Staged): History {
	const { generation, worker, more, concurrency, load } = staged;
	const from = Date.parse('2026-11-16T00:00:00Z');
	const minutes = Array.from({ length: 90 }, (_, i) => new Date(from + i * 60_000).toISOString());
	const ofSeries = (name: string, share: number): number =>
		name === 'workerMemoryGb' ? share * worker.memoryGb : share;
	return readHistory({
		format: 'concertmaster-history/1',
		from: new Date(from).toISOString(),
		to: new Date(from + 86_400_000).toISOString(),
		environment: {
			generation,
			name: 'prod',
			airflowVersion: staged.airflowVersion,
			size: 'small',
			worker: {
				min: worker.count,
				max: Math.min(100, worker.count + more),
				cpu: worker.cpu,
				memoryGb: worker.memoryGb,
				storageGb: worker.storageGb,
			},
			scheduler: staged.scheduler,
			...(generation === 'composer-3' && { dagProcessor: staged.dagProcessor }),
			triggerer: withoutStorage(staged.triggerer),
			webServer: staged.webServer,
			overrides: concurrency === undefined ? {} : { 'celery-worker_concurrency': String(concurrency) },
		},
		metrics: Object.fromEntries(
			SERIES.map((name, i) => [name, minutes.map((at) => [at, ofSeries(name, load[i] ?? 0)])]),
		),
		task_instances: [],
	});
}

/** What of a change the pages do not allow. */
function refused(generation: Generation, change: Change): unknown[] {
	if (change.what === 'concurrency') {
		const most = generation === 'composer-3' ? 24 : 512;
		return Number.isInteger(change.to) && change.to >= 1 && change.to <= most ? [] : [change];
	}
	if (change.what === 'component')
		return allowed(generation, change.component, { ...change.to, count: [change.to.count] }) ? [] : [change];
	if (change.what !== 'worker') return [];
	const { min, max, cpu = 0, memoryGb = 0, storageGb } = change.to;
	return min <= max && allowed(generation, 'worker', { cpu, memoryGb, storageGb, count: [min, max] }) ? [] : [change];
}

describe('from any legal environment, every size that is emitted is one the pages allow', () => {
	test('by the rules, whatever is busy or idle', () => {
		const emitted = new Set<string>();
		fc.assert(
			fc.property(environments, (staged) => {
				for (const { id, fix = [] } of advise(historyOf(staged)).findings)
					for (const change of fix) {
						emitted.add(`${id} ${change.what}`);
						expect(refused(staged.generation, change)).toEqual([]);
					}
			}),
			{ numRuns: 80 },
		);
		// It is no test if nothing is emitted.
		expect([...emitted].filter((each) => / (?:worker|component)$/.test(each)).length).toBeGreaterThanOrEqual(6);
	});

	test('by the card of an incident', () => {
		let emitted = 0;
		const causes = [
			'worker-oom-task-sigkill',
			'gcsfuse-mount-lost',
			'task-log-missing-worker-lost',
			'worker-pod-evicted-storage',
			'task-stuck-queued',
		];
		fc.assert(
			fc.property(environments, fc.constantFrom(...causes), (staged, cause) => {
				const { worker, more, generation, airflowVersion, concurrency } = staged;
				const counts = { minCount: worker.count, maxCount: Math.min(100, worker.count + more) };
				const overrides: Record<string, string> =
					concurrency === undefined ? {} : { 'celery-worker_concurrency': String(concurrency) };
				const home = { generation, airflowVersion, worker: { ...worker, ...counts }, overrides };
				for (const change of suggestionFor(cause, home)?.changes ?? []) {
					emitted++;
					expect(refused(generation, change)).toEqual([]);
				}
			}),
			{ numRuns: 500 },
		);
		expect(emitted).toBeGreaterThan(300);
	});

	test('by the candidates that are replayed, with any memory', () => {
		let emitted = 0;
		const memories = fc.record({
			baseGb: fc.double({ min: 0, max: 2, noNaN: true }),
			perTaskGb: fc.double({ min: 0, max: 1, noNaN: true }),
			atLimit: fc.boolean(),
		});
		fc.assert(
			fc.property(environments, memories, fc.integer({ min: 1, max: 24 }), (staged, memory, concurrency) => {
				const history = historyOf(staged);
				const now = { worker: history.environment.worker, concurrency, pools: {} };
				const fit = { ...memory, aboveGb: 0, peakGb: 1, peakTasks: concurrency, samples: 90 };
				for (const plan of candidates(now, history, fit, TARGET)) {
					emitted++;
					const changes: Change[] = [
						{ what: 'worker', from: now.worker, to: plan.worker },
						{ what: 'concurrency', from: concurrency, to: plan.concurrency },
					];
					expect(changes.flatMap((change) => refused(staged.generation, change))).toEqual([]);
				}
			}),
			{ numRuns: 150 },
		);
		expect(emitted).toBeGreaterThan(1000);
	});
});
