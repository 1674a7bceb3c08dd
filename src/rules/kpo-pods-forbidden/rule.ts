import { defineRule, line } from '../../domain/rule.ts';
import type { FixContext, FixStep } from '../../domain/rule.ts';
import { mergedFacts } from '../_parts/hits.ts';
import { USER_WORKLOADS } from '../_parts/pods.ts';
import {
	clusterCredentials,
	command,
	forGeneration,
	grantOnProject,
	hcl,
	hclQuoted,
	inLang,
	names,
	python,
	quoted,
	say,
	sh,
} from '../_parts/steps.ts';
import { memberIfKnown } from '../_parts/iam.ts';
import { onProject, refused } from '../_parts/policy.ts';
import { unlessQuoted } from '../_parts/weigh.ts';

// `pods is forbidden: User "X" cannot create resource "pods" in API group "" in the namespace "NS": requires one of ["container.pods.create"] permission(s).`
// GKE since 2024 adds `in Cloud IAM or a Kubernetes RBAC role …`; API servers before 1.12 wrote `cannot create pods in the namespace "NS": Required "container.pods.create" permission.`
const DENIED =
	/(?<![A-Za-z0-9.])(?<denied>[a-z]{2,40}(?:\.[a-z0-9.-]{1,80})?(?:\/[a-z]{1,20})?)(?: [\\"']{1,8}(?<object>[a-z0-9][a-z0-9.-]{0,252})[\\"']{1,8})? is forbidden: User [\\"']{1,8}(?<principal>[A-Za-z0-9][^"\\' ]{0,300})[\\"']{1,8} cannot (?<verb>[a-z]{2,20}) (?:resource [\\"']{1,8})?(?<kind>[a-z][a-z./]{1,60})(?:[\\"']{1,8} in API group [\\"']{1,8}(?:[a-z0-9.]{1,80}[\\"']{1,8})?)?(?: (?:in the namespace [\\"']{1,8}(?<namespace>[a-z0-9][a-z0-9-]{0,62})[\\"']{1,8}|at the cluster scope))?(?:[^\n]{0,40}?[\\"']{1,8}(?<permission>container\.[A-Za-z.]{3,60})[\\"']{1,8})?/;

export default defineRule({
	id: 'kpo-pods-forbidden',
	category: 'permissions',
	title: {
		en: 'The Kubernetes API refuses pods to the operator (pods is forbidden)',
		ja: 'Kubernetes API が Pod の操作を拒否しました(pods is forbidden)',
	},
	looks: {
		en: 'KubernetesPodOperator fails at once with a 403 of the Kubernetes API: `pods is forbidden: User "X" cannot create resource "pods"`; or later, because it may not read the pod, its log or its events.',
		ja: 'KubernetesPodOperator が Kubernetes API の 403(`pods is forbidden: User "X" cannot create resource "pods"`)ですぐに失敗します。Pod・ログ・イベントの読み取りだけが拒否され、後から失敗することもあります。',
	},
	confused: {
		en: 'A ResourceQuota (`exceeded quota`), PodSecurity (`violates PodSecurity`), an admission webhook (`denied the request`) and a missing service account answer 403 or 400 too: there the identity is fine. A pod that ran and got a 403 of a Google API is kpo-ksa-no-gcp-access.',
		ja: 'ResourceQuota(`exceeded quota`)、PodSecurity(`violates PodSecurity`)、Admission Webhook(`denied the request`)、存在しないサービスアカウントも 403 や 400 を返しますが、その場合は権限の問題ではありません。Pod が起動した後に Google API の 403 を受けた場合は kpo-ksa-no-gcp-access です。',
	},
	signatures: [line(' is forbidden: User ', DENIED, 'proof')],
	weigh(hits, scene) {
		// Some provider versions only warn that they may not read events, and go on.
		const ended = hits.filter(
			({ level, place }) => place === 'root' || place === 'chain' || (level !== 'debug' && level !== 'warning'),
		);
		const facts = mergedFacts(ended.length > 0 ? ended : hits);
		if (ended.length === 0) return { says: 'weak', facts };
		// The pod's own program asked the API (its lines come at info): still RBAC, though of the pod.
		return unlessQuoted({ says: ended.every(({ level }) => level === 'info') ? 'strong' : 'proof', facts }, scene);
	},
	reads: ['projectPolicy'],
	decides: ['projectPolicy'],
	verify({ projectPolicy }, { facts, env }) {
		const { principal, permission } = facts;
		// A pod's own account, or an account's bare number: not in the policy under that name.
		if (principal === undefined || !principal.includes('@') || env.project === undefined) return undefined;
		const member = memberIfKnown(principal, env);
		if (member === undefined) return undefined;
		return refused(member, permission ?? 'container.pods.create', [
			{ policy: projectPolicy, source: 'projectPolicy', on: onProject(env.project) },
		]);
	},
	fix,
	docs: 'https://cloud.google.com/composer/docs/composer-2/use-kubernetes-pod-operator',
});

function fix({ env, facts, lang }: FixContext): FixStep[] {
	const t = inLang(lang);
	const { project, serviceAccount } = names(env);
	const who = facts.principal ?? serviceAccount;
	const namespace = facts.namespace ?? USER_WORKLOADS;
	const verb = facts.verb ?? 'create';
	const kind = facts.kind ?? 'pods';
	const what = t(
		`\`${who}\` may not ${verb} ${kind} in the namespace \`${namespace}\`.`,
		`\`${who}\` には、名前空間 \`${namespace}\` で ${kind} を ${verb} する権限がありません。`,
	);
	const canI = sh(
		command('kubectl', 'auth', 'can-i', verb, kind, '-n', namespace, `--as=${who}`),
		t('Ask again after the change:', '変更後に確認します:'),
	);

	const pool = /^(?:serviceAccount:)?([a-z0-9:.-]+)\.svc\.id\.goog\[([a-z0-9-]+)\/([a-z0-9.-]+)\]$/.exec(who);
	const ksa = pool ? [pool[2], pool[3]] : /^system:serviceaccount:([a-z0-9-]+):([a-z0-9.-]+)$/.exec(who)?.slice(1, 3);
	if (ksa?.[0] && ksa[1])
		return [
			say(what),
			say(
				pool
					? t(
							`This is the Kubernetes service account \`${ksa[0]}/${ksa[1]}\` without a Google account behind it. Bind it (kpo-ksa-no-gcp-access) or give it the right inside the cluster:`,
							`これは Google アカウントが紐付いていない Kubernetes サービスアカウント \`${ksa[0]}/${ksa[1]}\` です。Workload Identity で紐付ける(kpo-ksa-no-gcp-access)か、クラスタ内で権限を付与してください:`,
						)
					: t(
							'This is pure Kubernetes RBAC: give the service account a role in the namespace of the pods:',
							'Kubernetes RBAC の問題です。Pod の名前空間でサービスアカウントにロールを付与してください:',
						),
			),
			sh([
				command(
					'kubectl',
					'create',
					'role',
					'airflow-pods',
					'-n',
					namespace,
					'--verb=create,get,list,watch,delete,patch',
					'--resource=pods,pods/log,pods/exec,events',
				),
				command(
					'kubectl',
					'create',
					'rolebinding',
					'airflow-pods',
					'-n',
					namespace,
					'--role=airflow-pods',
					`--serviceaccount=${ksa[0]}:${ksa[1]}`,
				),
			]),
			canI,
		];
	if (who === 'system:anonymous' || who === 'system:unauthenticated')
		return [
			say(
				t(
					'The request reached the API server without credentials, so no role helps: let the operator log in.',
					'リクエストが認証情報なしで API サーバーに届いています。ロールの付与では解決しないため、オペレーターが認証できるようにしてください。',
				),
			),
			python(
				[
					'KubernetesPodOperator(',
					'    kubernetes_conn_id="kubernetes_default",',
					'    config_file="/home/airflow/composer_kube_config",',
					`    namespace=${quoted(USER_WORKLOADS)},`,
					'    ...,',
					')',
				],
				t('Own cluster of Composer:', 'Composer 自身のクラスタの場合:'),
			),
			say(
				t(
					"Another GKE cluster: use GKEStartPodOperator, which takes a token of the environment's service account.",
					'別の GKE クラスタの場合は、環境のサービスアカウントのトークンを使う GKEStartPodOperator を利用してください。',
				),
			),
		];

	const numeric = /^\d{15,25}$/.test(who);
	const resolve = numeric
		? [
				sh(
					command(
						'gcloud',
						'iam',
						'service-accounts',
						'list',
						`--project=${project}`,
						`--filter=uniqueId=${who}`,
						'--format=value(email)',
					),
					t(
						'A bare number is the unique id of a service account. Its e-mail:',
						'数字だけの名前はサービスアカウントの一意の ID です。メールアドレスを調べます:',
					),
				),
			]
		: [];
	const email = numeric ? 'SERVICE_ACCOUNT_EMAIL' : who;
	const member =
		email.endsWith('.gserviceaccount.com') || numeric || email === serviceAccount
			? `serviceAccount:${email}`
			: `user:${email}`;
	const other = (): FixStep[] => [
		sh(
			grantOnProject('CLUSTER_PROJECT', member, 'roles/container.developer'),
			t(
				'A cluster of its own (GKEStartPodOperator): container.viewer is not enough, it lacks getLogs.',
				'別クラスタ(GKEStartPodOperator)の場合: container.viewer には getLogs がないため不足です。',
			),
		),
		hcl([
			'resource "google_project_iam_member" "airflow_pods" {',
			'  project = "CLUSTER_PROJECT"',
			'  role    = "roles/container.developer"',
			`  member  = ${hclQuoted(member)}`,
			'}',
		]),
	];
	return [
		say(what),
		...resolve,
		...forGeneration(
			{ env, lang },
			{
				'composer-2': () => [
					say(
						t(
							"On the environment's own cluster `roles/composer.worker` already contains every container.* right. So look first whether the role is still there and whether a Terraform `_iam_binding` removed Composer's Workload Identity members (workload-identity-binding-lost).",
							'環境自身のクラスタでは `roles/composer.worker` に container.* の権限がすべて含まれています。まずこのロールが残っているか、Terraform の `_iam_binding` が Composer の Workload Identity メンバーを消していないか(workload-identity-binding-lost)を確認してください。',
						),
					),
					sh([
						command(
							'gcloud',
							'projects',
							'get-iam-policy',
							project,
							'--flatten=bindings[].members',
							`--filter=bindings.members:${email}`,
							'--format=table(bindings.role,bindings.condition.title)',
						),
						grantOnProject(project, member, 'roles/composer.worker'),
					]),
					python(
						[
							'KubernetesPodOperator(',
							'    kubernetes_conn_id="kubernetes_default",',
							'    config_file="/home/airflow/composer_kube_config",',
							`    namespace=${quoted(USER_WORKLOADS)},`,
							'    ...,',
							')',
						],
						t(
							'Namespace and configuration in the DAG (cncf-kubernetes 5.0.0 in Composer 2.1.0 ignored kubernetes_default; 6.0.0 in 2.1.15 made it the default):',
							'DAG の名前空間と接続設定(Composer 2.1.0 の cncf-kubernetes 5.0.0 は kubernetes_default を無視し、2.1.15 の 6.0.0 で既定になりました):',
						),
					),
					...other(),
					sh(
						[
							clusterCredentials(env),
							command('kubectl', 'auth', 'can-i', verb, kind, '-n', namespace, `--as=${email}`),
						],
						t(
							'Ask again after the change (IAM needs up to 7 minutes):',
							'変更後に確認します(IAM の反映には最大 7 分ほどかかります):',
						),
					),
				],
				'composer-3': () => [
					say(
						t(
							`Composer 3 always runs pods in \`${USER_WORKLOADS}\`; another namespace in the DAG has no effect. Restore the worker role of the environment's service account.`,
							`Composer 3 の Pod は常に \`${USER_WORKLOADS}\` で動作し、DAG で別の名前空間を指定しても無視されます。環境のサービスアカウントの Worker ロールを復元してください。`,
						),
					),
					sh(grantOnProject(project, member, 'roles/composer.worker')),
					python([
						'KubernetesPodOperator(',
						'    kubernetes_conn_id="kubernetes_default",',
						`    namespace=${quoted(USER_WORKLOADS)},`,
						'    ...,',
						')',
					]),
					...other(),
				],
				airflow: () => [...other(), canI],
			},
		),
	];
}
