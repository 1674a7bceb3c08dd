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
