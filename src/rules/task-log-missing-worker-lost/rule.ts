import { defineRule, line } from '../../domain/rule.ts';
import type { FixStep } from '../../domain/rule.ts';
import {
	command,
	forGeneration,
	hcl,
	inLang,
	ini,
	names,
	quoted,
	say,
	sh,
	updateEnvironment,
} from '../_parts/steps.ts';
import { moreMemoryPerTask } from '../_parts/sizing.ts';
import { strongest } from '../_parts/weigh.ts';
import { clock } from '../_parts/audit.ts';
import { confirmed, likely, ruledOut } from '../_parts/said.ts';
import { evictions, hostInScheduler, memoryOf, memoryText, othersText, restartsOf, SHORT } from '../_parts/worker.ts';

// The try left lines of its own, so its log is there: one source of several could not be read, which is usual.
const WRITTEN = ['Starting attempt ', 'Task failed with exception', 'DAG bundles loaded: ', 'Marking task as '];

export default defineRule({
	id: 'task-log-missing-worker-lost',
	category: 'resources',
	title: {
		en: 'The log of this try is missing; its worker is probably gone',
		ja: 'この試行のログがありません。ワーカーが失われた可能性があります',
	},
	looks: {
		en: 'Instead of the log Airflow shows "Log file is not found", "Logs not found" or "Could not read served logs"; often for every task of one worker.',
		ja: 'ログの代わりに "Log file is not found"、"Logs not found"、"Could not read served logs" と表示されます。同じワーカーのすべてのタスクで起きることもあります。',
	},
	confused: {
		en: 'A symptom. The same text stands there when the task never started (stuck in the queue, state mismatch), the log is older than the retention of 30 days, the try number or map index asked for is wrong, the log has not arrived yet, or the bucket refuses the write. A failing log request of the bot itself (403) is not this.',
		ja: 'これは症状です。タスクが開始されなかった場合 (キュー待ち、状態の不一致)、保持期間 30 日を過ぎた場合、試行番号や map index が違う場合、ログがまだ届いていない場合、バケットに書き込めない場合にも同じ文が表示されます。ボット自身のログ取得の失敗 (403) とは別のものです。',
	},
	signatures: [
		// Google's fork 2.0.2 to 2.6.3, bucket storage. The older two also print `*** 404 GET https://storage.googleapis.com/…`.
		line('Log file is not found: ', /Log file is not found: (?<resource>gs:\/\/[^\s]{1,600}?)(?:\.(?:\s|$)|\s|$)/),
		line('Log file is not found', /Log file is not found/),
		line(
			'worker executing it might have finished abnormally',
			/worker executing it might have finished abnormally \(e\.g\. was evicted\)/,
		),
		// Cloud Logging storage, 2.2.5 to 2.x, and the REST entries of Composer 3 with Airflow 3.
		line('Logs not found for Cloud Logging filter', /Logs not found for Cloud Logging filter/),
		line('Logs not found. The possible reasons are', /Logs not found\. The possible reasons are/),
		// The task has no start date: it never ran, so nothing was lost. Ask the scheduler.
		line("Looks like the task didn't start yet", /Looks like the task didn't start yet/, 'weak'),
		// Self-hosted Celery: the web server asks the worker's own log server on port 8793.
		line(
			'Could not read served logs: Invalid URL',
			/Could not read served logs: Invalid URL 'http:\/\/:8793\//,
			'weak',
		),
		line(
			'Could not read served logs: ',
			/Could not read served logs: (?!Invalid URL|[^\n]{0,60}403)(?:[^'"]{0,60}host='(?<host>[^']{1,253})'|[^\n]{0,200}url: https?:\/\/(?<server>[^:/\s]{1,253}):8793|)/,
		),
		line('Log file not found on worker', /Log file not found on worker '(?<host>[^']{1,253})'/),
		// The worker lives and refuses: another secret key, or clocks apart.
		line('Could not read served logs: ', /Could not read served logs: [^\n]{0,60}403/, 'weak'),
		// KubernetesExecutor: the pod of the task is gone, and its log with it.
		line('Unable to fetch logs from worker pod', /Unable to fetch logs from worker pod (?<host>\S{1,253})/),
		line('Reading from k8s pod logs failed', /Reading from k8s pod logs failed: /),
		// Airflow 1.10 to 2.4.
		line('Failed to fetch log file from worker', /Failed to fetch log file from worker\./),
		line('Log file does not exist: ', /Log file does not exist: (?<resource>\/[^\s]{1,600})/),
		line('Unable to read remote log from', /Unable to read remote log from (?<resource>gs:\/\/[^\s]{1,600})/, 'weak'),
		line('No logs found in GCS; ti=', /No logs found in GCS; ti=/, 'weak'),
		// Reading failed, the log itself may be whole: Cloud Logging's own trouble or read quota.
		line(
			'returned from Cloud Logging. Please try again',
			/StatusCode\.UNAVAILABLE: Transient server error returned from Cloud Logging/,
			'weak',
		),
	],
	asks: WRITTEN,
	symptom: true,
	yieldsTo: [
		'worker-oom-task-sigkill',
		'gcsfuse-mount-lost',
		'worker-pod-evicted-storage',
		'zombie-heartbeat-timeout',
		'worker-liveness-probe-failed',
		'worker-rollout-by-update',
		'executor-state-mismatch',
		'task-stuck-queued',
		'dag-missing-on-worker',
		'dag-import-error',
		'env-sa-missing-worker-role',
		'gcs-permission-denied',
		'workload-identity-binding-lost',
	],
	weigh(hits, scene) {
		if (WRITTEN.some((text) => scene.has(text))) return undefined;
		const weighing = strongest(hits);
		if (weighing === undefined) return undefined;
		const host = weighing.facts?.['host'] ?? weighing.facts?.['server'];
		return {
			...weighing,
			facts: {
				...weighing.facts,
				...(host === undefined ? {} : { host }),
				...(scene.dag === undefined ? {} : { dag: scene.dag }),
				...(scene.task === undefined ? {} : { task: scene.task }),
				...(scene.tryNumber === undefined ? {} : { tryNumber: String(scene.tryNumber) }),
			},
		};
	},
	reads: ['failures', 'schedulerLog', 'workerLog', 'workerMemory', 'workerMemoryQuota', 'podEvictions', 'restarts'],
	decides: ['restarts', 'workerLog', 'workerMemory', 'podEvictions', 'schedulerLog'],
	// A log that lies elsewhere and says what happened is not lost.
	suspects: ({ log, state, hostname, told }) =>
		(log === 'missing' || (log === 'elsewhere' && told.length === 0)) && state === 'failed' && hostname !== undefined,
	verify(seen, { failed, told, env }) {
		const { hostname } = failed;
		if (hostname === undefined)
			return failed.endedAt === undefined || told === undefined
				? undefined
				: ruledOut(
						'taskInstance',
						'Airflow has no host name for this try: no worker ever began it, so there is no log to lose.',
						'この試行にはホスト名がありません。ワーカーは開始しておらず、失われたログはありません。',
					);
		const others = othersText(seen.failures, failed);
		const facts = { host: hostname };
		const restarted = restartsOf(seen.restarts, failed);
		const evicted = evictions(seen.podEvictions, failed);
		const memory = memoryOf(seen, failed, env);
		const full = memory && memory.share >= SHORT ? memoryText(memory) : undefined;
		const short = full ? { en: `; ${full.en}`, ja: `。${full.ja} でした` } : { en: '', ja: '' };
		if (restarted)
			return confirmed(
				'restarts',
				`its worker \`${hostname}\` was restarted at ${clock(restarted.at)}${others.en}${short.en}.`,
				`ワーカー \`${hostname}\` は ${clock(restarted.at)} に再起動されています${others.ja}${short.ja}。`,
				{ at: restarted.at, facts },
			);
		const gone = evicted
			? {
					en: `; ${evicted.count} worker pod${evicted.count === 1 ? ' was' : 's were'} evicted at ${clock(evicted.at)}`,
					ja: `。${clock(evicted.at)} にワーカー Pod が ${evicted.count} 件退避されています`,
				}
			: { en: '', ja: '' };
		return likely(
			evicted ? 'podEvictions' : 'failures',
			`it ran on \`${hostname}\`, whose log cannot be had${others.en}${gone.en}${short.en}.`,
			`\`${hostname}\` で実行されましたが、ログを取得できません${others.ja}${gone.ja}${short.ja}。`,
			{ at: evicted?.at, facts },
		);
	},
	follows({ schedulerLog }, { failed }) {
		const subject = hostInScheduler(schedulerLog, failed);
		return subject && { subject, reads: ['workerLog', 'workerMemory', 'workerMemoryQuota', 'restarts'] };
	},
	fix(context) {
		const { env, facts, lang } = context;
		const t = inLang(lang);
		const { at, cluster, environment, location } = names(env);
		const host = facts['host'];
		const logFilter = (rest: string): string =>
			`resource.type="cloud_composer_environment" resource.labels.environment_name=${quoted(environment)} resource.labels.location=${quoted(location)} ${rest}`;
		const read = (rest: string, text: string): FixStep =>
			sh(
				command(
					'gcloud',
					'logging',
					'read',
					logFilter(rest),
					'--freshness=2d',
					'--limit=50',
					'--format=value(timestamp,textPayload)',
					...(env.project === undefined ? [] : [`--project=${env.project}`]),
				),
				text,
			);
		const task = [
			`labels.workflow=${quoted(facts['dag'] ?? 'DAG')}`,
			`labels."task-id"=${quoted(facts['task'] ?? 'TASK')}`,
			`labels."try-number"=${quoted(facts['tryNumber'] ?? '1')}`,
		].join(' ');
		const ask = (...last: FixStep[]): FixStep[] => [
			read(
				`(log_id("airflow-worker") OR log_id("airflow-k8s-worker")) ${task}`,
				t(
					'1. Ask Cloud Logging for the try itself; the task may have logged although the UI shows nothing:',
					'1. まず Cloud Logging で試行そのものを調べます。UI に表示されなくても、ログが残っていることがあります:',
				),
			),
			read(
				'log_id("airflow-scheduler") ("Detected zombie job" OR "without a heartbeat" OR "finished with state failed" OR "stuck in queued")',
				t(
					'2. Ask the scheduler: a heartbeat line names the worker (Hostname); "finished (failed) although the task says its queued" means that the task never started:',
					'2. スケジューラのログを調べます。ハートビートの行にはワーカー名 (Hostname) があり、"finished (failed) although the task says its queued" はタスクが開始されなかったことを示します:',
				),
			),
			read(
				`log_id("airflow-worker") labels.worker_id=${quoted(host ?? 'WORKER')} ("Errno 107" OR "SIGKILL" OR "return code -9" OR "SIGTERM" OR "evicted")`,
				t(
					'3. Ask that worker: Errno 107 = bucket mount lost, SIGKILL = memory, SIGTERM = replaced, evicted = disk or memory:',
					'3. そのワーカーのログを調べます。Errno 107 はバケットのマウント喪失、SIGKILL はメモリ、SIGTERM は入れ替え、evicted はディスクまたはメモリです:',
				),
			),
			say(
				t(
					'4. In Cloud Monitoring compare workload/memory/bytes_used with its quota for that worker, and look at workload/restart_count and environment/worker/pod_eviction_count at that minute.',
					'4. Cloud Monitoring で、そのワーカーの workload/memory/bytes_used と quota を比べ、その時刻の workload/restart_count と environment/worker/pod_eviction_count を確認してください。',
				),
			),
			...last,
		];
		const keepLogs = (): FixStep[] => [
			sh(
				updateEnvironment(env, '--enable-logs-in-cloud-logging-only'),
				t(
					'To make logs survive the worker, store them in Cloud Logging only (the default of new environments since March 2024; older runs stay in the bucket):',
					'ワーカーが失われてもログが残るように、Cloud Logging のみに保存します (2024 年 3 月以降の新しい環境では既定です。過去の実行のログはバケットに残ります):',
				),
			),
			hcl(
				[
					'# google_composer_environment > config',
					'data_retention_config {',
					'  task_logs_retention_config {',
					'    storage_mode = "CLOUD_LOGGING_ONLY"',
					'  }',
					'}',
				],
				t('The same in Terraform:', 'Terraform では次のとおりです:'),
			),
			sh(
				command('gcloud', 'composer', 'environments', 'describe', ...at, '--format=value(config.dataRetentionConfig)'),
				t('What the environment does now:', '現在の設定は次のコマンドで確認できます:'),
			),
		];
		return [
			...forGeneration(context, {
				'composer-2': () =>
					ask(
						sh(
							command(
								'gcloud',
								'logging',
								'read',
								`resource.type="k8s_pod" resource.labels.cluster_name=${quoted(cluster)} log_id("events") jsonPayload.involvedObject.name=~"^airflow-worker" jsonPayload.reason=("Evicted" OR "OOMKilling" OR "Unhealthy" OR "Preempted" OR "Killing")`,
								'--freshness=2d',
								'--limit=50',
								...(env.project === undefined ? [] : [`--project=${env.project}`]),
							),
							t(
								'5. Ask Kubernetes what happened to the worker pods:',
								'5. ワーカー Pod に起きたことを Kubernetes のイベントで確認します:',
							),
						),
					),
				'composer-3': () =>
					ask(
						sh(
							command('gcloud', 'composer', 'environments', 'list-workloads', ...at),
							t('5. See the state of the workers:', '5. ワーカーの状態を確認します:'),
						),
					),
				airflow: () => [
					say(
						t(
							`${host === undefined ? 'The worker' : `The worker ${host}`} that holds the log no longer answers on port 8793. Look whether it was killed (memory), evicted, scaled in or replaced: \`kubectl get events\`, \`kubectl describe pod\`, \`dmesg -T\`, or the autoscaler.`,
							`ログを持つワーカー${host === undefined ? '' : ` ${host} `}がポート 8793 で応答しません。メモリ不足による強制終了、退避、縮小、入れ替えのいずれかを \`kubectl get events\`、\`kubectl describe pod\`、\`dmesg -T\`、オートスケーラーで確認してください。`,
						),
					),
					say(
						t(
							'If the worker lives: it and the web server must share AIRFLOW__WEBSERVER__SECRET_KEY (Airflow 3: AIRFLOW__API__SECRET_KEY), and its host name must resolve (AIRFLOW__CORE__HOSTNAME_CALLABLE=airflow.utils.net.get_host_ip_address).',
							'ワーカーが動いている場合は、ワーカーと Web サーバーの AIRFLOW__WEBSERVER__SECRET_KEY (Airflow 3 では AIRFLOW__API__SECRET_KEY) が一致し、ホスト名を解決できる必要があります (AIRFLOW__CORE__HOSTNAME_CALLABLE=airflow.utils.net.get_host_ip_address)。',
						),
					),
				],
			}),
			...(env.generation === 'airflow'
				? []
				: [
						say(
							t(
								'The usual chain on Composer: too little worker memory → the gcsfuse process of the worker is killed → writes to the mounted logs folder fail with Errno 107 → the log never reaches the bucket. Cure the memory first:',
								'Composer でよくある流れは次のとおりです。ワーカーのメモリ不足 → ワーカー内の gcsfuse プロセスが強制終了 → マウントされた logs フォルダへの書き込みが Errno 107 で失敗 → ログがバケットに届かない。まずメモリを改善します:',
							),
						),
					]),
			...moreMemoryPerTask(context),
			...forGeneration(context, {
				'composer-2': keepLogs,
				'composer-3': keepLogs,
				airflow: () => [
					ini(
						[
							'AIRFLOW__LOGGING__REMOTE_LOGGING=True',
							'AIRFLOW__LOGGING__REMOTE_BASE_LOG_FOLDER=gs://BUCKET/logs',
							'AIRFLOW__LOGGING__REMOTE_LOG_CONN_ID=google_cloud_default',
						],
						t(
							'Keep logs outside the worker, so that they survive it:',
							'ワーカーの外にログを保存すると、ワーカーが失われても残ります:',
						),
					),
				],
			}),
		];
	},
	docs: 'https://cloud.google.com/composer/docs/composer-3/troubleshooting-dags',
});
