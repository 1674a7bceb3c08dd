import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import scale from '../../commands/scale.ts';
import type { Airflow, TaskInstance } from '../../src/domain/airflow.ts';
import type { Composer } from '../../src/clients/composer.ts';
import { fakeComposer } from '../clients/fake-composer.ts';
import { plain } from '../../src/scaling/plain.ts';
import { makeHistory, PLANTED } from '../scaling/make-histories.ts';
import { asker, fakeDeps, sandboxAirflow, typed } from './house.ts';
import type { SandboxAirflow } from '../../src/sandbox/airflow/index.ts';

const DAY = 86_400_000;
const NOW = Date.parse('2026-11-18T00:00:00Z');

/** The planted history as Airflow would list it. */
function planted(name: keyof typeof PLANTED): TaskInstance[] {
	const rows = makeHistory({ ...PLANTED[name], days: 2 })['task_instances'] as Record<string, string>[];
	return rows.map((row) => ({
		dag: row['dag_id'] ?? '',
		run: row['dag_run_id'] ?? '',
		task: row['task_id'] ?? '',
		mapIndex: -1,
		tryNumber: 1,
		maxTries: 0,
		state: 'success',
		pool: row['pool'],
		queuedAt: row['queued_when'],
		startedAt: row['start_date'],
		endedAt: row['end_date'],
	}));
}

let sandbox: SandboxAirflow;
let client: Airflow;
beforeAll(async () => {
	({ sandbox, client } = await sandboxAirflow({ api: 1 }));
});
afterAll(() => sandbox.close());

/** The real client, its task instances and pools replaced by the planted ones. */
function house(
	tasks: readonly TaskInstance[],
	asked: { since?: string; until?: string; limit?: number }[] = [],
): Airflow {
	return {
		...client,
		pools: async () => [{ name: 'warehouse', slots: 4, open: 0, running: 4, queued: 0, deferred: 0 }],
		endedTaskInstances: async ({ since = '', until = '', limit = 1000 }) => {
			asked.push({ since, until, limit });
			return tasks.filter(({ endedAt = '' }) => endedAt >= since && endedAt <= until).slice(0, limit);
		},
	};
}

const composer = fakeComposer({
	describe: async () => ({
		state: 'RUNNING',
		airflowUri: undefined,
		environment: {
			generation: 'composer-2',
			environment: 'prod-env',
			project: 'acme',
			location: 'europe-west1',
			worker: { cpu: 1, memoryGb: 4, storageGb: 1, minCount: 2, maxCount: 6 },
			workerConcurrency: 6,
		},
	}),
	whereabouts: async () => 'http://127.0.0.1',
	operations: async () => [],
	workloads: async () => [],
});

async function run(words: string, airflow: Airflow, home: Composer | undefined = composer): Promise<string> {
	const deps = fakeDeps({ prod: airflow }, { now: () => NOW, ...(home && { composer: home }) });
	const { reply } = await scale.run(scale.parse(words), {
		deps,
		env: 'prod',
		typed: typed(`scale ${words}`),
		asker: asker(),
		may: () => true,
		progress: async () => undefined,
	});
	return plain(reply);
}

describe('/dag scale', () => {
	test('names the pool that holds everything back, and the command for it', async () => {
		const said = await run('--days 2', house(planted('pool-bottleneck')));
		expect(said).toContain('prod-env: pool warehouse 4 → 8 slots');
		expect(said).toContain('a bigger machine buys nothing');
		expect(said).toContain(
			'gcloud composer environments run prod-env --location=europe-west1 --project=acme pools -- set warehouse 8 resized',
		);
		expect(said).toContain('memory was not judged');
	});

	test('reads day by day, each day once', async () => {
		const asked: { since?: string; until?: string }[] = [];
		await run('--days 3', house([], asked));
		expect(asked.map(({ since }) => since)).toEqual([1, 2, 3].map((day) => new Date(NOW - day * DAY).toISOString()));
		expect(asked.map(({ until }) => until)).toEqual(
			[NOW, NOW - DAY - 1, NOW - 2 * DAY - 1].map((at) => new Date(at).toISOString()),
		);
	});

	test('says what is missing where there is too little', async () => {
		expect(await run('', house([]))).toMatch(/Too little data .*\n\nNeeded: at least 200 finished task instances/);
	});

	test('runs against the stand-in of a plain Airflow, which does not tell its workers', async () => {
		expect(await run('--days 1', client, undefined)).toContain('Too little data to advise on prod');
	});

	test.each([
		['--days 0', /1 to 31/],
		['--days x', /1 to 31/],
		['--target soon', /30s or 2m/],
	])('%s is not understood', (words, why) => {
		expect(() => scale.parse(words)).toThrow(why);
	});
});
