import { afterEach, describe, expect, test } from '@jest/globals';
import { composer as composerApi } from 'googleapis/build/src/apis/composer/index.js';
import { OAuth2Client } from 'google-auth-library';
import { setTimeout as sleep } from 'node:timers/promises';
import { airflow } from '../../src/clients/airflow.ts';
import { fixedToken } from '../../src/clients/base/google.ts';
import { http } from '../../src/clients/base/http.ts';
import { composer, composerOptions } from '../../src/clients/composer.ts';
import { parseImageVersion } from '../../src/clients/composer/answers.ts';
import { Trouble } from '../../src/domain/errors.ts';
import { startAirflow } from '../../src/sandbox/airflow/index.ts';
import { startComposer, type ComposerSandboxOptions, type SandboxComposer } from '../../src/sandbox/composer.ts';

const PLACE = { project: 'acme-data-prod', location: 'europe-west1', name: 'prod' };
let clock = 1_795_000_000_000;
const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
	for (const it of open.splice(0)) await it.close();
});

async function stand(options: Partial<ComposerSandboxOptions> = {}): Promise<SandboxComposer> {
	const it = await startComposer({
		...PLACE,
		environments: [
			{ name: 'prod', airflowUri: 'https://old.example', imageVersion: 'composer-3-airflow-3.1.7-build.7' },
		],
		tokens: { good: 'user', poor: 'nothing' },
		...options,
	});
	open.push(it);
	return it;
}

const clientOf = (it: SandboxComposer, token = 'good', name = 'prod') =>
	composer(composerOptions.parse({ ...PLACE, name, rootUrl: it.rootUrl }), fixedToken(token), () => clock);

async function refusal(work: Promise<unknown>): Promise<Trouble> {
	try {
		await work;
	} catch (error) {
		if (!(error instanceof Trouble)) throw error;
		expect(error.ja?.message).toMatch(/[぀-ヿ一-鿿]/);
		return error;
	}
	throw new Error('Nothing was refused.');
}

describe('the Composer client', () => {
	test('describes the environment', async () => {
		const it = await stand({
			environments: [
				{
					name: 'prod',
					airflowUri: 'https://abc-dot-europe-west1.composer.example/',
					imageVersion: 'composer-2.16.10-airflow-2.11.1',
					airflowConfigOverrides: { 'celery-worker_concurrency': '6' },
				},
			],
		});
		expect(await clientOf(it).describe()).toEqual({
			state: 'RUNNING',
			airflowUri: 'https://abc-dot-europe-west1.composer.example',
			environment: {
				generation: 'composer-2',
				airflowVersion: '2.11.1',
				imageVersion: 'composer-2.16.10-airflow-2.11.1',
				project: 'acme-data-prod',
				location: 'europe-west1',
				environment: 'prod',
				serviceAccount: 'composer-prod@acme-data-prod.iam.gserviceaccount.com',
				bucket: 'europe-west1-prod-7c1f09aa-bucket',
				cluster: 'europe-west1-prod-7c1f09aa-gke',
				airflowUri: 'https://abc-dot-europe-west1.composer.example/',
				worker: { cpu: 0.5, memoryGb: 2, storageGb: 1, minCount: 1, maxCount: 3 },
				workerConcurrency: 6,
				scheduler: { cpu: 0.5, memoryGb: 2, storageGb: 1, count: 1 },
				triggerer: { cpu: 0.5, memoryGb: 0.5, count: 1 },
				webServer: { cpu: 1, memoryGb: 2, storageGb: 1, count: 1 },
				size: 'small',
				overrides: { 'celery-worker_concurrency': '6' },
				environmentVariables: [],
				pypiPackages: {},
			},
		});
	});

	test('an override that is a secret leaves the client masked', async () => {
		const it = await stand({
			environments: [
				{
					name: 'prod',
					airflowUri: 'https://a.example',
					imageVersion: 'composer-3-airflow-3.1.7-build.7',
					airflowConfigOverrides: { 'smtp-smtp_password': 'hunter22-hunter22', 'core-parallelism': '64' },
				},
			],
		});
		const { environment } = await clientOf(it).describe();
		expect(environment.overrides).toEqual({ 'smtp-smtp_password': '***', 'core-parallelism': '64' });
	});

	test('asks once in ten minutes, and again when told that the address led nowhere', async () => {
		const it = await stand();
		const client = clientOf(it);
		await Promise.all([client.whereabouts(), client.whereabouts(), client.describe()]);
		expect(it.calls()).toHaveLength(1);
		it.change('prod', { airflowUri: 'https://new.example' });
		expect(await client.whereabouts()).toBe('https://old.example');
		clock += 11_000;
		expect(await client.whereabouts({ fresh: true })).toBe('https://new.example');
		expect(await client.whereabouts({ fresh: true })).toBe('https://new.example');
		expect(it.calls()).toHaveLength(2);
	});

	test('lists the operations on this environment, newest first', async () => {
		const it = await stand({
			operations: [
				{ environment: 'prod', type: 'CREATE', state: 'SUCCEEDED', createdAt: 1000, endedAt: 2000 },
				{ environment: 'dev', type: 'UPDATE', state: 'RUNNING', createdAt: 3000 },
				{
					environment: 'prod',
					type: 'UPDATE',
					state: 'FAILED',
					createdAt: 4000,
					endedAt: 5000,
					error: 'CrashLoopBackOff',
				},
			],
		});
		expect((await clientOf(it).operations()).map(({ type, state, error }) => [type, state, error])).toEqual([
			['UPDATE', 'FAILED', 'CrashLoopBackOff'],
			['CREATE', 'SUCCEEDED', undefined],
		]);
	});

	test.each<[string, Partial<ComposerSandboxOptions>, string, string, string, RegExp]>([
		['no permission', {}, 'poor', 'prod', 'google forbidden', /roles\/composer\.user/],
		['a token of nobody', {}, 'wrong', 'prod', 'google forbidden', /roles\/composer\.user/],
		['an API that is off', { enabled: false }, 'good', 'prod', 'google api disabled', /gcloud services enable/],
		['a wrong name', {}, 'good', 'prd', 'composer environment missing', /environments list/],
	])('names %s', async (_, options, token, name, label, hint) => {
		const it = await stand(options);
		const trouble = await refusal(clientOf(it, token, name).describe());
		expect(trouble.label).toBe(label);
		expect(trouble.hint).toMatch(hint);
		expect(it.calls().length).toBeLessThanOrEqual(2);
	});

	test('503 is one call and an upstream trouble', async () => {
		const it = await stand();
		it.fail(503, 1);
		expect(await refusal(clientOf(it).describe())).toMatchObject({
			kind: 'upstream',
			label: 'google failed',
			status: 503,
		});
		expect(it.calls()).toHaveLength(1);
	});

	test('an environment that is being made has no Airflow yet', async () => {
		const it = await stand({
			environments: [
				{ name: 'prod', airflowUri: undefined, state: 'CREATING', imageVersion: 'composer-3-airflow-3.1.7-build.7' },
			],
		});
		expect((await refusal(clientOf(it).whereabouts())).label).toBe('composer without airflow');
	});

	test('with the Airflow client: address, token and an environment made anew', async () => {
		const google = { good: { email: 'bot@acme', role: 'Op' as const } };
		const first = await startAirflow({ api: 1, auth: 'google', google });
		const second = await startAirflow({ api: 2, auth: 'google', google });
		open.push(second);
		const it = await stand({
			environments: [{ name: 'prod', airflowUri: first.url, imageVersion: 'composer-2.16.10-airflow-2.11.1' }],
		});
		const home = clientOf(it);
		const client = airflow({ auth: { kind: 'google' } }, http, {
			google: fixedToken('good'),
			whereabouts: (options) => home.whereabouts(options),
		});
		expect((await client.version()).api).toBe(1);
		await first.close();
		// Until the kept connection is seen to be closed; a reset on it would be an unknown outcome, rightly.
		await sleep(50);
		it.change('prod', { airflowUri: second.url });
		clock += 60_000;
		expect(await client.trigger({ dag: 'cm_success', run: 'bot__1', note: 'k' })).toMatchObject({ run: 'bot__1' });
		expect(second.started()).toHaveLength(1);
	});
});

test.each([
	['composer-3-airflow-3.1.7-build.7', 'composer-3', '3.1.7'],
	['composer-3-airflow-2.10.5-build.36', 'composer-3', '2.10.5'],
	['composer-2.16.10-airflow-2.11.1', 'composer-2', '2.11.1'],
	['composer-2.0.0-preview.1-airflow-2.2.3', 'composer-2', '2.2.3'],
	['composer-1.20.12-airflow-1.10.15', undefined, '1.10.15'],
])('%s', (image, generation, airflowVersion) => {
	expect(parseImageVersion(image)).toEqual({ generation, airflowVersion });
});

test("the stand-in holds against Google's own client: list and pages", async () => {
	const it = await stand();
	const auth = new OAuth2Client();
	auth.setCredentials({ access_token: 'good' });
	const api = composerApi({ version: 'v1', rootUrl: it.rootUrl, auth, retry: false });
	const { data } = await api.projects.locations.environments.list({
		parent: 'projects/acme-data-prod/locations/europe-west1',
	});
	expect(data.environments?.map(({ name, config }) => [name, config?.softwareConfig?.imageVersion])).toEqual([
		['projects/acme-data-prod/locations/europe-west1/environments/prod', 'composer-3-airflow-3.1.7-build.7'],
	]);
});
