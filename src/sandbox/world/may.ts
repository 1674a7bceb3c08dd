import { conditionHolds } from './condition.ts';
import { hasPlace, memberOf, nameOf, policyOf } from './policy.ts';
import { denied } from './refusal.ts';
import { carries, ROLES } from './roles.ts';
import type { Binding, Place } from './types.ts';
import type { World } from './world.ts';

const PROJECT: Place = { kind: 'project' };

/**
 * Whether a principal holds a permission on a resource: through the project's policy or through the resource's own.
 * `who`: an e-mail, or `P.svc.id.goog[NS/KSA]` for a pod without a Google account. A disabled or deleted account holds none.
 */
export function may(world: World, who: string, permission: string, place: Place = PROJECT): boolean {
	const account = world.accounts.get(who);
	if (account?.disabled || (!account && isOurs(world, who))) return false;
	const places = [
		...(isElsewhere(world, place) ? [] : [PROJECT]),
		...(place.kind !== 'project' && hasPlace(world, place) ? [place] : []),
	];
	const about = { name: nameOf(world, place), now: world.now() };
	return places.some((one) =>
		policyOf(world, one).bindings.some(
			(binding) =>
				carries(permissionsOf(world, binding.role), permission) &&
				includes(world, binding, who) &&
				conditionHolds(binding.condition?.expression, about),
		),
	);
}

/** Throws what Google says when it is not so. */
export function must(world: World, who: string, permission: string, place: Place = PROJECT): void {
	if (!may(world, who, permission, place))
		// IAM does not say on which account, Logging not on which project; Resource Manager and Composer do.
		throw denied(
			permission,
			place.kind === 'serviceAccount' || permission.startsWith('logging.') ? undefined : nameOf(world, place),
		);
}

export function permissionsOf(world: World, role: string): readonly string[] {
	return ROLES[role] ?? world.project.customRoles.get(role) ?? [];
}

/** Roles whose binding names the principal itself, on this resource only. */
export function rolesOf(world: World, who: string, place: Place = PROJECT): string[] {
	return policyOf(world, place)
		.bindings.filter((binding) => binding.members.includes(memberOf(who)))
		.map(({ role }) => role);
}

function includes(world: World, { members }: Binding, who: string): boolean {
	const me = memberOf(who);
	return members.some((member) => {
		if (member === me || member === 'allUsers' || member === 'allAuthenticatedUsers') return true;
		if (member.startsWith('group:')) return world.groups.get(member.slice('group:'.length))?.has(me) ?? false;
		return member.startsWith('domain:') && me.startsWith('user:') && me.endsWith(`@${member.slice('domain:'.length)}`);
	});
}

/** In another project, whose policy is nobody's here: only its own counts. */
function isElsewhere(world: World, place: Place): boolean {
	if (place.kind === 'bucket') return world.buckets.get(place.name)?.project !== undefined;
	const project = place.kind === 'thing' ? /\/projects\/([^/]+)\//.exec(place.name)?.[1] : undefined;
	return project !== undefined && project !== world.project.id && project !== world.project.number;
}

/** An account of this project's own that is not there was deleted; Google's service agents live elsewhere. */
function isOurs(world: World, who: string): boolean {
	return who.endsWith(`@${world.project.id}.iam.gserviceaccount.com`);
}

/** As whom a pod reaches Google's APIs on Composer 2: the account its KSA is annotated with, if that account lets it. */
export type PodIdentity =
	| { as: string }
	/** No annotation: it is itself, and most APIs know it not. */
	| { as: undefined; ksa: string; because: 'no-annotation' }
	| { as: undefined; ksa: string; because: 'no-binding' | 'no-account'; account: string };

export function podIdentity(world: World, cluster: string, namespace: string, ksa: string): PodIdentity {
	const name = `${world.project.id}.svc.id.goog[${namespace}/${ksa}]`;
	const account = world.clusters.get(cluster)?.namespaces.get(namespace)?.accounts.get(ksa);
	if (account === undefined) return { as: undefined, ksa: name, because: 'no-annotation' };
	const found = world.accounts.get(account);
	if (!found || found.disabled) return { as: undefined, ksa: name, because: 'no-account', account };
	return may(world, name, 'iam.serviceAccounts.getAccessToken', { kind: 'serviceAccount', email: account })
		? { as: account }
		: { as: undefined, ksa: name, because: 'no-binding', account };
}
