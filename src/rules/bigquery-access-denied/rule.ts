import { defineRule, line } from '../../domain/rule.ts';
import { gcloud, memberIfKnown, memberOf, resource } from '../_parts/iam.ts';
import { roleFor } from '../_parts/roles.ts';
import { command, grantOnProject, hcl, inLang, names, say, sh } from '../_parts/steps.ts';
import { onProject, refused } from '../_parts/policy.ts';
import { likely } from '../_parts/said.ts';
import { isNotIam, strongest, unlessQuoted } from '../_parts/weigh.ts';

/** Project and dataset of a resource as BigQuery names it. */
const pathOf = (resource = ''): RegExpExecArray | null =>
	/projects\/([^/]+)\/datasets\/([^/]+)/.exec(resource) ?? /^([\w.-]+):(\w+)/.exec(resource);
const projectIn = (resource: string | undefined): string | undefined => pathOf(resource)?.[1];

export default defineRule({
	id: 'bigquery-access-denied',
	category: 'permissions',
	title: {
		en: 'BigQuery refused the query or the table (accessDenied)',
		ja: 'BigQuery がクエリまたはテーブルへのアクセスを拒否しました（accessDenied）',
	},
	looks: {
		en: 'A BigQuery operator or client ends with 403 “Access Denied: Project …”, “… Table …”, “… Dataset …” or reason accessDenied.',
		ja: 'BigQuery のオペレーターやクライアントが 403 で終わり、「Access Denied: Project …」「… Table …」「… Dataset …」または accessDenied が残ります。',
	},
	confused: {
		en: 'quotaExceeded, rateLimitExceeded and billingNotEnabled are 403 too, with another reason. A table that does not exist gives the same sentence to a caller without rights (“or perhaps it does not exist”). “Access Denied: File gs://…” is Cloud Storage; “organization’s policy” is VPC Service Controls.',
		ja: 'quotaExceeded・rateLimitExceeded・billingNotEnabled も 403 ですが別の原因です。権限のない呼び出し元には、存在しないテーブルでも同じ文（or perhaps it does not exist）が返ります。「Access Denied: File gs://…」は Cloud Storage、「organization’s policy」は VPC Service Controls です。',
	},
	signatures: [
		line(
			'does not have bigquery.',
			/does not have (?<permission>bigquery\.[a-zA-Z]{3,40}\.[a-zA-Z]{3,40}) permission (?:in|for|on) (?:project |dataset |table )?(?<project>[a-z0-9.:-]{4,63}[a-z0-9])?/,
		),
		line('Access Denied: Project ', /Access Denied: Project (?<project>[a-z0-9.:-]{4,63}[a-z0-9]): /),
		line(
			['Access Denied: Table ', 'Access Denied: View ', 'Access Denied: Routine ', 'Access Denied: Model '],
			/Access Denied: (?:Table|View|Routine|Model) (?<table>(?<project>[\w.-]{1,80}(?::[\w.-]{1,60})?)[:.](?<dataset>\w{1,300})\.[\w$*-]{1,300}):/,
		),
		line('Access Denied: Dataset ', /Access Denied: Dataset (?<project>[\w.-]{1,80})[:.](?<dataset>\w{1,300}):/),
		line(
			'permission to perform bigquery.',
			/Access Denied: User (?<principal>(?<![\w.+-])[\w.+-]{1,100}@[\w.-]{1,150}) does not have permission to perform (?<permission>bigquery\.[\w.]{3,80})(?: on resource ["']?(?<resource>[\w/.:*$-]{3,300}))?/,
		),
		line(
			'ermission bigquery.',
			/[Pp]ermission (?<permission>bigquery\.[a-zA-Z]{3,40}\.[a-zA-Z]{3,40}) denied on (?:table|dataset|project|routine|view|model) (?<resource>[\w.:$*-]{3,300})/,
		),
		line(
			["ermission 'bigquery.", 'ermission "bigquery.'],
			/[Pp]ermission ["'](?<permission>bigquery\.[a-zA-Z]{3,40}\.[a-zA-Z]{3,40})["'] denied on resource(?: ["']?(?<resource>[\w/.:*$-]{3,300}))?/,
		),
		// BigQuery Storage Read API over gRPC.
		line(
			"does not have 'bigquery.",
			/does not have '(?<permission>bigquery\.[a-zA-Z]{3,40}\.[a-zA-Z]{3,40})' permission for '(?:projects\/)?(?<project>[a-z0-9.:-]{4,63}[a-z0-9])/,
		),
		line(
			'Access Denied: BigQuery ',
			/Access Denied: BigQuery BigQuery: (?:[\w -]{0,120}policy tag "(?<policyTag>[^"]{1,200})"(?:[\w ]{0,40}column (?<column>[\w.:-]{3,300}))?|(?<drive>Permission denied while (?:getting Drive credentials|opening file|globbing file pattern))|(?!.{0,40}billing)[A-Z])/,
		),
		line('accessDenied', /["' ]?reason["']?: ?["']?accessDenied\b/),
		line('403 Access Denied', /403 Access Denied: (?!File gs:|BigQuery )/),
	],
	yieldsTo: [
		'vpc-sc-denied',
		'billing-disabled',
		'api-not-enabled',
		'bigquery-quota-or-rate-limit',
		'workload-identity-binding-lost',
	],
	weigh(hits, scene) {
		const met = hits.filter((hit) => !isNotIam(hit.text) && !hit.text.includes('Access Denied: File gs://'));
		const weighing = strongest(met);
		// `reason: accessDenied` alone is also said by other JSON services.
		const named = met.some((hit) => /[Bb]ig[Qq]uery|Access Denied: [A-Z]/.test(hit.text));
		return unlessQuoted(weighing && !named ? { ...weighing, says: 'weak' } : weighing, scene);
	},
	reads: ['projectPolicy'],
	decides: ['projectPolicy'],
	verify({ projectPolicy }, { facts, env }) {
		const member = memberIfKnown(facts['principal'], env);
		const project = facts['project'] ?? projectIn(facts['resource']) ?? env.project;
		if (project === undefined || member === undefined) return undefined;
		// The policy of another project is not read, and tags and Drive have lists of their own.
		if ((project !== env.project && project !== env.projectNumber) || facts['policyTag'] !== undefined)
			return undefined;
		if (facts['drive'] !== undefined) return undefined;
		const permission = facts['permission'] ?? 'bigquery.tables.getData';
		const said = refused(member, permission, [
			{ policy: projectPolicy, source: 'projectPolicy', on: onProject(env.project ?? project) },
		]);
		// A dataset's own list may give it as well, and refused too, for the text says so.
		return said?.status === 'confirmed' && !permission.startsWith('bigquery.jobs.') && facts['permission'] === undefined
			? likely(said.source, said.because.en, said.because.ja, { facts: said.facts })
			: said;
	},
	fix({ env, facts, lang }) {
		const t = inLang(lang);
		const { project: own } = names(env);
		const member = memberOf(facts['principal'], env);
		const permission = facts['permission'];
		const inPath = pathOf(facts['resource']);
		const dataset = facts['dataset'] ?? inPath?.[2] ?? 'DATASET';
		const project = facts['project'] ?? inPath?.[1] ?? own;
		const job = permission === 'bigquery.jobs.create' || permission?.startsWith('bigquery.readsessions.') === true;
		if (facts['policyTag'] !== undefined)
			return [
				say(
					t(
						`The column${facts['column'] === undefined ? '' : ` ${facts['column']}`} carries the policy tag “${facts['policyTag']}”. A role on the table does not open it: the account needs Fine-Grained Reader on the tag (or a masking rule), or the query must leave the column out.`,
						`列${facts['column'] === undefined ? '' : ` ${facts['column']}`} にはポリシー タグ「${facts['policyTag']}」が付いています。テーブルのロールだけでは読めません。タグに対する「きめ細かい読み取り」ロール（またはマスキング ルール）を付与するか、クエリからその列を外してください。`,
					),
				),
				sh(
					gcloud(
						'data-catalog taxonomies policy-tags add-iam-policy-binding POLICY_TAG_ID',
						'--taxonomy=TAXONOMY_ID',
						'--location=TAXONOMY_LOCATION',
						`--project=${project}`,
						`--member=${member}`,
						'--role=roles/datacatalog.categoryFineGrainedReader',
					),
				),
			];
		if (facts['drive'] !== undefined)
			return [
				say(
					t(
						'The table reads a Google Sheet or Drive file. Share that file with the account, and give the connection the Drive scope besides cloud-platform; IAM roles do not reach Drive.',
						'このテーブルは Google スプレッドシートまたはドライブのファイルを参照しています。ファイルをそのアカウントと共有し、接続のスコープに cloud-platform に加えて drive を指定してください。IAM ロールはドライブには効きません。',
					),
				),
				sh(
					'# extra of the connection: {"scope": "https://www.googleapis.com/auth/cloud-platform,https://www.googleapis.com/auth/drive.readonly"}',
				),
			];
		const dataRole = roleFor(job ? undefined : permission) ?? 'roles/bigquery.dataViewer';
		const jobRole =
			permission?.startsWith('bigquery.readsessions.') === true
				? 'roles/bigquery.readSessionUser'
				: 'roles/bigquery.jobUser';
		const forJobs = [
			sh(grantOnProject(project, member, jobRole)),
			hcl(resource('google_project_iam_member', 'bigquery_jobs', { project, role: jobRole, member })),
		];
		const forData = [
			sh([
				'# or in BigQuery Studio: the dataset › Sharing › Permissions',
				command(
					'bq',
					'query',
					'--use_legacy_sql=false',
					`--project_id=${project}`,
					`GRANT \`${dataRole}\` ON SCHEMA \`${project}\`.\`${dataset}\` TO "${member}"`,
				),
			]),
			hcl(
				resource('google_bigquery_dataset_iam_member', 'task', {
					project,
					dataset_id: dataset,
					role: dataRole,
					member,
				}),
			),
			say(
				t(
					'Do not mix in `google_bigquery_dataset_iam_binding` or `google_bigquery_dataset_access`: they own the whole list and would remove this member again.',
					'`google_bigquery_dataset_iam_binding` や `google_bigquery_dataset_access` を混ぜないでください。リスト全体を上書きし、このメンバーが再び外れます。',
				),
			),
		];
		return [
			say(
				job
					? t(
							`The role is missing on the project that runs and pays for the job, ${project}, not on the data. Data rights may be missing after that; BigQuery reports one at a time.`,
							`足りないのはデータ側ではなく、ジョブを実行して課金されるプロジェクト ${project} のロールです。その後にデータ側の権限不足が出ることもあります（BigQuery は 1 つずつ報告します）。`,
						)
					: t(
							`The role is missing on the data: ${facts['table'] ?? facts['resource'] ?? `dataset ${dataset}`}${permission === undefined ? '' : ` (${permission})`}. The project that runs the job needs roles/bigquery.jobUser besides.`,
							`データ側のロールが足りません: ${facts['table'] ?? facts['resource'] ?? `データセット ${dataset}`}${permission === undefined ? '' : `（${permission}）`}。ジョブを実行するプロジェクトには別に roles/bigquery.jobUser も必要です。`,
						),
			),
			...(job ? forJobs : forData),
			say(
				t(
					'“or perhaps it does not exist” is meant literally: check the name, the project in the connection and the location with an account that may see the dataset. The audit entry with protoPayload.status.code=7 names the account that was refused.',
					'「or perhaps it does not exist」は文字どおりの意味です。データセットを見られるアカウントで、名前・接続のプロジェクト・ロケーションを確認してください。拒否されたアカウントは、protoPayload.status.code=7 の監査ログに記録されています。',
				),
			),
		];
	},
	docs: 'https://docs.cloud.google.com/bigquery/docs/troubleshoot-access-control',
});
