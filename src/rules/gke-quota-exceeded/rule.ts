import { defineRule, line } from '../../domain/rule.ts';
import type { FixContext, FixStep } from '../../domain/rule.ts';
import { clip } from '../../domain/text.ts';
import { mergedFacts } from '../_parts/hits.ts';
import { command, forGeneration, inLang, names, say, sh } from '../_parts/steps.ts';
import { clock, isSilent } from '../_parts/audit.ts';
import { confirmed, ruledOut } from '../_parts/said.ts';
import { unlessQuoted } from '../_parts/weigh.ts';

// What waits for a machine.
const WAITS = ['task-stuck-queued', 'kpo-unschedulable', 'kpo-startup-timeout'];
const REFUSED =
	/quota|scale\.up\.error|max node group size|RESOURCE_POOL_EXHAUSTED|out of resources|IP_SPACE|IP space|Org Policy/i;

export default defineRule({
	id: 'gke-quota-exceeded',
	category: 'quota',
	title: {
		en: 'The project cannot get more machines (quota, stock, addresses or policy)',
		ja: 'マシンを追加できません(割り当て・在庫・IP アドレス・組織ポリシー)',
	},
	looks: {
		en: "The cluster wants another node and does not get it: `Quota 'CPUS' exceeded`, `GCE quota exceeded`, `ZONE_RESOURCE_POOL_EXHAUSTED`, `max node group size reached`, no free pod addresses, or an organization policy. Pods and workers stay pending.",
		ja: "クラスタがノードを追加できません。`Quota 'CPUS' exceeded`、`GCE quota exceeded`、`ZONE_RESOURCE_POOL_EXHAUSTED`、`max node group size reached`、Pod 用 IP アドレスの枯渇、組織ポリシーなどが原因で、Pod やワーカーが Pending のままになります。",
	},
	confused: {
		en: "A pod that fits no node of any size is kpo-unschedulable. A namespace's ResourceQuota (`is forbidden: exceeded quota`) is Kubernetes' own and kpo-unschedulable too. Quotas of BigQuery and other APIs (`rateLimitExceeded`) have nothing to do with machines. Workers at their maximum count make no autoscaler event. A Dataproc or Dataflow cluster that finds no machines is that job's failure first.",
		ja: 'どのノードにも収まらない Pod は kpo-unschedulable です。名前空間の ResourceQuota(`is forbidden: exceeded quota`)も Kubernetes 側の上限で kpo-unschedulable です。BigQuery などの API の割り当て(`rateLimitExceeded`)はマシンとは無関係です。ワーカー数が上限に達しただけではオートスケーラのイベントは出ません。',
	},
	signatures: [
		line(
			['cloud_quota_exceeded', 'scale.up.error.quota.exceeded'],
			/cloud_quota_exceeded|scale\.up\.error\.quota\.exceeded/,
			'proof',
		),
		line('scale.up.error', /scale\.up\.error\.?(?<reason>[a-z.]{0,60})/),
		line(['GCE quota exceeded', 'GCE out of resources'], /(?<reason>GCE quota exceeded|GCE out of resources)/, 'proof'),
		line(
			' exceeded. ',
			/Quota [\\"']{1,4}(?<quota>[A-Z][A-Z0-9_]{2,60})[\\"']{1,4} exceeded\. {1,2}Limit: (?<limited>[0-9.]{1,20})(?: in region (?<region>[a-z0-9-]{3,40}))?/,
			'proof',
		),
		line(
			'Insufficient regional quota to satisfy request',
			/Insufficient regional quota to satisfy request: resource [\\"']{1,4}(?<quota>[A-Z][A-Z0-9_]{2,60})[\\"']{1,4}: request requires '(?<requested>[0-9.]{1,20})'/,
			'proof',
		),
		line(
			' quota. Requested ',
			/Insufficient [\\"']{1,4}(?<quota>[A-Z][A-Z0-9_]{2,60})[\\"']{1,4} quota\. Requested (?<requested>[0-9.]{1,20}), available (?<limited>[0-9.]{1,20})/,
		),
		line(
			['ZONE_RESOURCE_POOL_EXHAUSTED', 'does not have enough resources available to fulfill the request'],
			/ZONE_RESOURCE_POOL_EXHAUSTED|(?:zone|Zone) [\\"']{0,4}(?:projects\/[^/\s]{4,80}\/zones\/)?(?<zone>[a-z0-9-]{5,40})[\\"']{0,4} does not have enough resources available/,
		),
		line('max node group size reached', /max node group size reached/),
		line('in backoff after failed scale-up', /in backoff after failed scale-up/),
		line(
			['FailedScaleUp', 'Node scale up in zones'],
			/FailedScaleUp|Node scale up in zones \S{3,200} associated with this pod failed/,
		),
		line(
			['IP_SPACE_EXHAUSTED', 'IP space of', 'IP space is exhausted'],
			/IP_SPACE_EXHAUSTED|IP space of \S{3,200} is exhausted|IP space is exhausted/,
			'proof',
		),
		line(
			'Org Policy constraint violated',
			/Failed adding \d{1,4} nodes?[^\n]{0,300}Org Policy constraint violated|Org Policy constraint violated/,
		),
		line('exceeded quota for resource', /exceeded quota for resource [\\"']{1,4}(?<quota>[A-Z][A-Z0-9_]{2,60})/),
	],
	yieldsTo: ['external-job-failed'],
	weigh(hits, scene) {
		const proof = hits.some(({ signature }) => signature.says === 'proof');
		return unlessQuoted(
			{
				says: proof ? 'proof' : 'strong',
				facts: { ...mergedFacts(hits), fault: faultOf(hits.map(({ text }) => text).join('\n')) },
			},
			scene,
		);
	},
	reads: ['autoscalerLog', 'kubernetesEvents'],
	// Of a pod the events say whether any machine would have been large enough.
	decides: ({ failed }) => ['autoscalerLog', ...(failed.pod === undefined ? [] : (['kubernetesEvents'] as const))],
	// The cluster of Composer 3 is not in sight.
	suspects: (failed) =>
		failed.generation === 'composer-2' &&
		(failed.state === 'queued' ||
			failed.told.some((cause) => WAITS.includes(cause)) ||
			(isSilent(failed) && failed.hostname === undefined)),
	verify({ autoscalerLog, kubernetesEvents }, { facts, told, failed }) {
		if (told === undefined) return undefined;
		const large = kubernetesEvents?.find(
			({ reason, message, object }) =>
				reason === 'NotTriggerScaleUp' &&
				object.endsWith(failed.pod ?? '/') &&
				!/backoff|max node group|quota/i.test(message),
		);
		if (large)
			return ruledOut(
				'kubernetesEvents',
				`for this pod no machine would have been large enough, whatever the quota: ${clip(large.message, 200)}`,
				`割り当てにかかわらず、この Pod が収まるマシンはありません: ${clip(large.message, 200)}`,
				{ at: large.at },
			);
		const said = autoscalerLog?.findLast(({ text }) => REFUSED.test(text));
		if (!said) return undefined;
		const quota = facts['quota'] === undefined ? '' : ` (\`${facts['quota']}\`)`;
		return confirmed(
			'autoscalerLog',
			`the cluster's autoscaler got no more machines${quota} at ${clock(said.at)}.`,
			`クラスタのオートスケーラーが ${clock(said.at)} にマシンを追加できませんでした${quota}。`,
			{ at: said.at },
		);
	},
	fix,
	docs: 'https://cloud.google.com/composer/docs/composer-2/troubleshooting-scheduling',
});

function faultOf(text: string): string {
	if (/Org Policy/.test(text)) return 'policy';
	if (/IP_SPACE|IP space/.test(text)) return 'addresses';
	if (/RESOURCE_POOL_EXHAUSTED|enough resources available|GCE out of resources/.test(text)) return 'stock';
	if (/max node group size/.test(text)) return 'nodes';
	return 'quota';
}

function fix({ env, facts, lang }: FixContext): FixStep[] {
	const t = inLang(lang);
	const { project, location } = names(env);
	const region = facts.region ?? location;
	const fault: Record<string, FixStep[]> = {
		quota: [
			say(
				t(
					`The quota ${facts.quota ? `\`${facts.quota}\` ` : ''}of the region is used up${facts.limited ? ` (limit ${facts.limited})` : ''}${facts.requested ? `; ${facts.requested} were asked for` : ''}. Ask for more CPUS, SSD_TOTAL_GB or IN_USE_ADDRESSES, or free some.`,
					`リージョンの割り当て${facts.quota ? ` \`${facts.quota}\`` : ''} に達しています${facts.limited ? `(上限 ${facts.limited})` : ''}${facts.requested ? `。要求は ${facts.requested} です` : ''}。CPUS・SSD_TOTAL_GB・IN_USE_ADDRESSES の引き上げを申請するか、使用量を減らしてください。`,
				),
			),
			sh(
				command(
					'gcloud',
					'compute',
					'regions',
					'describe',
					region,
					`--project=${project}`,
					'--flatten=quotas',
					'--format=table(quotas.metric,quotas.usage,quotas.limit)',
				),
				t('Usage and limit:', '使用量と上限:'),
			),
			say(
				t(
					`Ask for more on the quota page: https://console.cloud.google.com/iam-admin/quotas?project=${encodeURIComponent(project)}`,
					`割り当てのページから引き上げを申請します: https://console.cloud.google.com/iam-admin/quotas?project=${encodeURIComponent(project)}`,
				),
			),
		],
		stock: [
			say(
				t(
					`The zone${facts.zone ? ` ${facts.zone}` : ''} has no such machines at the moment. No quota helps: retry later, use another machine type, or let the cluster use more zones.`,
					`ゾーン${facts.zone ? ` ${facts.zone}` : ''} に該当マシンの在庫がありません。割り当てでは解決しないため、時間をおく、別のマシンタイプを使う、ゾーンを増やすなどで対応してください。`,
				),
			),
		],
		nodes: [
			say(t('The node pool stands at its maximum size.', 'ノードプールが最大サイズに達しています。')),
			sh(
				command(
					'gcloud',
					'container',
					'clusters',
					'update',
					names(env).cluster,
					`--location=${location}`,
					`--project=${project}`,
					'--enable-autoscaling',
					'--node-pool=NODE_POOL',
					'--max-nodes=20',
				),
			),
		],
		addresses: [
			say(
				t(
					'The range for pod addresses is full: every node takes a block of it. Add a secondary range.',
					'Pod 用の IP アドレス範囲が枯渇しています(ノードごとにブロックを消費します)。セカンダリ範囲を追加してください。',
				),
			),
			sh([
				command(
					'gcloud',
					'compute',
					'networks',
					'subnets',
					'update',
					'SUBNETWORK',
					`--region=${location}`,
					`--project=${project}`,
					'--add-secondary-ranges=pods-2=10.64.0.0/14',
				),
				command(
					'gcloud',
					'container',
					'clusters',
					'update',
					names(env).cluster,
					`--location=${location}`,
					`--project=${project}`,
					'--additional-pod-ipv4-ranges=pods-2',
				),
			]),
		],
		policy: [
			say(
				t(
					'An organization policy forbids the machines the cluster wants.',
					'組織ポリシーがクラスタの必要とするマシンを禁止しています。',
				),
			),
			sh(
				command('gcloud', 'resource-manager', 'org-policies', 'list', `--project=${project}`),
				t(
					'Which ones apply here (shielded VMs, external addresses, locations are the usual ones):',
					'適用中のポリシーを確認します(シールド VM、外部 IP、ロケーションがよくある原因です):',
				),
			),
		],
	};
	return [
		...(fault[facts.fault ?? 'quota'] ?? []),
		...forGeneration(
			{ env, lang },
			{
				'composer-2': () => [
					say(
						t(
							'A Small environment of Composer 2 alone needs 600 GB of `SSD_TOTAL_GB` (GKE 1.27.5 and newer); near the limit workers stop scaling.',
							'Composer 2 の Small 環境だけで `SSD_TOTAL_GB` を 600 GB 使います(GKE 1.27.5 以降)。上限に近いとワーカーのスケールが止まります。',
						),
					),
					sh(
						command(
							'gcloud',
							'logging',
							'read',
							'resource.type="gce_cluster_autoscaler" OR log_id("container.googleapis.com/cluster-autoscaler-visibility")',
							`--project=${project}`,
							'--freshness=6h',
							'--limit=20',
						),
						t('What the autoscaler says:', 'オートスケーラのログ:'),
					),
				],
				'composer-3': () => [
					say(
						t(
							"Workers of Composer 3 run in Google's project: your quota is mostly not involved, only what your own clusters and jobs start.",
							'Composer 3 のワーカーは Google 側のプロジェクトで動くため、利用者の割り当ては自分のクラスタやジョブにのみ関係します。',
						),
					),
				],
				airflow: () => [
					sh(
						command(
							'gcloud',
							'logging',
							'read',
							'log_id("container.googleapis.com/cluster-autoscaler-visibility")',
							`--project=${project}`,
							'--freshness=6h',
							'--limit=20',
						),
					),
				],
			},
		),
	];
}
