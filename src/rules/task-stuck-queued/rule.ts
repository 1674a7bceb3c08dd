import { defineRule, line } from '../../domain/rule.ts';
import { command, forGeneration, inLang, names, say, sh, updateEnvironment } from '../_parts/steps.ts';
import { strongest } from '../_parts/weigh.ts';
import { sober } from '../_parts/own.ts';
import type { Environment } from '../../domain/environment.ts';
import type { Failed, Series } from '../../domain/evidence.ts';
import type { Text } from '../../domain/text.ts';
import { aboutTry, clock, isSilent, time } from '../_parts/audit.ts';
import { confirmed, likely } from '../_parts/said.ts';
import { peak, whileItRan } from '../_parts/series.ts';

export default defineRule({
	id: 'task-stuck-queued',
	category: 'scheduling',
	title: {
		en: 'The task waited too long in the queue and was failed or queued again',
		ja: 'タスクがキューで長時間待機し、失敗扱いまたは再キューイングされました',
	},
	looks: {
		en: '"Task stuck in queued" in the scheduler or event log; no task log, no host name. Composer waits 40 minutes (task_queued_timeout), upstream 10.',
		ja: 'スケジューラまたはイベントログに "Task stuck in queued" が記録されます。タスクのログもホスト名もありません。Composer では 40 分 (task_queued_timeout)、標準の Airflow では 10 分待ちます。',
	},
	confused: {
		en: 'State scheduled instead of queued: a limit holds it back (concurrency-limits). The executor reported the task failed: executor-state-mismatch. The broker refuses messages: celery-broker-problem. A paused DAG queues nothing.',
		ja: '状態が queued ではなく scheduled の場合は上限による待機です (concurrency-limits)。エグゼキュータが失敗を報告した場合は executor-state-mismatch、ブローカーがメッセージを受け付けない場合は celery-broker-problem です。一時停止中の DAG はキューに入りません。',
	},
	signatures: [
		line(
			'Task stuck in queued; will try to requeue',
			/Task stuck in queued; will try to requeue\.?(?: task_id=(?<task>\S{1,250}))?/,
		),
		line(
			'Task requeue attempts exceeded max; marking failed',
			/Task requeue attempts exceeded max; marking failed\. task_instance=(?<ti>[^\n]{1,400})/,
			'proof',
		),
		line(
			' times and will be failed',
			/Task was requeued more than (?<times>\d{1,4}) times and will be failed/,
			'proof',
		),
		line(
			['stuck in queued tries exceeded', 'stuck in queued reschedule'],
			/["']?event["']?[:=] ?["']stuck in queued (?:tries exceeded|reschedule)["']/,
			'proof',
		),
		line(
			' stuck in queued as failed',
			/Mark(?:ed|ing) (?:the following (?<tasks>\d{1,6}|[^\n]{1,600}?) task instances|task instance [^\n]{1,600}) stuck in queued as failed/,
			'proof',
		),
		// 2.0 to 2.5: celery.stalled_task_timeout and adopted tasks.
		line(
			'assuming they never made it to celery',
			/tasks were still pending after (?<waited>[^,\n]{1,40}), assuming they never made it to celery/,
		),
		line('tasks that were queued for longer than', /tasks that were queued for longer than/),
	],
	symptom: true,
	yieldsTo: [
		'celery-broker-problem',
		'dag-missing-on-worker',
		'dag-import-error',
		'worker-oom-task-sigkill',
		'gke-quota-exceeded',
		'db-overloaded',
		'version-or-build-known-bad',
	],
	weigh: (hits, scene) => sober(strongest(hits), hits, scene),
	reads: ['eventLog', 'airflowHealth', 'schedulerLog', 'queueLength', 'workers'],
	decides: [['eventLog', 'schedulerLog'], 'workers', 'queueLength'],
	suspects: (failed) => failed.state === 'queued' || isSilent(failed),
	verify({ eventLog, airflowHealth, schedulerLog, queueLength, workers }, { failed, env }) {
		const full = saturation(queueLength, workers, failed, env);
		const entry = eventLog && aboutTry(eventLog, failed).findLast(({ event }) => event.startsWith('stuck in queued'));
		const said = schedulerLog?.findLast(
			({ text }) =>
				/stuck in queued|requeue attempts exceeded/.test(text) &&
				text.includes(failed.run) &&
				text.includes(failed.task),
		);
		const at = entry?.at ?? said?.at;
		if (at !== undefined)
			return confirmed(
				entry ? 'eventLog' : 'schedulerLog',
				`the scheduler noted \`${entry?.event ?? 'stuck in queued'}\` at ${clock(at)}${full.en}.`,
				`スケジューラが ${clock(at)} に \`${entry?.event ?? 'stuck in queued'}\` を記録しています${full.ja}。`,
				{ at },
			);
		const since = time(failed.queuedAt);
		if (failed.state !== 'queued' || since === undefined) return undefined;
		const minutes = Math.floor((failed.now - since) / 60_000);
		// Usual for a busy environment, and not yet worth a word.
		if (minutes < 5) return undefined;
		if (full.at !== undefined)
			return confirmed(
				'workers',
				`it has been queued for ${minutes} minutes${full.en}.`,
				`キューに入ってから ${minutes} 分たっています${full.ja}。`,
				{ at: full.at },
			);
		if (airflowHealth?.scheduler?.status !== 'healthy') return undefined;
		return likely(
			'airflowHealth',
			`it has been queued for ${minutes} minutes, the scheduler is healthy, and no worker has taken it.`,
			`キューに入ってから ${minutes} 分たちますが、スケジューラは正常で、どのワーカーも受け取っていません。`,
		);
	},
	fix(context) {
		const { env, lang } = context;
		const t = inLang(lang);
		const max = env.worker ? Math.min(100, env.worker.maxCount * 2) : 6;
		const composer = () => [
			say(
				t(
					'Compare environment/num_celery_workers with worker/max_workers while environment/task_queue_length > 0, and executor/open_slots. Workers at their maximum: raise it (or worker_concurrency, if memory allows). Fewer workers than the maximum: quota or crashing workers.',
					'environment/task_queue_length が 0 より大きい間の environment/num_celery_workers と worker/max_workers、executor/open_slots を比べてください。ワーカー数が上限に達していれば上限を (メモリに余裕があれば worker_concurrency も) 上げます。上限より少ない場合は、割り当て (quota) かワーカーの異常終了が原因です。',
				),
			),
			sh(updateEnvironment(env, `--max-workers=${max}`), t('More workers:', 'ワーカーの上限を増やします:')),
			sh(
				command('gcloud', 'compute', 'regions', 'describe', names(env).location, '--format=value(quotas)'),
				t(
					'Look at the quota of the region (CPUS, SSD_TOTAL_GB, IN_USE_ADDRESSES; Composer 2):',
					'リージョンの割り当てを確認します (CPUS、SSD_TOTAL_GB、IN_USE_ADDRESSES。Composer 2 の場合):',
				),
			),
		];
		return [
			say(
				t(
					'No worker took the message. Do not just raise the timeout: find out why.',
					'どのワーカーもメッセージを受け取っていません。タイムアウトを延ばすだけでなく、理由を確認してください。',
				),
			),
			...forGeneration(context, {
				'composer-2': composer,
				'composer-3': composer,
				airflow: () => [
					sh(
						'celery --app airflow.providers.celery.executors.celery_executor.app inspect active_queues',
						t(
							"Is there a live worker that listens to the task's queue (operator argument `queue`)?",
							'タスクのキュー (オペレーターの引数 `queue`) を受け持つワーカーが動いているか確認します:',
						),
					),
					say(
						t(
							'Start or scale workers for that queue, or raise AIRFLOW__CELERY__WORKER_CONCURRENCY.',
							'そのキューのワーカーを起動・増設するか、AIRFLOW__CELERY__WORKER_CONCURRENCY を上げてください。',
						),
					),
				],
			}),
			say(
				t(
					'After a killed worker a message can stay invisible until the visibility timeout (7 days on Composer): clear the task to queue it anew.',
					'ワーカーが強制終了されると、visibility timeout (Composer では 7 日) までメッセージが見えなくなることがあります。タスクをクリアして再度キューに入れてください。',
				),
			),
		];
	},
	docs: 'https://cloud.google.com/composer/docs/composer-3/troubleshooting-scheduling',
});

/** All workers that may be were there and tasks waited all the same; or there were fewer than may be, and none came. */
function saturation(
	queue: readonly Series[] | undefined,
	workers: readonly Series[] | undefined,
	failed: Failed,
	{ worker }: Environment,
): Text & { at?: string } {
	const span = whileItRan(failed);
	const waiting = queue && peak(queue, span);
	const most = workers && peak(workers, span);
	if (!waiting || waiting.value < 1 || !most) return { en: '', ja: '' };
	const tasks = Math.round(waiting.value);
	if (worker && most.value >= worker.maxCount)
		return {
			en: `; all ${worker.maxCount} workers that may be were at work, and up to ${tasks} tasks waited for one`,
			ja: `。上限の ${worker.maxCount} 台のワーカーがすべて稼働し、最大 ${tasks} 件のタスクが待機していました`,
			at: waiting.at,
		};
	const few = worker === undefined ? '' : ` of ${worker.maxCount}`;
	return {
		en: `; there were at most ${most.value}${few} workers, and up to ${tasks} tasks waited`,
		ja: `。ワーカーは最大 ${most.value} 台${worker === undefined ? '' : ` (上限 ${worker.maxCount})`}で、最大 ${tasks} 件のタスクが待機していました`,
	};
}
