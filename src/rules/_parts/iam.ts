import type { Environment } from '../../domain/environment.ts';
import { command, hclQuoted, names } from './steps.ts';

/** The Composer service agent. It carries the project's number, never its id. */
export function composerAgent(env: Environment): string {
	return `service-${env.projectNumber ?? 'PROJECT_NUMBER'}@cloudcomposer-accounts.iam.gserviceaccount.com`;
}

/** What Google prints where it does not name the caller. */
const NAMELESS = /^(?:anonymous|user|caller|the|client|null|unknown|undefined)\b/i;

/**
 * An IAM member from the principal an error text names; the environment's service account when it names none.
 * `P.svc.id.goog[ns/ksa]` and `….gserviceaccount.com` are service accounts, any other address a person.
 */
export function memberOf(principal: string | undefined, env: Environment): string {
	const own = `serviceAccount:${names(env).serviceAccount}`;
	const name = principal?.trim() ?? '';
	if (/^(?:serviceAccount|user|group|domain|principal|principalSet):/.test(name)) return name;
	if (name === '' || NAMELESS.test(name)) return own;
	if (name.endsWith('gserviceaccount.com') || name.includes('.svc.id.goog[')) return `serviceAccount:${name}`;
	return name.includes('@') ? `user:${name}` : own;
}

/** The same where it is known who that is. */
export function memberIfKnown(principal: string | undefined, env: Environment): string | undefined {
	const member = memberOf(principal, env);
	return member === memberOf(undefined, {}) ? undefined : member;
}

/** The Composer service agent as a member; undefined while the project's number is not known. */
export const agentIfKnown = (env: Environment): string | undefined =>
	env.projectNumber === undefined ? undefined : `serviceAccount:${composerAgent(env)}`;

/** The project a service account's address names; Google's own agents and default accounts name none this way. */
export function projectOf(account: string | undefined): string | undefined {
	return account === undefined ? undefined : /@([a-z0-9.:-]{4,60})\.iam\.gserviceaccount\.com$/.exec(account)?.[1];
}

/** `gcloud <verb> <words>`: the verb is ours, every other word is quoted when it has to be. */
export function gcloud(verb: string, ...words: readonly string[]): string {
	return command('gcloud', ...verb.split(' '), ...words);
}

export function grantOnServiceAccount(account: string, member: string, role: string): string {
	return gcloud('iam service-accounts add-iam-policy-binding', account, `--member=${member}`, `--role=${role}`);
}

export function grantOnBucket(bucket: string, member: string, role: string): string {
	return gcloud('storage buckets add-iam-policy-binding', `gs://${bucket}`, `--member=${member}`, `--role=${role}`);
}

/** Every role a member holds on a project, with the condition that may limit it. */
export function rolesOf(project: string, member: string): string {
	return gcloud(
		'projects get-iam-policy',
		project,
		'--flatten=bindings[].members',
		`--filter=bindings.members:${member}`,
		'--format=table(bindings.role,bindings.condition.title)',
	);
}

/** An Airflow CLI command inside a Composer environment. */
export function airflowCli(env: Environment, subcommand: readonly string[], args: readonly string[] = []): string {
	return gcloud(
		'composer environments run',
		...names(env).at,
		...subcommand,
		...(args.length > 0 ? ['--', ...args] : []),
	);
}

/** A Terraform resource of flat string arguments. An argument that begins with `=` is an expression, taken as it is. */
export function resource(type: string, name: string, args: Readonly<Record<string, string>>): string {
	const width = Math.max(...Object.keys(args).map((key) => key.length));
	const lines = Object.entries(args).map(
		([key, value]) => `  ${key.padEnd(width)} = ${value.startsWith('=') ? value.slice(1) : hclQuoted(value)}`,
	);
	return [`resource "${type}" "${name}" {`, ...lines, '}'].join('\n');
}
