import { describe, expect, test } from '@jest/globals';
import { composerAgent, memberOf, projectOf, resource } from '../../src/rules/_parts/iam.ts';
import { roleFor } from '../../src/rules/_parts/roles.ts';
import { isNotIam } from '../../src/rules/_parts/weigh.ts';

const env = { serviceAccount: 'env@shop.iam.gserviceaccount.com' };

describe('IAM members out of error texts', () => {
	test.each([
		['loader@shop.iam.gserviceaccount.com', 'serviceAccount:loader@shop.iam.gserviceaccount.com'],
		[
			'773021456600-compute@developer.gserviceaccount.com',
			'serviceAccount:773021456600-compute@developer.gserviceaccount.com',
		],
		['shop.svc.id.goog[team/ksa]', 'serviceAccount:shop.svc.id.goog[team/ksa]'],
		['ana@shop.example', 'user:ana@shop.example'],
		['group:data@shop.example', 'group:data@shop.example'],
		// Nobody is named: the environment's own account is meant.
		['Anonymous caller', 'serviceAccount:env@shop.iam.gserviceaccount.com'],
		['User', 'serviceAccount:env@shop.iam.gserviceaccount.com'],
		[undefined, 'serviceAccount:env@shop.iam.gserviceaccount.com'],
	])('%s is %s', (principal, member) => {
		expect(memberOf(principal, env)).toBe(member);
	});

	test('an unknown environment leaves a place to fill in', () => {
		expect(memberOf(undefined, {})).toBe('serviceAccount:ENVIRONMENT_SERVICE_ACCOUNT');
		expect(composerAgent({})).toBe('service-PROJECT_NUMBER@cloudcomposer-accounts.iam.gserviceaccount.com');
	});

	test('the project of an account', () => {
		expect(projectOf('env@shop-prod.iam.gserviceaccount.com')).toBe('shop-prod');
		expect(projectOf('773021456600@cloudbuild.gserviceaccount.com')).toBeUndefined();
	});
});

test('Terraform takes strings as strings and expressions as expressions', () => {
	expect(
		resource('google_project_iam_member', 'a', { project: 'x"${y}', member: '=google_service_account.env.member' }),
	).toBe(
		[
			'resource "google_project_iam_member" "a" {',
			'  project = "x\\"$${y}"',
			'  member  = google_service_account.env.member',
			'}',
		].join('\n'),
	);
});

test.each([
	['storage.objects.get', 'roles/storage.objectViewer'],
	['storage.objects.create', 'roles/storage.objectCreator'],
	['bigquery.jobs.create', 'roles/bigquery.jobUser'],
	['bigquery.tables.getData', 'roles/bigquery.dataViewer'],
	['pubsub.topics.publish', 'roles/pubsub.publisher'],
	['run.jobs.run', 'roles/run.invoker'],
	['container.pods.create', 'roles/container.developer'],
	['composer.environments.executeAirflowCommand', 'roles/composer.environmentAndStorageObjectAdmin'],
	['nobody.knows.this', undefined],
	[undefined, undefined],
])('the smallest role with %s is %s', (permission, role) => {
	expect(roleFor(permission)).toBe(role);
});

test.each([
	['Permission pubsub.topics.publish denied on resource', false],
	['Cloud Run Admin API has not been used in project 7 before or it is disabled', true],
	["Request is prohibited by organization's policy", true],
	['Quota exceeded: Your table exceeded quota', true],
	['This API method requires billing to be enabled', true],
])('%s: no role helps: %s', (text, expected) => {
	expect(isNotIam(text)).toBe(expected);
});
