import { describe, expect, test } from '@jest/globals';
import { computedConcurrency } from '../../src/domain/concurrency.ts';
import type { ChainLink, Hit, Scene, Signature } from '../../src/domain/rule.ts';
import { isOwnRaise, sober } from '../../src/rules/_parts/own.ts';
import { airflowSettings, settingVariable } from '../../src/rules/_parts/settings.ts';
import { moreMemoryPerTask, moreStorage, workerSizing } from '../../src/rules/_parts/sizing.ts';

const codes = (steps: readonly { code?: string | undefined }[]) => steps.flatMap(({ code }) => code ?? []);

describe('worker sizing', () => {
	test.each([
		[0.5, 2, 6],
		[1, 4, 12],
		[2, 7.5, 24],
		[4, 15, 32],
	])('%s vCPU and %s GB take %s tasks by default', (cpu, memory, tasks) => {
		expect(computedConcurrency('composer-2', '2.5.3', { cpu, memoryGb: memory })).toEqual({
			value: tasks,
			certain: true,
		});
	});

	const worker = { cpu: 1, memoryGb: 4, storageGb: 1, minCount: 1, maxCount: 3 };

	test('nothing known: the numbers of the first report', () => {
		expect(workerSizing({})).toEqual({ memoryGb: 4, concurrency: 6, memoryFits: true });
	});
	test('Composer 2 allows 6.5 GB for each vCPU, Composer 3 8 GB', () => {
		expect(workerSizing({ generation: 'composer-2', worker })).toEqual({
			memoryGb: 6.5,
			concurrency: 6,
			memoryFits: true,
		});
		expect(workerSizing({ generation: 'composer-3', worker })).toEqual({
			memoryGb: 8,
			concurrency: 6,
			memoryFits: true,
		});
	});
	test('a worker at its limit grows with its vCPUs', () => {
		const full = { ...worker, memoryGb: 6.5 };
		const env = { generation: 'composer-2' as const, worker: full, environment: 'etl', location: 'europe-west1' };
		expect(workerSizing(env).memoryFits).toBe(false);
		expect(codes(moreMemoryPerTask({ env, facts: {}, lang: 'en' }))).toContain(
			'gcloud composer environments update etl --location=europe-west1 --worker-cpu=2 --worker-memory=13GB',
		);
	});
	test('Composer 3 takes at most 24 tasks', () => {
		expect(workerSizing({ generation: 'composer-3', worker, workerConcurrency: 60 }).concurrency).toBe(24);
	});
	test('storage: 10 GB at most on Composer 2, 100 GB on Composer 3', () => {
		const large = { ...worker, storageGb: 90 };
		const command = (generation: 'composer-2' | 'composer-3') =>
			codes(moreStorage({ env: { generation, worker: large }, facts: {}, lang: 'ja' }))[0];
		expect(command('composer-2')).toMatch(/--worker-storage=10GB$/);
		expect(command('composer-3')).toMatch(/--worker-storage=100GB$/);
	});
});

describe('settings', () => {
	test('the variable of plain Airflow', () => {
		expect(settingVariable('scheduler-min_file_process_interval')).toBe(
			'AIRFLOW__SCHEDULER__MIN_FILE_PROCESS_INTERVAL',
		);
	});
	test('one gcloud call for all overrides, Terraform beside it, a variable on plain Airflow', () => {
		const settings = { 'core-dagbag_import_timeout': '160', 'core-dag_file_processor_timeout': '320' };
		expect(codes(airflowSettings({ env: { generation: 'composer-3' }, facts: {}, lang: 'en' }, settings))).toEqual([
			'gcloud composer environments update ENVIRONMENT --location=LOCATION --update-airflow-configs=core-dagbag_import_timeout=160,core-dag_file_processor_timeout=320',
			'# google_composer_environment > config > software_config\nairflow_config_overrides = {\n  "core-dagbag_import_timeout" = "160"\n  "core-dag_file_processor_timeout" = "320"\n}',
		]);
		expect(codes(airflowSettings({ env: { generation: 'airflow' }, facts: {}, lang: 'en' }, settings))).toEqual([
			'AIRFLOW__CORE__DAGBAG_IMPORT_TIMEOUT=160\nAIRFLOW__CORE__DAG_FILE_PROCESSOR_TIMEOUT=320',
		]);
	});
});

describe('quoted and chatter', () => {
	const frame = (file: string, own: boolean) => ({ file, line: 1, function: 'f', own });
	const raised = (type: string, own: boolean, message = 'x'): ChainLink => ({
		type,
		message,
		frames: [frame('/dags/a.py', true), ...(own ? [] : [frame('/site-packages/requests/models.py', false)])],
	});
	const signature: Signature = { literals: ['sentence'], pattern: /sentence/, says: 'proof' };
	const hit = (place: Hit['place'], level: Hit['level']): Hit => ({
		signature,
		line: 1,
		text: 'sentence',
		facts: {},
		level,
		place,
	});
	const scene = (...chain: ChainLink[]): Scene => ({ kind: 'task', chain, ended: 'failed', has: () => false });
	const says = (place: Hit['place'], level: Hit['level'], ...chain: ChainLink[]) =>
		sober({ says: 'proof' }, [hit(place, level)], scene(...chain))?.says;

	test('a plain exception out of the own file is its own raise, an error of the machine is not', () => {
		expect(isOwnRaise(raised('ValueError', true))).toBe(true);
		expect(isOwnRaise(raised('airflow.exceptions.AirflowException', true))).toBe(true);
		expect(isOwnRaise(raised('OSError', true))).toBe(false);
		expect(isOwnRaise(raised('requests.exceptions.HTTPError', false))).toBe(false);
		expect(isOwnRaise(raised('TypeError', true, "cannot pickle '_thread.lock' object"))).toBe(false);
	});
	test('a sentence in the message of an own raise is a quotation', () => {
		expect(says('root', 'traceback', raised('ValueError', true))).toBe('weak');
		expect(says('root', 'traceback', raised('OSError', true))).toBe('proof');
	});
	test('an info line before an exception that speaks for itself is chatter; a warning is not', () => {
		expect(says('body', 'info', raised('requests.exceptions.HTTPError', false))).toBe('weak');
		expect(says('body', 'warning', raised('requests.exceptions.HTTPError', false))).toBe('proof');
	});
	test('an info line before a wrapper is the output of the child that failed', () => {
		const wrapper = raised(
			'airflow.exceptions.AirflowException',
			false,
			'Bash command failed. The command returned a non-zero exit code 1.',
		);
		expect(says('body', 'info', wrapper)).toBe('proof');
	});
	test('without an exception everything keeps its weight', () => {
		expect(says('body', 'info')).toBe('proof');
	});
});
