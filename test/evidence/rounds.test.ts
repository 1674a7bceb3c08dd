import { describe, expect, test } from '@jest/globals';
import { investigate, type Investigation } from '../../commands/_parts/investigate.ts';
import { isCut } from '../../commands/_parts/read-try.ts';
import type { Sources } from '../../src/collect.ts';
import { Trouble } from '../../src/domain/errors.ts';
import type { EvidenceMap, Failed, LogLine, SourceName } from '../../src/domain/evidence.ts';
import type { TaskInstance } from '../../src/domain/airflow.ts';
import type { Environment } from '../../src/domain/environment.ts';
import { fakeAirflow, fakeDeps } from '../commands/house.ts';
import { at, environment, event, GB, line, series } from './values.ts';
import { fakeComposer } from '../clients/fake-composer.ts';

const LABELS = { workflow: 'daily', 'task-id': 'load', 'try-number': '1' };

const task: TaskInstance = {
	dag: 'daily',
	run: 'manual__1',
	task: 'load',
	mapIndex: -1,
	tryNumber: 1,
	maxTries: 0,
	state: 'failed',
	operator: 'PythonOperator',
	startedAt: at('10:00'),
	endedAt: at('10:05'),
	hostname: 'worker-1',
};

type Read = { source: SourceName; failed: Failed };

/** What was read of whom, in order, and what came out. */
async function ask(
	answers: { readonly [Name in SourceName]?: EvidenceMap[Name] | ((failed: Failed) => EvidenceMap[Name]) },
	{
		log,
		one = task,
		env = environment('composer-2'),
	}: { log?: string | Trouble; one?: TaskInstance; env?: Environment } = {},
): Promise<{ read: Read[]; found: Investigation; logs: number }> {
	const read: Read[] = [];
	let logs = 0;
	const run = {
		dag: 'daily',
		run: 'manual__1',
		state: 'failed',
		runType: 'manual',
		logicalDate: at('09:00'),
		conf: {},
		note: null,
	} as const;
	const airflow = fakeAirflow({
		version: async () => ({ api: 1, version: '2.10.5' }),
		run: async () => run,
		taskInstances: async () => [one],
		async log() {
			logs++;
			if (log instanceof Trouble) throw log;
			return log;
		},
	});
	const sources: Sources = Object.fromEntries(
		Object.entries(answers).map(([name, answer]) => [
			name,
			{
				async read(failed: Failed) {
					read.push({ source: name as SourceName, failed });
					return typeof answer === 'function' ? answer(failed) : answer;
				},
			},
		]),
	);
	const deps = {
		...fakeDeps({ prod: airflow }, { now: () => Date.parse(at('10:20')) }),
		composer: () =>
			fakeComposer({
				describe: async () => ({ state: 'RUNNING', airflowUri: 'https://airflow.example.com', environment: env }),
				whereabouts: async () => 'https://airflow.example.com',
				operations: async () => [],
				workloads: async () => [],
			}),
		sources: () => sources,
	};
	const found = await investigate({ dag: 'daily', run: 'manual__1' }, 'prod', 'en', deps);
	if (found.kind !== 'verdict') throw new Error(found.kind);
	return { read, found, logs };
}

const sourcesRead = (read: readonly Read[]) => read.map(({ source }) => source);
const raised = (): LogLine[] => [
	line('10:01', 'Executing <Task(PythonOperator): load> on 2026-11-24 09:00:00+00:00', LABELS, 'INFO'),
	line(
		'10:04',
		`Task failed with exception\nTraceback (most recent call last):\n  File "/home/airflow/gcs/dags/daily.py", line 12, in load\n    raise ValueError("no rows for yesterday")\nValueError: no rows for yesterday`,
		LABELS,
	),
];

describe('a try that Airflow has no log of', () => {
	test.each([
		['nothing at all', undefined],
		['an empty text', '  \n'],
		[
			'the words that it is not there',
			'*** Log file is not found: gs://b/logs/x/1.log. The task might not have been executed or worker executing it might have finished abnormally (e.g. was evicted)',
		],
		['a refusal', new Trouble('denied', 'airflow log denied', 'no')],
	])('%s: Cloud Logging is asked for its entries', async (_, log) => {
		const { found, read } = await ask({ taskEntries: raised() }, log === undefined ? {} : { log });
		expect([found.verdict.verdict, found.verdict.status]).toEqual(['user-code-exception', 'confirmed']);
		expect(found.failed.log).toBe('elsewhere');
		expect(found.verdict.findings[0]?.evidence.at(-1)).toMatchObject({ source: 'taskEntries', at: at('10:04') });
		expect(sourcesRead(read)).toContain('taskEntries');
	});

	test('a log that is there is enough', async () => {
		const log = raised()
			.map(({ text }) => `[2026-11-24T10:04:00.000+0000] {taskinstance.py:1} ERROR - ${text}`)
			.join('\n');
		const { read, found } = await ask({ taskEntries: raised() }, { log });
		expect(sourcesRead(read)).not.toContain('taskEntries');
		expect(found.failed.log).toBe('there');
	});

	test('each source once, however many want it, and none that nobody wants', async () => {
		const { read, logs } = await ask({
			taskEntries: [],
			eventLog: [],
			workerLog: [],
			schedulerLog: [],
			workerMemory: [],
			workerMemoryQuota: [],
			restarts: [],
			pools: [],
			bucketPolicy: [],
			enabledApis: [],
		});
		expect(logs).toBe(1);
		const names = sourcesRead(read);
		expect(new Set(names).size).toBe(names.length);
		expect(names).not.toContain('pools');
		expect(names).not.toContain('bucketPolicy');
		expect(names).not.toContain('enabledApis');
	});

	test('the scheduler ended it, its worker says what happened there, the metrics why', async () => {
		const { found } = await ask({
			taskEntries: [],
			eventLog: [],
			failures: [],
			schedulerLog: [
				line(
					'10:05',
					"Detected zombie job: {'full_filepath': '/home/airflow/gcs/dags/daily.py', 'msg': \"{'DAG Id': 'daily', 'Task Id': 'load', 'Run Id': 'manual__1', 'Hostname': 'worker-1'}\"}",
				),
			],
			workerLog: [
				line(
					'10:04',
					"OSError: [Errno 107] Transport endpoint is not connected: '/home/airflow/gcs/logs/dag_id=daily/run_id=manual__1/task_id=load/attempt=1.log'",
				),
			],
			workerMemory: [series('worker-1', '10:02=3.1 10:04=3.9', GB)],
			workerMemoryQuota: [series('worker-1', '09:00=4', GB)],
			restarts: [series('worker-1', '10:05=1')],
			kubernetesEvents: [],
		});
		const [first, ...others] = found.verdict.findings;
		expect([first?.cause, first?.status]).toEqual(['gcsfuse-mount-lost', 'confirmed']);
		expect(first?.because?.because.en).toContain('`worker-1` used 3.9 of 4 GB of memory (98 %)');
		expect(first?.evidence[0]).toMatchObject({ source: 'workerLog', at: at('10:04') });
		expect(others.map(({ cause }) => cause)).toContain('zombie-heartbeat-timeout');
	});

	test("other tasks' lines on the same worker are not its own", async () => {
		const { found } = await ask({
			taskEntries: [],
			eventLog: [],
			workerLog: [
				line('10:04', 'Task exited with return code -9', { workflow: 'hourly', 'task-id': 'other', 'try-number': '1' }),
			],
			schedulerLog: [
				line(
					'10:03',
					"Detected zombie job: {'DAG Id': 'hourly', 'Task Id': 'other', 'Run Id': 'r', 'Hostname': 'worker-9'}",
				),
			],
		});
		expect(found.verdict.findings.map(({ cause }) => cause)).not.toContain('worker-oom-task-sigkill');
		expect(found.verdict.findings.map(({ cause }) => cause)).not.toContain('zombie-heartbeat-timeout');
	});
});

describe('a log of which Airflow shows the beginning', () => {
	const entry = (event: string) => JSON.stringify({ timestamp: at('10:01'), level: 'INFO', event });
	const page = [
		entry('Reading logs from Cloud Logging using filter:\n…'),
		...Array.from({ length: 1000 }, (_, i) => entry(`row ${i}`)),
	].join('\n');

	test('is known by its page', () => {
		expect(isCut(page)).toBe(true);
		expect(isCut(page.split('\n').slice(0, 900).join('\n'))).toBe(false);
		expect(isCut(page.replace('Reading logs from Cloud Logging using filter', 'something else'))).toBe(false);
		expect(isCut('')).toBe(false);
	});

	test('the end comes from Cloud Logging', async () => {
		const { found } = await ask({ taskEntries: raised() }, { log: page, env: environment('composer-3') });
		expect([found.verdict.verdict, found.failed.log]).toEqual(['user-code-exception', 'there']);
		expect(found.verdict.lastException).toBe('ValueError: no rows for yesterday');
		expect(found.verdict.findings[0]?.evidence.at(-1)).toMatchObject({ source: 'taskEntries', at: at('10:04') });
	});

	test('and where that cannot be read it is told', async () => {
		const { found } = await ask(
			{
				get taskEntries() {
					return () => {
						throw new Trouble('denied', 'logging denied', 'no');
					};
				},
			},
			{ log: page, env: environment('composer-3') },
		);
		expect(found.verdict.gaps).toEqual(
			expect.arrayContaining([expect.objectContaining({ source: 'taskEntries', because: 'denied' })]),
		);
	});
});

describe('the second round', () => {
	const zombie = line(
		'10:05',
		"Detected zombie job: {'DAG Id': 'daily', 'Task Id': 'load', 'Run Id': 'manual__1', 'Hostname': 'worker-7'}",
	);
	const unknownHost = { ...task, hostname: undefined };

	test('looks at the worker that only the scheduler names', async () => {
		const { read, found } = await ask(
			{
				taskEntries: [],
				schedulerLog: [zombie],
				workerLog: ({ hostname }) =>
					hostname === 'worker-7' ? [line('10:04', 'worker: Cold shutdown (MainProcess)')] : [],
				failures: [],
				eventLog: [],
			},
			{ one: unknownHost },
		);
		expect(read.filter(({ source }) => source === 'workerLog').map(({ failed }) => failed.hostname)).toEqual([
			undefined,
			'worker-7',
		]);
		expect(read.filter(({ source }) => source === 'schedulerLog')).toHaveLength(1);
		expect(found.failed.hostname).toBe('worker-7');
		expect(found.verdict.findings.map(({ cause }) => cause)).toContain('worker-rollout-by-update');
	});

	test('is not there when the host was known, and never a third', async () => {
		const known = await ask({ taskEntries: [], schedulerLog: [zombie], workerLog: [], failures: [], eventLog: [] });
		expect(known.read.filter(({ source }) => source === 'workerLog')).toHaveLength(1);
		const again = await ask(
			{
				taskEntries: [],
				schedulerLog: [zombie],
				workerLog: [line('10:04', zombie.text.replace('worker-7', 'worker-8'))],
				failures: [],
				eventLog: [],
			},
			{ one: unknownHost },
		);
		expect(again.read.filter(({ source }) => source === 'workerLog')).toHaveLength(2);
	});

	test('looks at the pod that the events name', async () => {
		const pulling = event(
			'10:02',
			'Pod/load-a1b2c3',
			'Failed',
			'Failed to pull image "eu.gcr.io/acme/etl:v9": not found',
		);
		const { read, found } = await ask(
			{
				taskEntries: [],
				kubernetesEvents: ({ pod }) =>
					pod === 'load-a1b2c3'
						? [pulling, event('10:03', 'Pod/load-a1b2c3', 'BackOff', 'Back-off pulling image "eu.gcr.io/acme/etl:v9"')]
						: [pulling],
			},
			{ one: { ...task, operator: 'KubernetesPodOperator' } },
		);
		expect(read.filter(({ source }) => source === 'kubernetesEvents').map(({ failed }) => failed.pod)).toEqual([
			undefined,
			'load-a1b2c3',
		]);
		expect([found.verdict.verdict, found.verdict.status]).toEqual(['kpo-image-pull', 'confirmed']);
	});
});

test('what the log names is asked for in the first round', async () => {
	const log = [
		'[2026-11-24T10:04:00.000+0000] {taskinstance.py:1} ERROR - Task failed with exception',
		'Traceback (most recent call last):',
		'  File "/home/airflow/gcs/dags/daily.py", line 12, in load',
		"google.api_core.exceptions.Forbidden: 403 GET https://storage.googleapis.com/storage/v1/b/acme-raw/o/x: loader@acme-data.iam.gserviceaccount.com does not have storage.objects.get access to the Google Cloud Storage object. Permission 'storage.objects.get' denied on resource (or it may not exist).",
	].join('\n');
	const { read } = await ask({ bucketPolicy: [], projectPolicy: [] }, { log });
	expect(read.find(({ source }) => source === 'bucketPolicy')?.failed).toMatchObject({
		bucket: 'acme-raw',
		account: 'loader@acme-data.iam.gserviceaccount.com',
	});
});
