/** Wider roles include the narrower ones. */
export type Role = 'viewer' | 'operator' | 'admin';

const ORDER: readonly Role[] = ['viewer', 'operator', 'admin'];

export function includes(has: Role, needs: Role): boolean {
	return ORDER.indexOf(has) >= ORDER.indexOf(needs);
}

/** One line of `roles:` in the settings. Everything a grant names must fit; what it leaves out fits always. */
export type Grant = {
	role: Role;
	/** Slack user ids. */
	users?: readonly string[] | undefined;
	/** Slack user group ids (S…). */
	groups?: readonly string[] | undefined;
	/** Slack channel ids where the grant holds. */
	channels?: readonly string[] | undefined;
	/** Names of environments in the settings. */
	environments?: readonly string[] | undefined;
	/** DAG ids; `*` stands for any run of characters. */
	dags?: readonly string[] | undefined;
};

/** What the settings say about rights. `Deps` is one. */
export type Access = {
	grants: readonly Grant[];
	/** What everyone is while no grant is configured. */
	everyone: Role;
	/** Names as in the settings. */
	environments: readonly string[];
};

/** `outsider`: a guest or somebody of another workspace whom the settings do not let in. */
export type Person = { user: string; groups: readonly string[]; outsider: boolean };

/**
 * Where somebody wants to act. `env` or `dag` undefined: not known yet, or not about one, so that whatever a grant says of
 * it fits. A check that lets somebody act must know both wherever the act is about one.
 */
export type Place = { channel: string; env?: string | undefined; dag?: string | undefined };

/** The widest role that the settings give this person there; undefined: none at all. */
export function roleOf(access: Access, person: Person, place: Place): Role | undefined {
	if (person.outsider) return undefined;
	if (access.grants.length === 0) return access.everyone;
	let widest: Role | undefined;
	for (const grant of access.grants)
		if (fits(grant, person, place) && (widest === undefined || includes(grant.role, widest))) widest = grant.role;
	return widest;
}

export function mayDo(access: Access, person: Person, place: Place, needs: Role): boolean {
	const has = roleOf(access, person, place);
	return has !== undefined && includes(has, needs);
}

/**
 * To which DAGs there that role reaches: undefined for all of them, what befalls the environment as a whole included; else DAG
 * patterns, none at all when it reaches nothing.
 */
export function reachOf(
	access: Access,
	person: Person,
	{ channel, env }: { channel: string; env: string },
	needs: Role,
): readonly string[] | undefined {
	if (person.outsider) return [];
	if (access.grants.length === 0) return includes(access.everyone, needs) ? undefined : [];
	const mine = access.grants.filter(
		(grant) => includes(grant.role, needs) && fits(grant, person, { channel, env, dag: undefined }),
	);
	if (mine.some(({ dags }) => dags === undefined || dags.includes('*'))) return undefined;
	return [...new Set(mine.flatMap(({ dags = [] }) => dags))];
}

function fits(grant: Grant, person: Person, { channel, env, dag }: Place): boolean {
	// Somebody named by user or by group: either is enough, both lists say who.
	const named = grant.users === undefined && grant.groups === undefined;
	const who =
		named ||
		(grant.users?.includes(person.user) ?? false) ||
		(grant.groups?.some((group) => person.groups.includes(group)) ?? false);
	return (
		who &&
		(grant.channels === undefined || grant.channels.includes(channel)) &&
		(grant.environments === undefined || env === undefined || grant.environments.includes(env)) &&
		(grant.dags === undefined || dag === undefined || grant.dags.some((pattern) => matches(pattern, dag)))
	);
}

/** `*` stands for any run of characters, everything else for itself. Linear: no regular expression is made of the pattern. */
export function matches(pattern: string, id: string): boolean {
	const [head = '', ...rest] = pattern.split('*');
	const tail = rest.pop();
	if (tail === undefined) return pattern === id;
	if (!id.startsWith(head) || !id.endsWith(tail) || id.length < head.length + tail.length) return false;
	let at = head.length;
	const end = id.length - tail.length;
	for (const piece of rest) {
		const found = id.indexOf(piece, at);
		if (found === -1 || found + piece.length > end) return false;
		at = found + piece.length;
	}
	return true;
}
