import { defineRule, line } from '../../domain/rule.ts';
import { command, forGeneration, inLang, names, say, sh, updateEnvironment } from '../_parts/steps.ts';
import { nextSize } from '../_parts/components.ts';
import { strongest } from '../_parts/weigh.ts';
import { clock, isSilent } from '../_parts/audit.ts';
import { sober } from '../_parts/own.ts';
import { confirmed, likely } from '../_parts/said.ts';
import { counted, whileItRan } from '../_parts/series.ts';

export default defineRule({
	id: 'celery-broker-problem',
	category: 'scheduling',
	title: {
		en: 'Celery cannot reach its broker (Redis) or get answers in time',
		ja: 'Celery がブローカー (Redis) に接続できないか、時間内に応答を得られません',
	},
	looks: {
		en: 'Scheduler: "Error sending Celery task", "Task Timeout Error for Task", "Error fetching Celery task state". Worker: "consumer: Cannot connect to redis://…", "Trying again in".',
		ja: 'スケジューラに "Error sending Celery task"、"Task Timeout Error for Task"、"Error fetching Celery task state"、ワーカーに "consumer: Cannot connect to redis://…"、"Trying again in" が記録されます。',
	},
	confused: {
		en: 'A DAG that does not import on the worker also ends as "Celery command failed on host": read the line before it. The state mismatch that follows "Error sending Celery task" is its consequence. A Redis of the user\'s own in a task is not the broker.',
		ja: 'ワーカーで DAG をインポートできない場合も "Celery command failed on host" で終わるため、その前の行を確認してください。"Error sending Celery task" に続く状態の不一致は結果です。タスクが使うユーザー自身の Redis はブローカーではありません。',
	},
	signatures: [
		// Airflow 3 sends a workload.
		line('Error sending Celery ', /Error sending Celery (?:task|workload): ?(?<reason>[^\n]{0,200})/),
		line('Task Timeout Error for Task', /\[Try \d{1,3} of \d{1,3}\] Task Timeout Error for Task/),
		line('Error fetching Celery task state', /Error fetching Celery task state/),
		line(
			'consumer: Cannot connect to ',
			/consumer: Cannot connect to (?<broker>(?:redis|rediss|amqp|amqps|sentinel|sqs)[^\s]{0,300}?): (?<reason>[^\n]{1,200})/,
			'proof',
		),
		line('consumer: Connection to broker lost', /consumer: Connection to broker lost/, 'proof'),
		line('MISCONF Redis is configured', /MISCONF Redis is configured to save RDB snapshots/),
		line('OOM command not allowed when used memory', /OOM command not allowed when used memory/),
		line('kombu.exceptions.OperationalError', /kombu\.exceptions\.OperationalError: (?<reason>[^\n]{1,200})/),
		// It came back: the interruption before it is over.
		line('missed heartbeat from ', /missed heartbeat from (?<worker>\S{1,253})/, 'weak'),
		line('Celery command failed on host: ', /Celery command failed on host: (?<host>\S{1,253})/, 'weak'),
	],
	yieldsTo: [
		'dag-import-error',
		'dag-missing-on-worker',
		'dag-import-timeout',
		'worker-oom-task-sigkill',
		'db-overloaded',
		'worker-rollout-by-update',
	],
	weigh(hits, scene) {
		const weighing = sober(strongest(hits), hits, scene);
		// A task's own Redis client, seen in its traceback.
		return weighing && scene.kind === 'task' && weighing.says === 'strong' ? { ...weighing, says: 'weak' } : weighing;
	},
	reads: ['brokerErrors', 'schedulerLog', 'workerLog'],
	decides: ['brokerErrors', 'workerLog'],
	suspects: (failed) => isSilent(failed) || failed.state === 'queued',
	verify({ brokerErrors }, { failed, told }) {
		const errors = brokerErrors && counted(brokerErrors, whileItRan(failed));
		if (!errors) return undefined;
		return (told === undefined ? likely : confirmed)(
			'brokerErrors',
			`the scheduler could not hand over tasks ${errors.count} times (Celery task timeouts), first at ${clock(errors.at)}.`,
			`スケジューラがタスクを Celery に渡せなかった回数は ${errors.count} 回です (最初は ${clock(errors.at)})。`,
			{ at: errors.at },
		);
	},
	fix(context) {
		const { env, lang } = context;
		const t = inLang(lang);
		const larger = nextSize(env);
		const composer = () => [
			sh(
				command(
					'gcloud',
					'composer',
					'environments',
					'describe',
					...names(env).at,
					'--format=value(config.softwareConfig.imageVersion,config.environmentSize,state)',
				),
				t(
					'Look at the image and the size; Redis is managed and its memory grows with the size:',
					'イメージと環境サイズを確認します。Redis はマネージドで、メモリは環境サイズに応じて増えます:',
				),
			),
			sh(
				command('gcloud', 'composer', 'environments', 'list-upgrades', ...names(env).at),
				t(
					'Upgrade: Celery reliability was fixed in Aug 2024, CVE-2025-49844 of Redis in 2.15.3 and builds 2.10.5-build.19, 2.9.3-build.39:',
					'アップグレードしてください。Celery の信頼性は 2024 年 8 月に改善され、Redis の CVE-2025-49844 は 2.15.3、2.10.5-build.19、2.9.3-build.39 で修正されています:',
				),
			),
			...(larger === undefined
				? []
				: [
						sh(
							updateEnvironment(env, `--environment-size=${larger}`),
							t(
								`A larger environment size, when Redis is short of memory or tasks are many and tiny${env.size === undefined ? '' : ` (now ${env.size})`}:`,
								`Redis のメモリが不足している場合や、細かいタスクが大量にある場合は、環境サイズを大きくします${env.size === undefined ? '' : ` (現在は ${env.size})`}:`,
							),
						),
					]),
			say(
				t(
					'Check environment/celery/task_timeout_error_count and environment/health/redis_queue_check_count. On Composer 2 an update of any kind recreates a broken airflow-redis pod.',
					'environment/celery/task_timeout_error_count と environment/health/redis_queue_check_count を確認してください。Composer 2 では、任意の更新を行うと壊れた airflow-redis Pod が再作成されます。',
				),
			),
		];
		return forGeneration(context, {
			'composer-2': composer,
			'composer-3': composer,
			airflow: () => [
				sh(
					'airflow config get-value celery broker_url\nredis-cli -u "$AIRFLOW__CELERY__BROKER_URL" ping\nkubectl get pods,svc | grep -i redis',
					t(
						'Does the broker answer where scheduler and workers look for it?',
						'スケジューラとワーカーが参照する場所でブローカーが応答するか確認します:',
					),
				),
				say(
					t(
						'Connection refused: Redis is down or another port. Name or service not known: DNS or service name. OOM or MISCONF: memory or disk of Redis. Timeouts: AIRFLOW__CELERY__OPERATION_TIMEOUT (default 1.0) up to 5.0.',
						'Connection refused は Redis の停止またはポート違い、Name or service not known は DNS またはサービス名、OOM や MISCONF は Redis のメモリまたはディスクが原因です。タイムアウトの場合は AIRFLOW__CELERY__OPERATION_TIMEOUT (既定 1.0) を 5.0 程度まで上げてください。',
					),
				),
			],
		});
	},
	docs: 'https://airflow.apache.org/docs/apache-airflow-providers-celery/stable/celery_executor.html',
});
