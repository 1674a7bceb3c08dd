import { defineRule, line } from '../../domain/rule.ts';
import { gcloud, memberIfKnown } from '../_parts/iam.ts';
import { gives, onBucket, onProject } from '../_parts/policy.ts';
import { confirmed, likely } from '../_parts/said.ts';
import { command, inLang, names, say, sh } from '../_parts/steps.ts';
import { strongest, unlessQuoted } from '../_parts/weigh.ts';

export default defineRule({
	id: 'data-object-not-found',
	category: 'data-services',
	title: {
		en: 'A table, dataset, bucket or object is not there (404)',
		ja: 'テーブル、データセット、バケット、またはオブジェクトが見つかりません（404）',
	},
	looks: {
		en: '“Not found: Table … was not found in location …”, “No such object”, “The specified bucket does not exist”, 404 of Cloud Storage or BigQuery.',
		ja: '「Not found: Table … was not found in location …」「No such object」「The specified bucket does not exist」など、Cloud Storage や BigQuery の 404 です。',
	},
	confused: {
		en: 'Google hides what a caller may not see: 404 can be a missing permission. “in location X” often means a wrong location, and a wrong default project of the connection looks the same. A missing local file is the user’s code; a missing Airflow log object is a lost worker; a missing Dataproc cluster is the external job.',
		ja: 'Google は権限のないものの存在を隠すため、404 が権限不足のこともあります。「in location X」は多くの場合ロケーションの誤りで、接続の既定プロジェクトの誤りでも同じになります。ローカル ファイルの欠落はユーザー コード、Airflow のログ オブジェクトの欠落はワーカーの喪失、Dataproc クラスタの欠落は外部ジョブの問題です。',
	},
	signatures: [
		line(
			'Not found: ',
			/Not found: (?<kind>Table|View|Routine|Model|Function|Snapshot) (?<table>(?<project>[\w.-]{1,80}(?::[\w.-]{1,60})?)[:.](?<dataset>\w{1,300})\.[\w$*-]{1,300})(?: was not found in location (?<location>[\w-]{2,30}))?/,
		),
		line(
			'Not found: Dataset ',
			/Not found: (?<kind>Dataset) (?<project>[\w.-]{1,80})[:.](?<dataset>\w{1,300})(?: was not found in location (?<location>[\w-]{2,30}))?/,
		),
		line(
			['Not found: Job ', 'Not found: Project ', 'Not found: URI gs:', 'Not found: Files '],
			/Not found: (?<kind>Job|Project|URI|Files) (?<resource>[\w.:/*-]{3,500})/,
		),
		line('No such object: ', /No such object: (?<bucket>[^/\s"']{3,222})\/(?<object>[^"'\s\\]{1,1024})/),
		line('The specified bucket does not exist', /The specified bucket does not exist/),
		line(
			[
				'404 GET https://storage',
				'404 POST https://storage',
				'404 DELETE https://storage',
				'404 PATCH https://storage',
				'404 PUT https://storage',
			],
			/404 (?:GET|POST|PUT|PATCH|DELETE) https:\/\/storage\.googleapis\.com\/(?:(?:upload|download)\/)?(?:storage\/v1\/)?b\/(?<bucket>[^/?\s]{3,222})(?:\/o\/(?<object>[^?\s]{1,1024}))?/,
		),
		line(
			[
				'404 GET https://bigquery',
				'404 POST https://bigquery',
				'404 DELETE https://bigquery',
				'404 PATCH https://bigquery',
				'404 PUT https://bigquery',
			],
			/404 (?:GET|POST|PUT|PATCH|DELETE) https:\/\/bigquery\.googleapis\.com\//,
		),
		line(
			'HttpError 404 when requesting https://',
			/HttpError 404 when requesting https:\/\/(?:storage|bigquery)\.googleapis\.com\/(?:storage\/v1\/b\/(?<bucket>[^/?\s]{3,222}))?/,
		),
		line(
			['BucketNotFoundException: 404', 'NotFoundException: 404', 'CommandException: No URLs matched'],
			/(?:BucketNotFoundException: 404|\bNotFoundException: 404|CommandException: No URLs matched:?) (?:gs:\/\/(?<bucket>[^/\s]{3,222}))?/,
		),
		line(
			'The following URLs matched no objects or files',
			/matched no objects or files:?\s?(?:-?gs:\/\/(?<bucket>[^/\s]{3,222}))?/,
		),
		line('] not found: 404', /gs:\/\/(?<bucket>[^/\s\]]{3,222})(?:\/[^\]\n\s]{0,400})?\] not found: 404/),
		// gcsfs and pandas name the object by its API path.
		line('FileNotFoundError: b/', /FileNotFoundError: b\/(?<bucket>[^/\s]{3,222})\/o/),
		line('Resource not found (resource=', /404 Resource not found \(resource=(?<resource>[\w./-]{1,255})\)/),
		line('NotFound: 404 ', /\bNotFound: 404 (?!.{0,80}[Cc]luster)/, 'weak'),
	],
	yieldsTo: [
		'task-log-missing-worker-lost',
		'secret-manager-access',
		'external-job-failed',
		'api-endpoint-or-auth-changed',
	],
	weigh(hits, scene) {
		const weighing = strongest(hits);
		const object = weighing?.facts?.['object']?.replaceAll('%2F', '/');
		const facts = { ...weighing?.facts, ...(object === undefined ? {} : { object }) };
		return unlessQuoted(weighing && { ...weighing, facts }, scene);
	},
	reads: ['bucketPolicy', 'projectPolicy'],
	verify({ bucketPolicy, projectPolicy }, { failed, facts, told, env }) {
		const member = memberIfKnown(undefined, env);
		if (told === undefined || member === undefined || env.project === undefined) return undefined;
		const name = member.replace(/^\w+:/, '');
		const { bucket, project } = facts;
		const inBucket = bucket !== undefined && bucket === failed.bucket;
		const inProject = project !== undefined && (project === env.project || project === env.projectNumber);
		if (!inBucket && !inProject) return undefined;
		const permission = inBucket ? 'storage.objects.get' : 'bigquery.tables.getData';
		const own = projectPolicy && gives(projectPolicy, member, permission);
		const near = inBucket && bucketPolicy ? gives(bucketPolicy, member, permission) : undefined;
		// Who may see what is there is told that it is not.
		const sees =
			typeof near === 'object'
				? { ...near, source: 'bucketPolicy' as const, on: onBucket(bucket ?? '') }
				: !inBucket && typeof own === 'object'
					? { ...own, source: 'projectPolicy' as const, on: onProject(env.project) }
					: undefined;
		if (sees)
			return confirmed(
				sees.source,
				`\`${name}\` holds \`${sees.role}\` on ${sees.on.en}, so what it does not find is not there.`,
				`\`${name}\` は ${sees.on.ja} で \`${sees.role}\` を持っているため、見つからないものは存在しません。`,
			);
		if (near !== 'no' || own !== 'no') return undefined;
		return likely(
			'bucketPolicy',
			`\`${name}\` holds no role with ${permission} on ${onBucket(bucket ?? '').en} or the project: Google may hide from it what is there.`,
			`\`${name}\` は ${onBucket(bucket ?? '').ja} でもプロジェクトでも ${permission} を含むロールを持っていません。存在していても見えていない可能性があります。`,
		);
	},
	fix({ env, facts, lang }) {
		const t = inLang(lang);
		const project = facts['project'] ?? names(env).project;
		const bucket = facts['bucket'];
		const dataset = facts['dataset'];
		const what = facts['table'] ?? (dataset === undefined ? undefined : `${project}:${dataset}`) ?? facts['resource'];
		const missing =
			what ??
			(bucket === undefined
				? t('the object', '対象')
				: `gs://${bucket}${facts['object'] === undefined ? '' : `/${facts['object']}`}`);
		const location = facts['location'];
		return [
			say(
				t(
					`404 for ${missing}: it does not exist, or this account may not see it; Google answers both the same way. Look with an account that may see everything:`,
					`${missing} が 404 です。存在しないか、このアカウントから見えないかのどちらかで、Google はどちらにも同じ応答を返します。すべてを見られるアカウントで確認してください:`,
				),
			),
			dataset !== undefined || facts['kind'] !== undefined
				? sh([
						command(
							'bq',
							'show',
							'--format=prettyjson',
							`--project_id=${project}`,
							`${project}:${dataset ?? 'DATASET'}`,
						),
						command('bq', 'ls', `--project_id=${project}`, `${project}:${dataset ?? 'DATASET'}`),
					])
				: sh([
						gcloud('storage buckets describe', `gs://${bucket ?? 'BUCKET_NAME'}`, '--format=value(location)'),
						gcloud('storage ls', `gs://${bucket ?? 'BUCKET_NAME'}/**`) + ' | head',
					]),
			...(location !== undefined || facts['kind'] === 'Job'
				? [
						say(
							t(
								`The job ran in ${location ?? 'another location'}. When the dataset lies elsewhere, pass that location to the operator (\`location="…"\`), to the client and to whoever asks for the job later.`,
								`ジョブは ${location ?? '別のロケーション'} で実行されました。データセットが別の場所にある場合は、オペレーター（\`location="…"\`）、クライアント、後でジョブを参照する側のすべてに同じロケーションを指定してください。`,
							),
						),
					]
				: []),
			say(
				t(
					'It exists: check the project in the connection (it wins over the service account’s own) and the read role of the account. It does not: find the DAG that produces it, and wait for it with a sensor (GCSObjectExistenceSensor, BigQueryTableExistenceSensor) instead of a schedule that guesses.',
					'存在する場合は、接続に書かれたプロジェクト（サービス アカウントのプロジェクトより優先されます）と、アカウントの読み取りロールを確認してください。存在しない場合は、それを作る DAG を確認し、時刻の見込みではなくセンサー（GCSObjectExistenceSensor、BigQueryTableExistenceSensor）で待つようにしてください。',
				),
			),
		];
	},
	docs: 'https://docs.cloud.google.com/bigquery/docs/troubleshoot-queries',
});
