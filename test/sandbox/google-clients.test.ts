import { afterAll, beforeAll, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { fixedToken } from '../../src/clients/base/google.ts';
import * as filters from '../../src/clients/logging/filters.ts';
import { monitoring } from '../../src/clients/monitoring.ts';
import { METRICS, type MetricName } from '../../src/clients/monitoring/metrics.ts';
import { logFilter } from '../../src/sandbox/google/match.ts';
import { kindOf } from '../../src/sandbox/google/metric-kinds.ts';
import { resourceOf } from '../../src/sandbox/world/environments.ts';
import { openLog } from '../../src/sandbox/world/log.ts';
import { givePast } from '../../src/sandbox/world/past.ts';
import { house, type House } from './google-house.ts';

let it: House;
beforeAll(async () => {
	it = await house();
	const prod = it.world.environments.get('prod');
	if (prod) givePast(it.world, prod, { memoryPeak: 0.7, queuePeak: 5, restarts: 1 });
});
afterAll(() => it.google.close());

const PLACE = { project: 'acme-data-prod', location: 'europe-west1', name: 'prod' };
const HOUR = 3_600_000;

test.each(Object.keys(METRICS) as MetricName[])(
	"%s: the stand-in knows the metric, and takes the client's own way of asking at once",
	async (name) => {
		expect(kindOf(`composer.googleapis.com/${METRICS[name].type}`)).toBeDefined();
		const client = monitoring({ ...PLACE, rootUrl: it.google.rootUrl }, fixedToken('bot'));
		it.google.forgetCalls();
		const window = { from: it.clock.now - 6 * HOUR, to: it.clock.now };
		for (const reducer of ['none', 'max'] as const)
			for (const alignS of [60, 600]) await client.series(name, { ...window, reducer, alignS });
		expect(it.google.calls()).toHaveLength(4);
	},
);

test('a week of the past: every minute once, within the bounds, and the peak at night', async () => {
	const client = monitoring({ ...PLACE, rootUrl: it.google.rootUrl }, fixedToken('bot'));
	const window = { from: it.clock.now - 7 * 24 * HOUR, to: it.clock.now };
	const [memory, quota] = await Promise.all(
		(['memory', 'memoryQuota'] as const).map((name) => client.series(name, { ...window, of: 'CELERY_WORKER' })),
	);
	const points = memory?.[0]?.points ?? [];
	expect(points).toHaveLength(7 * 24 * 60);
	expect(new Set(points.map(({ at }) => at)).size).toBe(points.length);
	const limit = quota?.[0]?.points[0]?.value ?? 0;
	const peak = points.reduce((best, one) => (one.value > best.value ? one : best));
	expect(peak.value / limit).toBeGreaterThan(0.6);
	expect(peak.value / limit).toBeLessThanOrEqual(0.701);
	expect([0, 1, 5, 6, 21, 23]).toContain(new Date(peak.at).getUTCHours());
});

test('what is measured afterwards follows the past without a gap or a second point', async () => {
	const client = monitoring({ ...PLACE, rootUrl: it.google.rootUrl }, fixedToken('bot'));
	const prod = it.world.environments.get('prod');
	if (!prod) throw new Error('no prod');
	const id = { metric: 'composer.googleapis.com/environment/num_celery_workers', resource: resourceOf(it.world, prod) };
	for (const minute of [1, 2, 3]) it.world.metrics.put(id, 7, it.clock.now + minute * 60_000);
	const [workers] = await client.series('workers', { from: it.clock.now - 5 * 60_000, to: it.clock.now + 3 * 60_000 });
	expect(workers?.points.map(({ value }) => value).slice(-3)).toEqual([7, 7, 7]);
	expect(workers?.points).toHaveLength(8);
});

const name = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 });
const FRAME = { from: '2026-11-24T00:00:00Z', to: '2026-11-25T00:00:00Z' };

test('whatever DAGs, runs and tasks are called, a filter finds that try and no other', () => {
	const at = Date.parse('2026-11-24T12:00:00Z');
	fc.assert(
		fc.property(name, name, name, name, (dag, run, task, other) => {
			const log = openLog(PLACE.project, () => at);
			const write = (labels: Record<string, string>) =>
				log.write({
					log: 'airflow-worker',
					resource: {
						type: 'cloud_composer_environment',
						labels: { project_id: PLACE.project, location: PLACE.location, environment_name: PLACE.name },
					},
					labels,
					text: 'x',
				});
			const labels = { workflow: dag, 'task-id': task, 'try-number': '1', 'run-id': run };
			const mine = write(labels);
			const matches = logFilter(filters.taskEntries(PLACE, { dag, run, task, mapIndex: -1, tryNumber: 1 }, FRAME));
			expect(matches(mine)).toBe(true);
			// Google compares without regard to case.
			const differs = (a: string, b: string) => a.toLowerCase() !== b.toLowerCase();
			if (differs(dag, other)) expect(matches(write({ ...labels, workflow: other }))).toBe(false);
			if (differs(run, other)) expect(matches(write({ ...labels, 'run-id': other }))).toBe(false);
			if (differs(task, other)) expect(matches(write({ ...labels, 'task-id': other }))).toBe(false);
		}),
	);
});

test('every filter the client can make is one that Google takes, whatever the names', () => {
	fc.assert(
		fc.property(name, name, name, name, (dag, run, task, host) => {
			const place = { ...PLACE, cluster: host };
			const one = { dag, run, task, mapIndex: 3, tryNumber: 2, logicalDate: '2026-11-24T00:00:00Z' };
			for (const filter of [
				filters.taskEntries(place, one, FRAME),
				filters.workerLines(place, host, FRAME),
				filters.schedulerLines(place, one, FRAME),
				filters.triggererLines(place, one, FRAME),
				filters.dagProcessorLines(place, one, FRAME),
				filters.agentLines(place, FRAME),
				filters.kubernetesEvents(place, { pod: task, host, namespace: dag }, FRAME),
				filters.autoscalerLines(place, FRAME),
				filters.policyEntries(run, FRAME.from),
				filters.auditEntries(place, run, FRAME.from, FRAME),
				filters.failureLines(place),
			])
				logFilter(filter);
		}),
		{ numRuns: 50 },
	);
});
