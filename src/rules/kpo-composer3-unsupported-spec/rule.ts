import { defineRule, line } from '../../domain/rule.ts';
import type { FixContext, FixStep } from '../../domain/rule.ts';
import { mergedFacts } from '../_parts/hits.ts';
import { inLang, python, say } from '../_parts/steps.ts';
import { ruledOut } from '../_parts/said.ts';
import { unlessQuoted } from '../_parts/weigh.ts';

export default defineRule({
	id: 'kpo-composer3-unsupported-spec',
	category: 'kubernetes',
	title: {
		en: 'Composer 3 ignores or rejects part of the pod',
		ja: 'Composer 3 が Pod 定義の一部を無視または拒否しました',
	},
	looks: {
		en: 'A pod that works on Composer 2 fails or gets less on Composer 3: more than one container, a request above the limits that is silently capped (only a WARNING `Resources … is greater than maximum allowed`), or no machine behind the pod.',
		ja: 'Composer 2 では動く Pod が Composer 3 で失敗する、または割り当てが減ります。複数のコンテナ、上限を超えた要求の切り下げ(WARNING `Resources … is greater than maximum allowed` のみ)、Pod の VM が用意されない場合などです。',
	},
	confused: {
		en: 'A warning about capped resources does not fail the task by itself: a container that then dies for memory is kpo-oomkilled, with this as its reason. The same messages do not exist on Composer 2.',
		ja: 'リソースの切り下げ警告だけではタスクは失敗しません。その後メモリ不足で終わった場合は kpo-oomkilled で、この警告がその理由です。Composer 2 にこれらのメッセージはありません。',
	},
	signatures: [
		line(
			'Unexpected list of containers in KubernetesPodOperator pod',
			/Unexpected list of containers in KubernetesPodOperator pod/,
			'proof',
		),
		line('peer-vm-endpoint annotation', /Not found node\.gke\.io\/peer-vm-endpoint annotation for pod/),
		line(
			'which is greater than maximum allowed',
			/Resources (?<resource>CPU|memory|disk size) is (?<requested>[0-9.]{1,12})(?:GB)? which is greater than maximum allowed (?<limited>[0-9.]{1,12})/,
			'weak',
		),
	],
	asks: ['OOMKilled'],
	weigh(hits, scene) {
		const facts = mergedFacts(hits);
		const best = hits.some(({ signature }) => signature.says === 'proof')
			? 'proof'
			: hits.some(({ signature }) => signature.says === 'strong')
				? 'strong'
				: 'weak';
		return unlessQuoted({ says: best === 'weak' && scene.has('OOMKilled') ? 'strong' : best, facts }, scene);
	},
	verify(_, { env }) {
		if (env.generation === undefined || env.generation === 'composer-3') return undefined;
		return ruledOut('environment', 'this environment is not Composer 3.', 'この環境は Composer 3 ではありません。');
	},
	fix,
	docs: 'https://cloud.google.com/composer/docs/composer-3/use-kubernetes-pod-operator',
});

function fix({ facts, lang }: FixContext): FixStep[] {
	const t = inLang(lang);
	return [
		say(
			facts.resource && facts.requested && facts.limited
				? t(
						`The request for ${facts.resource} was capped: ${facts.requested} asked, ${facts.limited} allowed.`,
						`${facts.resource} の要求が切り下げられました(要求 ${facts.requested}、上限 ${facts.limited})。`,
					)
				: t(
						'Every pod of Composer 3 becomes a machine of its own, and only part of its description is used.',
						'Composer 3 では Pod ごとに専用の VM が作られ、定義の一部だけが使われます。',
					),
		),
		say(
			t(
				'What fits: one container (besides `airflow-xcom-sidecar`), resources of that container only, CPU 0.25, 0.5, 1, 2, 4 … 32 (default 0.5), memory 0.5 to 8 GB per vCPU, 2 to 128 GB (default 4 per vCPU), disk 30 GB plus up to 100 GB of ephemeral-storage request. Namespace is always composer-user-workloads; no sidecars, affinity or kubectl.',
				'使える範囲: コンテナは 1 つ(`airflow-xcom-sidecar` を除く)、リソースはそのコンテナのもののみ、CPU は 0.25・0.5・1・2・4 … 32(既定 0.5)、メモリは vCPU あたり 0.5〜8 GB・全体 2〜128 GB(既定 vCPU あたり 4 GB)、ディスクは 30 GB + ephemeral-storage の要求(最大 100 GB)。名前空間は常に composer-user-workloads で、サイドカー・アフィニティ・kubectl は使えません。',
			),
		),
		python([
			'KubernetesPodOperator(',
			'    namespace="composer-user-workloads",',
			'    container_resources=k8s.V1ResourceRequirements(requests={"cpu": "4", "memory": "32Gi", "ephemeral-storage": "50Gi"}),',
			'    ...,',
			')',
		]),
		python(
			[
				'GKEStartPodOperator(project_id="PROJECT", location="LOCATION", cluster_name="CLUSTER", namespace="NAMESPACE", ...)',
			],
			t('What needs more runs on a GKE cluster of your own:', 'それ以上が必要な場合は独自の GKE クラスタで実行します:'),
		),
	];
}
