import type { Binding, PolicyChange, SourceName, Verified } from '../../domain/evidence.ts';
import { clock } from './audit.ts';
import { beside, confirmed, likely } from './said.ts';
import type { Text } from '../../domain/text.ts';
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

/** Whether a policy gives the member the permission: the role that does for sure, or how it stands. */
export function gives(
	policy: readonly Binding[],
	member: string,
	permission: string,
): { role: string } | 'no' | 'perhaps' {
	const held = heldBy(policy, member);
	const sure = held.find(({ role, conditional }) => !conditional && carries(role, permission) === 'yes');
	if (sure) return { role: sure.role };
	return held.some(({ role }) => carries(role, permission) !== 'no') ? 'perhaps' : 'no';
}

/** A policy that may give the permission. */
export type Place = {
	policy: readonly Binding[] | undefined;
	source: SourceName;
	/** `the project \`acme\``. */
	on: Text;
};

/**
 * What the policies say of a refusal. All of them read, and none gives the member a role with this permission: that is it. One
 * surely does: so it was given since, or something else refuses. Undefined: a role that may carry it, or nothing was read.
 */
export function refused(member: string, permission: string, places: readonly Place[]): Verified | undefined {
	const name = member.replace(/^\w+:/, '');
	const parts: Text[] = [];
	let decided: SourceName | undefined;
	let crowd: string | undefined;
	for (const { policy, source, on } of places) {
		if (!policy) continue;
		const given = gives(policy, member, permission);
		if (given === 'perhaps') return undefined;
		if (given !== 'no')
			return beside(
				source,
				`\`${name}\` holds \`${given.role}\` on ${on.en} now, which carries ${permission}: if it was granted after the failure, a rerun goes well; else look for a deny policy, a condition or a wrong name.`,
				`\`${name}\` は現在 ${on.ja} で \`${given.role}\`（${permission} を含む）を持っています。失敗後に付与された場合は再実行で成功します。そうでなければ、拒否ポリシー、条件、名前の誤りを確認してください。`,
			);
		const roles = heldBy(policy, member).map(({ role }) => `\`${role}\``);
		parts.push({
			en: `${roles.length === 0 ? 'no role' : `only ${roles.join(', ')}`} on ${on.en}`,
			ja: `${on.ja}: ${roles.length === 0 ? 'なし' : `${roles.join('、')} のみ`}`,
		});
		decided ??= source;
		crowd ??= byCrowd(policy, (role) => carries(role, permission) !== 'no');
	}
	if (decided === undefined) return undefined;
	const role = roleFor(permission);
	const all = crowd === undefined && places.every(({ policy }) => policy !== undefined);
	return (all ? confirmed : likely)(
		decided,
		`\`${name}\` holds ${parts.map(({ en }) => en).join(' and ')}; none of it carries ${permission}${crowd === undefined ? '' : ` (unless it belongs to \`${crowd}\`)`}.`,
		`\`${name}\` のロールに ${permission} を含むものがありません（${parts.map(({ ja }) => ja).join('、')}）${crowd === undefined ? '' : `。ただし \`${crowd}\` のメンバーであれば別です`}。`,
		role === undefined ? {} : { facts: { role } },
	);
}

export const onProject = (project: string): Text => ({
	en: `the project \`${project}\``,
	ja: `プロジェクト \`${project}\``,
});
export const onBucket = (bucket: string): Text => ({ en: `the bucket \`${bucket}\``, ja: `バケット \`${bucket}\`` });
export const onAccount = (account: string): Text => ({
	en: `the service account \`${account}\``,
	ja: `サービス アカウント \`${account}\``,
});

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
