import { defineRule, line } from '../../domain/rule.ts';
import { gcloud, grantOnServiceAccount, resource, rolesOf } from '../_parts/iam.ts';
import { roleFor } from '../_parts/roles.ts';
import { grantOnProject, hcl, inLang, names, say, sh } from '../_parts/steps.ts';
import { confirmed } from '../_parts/said.ts';
import { isNotIam, strongest } from '../_parts/weigh.ts';

export default defineRule({
	id: 'caller-permission-denied',
	category: 'permissions',
	title: {
		en: 'The person or pipeline that called has no right to do this',
		ja: '操作した人または CI に、この操作の権限がありません',
	},
	looks: {
		en: 'gcloud, Terraform or the Composer API answers “PERMISSION_DENIED: The caller does not have permission”, “User not authorized to act as service account …”, or 403 on executeAirflowCommand.',
		ja: 'gcloud、Terraform、Composer API が「PERMISSION_DENIED: The caller does not have permission」「User not authorized to act as service account …」、または executeAirflowCommand の 403 を返します。',
	},
	confused: {
		en: 'A message that names the environment’s service account or an agent is env-update-sa-permissions. Inside a task the caller is the task’s account: google-api-permission-denied. A 401/403 of Airflow’s web server is api-user-not-registered.',
		ja: '環境のサービス アカウントやエージェントの名前が出る場合は env-update-sa-permissions、タスクの中での拒否はタスクのアカウントの問題（google-api-permission-denied）、Airflow の Web サーバーの 401・403 は api-user-not-registered です。',
	},
	signatures: [
		line(
			'(gcloud.composer.',
			/ERROR: \(gcloud\.composer\.(?<verb>[\w.]{3,60})\)(?! Error (?:updating|creating) ).{0,300}?(?:PERMISSION_DENIED|does not have permission|403|Permission denied)/,
		),
		line(
			'not authorized to act as service account',
			/not authorized to act as service account ["'<]?(?<target>(?<![\w.+-])[\w.+-]{1,100}@[\w.-]{1,150})?/,
		),
		line(
			'composer.environments.',
			/[Pp]ermission ["']?(?<permission>composer\.(?:environments|operations|dags|userworkloads\w{3,12})\.\w{3,40})["']? (?:denied|is required)/,
		),
		line(
			['composer.dags.', 'composer.operations.'],
			/[Pp]ermission ["']?(?<permission>composer\.(?:dags|operations)\.\w{3,40})["']? denied/,
		),
		line(
			'executeAirflowCommand',
			/(?:403|PERMISSION_DENIED|does not have permission).{0,300}?(?<permission>composer\.environments\.executeAirflowCommand)|:executeAirflowCommand.{0,200}?403/,
		),
		line(
			'] does not have permission to access ',
			/(?:User )?\[(?<principal>[^\]\s]{3,200})\] does not have permission to access (?<resource>[\w ]{3,40}instance \[[^\]]{1,200}\])/,
		),
		line(
			'ERROR: (gcloud.',
			/ERROR: \(gcloud\.[\w.-]{3,120}\) (?:\[[^\]]{1,60}\] )?PERMISSION_DENIED: (?:The caller does not have permission|Permission)/,
		),
		line('Error 403: ', /Error: (?:googleapi: )?Error 403: |googleapi: Error 403: (?!.{0,200}(?:quota|rateLimit))/),
	],
	yieldsTo: [
		'env-update-sa-permissions',
		'composer-agent-role-missing',
		'env-sa-missing-worker-role',
		'composer-api-disabled',
		'api-not-enabled',
		'vpc-sc-denied',
		'billing-disabled',
	],
	weigh(hits, scene) {
		// In a task the caller is the task: the API's own rule names the role.
		if (scene.kind === 'task') return undefined;
		return strongest(hits.filter((hit) => !isNotIam(hit.text)));
	},
	reads: ['audit'],
	decides: ['audit'],
	verify({ audit }, { facts, told }) {
		if (told === undefined) return undefined;
		const refused = audit?.find(
			({ code, actor, uniqueId }) =>
				code === 7 && uniqueId === undefined && (facts['principal'] === undefined || actor === facts['principal']),
		);
		if (!refused) return undefined;
		return confirmed(
			'audit',
			`\`${refused.actor}\` was refused \`${refused.method}\`.`,
			`\`${refused.actor}\` による \`${refused.method}\` が拒否されています。`,
			{ at: refused.at, facts: { principal: refused.actor } },
		);
	},
	fix({ env, facts, lang }) {
		const t = inLang(lang);
		const own = names(env);
		const caller =
			facts['principal'] === undefined
				? 'user:CALLER_EMAIL'
				: facts['principal'].endsWith('gserviceaccount.com')
					? `serviceAccount:${facts['principal']}`
					: `user:${facts['principal']}`;
		const target = facts['target'] ?? own.serviceAccount;
		const role = roleFor(facts['permission']) ?? 'roles/composer.environmentAndStorageObjectAdmin';
		return [
			sh(
				[
					gcloud('auth list'),
					rolesOf(own.project, caller),
					gcloud(
						'logging read',
						'protoPayload.serviceName="composer.googleapis.com" protoPayload.status.code=7',
						`--project=${own.project}`,
						'--freshness=1d',
						'--limit=5',
						'--format=yaml(protoPayload.authenticationInfo.principalEmail,protoPayload.authorizationInfo)',
					),
				],
				t(
					'See who called, and which permission has granted=false:',
					'誰が呼び出し、どの権限が granted=false かを確認します:',
				),
			),
			sh([
				...(facts['target'] !== undefined || facts['permission'] === undefined
					? [grantOnServiceAccount(target, caller, 'roles/iam.serviceAccountUser')]
					: []),
				...(facts['target'] === undefined ? [grantOnProject(own.project, caller, role)] : []),
			]),
			facts['target'] === undefined
				? hcl(resource('google_project_iam_member', 'caller', { project: own.project, role, member: caller }))
				: hcl(
						resource('google_service_account_iam_member', 'act_as', {
							service_account_id: `projects/-/serviceAccounts/${target}`,
							role: 'roles/iam.serviceAccountUser',
							member: caller,
						}),
					),
			say(
				t(
					'Creating or updating an environment needs two things: roles/composer.admin or environmentAndStorageObjectAdmin on the project, and Service Account User on the environment’s account. executeAirflowCommand (gcloud composer environments run) is in admin, editor and environmentAndStorageObjectAdmin, not in composer.user (since 2.4.0).',
					'環境の作成や更新には、プロジェクトの roles/composer.admin または environmentAndStorageObjectAdmin と、環境のサービス アカウントに対する「サービス アカウント ユーザー」の両方が必要です。executeAirflowCommand（gcloud composer environments run）は admin・editor・environmentAndStorageObjectAdmin に含まれ、composer.user には含まれません（2.4.0 以降）。',
				),
			),
		];
	},
	docs: 'https://docs.cloud.google.com/composer/docs/composer-3/access-control',
});
