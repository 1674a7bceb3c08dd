import type { Need } from './needs.ts';
import { shellQuote } from './text.ts';

/** Who gets it, and where. What is not known stands as a name to fill in. */
export type Grantee = {
	/** E-mail of the bot's own account. */
	bot?: string | undefined;
	project: string;
	/** E-mail of the environment's service account. */
	serviceAccount?: string | undefined;
};

/** The gcloud command that grants what a need takes, ready to paste. `scripts/grant-roles.sh` runs the same. */
export function grantCommand({ role, on, grantOn }: Pick<Need, 'role' | 'on' | 'grantOn'>, who: Grantee): string {
	const flag = (name: string, value: string): string => `--${name}=${shellQuote(value)}`;
	const member = flag('member', memberOf(who.bot ?? 'BOT_ACCOUNT'));
	const given = flag('role', role);
	if ((grantOn ?? on) !== 'serviceAccount')
		return ['gcloud projects add-iam-policy-binding', shellQuote(who.project), member, given, '--condition=None'].join(
			' ',
		);
	const account = shellQuote(who.serviceAccount ?? 'ENVIRONMENT_SERVICE_ACCOUNT');
	const project = flag('project', who.project);
	return ['gcloud iam service-accounts add-iam-policy-binding', account, project, member, given].join(' ');
}

function memberOf(account: string): string {
	return account.endsWith('gserviceaccount.com') || !account.includes('@')
		? `serviceAccount:${account}`
		: `user:${account}`;
}
