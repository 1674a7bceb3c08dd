import { defineRule, line } from '../../domain/rule.ts';
import type { FixContext, FixStep } from '../../domain/rule.ts';
import { mergedFacts } from '../_parts/hits.ts';
import {
	endedWithItsPod,
	fromPod,
	isPodOutput,
	podDecides,
	podInEvents,
	podSaid,
	RUNS_POD_ASKS,
	runsPod,
} from '../_parts/pods.ts';
import { clusterCredentials, command, forGeneration, inLang, python, say, sh } from '../_parts/steps.ts';
import { unlessQuoted } from '../_parts/weigh.ts';

// Airflow's own pods; their container out of memory is the worker's story (worker-oom-task-sigkill).
const AIRFLOW_POD = /airflow-(?:worker|scheduler|triggerer|webserver|dag-processor|redis|monitoring)[-/ "']/;

// Reason and message of an event, or the message of a workload.
const SAID = /OOMKill|OutOfMemory/;

export default defineRule({
	id: 'kpo-oomkilled',
	category: 'kubernetes',
	title: {
		en: "The pod's container ran out of memory (OOMKilled)",
		ja: 'Pod のコンテナがメモリ不足で強制終了されました(OOMKilled)',
	},
	looks: {
		en: 'The container of the pod ends with the reason OOMKilled and exit code 137; the task only says `Pod … returned a failure`.',
		ja: 'Pod のコンテナが理由 OOMKilled、終了コード 137 で終わります。タスクのメッセージは `Pod … returned a failure` だけです。',
	},
	confused: {
		en: "Exit code 137 without OOMKilled is a SIGKILL of any origin: a deadline, a deleted pod, a user's `kill -9`, or on Composer 3 the machine behind the pod shutting down. When the task process itself dies with -9 on the worker it is worker-oom-task-sigkill.",
		ja: 'OOMKilled のない終了コード 137 は、期限切れ、Pod の削除、`kill -9`、Composer 3 での VM 停止など、あらゆる SIGKILL を意味します。ワーカー上のタスクプロセスが -9 で終わった場合は worker-oom-task-sigkill です。',
	},
	signatures: [
		line('OOMKilled', /OOMKilled/, 'proof'),
		line('container was OOM killed', /container was OOM killed/i, 'proof'),
		line(
			'exit_code',
			/[\\"']exit_code[\\"']{1,4}: (?<exitCode>137)\b|state='TERMINATED'[^\n]{0,80}exit_code=(?<code>137)\b/,
			'weak',
		),
	],
	asks: [...RUNS_POD_ASKS, 'airflow-worker-'],
	weigh(hits, scene) {
		const ofPod = runsPod(scene);
		const mine = hits.filter((hit) => !AIRFLOW_POD.test(hit.text) && !isPodOutput(hit));
		if (mine.length === 0 || (!ofPod && scene.has('airflow-worker-'))) return undefined;
		const facts = { ...mergedFacts(mine), exitCode: '137' };
		const named = mine.some(({ signature }) => signature.says === 'proof');
		if (!named) return { says: 'weak', facts };
		// A cluster's events may speak of any pod.
		return unlessQuoted({ says: ofPod ? 'proof' : 'strong', facts }, scene);
	},
	reads: ['kubernetesEvents', 'workloads'],
	decides: podDecides,
	suspects: endedWithItsPod,
	verify: (seen, about) =>
		fromPod(podSaid(seen, about.failed, SAID), about, {
			en: 'was killed for its memory',
			ja: 'はメモリ不足で強制終了された状態',
		}),
	follows({ kubernetesEvents }, { failed }) {
		const subject = podInEvents(kubernetesEvents, failed);
		return subject && { subject, reads: ['kubernetesEvents', 'workloads'] };
	},
	fix,
	docs: 'https://cloud.google.com/composer/docs/composer-2/use-kubernetes-pod-operator',
});

function fix({ env, lang }: FixContext): FixStep[] {
	const t = inLang(lang);
	const more = (limit: string): FixStep =>
		python(
			[
				'KubernetesPodOperator(',
				'    container_resources=k8s.V1ResourceRequirements(',
				`        requests={"memory": ${JSON.stringify(limit)}, "cpu": "1"},`,
				`        limits={"memory": ${JSON.stringify(limit)}},`,
				'    ),',
				'    ...,',
				')',
			],
			t(
				'Give the container about twice what it had; request and limit the same:',
				'コンテナのメモリを約 2 倍にします。request と limit は同じ値にしてください:',
			),
		);
	return [
		say(t('The container needed more memory than its limit.', 'コンテナが上限を超えるメモリを必要としました。')),
		...forGeneration(
			{ env, lang },
			{
				'composer-2': () => [
					more('4Gi'),
					say(
						t(
							'Without requests Autopilot gives 2 GiB and 0.5 vCPU; a pod may have up to 110 GiB.',
							'request を指定しないと Autopilot は 2 GiB・0.5 vCPU を割り当てます。Pod は 110 GiB まで使えます。',
						),
					),
					sh(
						[
							clusterCredentials(env),
							command('kubectl', 'top', 'pod', '-n', 'composer-user-workloads', '--containers'),
						],
						t('While it runs, see what it takes:', '実行中の使用量を確認します:'),
					),
				],
				'composer-3': () => [
					more('8Gi'),
					say(
						t(
							'Composer 3 caps silently: memory must lie between 0.5 and 8 GB per vCPU, 2 to 128 GB in all. Look for the warning `Resources memory is …GB which is greater than maximum allowed` and raise the CPU with the memory.',
							'Composer 3 は上限を超えた要求を黙って切り下げます(vCPU あたり 0.5〜8 GB、全体で 2〜128 GB)。警告 `Resources memory is …GB which is greater than maximum allowed` がないか確認し、CPU も合わせて増やしてください。',
						),
					),
				],
				airflow: () => [more('4Gi')],
			},
		),
		say(
			t(
				'Or let the program need less: read in chunks, stream, push the work into BigQuery or Dataflow.',
				'または、分割読み込みやストリーミング、BigQuery・Dataflow への処理移行で使用量を減らしてください。',
			),
		),
	];
}
