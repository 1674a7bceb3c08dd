import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
	addBinding,
	deleteServiceAccount,
	ownBinding,
	removeBinding,
	setApi,
	setPolicy,
	setServiceAccountDisabled,
	updateEnvironment,
} from '../../src/sandbox/world/acts.ts';
import { NEEDS } from '../../src/domain/needs.ts';
import { addCaller, addEnvironment, agentOf } from '../../src/sandbox/world/environments.ts';
import { may, podIdentity, rolesOf } from '../../src/sandbox/world/may.ts';
import { carries, ROLES } from '../../src/sandbox/world/roles.ts';
import { readPatch } from '../../src/sandbox/world/patch.ts';
import { give, newPolicy, policyAfter, policyOf, take } from '../../src/sandbox/world/policy.ts';
import { GoogleRefusal } from '../../src/sandbox/world/refusal.ts';
import { openLog } from '../../src/sandbox/world/log.ts';
import { openMetrics } from '../../src/sandbox/world/metrics.ts';
import type { Binding, Happening, Place } from '../../src/sandbox/world/types.ts';
import { openWorld, type World } from '../../src/sandbox/world/world.ts';

const OWNER = 'owner@acme.example';
const SA = 'composer-prod@acme.iam.gserviceaccount.com';
const PROJECT: Place = { kind: 'project' };
const ACCOUNT: Place = { kind: 'serviceAccount', email: SA };

function stand(image = 'composer-2.16.10-airflow-2.11.1'): {
	world: World;
	clock: { now: number };
	heard: Happening[];
} {
	const clock = { now: Date.parse('2026-11-24T12:00:00Z') };
	const world = openWorld({ project: 'acme', now: () => clock.now });
	addEnvironment(world, { name: 'prod', imageVersion: image, airflowUri: 'https://prod.example' });
	addCaller(world, 'owner', OWNER, ['roles/owner']);
	const heard: Happening[] = [];
	world.onChange((happening) => heard.push(happening));
	return { world, clock, heard };
}

function refusal(act: () => unknown): GoogleRefusal {
	try {
		act();
	} catch (error) {
		if (error instanceof GoogleRefusal) return error;
		throw error;
	}
	throw new Error('Nothing was refused.');
}

describe('who may do what', () => {
	test('a healthy environment: the account works, its agent binds, the bucket is its own', () => {
		const { world } = stand();
		expect(may(world, SA, 'storage.objects.create')).toBe(true);
		expect(may(world, SA, 'cloudbuild.builds.create')).toBe(true);
		expect(may(world, SA, 'bigquery.jobs.create')).toBe(false);
		expect(may(world, agentOf(world), 'iam.serviceAccounts.setIamPolicy', ACCOUNT)).toBe(true);
		expect(may(world, agentOf(world), 'iam.serviceAccounts.setIamPolicy')).toBe(false);
		const { bucket, cluster } = world.environments.get('prod') ?? {};
		expect(rolesOf(world, SA, { kind: 'bucket', name: bucket ?? '' })).toEqual(['roles/storage.objectAdmin']);
		expect(podIdentity(world, cluster ?? '', 'composer-user-workloads', 'default')).toEqual({ as: SA });
	});

	test('Composer 3 has no cluster to be seen and needs no extension role', () => {
		const { world } = stand('composer-3-airflow-3.1.7-build.7');
		expect(world.clusters.size).toBe(0);
		expect(world.environments.get('prod')?.cluster).toBeUndefined();
		expect(policyOf(world, ACCOUNT).bindings).toEqual([]);
	});

	test.each<[string, (world: World) => void, boolean]>([
		[
			'by a role on the project',
			(world) => give(world, PROJECT, 'roles/secretmanager.secretAccessor', `user:x@acme.example`),
			true,
		],
		[
			'by a role on the secret',
			(world) => give(world, { kind: 'secret', id: 's' }, 'roles/secretmanager.secretAccessor', `user:x@acme.example`),
			true,
		],
		[
			'by a role on another secret',
			(world) => give(world, { kind: 'secret', id: 't' }, 'roles/secretmanager.secretAccessor', `user:x@acme.example`),
			false,
		],
		[
			'by a group',
			(world) => {
				world.groups.set('team@acme.example', new Set(['user:x@acme.example']));
				give(world, PROJECT, 'roles/secretmanager.secretAccessor', 'group:team@acme.example');
			},
			true,
		],
		[
			'by a group he is not in',
			(world) => give(world, PROJECT, 'roles/secretmanager.secretAccessor', 'group:team@acme.example'),
			false,
		],
		[
			'by the domain',
			(world) => give(world, PROJECT, 'roles/secretmanager.secretAccessor', 'domain:acme.example'),
			true,
		],
		[
			'by a custom role',
			(world) => {
				world.project.customRoles.set('projects/acme/roles/reader', ['secretmanager.versions.access']);
				give(world, PROJECT, 'projects/acme/roles/reader', 'user:x@acme.example');
			},
			true,
		],
		[
			'by a role that does not carry it',
			(world) => give(world, PROJECT, 'roles/secretmanager.viewer', 'user:x@acme.example'),
			false,
		],
		['as somebody else', (world) => give(world, PROJECT, 'roles/owner', 'serviceAccount:x@acme.example'), false],
	])('may read a secret %s', (_, prepare, expected) => {
		const { world } = stand();
		for (const id of ['s', 't']) world.secrets.set(id, { id, policy: newPolicy(), versions: 1 });
		prepare(world);
		expect(may(world, 'x@acme.example', 'secretmanager.versions.access', { kind: 'secret', id: 's' })).toBe(expected);
	});

	test.each<[string, boolean]>([
		['request.time < timestamp("2027-01-01T00:00:00Z")', true],
		['request.time < timestamp("2026-01-01T00:00:00Z")', false],
		['resource.name.startsWith("projects/_/buckets/lake")', true],
		['resource.name.startsWith("projects/_/buckets/other")', false],
		['resource.name == "projects/_/buckets/lake" && request.time > timestamp("2026-01-01T00:00:00Z")', true],
	])('on the condition %s', (expression, expected) => {
		const { world } = stand();
		world.buckets.set('lake', { name: 'lake', location: 'EU', policy: newPolicy(), objects: new Map() });
		addBinding(world, OWNER, PROJECT, 'roles/storage.objectViewer', 'user:x@acme.example', { title: 't', expression });
		expect(policyOf(world, PROJECT).version).toBe(3);
		expect(may(world, 'x@acme.example', 'storage.objects.get', { kind: 'bucket', name: 'lake' })).toBe(expected);
	});

	test('a condition that is not understood is refused, never silently false', () => {
		const { world } = stand();
		const condition = { title: 't', expression: 'resource.matchTag("a", "b")' };
		expect(
			refusal(() => addBinding(world, OWNER, PROJECT, 'roles/viewer', 'user:x@acme.example', condition)).status,
		).toBe('INVALID_ARGUMENT');
	});

	test('an account that is disabled or deleted holds nothing; the pod behind it neither', () => {
		const { world } = stand();
		const cluster = world.environments.get('prod')?.cluster ?? '';
		setServiceAccountDisabled(world, OWNER, SA, true);
		expect(may(world, SA, 'storage.objects.get')).toBe(false);
		expect(podIdentity(world, cluster, 'composer-system', 'default')).toMatchObject({
			as: undefined,
			because: 'no-account',
		});
		setServiceAccountDisabled(world, OWNER, SA, false);
		expect(may(world, SA, 'storage.objects.get')).toBe(true);
		deleteServiceAccount(world, OWNER, SA);
		expect(may(world, SA, 'storage.objects.get')).toBe(false);
	});

	test("Terraform's authoritative binding takes the others away: the seed's third trap", () => {
		const { world } = stand();
		const cluster = world.environments.get('prod')?.cluster ?? '';
		const lost =
			policyOf(world, ACCOUNT).bindings.find(({ role }) => role === 'roles/iam.workloadIdentityUser')?.members ?? [];
		ownBinding(world, OWNER, ACCOUNT, 'roles/iam.workloadIdentityUser', ['serviceAccount:acme.svc.id.goog[jobs/etl]']);
		expect(podIdentity(world, cluster, 'composer-user-workloads', 'default')).toMatchObject({
			because: 'no-binding',
			account: SA,
		});
		const entry = world.log.entries().at(-1)?.protoPayload;
		expect(entry?.['serviceData']).toMatchObject({
			policyDelta: {
				bindingDeltas: [
					...lost.map((member) => ({ action: 'REMOVE', role: 'roles/iam.workloadIdentityUser', member })),
					{
						action: 'ADD',
						role: 'roles/iam.workloadIdentityUser',
						member: 'serviceAccount:acme.svc.id.goog[jobs/etl]',
					},
				],
			},
		});
		for (const member of lost) addBinding(world, OWNER, ACCOUNT, 'roles/iam.workloadIdentityUser', member);
		expect(podIdentity(world, cluster, 'composer-user-workloads', 'default')).toEqual({ as: SA });
	});
});

test.each(Object.entries(NEEDS))(
	'the role that the bot asks for carries what it needs: %s',
	(_, { permission, role }) => {
		expect([role, carries(ROLES[role] ?? [], permission)]).toEqual([role, true]);
	},
);

describe('acts', () => {
	test.each<[string, (world: World, by: string) => unknown, string]>([
		[
			'the project',
			(world, by) => addBinding(world, by, PROJECT, 'roles/viewer', 'user:a@b.example'),
			'resourcemanager.projects.setIamPolicy',
		],
		[
			'an account',
			(world, by) => addBinding(world, by, ACCOUNT, 'roles/iam.serviceAccountUser', 'user:a@b.example'),
			'iam.serviceAccounts.setIamPolicy',
		],
		['its state', (world, by) => setServiceAccountDisabled(world, by, SA, true), 'iam.serviceAccounts.disable'],
		['an API', (world, by) => setApi(world, by, 'pubsub.googleapis.com', false), 'serviceusage.services.disable'],
		[
			'a bucket',
			(world, by) =>
				addBinding(
					world,
					by,
					{ kind: 'bucket', name: world.environments.get('prod')?.bucket ?? '' },
					'roles/storage.objectViewer',
					'user:a@b.example',
				),
			'storage.buckets.setIamPolicy',
		],
	])('%s: who lacks the right changes nothing, and that is in the audit log', (_, act, permission) => {
		const { world, heard } = stand();
		const before = JSON.stringify([
			world.project.policy,
			...[...world.accounts.values()].map((one) => [one.policy, one.disabled]),
			[...world.project.enabledApis],
		]);
		expect(refusal(() => act(world, 'nobody@acme.example'))).toMatchObject({
			status: 'PERMISSION_DENIED',
			message: expect.stringContaining(permission),
		});
		expect(
			JSON.stringify([
				world.project.policy,
				...[...world.accounts.values()].map((one) => [one.policy, one.disabled]),
				[...world.project.enabledApis],
			]),
		).toBe(before);
		expect(heard).toEqual([]);
		const entry = world.log.entries().at(-1);
		expect(entry?.severity).toBe('ERROR');
		expect(entry?.protoPayload).toMatchObject({ status: { code: 7 }, authorizationInfo: [{ permission }] });
		expect(entry?.protoPayload?.['authorizationInfo']).not.toEqual([expect.objectContaining({ granted: true })]);
		act(world, OWNER);
		expect(world.log.entries().at(-1)?.protoPayload).toMatchObject({
			authenticationInfo: { principalEmail: OWNER },
			authorizationInfo: [{ permission, granted: true }],
		});
		expect(heard).toHaveLength(1);
	});

	test('an account that is not there cannot be given a role; a role that is not held cannot be taken', () => {
		const { world } = stand();
		expect(
			refusal(() =>
				addBinding(world, OWNER, PROJECT, 'roles/viewer', 'serviceAccount:gone@acme.iam.gserviceaccount.com'),
			).message,
		).toBe('Service account gone@acme.iam.gserviceaccount.com does not exist.');
		expect(refusal(() => removeBinding(world, OWNER, PROJECT, 'roles/viewer', 'user:a@b.example')).status).toBe(
			'NOT_FOUND',
		);
		expect(refusal(() => setPolicy(world, OWNER, { kind: 'bucket', name: 'none' }, { bindings: [] })).status).toBe(
			'NOT_FOUND',
		);
	});

	test('switching Composer off ends its environments for good', () => {
		const { world } = stand();
		setApi(world, OWNER, 'composer.googleapis.com', false);
		setApi(world, OWNER, 'composer.googleapis.com', true);
		expect(world.environments.get('prod')?.state).toBe('ERROR');
	});
});

describe('an update', () => {
	const update = (world: World, mask: string, body: object) => {
		const environment = world.environments.get('prod');
		if (!environment) throw new Error('no prod');
		return updateEnvironment(world, OWNER, 'prod', readPatch(environment, mask, body));
	};
	const PACKAGE = [
		'config.softwareConfig.pypiPackages.pandas',
		{ config: { softwareConfig: { pypiPackages: { pandas: '==2.2' } } } },
	] as const;

	test.each<[string, (world: World) => void, RegExp]>([
		[
			'the account without Composer Worker',
			(world) => take(world, PROJECT, 'roles/composer.worker', `serviceAccount:${SA}`),
			/timed out[^]*CP_COMPOSER_AGENT_RUNNING[^]*No agent response published/,
		],
		[
			'the agent without its role',
			(world) => take(world, PROJECT, 'roles/composer.serviceAgent', `serviceAccount:${agentOf(world)}`),
			/Service Agent role is missing/,
		],
		[
			'the agent without its extension',
			(world) => take(world, ACCOUNT, 'roles/composer.ServiceAgentV2Ext', `serviceAccount:${agentOf(world)}`),
			/Service Agent Extension role might be missing/,
		],
		[
			'what a check says',
			(world) => void world.updateChecks.push(() => ({ code: 3, message: 'Failed to install PyPI packages.' })),
			/Failed to install/,
		],
	])('fails for %s', (_, prepare, message) => {
		const { world, clock, heard } = stand();
		prepare(world);
		const operation = update(world, ...PACKAGE);
		clock.now += world.updateMs - 1;
		world.tick();
		expect(operation.state).toBe('RUNNING');
		clock.now += 1;
		world.tick();
		expect(operation).toMatchObject({
			state: 'FAILED',
			endedAt: clock.now,
			error: { message: expect.stringMatching(message) },
		});
		expect(world.environments.get('prod')).toMatchObject({ state: 'RUNNING', settings: { pypiPackages: {} } });
		expect(heard.map(({ what }) => what)).toEqual(['operation-started', 'operation-ended']);
		expect(world.log.entries().at(-1)).toMatchObject({
			severity: 'ERROR',
			operation: { id: operation.id, last: true },
			protoPayload: { status: { message: expect.stringMatching(message) } },
		});
	});

	test('other bounds of autoscaling leave the running workers alone; another size replaces them', () => {
		const { world, clock } = stand();
		const environment = world.environments.get('prod');
		if (!environment) throw new Error('no prod');
		const workers = () => environment.pods.filter(({ type }) => type === 'CELERY_WORKER').map(({ name }) => name);
		const [first] = workers();
		const resize = (changes: object) => {
			const { workloads } = environment.settings;
			update(world, 'config.workloadsConfig', {
				config: { workloadsConfig: { ...workloads, worker: { ...workloads.worker, ...changes } } },
			});
			clock.now += world.updateMs;
			world.tick();
		};
		resize({ maxCount: 5 });
		expect(workers()).toEqual([first]);
		resize({ memoryGb: 3.25 });
		expect(workers()).toHaveLength(1);
		expect(workers()).not.toContain(first);
		resize({ minCount: 2 });
		expect(workers()).toHaveLength(2);
		expect(environment.settings.workloads.worker).toMatchObject({ memoryGb: 3.25, minCount: 2, maxCount: 5 });
	});

	test('whoever updates must be allowed to act as the account of the environment; labels are none of its business', () => {
		const { world, clock } = stand();
		addCaller(world, 'ci', 'ci@acme.example', ['roles/composer.admin']);
		const environment = world.environments.get('prod');
		if (!environment) throw new Error('no prod');
		const asCi = (mask: string, body: object) =>
			updateEnvironment(world, 'ci@acme.example', 'prod', readPatch(environment, mask, body));
		expect(refusal(() => asCi(...PACKAGE))).toMatchObject({
			status: 'PERMISSION_DENIED',
			message: expect.stringMatching(/^User not authorized to act as service account .*iam\.serviceAccounts\.actAs/),
		});
		expect(world.log.entries().at(-1)).toMatchObject({
			severity: 'ERROR',
			protoPayload: { status: { code: 7 }, authorizationInfo: [{ permission: 'iam.serviceAccounts.actAs' }] },
		});
		asCi('labels', { labels: { team: 'data' } });
		clock.now += world.updateMs;
		world.tick();
		give(world, ACCOUNT, 'roles/iam.serviceAccountUser', 'user:ci@acme.example');
		expect(asCi(...PACKAGE).state).toBe('RUNNING');
	});

	test('a size that the generation does not have is named', () => {
		const { world } = stand();
		const workloads = world.environments.get('prod')?.settings.workloads;
		expect(
			refusal(() =>
				update(world, 'config.workloadsConfig', {
					config: { workloadsConfig: { ...workloads, worker: { ...workloads?.worker, cpu: 0.6, minCount: 9 } } },
				}),
			).message,
		).toMatch(/^Found 2 problems:[^]*0\.6 vCPU is not allowed[^]*min_count must not be above max_count/);
	});
});

describe('policies, for any history', () => {
	const role = fc.constantFrom('roles/viewer', 'roles/editor', 'roles/composer.user');
	const member = fc.constantFrom('user:a@b.example', 'user:c@d.example', 'group:g@b.example');
	const bindings: fc.Arbitrary<Binding[]> = fc.array(fc.record({ role, members: fc.array(member, { maxLength: 3 }) }), {
		maxLength: 5,
	});
	const holders = (all: readonly Binding[]): Set<string> =>
		new Set(all.flatMap((one) => one.members.map((each) => `${one.role} ${each}`)));

	test('what is written is what is held: one binding a role, no empty ones, a new etag', () => {
		fc.assert(
			fc.property(bindings, bindings, (first, second) => {
				const before = policyAfter(newPolicy(), first);
				const after = policyAfter(before, second);
				expect(holders(after.bindings)).toEqual(holders(second));
				expect(new Set(after.bindings.map((one) => one.role)).size).toBe(after.bindings.length);
				expect(after.bindings.every(({ members }) => members.length > 0)).toBe(true);
				expect(after.etag).not.toBe(before.etag);
			}),
		);
	});

	test('the deltas of the audit log, put one after the other, are the policy', () => {
		fc.assert(
			fc.property(fc.array(bindings, { minLength: 1, maxLength: 5 }), (history) => {
				const { world } = stand();
				const rest = policyOf(world, PROJECT).bindings.filter((one) => one.role === 'roles/owner');
				setPolicy(world, OWNER, PROJECT, { bindings: rest });
				const held = holders(rest);
				for (const one of history) setPolicy(world, OWNER, PROJECT, { bindings: [...rest, ...one] });
				const entries = world.log
					.entries()
					.filter(({ protoPayload }) => protoPayload?.['methodName'] === 'SetIamPolicy')
					.slice(1);
				for (const { protoPayload } of entries)
					for (const { action, role: of, member: who } of deltasOf(protoPayload?.['serviceData']))
						if (action === 'ADD') held.add(`${of} ${who}`);
						else held.delete(`${of} ${who}`);
				expect(held).toEqual(holders(policyOf(world, PROJECT).bindings));
			}),
			{ numRuns: 30 },
		);
	});

	function deltasOf(data: unknown): { action: string; role: string; member: string }[] {
		return (
			(data as { policyDelta?: { bindingDeltas: { action: string; role: string; member: string }[] } } | undefined)
				?.policyDelta?.bindingDeltas ?? []
		);
	}
});

test('the log keeps its newest entries, in the order of their times, whatever order they came in', () => {
	fc.assert(
		fc.property(fc.array(fc.integer({ min: 0, max: 50 }), { maxLength: 60 }), (times) => {
			const log = openLog('acme', () => 1000, 20);
			for (const at of times) log.write({ log: 'l', resource: { type: 't', labels: {} }, text: '', at });
			const kept = log.entries().map(({ timestamp }) => timestamp);
			expect(kept).toEqual(kept.toSorted((a, b) => a - b));
			expect(kept.length).toBeLessThanOrEqual(24);
			expect(kept.length).toBeGreaterThanOrEqual(Math.min(times.length, 20));
		}),
	);
});

test('metrics: a series a set of labels, points in order, a second one at the same time replaces the first', () => {
	const metrics = openMetrics(() => 0);
	const id = (pod: string) => ({ metric: 'm', resource: { type: 't', labels: { pod, env: 'prod' } } });
	metrics.put(id('a'), 1, 60);
	metrics.put(id('a'), 3, 180);
	metrics.put(id('a'), 2, 120);
	metrics.put({ metric: 'm', resource: { type: 't', labels: { env: 'prod', pod: 'a' } } }, 20, 120);
	metrics.put(id('b'), 9, 60);
	expect(metrics.series('m').map(({ points }) => points)).toEqual([
		[
			[60, 1],
			[120, 20],
			[180, 3],
		],
		[[60, 9]],
	]);
});
