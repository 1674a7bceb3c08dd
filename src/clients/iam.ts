import { z } from 'zod';
import { Trouble } from '../domain/errors.ts';
import type { Binding } from '../domain/evidence.ts';
import { mask } from '../domain/mask.ts';
import { NEEDS, type Need, type NeedName } from '../domain/needs.ts';
import { visible, type Text } from '../domain/text.ts';
import { unreadable, type Asking } from './base/google-trouble.ts';
import { askGoogle, restOptions, type GoogleToken } from './base/google.ts';

export type IamOptions = {
	project: string;
	rootUrl?: string | undefined;
	/** For one call; 7,500. */
	timeoutMs?: number;
};

/** Where a permission is held. */
export type On = { kind: 'project' } | { kind: 'serviceAccount'; email: string } | { kind: 'bucket'; name: string };

/** Who may do what around one project. Each method is one call (`enabledApis`: one for each 200), throws Trouble, and gives masked names. */
export type Iam = {
	/** Source: Resource Manager API v3, projects.getIamPolicy. */
	projectPolicy(): Promise<Binding[]>;
	/** `12 digits`, asked once for good; undefined while it may not be read. Source: projects.get. */
	projectNumber(): Promise<string | undefined>;
	/** Who may act as that account. Source: IAM API v1, serviceAccounts.getIamPolicy. */
	accountPolicy(email: string): Promise<Binding[]>;
	/** `missing`: deleted, or it never existed. Source: serviceAccounts.get. */
	account(email: string): Promise<{ state: 'enabled' | 'disabled' | 'missing' }>;
	/** Source: Cloud Storage JSON API v1, buckets.getIamPolicy. */
	bucketPolicy(bucket: string): Promise<Binding[]>;
	/** `bigquery.googleapis.com` …, at most 1,000. Source: Service Usage API v1, services.list. */
	enabledApis(): Promise<string[]>;
	/** Which of these permissions the bot itself has there. Needs no permission of its own. Source: testIamPermissions of each API. */
	held(on: On, permissions: readonly string[]): Promise<ReadonlySet<string>>;
};

const CALL_MS = 7500;
const PAGES = 5;
/** Conditions are only told to those who ask for this version. */
const POLICY_VERSION = 3;
const NUMBER_AGAIN_MS = 10 * 60_000;

const policyAnswer = z.object({
	bindings: z
		.array(
			z.object({
				role: z.string(),
				members: z.array(z.string()).nullish(),
				condition: z.object({ title: z.string().nullish(), expression: z.string().nullish() }).nullish(),
			}),
		)
		.nullish(),
});
const projectAnswer = z.object({ name: z.string() });
const accountAnswer = z.object({ disabled: z.boolean().nullish() });
const servicesAnswer = z.object({
	services: z.array(z.object({ config: z.object({ name: z.string().nullish() }).nullish() })).nullish(),
	nextPageToken: z.string().nullish(),
});
const heldAnswer = z.object({ permissions: z.array(z.string()).nullish() });

/** `now`: epoch milliseconds. */
export function iam(options: IamOptions, google: GoogleToken, now: () => number): Iam {
	const { project } = options;
	let number: { told: string | undefined; at: number } | undefined;
	const rest = (token: string) => restOptions(token, { timeoutMs: CALL_MS, ...options });

	async function call<T>(
		{ api, permission, role }: Pick<Need, 'api' | 'permission' | 'role'>,
		what: Text,
		schema: z.ZodType<T>,
		ask: (token: string) => Promise<{ data: unknown }>,
	): Promise<T> {
		const asking: Asking = { api, permission, role, project, what };
		const { data } = await askGoogle(google, asking, ask);
		const read = schema.safeParse(data);
		if (!read.success) throw unreadable(asking, read.error);
		return read.data;
	}

	// Each API is loaded when it is first asked: most processes ask none of them.
	const resourceManager = async (token: string) => {
		const { cloudresourcemanager } = await import('googleapis/build/src/apis/cloudresourcemanager/index.js');
		return cloudresourcemanager({ version: 'v3', ...rest(token) });
	};
	const iamApi = async (token: string) => {
		const api = await import('googleapis/build/src/apis/iam/index.js');
		return api.iam({ version: 'v1', ...rest(token) });
	};
	const storage = async (token: string) => {
		const api = await import('googleapis/build/src/apis/storage/index.js');
		return api.storage({ version: 'v1', ...rest(token) });
	};
	const serviceUsage = async (token: string) => {
		const api = await import('googleapis/build/src/apis/serviceusage/index.js');
		return api.serviceusage({ version: 'v1', ...rest(token) });
	};
	const accountName = (email: string): string => `projects/${projectOf(email) ?? project}/serviceAccounts/${email}`;

	return {
		async projectPolicy() {
			const what = { en: `the roles in ${project}`, ja: `プロジェクト ${project} の IAM ポリシー` };
			const policy = await call(NEEDS.projectPolicy, what, policyAnswer, async (token) =>
				(await resourceManager(token)).projects.getIamPolicy({
					resource: `projects/${project}`,
					requestBody: { options: { requestedPolicyVersion: POLICY_VERSION } },
				}),
			);
			return toBindings(policy);
		},
		async projectNumber() {
			if (number && (number.told !== undefined || now() - number.at < NUMBER_AGAIN_MS)) return number.told;
			const what = { en: `the number of ${project}`, ja: `プロジェクト ${project} の番号` };
			const told = await call(NEEDS.projectNumber, what, projectAnswer, async (token) =>
				(await resourceManager(token)).projects.get({ name: `projects/${project}` }),
			).then(
				({ name }) => /^projects\/(\d+)$/.exec(name)?.[1],
				(error: unknown) => {
					if (error instanceof Trouble) return undefined;
					throw error;
				},
			);
			number = { told, at: now() };
			return told;
		},
		async accountPolicy(email) {
			const what = { en: `who may act as ${email}`, ja: ` ${email} の IAM ポリシー` };
			const policy = await call(NEEDS.serviceAccountPolicy, what, policyAnswer, async (token) =>
				(await iamApi(token)).projects.serviceAccounts.getIamPolicy({
					resource: accountName(email),
					'options.requestedPolicyVersion': POLICY_VERSION,
				}),
			);
			return toBindings(policy);
		},
		async account(email) {
			const what = { en: `the service account ${email}`, ja: `サービスアカウント ${email} ` };
			try {
				const { disabled } = await call(NEEDS.serviceAccount, what, accountAnswer, async (token) =>
					(await iamApi(token)).projects.serviceAccounts.get({ name: accountName(email) }),
				);
				return { state: disabled ? 'disabled' : 'enabled' };
			} catch (error) {
				if (error instanceof Trouble && error.label === 'google missing') return { state: 'missing' };
				throw error;
			}
		},
		async bucketPolicy(bucket) {
			const what = { en: `who may use gs://${bucket}`, ja: ` gs://${bucket} の IAM ポリシー` };
			const policy = await call(NEEDS.bucketPolicy, what, policyAnswer, async (token) =>
				(await storage(token)).buckets.getIamPolicy({ bucket, optionsRequestedPolicyVersion: POLICY_VERSION }),
			);
			return toBindings(policy);
		},
		async enabledApis() {
			const what = { en: `the enabled APIs of ${project}`, ja: `プロジェクト ${project} の有効な API ` };
			const found: string[] = [];
			let pageToken: string | undefined;
			for (let page = 0; page < PAGES; page++) {
				const token = pageToken;
				const answer = await call(NEEDS.enabledApis, what, servicesAnswer, async (access) =>
					(await serviceUsage(access)).services.list({
						parent: `projects/${project}`,
						filter: 'state:ENABLED',
						pageSize: 200,
						...(token === undefined ? {} : { pageToken: token }),
					}),
				);
				found.push(...(answer.services ?? []).flatMap(({ config }) => config?.name ?? []));
				pageToken = answer.nextPageToken || undefined;
				if (pageToken === undefined) break;
			}
			return found;
		},
		async held(on, permissions) {
			const wanted = [...new Set(permissions)];
			const what = { en: 'what the bot itself may do', ja: 'ボット自身の権限' };
			const { permissions: given } = await call(NEEDS[NEED_OF[on.kind]], what, heldAnswer, async (token) => {
				if (on.kind === 'bucket')
					return (await storage(token)).buckets.testIamPermissions({ bucket: on.name, permissions: wanted });
				const requestBody = { permissions: wanted };
				return on.kind === 'project'
					? (await resourceManager(token)).projects.testIamPermissions({ resource: `projects/${project}`, requestBody })
					: (await iamApi(token)).projects.serviceAccounts.testIamPermissions({
							resource: accountName(on.email),
							requestBody,
						});
			});
			return new Set(given ?? []);
		},
	};
}

const NEED_OF = {
	project: 'projectPolicy',
	serviceAccount: 'serviceAccountPolicy',
	bucket: 'bucketPolicy',
} as const satisfies Readonly<Record<On['kind'], NeedName>>;

/** The project that a service account's address names; Google's own agents and default accounts name none this way. */
function projectOf(email: string): string | undefined {
	return /@([a-z0-9.:-]{4,60})\.iam\.gserviceaccount\.com$/.exec(email)?.[1];
}

function toBindings({ bindings }: z.output<typeof policyAnswer>): Binding[] {
	return (bindings ?? []).map(({ role, members, condition }) => ({
		role: safe(role),
		members: (members ?? []).map(safe),
		...(condition ? { condition: safe(condition.title || condition.expression || 'condition') } : {}),
	}));
}

const safe = (text: string): string => visible(mask(text));
