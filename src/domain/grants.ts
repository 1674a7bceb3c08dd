import type { Need } from './needs.ts';
import { shellQuote } from './text.ts';

/** Who gets it, and where. What is not known stands as a name to fill in. */
export type Grantee = {
	/** E-mail of the bot's own account. */
	bot?: string | undefined;
	project: string;
	/** E-mail of the environment's service account. */
	serviceAccount?: string | undefined;
	/** Without `gs://`. */
	bucket?: string | undefined;
};

/** The gcloud command that grants what a need takes, ready to paste. `scripts/grant-roles.sh` runs the same. */
export function grantCommand({ role, on, grantOn }: Pick<Need, 'role' | 'on' | 'grantOn'>, who: Grantee): string {
	const member = `--member=${memberOf(who.bot ?? 'BOT_ACCOUNT')}`;
	const words =
		(grantOn ?? on) === 'serviceAccount'
			? [
					'iam',
					'service-accounts',
					'add-iam-policy-binding',
					who.serviceAccount ?? 'ENVIRONMENT_SERVICE_ACCOUNT',
				].concat(`--project=${who.project}`, member, `--role=${role}`)
			: ['projects', 'add-iam-policy-binding', who.project, member, `--role=${role}`, '--condition=None'];
	return ['gcloud', ...words].map(shellQuote).join(' ');
}

function memberOf(account: string): string {
	return account.endsWith('gserviceaccount.com') || !account.includes('@')
		? `serviceAccount:${account}`
		: `user:${account}`;
}
