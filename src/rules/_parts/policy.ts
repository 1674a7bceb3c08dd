import type { Binding, PolicyChange, SourceName, Verified } from '../../domain/evidence.ts';
import type { Environment } from '../../domain/environment.ts';
import { clock } from './audit.ts';
import { confirmed, likely } from './said.ts';
import { roleFor } from './roles.ts';

/** A role that somebody holds; `conditional`: under a condition that may not be met. */
export type Held = { role: string; conditional: boolean };

/** By name; what a group, a domain or a folder above gives is not seen here. */
export function heldBy(policy: readonly Binding[], member: string): Held[] {
	return policy
		.filter(({ members }) => members.some((one) => one.toLowerCase() === member.toLowerCase()))
		.map(({ role, condition }) => ({ role, conditional: condition !== undefined }));
}

/** Somebody whose members are not listed holds the role: a group, a domain, everyone. */
export function byCrowd(policy: readonly Binding[], roles: (role: string) => boolean): string | undefined {
	return policy
		.filter(({ role }) => roles(role))
		.flatMap(({ members }) => members)
		.find((member) => /^(?:group|domain|principalSet):|^all(?:Authenticated)?Users$/.test(member));
}

const SERVICE = /^([a-z][a-zA-Z]{1,40})\./;
// Composer's own roles, and what they carry that tasks need. Source: IAM role pages of composer.worker, May 2026.
const WORKER =
	/^(?:artifactregistry|cloudbuild|container|logging|monitoring|pubsub|storage\.(?:objects|buckets|multipartUploads|folders|managedFolders))\./;

/** Whether a role carries a permission: `perhaps` where only IAM itself knows (custom roles, and roles nobody wrote down here). */
export function carries(role: string, permission: string): 'yes' | 'no' | 'perhaps' {
	if (role === roleFor(permission)) return 'yes';
	if (!role.startsWith('roles/')) return 'perhaps';
	const service = SERVICE.exec(permission)?.[1] ?? '';
	// Basic roles leave out what only the data's owner gives away.
	if (role === 'roles/owner' || role === 'roles/editor')
		return /^(?:storage\.objects|secretmanager\.versions|iam\.serviceAccounts|container)\./.test(permission)
			? 'perhaps'
			: 'yes';
	if (role === 'roles/viewer') return /\.(?:get|list)$/.test(permission) ? 'perhaps' : 'no';
	if (role === 'roles/composer.worker') return WORKER.test(permission) ? 'yes' : 'no';
	if (role === `roles/${service}.admin`) return 'yes';
	return role.startsWith(`roles/${service}.`) ? 'perhaps' : 'no';
}

export type Question = {
	policy: readonly Binding[] | undefined;
	/** `serviceAccount:…`. */
	member: string;
	permission: string;
	source: SourceName;
	/** `the project acme`, in both languages. */
	on: { en: string; ja: string };
};

/**
 * Whether the policy says that the member has no role with this permission. Undefined: it may have one, so the policy does not
 * decide; `has`: it surely has one.
 */
export function lacks({ policy, member, permission, source, on }: Question): Verified | 'has' | undefined {
	if (!policy) return undefined;
	const held = heldBy(policy, member);
	const name = member.replace(/^\w+:/, '');
	if (held.some(({ role, conditional }) => !conditional && carries(role, permission) === 'yes')) return 'has';
	if (held.some(({ role }) => carries(role, permission) !== 'no')) return undefined;
	const list = held.map(({ role }) => `\`${role}\``);
	const has = {
		en: list.length === 0 ? 'no role at all' : `only ${list.join(', ')}`,
		ja: list.length === 0 ? 'ロールが 1 つもなく' : `${list.join('、')} のみで`,
	};
	const crowd = byCrowd(policy, (role) => carries(role, permission) !== 'no');
	const role = roleFor(permission);
	return (crowd === undefined ? confirmed : likely)(
		source,
		`\`${name}\` holds ${has.en} on ${on.en}; none of it carries ${permission}${crowd === undefined ? '' : `, unless it is a member of \`${crowd}\``}.`,
		`\`${name}\` は ${on.ja} で ${has.ja}、${permission} を含むロールがありません${crowd === undefined ? '' : `（\`${crowd}\` のメンバーでない場合）`}。`,
		role === undefined ? {} : { facts: { role } },
	);
}

/** The last change that took this role from this member. */
export function takenAway(
	changes: readonly PolicyChange[] | undefined,
	role: string | ((role: string) => boolean),
	member: string | ((member: string) => boolean),
): { at: string; actor: string; members: readonly string[] } | undefined {
	const isRole = typeof role === 'string' ? (one: string) => one === role : role;
	const isMember = typeof member === 'string' ? (one: string) => one === member : member;
	for (const { at, actor, removed, added } of changes ?? []) {
		const members = removed.filter((one) => isRole(one.role) && isMember(one.member)).map((one) => one.member);
		if (members.length > 0) return { at, actor, members };
		// Given again since: an older loss is history.
		if (added.some((one) => isRole(one.role) && isMember(one.member))) return undefined;
	}
	return undefined;
}

/** `, removed by terraform@… at 10:02 UTC`. */
export function byWhom(taken: { at: string; actor: string } | undefined): { en: string; ja: string } {
	if (!taken) return { en: '', ja: '' };
	const { actor, at } = taken;
	return { en: ` \`${actor}\` removed it at ${clock(at)}.`, ja: ` ${clock(at)} に \`${actor}\` が削除しています。` };
}

export const ownMember = ({ serviceAccount }: Environment): string | undefined =>
	serviceAccount === undefined ? undefined : `serviceAccount:${serviceAccount}`;
