import { defineRule, line } from '../../domain/rule.ts';
import { command, forGeneration, inLang, names, say, sh, updateEnvironment } from '../_parts/steps.ts';
import { largerWorker, workerSizing } from '../_parts/sizing.ts';
import { strongest } from '../_parts/weigh.ts';
import { clock, isSilent } from '../_parts/audit.ts';
import { confirmed, likely } from '../_parts/said.ts';
import { memoryOf, memoryText, othersText, restartsOf, SHORT, workerEvent } from '../_parts/worker.ts';

export default defineRule({
	id: 'worker-liveness-probe-failed',
	category: 'resources',
	title: {
		en: 'Kubernetes restarted the worker: its liveness probe failed',
		ja: 'liveness probe の失敗により、ワーカーが再起動されました',
	},
	looks: {
		en: 'Several tasks of one worker die together; the events of the airflow-worker pod show "Liveness probe failed" and "failed liveness probe, will be restarted".',
		ja: '1 台のワーカーの複数のタスクが同時に失敗します。airflow-worker Pod のイベントに "Liveness probe failed"、"failed liveness probe, will be restarted" が記録されます。',
	},
	confused: {
		en: "The probe of the gcsfuse container (gcsfuse-mount-lost), a worker without memory (worker-oom-task-sigkill), and the scheduler's own probe (scheduler-overloaded). A single failed probe without a restart is no fault.",
		ja: 'gcsfuse コンテナの probe (gcsfuse-mount-lost)、ワーカーのメモリ不足 (worker-oom-task-sigkill)、スケジューラの probe (scheduler-overloaded) とは異なります。再起動を伴わない 1 回の失敗は問題ではありません。',
	},
	signatures: [
		line(
			'failed liveness probe, will be restarted',
			/Container airflow-worker failed liveness probe, will be restarted/,
			'proof',
		),
		line(
			'Liveness probe failed',
			/^(?![^]{0,8192}(?:gcs-?fuse|SchedulerJob|airflow-scheduler|airflow-triggerer|webserver))(?=[^]{0,8192}(?:pod\/|name["':= ]{1,5})?(?<pod>airflow-worker[\w-]{0,60}))[^]{0,8192}Liveness probe failed/,
		),
		// `kubectl describe pod` prints the event without the pod's name; Celery's ping answers like this.
		line(
			'Liveness probe failed',
			/^(?![^]{0,8192}(?:gcs-?fuse|SchedulerJob|airflow-scheduler|airflow-triggerer|webserver))[^]{0,8192}Liveness probe failed/,
			'weak',
		),
	],
	asks: [
		'out of memory: Killed process',
		'OOMKill',
		'airflow-worker',
		'No nodes replied within time constraint',
		'SchedulerJob',
		'airflow-scheduler',
	],
	yieldsTo: ['gcsfuse-mount-lost', 'scheduler-overloaded'],
	weigh(hits, scene) {
		const weighing = strongest(hits);
		// The probe failed because the kernel had killed the process it asks.
		if (weighing && (scene.has('out of memory: Killed process') || scene.has('OOMKill')))
			return { ...weighing, says: 'weak' };
		if (weighing?.says !== 'weak') return weighing;
		if (scene.has('No nodes replied within time constraint')) return { ...weighing, says: 'strong' };
		if (scene.has('SchedulerJob') || scene.has('airflow-scheduler')) return undefined;
		return scene.has('airflow-worker') ? { ...weighing, says: 'strong' } : weighing;
	},
	reads: ['kubernetesEvents', 'restarts', 'workerMemory', 'workerMemoryQuota', 'failures'],
	decides: ['restarts', 'kubernetesEvents', 'workerMemory'],
	suspects: (failed) => isSilent(failed) && failed.hostname !== undefined,
	verify(seen, { failed, told, env }) {
		const { hostname } = failed;
		if (hostname === undefined) return undefined;
		const event = workerEvent(
			seen.kubernetesEvents,
			failed,
			({ message }) => /[Ll]iveness probe/.test(message) && !/gcs-?fuse/.test(message),
		);
		const restarted = restartsOf(seen.restarts, failed);
		const memory = memoryOf(seen, failed, env);
		const full = memory !== undefined && memory.share >= SHORT;
		const others = othersText(seen.failures, failed);
		const facts = { host: hostname };
		if (event && (restarted || /will be restarted/.test(event.message)) && !full)
			return confirmed(
				'kubernetesEvents',
				`Kubernetes restarted \`${hostname}\`: ${event.message}${others.en}.`,
				`Kubernetes が \`${hostname}\` を再起動しました: ${event.message}${others.ja}。`,
				{ at: event.at, facts },
			);
		// A restart with a full memory is that of a worker which was killed for it, and so may be one whose memory is not known.
		if (!restarted || full || (told === undefined && memory === undefined)) return undefined;
		const room = memory
			? {
					en: `; its memory was no reason: ${memoryText(memory).en}`,
					ja: `。${memoryText(memory).ja} で、メモリ不足ではありません`,
				}
			: { en: '', ja: '' };
		return (told === undefined ? likely : confirmed)(
			'restarts',
			`\`${hostname}\` was restarted at ${clock(restarted.at)}${others.en}${room.en}.`,
			`\`${hostname}\` は ${clock(restarted.at)} に再起動されています${others.ja}${room.ja}。`,
			{ at: restarted.at, facts },
		);
	},
	fix(context) {
		const { env, lang } = context;
		const t = inLang(lang);
		const composer = () => [
			sh(
				command('gcloud', 'composer', 'environments', 'list-upgrades', ...names(env).at),
				t(
					'Upgrade first when the image is older than May 2025: false alarms of this probe were fixed in Sept 2024, Dec 2024 and May 2025:',
					'2025 年 5 月より古いイメージでは、まずアップグレードしてください。この probe の誤検知は 2024 年 9 月、12 月、2025 年 5 月に修正されています:',
				),
			),
			sh(
				updateEnvironment(env, ...largerWorker(env)),
				t(
					'More CPU and memory for each worker, so that the probe is answered in time:',
					'probe に時間内に応答できるよう、ワーカーの CPU とメモリを増やします:',
				),
			),
			sh(
				updateEnvironment(env, `--update-airflow-configs=celery-worker_concurrency=${workerSizing(env).concurrency}`),
				t('Or fewer tasks at once in one worker:', 'または、1 台のワーカーで同時に動くタスクを減らします:'),
			),
			say(
				t(
					'Check worker CPU and workload/restart_count at that minute. Avoid tasks that block a whole worker: huge log output, hundreds of processes.',
					'その時刻のワーカーの CPU と workload/restart_count を確認してください。大量のログ出力や多数のプロセス起動など、ワーカー全体をふさぐタスクは避けてください。',
				),
			),
		];
		return forGeneration(context, {
			'composer-2': composer,
			'composer-3': composer,
			airflow: () => [
				sh(
					'kubectl get events -A --field-selector reason=Unhealthy\nkubectl top pod -A | grep worker',
					t('Look at the events and the load of the worker:', 'ワーカーのイベントと負荷を確認します:'),
				),
				say(
					t(
						'Give the worker more CPU, lower AIRFLOW__CELERY__WORKER_CONCURRENCY, or raise timeoutSeconds and failureThreshold of the probe (Helm chart: workers.livenessProbe).',
						'ワーカーの CPU を増やすか、AIRFLOW__CELERY__WORKER_CONCURRENCY を下げるか、probe の timeoutSeconds と failureThreshold を上げてください (Helm chart では workers.livenessProbe)。',
					),
				),
			],
		});
	},
	docs: 'https://cloud.google.com/composer/docs/composer-2/troubleshooting-dags',
});
