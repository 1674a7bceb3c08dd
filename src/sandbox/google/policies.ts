import type { cloudresourcemanager_v3 } from 'googleapis/build/src/apis/cloudresourcemanager/v3.js';
import type { iam_v1 } from 'googleapis/build/src/apis/iam/v1.js';
import type { storage_v1 } from 'googleapis/build/src/apis/storage/v1.js';
import { z } from 'zod';
import { setPolicy, setServiceAccountDisabled } from '../world/acts.ts';
import { may, must } from '../world/may.ts';
import { hasPlace, nameOf, policyOf } from '../world/policy.ts';
import { GoogleRefusal, invalid, notFound } from '../world/refusal.ts';
import type { Binding, Json, Place, Policy, World } from '../world/world.ts';
import type { Api, Ask, Route } from './types.ts';

const PROJECT: Place = { kind: 'project' };
const ACCOUNT = String.raw`projects/(?<project>[^/]+)/serviceAccounts/(?<account>[^/:]+)`;

/** Resource Manager v3: the project and its policy. */
export function resourceManagerApi(world: World): Api {
	const path = (verb: string): RegExp => new RegExp(String.raw`^/v3/projects/(?<project>[^/:]+)${verb}$`);
	return {
		host: 'cloudresourcemanager.googleapis.com',
		title: 'Cloud Resource Manager API',
		routes: [
			{
				op: 'projects.get',
				method: 'GET',
				path: path(''),
				permission: 'resourcemanager.projects.get',
				handle: () =>
					({
						name: `projects/${world.project.number}`,
						projectId: world.project.id,
						displayName: world.project.id,
						state: 'ACTIVE',
						createTime: '2024-05-06T08:00:00.000Z',
					}) satisfies cloudresourcemanager_v3.Schema$Project,
			},
			...policyRoutes('projects', path, () => PROJECT, 'resourcemanager.projects'),
		],
	};
}

/** IAM v1: service accounts. The account is named by e-mail or by its unique id; `-` stands for its project. */
export function iamApi(world: World): Api {
	const path = (verb: string): RegExp => new RegExp(`^/v1/${ACCOUNT}${verb}$`);
	const place = (at: Ask['at']): Place => {
		const asked = at['account'] ?? '';
		const account = [...world.accounts.values()].find(({ email, uniqueId }) => email === asked || uniqueId === asked);
		return { kind: 'serviceAccount', email: account?.email ?? asked };
	};
	const change = (disabled: boolean): Route => ({
		op: disabled ? 'serviceAccounts.disable' : 'serviceAccounts.enable',
		method: 'POST',
		path: path(disabled ? ':disable' : ':enable'),
		handle({ at, by }) {
			const found = place(at);
			if (found.kind === 'serviceAccount') setServiceAccountDisabled(world, by, found.email, disabled);
			return {};
		},
	});
	return {
		host: 'iam.googleapis.com',
		title: 'Identity and Access Management (IAM) API',
		routes: [
			{
				op: 'serviceAccounts.get',
				method: 'GET',
				path: path(''),
				permission: 'iam.serviceAccounts.get',
				place,
				handle({ at }) {
					const found = place(at);
					const account = found.kind === 'serviceAccount' ? world.accounts.get(found.email) : undefined;
					if (!account) throw unknownAccount(at['account'] ?? '');
					return {
						name: `projects/${world.project.id}/serviceAccounts/${account.email}`,
						projectId: world.project.id,
						uniqueId: account.uniqueId,
						email: account.email,
						displayName: account.displayName,
						etag: 'MDEwMjE5MjA=',
						oauth2ClientId: account.uniqueId,
						...(account.disabled && { disabled: true }),
					} satisfies iam_v1.Schema$ServiceAccount;
				},
			},
			...policyRoutes('serviceAccounts', path, place, 'iam.serviceAccounts'),
			change(true),
			change(false),
		],
	};
}

const unknownAccount = (name: string): GoogleRefusal => notFound(`Unknown service account: ${name}`);

/** The three that Resource Manager and IAM have alike. */
function policyRoutes(
	what: 'projects' | 'serviceAccounts',
	path: (verb: string) => RegExp,
	place: (at: Ask['at']) => Place,
	permissions: string,
): Route[] {
	return [
		{
			op: `${what}.getIamPolicy`,
			method: 'POST',
			path: path(':getIamPolicy'),
			params: ['options.requestedPolicyVersion'],
			permission: `${permissions}.getIamPolicy`,
			place,
			handle: ({ world, at, body, query }) =>
				describe(known(world, place(at)), versionAsked(body, query.get('options.requestedPolicyVersion'))),
		},
		{
			op: `${what}.setIamPolicy`,
			method: 'POST',
			path: path(':setIamPolicy'),
			handle: ({ world, at, by, body }) => describe(setPolicy(world, by, place(at), readPolicy(body)), 3),
		},
		{
			op: `${what}.testIamPermissions`,
			method: 'POST',
			path: path(':testIamPermissions'),
			handle: ({ world, at, by, body }) => testPermissions(world, by, place(at), namesIn(body)),
		},
	];
}

/** Storage v1, JSON: a bucket's policy. Its refusals have the older form and name the caller. */
export function storageApi(world: World): Api {
	const path = (verb: string): RegExp => new RegExp(String.raw`^/storage/v1/b/(?<bucket>[^/]+)/iam${verb}$`);
	const place = (at: Ask['at']): Place => ({ kind: 'bucket', name: at['bucket'] ?? '' });
	const need = (by: string, permission: string, at: Ask['at']): void => {
		try {
			must(world, by, permission, place(at));
		} catch (error) {
			if (!(error instanceof GoogleRefusal)) throw error;
			throw new GoogleRefusal(
				'PERMISSION_DENIED',
				`${by} does not have ${permission} access to the Google Cloud Storage bucket. Permission '${permission}' denied on resource (or it may not exist).`,
			);
		}
		if (!hasPlace(world, place(at))) throw notFound('The specified bucket does not exist.');
	};
	return {
		host: 'storage.googleapis.com',
		title: 'Cloud Storage JSON API',
		errors: 'storage',
		routes: [
			{
				op: 'buckets.getIamPolicy',
				method: 'GET',
				path: path(''),
				params: ['optionsRequestedPolicyVersion', 'userProject'],
				handle({ at, by, query }) {
					need(by, 'storage.buckets.getIamPolicy', at);
					return bucketPolicy(
						at,
						describe(policyOf(world, place(at)), versionAsked({}, query.get('optionsRequestedPolicyVersion'))),
					);
				},
			},
			{
				op: 'buckets.setIamPolicy',
				method: 'PUT',
				path: path(''),
				params: ['userProject'],
				handle({ at, by, body }) {
					need(by, 'storage.buckets.setIamPolicy', at);
					return bucketPolicy(at, describe(setPolicy(world, by, place(at), readPolicy({ policy: body })), 3));
				},
			},
			{
				op: 'buckets.testIamPermissions',
				method: 'GET',
				path: path('/testPermissions'),
				params: ['permissions', 'userProject'],
				handle({ at, by, query }) {
					const { permissions } = testPermissions(world, by, place(at), query.getAll('permissions'));
					return {
						kind: 'storage#testIamPermissionsResponse',
						...(permissions && { permissions }),
					} satisfies storage_v1.Schema$TestIamPermissionsResponse;
				},
			},
		],
	};
}

function bucketPolicy(at: Ask['at'], policy: object): storage_v1.Schema$Policy {
	return { kind: 'storage#policy', resourceId: `projects/_/buckets/${at['bucket']}`, ...policy };
}

function known(world: World, place: Place): Policy {
	if (hasPlace(world, place)) return policyOf(world, place);
	throw place.kind === 'serviceAccount'
		? unknownAccount(place.email)
		: notFound(`${nameOf(world, place)} was not found.`);
}

/** Conditions are left out of an answer below version 3, and the role is then marked so that nobody writes it back. */
function describe(policy: Policy, asked: number): cloudresourcemanager_v3.Schema$Policy {
	const conditional = policy.version === 3 && asked < 3;
	return {
		version: conditional ? 1 : policy.version,
		etag: policy.etag,
		bindings: policy.bindings.map(({ role, members, condition }) => ({
			role: conditional && condition ? `${role}_withcond_${policy.etag.slice(0, 20)}` : role,
			members,
			...(condition && !conditional && { condition }),
		})),
	};
}

const options = z.object({ options: z.object({ requestedPolicyVersion: z.number().optional() }).optional() });

function versionAsked(body: Json, query: string | null): number {
	const read = options.safeParse(body);
	const version = (read.success ? read.data.options?.requestedPolicyVersion : undefined) ?? Number(query ?? 1);
	if (![0, 1, 3].includes(version)) throw invalid('Requested policy version must be 0, 1, or 3.');
	return version;
}

const policyBody = z.looseObject({
	policy: z.looseObject({
		etag: z.string().optional(),
		version: z.number().optional(),
		bindings: z
			.array(
				z.strictObject({
					role: z.string(),
					members: z.array(z.string()),
					condition: z
						.looseObject({ title: z.string(), description: z.string().optional(), expression: z.string() })
						.optional(),
				}),
			)
			.default([]),
	}),
});

function readPolicy(body: Json): { bindings: Binding[]; etag?: string } {
	const read = policyBody.safeParse(body);
	if (!read.success) throw invalid(`Invalid value at 'policy': ${read.error.issues[0]?.message ?? 'not understood'}`);
	const { bindings, etag, version = 1 } = read.data.policy;
	if (version < 3 && bindings.some(({ condition }) => condition))
		throw invalid('Must specify version 3 for a policy that contains conditional role bindings.');
	return {
		bindings: bindings.map(({ role, members, condition }) => ({
			role,
			members,
			...(condition && {
				condition: {
					title: condition.title,
					expression: condition.expression,
					...(condition.description !== undefined && { description: condition.description }),
				},
			}),
		})),
		...(etag !== undefined && etag !== '' && { etag }),
	};
}

function namesIn(body: Json): string[] {
	const read = z.object({ permissions: z.array(z.string()) }).safeParse(body);
	if (!read.success) throw invalid("Invalid value at 'permissions'");
	return read.data.permissions;
}

/** Those of the permissions that the caller holds; none held is no list at all. Everybody may ask about himself. */
function testPermissions(world: World, by: string, place: Place, asked: readonly string[]): { permissions?: string[] } {
	if (asked.length === 0) throw invalid('No permissions to test.');
	if (asked.length > 100) throw invalid('At most 100 permissions may be tested in one request.');
	for (const permission of asked)
		if (!/^[a-z]+\.[A-Za-z]+\.[A-Za-z]+$/.test(permission))
			throw invalid(`Permission ${permission} is not valid for this resource.`, 'permissions');
	const held = asked.filter((permission) => may(world, by, permission, place));
	return held.length > 0 ? { permissions: held } : {};
}
