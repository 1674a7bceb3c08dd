import { defineRule, line } from '../../domain/rule.ts';
import { gcloud, grantOnServiceAccount, memberIfKnown, memberOf, resource, rolesOf } from '../_parts/iam.ts';
import { roleFor } from '../_parts/roles.ts';
import { grantOnProject, hcl, inLang, names, say, sh } from '../_parts/steps.ts';
import { onAccount, onProject, refused } from '../_parts/policy.ts';
import { isNotIam, strongest, unlessQuoted } from '../_parts/weigh.ts';

// These have rules of their own.
const OTHERS =
	/(?:storage\.(?:objects|buckets)|bigquery\.[a-z]+|secretmanager\.versions\.access|iam\.serviceAccounts\.getAccessToken)\b|https:\/\/(?:storage|bigquery)\.googleapis\.com|Access Denied: |missing Composer Worker role|pods?(?:\/[a-z]+)? is forbidden|" is forbidden: /;

export default defineRule({
	id: 'google-api-permission-denied',
	category: 'permissions',
	title: {
		en: 'A Google Cloud API refused the caller: a role or scope is missing (403)',
		ja: 'Google Cloud API が呼び出しを拒否しました（403、ロールまたはスコープの不足）',
	},
	looks: {
		en: '“PermissionDenied: 403 …”, “Forbidden: 403 …” or “HttpError 403 …” from Pub/Sub, Dataproc, Dataflow, Cloud Run, Functions, Cloud SQL, GKE, KMS, Spanner, Vertex AI and so on.',
		ja: 'Pub/Sub、Dataproc、Dataflow、Cloud Run、Functions、Cloud SQL、GKE、KMS、Spanner、Vertex AI などから「PermissionDenied: 403 …」「Forbidden: 403 …」「HttpError 403 …」が返ります。',
	},
	confused: {
		en: '“has not been used in project … or it is disabled” is api-not-enabled, “organization’s policy” is vpc-sc-denied, RESOURCE_EXHAUSTED and quota texts are quotas, “billing” is billing-disabled. Storage, BigQuery, Secret Manager and impersonation have causes of their own. A 403 of a vendor’s API is not Google’s.',
		ja: '「has not been used in project … or it is disabled」は api-not-enabled、「organization’s policy」は vpc-sc-denied、RESOURCE_EXHAUSTED や quota は割り当て、「billing」は billing-disabled です。Storage・BigQuery・Secret Manager・権限借用には個別の原因があります。ベンダー API の 403 は Google のものではありません。',
	},
	signatures: [
		line(
			['denied on resource', 'denied for resource'],
			/[Pp]ermission ["']?(?<permission>[a-z][a-zA-Z]{1,40}\.[a-zA-Z]{2,50}\.[a-zA-Z]{2,60})["']? denied (?:on|for) resource:?(?: ["']?(?:\/\/)?(?<resource>[\w/.:@~+-]{3,400}))?/,
		),
		line(
			['permission(s) for ', "' permission for '"],
			/Required ["'](?<permission>[a-z][a-zA-Z]{1,40}\.[a-zA-Z]{2,50}\.[a-zA-Z]{2,60})["'] permission(?:\(s\))? for ["'](?<resource>[\w/.:@-]{3,400})/,
		),
		line(
			['issing IAM permission', 'issing permission', 'lacks permission', 'acks the permission', 'equired permission'],
			/(?:missing (?:the )?(?:IAM )?permissions?:?|lacks (?:the )?permissions?|required permissions?(?: to perform this action)?:?) ["'[]{0,2}(?<permission>[a-z][a-zA-Z]{1,40}\.[a-zA-Z]{2,50}\.[a-zA-Z]{2,60})["'\]]{0,2}(?: on (?:the )?resource:? ["']?(?<resource>[\w/.:@-]{3,400}))?/i,
		),
		line('IAM_PERMISSION_DENIED', /IAM_PERMISSION_DENIED/),
		line(
			'HttpError 403 when requesting https://',
			/HttpError 403 when requesting https:\/\/(?:www\.googleapis\.com\/)?(?:[a-z0-9-]{2,30}-)?(?<api>[a-z0-9-]{2,40})(?:\.googleapis\.com)?\//,
		),
		line('PermissionDenied: 403 ', /\bPermissionDenied: 403 /),
		line(
			'Forbidden: 403 ',
			/\bForbidden: 403 (?:(?:GET|POST|PUT|PATCH|DELETE) https:\/\/(?<api>[a-z0-9-]{2,60})\.googleapis\.com\/)?/,
		),
		line(
			'ser not authorized to ',
			/User not authorized to (?:perform this action|act as service account ["'<]?(?<actAs>(?<![\w.+-])[\w.+-]{1,100}@[\w.-]{1,150}))/,
		),
		line(
			'iam.serviceAccounts.actAs',
			/(?<permission>iam\.serviceAccounts\.actAs)\b(?:.{0,80}?service account ["'<]?(?<actAs>(?<![\w.+-])[\w.+-]{1,100}@[\w.-]{1,150}))?/,
		),
		line(
			'does not have serviceusage.services.use',
			/(?<principal>(?<![\w.+-])[\w.+-]{1,100}@[\w.-]{1,150}) does not have (?<permission>serviceusage\.services\.use) access/,
		),
		line(
			'does not have required permission to use project',
			/Caller does not have required permission to use project (?<project>[\w.:-]{1,63}?)\./,
		),
		// Scopes of the token: no role helps here.
		line(
			['insufficient authentication scopes', 'ACCESS_TOKEN_SCOPE_INSUFFICIENT'],
			/(?<scopes>insufficient authentication scopes|ACCESS_TOKEN_SCOPE_INSUFFICIENT)/,
		),
		// Cloud Run and Functions answer by Google's front end.
		line(
			'does not have permission to get URL',
			/Your client does not have permission to get URL (?:<code>)?(?<url>\/[\w/.-]{0,200})?/,
		),
		line(
			['Client Error: Forbidden for url: https://', 'Client Error: Unauthorized for url: https://'],
			/40[13] Client Error: (?:Forbidden|Unauthorized) for url: https:\/\/(?<invoked>[\w.-]{3,200}\.(?:run\.app|cloudfunctions\.net))/,
		),
		line(
			[
				'Client Error: Forbidden for url: https://',
				"Client error '403 Forbidden' for url 'https://",
				'ClientResponseError: 403',
			],
			/\b403(?: Client Error: | |, message=)[^\n]{0,40}?\burl(?:: | '|='|=URL\(')https:\/\/(?:[a-z0-9-]{2,30}-)?(?<api>[a-z0-9-]{2,40})\.googleapis\.com\//,
		),
		line(
			['PERMISSION_DENIED: ', '] does not have permission to access '],
			/ERROR: \((?:gcloud|bq)[\w.-]{0,120}\) (?:(?:\[[^\]]{1,40}\] )?PERMISSION_DENIED: |(?:User )?\[(?<principal>[^\]\s]{3,200})\] does not have permission to access (?<resource>[^\n(]{3,300}?) \()/,
		),
		line('StatusCode.PERMISSION_DENIED', /StatusCode\.PERMISSION_DENIED/, 'weak'),
		line('The caller does not have permission', /The caller does not have permission/, 'weak'),
	],
	yieldsTo: [
		'gcs-permission-denied',
		'bigquery-access-denied',
		'secret-manager-access',
		'impersonation-denied',
		'workload-identity-binding-lost',
		'kpo-ksa-no-gcp-access',
		'vpc-sc-denied',
		'api-not-enabled',
		'billing-disabled',
		'bigquery-quota-or-rate-limit',
		'gke-quota-exceeded',
		'composer-api-disabled',
		'composer-agent-role-missing',
		'env-sa-missing-worker-role',
		'env-sa-disabled-or-deleted',
		'env-update-sa-permissions',
		'caller-permission-denied',
		'kpo-pods-forbidden',
		'kpo-unschedulable',
		'kpo-image-pull',
		'api-user-not-registered',
	],
	weigh(hits, scene) {
		const met = hits.filter(
			(hit) => !OTHERS.test(hit.text) && (hit.facts['scopes'] !== undefined || !isNotIam(hit.text)),
		);
		const weighing = strongest(met);
		if (!weighing) return undefined;
		// The message of a multi-line error names what the exception's own line does not.
		const whole = scene.chain
			.map((link) => link.message)
			.join('\n')
			.slice(0, 8000);
		if (weighing.facts?.['scopes'] === undefined && isNotIam(whole)) return undefined;
		const facts = { ...weighing.facts };
		if (facts['actAs'] !== undefined) facts['permission'] ??= 'iam.serviceAccounts.actAs';
		if (facts['invoked'] !== undefined) facts['permission'] ??= 'run.routes.invoke';
		return unlessQuoted({ says: weighing.says, facts }, scene);
	},
	reads: ['projectPolicy', 'accountPolicy'],
	decides: ['projectPolicy'],
	verify({ projectPolicy, accountPolicy }, { failed, facts, env }) {
		const { permission, actAs } = facts;
		const member = memberIfKnown(facts['principal'], env);
		if (permission === undefined || facts['scopes'] !== undefined || env.project === undefined) return undefined;
		if (member === undefined) return undefined;
		const own = { policy: projectPolicy, source: 'projectPolicy' as const, on: onProject(env.project) };
		// Whoever asked about the environment's own account was no task of it, but Composer's agent or a person.
		if (
			facts['principal'] === undefined &&
			env.serviceAccount !== undefined &&
			facts['resource']?.includes(env.serviceAccount)
		)
			return undefined;
		if (actAs !== undefined)
			return refused(member, permission, [
				...(failed.account === actAs
					? [{ policy: accountPolicy, source: 'accountPolicy' as const, on: onAccount(actAs) }]
					: []),
				own,
			]);
		const project = facts['project'] ?? /projects\/([a-z0-9.:-]{4,63})/.exec(facts['resource'] ?? '')?.[1];
		if (project !== undefined && project !== env.project && project !== env.projectNumber) return undefined;
		return refused(member, permission, [own]);
	},
	fix({ env, facts, lang }) {
		const t = inLang(lang);
		const { project: own } = names(env);
		const permission = facts['permission'];
		const target = facts['resource'];
		const project = facts['project'] ?? /projects\/([a-z0-9.:-]{4,63})/.exec(target ?? '')?.[1] ?? own;
		const member = memberOf(facts['principal'], env);
		if (facts['scopes'] !== undefined)
			return [
				say(
					t(
						'The token lacks an OAuth scope; no IAM role can add it. Give the connection the scope cloud-platform (for Drive or Sheets their own scope besides), or, on an own cluster, node pools made with --scopes=cloud-platform or Workload Identity.',
						'トークンに OAuth スコープが足りません。IAM ロールでは補えません。接続のスコープに cloud-platform（ドライブやスプレッドシートはそれぞれのスコープも）を指定するか、自前のクラスタなら --scopes=cloud-platform のノードプールまたは Workload Identity を使ってください。',
					),
				),
				sh('# extra of the connection: {"scope": "https://www.googleapis.com/auth/cloud-platform"}'),
			];
		if (facts['api'] === 'sheets' || facts['api'] === 'drive' || facts['api'] === 'docs')
			return [
				say(
					t(
						`The file belongs to a person, so IAM has no say: share it in Google Drive with ${member.replace(/^\w+:/, '')}, and give the connection the scope of that API besides cloud-platform.`,
						`ファイルは個人の所有物なので IAM は関係しません。Google ドライブで ${member.replace(/^\w+:/, '')} と共有し、接続のスコープに cloud-platform に加えてその API のスコープを指定してください。`,
					),
				),
			];
		if (facts['actAs'] !== undefined)
			return [
				say(
					t(
						`The job runs as ${facts['actAs']}, and the caller may not use that account. Grant Service Account User on that one account:`,
						`ジョブは ${facts['actAs']} として実行されますが、呼び出し元にはこのアカウントを使う権限がありません。このアカウントに対して「サービス アカウント ユーザー」を付与してください:`,
					),
				),
				sh(grantOnServiceAccount(facts['actAs'], member, 'roles/iam.serviceAccountUser')),
				hcl(
					resource('google_service_account_iam_member', 'act_as', {
						service_account_id: `projects/-/serviceAccounts/${facts['actAs']}`,
						role: 'roles/iam.serviceAccountUser',
						member,
					}),
				),
			];
		const role = roleFor(permission);
		const who = facts['principal'] ?? member.replace(/^\w+:/, '');
		return [
			say(
				t(
					`Refused: ${who}. Permission: ${permission ?? 'not named in the text'}. Resource: ${target ?? facts['invoked'] ?? facts['api'] ?? 'not named in the text'}.${role === undefined ? '' : ` The smallest predefined role with it is ${role}.`}`,
					`拒否された ID: ${who}、権限: ${permission ?? '記載なし'}、リソース: ${target ?? facts['invoked'] ?? facts['api'] ?? '記載なし'}。${role === undefined ? '' : `この権限を含む最小の定義済みロールは ${role} です。`}`,
				),
			),
			sh([
				rolesOf(project, member),
				...(permission === undefined
					? []
					: [
							gcloud(
								'policy-intelligence troubleshoot-policy iam',
								`//${target?.replace(/^\/\//, '') ?? `cloudresourcemanager.googleapis.com/projects/${project}`}`,
								`--principal-email=${who}`,
								`--permission=${permission}`,
							),
						]),
			]),
			...(role === undefined
				? [
						say(
							t(
								'Look the method up in the API’s access-control page, or find the audit entry with protoPayload.status.code=7: it names the permission and the caller. Then grant that one role.',
								'API のアクセス制御ページでメソッドを調べるか、protoPayload.status.code=7 の監査ログで権限と呼び出し元を確認し、必要なロールだけを付与してください。',
							),
						),
					]
				: [
						sh(grantOnProject(project, member, role)),
						hcl(resource('google_project_iam_member', 'task', { project, role, member })),
					]),
			say(
				t(
					'“(or it may not exist)” also stands there for a name that is wrong: check project, region and name. A grant on the resource itself is narrower than one on the project. Wait 2 to 7 minutes before you rerun.',
					'「(or it may not exist)」は名前の誤りでも出ます。プロジェクト・リージョン・名前を確認してください。プロジェクトよりリソース単位の付与のほうが範囲を絞れます。付与後は 2～7 分待ってから再実行してください。',
				),
			),
		];
	},
	docs: 'https://docs.cloud.google.com/iam/docs/permission-error-messages',
});
