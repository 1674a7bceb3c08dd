import { defineRule, line } from '../../domain/rule.ts';
import type { FixContext, FixStep } from '../../domain/rule.ts';
import { fromPod, podDecides, podSaid } from '../_parts/pods.ts';
import { clusterCredentials, command, forGeneration, inLang, names, python, say, sh } from '../_parts/steps.ts';

export default defineRule({
	id: 'kpo-startup-timeout',
	category: 'kubernetes',
	title: { en: 'The pod did not start in time', ja: 'Pod が時間内に起動しませんでした' },
	looks: {
		en: 'The operator gives up waiting: `Pod took longer than N seconds to start` (providers before 10.5) or `Pod took too long to start. More than Ns`. The default is 120 s.',
		ja: 'オペレーターが待機を打ち切ります。`Pod took longer than N seconds to start`(プロバイダー 10.5 より前)または `Pod took too long to start. More than Ns` と表示されます。既定は 120 秒です。',
	},
	confused: {
		en: "It is a symptom. Look beside it for an image that cannot be pulled (kpo-image-pull), a pod no node takes (kpo-unschedulable), a missing Secret (kpo-secret-or-config-missing). Only without them the start itself was slow. `AirflowTaskTimeout` is the operator's execution_timeout instead.",
		ja: 'これは症状です。イメージを取得できない(kpo-image-pull)、ノードがない(kpo-unschedulable)、Secret がない(kpo-secret-or-config-missing)といった原因が近くにないか確認してください。どれもない場合のみ、起動自体が遅かったことになります。`AirflowTaskTimeout` は execution_timeout によるものです。',
	},
	signatures: [
		line('Pod took longer than ', /Pod took longer than (?<limit>\d{1,6}) seconds to start/),
		line('Pod took too long to start', /Pod took too long to start(?:\. More than (?<limit>\d{1,6})s)?/),
	],
	symptom: true,
	yieldsTo: [
		'kpo-image-pull',
		'kpo-unschedulable',
		'kpo-secret-or-config-missing',
		'gke-quota-exceeded',
		'kpo-composer3-unsupported-spec',
		'kpo-cluster-config',
	],
	reads: ['kubernetesEvents', 'workloads'],
	decides: podDecides,
	// Why it was slow is said by the causes above; here only how far it came.
	verify: (seen, about) =>
		fromPod(
			podSaid(
				seen,
				about.failed,
				/^(?:Pulling|Scheduled|TriggeredScaleUp)\b|ContainerCreating|PodInitializing/,
				/^Started\b|Started container/,
			),
			about,
			{
				en: 'was still starting',
				ja: 'は起動中の状態',
			},
		),
	fix,
	docs: 'https://cloud.google.com/composer/docs/composer-2/use-kubernetes-pod-operator',
});

function fix({ env, facts, lang }: FixContext): FixStep[] {
	const t = inLang(lang);
	const longer = python(
		['KubernetesPodOperator(', '    startup_timeout_seconds=600,', '    ...,', ')'],
		t(
			'Wait longer; a new node and a large image take minutes:',
			'待ち時間を延ばします(新しいノードや大きなイメージには数分かかります):',
		),
	);
	return [
		say(
			t(
				`The pod was not running after ${facts.limit ?? 'the allowed number of'} seconds, and nothing in the log says why. Its events do:`,
				`${facts.limit ?? '指定の'} 秒待っても Pod が動きませんでした。ログには理由がないため、イベントを確認してください:`,
			),
		),
		...forGeneration(
			{ env, lang },
			{
				'composer-2': () => [
					sh([
						clusterCredentials(env),
						command('kubectl', 'get', 'events', '-A', '--sort-by=.lastTimestamp'),
						command('kubectl', 'get', 'pods', '-A', '--field-selector=status.phase=Pending'),
					]),
					longer,
				],
				'composer-3': () => [
					sh(
						command(
							'gcloud',
							'logging',
							'read',
							'log_id("airflow-k8s-operator")',
							`--project=${names(env).project}`,
							'--freshness=1h',
							'--limit=50',
						),
					),
					say(
						t(
							'Composer 3 boots a machine for every pod (`Awaiting for pod to start execution`).',
							'Composer 3 は Pod ごとにマシンを起動します(`Awaiting for pod to start execution`)。',
						),
					),
					longer,
				],
				airflow: () => [
					sh([
						command('kubectl', 'get', 'events', '-A', '--sort-by=.lastTimestamp'),
						command('kubectl', 'get', 'pods', '-A', '--field-selector=status.phase=Pending'),
					]),
					longer,
				],
			},
		),
		say(
			t(
				'A smaller image, kept in Artifact Registry in the same region, starts faster.',
				'小さなイメージを同じリージョンの Artifact Registry に置くと起動が速くなります。',
			),
		),
	];
}
