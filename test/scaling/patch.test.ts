import { describe, expect, test } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import type { Change } from '../../src/scaling/plan.ts';
import { readHistory } from '../../src/scaling/history.ts';
import { patchFor } from '../../src/scaling/patch.ts';
import { makeHistory, PLANTED } from './make-histories.ts';

const environment = readHistory(makeHistory({ ...PLANTED['too-small'], days: 1 })).environment;
const worker = environment.worker;
const bigger: Change = { what: 'worker', from: worker, to: { ...worker, cpu: 1, memoryGb: 4 } };

describe('a patch', () => {
	test('of the workers writes every component and changes the workers alone', () => {
		const { shell, api, terraform } = patchFor(environment, [bigger]);
		expect(shell).toEqual([
			'gcloud composer environments update prod --location=asia-northeast1 --project=acme --worker-cpu=1 --worker-memory=4GB',
		]);
		expect(api).toEqual([
			{
				method: 'PATCH',
				path: '/v1/projects/acme/locations/asia-northeast1/environments/prod?updateMask=config.workloadsConfig',
				body: {
					config: {
						workloadsConfig: {
							scheduler: { cpu: 0.5, memoryGb: 2, storageGb: 1, count: 1 },
							dagProcessor: { cpu: 1, memoryGb: 2, storageGb: 1, count: 1 },
							triggerer: { cpu: 0.5, memoryGb: 1, count: 1 },
							webServer: { cpu: 1, memoryGb: 2, storageGb: 1 },
							worker: { cpu: 1, memoryGb: 4, storageGb: 1, minCount: 1, maxCount: 3 },
						},
					},
				},
			},
		]);
		for (const block of ['scheduler {', 'dag_processor {', 'triggerer {', 'web_server {', 'worker {', 'max_count'])
			expect(terraform).toContain(block);
	});

	test('of a component names what is changed of it and nothing else', () => {
		const from = { count: 1, cpu: 0.5, memoryGb: 2, storageGb: 1 };
		const { shell } = patchFor(environment, [
			{ what: 'component', component: 'scheduler', from, to: { ...from, cpu: 1 } },
		]);
		expect(shell).toEqual([
			'gcloud composer environments update prod --location=asia-northeast1 --project=acme --scheduler-cpu=1',
		]);
	});

	test('of a part that is not wholly known is no Terraform and no API request, which would null the rest', () => {
		const { api, terraform, shell } = patchFor({ ...environment, webServer: undefined }, [bigger]);
		expect({ api, terraform, commands: shell.length }).toEqual({ api: [], terraform: undefined, commands: 1 });
	});

	test('of the concurrency is an update of its own and keeps the other overrides', () => {
		const { shell, api, terraform } = patchFor(
			{ ...environment, overrides: { 'core-x': '${a}', 'celery-worker_concurrency': '6' } },
			[bigger, { what: 'concurrency', from: 6, to: 3 }],
		);
		expect(shell).toHaveLength(2);
		expect(api[1]).toEqual({
			method: 'PATCH',
			path: '/v1/projects/acme/locations/asia-northeast1/environments/prod?updateMask=config.softwareConfig.airflowConfigOverrides.celery-worker_concurrency',
			body: { config: { softwareConfig: { airflowConfigOverrides: { 'celery-worker_concurrency': '3' } } } },
		});
		expect(terraform).toContain('core-x = "$${a}"');
		expect(terraform).toContain('celery-worker_concurrency = "3"');
		const odd: Change = { what: 'override', key: 'core-y', from: undefined, to: '\b\f\n"\\b%{x}' };
		expect(patchFor(environment, [odd]).terraform).toContain('core-y = "\\u0008\\u000c\\n\\"\\\\b%%{x}"');
	});

	test('of plain Airflow is a setting', () => {
		expect(patchFor({ ...environment, generation: 'airflow' }, [{ what: 'concurrency', from: 6, to: 3 }])).toEqual({
			shell: [],
			api: [],
			settings: ['AIRFLOW__CELERY__WORKER_CONCURRENCY=3'],
		});
	});

	test('survives hostile values: a shell hands gcloud each as it is', () => {
		const value = fc
			.string({ unit: 'binary', minLength: 1, maxLength: 30 })
			.filter((text) => !/[\0\u001e\u001f]/.test(text) && text.isWellFormed());
		fc.assert(
			fc.property(fc.tuple(value, value), ([a, b]) => {
				const { shell } = patchFor(environment, [
					{ what: 'override', key: 'core-a', from: undefined, to: a },
					{ what: 'override', key: 'core-b', from: undefined, to: b },
				]);
				const script = shell.map((line) => line.replace(/^gcloud/, "printf '%s\\0'")).join('\n');
				const words = execFileSync('sh', ['-c', script]).toString('utf8').split('\0');
				const [flag = ''] = words.filter((word) => word.startsWith('--update-airflow-configs='));
				const list = flag.slice('--update-airflow-configs='.length);
				const [, mark = ',', rest = list] = /^\^(.)\^([^]*)$/u.exec(list) ?? [];
				expect(rest.split(mark)).toEqual([`core-a=${a}`, `core-b=${b}`]);
			}),
			{ numRuns: 60 },
		);
	});

	test('survives hostile names: a shell sees each as one word', () => {
		const name = fc
			.string({ unit: 'binary', minLength: 1, maxLength: 30 })
			.filter((text) => !text.includes('\0') && text.isWellFormed());
		const given = fc.array(fc.tuple(name, name, name), { minLength: 20, maxLength: 20 });
		fc.assert(
			fc.property(given, (names) => {
				const script = names
					.map(([name, project, pool]) => {
						const { shell } = patchFor({ ...environment, name, project }, [
							{ what: 'pool', name: pool, from: 1, to: 2 },
						]);
						return shell.map((line) => line.replace(/^gcloud/, "printf '%s\\0'")).join('\n');
					})
					.join('\n');
				const words = execFileSync('sh', ['-c', script]).toString('utf8').split('\0');
				expect(words.slice(0, -1)).toEqual(
					names.flatMap(([name, project, pool]) => [
						'composer',
						'environments',
						'run',
						name,
						'--location=asia-northeast1',
						`--project=${project}`,
						'pools',
						'--',
						'set',
						pool,
						'2',
						'resized',
					]),
				);
			}),
			{ numRuns: 20 },
		);
	});
});
