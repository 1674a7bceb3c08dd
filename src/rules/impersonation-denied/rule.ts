import { defineRule, line } from '../../domain/rule.ts';
import { gcloud, grantOnServiceAccount, memberIfKnown, memberOf, projectOf, resource } from '../_parts/iam.ts';
import { hcl, inLang, say, sh } from '../_parts/steps.ts';
import { onAccount, onProject, refused } from '../_parts/policy.ts';
import { isNotIam, strongest, unlessQuoted } from '../_parts/weigh.ts';

export default defineRule({
	id: 'impersonation-denied',
	category: 'permissions',
	title: {
		en: 'The caller may not impersonate the service account (impersonation_chain)',
		ja: 'サービス アカウントの権限借用が許可されていません（impersonation_chain）',
	},
	looks: {
		en: 'RefreshError “Unable to acquire impersonated credentials”, “failed to impersonate […]”, or 403 iam.serviceAccounts.getAccessToken.',
		ja: 'RefreshError「Unable to acquire impersonated credentials」「failed to impersonate […]」、または 403 iam.serviceAccounts.getAccessToken が出ます。',
	},
	confused: {
		en: 'The metadata server names the same permission, but adds “missing IAM policy binding on the target IAM service account”: that is a Workload Identity binding, not impersonation.',
		ja: 'メタデータ サーバーも同じ権限名を示しますが、「missing IAM policy binding on the target IAM service account」と続きます。それは Workload Identity の紐付けの問題で、権限借用ではありません。',
	},
	signatures: [
		line('Unable to acquire impersonated credentials', /Unable to acquire impersonated credentials/),
		line(
			['failed to impersonate [', 'Failed to impersonate ['],
			/[Ff]ailed to impersonate \[(?<target>(?<![\w.+-])[\w.+-]{1,100}@[\w.-]{1,150})\]/,
			'proof',
		),
		line(
			'iam.serviceAccounts.getAccessToken',
			/[Pp]ermission ["'\\]{0,3}(?<permission>iam\.serviceAccounts\.getAccessToken)["'\\]{0,3} denied on resource/,
		),
		line('Unable to impersonate ', /Unable to impersonate (?<target>(?<![\w.+-])[\w.+-]{1,100}@[\w.-]{1,150})/),
		line(
			'iamcredentials.googleapis.com',
			/403[^\n]{0,200}https:\/\/iamcredentials\.googleapis\.com\/v1\/projects\/-\/serviceAccounts\/(?<target>(?<![\w.+-])[\w.+-]{1,100}@[\w.-]{1,150}):/,
		),
	],
	yieldsTo: ['workload-identity-binding-lost', 'kpo-ksa-no-gcp-access', 'api-not-enabled', 'vpc-sc-denied'],
	weigh(hits, scene) {
		const met = hits.filter(
			(hit) =>
				!isNotIam(hit.text) &&
				!/missing IAM policy binding|Unable to generate access token|computeMetadata/.test(hit.text),
		);
		return unlessQuoted(strongest(met), scene);
	},
	reads: ['accountPolicy', 'projectPolicy'],
	decides: ({ facts, env }) => [
		'accountPolicy',
		...(env.project !== undefined && projectOf(facts['target'] ?? '') === env.project
			? (['projectPolicy'] as const)
			: []),
	],
	verify({ accountPolicy, projectPolicy }, { failed, facts, env }) {
		const target = facts['target'];
		const member = memberIfKnown(facts['principal'], env);
		if (target === undefined || target !== failed.account || member === undefined) return undefined;
		const own = projectOf(target) === env.project && env.project !== undefined;
		return refused(member, 'iam.serviceAccounts.getAccessToken', [
			{ policy: accountPolicy, source: 'accountPolicy', on: onAccount(target) },
			...(own ? [{ policy: projectPolicy, source: 'projectPolicy' as const, on: onProject(env.project ?? '') }] : []),
		]);
	},
	fix({ env, facts, lang }) {
		const t = inLang(lang);
		const target = facts['target'] ?? 'TARGET_SERVICE_ACCOUNT_EMAIL';
		const member = memberOf(facts['principal'], env);
		const role = 'roles/iam.serviceAccountTokenCreator';
		return [
			say(
				t(
					'The account the task runs as needs Service Account Token Creator on the account it borrows. A list in impersonation_chain is a chain: each link needs the role on the next one, and the first link is the environment’s own account.',
					'タスクを実行するアカウントには、借用先アカウントに対する「サービス アカウント トークン作成者」が必要です。impersonation_chain のリストは連鎖を意味し、各アカウントに次のアカウントに対するロールが必要です。最初は環境のサービス アカウントです。',
				),
			),
			sh([gcloud('iam service-accounts get-iam-policy', target), grantOnServiceAccount(target, member, role)]),
			hcl(
				resource('google_service_account_iam_member', 'impersonate', {
					service_account_id: `projects/-/serviceAccounts/${target}`,
					role,
					member,
				}),
			),
			say(
				t(
					'“(or it may not exist)”: a misspelt or deleted target gives the same answer. The IAM Service Account Credentials API (iamcredentials.googleapis.com) has to be enabled. Wait 2 to 7 minutes before you rerun.',
					'「(or it may not exist)」のとおり、綴りの誤りや削除済みの借用先でも同じ応答になります。IAM Service Account Credentials API（iamcredentials.googleapis.com）も有効にしてください。付与後は 2～7 分待ってから再実行してください。',
				),
			),
		];
	},
	docs: 'https://docs.cloud.google.com/iam/docs/service-account-impersonation',
});
