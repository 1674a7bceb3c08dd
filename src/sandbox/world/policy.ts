import { createHash } from 'node:crypto';
import type { Binding, Place, Policy } from './types.ts';
import type { World } from './world.ts';

/** One step of an etag: Google's look the same, and nobody may read anything into them. */
function etagOf(bindings: readonly Binding[], before: string): string {
	return createHash('sha256').update(before).update(JSON.stringify(bindings)).digest('base64url').slice(0, 11) + '=';
}

export function newPolicy(bindings: Binding[] = []): Policy {
	return { version: versionOf(bindings), etag: etagOf(bindings, ''), bindings };
}

const versionOf = (bindings: readonly Binding[]): 1 | 3 => (bindings.some(({ condition }) => condition) ? 3 : 1);

/** A complete new policy after `before`: empty bindings gone, one binding a role and condition, as Google writes it back. */
export function policyAfter(before: Policy, wanted: readonly Binding[]): Policy {
	const merged = new Map<string, Binding>();
	for (const { role, members, condition } of wanted) {
		const key = `${role}\n${condition ? JSON.stringify(condition) : ''}`;
		const known = merged.get(key);
		const all = [...new Set([...(known?.members ?? []), ...members])];
		if (all.length > 0) merged.set(key, { role, members: all, ...(condition && { condition }) });
	}
	const bindings = [...merged.values()].toSorted((a, b) => (a.role < b.role ? -1 : a.role > b.role ? 1 : 0));
	return { version: versionOf(bindings), etag: etagOf(bindings, before.etag), bindings };
}

/** For setting up: adds members to a role without asking anybody and without an audit entry. */
export function give(world: World, place: Place, role: string, ...members: string[]): void {
	setPolicyOf(world, place, withMember(policyOf(world, place), role, members));
}

/** The reverse of `give`. */
export function take(world: World, place: Place, role: string, ...members: string[]): void {
	const policy = policyOf(world, place);
	setPolicyOf(
		world,
		place,
		policyAfter(
			policy,
			policy.bindings.map((one) =>
				one.role === role ? { ...one, members: one.members.filter((member) => !members.includes(member)) } : one,
			),
		),
	);
}

export const withMember = (policy: Policy, role: string, members: string[]): Policy =>
	policyAfter(policy, [...policy.bindings, { role, members }]);

/** Throws when there is no such resource: ask `hasPlace` first where that can be. */
export function policyOf(world: World, place: Place): Policy {
	const found = holder(world, place);
	if (!found) throw new Error(`There is no ${nameOf(world, place)}.`);
	return found.policy;
}

export const hasPlace = (world: World, place: Place): boolean => holder(world, place) !== undefined;

export function setPolicyOf(world: World, place: Place, policy: Policy): void {
	const found = holder(world, place);
	if (!found) throw new Error(`There is no ${nameOf(world, place)}.`);
	found.policy = policy;
}

function holder(world: World, place: Place): { policy: Policy } | undefined {
	switch (place.kind) {
		case 'project':
			return world.project;
		case 'serviceAccount':
			return world.accounts.get(place.email);
		case 'bucket':
			return world.buckets.get(place.name);
		case 'secret':
			return world.secrets.get(place.id);
		default:
			return world.things.get(place.name);
	}
}

/** As error messages and audit entries name it. */
export function nameOf(world: World, place: Place): string {
	const { id } = world.project;
	switch (place.kind) {
		case 'project':
			return `projects/${id}`;
		case 'serviceAccount':
			return `projects/${id}/serviceAccounts/${place.email}`;
		case 'bucket':
			return `projects/_/buckets/${place.name}`;
		case 'secret':
			return `projects/${id}/secrets/${place.id}`;
		default:
			return `//${place.name}`;
	}
}

/** `serviceAccount:x@y.iam.gserviceaccount.com` or `user:x@y`, as a policy writes who an e-mail is. */
export function memberOf(email: string): string {
	if (/^[^:]+:/.test(email)) return email;
	return `${/\.gserviceaccount\.com$|\.svc\.id\.goog\[/.test(email) ? 'serviceAccount' : 'user'}:${email}`;
}
