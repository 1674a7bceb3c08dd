import { defineRule, line } from '../../domain/rule.ts';
import type { FixContext, FixStep } from '../../domain/rule.ts';
import { mergedFacts } from '../_parts/hits.ts';
import { clusterCredentials, command, forGeneration, inLang, names, python, say, sh } from '../_parts/steps.ts';
import { fromPod, podDecides, podInEvents, podSaid, startedNoPod, USER_WORKLOADS } from '../_parts/pods.ts';
import { unlessQuoted } from '../_parts/weigh.ts';

// Written by the node's kubelet: the pod had its place, and what failed came later.
const ON_A_NODE = [
	'Successfully assigned',
	'Started container',
	'Successfully pulled image',
	'Pulling image',
	'Event: Error: ',
	'MountVolume.SetUp failed',
] as const;

// Reason and message of an event, or the message of a workload.
const SAID = /FailedScheduling|Unschedulable|nodes are available|trigger scale-up/;
const OVER = /^(?:Scheduled|Pulling|Pulled|Started) |Successfully assigned/;

export default defineRule({
	id: 'kpo-unschedulable',
	category: 'kubernetes',
	title: { en: 'No node can take the pod', ja: 'Pod を配置できるノードがありません' },
	looks: {
		en: 'The pod stays Pending: `0/N nodes are available: … Insufficient cpu`, a persistent volume claim, node selector or taint that fits no node, or a ResourceQuota of the namespace that is used up (a 403 `exceeded quota`).',
		ja: 'Pod が Pending のままです。`0/N nodes are available: … Insufficient cpu`、条件に合うノードがないボリューム要求・ノードセレクタ・Taint、または名前空間の ResourceQuota の上限(403 `exceeded quota`)が原因です。',
	},
	confused: {
		en: 'kpo-image-pull happens on a node, this before there is one. When the autoscaler wanted to add a node and could not (quota, stockout, backoff) the root is gke-quota-exceeded. On Autopilot every large pod is unschedulable for a minute or two: if it was assigned later, this is not the cause. `exceeded quota` is a 403, yet no permission problem.',
		ja: 'kpo-image-pull はノード割り当て後、こちらは割り当て前の失敗です。オートスケーラがノードを追加できなかった場合(割り当て、在庫切れ、バックオフ)は gke-quota-exceeded が根本原因です。Autopilot では大きな Pod が数分間配置できないのは普通であり、後で割り当てられた場合は原因ではありません。`exceeded quota` は 403 ですが権限の問題ではありません。',
	},
	signatures: [
		line('nodes are available', /(?<nodes>\d{1,5}\/\d{1,5}) nodes are available: ?(?<problem>[^\n]{0,400})/),
		line(['FailedScheduling', 'Unschedulable'], /FailedScheduling|reason[\\"']{0,8}[:=] ?[\\"']{1,8}Unschedulable/),
		line('trigger scale-up', /pod didn'?t trigger scale-up(?:[^\n:]{0,60})?:? ?(?<problem>[^\n]{0,300})/),
		line(
			'Pod took too long to be scheduled on the cluster',
			/Pod took too long to be scheduled on the cluster, giving up\. More than (?<limit>\d{1,6})s/,
		),
		line(
			'forbidden: exceeded quota',
			/is forbidden: exceeded quota: (?<quota>[a-z0-9][a-z0-9.-]{0,252}), requested: (?<requested>\S{1,200}), used: (?<used>\S{1,200}), limited: (?<limited>[A-Za-z0-9=.,/_-]{1,200})/,
			'proof',
		),
		line(
			'forbidden: failed quota',
			/is forbidden: failed quota: (?<quota>[a-z0-9][a-z0-9.-]{0,252}): must specify (?<problem>[a-z0-9., _-]{3,200})/,
			'proof',
		),
		line(
			['usage per Container is', 'usage per Pod is'],
			/(?:maximum|minimum) (?<resource>[a-z-]{2,30}) usage per (?:Container|Pod) is (?<limited>[0-9A-Za-z.]{1,20}), but (?:limit|request) is (?<requested>[0-9A-Za-z.]{1,20})/,
			'proof',
		),
		line('no nodes available to schedule pods', /no nodes available to schedule pods/),
		line('Cannot schedule pods', /Cannot schedule pods: (?<problem>[^\n]{3,200})/),
	],
	asks: ON_A_NODE,
	yieldsTo: ['gke-quota-exceeded', 'kpo-image-pull', 'kpo-oomkilled'],
	weigh(hits, scene) {
		const facts = mergedFacts(hits);
		// Airflow's own pods that wait for a node are the environment's trouble, not an operator's.
		if (hits.every(({ text }) => /airflow-(?:worker|scheduler|triggerer|webserver|dag-processor)-[a-z0-9]/.test(text)))
			return scene.kind === 'task' ? undefined : { says: 'weak', facts };
		if (hits.some(({ signature }) => signature.says === 'proof')) return unlessQuoted({ says: 'proof', facts }, scene);
		const assigned = ON_A_NODE.some((text) => scene.has(text));
		return unlessQuoted({ says: assigned ? 'weak' : 'strong', facts }, scene);
	},
	reads: ['kubernetesEvents', 'workloads'],
	decides: podDecides,
	suspects: startedNoPod,
	verify: (seen, about) =>
		fromPod(podSaid(seen, about.failed, SAID, OVER), about, { en: 'found no node', ja: 'は配置先のノードがない状態' }),
	follows({ kubernetesEvents }, { failed }) {
		const subject = podInEvents(kubernetesEvents, failed);
		return subject && { subject, reads: ['kubernetesEvents', 'workloads'] };
	},
	fix,
	docs: 'https://cloud.google.com/composer/docs/composer-2/use-kubernetes-pod-operator',
});

function fix({ env, facts, lang }: FixContext): FixStep[] {
	const t = inLang(lang);
	const namespace = facts.namespace ?? (env.generation === 'airflow' ? 'NAMESPACE' : USER_WORKLOADS);
	if (facts.quota)
		return [
			say(
				facts.requested
					? t(
							`The ResourceQuota \`${facts.quota}\` of the namespace is used up: asked for ${facts.requested}, in use ${facts.used}, allowed ${facts.limited}.`,
							`名前空間の ResourceQuota \`${facts.quota}\` の上限に達しています。要求 ${facts.requested}、使用中 ${facts.used}、上限 ${facts.limited} です。`,
						)
					: t(
							`The ResourceQuota \`${facts.quota}\` wants every pod to state ${facts.problem ?? 'its resources'}.`,
							`ResourceQuota \`${facts.quota}\` により、Pod に ${facts.problem ?? 'リソース'} の指定が必須です。`,
						),
			),
			sh([
				command('kubectl', 'describe', 'resourcequota', facts.quota, '-n', namespace),
				command('kubectl', 'get', 'pods', '-n', namespace, '--field-selector=status.phase=Running'),
			]),
			sh(
				command(
					'kubectl',
					'patch',
					'resourcequota',
					facts.quota,
					'-n',
					namespace,
					'--patch={"spec":{"hard":{"limits.memory":"NEW_LIMIT"}}}',
				),
				t('Raise it, or:', '上限を引き上げるか:'),
			),
			python(
				[
					'KubernetesPodOperator(',
					'    pool="big_pods",        # as many slots as pods fit into the quota',
					'    container_resources=k8s.V1ResourceRequirements(requests={"cpu": "1", "memory": "4Gi"}, limits={"memory": "4Gi"}),',
					'    ...,',
					')',
				],
				t('let fewer pods run at a time, or ask for less:', '同時に動く Pod を減らすか、要求量を下げてください:'),
			),
		];
	if (/persistentvolumeclaim/.test(facts.problem ?? ''))
		return [
			say(
				t(
					`The pod waits for a volume claim that is not there or not bound: ${facts.problem}.`,
					`Pod が存在しない、または未バインドのボリューム要求を待っています: ${facts.problem}`,
				),
			),
			sh(command('kubectl', 'get', 'persistentvolumeclaims', '-n', namespace)),
		];
	const lower = python(
		[
			'KubernetesPodOperator(',
			'    container_resources=k8s.V1ResourceRequirements(requests={"cpu": "1", "memory": "4Gi"}, limits={"memory": "4Gi"}),',
			'    schedule_timeout_seconds=600,  # cncf-kubernetes 10.5 and newer',
			'    startup_timeout_seconds=600,',
			'    ...,',
			')',
		],
		t(
			'Ask for no more than a node has, and give the autoscaler the minutes a new node takes:',
			'ノードに収まる量だけを要求し、新しいノードの作成に必要な数分を待てるようにします:',
		),
	);
	return [
		say(
			t(
				`No node fits${facts.problem ? `: ${facts.problem}` : ''}.`,
				`条件に合うノードがありません${facts.problem ? `: ${facts.problem}` : ''}。`,
			),
		),
		lower,
		...forGeneration(
			{ env, lang },
			{
				'composer-2': () => [
					say(
						t(
							'The Autopilot cluster of Composer 2 offers only general-purpose nodes: at most 110 GiB of memory a pod, 10 GiB of ephemeral storage, no pod affinity, no GPU, no node selector of other classes. Larger pods: GKEStartPodOperator on a cluster of your own.',
							'Composer 2 の Autopilot クラスタは汎用クラスのみです。Pod あたりメモリ 110 GiB、エフェメラルストレージ 10 GiB まで、Pod アフィニティ・GPU・他クラスのノードセレクタは使えません。より大きな Pod は独自クラスタの GKEStartPodOperator を使ってください。',
						),
					),
					sh(
						[
							clusterCredentials(env),
							command(
								'kubectl',
								'get',
								'events',
								'-A',
								'--field-selector=reason=FailedScheduling',
								'--sort-by=.lastTimestamp',
							),
							command(
								'gcloud',
								'logging',
								'read',
								'resource.type="gce_cluster_autoscaler" OR log_id("container.googleapis.com/cluster-autoscaler-visibility")',
								`--project=${names(env).project}`,
								'--freshness=2h',
								'--limit=20',
							),
						],
						t('Why the autoscaler added no node:', 'オートスケーラがノードを追加しなかった理由を確認します:'),
					),
				],
				'composer-3': () => [
					say(
						t(
							'Composer 3 gives every pod its own machine and shows no scheduling events: see that the request stays inside its limits (32 vCPU, 128 GB, 8 GB per vCPU; kpo-composer3-unsupported-spec).',
							'Composer 3 は Pod ごとに専用マシンを割り当て、スケジューリングのイベントは見えません。要求が上限(32 vCPU、128 GB、vCPU あたり 8 GB)に収まっているか確認してください(kpo-composer3-unsupported-spec)。',
						),
					),
				],
				airflow: () => [
					sh(
						command(
							'kubectl',
							'get',
							'events',
							'-A',
							'--field-selector=reason=FailedScheduling',
							'--sort-by=.lastTimestamp',
						),
					),
					sh('kubectl describe nodes | grep -A8 "Allocated resources"'),
				],
			},
		),
	];
}
