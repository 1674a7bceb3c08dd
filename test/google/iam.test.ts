import { afterEach, describe, expect, jest, test } from '@jest/globals';
import { setServiceAccountDisabled } from '../../src/sandbox/world/acts.ts';
import { closeAll, environmentOf, stand } from './stand.ts';

// The first call loads Google's libraries.
jest.setTimeout(30_000);
afterEach(closeAll);

describe('who may do what', () => {
	test('policies, the account and the enabled APIs as they are', async () => {
		const it = await stand();
		const { serviceAccount, bucket } = environmentOf(it, 'staging');
		const roles = await it.who.projectPolicy();
		expect(roles.find(({ role }) => role === 'roles/composer.worker')?.members).toContain(
			`serviceAccount:${serviceAccount}`,
		);
		const own = await it.who.accountPolicy(serviceAccount);
		expect(own.find(({ role }) => role === 'roles/iam.workloadIdentityUser')?.members).toHaveLength(4);
		expect((await it.who.bucketPolicy(bucket)).map(({ role }) => role)).toContain('roles/storage.objectAdmin');
		expect(await it.who.account(serviceAccount)).toEqual({ state: 'enabled' });
		setServiceAccountDisabled(it.world, 'owner@acme.example', serviceAccount, true);
		expect(await it.who.account(serviceAccount)).toEqual({ state: 'disabled' });
		expect(await it.who.account('gone@acme-data-prod.iam.gserviceaccount.com')).toEqual({ state: 'missing' });
		it.google.limitPages(3);
		expect(await it.who.enabledApis()).toContain('composer.googleapis.com');
	});

	test("the project's number is asked once; not allowed to is no failure", async () => {
		const it = await stand();
		expect([await it.who.projectNumber(), await it.who.projectNumber()]).toEqual(['481516234200', '481516234200']);
		expect(it.google.calls()).toHaveLength(1);
		const poor = await stand('nobody');
		expect(await poor.who.projectNumber()).toBeUndefined();
	});

	test('what the bot itself may do', async () => {
		const it = await stand();
		const asked = ['logging.logEntries.list', 'composer.environments.update'];
		expect(await it.who.held({ kind: 'project' }, asked)).toEqual(new Set(['logging.logEntries.list']));
		const { serviceAccount: email, bucket } = it.environment;
		expect(
			await it.who.held({ kind: 'serviceAccount', email }, [
				'iam.serviceAccounts.getIamPolicy',
				'iam.serviceAccounts.actAs',
			]),
		).toEqual(new Set(['iam.serviceAccounts.getIamPolicy']));
		expect(
			await it.who.held({ kind: 'bucket', name: bucket }, ['storage.buckets.getIamPolicy', 'storage.objects.get']),
		).toEqual(new Set(['storage.buckets.getIamPolicy']));
	});
});
