import { defineRule, line } from '../../domain/rule.ts';
import type { FixContext, FixStep } from '../../domain/rule.ts';
import { mergedFacts } from '../_parts/hits.ts';
import { endedWithItsPod, fromPod, podDecides, podSaid, RUNS_POD_ASKS, runsPod } from '../_parts/pods.ts';
import { clusterCredentials, command, forGeneration, inLang, python, say, sh } from '../_parts/steps.ts';
import { unlessQuoted } from '../_parts/weigh.ts';

// Reason and message of an event, or the message of a workload.
// A pod that no node takes is told of `preemption` too: that no pod was found to give way to it.
const SAID =
	/\bPreempt(?:ed|ing)\b|Evicted|NodeShutdown|TaintManager|DeletionBy|NodeNotReady|Killing.{0,200}(?:node|preempt|evict|drain)/i;

export default defineRule({
	id: 'kpo-pod-lost',
	category: 'kubernetes',
	title: { en: 'The pod vanished while the operator waited for it', ja: '待機中に Pod が失われました' },
	looks: {
		en: 'The pod was running and is gone: `Could not find pod after resuming from deferral`, `Pod not found while waiting for completion`, a 404 for the pod, an eviction or node shutdown, or a second pod with the same labels.',
		ja: '動作していた Pod がなくなりました。`Could not find pod after resuming from deferral`、`Pod not found while waiting for completion`、Pod の 404、退避やノードの停止、または同じラベルの Pod が 2 つある場合です。',
	},
	confused: {
		en: 'When the text holds a state of the container (OOMKilled, an exit code) the pod was not lost. When the Airflow worker died, the pod may still run: look for it before a retry (worker-rollout-by-update).',
		ja: 'コンテナの状態(OOMKilled や終了コード)が出ている場合、Pod は失われていません。Airflow のワーカー側が停止した場合は Pod がまだ動いていることがあるため、再実行の前に確認してください(worker-rollout-by-update)。',
	},
	signatures: [
		line('Could not find pod after resuming from deferral', /Could not find pod after resuming from deferral/, 'proof'),
		line(
			'Pod not found while waiting for completion',
			/Pod not found while waiting for completion\. The last status was (?<status>[^\n]{1,60})/,
			'proof',
		),
		line('More than one pod running with labels', /More than one pod running with labels/, 'proof'),
		line(
			'There was an error reading the kubernetes API',
			/There was an error reading the kubernetes API: (?<problem>[^\n]{0,200})/,
		),
		line(
			'Kubernetes credentials expired, retrying after refresh',
			/Kubernetes credentials expired, retrying after refresh/,
			'weak',
		),
		// Cut in two by the pretty-printed pod. The container's own state stands beside it, so another reading is as good.
		line('imminent node', /Pod was terminated in response to imminent node/, 'weak'),
		line(
			[
				'DeletionByTaintManager',
				'TaintManagerEviction',
				'DeletionByPodGC',
				'EvictionByEvictionAPI',
				'TerminationByKubelet',
			],
			/DeletionByTaintManager|TaintManagerEviction|DeletionByPodGC|EvictionByEvictionAPI|TerminationByKubelet/,
		),
		line('The node was low on resource', /The node was low on resource: (?<resource>[a-z-]{3,30})/),
		line(
			['Preempted', 'Preempting'],
			/reason[\\"']{0,8}[:=] ?[\\"']{1,8}(?:Preempted|Preempting|NodeLost|NodeShutdown|Evicted)/,
		),
		// The API server itself: overloaded, upgrading, or cut off from its nodes. A webhook that does not answer is kpo-cluster-config.
		line(
			['ApiException: (500)', 'ApiException: (502)', 'ApiException: (503)', 'ApiException: (504)'],
			/ApiException: \((?<status>50[0234])\)/,
		),
		line(['etcdserver: ', 'No agent available'], /etcdserver: (?:request timed out|leader changed)|No agent available/),
		line('already exists', /pods [\\"']{1,8}(?<pod>[a-z0-9][a-z0-9.-]{0,252})[\\"']{1,8} already exists/, 'weak'),
		// Only where the operator's own client lost the API server (see `weigh`); elsewhere it is network-egress-failure.
		line(
			['Connection broken: ', 'Connection aborted.', 'Read timed out.'],
			/(?<problem>Connection broken: |Connection aborted\.|Read timed out\.)/,
			'weak',
		),
		// Told by the API without a reason: deleted by a person, a second try, or the cluster.
		line(' not found', /pods [\\"']{1,8}(?<pod>[a-z0-9][a-z0-9.-]{0,252})[\\"']{1,8} not found/, 'weak'),
	],
	asks: ['OOMKilled', 'failed calling webhook', ...RUNS_POD_ASKS],
	yieldsTo: [
		'kpo-oomkilled',
		'kpo-pods-forbidden',
		'kpo-cluster-config',
		'kpo-unschedulable',
		'network-egress-failure',
		'worker-rollout-by-update',
		'task-externally-set-state',
		'worker-pod-evicted-storage',
	],
	weigh(all, scene) {
		const lostApi = scene.chain.some(({ frames }) =>
			frames.some(({ file }) => /\/kubernetes(?:_asyncio)?\/(?:client|watch)\//.test(file)),
		);
		const hits = all.filter(
			({ signature, place }) =>
				!signature.literals.includes('Connection broken: ') || (lostApi && (place === 'root' || place === 'chain')),
		);
		if (hits.length === 0) return undefined;
		const facts = mergedFacts(hits);
		const proof = hits.some(({ signature }) => signature.says === 'proof');
		const strong = hits.some(
			({ signature, text }) =>
				(signature.says === 'strong' || signature.literals.includes('Connection broken: ')) &&
				!/airflow-(?:worker|scheduler)-/.test(text),
		);
		if (proof) return unlessQuoted({ says: 'proof', facts }, scene);
		if (scene.has('OOMKilled') || scene.has('failed calling webhook')) return undefined;
		if (!strong) return runsPod(scene) ? { says: 'weak', facts } : undefined;
		return unlessQuoted({ says: runsPod(scene) || scene.kind !== 'task' ? 'strong' : 'weak', facts }, scene);
	},
	reads: ['kubernetesEvents', 'workloads'],
	decides: podDecides,
	suspects: endedWithItsPod,
	verify: (seen, about) =>
		fromPod(podSaid(seen, about.failed, SAID), about, {
			en: 'was taken away by the cluster',
			ja: 'はクラスタによって削除された状態',
		}),
	fix,
	docs: 'https://cloud.google.com/kubernetes-engine/docs/how-to/extended-duration-pods',
});

function fix({ env, facts, lang }: FixContext): FixStep[] {
	const t = inLang(lang);
	const pod = facts.pod ?? 'POD';
	const retry = python(
		[
			'KubernetesPodOperator(',
			'    annotations={"cluster-autoscaler.kubernetes.io/safe-to-evict": "false"},',
			'    retries=2,',
			'    reattach_on_restart=True,',
			'    ...,',
			')',
		],
		t(
			'Keep the autoscaler from draining the node under it, and let a retry find a pod that still runs:',
			'オートスケーラによるノード退避を防ぎ、再試行時に動作中の Pod へ再接続させます:',
		),
	);
	return [
		say(
			t(
				'First look whether the pod (or a second one of an earlier try) still runs: a blind retry may do the work twice.',
				'まず Pod(または以前の試行の Pod)がまだ動いていないか確認してください。確認せずに再実行すると処理が二重に行われる恐れがあります。',
			),
		),
		...forGeneration(
			{ env, lang },
			{
				'composer-2': () => [
					sh(
						[
							clusterCredentials(env),
							command('kubectl', 'get', 'pods', '-A', '-l', 'kubernetes_pod_operator=True'),
							command(
								'kubectl',
								'get',
								'events',
								'-A',
								`--field-selector=involvedObject.name=${pod}`,
								'--sort-by=.lastTimestamp',
							),
						],
						t(
							'Killing, Preempted and Evicted among the events say who took it:',
							'イベントの Killing・Preempted・Evicted から、何が Pod を止めたか分かります:',
						),
					),
					retry,
				],
				'composer-3': () => [
					retry,
					say(
						t(
							'Tasks over 15 minutes failed this way before composer-3-airflow-2.9.1-build.7 (September 2024), and connections are retried only since November 2025: upgrade older builds.',
							'composer-3-airflow-2.9.1-build.7(2024 年 9 月)より前は 15 分を超えるタスクがこのように失敗し、接続の再試行は 2025 年 11 月以降のビルドで追加されました。古い場合はアップグレードしてください。',
						),
					),
				],
				airflow: () => [
					sh([
						command('kubectl', 'get', 'pods', '-A', '-l', 'kubernetes_pod_operator=True'),
						command(
							'kubectl',
							'get',
							'events',
							'-A',
							`--field-selector=involvedObject.name=${pod}`,
							'--sort-by=.lastTimestamp',
						),
					]),
					retry,
				],
			},
		),
	];
}
