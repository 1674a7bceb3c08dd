import { defineRule, line } from '../../domain/rule.ts';
import { gcloud, grantOnBucket, memberIfKnown, memberOf, projectOf, resource } from '../_parts/iam.ts';
import { roleFor } from '../_parts/roles.ts';
import { grantOnProject, hcl, inLang, names, say, sh } from '../_parts/steps.ts';
import { gives, onBucket, onProject, refused } from '../_parts/policy.ts';
import { confirmed } from '../_parts/said.ts';
import { isNotIam, strongest, unlessQuoted } from '../_parts/weigh.ts';

const CALLS = [
	'403 GET https://',
	'403 POST https://',
	'403 PUT https://',
	'403 PATCH https://',
	'403 DELETE https://',
];

export default defineRule({
	id: 'gcs-permission-denied',
	category: 'permissions',
	title: {
		en: 'Cloud Storage refused the task (403)',
		ja: 'Cloud Storage がタスクのアクセスを拒否しました（403）',
	},
	looks: {
		en: 'A task, or the upload of its log, ends with 403 and a sentence such as “… does not have storage.objects.get access”.',
		ja: 'タスクまたはタスクログの書き込みが 403 で終わり、「… does not have storage.objects.get access」のような文が残ります。',
	},
	confused: {
		en: 'An object that is absent gives the same words to a caller who may not list (“or it may not exist”). “organization’s policy” is VPC Service Controls, “billing account” is billing, “has not been used in project” is a disabled API, and a requester-pays bucket asks for a user project with 400.',
		ja: '一覧権限がない呼び出し元には、存在しないオブジェクトでも同じ文（or it may not exist）が返ります。「organization’s policy」は VPC Service Controls、「billing account」は課金、「has not been used in project」は API の無効化、リクエスト元支払いのバケットは 400 でユーザー プロジェクトを求めるもので、いずれも別の原因です。',
	},
	signatures: [
		line(
			'does not have storage.',
			/(?<principal>(?<![\w.+%-])[\w.+%-]{1,100}@[\w.:-]{1,150}|[Aa]nonymous caller|\b[Cc]aller) does not have (?<permission>storage\.[a-zA-Z]{3,30}\.[a-zA-Z]{3,40}) access to/,
		),
		line(
			["ermission 'storage.", 'ermission "storage.', 'ermission storage.'],
			/[Pp]ermission ["']?(?<permission>storage\.[a-zA-Z]{3,30}\.[a-zA-Z]{3,40})["']? (?:denied|is required|missing)/,
		),
		line(
			CALLS,
			/403 (?:GET|POST|PUT|PATCH|DELETE) https:\/\/(?:storage\.googleapis\.com|[a-z-]{3,20}\.googleapis\.com\/(?:upload\/|download\/)?storage)\/(?:(?:upload\/|download\/)?storage\/)?(?:v1\/)?(?:b\/(?<bucket>[^/?\s"':]{1,222}))?/,
		),
		line(
			'HttpError 403 when requesting https://',
			/HttpError 403 when requesting https:\/\/(?:storage\.googleapis\.com|www\.googleapis\.com\/storage)\/(?:storage\/)?v1\/(?:b\/(?<bucket>[^/?\s]{1,222}))?/,
		),
		// gcsfs names the URL alone; the body stands on the next line.
		line(
			'Forbidden: https://storage.googleapis.com/',
			/Forbidden: https:\/\/storage\.googleapis\.com\/(?:storage\/v1\/)?(?:b\/(?<bucket>[^/?\s]{1,222}))?/,
		),
		// Dataflow reads the template with the caller's own right.
		line(
			'Permissions denied. ',
			/gs:\/\/(?<bucket>[^/\s"']{3,222})\/\S{0,400}\s?Permissions denied\. '(?<principal>(?<![\w.+-])[\w.+-]{1,100}@[\w.-]{1,150})' does not have access/,
		),
		// BigQuery load and external tables: the file is refused, not the table.
		line('Access Denied: File gs://', /Access Denied: File gs:\/\/(?<bucket>[^/\s"']{3,222})/),
		line(
			'does not have permission to access b instance [',
			/\[?(?<principal>(?<![\w.+-])[\w.+-]{1,100}@[\w.-]{1,150})\]? does not have permission to access b instance \[(?<bucket>[^\]\s]{3,222})\]/,
		),
		line(
			'AccessDeniedException: 403',
			/AccessDeniedException: 403 (?:(?<principal>(?<![\w.+-])[\w.+-]{1,100}@[\w.-]{1,150}) )?/,
		),
		line(
			'Could not write logs to gs://',
			/Could not write logs to gs:\/\/(?<bucket>[^/\s]{3,222})\/.{0,400}403/,
			'weak',
		),
	],
	// Composer's own build and agent need the same permission; there the update rule knows more.
	yieldsTo: [
		'vpc-sc-denied',
		'billing-disabled',
		'api-not-enabled',
		'bigquery-quota-or-rate-limit',
		'env-update-sa-permissions',
		'env-sa-missing-worker-role',
		'workload-identity-binding-lost',
		'kpo-ksa-no-gcp-access',
	],
	weigh(hits, scene) {
		const met = hits.filter((hit) => !isNotIam(hit.text) && !hit.text.includes('(gcloud.composer.environments.'));
		return unlessQuoted(strongest(met), scene);
	},
	reads: ['bucketPolicy', 'projectPolicy'],
	decides: ['bucketPolicy', 'projectPolicy'],
	verify({ bucketPolicy, projectPolicy }, { facts, env }) {
		const member = memberIfKnown(facts['principal'], env);
		const bucket = facts['bucket'] ?? env.bucket;
		const { permission } = facts;
		if (permission === undefined || env.project === undefined || member === undefined) return undefined;
		const project = { policy: projectPolicy, source: 'projectPolicy' as const, on: onProject(env.project) };
		if (permission === 'storage.buckets.list' || permission === 'storage.buckets.create')
			return refused(member, permission, [project]);
		if (bucket === undefined) return undefined;
		const own = projectPolicy && gives(projectPolicy, member, permission);
		if (
			bucket !== env.bucket &&
			typeof own === 'object' &&
			bucketPolicy &&
			gives(bucketPolicy, member, permission) === 'no'
		) {
			const name = member.replace(/^\w+:/, '');
			const on = { bucket: onBucket(bucket), project: onProject(env.project) };
			// It was refused, so the bucket's own project does not give it either.
			return confirmed(
				'bucketPolicy',
				`\`${name}\` holds no role with ${permission} on ${on.bucket.en}; its \`${own.role}\` on ${on.project.en} does not reach a bucket of another project.`,
				`\`${name}\` は ${on.bucket.ja} で ${permission} を含むロールを持っていません。${on.project.ja} の \`${own.role}\` は、別のプロジェクトのバケットには効きません。`,
			);
		}
		return refused(member, permission, [
			{ policy: bucketPolicy, source: 'bucketPolicy', on: onBucket(bucket) },
			project,
		]);
	},
	fix({ env, facts, lang }) {
		const t = inLang(lang);
		const { bucket: own } = names(env);
		const bucket = facts['bucket'] ?? (own === 'BUCKET' ? 'BUCKET_NAME' : own);
		const principal = facts['principal'];
		const anonymous = principal !== undefined && /^anonymous/i.test(principal);
		const member = memberOf(principal, env);
		const permission = facts['permission'];
		const role = roleFor(permission) ?? 'roles/storage.objectViewer';
		const onProject = permission === 'storage.buckets.list' || permission === 'storage.buckets.create';
		const project = projectOf(principal) ?? names(env).project;
		const steps = [];
		if (anonymous)
			steps.push(
				say(
					t(
						'The request carried no credentials at all (“Anonymous caller”): first see why the client was made anonymously (connection, `anonymous=True`, a missing key), then check the role below.',
						'リクエストに認証情報が付いていません（Anonymous caller）。まずクライアントが匿名になった理由（接続設定、`anonymous=True`、鍵の欠落）を確認し、その後で下記のロールを確認してください。',
					),
				),
			);
		steps.push(
			say(
				t(
					`The identity to fix is the one in the text${principal === undefined || anonymous ? '' : `: ${principal}`}. It may be the environment's service account, an impersonated account or a pod's account. It needs ${permission ?? 'the storage permission named in the error'}; the smallest predefined role is ${role}.`,
					`直すべきは、エラー文に書かれた ID です${principal === undefined || anonymous ? '' : `（${principal}）`}。環境のサービス アカウント、借用先のアカウント、Pod のアカウントのいずれかです。必要な権限は ${permission ?? 'エラー文にある storage の権限'}、最小の定義済みロールは ${role} です。`,
				),
			),
		);
		if (onProject) {
			steps.push(
				sh(grantOnProject(project, member, role)),
				hcl(resource('google_project_iam_member', 'storage', { project, role, member })),
			);
		} else
			steps.push(
				sh([gcloud('storage buckets get-iam-policy', `gs://${bucket}`), grantOnBucket(bucket, member, role)]),
				hcl(resource('google_storage_bucket_iam_member', 'task', { bucket, role, member })),
			);
		steps.push(
			say(
				t(
					'“(or it may not exist)” is meant literally: when the role is there, look whether the object and the bucket exist with an account that may list them. A deny policy or an IAM condition also refuses with these words; Policy Troubleshooter shows which. Wait 2 to 7 minutes after a grant before you rerun.',
					'「(or it may not exist)」は文字どおりの意味です。ロールがすでにある場合は、一覧権限を持つアカウントでオブジェクトとバケットの存在を確認してください。拒否ポリシーや IAM 条件でも同じ文になります（Policy Troubleshooter で確認できます）。付与後は 2～7 分待ってから再実行してください。',
				),
			),
		);
		return steps;
	},
	docs: 'https://docs.cloud.google.com/iam/docs/permission-error-messages',
});
