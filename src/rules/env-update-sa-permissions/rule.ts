import { defineRule, line } from '../../domain/rule.ts';
import {
	agentIfKnown,
	composerAgent,
	gcloud,
	grantOnServiceAccount,
	memberOf,
	resource,
	rolesOf,
} from '../_parts/iam.ts';
import { forGeneration, grantOnProject, hcl, inLang, names, say, sh } from '../_parts/steps.ts';
import { heldBy, onProject } from '../_parts/policy.ts';
import { confirmed, likely, ruledOut } from '../_parts/said.ts';
import { counted } from '../_parts/series.ts';
import { strongest } from '../_parts/weigh.ts';

const OPERATION =
	/gcloud\.composer\.environments|Error (?:updating|creating|upgrading) \[projects|Operation \[projects|environments\/operations|Composer Backend|No agent response/;

export default defineRule({
	id: 'env-update-sa-permissions',
	category: 'permissions',
	title: {
		en: 'The environment could not be updated: its service account or an agent lacks a role',
		ja: '環境を更新できません（サービス アカウントまたはエージェントのロール不足）',
	},
	looks: {
		en: 'The environment was created, but adding PyPI packages or another update runs for an hour and fails: “Composer Backend timed out. Currently running tasks are [stage: CP_COMPOSER_AGENT_RUNNING …”, “No agent response published”, or the operation names an account and a role.',
		ja: '環境の作成には成功したのに、PyPI パッケージの追加などの更新が 1 時間ほどで失敗します。「Composer Backend timed out. Currently running tasks are [stage: CP_COMPOSER_AGENT_RUNNING …」「No agent response published」、またはアカウントとロールの名前が出ます。',
	},
	confused: {
		en: '“Failed to install PyPI packages” with a build log is a package conflict: a build that ran is a package, no build at all is a permission. “uses more than 20 GB” is the database; a web server that never becomes healthy needs memory; a disabled API and VPC-SC say so. A message that names the person who called is caller-permission-denied.',
		ja: 'ビルドログのある「Failed to install PyPI packages」はパッケージの競合です。ビルドが動いていればパッケージ、ビルドが始まっていなければ権限の問題です。「uses more than 20 GB」はデータベース、起動しない Web サーバーはメモリ不足、API の無効化や VPC-SC はその旨が出ます。操作した人の名前が出る場合は caller-permission-denied です。',
	},
	signatures: [
		line(
			'Composer Backend timed out',
			/Composer Backend timed out\.\s+Currently running tasks are \[stage: (?<stage>CP_COMPOSER_AGENT_RUNNING)/,
		),
		line('Composer Backend timed out', /Composer Backend timed out/, 'weak'),
		line('No agent response published', /No agent response published/),
		line(
			'Latest Agent Stage: stage: ',
			/Composer Agent Running\. Latest Agent Stage: stage: (?<agentStage>[A-Z_]{4,60})/,
		),
		line('failed because of lack of proper permissions', /[Oo]peration failed because of lack of proper permissions/),
		// The operation's own sentence, with the account it is about; only in the words of an operation of Composer.
		line(
			'gserviceaccount.com',
			/(?<principal>(?<![\w.+-])[\w.+-]{1,100}@[\w.-]{1,80}gserviceaccount\.com)[^\n]{0,160}?(?:missing|lacks|(?:does|do) not have|denied|not have (?:the )?required|needs|requires?|not authorized|not granted|has no)/,
		),
		line(
			'gserviceaccount.com',
			/(?:missing|lacks|denied|[Rr]equired|requires|[Gg]rant|not authorized|not granted)[^\n]{0,160}?(?<principal>(?<![\w.+-])[\w.+-]{1,100}@[\w.-]{1,80}gserviceaccount\.com)/,
		),
		line(
			'roles/',
			/(?:missing|lacks|does not have|[Gg]rant|requires?|[Nn]eeds)[^\n]{0,80}?(?<role>roles\/[\w.]{3,80})/,
		),
		// The image that Composer builds for the packages.
		line(
			'artifactregistry.repositories.',
			/(?<permission>artifactregistry\.repositories\.(?:uploadArtifacts|create|get|downloadArtifacts))\b.{0,200}?(?:composer[ -]images|the composer)/,
		),
		line(
			'(gcloud.builds.submit)',
			/ERROR: \(gcloud\.builds\.submit\).{0,60}(?:PERMISSION_DENIED|does not have).{0,40}?(?:service account (?<principal>(?<![\w.+-])[\w.+-]{1,100}@[\w.-]{1,80}gserviceaccount\.com))?/,
		),
		line(
			'cloudbuild.gserviceaccount.com',
			/(?<principal>\d{5,15}@cloudbuild\.gserviceaccount\.com) does not have (?<permission>[a-z][\w.]{5,80}) access/,
		),
		line('cloudbuild.builds.create', /(?<permission>cloudbuild\.builds\.create)\b/),
		// Pods that never become healthy have other reasons as well.
		line('Some of the GKE pods failed to become healthy', /Some of the GKE pods failed to become healthy/, 'weak'),
	],
	yieldsTo: [
		'composer-agent-role-missing',
		'env-sa-missing-worker-role',
		'composer-api-disabled',
		'vpc-sc-denied',
		'db-too-large-for-upgrade',
		'webserver-resources-too-small',
		'env-network-unreachable',
		'airflow-config-blocked',
	],
	weigh(hits, scene) {
		const met = hits.filter((hit) => {
			// Whoever may not act as the account is the caller.
			const operation = OPERATION.test(hit.text) && !hit.text.includes('not authorized to act as');
			// An account or a role that somebody else speaks of is no operation of Composer's.
			if (hit.facts['role'] !== undefined || hit.signature.literals[0] === 'gserviceaccount.com') return operation;
			// A task that submits a build of its own is not Composer's build.
			return scene.kind !== 'task' || operation;
		});
		return strongest(met);
	},
	reads: ['projectPolicy', 'serviceAccountPolicy', 'permissionChecks'],
	decides: ['projectPolicy', 'serviceAccountPolicy', 'permissionChecks'],
	verify({ projectPolicy, serviceAccountPolicy, permissionChecks }, { failed, env }) {
		const { project, serviceAccount, generation } = env;
		if (project === undefined || serviceAccount === undefined) return undefined;
		const account = `serviceAccount:${serviceAccount}`;
		const agent = agentIfKnown(env);
		const on = onProject(project);
		const missing: { who: string; role: string; where: string }[] = [];
		const holds = (policy: typeof projectPolicy, who: string, roles: readonly string[]) =>
			policy && heldBy(policy, who).some(({ role }) => roles.includes(role) || !role.startsWith('roles/'));
		if (holds(projectPolicy, account, ['roles/composer.worker', 'roles/editor', 'roles/owner']) === false)
			missing.push({ who: serviceAccount, role: 'roles/composer.worker', where: project });
		if (agent !== undefined && holds(projectPolicy, agent, ['roles/composer.serviceAgent']) === false)
			missing.push({ who: composerAgent(env), role: 'roles/composer.serviceAgent', where: project });
		if (agent !== undefined && generation === 'composer-2' && projectPolicy && serviceAccountPolicy) {
			const extension = ['roles/composer.ServiceAgentV2Ext'];
			if (!holds(projectPolicy, agent, extension) && !holds(serviceAccountPolicy, agent, extension))
				missing.push({ who: composerAgent(env), role: extension.join(''), where: serviceAccount });
		}
		const [first] = missing;
		if (first) {
			const list = (and: string) =>
				missing.map(({ who, role, where }) => `\`${role}\`: \`${who}\` → \`${where}\``).join(and);
			return confirmed(
				first.where === serviceAccount ? 'serviceAccountPolicy' : 'projectPolicy',
				`missing (role: who → on what): ${list(', ')}.`,
				`不足しているロール（ロール: 付与先 → 対象）: ${list('、')}。`,
				missing.length === 1 ? { facts: { principal: first.who, role: first.role } } : {},
			);
		}
		const end = failed.endedAt === undefined ? failed.now : Date.parse(failed.endedAt);
		const checks = permissionChecks && counted(permissionChecks, { from: end - 90 * 60_000, to: end + 5 * 60_000 });
		if (checks)
			return likely(
				'permissionChecks',
				`Composer's own check counted missing permissions ${checks.count} times, although the roles on ${on.en} are there: look at the ones in a private setup (the account on itself, Shared VPC).`,
				`${on.ja} のロールは揃っていますが、Composer 自身のチェックで権限不足が ${checks.count} 回記録されています。プライベート構成で必要なロール（アカウント自身に対するもの、共有 VPC）を確認してください。`,
				{ at: checks.at },
			);
		if (
			projectPolicy &&
			agent !== undefined &&
			(generation !== 'composer-2' || serviceAccountPolicy) &&
			permissionChecks
		)
			return ruledOut(
				'projectPolicy',
				`the environment's account and the Composer agent hold the roles they need on ${on.en}, and Composer counted no missing permission.`,
				`環境のアカウントと Composer エージェントは ${on.ja} で必要なロールを持っており、権限不足も記録されていません。`,
			);
		return undefined;
	},
	fix({ env, facts, lang }) {
		const t = inLang(lang);
		const own = names(env);
		const sa = `serviceAccount:${own.serviceAccount}`;
		const agent = `serviceAccount:${composerAgent(env)}`;
		const cloudServices = `serviceAccount:${env.projectNumber ?? 'PROJECT_NUMBER'}@cloudservices.gserviceaccount.com`;
		const audit = 'protoPayload.serviceName="composer.googleapis.com" severity>=ERROR';
		const look = () =>
			sh(
				[
					gcloud('composer operations list', `--locations=${own.location}`, `--project=${own.project}`),
					rolesOf(own.project, sa),
					gcloud('iam service-accounts get-iam-policy', own.serviceAccount, `--project=${own.project}`),
					rolesOf(own.project, agent),
					gcloud('builds list', `--project=${own.project}`, '--limit=5') +
						'   # empty: the build never started, so a permission; a failed build: the package',
					gcloud('logging read', audit, `--project=${own.project}`, '--freshness=1d', '--limit=10'),
				],
				t(
					'See which role is missing (the metric composer.googleapis.com/environment/health/dependency_permissions_check_count counts them, trustworthy from builds of Feb 2025):',
					'どのロールが足りないか確認します（指標 composer.googleapis.com/environment/health/dependency_permissions_check_count が不足数を示し、2025 年 2 月以降のビルドで信頼できます）:',
				),
			);
		const common = () => [
			grantOnProject(own.project, sa, 'roles/composer.worker'),
			grantOnServiceAccount(own.serviceAccount, sa, 'roles/iam.serviceAccountUser'),
			grantOnProject(own.project, agent, 'roles/composer.serviceAgent'),
		];
		const terraform = () => [
			resource('google_project_iam_member', 'worker', {
				project: own.project,
				role: 'roles/composer.worker',
				member: sa,
			}),
			resource('google_service_account_iam_member', 'self', {
				service_account_id: '=google_service_account.env.name',
				role: 'roles/iam.serviceAccountUser',
				member: sa,
			}),
			resource('google_project_iam_member', 'composer_agent', {
				project: own.project,
				role: 'roles/composer.serviceAgent',
				member: agent,
			}),
		];
		const selfUse = () =>
			say(
				t(
					'The second grant (the account on itself) is needed where resource locations are restricted, where packages come from Artifact Registry or a private repository, and for private IP environments. The service account of an environment cannot be changed later; since April 2025 it has to be named at creation.',
					'2 つ目（自分自身に対する付与）は、リソース ロケーションが制限されている場合、Artifact Registry やプライベート リポジトリからパッケージを入れる場合、プライベート IP 環境で必要です。環境のサービス アカウントは後から変更できず、2025 年 4 月以降は作成時に必ず指定します。',
				),
			);
		const others = () =>
			say(
				t(
					`Also: ${cloudServices.slice('serviceAccount:'.length)} (Google APIs Service Agent) keeps Editor. In a Shared VPC host project the Composer agent needs roles/composer.sharedVpcAgent, the GKE agent roles/container.hostServiceAgentUser, and that Google APIs agent roles/compute.networkUser. The agent does not need roles/composer.environmentAndStorageObjectAdmin, which is a role for people; whoever or whatever runs the update needs that one or roles/composer.admin, and roles/iam.serviceAccountUser on the environment’s account.`,
					`そのほか: ${cloudServices.slice('serviceAccount:'.length)}（Google API サービス エージェント）の編集者ロールは残してください。共有 VPC のホスト プロジェクトでは、Composer エージェントに roles/composer.sharedVpcAgent、GKE エージェントに roles/container.hostServiceAgentUser、Google API サービス エージェントに roles/compute.networkUser が必要です。roles/composer.environmentAndStorageObjectAdmin は利用者向けのロールで、エージェントには不要です。更新を実行する人や CI には、このロールまたは roles/composer.admin と、環境のサービス アカウントに対する roles/iam.serviceAccountUser が必要です。`,
				),
			);
		const wait = () =>
			say(
				t(
					'Wait 2 to 7 minutes (group changes: hours), then repeat the same update. Never remove roles/composer.serviceAgent, and do not follow the advice to disable and re-enable the Composer API: that puts every environment of the project into a permanent error.',
					'2～7 分（グループの変更は数時間）待ってから、同じ更新を再実行してください。roles/composer.serviceAgent は決して外さないでください。「Composer API を無効にして再び有効にする」という助言にも従わないでください。プロジェクトの全環境が復旧不能なエラー状態になります。',
				),
			);
		const grant = () =>
			t(
				'Then grant what is missing; every line is additive:',
				'次に、足りないロールを付与します（すべて追加のみの操作です）:',
			);
		const composer2 = () => [
			look(),
			sh([...common(), grantOnServiceAccount(own.serviceAccount, agent, 'roles/composer.ServiceAgentV2Ext')], grant()),
			selfUse(),
			hcl([
				...terraform(),
				resource('google_service_account_iam_member', 'v2ext', {
					service_account_id: '=google_service_account.env.name',
					role: 'roles/composer.ServiceAgentV2Ext',
					member: agent,
				}),
			]),
			say(
				t(
					'Who builds the PyPI image changed: new environments from 2.10.2 (January 2025) and all of Composer 2 since 2025-04-17 build and pull as the environment’s own account. Only before that was it the project’s default Cloud Build account (PROJECT_NUMBER@cloudbuild.gserviceaccount.com or the Compute default account) that built, and the Compute default account that pulled the image. So granting roles to the Compute default account, as older articles say, is obsolete; COMPOSER_AGENT_BUILD_SERVICE_ACCOUNT was an override from 2024-07 and is reserved since 2024-12.',
					'PyPI イメージをビルドする ID は変わりました。2.10.2（2025 年 1 月）以降の新規環境と、2025-04-17 以降のすべての Composer 2 では、環境自身のサービス アカウントがビルドと取得を行います。それ以前だけが、プロジェクト既定の Cloud Build アカウント（PROJECT_NUMBER@cloudbuild.gserviceaccount.com または Compute 既定アカウント）によるビルドと、Compute 既定アカウントによる取得でした。古い記事にある Compute 既定アカウントへのロール付与はもう不要です。COMPOSER_AGENT_BUILD_SERVICE_ACCOUNT は 2024 年 7 月からの上書き用変数で、2024 年 12 月以降は予約済みです。',
				),
			),
			others(),
			wait(),
		];
		const composer3 = () => [
			look(),
			sh(common(), grant()),
			selfUse(),
			hcl(terraform()),
			say(
				t(
					'Composer 3 always built as the environment’s account and does not need roles/composer.ServiceAgentV2Ext; a complaint about it there is wrong advice.',
					'Composer 3 は当初から環境のサービス アカウントでビルドし、roles/composer.ServiceAgentV2Ext は不要です。それを求める助言は当てはまりません。',
				),
			),
			others(),
			wait(),
		];
		const named = facts['principal'];
		return [
			...(named === undefined && facts['role'] === undefined
				? []
				: [
						say(
							t(
								`The text names what is missing: ${[named, facts['role'], facts['permission']].filter((part) => part !== undefined).join(', ')}.`,
								`不足しているものは文中に示されています: ${[named, facts['role'], facts['permission']].filter((part) => part !== undefined).join('、')}。`,
							),
						),
						...(facts['role'] === undefined
							? []
							: [sh(grantOnProject(own.project, memberOf(named, env), facts['role']))]),
					]),
			...forGeneration(
				{ env, lang },
				{
					'composer-2': composer2,
					'composer-3': composer3,
					airflow: () =>
						env.generation === undefined
							? []
							: [
									say(
										t(
											'This text comes from Cloud Composer only; set the environment’s generation in the settings.',
											'この文は Cloud Composer だけが出します。設定で環境の世代を指定してください。',
										),
									),
								],
				},
			),
		];
	},
	docs: 'https://docs.cloud.google.com/composer/docs/composer-2/troubleshooting-updates-upgrades',
});
