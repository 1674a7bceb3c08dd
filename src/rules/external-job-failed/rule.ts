import { defineRule, line } from '../../domain/rule.ts';
import { gcloud, grantOnServiceAccount, memberOf } from '../_parts/iam.ts';
import { inLang, names, say, sh } from '../_parts/steps.ts';
import { strongest } from '../_parts/weigh.ts';

export default defineRule({
	id: 'external-job-failed',
	category: 'data-services',
	title: {
		en: 'The Google job that the task started failed (Dataproc, Dataflow, Cloud Run, …)',
		ja: 'タスクが起動した Google のジョブが失敗しました（Dataproc、Dataflow、Cloud Run など）',
	},
	looks: {
		en: '“Job failed:” with a Dataproc job, “Cluster was created but is in ERROR state”, “Google Cloud Dataflow job … has failed”, “Some tasks failed execution” of Cloud Run.',
		ja: 'Dataproc の「Job failed:」、「Cluster was created but is in ERROR state」、「Google Cloud Dataflow job … has failed」、Cloud Run の「Some tasks failed execution」などです。',
	},
	confused: {
		en: 'A 403 before the job was submitted is the caller’s permission. A timeout of Airflow while the job goes on leaves the job RUNNING. Jobs of other vendors are theirs. The Airflow task is only the messenger: the reason stands in the service’s log.',
		ja: 'ジョブ投入前の 403 は呼び出し元の権限、Airflow のタイムアウトではジョブは RUNNING のままです。他社サービスのジョブは対象外です。Airflow のタスクは結果を伝えているだけで、理由はサービス側のログにあります。',
	},
	signatures: [
		line(
			'Google Cloud Dataflow job ',
			/Google Cloud Dataflow job (?<job>[\w.:-]{1,250}) (?:has failed|was cancelled|was drained|is in an? unexpected|was updated)/,
			'proof',
		),
		line(
			['DataFlow failed with return code', 'Dataflow failed with return code'],
			/Data[Ff]low failed with return code (?<code>\d{1,5})/,
		),
		line('JOB_STATE_FAILED', /\bJOB_STATE_FAILED\b/),
		line(
			['Job failed:', 'Job was cancelled:', 'Job failed with error'],
			/(?:Exception: |\()(?<how>Job failed|Job was cancelled)(?: with error)?:\s*(?:$|reference|\{)/,
		),
		line('Cluster was created but is in ERROR', /Cluster was created but is in ERROR/, 'proof'),
		line('Dataproc Agent reports job failure', /Dataproc Agent reports job failure/, 'proof'),
		line(
			['Not found: Cluster projects/', 'Cluster not found: '],
			/Not found: Cluster (?:\/\/[\w.]{3,60}\/)?projects\/(?<project>[\w.:-]{1,63})\/regions\/(?<region>[\w-]{3,30})\/clusters\/(?<cluster>[\w-]{1,63})/,
		),
		line(['Batch job ', 'atch failed'], /Batch job (?<job>[\w-]{1,100}) (?:failed|was cancelled|is in|unexpected)/),
		line(
			['Some tasks failed execution', 'ome tasks failed'],
			/Some tasks failed execution|Not all tasks finished execution/,
		),
		line('Transfer run was not successful', /Transfer run was not successful/),
		line('An unexpected operation status was encountered', /An unexpected operation status was encountered\. Expected/),
		line(
			['Custom Job ', 'Custom job ', 'Training Pipeline ', 'raining failed with', 'Pipeline Job '],
			/(?:Custom [Jj]ob|Training Pipeline|Pipeline Job|Training) .{0,200}?(?:failed with|has failed|is in state FAILED|PIPELINE_STATE_FAILED)/,
		),
		line('PIPELINE_STATE_FAILED', /\bPIPELINE_STATE_FAILED\b/),
		line(
			['Pipeline state is: FAILED', 'Workflow Invocation failed', 'orkflow invocation failed'],
			/Pipeline state is: FAILED|[Ww]orkflow [Ii]nvocation failed/,
		),
		line('ZONE_RESOURCE_POOL_EXHAUSTED', /\bZONE_RESOURCE_POOL_EXHAUSTED(?:_WITH_DETAILS)?\b/, 'weak'),
		line('gs://dataproc-', /driver_output_resource_uri: "(?<driver>gs:\/\/[^"\s]{5,400})"/, 'weak'),
	],
	asks: ['dataproc', 'Dataproc', 'dataflow', 'Dataflow', 'JOB_STATE_FAILED'],
	yieldsTo: [
		'gcs-permission-denied',
		'bigquery-access-denied',
		'google-api-permission-denied',
		'impersonation-denied',
		'bigquery-quota-or-rate-limit',
		'task-execution-timeout',
		'metadata-server-unavailable',
	],
	weigh(hits, scene) {
		const weighing = strongest(hits);
		if (!weighing) return undefined;
		const google = scene.has('dataproc') || scene.has('Dataproc') || scene.has('dataflow') || scene.has('Dataflow');
		// A stock-out of the zone in the log of such a job is that job's end.
		if (weighing.says === 'weak') {
			const stock = hits.some((hit) => hit.text.includes('ZONE_RESOURCE_POOL_EXHAUSTED'));
			return google && stock ? { ...weighing, says: 'strong' } : weighing;
		}
		// Airbyte, and many a script, also says "Job failed:".
		const vague = hits.every((hit) => hit.facts['how'] !== undefined || hit.signature.says === 'weak');
		return vague && !google ? { ...weighing, says: 'weak' } : weighing;
	},
	fix({ env, facts, lang }) {
		const t = inLang(lang);
		const project = facts['project'] ?? names(env).project;
		const region = facts['region'] ?? names(env).location;
		const cluster = facts['cluster'];
		return [
			say(
				cluster === undefined
					? t(
							`Airflow only reports it${facts['job'] === undefined ? '' : ` (job ${facts['job']})`}. The reason stands in the job’s own log; take the job id from the task log:`,
							`Airflow は結果を伝えているだけです${facts['job'] === undefined ? '' : `（ジョブ ${facts['job']}）`}。理由はジョブ自身のログにあります。ジョブ ID はタスクログから取得してください:`,
						)
					: t(
							`The cluster ${cluster} is not there (any more): create it in the DAG before the job and delete it after, or correct name, region and project.`,
							`クラスタ ${cluster} が存在しません（または削除済みです）。DAG の中でジョブの前に作成して後で削除するか、名前・リージョン・プロジェクトを直してください。`,
						),
			),
			sh([
				'# Dataproc',
				gcloud(
					'dataproc jobs list',
					`--region=${region}`,
					`--project=${project}`,
					'--state-filter=inactive',
					'--limit=10',
				),
				gcloud('dataproc jobs wait', facts['job'] ?? 'JOB_ID', `--region=${region}`, `--project=${project}`) +
					'   # prints the driver’s output',
				'# Dataflow',
				gcloud('dataflow jobs list', `--region=${region}`, `--project=${project}`, '--status=terminated', '--limit=10'),
				gcloud(
					'logging read',
					'resource.type="dataflow_step" severity>=ERROR',
					`--project=${project}`,
					'--freshness=1d',
					'--limit=20',
				),
				'# Cloud Run job',
				gcloud('run jobs executions list', `--region=${region}`, `--project=${project}`, '--limit=5'),
			]),
			sh(
				grantOnServiceAccount('JOB_SERVICE_ACCOUNT_EMAIL', memberOf(undefined, env), 'roles/iam.serviceAccountUser'),
				t(
					'The account that starts it needs Service Account User on the job’s service account; the job’s account needs its own data roles.',
					'起動するアカウントには、ジョブのサービス アカウントに対する「サービス アカウント ユーザー」が必要です。ジョブ側のアカウントには、データ用のロールが別に必要です。',
				),
			),
			say(
				t(
					'ZONE_RESOURCE_POOL_EXHAUSTED is a stock-out of machines: another zone (leave the zone to Google), another machine type, or a retry later.',
					'ZONE_RESOURCE_POOL_EXHAUSTED はマシンの在庫不足です。ゾーンを変える（指定しない）、マシンタイプを変える、時間をおいて再試行するなどで対処してください。',
				),
			),
		];
	},
	docs: 'https://docs.cloud.google.com/dataproc/docs/guides/troubleshoot-jobs',
});
