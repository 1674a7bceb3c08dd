import { defineRule, line } from '../../domain/rule.ts';
import { agentIfKnown, composerAgent, gcloud, grantOnServiceAccount, resource, rolesOf } from '../_parts/iam.ts';
import { forGeneration, grantOnProject, hcl, hclQuoted, inLang, names, say, sh } from '../_parts/steps.ts';
import { byWhom, heldBy, onAccount, onProject, takenAway } from '../_parts/policy.ts';
import { confirmed, ruledOut } from '../_parts/said.ts';
import { strongest } from '../_parts/weigh.ts';

const AGENT = 'roles/composer.serviceAgent';
/** Composer 2 only. */
const EXTENSION = 'roles/composer.ServiceAgentV2Ext';

export default defineRule({
	id: 'composer-agent-role-missing',
	category: 'permissions',
	title: {
		en: 'The Composer service agent lost its role, or never got it',
		ja: 'Composer サービス エージェントのロールがありません',
	},
	looks: {
		en: '“Cloud Composer v2 API Service Agent Extension role might be missing”, “Cloud Composer API Service Agent role is missing. Please bind roles/composer.serviceAgent back”, or “service-N@cloudcomposer-accounts… does not exist”.',
		ja: '「Cloud Composer v2 API Service Agent Extension role might be missing」「Cloud Composer API Service Agent role is missing. Please bind roles/composer.serviceAgent back」、または「service-N@cloudcomposer-accounts… does not exist」です。',
	},
	confused: {
		en: 'A message that names a person is caller-permission-denied. On Composer 3 a complaint about the V2 extension is wrong advice: it needs only the service agent role. “does not exist”: the role was granted before the agent was made, or with the project’s id instead of its number.',
		ja: '人の名前が出る場合は caller-permission-denied です。Composer 3 で V2 拡張ロールを求める助言は当てはまらず、必要なのはサービス エージェントのロールだけです。「does not exist」は、エージェントの作成前に付与したか、プロジェクト番号ではなく ID を使ったためです。',
	},
	signatures: [
		line(
			'API Service Agent Extension role',
			/Cloud Composer v2 API Service Agent Extension role (?:might be|is) missing/,
			'proof',
		),
		line(
			'Cloud Composer API Service Agent role is missing',
			/Cloud Composer API Service Agent role is missing/,
			'proof',
		),
		line(
			'@cloudcomposer-accounts',
			/Service account (?<agent>service-(?<number>[\w-]{1,63})@cloudcomposer-accounts\.iam\.gserviceaccount\.com) does not exist/,
			'proof',
		),
		line(
			'@cloudcomposer-accounts',
			/(?<agent>service-(?<number>\d{5,15})@cloudcomposer-accounts\.iam\.gserviceaccount\.com).{0,200}?(?:missing|lacks|does not have|not have required|denied)/,
		),
		line(
			'roles/composer.ServiceAgentV2Ext',
			/(?:missing|lacks|does not have|[Gg]rant|needs|required).{0,120}?roles\/composer\.ServiceAgentV2Ext\b/,
		),
		line(
			'Composer API Service Agent service account',
			/Composer API Service Agent service account .{0,120}does not have required permissions/,
			'proof',
		),
	],
	weigh(hits) {
		return strongest(hits.filter((hit) => !/--role[= ]roles\/composer/.test(hit.text)));
	},
	reads: ['projectPolicy', 'serviceAccountPolicy', 'policyChanges'],
	decides: ['projectPolicy', 'serviceAccountPolicy'],
	verify({ projectPolicy, serviceAccountPolicy, policyChanges }, { env }) {
		const member = agentIfKnown(env);
		if (member === undefined || env.project === undefined) return undefined;
		const agent = composerAgent(env);
		const has = (policy: typeof projectPolicy, role: string) =>
			policy && heldBy(policy, member).some((one) => one.role === role);
		if (has(projectPolicy, AGENT) === false) {
			const taken = takenAway(policyChanges, AGENT, member);
			const on = onProject(env.project);
			const by = byWhom(taken);
			return confirmed(
				'projectPolicy',
				`\`${agent}\` does not hold \`${AGENT}\` on ${on.en}.${by.en}`,
				`\`${agent}\` は ${on.ja} で \`${AGENT}\` を持っていません。${by.ja}`,
				{ at: taken?.at },
			);
		}
		if (env.generation !== 'composer-2' || env.serviceAccount === undefined)
			return env.generation === 'composer-3' && has(projectPolicy, AGENT) === true
				? ruledOut(
						'projectPolicy',
						`\`${agent}\` holds \`${AGENT}\`, and Composer 3 needs no more.`,
						`\`${agent}\` は \`${AGENT}\` を持っており、Composer 3 に必要なロールはこれだけです。`,
					)
				: undefined;
		if (!projectPolicy || !serviceAccountPolicy) return undefined;
		const on = onAccount(env.serviceAccount);
		if (has(projectPolicy, EXTENSION) === true || has(serviceAccountPolicy, EXTENSION) === true)
			return ruledOut(
				'serviceAccountPolicy',
				`\`${agent}\` holds both roles that it needs.`,
				`\`${agent}\` は必要な 2 つのロールを持っています。`,
			);
		const taken = takenAway(policyChanges, EXTENSION, member);
		const by = byWhom(taken);
		return confirmed(
			'serviceAccountPolicy',
			`\`${agent}\` holds \`${EXTENSION}\` neither on ${on.en} nor on the project.${by.en}`,
			`\`${agent}\` は ${on.ja} でもプロジェクトでも \`${EXTENSION}\` を持っていません。${by.ja}`,
			{ at: taken?.at },
		);
	},
	fix({ env, facts, lang }) {
		const t = inLang(lang);
		const own = names(env);
		const number = facts['number'] !== undefined && /^\d+$/.test(facts['number']) ? facts['number'] : env.projectNumber;
		const agent = `serviceAccount:${composerAgent({ ...env, projectNumber: number })}`;
		const base = () => [
			gcloud('projects describe', own.project, '--format=value(projectNumber)') +
				'   # the agent’s address holds the number, never the id',
			gcloud('beta services identity create', '--service=composer.googleapis.com', `--project=${own.project}`),
			rolesOf(own.project, agent),
			grantOnProject(own.project, agent, 'roles/composer.serviceAgent'),
		];
		const terraform = (extra: readonly string[]) =>
			hcl([
				'resource "google_project_service_identity" "composer" {',
				'  provider = google-beta',
				`  project  = ${hclQuoted(own.project)}`,
				'  service  = "composer.googleapis.com"',
				'}',
				resource('google_project_iam_member', 'composer_agent', {
					project: own.project,
					role: 'roles/composer.serviceAgent',
					member: '=google_project_service_identity.composer.member',
				}),
				...extra,
			]);
		const composer2 = () => [
			sh([...base(), grantOnServiceAccount(own.serviceAccount, agent, 'roles/composer.ServiceAgentV2Ext')]),
			terraform([
				resource('google_service_account_iam_member', 'v2ext', {
					service_account_id: '=google_service_account.env.name',
					role: 'roles/composer.ServiceAgentV2Ext',
					member: '=google_project_service_identity.composer.member',
				}),
				'# on google_composer_environment: depends_on = [google_service_account_iam_member.v2ext]',
			]),
			say(
				t(
					'The extension carries iam.serviceAccounts.getIamPolicy and setIamPolicy: the agent binds the cluster’s Kubernetes accounts with it. Granted on the environment’s account itself it is narrower than on the project.',
					'拡張ロールは iam.serviceAccounts.getIamPolicy と setIamPolicy を持ち、エージェントはこれでクラスタの Kubernetes サービス アカウントを紐付けます。プロジェクトではなく環境のサービス アカウントに付与すると範囲が狭くなります。',
				),
			),
		];
		const composer3 = () => [
			sh(base()),
			terraform([]),
			say(
				t(
					'Composer 3 does not need roles/composer.ServiceAgentV2Ext.',
					'Composer 3 では roles/composer.ServiceAgentV2Ext は不要です。',
				),
			),
		];
		return [
			...forGeneration({ env, lang }, { 'composer-2': composer2, 'composer-3': composer3, airflow: () => [] }),
			say(t('Wait 2 to 7 minutes, then repeat the operation.', '2～7 分待ってから、操作を再実行してください。')),
		];
	},
	docs: 'https://docs.cloud.google.com/composer/docs/composer-2/access-control',
});
