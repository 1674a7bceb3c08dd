import { expect, test } from '@jest/globals';
import { workersOf } from '../../commands/_parts/health-workers.ts';
import type { Monitoring } from '../../src/clients/monitoring.ts';
import type { MetricName } from '../../src/clients/monitoring/metrics.ts';
import { Trouble } from '../../src/domain/errors.ts';
import type { Series, Workload } from '../../src/domain/evidence.ts';
import type { Line } from '../../src/domain/reply.ts';
import { fakeComposer } from '../clients/fake-composer.ts';

const NOW = Date.parse('2026-11-24T12:00:00Z');
const GB = 2 ** 30;

const minutes = (of: string, ...values: number[]): Series => ({
	of,
	points: values.map((value, place) => ({
		at: new Date(NOW - (values.length - place) * 60_000).toISOString(),
		value,
	})),
});
const flat = (value: number, count = 60): number[] => Array.from({ length: count }, () => value);

type Metrics = Partial<Record<MetricName, readonly Series[] | Trouble>>;

async function health(metrics: Metrics, parts: readonly Workload[] = []) {
	const monitoring: Monitoring = {
		async series(name) {
			const found = metrics[name] ?? [];
			if (found instanceof Trouble) throw found;
			return [...found];
		},
	};
	const composer = fakeComposer({ workloads: async () => [...parts] });
	const said = await workersOf({ composer, monitoring, now: NOW }, 'en');
	const plain = (line: Line): string =>
		line.map((span) => (typeof span === 'string' ? span : 'code' in span ? span.code : '?')).join('');
	return {
		fields: said.fields.map(([name, line]) => `${name}: ${plain(line)}`),
		problems: said.problems.map(plain),
		unread: said.unread.map(({ message }) => message),
	};
}

const healthy: Metrics = {
	workers: [minutes('', ...flat(2))],
	maxWorkers: [minutes('', ...flat(3))],
	queueLength: [minutes('', ...flat(0))],
	memory: [minutes('airflow-worker-a', ...flat(1.1 * GB)), minutes('airflow-worker-b', ...flat(0.9 * GB))],
	memoryQuota: [minutes('airflow-worker-a', ...flat(2 * GB)), minutes('airflow-worker-b', ...flat(2 * GB))],
};

test.each<[string, Metrics, readonly Workload[], readonly string[]]>([
	['a healthy environment has no problem', {}, [], []],
	[
		'one minute above 80 % of one worker is told',
		{ memory: [minutes('airflow-worker-a', ...flat(1, 59), 1.61 * GB), minutes('airflow-worker-b', ...flat(1))] },
		[],
		['Worker memory reached 81% in the last hour (80 % is the limit to stay below)'],
	],
	['just below is not', { memory: [minutes('airflow-worker-a', ...flat(1.59 * GB))] }, [], []],
	[
		'all workers run and the queue does not empty',
		{ workers: [minutes('', ...flat(3))], queueLength: [minutes('', ...flat(0, 50), ...flat(7, 10))] },
		[],
		['All 3 workers run and the queue has not been empty for 10 minutes: see /dag scale'],
	],
	[
		'nine minutes are not yet a queue that stays',
		{ workers: [minutes('', ...flat(3))], queueLength: [minutes('', ...flat(0, 51), ...flat(7, 9))] },
		[],
		[],
	],
	['a queue while workers can be added is the autoscaler at work', { queueLength: [minutes('', ...flat(7))] }, [], []],
	['evictions', { evictions: [minutes('', 0, 1, 0, 2)] }, [], ['3 worker pods were evicted in the last hour']],
	[
		'a part that is not well, its message masked and cut',
		{},
		[
			{ name: 'airflow-scheduler-1', type: 'SCHEDULER', state: 'OK', message: '' },
			{
				name: 'airflow-worker-a',
				type: 'CELERY_WORKER',
				state: 'ERROR',
				message: 'CrashLoopBackOff password=hunter22secret',
			},
		],
		['airflow-worker-a (CELERY_WORKER) is in ERROR: CrashLoopBackOff password=***'],
	],
])('%s', async (_name, metrics, parts, problems) => {
	const said = await health({ ...healthy, ...metrics }, parts);
	expect(said.problems).toEqual(problems);
	expect(said.unread).toEqual([]);
});

test('says workers, memory and queue; what was not sampled is left out', async () => {
	expect((await health(healthy)).fields).toEqual(['Workers: 2 of at most 3 · memory 55%', 'Queue: 0 tasks wait']);
	expect((await health({})).fields).toEqual([]);
});

test('what may not be read is told once, and the rest all the same', async () => {
	const denied = new Trouble('denied', 'monitoring forbidden', 'The bot may not read the metrics of prod.');
	const said = await health({ ...healthy, memory: denied, memoryQuota: denied, evictions: denied });
	expect(said.fields).toEqual(['Workers: 2 of at most 3', 'Queue: 0 tasks wait']);
	expect(said.unread).toEqual(['The bot may not read the metrics of prod.']);
});
