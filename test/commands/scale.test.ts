import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import scale from '../../commands/scale.ts';
import type { Airflow, TaskInstance } from '../../src/domain/airflow.ts';
import type { Composer } from '../../src/clients/composer.ts';
import type { Monitoring } from '../../src/clients/monitoring.ts';
import type { Deps } from '../../src/deps.ts';
import { Trouble } from '../../src/domain/errors.ts';
import { z } from 'zod';
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

function depsWith(airflow: Airflow, home: Composer | undefined = composer, now = NOW): Deps {
	return fakeDeps({ prod: airflow }, { now: () => now, ...(home && { composer: home }) });
}

async function said(deps: Deps, words: string): Promise<string> {
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

const run = (words: string, airflow: Airflow, home: Composer | undefined = composer): Promise<string> =>
	said(depsWith(airflow, home), words);

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

	test('reads day by day, each day once, and days that are over only once', async () => {
		const asked: { since?: string; until?: string }[] = [];
		const noon = NOW + DAY / 2;
		const deps = depsWith(house([], asked), composer, noon);
		await said(deps, '--days 2');
		expect(asked.map(({ since }) => since)).toEqual(
			[NOW, NOW - DAY, NOW - 1.5 * DAY].map((at) => new Date(at).toISOString()),
		);
		expect(asked.map(({ until }) => until)).toEqual(
			[noon - 1, NOW - 1, NOW - DAY - 1].map((at) => new Date(at).toISOString()),
		);
		asked.length = 0;
		await said(deps, '--days 2');
		expect(asked.map(({ since }) => since)).toEqual([NOW, NOW - 1.5 * DAY].map((at) => new Date(at).toISOString()));
	});

	test('what Cloud Monitoring samples is judged, and what may not be read is said', async () => {
		const history = makeHistory({ ...PLANTED['too-small'], days: 2 });
		const gb = z
			.object({ metrics: z.object({ workerMemoryGb: z.array(z.tuple([z.string(), z.number()])) }) })
			.parse(history);
		const monitoring: Monitoring = {
			async series(metric) {
				if (metric === 'restarts')
					throw new Trouble('denied', 'google forbidden', 'The bot may not see the metrics of prod.', {
						hint: 'Give it a role.',
					});
				if (metric !== 'memory') return [];
				return [
					{ of: 'worker', points: gb.metrics.workerMemoryGb.map(([at, value]) => ({ at, value: value * 1024 ** 3 })) },
				];
			},
		};
		const small = fakeComposer({
			...composer,
			describe: async () => ({
				state: 'RUNNING',
				airflowUri: undefined,
				environment: {
					...(await composer.describe()).environment,
					worker: { cpu: 0.5, memoryGb: 2, storageGb: 1, minCount: 1, maxCount: 3 },
				},
			}),
		});
		const deps = { ...depsWith(house(planted('too-small')), small), monitoring: () => monitoring };
		const text = await said(deps, '--days 2');
		expect(text).toMatch(/Worker memory peaks at \d+ % of 2 GB/);
		expect(text).toMatch(/prod-env: .*worker memory 2 → /);
		expect(text).toContain('Not judged (restarts): The bot may not see the metrics of prod. Give it a role.');
		expect(text).not.toContain('memory was not judged');
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
