import { defineRule, line } from '../../domain/rule.ts';
import { command, inLang, names, python, say, sh } from '../_parts/steps.ts';
import { strongest, unlessQuoted } from '../_parts/weigh.ts';

// 403 and 404 of a job have causes of their own.
const ELSEWHERE =
	/accessDenied|Access Denied: |[qQ]uotaExceeded|[rR]ateLimitExceeded|resourcesExceeded|Resources exceeded|billingNotEnabled|Not found: (?:Table|Dataset|View|Routine|Job)|has not been used in project/;

export default defineRule({
	id: 'bigquery-job-failed',
	category: 'data-services',
	title: {
		en: 'The BigQuery job itself failed: its SQL, its data or a conflicting job',
		ja: 'BigQuery ジョブ自体が失敗しました（SQL、データ、または競合するジョブ）',
	},
	looks: {
		en: '400 with “Unrecognized name”, “Syntax error … at [3:8]”, reason invalidQuery or invalid, “Could not serialize access … concurrent update”, “Error while reading data”, or “Job with id … already exists”.',
		ja: '400 で「Unrecognized name」「Syntax error … at [3:8]」、理由 invalidQuery・invalid、「Could not serialize access … concurrent update」「Error while reading data」、または「Job with id … already exists」が出ます。',
	},
	confused: {
		en: 'The reason decides: accessDenied is a role, quotaExceeded and rateLimitExceeded are quotas, notFound is a missing table or the wrong location. SQL that dbt or another tool runs is reported by that tool first.',
		ja: 'reason で見分けます。accessDenied はロール、quotaExceeded・rateLimitExceeded は割り当て、notFound はテーブルの欠落かロケーションの誤りです。dbt などのツールが実行する SQL は、まずそのツールが報告します。',
	},
	signatures: [
		line('BigQuery job ', /BigQuery job (?<job>[\w.:-]{1,1024}) failed: ?(?<error>.{0,300})/),
		line(
			[
				'400 GET https://bigquery.',
				'400 POST https://bigquery.',
				'400 PUT https://bigquery.',
				'400 PATCH https://bigquery.',
			],
			/400 (?:GET|POST|PUT|PATCH) https:\/\/bigquery\.googleapis\.com\/[^\s]{1,400}: (?<error>[^\n]{3,300})/,
		),
		line(
			[
				'invalidQuery',
				'backendError',
				'internalError',
				' reason: invalid',
				"'reason': 'invalid",
				'"reason": "invalid',
				'reason: stopped',
				'reason: timeout',
				"'reason': 'stopped",
				'reason: tableUnavailable',
				'reason: responseTooLarge',
			],
			/["' ]reason["']?: ?["']?(?<reason>invalidQuery|invalid|backendError|internalError|jobBackendError|jobInternalError|stopped|timeout|tableUnavailable|responseTooLarge|duplicate)\b["']?(?:, ["']?message["']?: ?["']?(?<error>[^\n]{3,300}))?/,
		),
		line(
			'Could not serialize access to table',
			/Could not serialize access to table (?<table>[\w.:$*-]{3,300}) due to concurrent update/,
			'proof',
		),
		line('Response too large to return', /Response too large to return/, 'proof'),
		line(
			'already exists and is in',
			/Job with id: (?<job>[\w.:-]{1,1024}) already exists and is in (?<state>\w{3,20}) state/,
			'proof',
		),
		line('Already Exists: Job ', /Already Exists: Job (?<job>[\w.:-]{1,1024})/),
		line('Already Exists: Table ', /Already Exists: Table (?<table>[\w.:$*-]{3,300})/),
		line('Provided Schema does not match Table', /Provided Schema does not match Table (?<table>[\w.:$*-]{3,300})/),
		line('Error while reading data, error message', /Error while reading data, error message: (?<error>[^\n]{3,300})/),
		line(
			['BadRequest: 400 ', '(400 '],
			/400 (?<error>(?:Unrecognized name|Syntax error|No matching signature|Query error|Column name|Duplicate column|Table-valued function|Invalid (?:cast|date|datetime|timestamp|value|table name|project ID|schema)|Bad (?:int64|double|bool) value|division by zero|Cannot (?:query over|read|partition)|Scalar subquery|UPDATE\/MERGE must|Function not found|Unsupported|Array index)[^\n]{0,260})/,
		),
	],
	yieldsTo: [
		'bigquery-access-denied',
		'bigquery-quota-or-rate-limit',
		'data-object-not-found',
		'billing-disabled',
		'api-not-enabled',
		'vpc-sc-denied',
	],
	asks: ['bigquery', 'BigQuery'],
	weigh(hits, scene) {
		const met = hits.filter((hit) => !ELSEWHERE.test(hit.text));
		const weighing = strongest(met);
		// `reason: invalid` and `already exists` are said by others too; these words are BigQuery's alone.
		const google =
			scene.has('bigquery') ||
			scene.has('BigQuery') ||
			met.some((hit) =>
				/google\.|invalidQuery|location: query|at \[\d+:\d+\]|Error while reading data, error message/.test(hit.text),
			);
		return unlessQuoted(
			weighing && !google && weighing.says !== 'proof' ? { ...weighing, says: 'weak' } : weighing,
			scene,
		);
	},
	fix({ env, facts, lang }) {
		const t = inLang(lang);
		const { project } = names(env);
		const job = facts['job'] ?? 'JOB_ID';
		const show = sh(command('bq', 'show', '--format=prettyjson', `--project_id=${project}`, '-j', job));
		if (facts['state'] !== undefined || facts['reason'] === 'duplicate')
			return [
				say(
					t(
						`A job with this id is there already (${facts['state'] ?? 'done'}): an earlier try started it. The operator can run it anew, or attach to it:`,
						`この ID のジョブはすでにあります（${facts['state'] ?? '完了'}）。前回の試行が開始したものです。再実行するか、そのジョブに合流できます:`,
					),
				),
				python([
					'BigQueryInsertJobOperator(',
					'    ..., force_rerun=True,                   # a new job id each time',
					'    # or reattach_states={"PENDING", "RUNNING"}: wait for the one that runs',
					')',
				]),
				show,
			];
		if (facts['table'] !== undefined && facts['error'] === undefined)
			return [
				say(
					t(
						`Two jobs changed ${facts['table']} at once, or it is not what this job expects. Put the writers into one pool with one slot (or one after the other), retry, and write with MERGE into partitions that do not overlap.`,
						`${facts['table']} を 2 つのジョブが同時に変更したか、ジョブの想定と異なる状態です。書き込むタスクをスロット 1 のプールに入れる（または直列にする）、再試行する、重ならないパーティションへ MERGE するなどで対処してください。`,
					),
				),
				python([
					'pool="write_to_that_table", retries=3, retry_delay=timedelta(minutes=2), retry_exponential_backoff=True,',
				]),
				show,
			];
		if (
			facts['reason'] === 'backendError' ||
			facts['reason'] === 'internalError' ||
			facts['reason'] === 'jobBackendError' ||
			facts['reason'] === 'jobInternalError'
		)
			return [
				say(
					t(
						'BigQuery itself failed (backendError, internalError): retry with backoff; when it lasts, look at the service status page.',
						'BigQuery 側の一時的な障害です（backendError・internalError）。バックオフ付きで再試行し、続く場合はサービス ステータスを確認してください。',
					),
				),
				python(['retries=5, retry_delay=timedelta(minutes=2), retry_exponential_backoff=True,']),
				show,
			];
		return [
			say(
				t(
					`BigQuery refused the job, not Airflow: ${facts['error'] ?? 'see the error of the job'}. Mend the SQL, the schema or the source data; “at [line:column]” counts from the rendered query.`,
					`拒否したのは Airflow ではなく BigQuery です: ${facts['error'] ?? 'ジョブのエラーを確認してください'}。SQL、スキーマ、または元データを直してください。「at [行:列]」は展開後のクエリでの位置です。`,
				),
			),
			show,
			sh(
				command('bq', 'query', '--dry_run', '--use_legacy_sql=false', `--project_id=${project}`) +
					' < rendered.sql   # the query from the task’s Rendered Template',
			),
		];
	},
	docs: 'https://docs.cloud.google.com/bigquery/docs/error-messages',
});
