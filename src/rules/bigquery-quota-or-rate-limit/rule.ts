import { defineRule, line } from '../../domain/rule.ts';
import { gcloud } from '../_parts/iam.ts';
import { command, inLang, names, python, say, sh } from '../_parts/steps.ts';
import { strongest, unlessQuoted } from '../_parts/weigh.ts';

export default defineRule({
	id: 'bigquery-quota-or-rate-limit',
	category: 'quota',
	title: {
		en: 'A quota or rate limit of BigQuery (or of another Google API) is used up',
		ja: 'BigQuery（またはほかの Google API）の割り当てやレート制限に達しました',
	},
	looks: {
		en: '“Exceeded rate limits”, “Quota exceeded: Your table/project exceeded quota for …”, “Resources exceeded during query execution”, 429 or RESOURCE_EXHAUSTED from a Google API.',
		ja: '「Exceeded rate limits」「Quota exceeded: Your table/project exceeded quota for …」「Resources exceeded during query execution」、Google API からの 429 や RESOURCE_EXHAUSTED です。',
	},
	confused: {
		en: 'BigQuery sends quotas with 403 like a missing role: the reason decides. Waiting for slots is slow, not failing. “Resources exceeded” is the shape of the query, not a quota. RESOURCE_EXHAUSTED also says that a gRPC message is too large. A 429 of a vendor is the vendor’s. Quotas that keep the cluster from growing are gke-quota-exceeded.',
		ja: 'BigQuery は割り当て超過も権限不足と同じ 403 で返すため、reason で見分けます。スロット待ちは遅くなるだけで失敗しません。「Resources exceeded」は割り当てではなくクエリの形の問題です。RESOURCE_EXHAUSTED は gRPC メッセージが大きすぎる場合にも出ます。ベンダーの 429 はベンダー側の制限、クラスタの拡張を止める割り当ては gke-quota-exceeded です。',
	},
	signatures: [
		line('Exceeded rate limits: ', /(?<kind>Exceeded rate limits): (?<limit>[a-z][^.;\n]{5,160})/, 'proof'),
		line(
			'uota exceeded: Your ',
			/uota exceeded: Your (?:table|project|user|client|query|dataset|region|usage)[\w ]{0,60}? exceeded (?:the custom )?quota for (?<limit>[^.;\n"']{3,200})/,
			'proof',
		),
		line(
			'Quota exceeded for quota metric',
			/Quota exceeded for quota metric '(?<limit>[^'\n]{2,200})'(?: and limit '(?<per>[^'\n]{2,200})')?(?: of service '(?<api>[\w.-]{3,100})')?(?: for consumer '(?:project_number:|projects\/)(?<project>[\w.:-]{1,63}))?/,
			'proof',
		),
		line('Resources exceeded during query execution', /(?<resources>Resources exceeded during query execution)/),
		line(
			['quotaExceeded', 'rateLimitExceeded', 'RateLimitExceeded', 'resourcesExceeded', 'jobInternalRateLimit'],
			/["' ]reason["']?: ?["']?(?<reason>quotaExceeded|(?:user|job)?[rR]ateLimitExceeded|resourcesExceeded)\b/,
		),
		line('dailyLimitExceeded', /\bdailyLimitExceeded\b/),
		line(
			['ResourceExhausted: 429', 'TooManyRequests: 429'],
			/\b(?:ResourceExhausted|TooManyRequests): 429 (?!.{0,80}(?:[Rr]eceived|[Ss]ent) message larger than max)/,
		),
		line(
			'HttpError 429 when requesting https://',
			/HttpError 429 when requesting https:\/\/(?:[a-z0-9-]{2,30}-)?(?<api>[a-z0-9-]{2,40}\.googleapis\.com)/,
		),
		line(
			'429 Client Error: ',
			/429 Client Error: [^\n]{0,60}? for url: https:\/\/(?:[a-z0-9-]{2,30}-)?(?<api>[a-z0-9-]{2,40}\.googleapis\.com)/,
		),
		line(
			['429 GET https://', '429 POST https://', '429 PUT https://', '429 PATCH https://', '429 DELETE https://'],
			/429 (?:GET|POST|PUT|PATCH|DELETE) https:\/\/(?<api>[a-z0-9-]{2,60}\.googleapis\.com)/,
		),
		line(['RATE_LIMIT_EXCEEDED', 'RESOURCE_QUOTA_EXCEEDED'], /\b(?:RATE_LIMIT|RESOURCE_QUOTA)_EXCEEDED\b/),
		// Dataproc, Dataflow and Compute validate the request against the project's own quota.
		line(
			"' quota. Requested ",
			/Insufficient '(?<limit>\w{3,60})' quota\. Requested (?<requested>[\d.]{1,20}), available (?<available>[\d.]{1,20})/,
		),
		line(
			"' exceeded. ",
			/Quota '(?<limit>[\w-]{3,80})' exceeded\.\s{1,2}Limit: (?<available>[\d.]{1,20})(?: in region (?<region>[\w-]{3,30}))?/,
		),
		line('StatusCode.RESOURCE_EXHAUSTED', /StatusCode\.RESOURCE_EXHAUSTED/, 'weak'),
	],
	// The autoscaler's own refusal, and a project that is not paid for, say quota too.
	yieldsTo: ['gke-quota-exceeded', 'kpo-unschedulable', 'billing-disabled'],
	asks: ['message larger than max'],
	weigh(hits, scene) {
		const tooLarge = scene.has('message larger than max');
		const met = hits.filter(
			(hit) =>
				!(tooLarge && /RESOURCE_EXHAUSTED|ResourceExhausted/.test(hit.text)) &&
				!/exceeded quota: |compute resource quota/.test(hit.text),
		);
		return unlessQuoted(strongest(met), scene);
	},
	fix({ env, facts, lang }) {
		const t = inLang(lang);
		const project = facts['project'] ?? names(env).project;
		if (facts['resources'] !== undefined || facts['reason'] === 'resourcesExceeded')
			return [
				say(
					t(
						'Not a quota: one worker of the query held more than it may. Reduce the data before ORDER BY, window functions without PARTITION BY, cross joins and large ARRAY_AGG; split the query into steps with tables between them; filter by partition.',
						'割り当てではなく、クエリの 1 ワーカーが扱える量を超えています。ORDER BY、PARTITION BY のないウィンドウ関数、クロス結合、大きな ARRAY_AGG の前でデータを減らし、中間テーブルを使って段階に分け、パーティションで絞り込んでください。',
					),
				),
				sh(
					command('bq', 'show', '--format=prettyjson', `--project_id=${project}`, '-j', 'JOB_ID') +
						`   # statistics.query.queryPlan: the stage with the greatest shuffleOutputBytesSpilled`,
				),
			];
		const machine = facts['available'] !== undefined;
		const burst =
			facts['kind'] !== undefined ||
			facts['reason']?.toLowerCase().endsWith('ratelimitexceeded') === true ||
			facts['per']?.includes('per minute') === true;
		return [
			say(
				machine
					? t(
							`The request needs ${facts['requested'] ?? 'more'} ${facts['limit'] ?? ''}, ${facts['available'] ?? ''} are left${facts['region'] === undefined ? '' : ` in ${facts['region']}`}. Ask for fewer or smaller machines, another region, or a higher quota.`,
							`${facts['limit'] ?? ''} が ${facts['requested'] ?? 'さらに'} 必要ですが、残りは${facts['region'] === undefined ? '' : ` ${facts['region']} で`} ${facts['available'] ?? ''} です。マシンの数や大きさを減らすか、別のリージョンを使うか、割り当ての増加を申請してください。`,
						)
					: burst
						? t(
								`A short burst (${facts['limit'] ?? 'rate limit'}): it passes. Retry with exponential backoff and spread the starts.`,
								`短時間の集中（${facts['limit'] ?? 'レート制限'}）なので、時間をおけば解消します。指数バックオフで再試行し、開始時刻を分散してください。`,
							)
						: t(
								`A longer window (${facts['limit'] ?? 'quota'}): wait at least 10 minutes, and do less: fewer and larger loads, the Storage Write API instead of many small appends, or a higher quota.`,
								`長い期間の割り当て（${facts['limit'] ?? 'クォータ'}）です。少なくとも 10 分待ち、呼び出しを減らしてください（読み込みを大きくまとめる、細かい追記の代わりに Storage Write API を使う、割り当ての増加を申請する）。`,
							),
			),
			...(machine
				? [
						sh(
							gcloud(
								'compute regions describe',
								facts['region'] ?? 'REGION',
								`--project=${project}`,
								'--format=yaml(quotas)',
							),
						),
					]
				: [
						python([
							'# on the task',
							'retries=5, retry_delay=timedelta(minutes=2), retry_exponential_backoff=True, max_retry_delay=timedelta(minutes=30),',
							'pool="bigquery",   # a pool limits how many of these tasks run at once, over all DAGs',
						]),
						sh(
							[
								command(
									'bq',
									'query',
									'--use_legacy_sql=false',
									`--project_id=${project}`,
									'SELECT error_result.reason, destination_table.table_id, TIMESTAMP_TRUNC(creation_time, HOUR) AS hour, COUNT(*) AS jobs FROM `region-REGION`.INFORMATION_SCHEMA.JOBS WHERE creation_time > TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL 1 DAY) AND error_result.reason IS NOT NULL GROUP BY 1, 2, 3 ORDER BY jobs DESC LIMIT 20',
								),
							],
							t('What hits the limit, for BigQuery:', 'BigQuery の場合、何が制限に達しているかは次で分かります:'),
						),
					]),
			say(
				t(
					`Higher quota: console › IAM & Admin › Quotas${facts['api'] === undefined ? '' : ` (service ${facts['api']})`} of the project that is charged.`,
					`割り当ての増加: 課金対象プロジェクトのコンソール「IAM と管理 › 割り当て」${facts['api'] === undefined ? '' : `（サービス ${facts['api']}）`}から申請します。`,
				),
			),
		];
	},
	docs: 'https://docs.cloud.google.com/bigquery/docs/troubleshoot-quotas',
});
