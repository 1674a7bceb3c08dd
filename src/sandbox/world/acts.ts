import { mustChange, policyDelta, writeAudit, type Audited } from './audit.ts';
import { checkCondition } from './condition.ts';
import { hasPlace, nameOf, policyAfter, policyOf, setPolicyOf } from './policy.ts';
import { GoogleRefusal, invalid, notFound } from './refusal.ts';
import { permissionsOf } from './may.ts';
import type { Binding, JsonObject, Place, Policy } from './types.ts';
import type { World } from './world.ts';

export { updateEnvironment } from './updates.ts';

/**
 * What people, Terraform and the bot do to the project: each asks for the rights of `by` (an e-mail), changes the world,
 * writes the audit entry that Google writes, and tells the listeners. Throws GoogleRefusal.
 */
export function setPolicy(
	world: World,
	by: string,
	place: Place,
	wanted: { bindings: readonly Binding[]; etag?: string },
): Policy {
	if (!hasPlace(world, place)) throw missing(world, place);
	const call = policyCall(world, by, place);
	mustChange(world, place, { ...call, request: { policy: toJson(wanted.bindings) } });
	const before = policyOf(world, place);
	if (wanted.etag !== undefined && wanted.etag !== before.etag)
		throw new GoogleRefusal(
			'ABORTED',
			"There were concurrent policy changes. Please retry the whole read-modify-write with exponential backoff. The request's ETag did not match the current policy's ETag.",
		);
	for (const binding of wanted.bindings) checkBinding(world, binding);
	const after = policyAfter(before, wanted.bindings);
	setPolicyOf(world, place, after);
	const delta = policyDelta(before.bindings, after.bindings);
	writeAudit(world, {
		...call,
		request: { ...requestOf(world, place), policy: toJson(after.bindings) },
		// The complete policy after the change: what IAMDIFF reads. Buckets tell only what changed.
		...(place.kind !== 'bucket' && {
			response: { '@type': 'type.googleapis.com/google.iam.v1.Policy', ...toJson(after.bindings), etag: after.etag },
		}),
		...(delta && { serviceData: delta }),
	});
	world.tell({ what: 'policy', on: place, by });
	return after;
}

/** gcloud's and Terraform's `_member`: one member more, everything else stays. */
export function addBinding(
	world: World,
	by: string,
	place: Place,
	role: string,
	member: string,
	condition?: Binding['condition'],
): Policy {
	if (!hasPlace(world, place)) throw missing(world, place);
	return setPolicy(world, by, place, {
		bindings: [...policyOf(world, place).bindings, { role, members: [member], ...(condition && { condition }) }],
	});
}

/** One member less. Throws when it holds the role not, as gcloud says it. */
export function removeBinding(world: World, by: string, place: Place, role: string, member: string): Policy {
	if (!hasPlace(world, place)) throw missing(world, place);
	const { bindings } = policyOf(world, place);
	if (!bindings.some((one) => one.role === role && one.members.includes(member)))
		throw notFound('Policy binding with the specified principal, role, and condition not found!');
	return setPolicy(world, by, place, {
		bindings: bindings.map((one) =>
			one.role === role ? { ...one, members: one.members.filter((each) => each !== member) } : one,
		),
	});
}

/** Terraform's authoritative `_binding`: this role has these members and no others. */
export function ownBinding(world: World, by: string, place: Place, role: string, members: readonly string[]): Policy {
	if (!hasPlace(world, place)) throw missing(world, place);
	return setPolicy(world, by, place, {
		bindings: [...policyOf(world, place).bindings.filter((one) => one.role !== role), { role, members: [...members] }],
	});
}

export function setServiceAccountDisabled(world: World, by: string, email: string, disabled: boolean): void {
	const account = world.accounts.get(email);
	const place: Place = { kind: 'serviceAccount', email };
	if (!account) throw missing(world, place);
	const call = accountCall(
		world,
		by,
		email,
		disabled ? 'DisableServiceAccount' : 'EnableServiceAccount',
		`iam.serviceAccounts.${disabled ? 'disable' : 'enable'}`,
	);
	mustChange(world, place, call);
	account.disabled = disabled;
	writeAudit(world, call);
	world.tell({ what: 'service-account', email, by });
}

export function deleteServiceAccount(world: World, by: string, email: string): void {
	const place: Place = { kind: 'serviceAccount', email };
	if (!world.accounts.has(email)) throw missing(world, place);
	const call = accountCall(world, by, email, 'DeleteServiceAccount', 'iam.serviceAccounts.delete');
	mustChange(world, place, call);
	world.accounts.delete(email);
	writeAudit(world, call);
	world.tell({ what: 'service-account', email, by });
}

/** APIs that Composer cannot be without: switching one off breaks the environments for good (`composer`) or until it is back. */
export function setApi(world: World, by: string, api: string, enabled: boolean): void {
	const { project } = world;
	const method = `google.api.serviceusage.v1.ServiceUsage.${enabled ? 'EnableService' : 'DisableService'}`;
	const call: Audited = {
		by,
		service: 'serviceusage.googleapis.com',
		method,
		resourceName: `projects/${project.number}/services/${api}`,
		resource: {
			type: 'audited_resource',
			labels: { project_id: project.id, service: 'serviceusage.googleapis.com', method },
		},
		permission: `serviceusage.services.${enabled ? 'enable' : 'disable'}`,
		request: { name: `projects/${project.number}/services/${api}` },
	};
	mustChange(world, { kind: 'project' }, call);
	if (!/^[a-z0-9.-]+\.(googleapis\.com|[a-z]+)$/.test(api))
		throw notFound(`Service '${api}' not found or permission denied.`);
	if (enabled) project.enabledApis.add(api);
	else project.enabledApis.delete(api);
	writeAudit(world, call);
	if (api === 'composer.googleapis.com' && !enabled)
		// Its tenant project is deleted with it; enabling the API again does not bring it back.
		for (const environment of world.environments.values()) environment.state = 'ERROR';
	world.tell({ what: 'api', api, enabled, by });
}

function accountCall(world: World, by: string, email: string, method: string, permission: string): Audited {
	const { id } = world.project;
	const uniqueId = world.accounts.get(email)?.uniqueId ?? '';
	return {
		by,
		service: 'iam.googleapis.com',
		method: `google.iam.admin.v1.${method}`,
		resourceName: `projects/-/serviceAccounts/${uniqueId}`,
		resource: { type: 'service_account', labels: { project_id: id, email_id: email, unique_id: uniqueId } },
		permission,
		request: { name: `projects/${id}/serviceAccounts/${email}` },
	};
}

/** How each service names the same act. */
function policyCall(world: World, by: string, place: Place): Audited {
	const { id } = world.project;
	const resourceName = nameOf(world, place);
	switch (place.kind) {
		case 'project':
			return {
				by,
				service: 'cloudresourcemanager.googleapis.com',
				method: 'SetIamPolicy',
				resourceName,
				resource: { type: 'project', labels: { project_id: id } },
				permission: 'resourcemanager.projects.setIamPolicy',
			};
		case 'serviceAccount':
			return accountCall(world, by, place.email, 'SetIAMPolicy', 'iam.serviceAccounts.setIamPolicy');
		case 'bucket': {
			const location = world.buckets.get(place.name)?.location.toLowerCase() ?? '';
			return {
				by,
				service: 'storage.googleapis.com',
				method: 'storage.setIamPermissions',
				resourceName,
				resource: { type: 'gcs_bucket', labels: { project_id: id, bucket_name: place.name, location } },
				permission: 'storage.buckets.setIamPolicy',
			};
		}
		case 'secret':
			return {
				by,
				service: 'secretmanager.googleapis.com',
				method: 'google.cloud.secretmanager.v1.SecretManagerService.SetIamPolicy',
				resourceName,
				resource: {
					type: 'audited_resource',
					labels: {
						project_id: id,
						service: 'secretmanager.googleapis.com',
						method: 'google.cloud.secretmanager.v1.SecretManagerService.SetIamPolicy',
					},
				},
				permission: 'secretmanager.secrets.setIamPolicy',
			};
		default: {
			const service = place.name.split('/', 1)[0] ?? '';
			const kind = /\/(repositories|datasets|topics|subscriptions)\//.exec(place.name)?.[1] ?? 'resources';
			return {
				by,
				service,
				method: 'SetIamPolicy',
				resourceName: place.name.slice(service.length + 1),
				resource: { type: 'audited_resource', labels: { project_id: id, service, method: 'SetIamPolicy' } },
				permission: `${service.split('.', 1)[0]}.${kind}.setIamPolicy`,
			};
		}
	}
}

function requestOf(world: World, place: Place): JsonObject {
	return {
		'@type': 'type.googleapis.com/google.iam.v1.SetIamPolicyRequest',
		resource: place.kind === 'project' ? world.project.id : nameOf(world, place),
	};
}

const toJson = (bindings: readonly Binding[]): JsonObject => ({
	bindings: bindings.map(({ role, members, condition }) => ({
		role,
		members: [...members],
		...(condition && { condition: { ...condition } }),
	})),
});

/** Google refuses roles it does not know, members of no form, and accounts of the project that are not there. */
function checkBinding(world: World, { role, members, condition }: Binding): void {
	if (permissionsOf(world, role).length === 0) throw invalid(`Role ${role} is not supported for this resource.`);
	if (condition) checkCondition(condition.expression);
	for (const member of members) {
		if (
			/^(allUsers|allAuthenticatedUsers)$|^(projectEditor|projectOwner|projectViewer|deleted|principal(Set)?):/.test(
				member,
			)
		)
			continue;
		const email = /^(?:user|group|serviceAccount|domain):([^\s:]+)$/.exec(member)?.[1];
		if (email === undefined) throw invalid(`Invalid member: ${member}.`);
		if (
			member.startsWith('serviceAccount:') &&
			email.endsWith(`@${world.project.id}.iam.gserviceaccount.com`) &&
			!world.accounts.has(email)
		)
			throw invalid(`Service account ${email} does not exist.`);
	}
}

function missing(world: World, place: Place): GoogleRefusal {
	if (place.kind === 'serviceAccount') return notFound(`Unknown service account`);
	if (place.kind === 'bucket') return notFound('The specified bucket does not exist.');
	return notFound(`Resource '${nameOf(world, place)}' was not found.`);
}
