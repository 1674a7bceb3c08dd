import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { cloudresourcemanager } from 'googleapis/build/src/apis/cloudresourcemanager/index.js';
import { composer } from 'googleapis/build/src/apis/composer/index.js';
import { iam } from 'googleapis/build/src/apis/iam/index.js';
import { monitoring } from 'googleapis/build/src/apis/monitoring/index.js';
import { serviceusage } from 'googleapis/build/src/apis/serviceusage/index.js';
import { storage } from 'googleapis/build/src/apis/storage/index.js';
import { give } from '../../src/sandbox/world/policy.ts';
import { against, house, refusalOf, type House } from './google-house.ts';

const WHERE = 'projects/acme-data-prod/locations/europe-west1';
const PROD = `${WHERE}/environments/prod`;
const SA = 'composer-prod@acme-data-prod.iam.gserviceaccount.com';
const UPDATE = 'google.cloud.orchestration.airflow.service.v1.Environments.UpdateEnvironment';
let it: House;
beforeAll(async () => {
	it = await house();
});
afterAll(() => it.google.close());
afterEach(() => {
	it.google.clearFaults();
	it.google.limitPages(Infinity);
});

const environments = (token?: string) =>
	composer({ version: 'v1', ...against(it.google, token) }).projects.locations.environments;
const operations = (token?: string) =>
	composer({ version: 'v1', ...against(it.google, token) }).projects.locations.operations;

describe('Composer', () => {
	test('describes both generations in the form of Google', async () => {
		const { data } = await environments().get({ name: PROD });
		expect(data).toMatchObject({
			name: PROD,
			state: 'RUNNING',
			storageConfig: { bucket: expect.stringMatching(/^europe-west1-prod-[0-9a-f]{8}-bucket$/) },
			config: {
				airflowUri: 'https://prod.example',
				nodeConfig: { serviceAccount: SA },
				softwareConfig: { imageVersion: 'composer-3-airflow-3.1.7-build.7' },
				workloadsConfig: { worker: { cpu: 0.5, memoryGb: 2, minCount: 1, maxCount: 3 }, dagProcessor: { count: 1 } },
				dataRetentionConfig: { taskLogsRetentionConfig: { storageMode: 'CLOUD_LOGGING_ONLY' } },
			},
		});
		expect(data.config).not.toHaveProperty('gkeCluster');
		expect(data.config?.softwareConfig).not.toHaveProperty('airflowConfigOverrides');
		const { data: second } = await environments().get({ name: `${WHERE}/environments/staging` });
		expect(second.config?.gkeCluster).toMatch(/\/clusters\/europe-west1-staging-[0-9a-f]{8}-gke$/);
		expect(second.config?.workloadsConfig).not.toHaveProperty('dagProcessor');
	});

	test('pages: each environment once, tokens bound to their question', async () => {
		it.google.limitPages(1);
		const names: unknown[] = [];
		let pageToken: string | undefined;
		do {
			const { data } = await environments().list({ parent: WHERE, pageSize: 10, ...(pageToken && { pageToken }) });
			names.push(...(data.environments ?? []).map(({ name }) => name));
			pageToken = data.nextPageToken ?? undefined;
		} while (pageToken);
		expect(names).toEqual([PROD, `${WHERE}/environments/staging`]);
		expect(await refusalOf(environments().list({ parent: WHERE, pageToken: 'made-up' }))).toMatchObject({
			code: 400,
			status: 'INVALID_ARGUMENT',
			message: 'Invalid page token.',
		});
		const { data } = await operations().list({ name: WHERE });
		expect(
			await refusalOf(environments().list({ parent: WHERE, pageToken: data.nextPageToken ?? '', pageSize: -1 })),
		).toMatchObject({ code: 400 });
	});

	test('workloads: by type', async () => {
		const { data } = await environments().workloads.list({
			parent: PROD,
			filter: 'type=SCHEDULER OR type=CELERY_WORKER',
		});
		expect(data.workloads?.map(({ type, status }) => [type, status?.state])).toEqual([
			['SCHEDULER', 'OK'],
			['CELERY_WORKER', 'OK'],
		]);
		expect(await refusalOf(environments().workloads.list({ parent: PROD, filter: 'name=x' }))).toMatchObject({
			code: 400,
		});
	});

	test.each([
		['nobody', environmentsGet, 403, 'PERMISSION_DENIED', "Permission 'composer.environments.get' denied on resource"],
		['unknown-token', environmentsGet, 401, 'UNAUTHENTICATED', 'invalid authentication credentials'],
		['bot', () => environments('bot').get({ name: `${WHERE}/environments/prd` }), 404, 'NOT_FOUND', 'was not found'],
		[
			'bot',
			() => environments('bot').get({ name: 'projects/other/locations/europe-west1/environments/prod' }),
			403,
			'PERMISSION_DENIED',
			'projects/other',
		],
		[
			'bot',
			() => environments('bot').patch({ name: PROD, updateMask: 'labels', requestBody: { labels: { a: 'b' } } }),
			403,
			'PERMISSION_DENIED',
			'composer.environments.update',
		],
	])('refuses %s', async (token, call, code, status, message) => {
		expect(await refusalOf(call(token))).toMatchObject({ code, status, message: expect.stringContaining(message) });
	});
	function environmentsGet(token: string) {
		return environments(token).get({ name: PROD });
	}

	test('a refusal names the permission in its details', async () => {
		const { details } = await refusalOf(environmentsGet('nobody'));
		expect(details?.[0]).toMatchObject({
			reason: 'IAM_PERMISSION_DENIED',
			metadata: { permission: 'composer.environments.get' },
		});
	});

	test('an API that is off', async () => {
		it.world.project.enabledApis.delete('composer.googleapis.com');
		const refusal = await refusalOf(environmentsGet('bot'));
		it.world.project.enabledApis.add('composer.googleapis.com');
		expect(refusal).toMatchObject({ code: 403, details: [{ reason: 'SERVICE_DISABLED' }, {}] });
		expect(refusal.message).toMatch(
			/^Cloud Composer API has not been used in project 481516234200 before or it is disabled/,
		);
	});

	test('a perimeter', async () => {
		it.world.project.perimeter = { services: new Set(['composer.googleapis.com']), members: new Set() };
		const refusal = await refusalOf(environmentsGet('bot'));
		it.world.project.perimeter = undefined;
		expect(refusal.message).toMatch(
			/^Request is prohibited by organization's policy\. vpcServiceControlsUniqueIdentifier: \S+$/,
		);
	});
});

describe('an update', () => {
	const patch = (updateMask: string, requestBody: object) =>
		environments('owner').patch({ name: PROD, updateMask, requestBody });
	const settings = () => it.world.environments.get('prod')?.settings;

	test.each<[string, string, object, RegExp]>([
		['no mask', '', {}, /^Found 1 problem:\n\t1\) Request must not contain an empty update_mask\.$/],
		['an unknown path', 'config.nodeConfig.serviceAccount', {}, /Unsupported update_mask path: config\.nodeConfig/],
		[
			'two kinds at once',
			'labels,config.environmentSize',
			{ labels: { a: 'b' }, config: { environmentSize: 'ENVIRONMENT_SIZE_MEDIUM' } },
			/Only one type of update/,
		],
		['a map and a key of it', 'labels,labels.a', { labels: { a: 'b' } }, /must not contain both a map and single keys/],
		['no change', 'labels', {}, /No change in configuration\./],
		[
			'a concurrency that Composer 3 forbids',
			'config.softwareConfig.airflowConfigOverrides.celery-worker_concurrency',
			{ config: { softwareConfig: { airflowConfigOverrides: { 'celery-worker_concurrency': '40' } } } },
			/between 1 and 24/,
		],
		[
			'half a workloadsConfig',
			'config.workloadsConfig',
			{ config: { workloadsConfig: { worker: { cpu: 1, memoryGb: 4, storageGb: 1, minCount: 1, maxCount: 3 } } } },
			/Found 3 problems:[^]*scheduler must be set/,
		],
		['a field nobody knows', 'labels', { labls: {} }, /Unknown name "labls" at 'environment': Cannot find field/],
		[
			'a package in capitals',
			'config.softwareConfig.pypiPackages.Pandas',
			{ config: { softwareConfig: { pypiPackages: { Pandas: '==2.2' } } } },
			/PEP-508/,
		],
	])('refuses %s', async (_, mask, body, message) => {
		expect(await refusalOf(patch(mask, body))).toMatchObject({
			code: 400,
			status: 'INVALID_ARGUMENT',
			message: expect.stringMatching(message),
		});
		expect(it.world.environments.get('prod')?.state).toBe('RUNNING');
	});

	test('changes at its end only, blocks a second one, restarts the workers, and is in the audit log', async () => {
		const worker = it.world.environments.get('prod')?.pods.find(({ type }) => type === 'CELERY_WORKER')?.name;
		const { data } = await patch('config.softwareConfig.airflowConfigOverrides.celery-worker_concurrency', {
			config: { softwareConfig: { airflowConfigOverrides: { 'celery-worker_concurrency': '6' } } },
		});
		expect(data).toMatchObject({ metadata: { state: 'RUNNING', operationType: 'UPDATE', resource: PROD } });
		expect((await environments().get({ name: PROD })).data.state).toBe('UPDATING');
		expect(settings()?.airflowConfigOverrides).toEqual({});
		expect(await refusalOf(patch('labels', { labels: { a: 'b' } }))).toMatchObject({ status: 'FAILED_PRECONDITION' });
		it.clock.now += 8 * 60_000;
		expect((await operations().get({ name: data.name ?? '' })).data).toMatchObject({
			done: true,
			metadata: { state: 'SUCCEEDED', endTime: new Date(it.clock.now).toISOString() },
		});
		const { data: after } = await environments().get({ name: PROD });
		expect(after.state).toBe('RUNNING');
		expect(after.config?.softwareConfig?.airflowConfigOverrides).toEqual({ 'celery-worker_concurrency': '6' });
		expect(it.world.environments.get('prod')?.pods.map(({ name }) => name)).not.toContain(worker);
		const audit = it.world.log
			.entries()
			.filter(({ protoPayload }) => protoPayload?.['methodName'] === UPDATE)
			.filter(({ operation }) => operation);
		expect(audit.map(({ operation }) => [operation?.first ?? false, operation?.last ?? false])).toEqual([
			[true, false],
			[false, true],
		]);
		expect(audit[0]?.protoPayload).toMatchObject({ authenticationInfo: { principalEmail: 'owner@acme.example' } });
	});

	test('a key that the body leaves out is taken away; others stay; a map that is left out is cleared', async () => {
		const done = async (mask: string, body: object) => {
			await patch(mask, body);
			it.clock.now += 10 * 60_000;
			it.world.tick();
		};
		await done('labels', { labels: { team: 'data', tier: 'gold' } });
		await done('labels.team,labels.cost', { labels: { cost: '7' } });
		expect(settings()?.labels).toEqual({ tier: 'gold', cost: '7' });
		await done('labels', {});
		expect(settings()?.labels).toEqual({});
	});

	test('fails for the missing role that the facts tell of, and leaves the environment as it was', async () => {
		const project = it.world.project;
		const before = project.policy;
		project.policy = {
			...before,
			bindings: before.bindings.filter(({ role }) => role !== 'roles/composer.worker'),
		};
		const { data } = await patch('config.softwareConfig.pypiPackages.pandas', {
			config: { softwareConfig: { pypiPackages: { pandas: '==2.2.3' } } },
		});
		it.clock.now += 8 * 60_000;
		const { data: operation } = await operations().get({ name: data.name ?? '' });
		project.policy = before;
		expect(operation.error?.message).toMatch(/^Composer Backend timed out\.[^]*No agent response published/);
		expect(operation.metadata).toMatchObject({ state: 'FAILED' });
		expect(settings()?.pypiPackages).toEqual({});
		const { data: list } = await operations().list({ name: WHERE, filter: 'metadata.state=FAILED' });
		expect(list.operations?.map(({ name }) => name)).toEqual([data.name]);
	});

	test('an Airflow command', async () => {
		it.world.airflowCommand = (_, words) => ({ lines: [`ran ${words.join(' ')}`], exitCode: 0 });
		const { data } = await environments('owner').executeAirflowCommand({
			environment: PROD,
			requestBody: { command: 'pools', subcommand: 'list' },
		});
		const { data: polled } = await environments('owner').pollAirflowCommand({
			environment: PROD,
			requestBody: { executionId: data.executionId ?? '', pod: data.pod ?? '', podNamespace: data.podNamespace ?? '' },
		});
		expect(polled).toEqual({
			output: [{ lineNumber: 0, content: 'ran pools list' }],
			outputEnd: true,
			exitInfo: { exitCode: 0 },
		});
		expect(
			await refusalOf(environments().executeAirflowCommand({ environment: PROD, requestBody: { command: 'pools' } })),
		).toMatchObject({ code: 403, message: expect.stringContaining('composer.environments.executeAirflowCommand') });
	});
});

describe('policies', () => {
	const projects = (token?: string) => cloudresourcemanager({ version: 'v3', ...against(it.google, token) }).projects;
	const accounts = (token?: string) => iam({ version: 'v1', ...against(it.google, token) }).projects.serviceAccounts;
	const buckets = (token?: string) => storage({ version: 'v1', ...against(it.google, token) }).buckets;
	const bucket = () => it.world.environments.get('staging')?.bucket ?? '';

	test('the project: number, policy, own rights', async () => {
		expect((await projects().get({ name: 'projects/acme-data-prod' })).data).toMatchObject({
			name: 'projects/481516234200',
			projectId: 'acme-data-prod',
		});
		const { data } = await projects().getIamPolicy({ resource: 'projects/acme-data-prod' });
		expect(data.bindings).toContainEqual({
			role: 'roles/composer.worker',
			members: expect.arrayContaining([`serviceAccount:${SA}`]),
		});
		const asked = ['composer.environments.get', 'composer.environments.update', 'logging.logEntries.list'];
		const { data: held } = await projects().testIamPermissions({
			resource: 'projects/acme-data-prod',
			requestBody: { permissions: asked },
		});
		expect(held.permissions).toEqual(['composer.environments.get', 'logging.logEntries.list']);
		const { data: none } = await projects('nobody').testIamPermissions({
			resource: 'projects/acme-data-prod',
			requestBody: { permissions: asked },
		});
		expect(none).toEqual({});
	});

	test('setting one: the whole of it, guarded by its etag, and in the audit log with the complete policy', async () => {
		const resource = `projects/acme-data-prod/serviceAccounts/${SA.replace('prod@', 'staging@')}`;
		const { data: before } = await accounts('owner').getIamPolicy({ resource });
		const bindings = (before.bindings ?? []).filter(({ role }) => role !== 'roles/iam.workloadIdentityUser');
		const wanted = {
			...before,
			bindings: [
				...bindings,
				{ role: 'roles/iam.workloadIdentityUser', members: ['serviceAccount:acme-data-prod.svc.id.goog[jobs/etl]'] },
			],
		};
		const { data: after } = await accounts('owner').setIamPolicy({ resource, requestBody: { policy: wanted } });
		expect(after.bindings?.find(({ role }) => role?.endsWith('workloadIdentityUser'))?.members).toEqual([
			'serviceAccount:acme-data-prod.svc.id.goog[jobs/etl]',
		]);
		expect(
			await refusalOf(accounts('owner').setIamPolicy({ resource, requestBody: { policy: wanted } })),
		).toMatchObject({ code: 409, status: 'ABORTED' });
		const entry = it.world.log
			.entries()
			.findLast(
				({ protoPayload }) =>
					protoPayload?.['methodName'] === 'google.iam.admin.v1.SetIAMPolicy' && !protoPayload['status'],
			);
		expect(entry).toMatchObject({
			resource: { type: 'service_account', labels: { email_id: SA.replace('prod@', 'staging@') } },
			protoPayload: {
				authenticationInfo: { principalEmail: 'owner@acme.example' },
				response: { bindings: after.bindings, etag: after.etag },
			},
		});
	});

	test('refusals: in the words of each service', async () => {
		const resource = `projects/-/serviceAccounts/${SA}`;
		expect((await refusalOf(accounts('nobody').getIamPolicy({ resource }))).message).toBe(
			"Permission 'iam.serviceAccounts.getIamPolicy' denied on resource (or it may not exist).",
		);
		expect(
			await refusalOf(
				accounts('owner').get({ name: 'projects/-/serviceAccounts/gone@acme-data-prod.iam.gserviceaccount.com' }),
			),
		).toMatchObject({ code: 404, message: expect.stringMatching(/^Unknown service account/) });
		const storageRefusal = await refusalOf(buckets('nobody').getIamPolicy({ bucket: bucket() }));
		expect(storageRefusal.message).toMatch(
			/^nobody@acme\.example does not have storage\.buckets\.getIamPolicy access to the Google Cloud Storage bucket/,
		);
		expect(storageRefusal.errors).toEqual([expect.objectContaining({ reason: 'forbidden' })]);
		expect(
			await refusalOf(
				projects('owner').setIamPolicy({
					resource: 'projects/acme-data-prod',
					requestBody: { policy: { bindings: [{ role: 'roles/composer.wrker', members: ['user:a@b.example'] }] } },
				}),
			),
		).toMatchObject({ code: 400, message: expect.stringContaining('roles/composer.wrker') });
	});

	test('a bucket: its own policy counts beside the project', async () => {
		const permissions = ['storage.buckets.getIamPolicy', 'storage.objects.get'];
		give(it.world, { kind: 'bucket', name: bucket() }, 'roles/storage.objectViewer', 'user:nobody@acme.example');
		const { data } = await buckets('nobody').testIamPermissions({ bucket: bucket(), permissions });
		expect(data.permissions).toEqual(['storage.objects.get']);
		const { data: policy } = await buckets().getIamPolicy({ bucket: bucket() });
		expect(policy).toMatchObject({ kind: 'storage#policy', resourceId: `projects/_/buckets/${bucket()}` });
		expect(policy.bindings).toContainEqual({
			role: 'roles/storage.objectViewer',
			members: ['user:nobody@acme.example'],
		});
	});

	test('an account that is disabled says so, and holds nothing any more', async () => {
		const name = `projects/acme-data-prod/serviceAccounts/${SA}`;
		await accounts('owner').disable({ name });
		expect((await accounts('owner').get({ name })).data.disabled).toBe(true);
		expect(it.world.log.entries().at(-1)?.protoPayload).toMatchObject({
			methodName: 'google.iam.admin.v1.DisableServiceAccount',
		});
		await accounts('owner').enable({ name });
		expect((await accounts('owner').get({ name })).data.disabled).toBeUndefined();
	});
});

test('services: which are on, paged, and switching one off is in the audit log', async () => {
	const services = (token?: string) => serviceusage({ version: 'v1', ...against(it.google, token) }).services;
	it.google.limitPages(5);
	const names: string[] = [];
	let pageToken: string | undefined;
	do {
		const { data } = await services().list({
			parent: 'projects/acme-data-prod',
			filter: 'state:ENABLED',
			pageSize: 200,
			...(pageToken && { pageToken }),
		});
		names.push(...(data.services ?? []).map(({ config }) => config?.name ?? ''));
		pageToken = data.nextPageToken ?? undefined;
	} while (pageToken);
	expect(names).toEqual([...it.world.project.enabledApis].toSorted());
	await services('owner').disable({ name: 'projects/acme-data-prod/services/pubsub.googleapis.com', requestBody: {} });
	expect((await services().get({ name: 'projects/acme-data-prod/services/pubsub.googleapis.com' })).data.state).toBe(
		'DISABLED',
	);
	expect(it.world.log.entries().at(-1)?.protoPayload).toMatchObject({
		methodName: 'google.api.serviceusage.v1.ServiceUsage.DisableService',
		resourceName: 'projects/481516234200/services/pubsub.googleapis.com',
	});
	await services('owner').enable({ name: 'projects/acme-data-prod/services/pubsub.googleapis.com', requestBody: {} });
});

describe('faults', () => {
	test.each([
		['denied', 403],
		['rate-limited', 429],
		['unavailable', 503],
		['internal', 500],
		['unauthenticated', 401],
	] as const)('%s is %i, once', async (kind, code) => {
		it.google.faults({ op: 'composer.environments.get', kind, times: 1 });
		expect((await refusalOf(environments().get({ name: PROD }))).code).toBe(code);
		await environments().get({ name: PROD });
	});

	test.each(['timeout', 'reset', 'reset-after-effect'] as const)('%s: no answer', async (kind) => {
		it.google.faults({ op: '*', kind, times: 1 });
		await expect(environments().get({ name: PROD }, { timeout: 200 })).rejects.toThrow();
	});

	test('late, held back, and every call is counted with its caller', async () => {
		it.google.forgetCalls();
		const hold = it.google.holdNextReply('composer.environments.get');
		const reply = environments().get({ name: PROD });
		expect(await hold.reached).toMatchObject({
			op: 'composer.environments.get',
			by: 'concertmaster@acme-data-prod.iam.gserviceaccount.com',
		});
		hold.release();
		await reply;
		it.google.faults({ op: '*', kind: 'late', lateMs: 30, times: 1 });
		await environments().get({ name: PROD });
		expect(it.google.calls().map(({ op, method }) => [op, method])).toEqual([
			['composer.environments.get', 'GET'],
			['composer.environments.get', 'GET'],
		]);
	});
});

describe('Monitoring', () => {
	const timeSeries = (token?: string) =>
		monitoring({ version: 'v3', ...against(it.google, token) }).projects.timeSeries;
	const name = 'projects/acme-data-prod';
	const MEMORY = 'composer.googleapis.com/workload/memory/bytes_used';
	const at = (minute: number) => it.clock.now - (10 - minute) * 60_000;
	const pod = (workload_name: string) => ({
		type: 'cloud_composer_workload',
		labels: {
			project_id: 'acme-data-prod',
			location: 'europe-west1',
			environment_name: 'prod',
			type: 'CELERY_WORKER',
			workload_name,
		},
	});
	const environment = {
		type: 'cloud_composer_environment',
		labels: { project_id: 'acme-data-prod', location: 'europe-west1', environment_name: 'prod' },
	};
	const interval = () => ({
		'interval.startTime': new Date(at(0)).toISOString(),
		'interval.endTime': new Date(at(10)).toISOString(),
	});
	beforeAll(() => {
		for (let minute = 1; minute <= 10; minute++) {
			it.world.metrics.put({ metric: MEMORY, resource: pod('airflow-worker-a') }, minute * 100, at(minute));
			it.world.metrics.put({ metric: MEMORY, resource: pod('airflow-worker-b') }, minute * 10, at(minute));
			it.world.metrics.put(
				{ metric: 'composer.googleapis.com/environment/scheduler_heartbeat_count', resource: environment },
				4,
				at(minute),
			);
			it.world.metrics.put(
				{ metric: 'composer.googleapis.com/environment/healthy', resource: environment },
				minute === 3 ? 0 : 1,
				at(minute),
			);
		}
	});
	const filter = `metric.type = "${MEMORY}" AND resource.labels.environment_name = "prod"`;

	test('a series a pod, newest first, in the types of the metric', async () => {
		const { data } = await timeSeries().list({ name, filter, ...interval() });
		expect(
			data.timeSeries?.map(({ resource, valueType, metricKind, points }) => [
				resource?.labels?.['workload_name'],
				valueType,
				metricKind,
				points?.length,
				points?.[0]?.value,
			]),
		).toEqual([
			['airflow-worker-a', 'INT64', 'GAUGE', 10, { int64Value: '1000' }],
			['airflow-worker-b', 'INT64', 'GAUGE', 10, { int64Value: '100' }],
		]);
		expect(data.timeSeries?.[0]?.points?.[0]?.interval).toEqual({
			startTime: new Date(at(10)).toISOString(),
			endTime: new Date(at(10)).toISOString(),
		});
	});

	test.each<[string, string, object, (string | number | undefined)[][]]>([
		[
			'mean of five minutes',
			MEMORY,
			{ aligner: 'ALIGN_MEAN', period: '300s' },
			[
				[800, 300],
				[80, 30],
			],
		],
		[
			'the peak over all pods',
			MEMORY,
			{ aligner: 'ALIGN_MAX', period: '300s', reducer: 'REDUCE_MAX' },
			[['1000', '500']],
		],
		[
			'one for each type',
			MEMORY,
			{ aligner: 'ALIGN_MAX', period: '300s', reducer: 'REDUCE_SUM', groupBy: ['resource.labels.type'] },
			[['1100', '550']],
		],
		[
			'heartbeats added up',
			'composer.googleapis.com/environment/scheduler_heartbeat_count',
			{ aligner: 'ALIGN_DELTA', period: '300s' },
			[['20', '20']],
		],
		[
			'heartbeats a second',
			'composer.googleapis.com/environment/scheduler_heartbeat_count',
			{ aligner: 'ALIGN_RATE', period: '60s' },
			[Array.from({ length: 10 }, () => 4 / 60)],
		],
		[
			'minutes of health',
			'composer.googleapis.com/environment/healthy',
			{ aligner: 'ALIGN_COUNT_TRUE', period: '600s' },
			[['9']],
		],
	])('%s', async (_, metric, by, expected) => {
		const { aligner, period, reducer, groupBy } = by as {
			aligner: string;
			period: string;
			reducer?: string;
			groupBy?: string[];
		};
		const { data } = await timeSeries().list({
			name,
			filter: `metric.type="${metric}"`,
			...interval(),
			'aggregation.alignmentPeriod': period,
			'aggregation.perSeriesAligner': aligner,
			...(reducer && { 'aggregation.crossSeriesReducer': reducer }),
			...(groupBy && { 'aggregation.groupByFields': groupBy }),
		});
		expect(
			data.timeSeries?.map(({ points }) =>
				points?.map(({ value }) => value?.doubleValue ?? value?.int64Value ?? undefined),
			),
		).toEqual(expected);
		if (groupBy) expect(data.timeSeries?.[0]?.resource?.labels).toEqual({ type: 'CELERY_WORKER' });
	});

	test('pages of points: nothing lost, nothing twice', async () => {
		it.google.limitPages(3);
		const seen: string[] = [];
		let pages = 0;
		let pageToken: string | undefined;
		do {
			const { data } = await timeSeries().list({ name, filter, ...interval(), ...(pageToken && { pageToken }) });
			for (const { resource, points } of data.timeSeries ?? [])
				seen.push(...(points ?? []).map(({ value }) => `${resource?.labels?.['workload_name']} ${value?.int64Value}`));
			pageToken = data.nextPageToken ?? undefined;
			pages++;
		} while (pageToken);
		expect(pages).toBe(7);
		expect(new Set(seen).size).toBe(20);
		expect(seen).toHaveLength(20);
	});

	test.each<[string, object, number, RegExp]>([
		['a filter without metric', { filter: 'resource.type="x"' }, 400, /metric\.type must be specified/],
		['a filter that is none', { filter: `metric.type="${MEMORY}" AND` }, 400, /Could not parse filter/],
		['an unknown selector', { filter: `metric.type="${MEMORY}" AND thud="x"` }, 400, /Could not parse filter/],
		[
			'a metric that is not there',
			{ filter: 'metric.type="composer.googleapis.com/environment/no_such"' },
			404,
			/Cannot find metric/,
		],
		['no end', { 'interval.endTime': undefined }, 400, /endTime is required/],
		['an end before its start', { 'interval.endTime': '2026-01-01T00:00:00Z' }, 400, /must not be later/],
		[
			'a period below a minute',
			{ 'aggregation.perSeriesAligner': 'ALIGN_MEAN', 'aggregation.alignmentPeriod': '30s' },
			400,
			/at least 60 seconds/,
		],
		[
			'a rate of a level',
			{ 'aggregation.perSeriesAligner': 'ALIGN_RATE', 'aggregation.alignmentPeriod': '60s' },
			400,
			/cannot be applied to metrics with kind GAUGE/,
		],
		['a reducer alone', { 'aggregation.crossSeriesReducer': 'REDUCE_MAX' }, 400, /perSeriesAligner must be specified/],
		['an order', { orderBy: 'timestamp desc' }, 400, /orderBy/],
	])('refuses %s', async (_, changes, code, message) => {
		expect(await refusalOf(timeSeries().list({ name, filter, ...interval(), ...changes }))).toMatchObject({
			code,
			message: expect.stringMatching(message),
		});
	});

	test('a metric without points is an empty answer; no right is its own sentence', async () => {
		const empty = await timeSeries().list({
			name,
			filter: 'metric.type="composer.googleapis.com/environment/worker/pod_eviction_count"',
			...interval(),
		});
		expect(empty.data.timeSeries).toBeUndefined();
		expect((await refusalOf(timeSeries('nobody').list({ name, filter, ...interval() }))).message).toBe(
			'Permission monitoring.timeSeries.list denied (or the resource may not exist).',
		);
	});
});
