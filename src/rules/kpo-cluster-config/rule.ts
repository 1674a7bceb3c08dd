import { defineRule, line } from '../../domain/rule.ts';
import type { FixContext, FixStep } from '../../domain/rule.ts';
import { mergedFacts } from '../_parts/hits.ts';
import { isPodOutput, RUNS_POD_ASKS, runsPod, USER_WORKLOADS } from '../_parts/pods.ts';
import { command, forGeneration, inLang, names, python, quoted, say, sh } from '../_parts/steps.ts';
import { unlessQuoted } from '../_parts/weigh.ts';

export default defineRule({
	id: 'kpo-cluster-config',
	category: 'kubernetes',
	title: {
		en: 'The operator cannot find or enter the cluster, or the cluster refuses the pod as it is described',
		ja: 'オペレーターがクラスタに接続できない、または Pod の定義がクラスタに拒否されました',
	},
	looks: {
		en: 'The task fails before any pod exists: no usable kube config, a context or cluster name that is not there, 401 Unauthorized, a control plane that does not answer, or an admission check that turns the pod down.',
		ja: 'Pod が作られる前にタスクが失敗します。kube config が使えない、コンテキストやクラスタ名が存在しない、401 Unauthorized、コントロールプレーンに接続できない、またはアドミッションの検査で Pod が拒否された場合です。',
	},
	confused: {
		en: 'A 403 `is forbidden: User` means the cluster was entered and the identity may not do it: kpo-pods-forbidden. A 403 `exceeded quota` is kpo-unschedulable. A missing `container.clusters.get` is a Google permission (google-api-permission-denied). Connection errors to other hosts are network-egress-failure.',
		ja: '`is forbidden: User` の 403 はクラスタに入れたものの権限がない状態です(kpo-pods-forbidden)。`exceeded quota` の 403 は kpo-unschedulable、`container.clusters.get` の不足は Google 側の権限(google-api-permission-denied)、他のホストへの接続エラーは network-egress-failure です。',
	},
	signatures: [
		line('Invalid kube-config file', /Invalid kube-config file\. (?<problem>[^\n]{5,300})/, 'proof'),
		line(
			[
				'Service host/port is not set',
				'Service token file does not exist',
				'Service certification file does not exist',
			],
			/(?<problem>Service (?:host\/port is not set|token file does not exist|certification file does not exist))/,
			'proof',
		),
		// The Kubernetes client's own line: the exec plugin of the kube config did not run.
		line('{kube_config.py:', /\{kube_config\.py:\d{1,5}\} ERROR - (?<problem>[^\n]{3,300})/),
		line('Unable to load in-cluster configuration', /Unable to load in-cluster configuration/, 'proof'),
		// Airflow 3 prints the class without its package; others have a ConfigException too, so `weigh` asks for a pod.
		line('ConfigException: ', /(?:^|[^A-Za-z$])ConfigException: (?<problem>[^\n]{3,300})/),
		line(
			'Invalid connection configuration. Options',
			/Invalid connection configuration\. Options kube_config_path/,
			'proof',
		),
		line(
			'gke-gcloud-auth-plugin',
			/gke-gcloud-auth-plugin[^\n]{0,120}(?:not found|No such file|failed|is needed)|(?:executable|exec:|No such file)[^\n]{0,80}gke-gcloud-auth-plugin/,
		),
		line(
			'composer_kube_config',
			/(?:No such file or directory|not found|does not exist|doesn't exist)[^\n]{0,60}composer_kube_config/,
		),
		// Whatever else the API server answered to the pod: the line after it says what.
		line(
			'Exception when attempting to create Namespaced Pod',
			/Exception when attempting to create Namespaced Pod/,
			'weak',
		),
		// GKEStartPodOperator asks the Container API first. Dataproc's own 404 says `Not found: Cluster projects/…/regions/…`.
		line(
			'No cluster named ',
			/No cluster named '(?<cluster>[a-z0-9-]{1,60})' in (?<project>[a-z0-9:.-]{4,60}[a-z0-9])/,
			'proof',
		),
		line(
			'Not found: projects/',
			/Not found: projects\/(?<project>[a-z0-9:.-]{4,60})\/(?:zones|locations)\/(?<location>[a-z0-9-]{2,40})\/clusters\/(?<cluster>[a-z0-9-]{1,60})/,
			'proof',
		),
		line(' not found', /namespaces [\\"']{1,8}(?<namespace>[a-z0-9][a-z0-9-]{0,62})[\\"']{1,8} not found/),
		// 401 of the Kubernetes API. Airflow's own API answers problem+json, without kind or reason.
		line(
			'Unauthorized',
			/kind[\\"']{1,8}: ?[\\"']{1,8}Status[\\"'][^\n]{0,200}reason[\\"']{1,8}: ?[\\"']{1,8}(?<problem>Unauthorized)/,
		),
		line('ApiException: (401)', /ApiException: \(401\)/),
		line('You must be logged in to the server', /You must be logged in to the server/),
		// The control plane: its paths give it away, whatever the address is.
		line(
			'Max retries exceeded with url',
			/HTTPS?ConnectionPool\(host='(?<host>[A-Za-z0-9][A-Za-z0-9._-]{0,252})', port=(?<port>\d{1,5})\): Max retries exceeded with url: \/(?:api\/v1\/(?:namespaces|nodes|pods)|apis\/|version\b)[^\n]{0,4000}\(Caused by (?<problem>\w{3,40})/,
		),
		// The triggerer asks the control plane through aiohttp, by its address.
		line('Cannot connect to host ', /Cannot connect to host (?<host>[0-9.]{7,15}):(?<port>443|6443) ssl:/),
		line(
			['Unable to connect to the server', 'The connection to the server'],
			/Unable to connect to the server: (?<problem>[^\n]{3,200})|The connection to the server \S{3,120} was refused - did you specify the right host or port/,
		),
		// Admission: the identity is right, the pod is not.
		line(
			'denied the request',
			/admission webhook [\\"']{1,8}(?<webhook>[a-z0-9.-]{3,120})[\\"']{1,8} denied the request:? ?(?<problem>[^\n]{0,300})/,
		),
		line(
			'violates PodSecurity',
			/violates PodSecurity [\\"']{1,8}(?<policy>[a-z0-9.:-]{3,60})[\\"']{1,8}: (?<problem>[^\n]{3,300})/,
		),
		line(
			['denied by autogke-', 'GKE Warden rejected the request'],
			/\[denied by (?<policy>autogke-[a-z0-9-]{3,60})\][\\"':[\]]{0,20}(?<problem>[^\n\\"\]]{3,200})|GKE Warden rejected the request/,
		),
		line('failed calling webhook', /failed calling webhook [\\"']{1,8}(?<webhook>[a-z0-9.-]{3,120})/),
		line(
			'ValidatingAdmissionPolicy ',
			/ValidatingAdmissionPolicy '(?<policy>[a-z0-9.-]{3,120})' with binding [^\n]{0,120}denied request: (?<problem>[^\n]{3,300})/,
		),
		line(
			'unable to validate against any security context constraint',
			/unable to validate against any security context constraint/,
		),
		line(' is invalid: ', /Pod [\\"']{1,8}[a-z0-9][a-z0-9.-]{0,252}[\\"']{1,8} is invalid: (?<problem>[^\n]{5,300})/),
	],
	asks: [...RUNS_POD_ASKS, 'config_exception'],
	yieldsTo: [
		'kpo-pods-forbidden',
		'google-api-permission-denied',
		'kpo-unschedulable',
		'kpo-secret-or-config-missing',
		'metadata-server-unavailable',
		'workload-identity-binding-lost',
	],
	weigh(hits, scene) {
		const ofCluster = runsPod(scene) || scene.has('config_exception');
		const mine = hits.filter(
			(hit) =>
				!/[Bb]ack-off|pulling image/.test(hit.text) &&
				(ofCluster || !/^(?:ConfigException: |Cannot connect to host )$/.test(hit.signature.literals[0] ?? '')) &&
				!(isPodOutput(hit) && hit.signature.literals.includes('Cannot connect to host ')),
		);
		if (mine.length === 0) return undefined;
		const proof = mine.some(({ signature }) => signature.says === 'proof');
		const weak = mine.every(({ signature }) => signature.says === 'weak');
		const kind = kindOf(mine.map(({ text }) => text).join('\n'));
		return unlessQuoted(
			{ says: proof ? 'proof' : weak ? 'weak' : 'strong', facts: { ...mergedFacts(mine), fault: kind } },
			scene,
		);
	},
	fix,
	docs: 'https://cloud.google.com/composer/docs/composer-2/use-kubernetes-pod-operator',
});

/** Which of the ways to fail; decides the fix. */
function kindOf(text: string): string {
	if (
		/denied the request|failed calling webhook|violates PodSecurity|autogke-|GKE Warden|AdmissionPolicy|security context constraint|is invalid: /.test(
			text,
		)
	)
		return 'admission';
	if (/No cluster named|Not found: projects\//.test(text)) return 'cluster';
	if (/namespaces [\\"']{1,8}/.test(text) && /not found/.test(text)) return 'namespace';
	if (/Unauthorized|\(401\)|logged in to the server/.test(text)) return 'login';
	if (/gke-gcloud-auth-plugin/.test(text)) return 'plugin';
	if (/Max retries|Unable to connect|did you specify|Cannot connect/.test(text)) return 'unreachable';
	return 'config';
}

function fix({ env, facts, lang }: FixContext): FixStep[] {
	const t = inLang(lang);
	const { project } = names(env);
	const cluster = facts.cluster ?? 'CLUSTER';
	const location = facts.location ?? 'CLUSTER_LOCATION';
	const clusterProject = facts.project ?? project;
	const own = python(
		[
			'KubernetesPodOperator(',
			'    kubernetes_conn_id="kubernetes_default",',
			'    config_file="/home/airflow/composer_kube_config",',
			`    namespace=${quoted(USER_WORKLOADS)},`,
			'    ...,',
			')',
		],
		t(
			"The environment's own cluster (no in_cluster, no cluster_context):",
			'環境自身のクラスタを使う場合の設定です(in_cluster や cluster_context は指定しません):',
		),
	);
	const start = python(
		[
			'GKEStartPodOperator(',
			`    project_id=${quoted(clusterProject)},`,
			`    location=${quoted(location)},`,
			`    cluster_name=${quoted(cluster)},`,
			'    use_dns_endpoint=True,   # or use_internal_ip=True inside the VPC of a private cluster',
			'    namespace="NAMESPACE",',
			'    ...,',
			')',
		],
		t(
			'Another GKE cluster: this operator fetches endpoint and token by itself.',
			'別の GKE クラスタには、エンドポイントとトークンを自動取得する GKEStartPodOperator を使います。',
		),
	);
	const list = sh(
		command(
			'gcloud',
			'container',
			'clusters',
			'list',
			`--project=${clusterProject}`,
			'--format=table(name,location,endpoint,privateClusterConfig.privateEndpoint,controlPlaneEndpointsConfig.dnsEndpointConfig.endpoint)',
		),
		t('What clusters there are, where, and by which address:', 'クラスタの名前・ロケーション・アドレスを確認します:'),
	);

	switch (facts.fault) {
		case 'admission':
			return [
				say(
					t(
						`The cluster turned the pod down${facts.policy ? ` (${facts.policy})` : ''}: ${facts.problem ?? 'see the message'}. Change the pod, not the permissions.`,
						`クラスタが Pod を拒否しました${facts.policy ? `(${facts.policy})` : ''}: ${facts.problem ?? 'メッセージを確認してください'}。権限ではなく Pod の定義を修正してください。`,
					),
				),
				python([
					'KubernetesPodOperator(',
					'    security_context=k8s.V1PodSecurityContext(run_as_non_root=True, run_as_user=1000, seccomp_profile=k8s.V1SeccompProfile(type="RuntimeDefault")),',
					'    container_security_context=k8s.V1SecurityContext(allow_privilege_escalation=False, privileged=False, capabilities=k8s.V1Capabilities(drop=["ALL"])),',
					'    ...,',
					')',
				]),
				...forGeneration(
					{ env, lang },
					{
						'composer-2': () => [
							say(
								t(
									'The cluster of Composer 2 is GKE Autopilot: no privileged containers, no host network, no hostPath, no added capabilities. What needs them runs in a cluster of your own (GKEStartPodOperator).',
									'Composer 2 のクラスタは GKE Autopilot です。特権コンテナ、ホストネットワーク、hostPath、追加の capability は使えません。必要な場合は独自のクラスタ(GKEStartPodOperator)で実行してください。',
								),
							),
						],
						'composer-3': () => [
							say(
								t(
									'Composer 3 accepts only one container and few fields (kpo-composer3-unsupported-spec).',
									'Composer 3 では 1 コンテナと限られた項目のみ使えます(kpo-composer3-unsupported-spec)。',
								),
							),
						],
						airflow: () => [
							say(
								t(
									'Or relax the policy on a namespace of its own: `kubectl label namespace NS pod-security.kubernetes.io/enforce=baseline --overwrite`.',
									'専用の名前空間でポリシーを緩めることもできます: `kubectl label namespace NS pod-security.kubernetes.io/enforce=baseline --overwrite`',
								),
							),
						],
					},
				),
			];
		case 'cluster':
			return [
				say(
					t(
						`There is no cluster \`${cluster}\` in \`${clusterProject}\` at that location: name, project or zone/region is wrong, or it was deleted.`,
						`\`${clusterProject}\` のそのロケーションにクラスタ \`${cluster}\` はありません。名前・プロジェクト・ゾーン/リージョンの誤り、または削除済みです。`,
					),
				),
				list,
				start,
			];
		case 'namespace':
			return [
				say(
					t(
						`The namespace \`${facts.namespace ?? 'NAMESPACE'}\` does not exist in the cluster.`,
						`名前空間 \`${facts.namespace ?? 'NAMESPACE'}\` がクラスタにありません。`,
					),
				),
				...forGeneration(
					{ env, lang },
					{
						'composer-2': () => [
							own,
							sh(
								command('kubectl', 'create', 'namespace', facts.namespace ?? 'NAMESPACE'),
								t(
									'Or create it; pods there need an identity (kpo-ksa-no-gcp-access):',
									'または作成します。その Pod には ID の設定が必要です(kpo-ksa-no-gcp-access):',
								),
							),
						],
						'composer-3': () => [own],
						airflow: () => [sh(command('kubectl', 'create', 'namespace', facts.namespace ?? 'NAMESPACE'))],
					},
				),
			];
		case 'login':
		case 'plugin':
			return [
				say(
					facts.fault === 'plugin'
						? t(
								'The kube config logs in through `gke-gcloud-auth-plugin`, which the worker does not have.',
								'kube config が `gke-gcloud-auth-plugin` を使っていますが、ワーカーにインストールされていません。',
							)
						: t(
								'The cluster does not accept the token (401): an expired or foreign token in the kube config or connection. When it comes after about an hour, the provider does not renew the token: upgrade cncf-kubernetes and google.',
								'クラスタがトークンを受け付けません(401)。kube config または接続に期限切れ・別クラスタのトークンが入っています。約 1 時間後に起きる場合はトークンが更新されていないため、cncf-kubernetes と google プロバイダーを更新してください。',
							),
				),
				...forGeneration(
					{ env, lang },
					{
						'composer-2': () => [own, start],
						'composer-3': () => [own, start],
						airflow: () => [sh('kubectl --kubeconfig KUBECONFIG auth whoami'), start],
					},
				),
			];
		case 'unreachable':
			return [
				say(
					t(
						`The control plane${facts.host ? ` ${facts.host}:${facts.port ?? '443'}` : ''} does not answer the worker: a private control plane, authorized networks without the workers' range, a stopped cluster, or the address of a deleted one in the connection.`,
						`コントロールプレーン${facts.host ? ` ${facts.host}:${facts.port ?? '443'}` : ''} に接続できません。限定公開のコントロールプレーン、ワーカーの範囲を含まない承認済みネットワーク、停止または削除されたクラスタのアドレスが考えられます。`,
					),
				),
				list,
				start,
				sh(
					[
						command(
							'gcloud',
							'container',
							'clusters',
							'update',
							cluster,
							`--location=${location}`,
							`--project=${clusterProject}`,
							'--enable-dns-access',
						),
						command(
							'gcloud',
							'container',
							'clusters',
							'update',
							cluster,
							`--location=${location}`,
							`--project=${clusterProject}`,
							'--enable-master-authorized-networks',
							'--master-authorized-networks=EXISTING_CIDRS,WORKERS_CIDR',
						),
					],
					t(
						'Open one way: the DNS endpoint, or the authorized networks (the list replaces the old one).',
						'DNS エンドポイントを有効にするか、承認済みネットワークに追加します(リストは置き換えられます)。',
					),
				),
			];
		default:
			return [
				say(
					t(
						`The operator found no usable configuration of a cluster${facts.problem ? `: ${facts.problem}` : ''}.`,
						`利用できるクラスタ設定がありません${facts.problem ? `: ${facts.problem}` : ''}。`,
					),
				),
				...forGeneration(
					{ env, lang },
					{
						'composer-2': () => [own, start],
						'composer-3': () => [own, start],
						airflow: () => [
							python(
								[
									'KubernetesPodOperator(in_cluster=True, ...)        # workers that run as pods',
									'KubernetesPodOperator(config_file="/path/config", cluster_context="CONTEXT", ...)  # workers outside',
								],
								t('Exactly one of the two:', 'どちらか一方だけを指定します:'),
							),
							sh('kubectl --kubeconfig /path/config config get-contexts'),
						],
					},
				),
			];
	}
}
