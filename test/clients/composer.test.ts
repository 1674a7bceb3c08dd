import { afterEach, describe, expect, test } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import { airflow } from '../../src/clients/airflow.ts';
import { fixedToken } from '../../src/clients/base/google.ts';
import { http } from '../../src/clients/base/http.ts';
import { composer, composerOptions } from '../../src/clients/composer.ts';
import { parseImageVersion } from '../../src/clients/composer/answers.ts';
import { Trouble } from '../../src/domain/errors.ts';
import { startAirflow } from '../../src/sandbox/airflow/index.ts';
import { startGoogle, type SandboxGoogle } from '../../src/sandbox/google/index.ts';
import { addCaller, addEnvironment, addOperation, type NewEnvironment } from '../../src/sandbox/world/environments.ts';
import { openWorld, type World } from '../../src/sandbox/world/world.ts';

const PLACE = { project: 'acme-data-prod', location: 'europe-west1', name: 'prod' };
const IMAGE = 'composer-3-airflow-3.1.7-build.7';
let clock = 1_795_000_000_000;
const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
	for (const it of open.splice(0)) await it.close();
});

type Stand = SandboxGoogle & { world: World };

/** A project with `prod`, a caller who may read it (`good`) and one who may not (`poor`). */
async function stand(wanted: Partial<NewEnvironment> = {}): Promise<Stand> {
	const world = openWorld({ project: PLACE.project, now: () => clock });
	addEnvironment(world, {
		name: 'prod',
		airflowUri: 'https://old.example',
		imageVersion: IMAGE,
		...wanted,
	});
	addCaller(world, 'good', 'bot@acme.example', ['roles/composer.user']);
	addCaller(world, 'poor', 'poor@acme.example');
	const google = await startGoogle(world);
	open.push(google);
	return { ...google, world };
}

/** As when it is made anew. */
function moveTo({ world }: Stand, airflowUri: string): void {
	const prod = world.environments.get('prod');
	if (prod) prod.airflowUri = airflowUri;
}

const clientOf = (it: SandboxGoogle, token = 'good', name = 'prod') =>
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
			airflowUri: 'https://abc-dot-europe-west1.composer.example/',
			imageVersion: 'composer-2.16.10-airflow-2.11.1',
			settings: { airflowConfigOverrides: { 'celery-worker_concurrency': '6' } },
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
				bucket: it.world.environments.get('prod')?.bucket,
				cluster: it.world.environments.get('prod')?.cluster,
				airflowUri: 'https://abc-dot-europe-west1.composer.example/',
				worker: { cpu: 0.5, memoryGb: 1.875, storageGb: 1, minCount: 1, maxCount: 3 },
				workerConcurrency: 6,
				scheduler: { cpu: 0.5, memoryGb: 1.875, storageGb: 1, count: 1 },
				triggerer: { cpu: 0.5, memoryGb: 0.5, count: 1 },
				webServer: { cpu: 0.5, memoryGb: 1.875, storageGb: 1, count: 1 },
				size: 'small',
				overrides: { 'celery-worker_concurrency': '6' },
				environmentVariables: [],
				pypiPackages: {},
				logsInBucket: false,
				maintenanceWindow: {
					start: '2024-01-05T00:00:00Z',
					end: '2024-01-05T04:00:00Z',
					recurrence: 'FREQ=WEEKLY;BYDAY=FR,SA,SU',
				},
			},
		});
	});

	test('an override that is a secret leaves the client masked', async () => {
		const it = await stand({
			settings: {
				airflowConfigOverrides: { 'smtp-smtp_password': 'hunter22-hunter22', 'core-parallelism': '64' },
			},
		});
		const { environment } = await clientOf(it).describe();
		expect(environment.overrides).toEqual({ 'smtp-smtp_password': '***', 'core-parallelism': '64' });
	});

	test('asks once in ten minutes, and again when told that the address led nowhere', async () => {
		const it = await stand();
		const client = clientOf(it);
		await Promise.all([client.whereabouts(), client.whereabouts(), client.describe()]);
		expect(it.calls()).toHaveLength(1);
		moveTo(it, 'https://new.example');
		expect(await client.whereabouts()).toBe('https://old.example');
		clock += 11_000;
		expect(await client.whereabouts({ fresh: true })).toBe('https://new.example');
		expect(await client.whereabouts({ fresh: true })).toBe('https://new.example');
		expect(it.calls()).toHaveLength(2);
	});

	test('lists the operations on this environment, newest first', async () => {
		const it = await stand();
		const prod = it.world.environments.get('prod');
		if (!prod) throw new Error('no prod');
		const dev = addEnvironment(it.world, { name: 'dev', airflowUri: 'https://dev.example', imageVersion: IMAGE });
		addOperation(it.world, dev, { type: 'UPDATE', startedAt: clock });
		addOperation(it.world, prod, {
			type: 'UPDATE',
			startedAt: clock,
			endedAt: clock + 5000,
			error: { code: 9, message: 'CrashLoopBackOff' },
		});
		expect((await clientOf(it).operations()).map(({ type, state, error }) => [type, state, error])).toEqual([
			['UPDATE', 'FAILED', 'CrashLoopBackOff'],
			['CREATE', 'SUCCEEDED', undefined],
		]);
	});

	test.each<[string, (world: World) => void, string, string, string, RegExp]>([
		['no permission', () => {}, 'poor', 'prod', 'google forbidden', /roles\/composer\.user/],
		['a token of nobody', () => {}, 'wrong', 'prod', 'google forbidden', /roles\/composer\.user/],
		[
			'an API that is off',
			({ project }) => void project.enabledApis.delete('composer.googleapis.com'),
			'good',
			'prod',
			'google api disabled',
			/gcloud services enable/,
		],
		['a wrong name', () => {}, 'good', 'prd', 'composer environment missing', /environments list/],
	])('names %s', async (_, prepare, token, name, label, hint) => {
		const it = await stand();
		prepare(it.world);
		const trouble = await refusal(clientOf(it, token, name).describe());
		expect(trouble.label).toBe(label);
		expect(trouble.hint).toMatch(hint);
		expect(it.calls().length).toBeLessThanOrEqual(2);
	});

	test('503 is one call and an upstream trouble', async () => {
		const it = await stand();
		it.faults({ op: '*', kind: 'unavailable', times: 1 });
		expect(await refusal(clientOf(it).describe())).toMatchObject({
			kind: 'upstream',
			label: 'google failed',
			status: 503,
		});
		expect(it.calls()).toHaveLength(1);
	});

	test('an environment that is being made has no Airflow yet', async () => {
		const it = await stand({ airflowUri: undefined });
		expect((await refusal(clientOf(it).whereabouts())).label).toBe('composer without airflow');
	});

	test('with the Airflow client: address, token and an environment made anew', async () => {
		const google = { good: { email: 'bot@acme', role: 'Op' as const } };
		const first = await startAirflow({ api: 1, auth: 'google', google });
		const second = await startAirflow({ api: 2, auth: 'google', google });
		open.push(second);
		const it = await stand({ airflowUri: first.url, imageVersion: 'composer-2.16.10-airflow-2.11.1' });
		const home = clientOf(it);
		const client = airflow({ auth: { kind: 'google' } }, http, {
			google: fixedToken('good'),
			whereabouts: (options) => home.whereabouts(options),
		});
		expect((await client.version()).api).toBe(1);
		await first.close();
		// Until the kept connection is seen to be closed; a reset on it would be an unknown outcome, rightly.
		await sleep(50);
		moveTo(it, second.url);
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
