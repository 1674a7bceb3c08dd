import { defineRule, line } from '../../domain/rule.ts';
import type { FixContext, FixStep } from '../../domain/rule.ts';
import { mergedFacts } from '../_parts/hits.ts';
import { grantOnServiceAccount, resource } from '../_parts/iam.ts';
import { RUNS_POD_ASKS, runsPod, USER_WORKLOADS } from '../_parts/pods.ts';
import {
	clusterCredentials,
	command,
	forGeneration,
	hcl,
	inLang,
	names,
	python,
	quoted,
	say,
	sh,
} from '../_parts/steps.ts';
import { heldBy } from '../_parts/policy.ts';
import { beside, confirmed, likely } from '../_parts/said.ts';
import { unlessQuoted } from '../_parts/weigh.ts';

// The pool itself is refused: nobody stands behind the Kubernetes service account. The Kubernetes API's own 403
// (`is forbidden: User`) names the pool as well, but there the pod was never created: kpo-pods-forbidden.
const POOL = String.raw`(?<![a-z0-9.-])(?<project>[a-z][a-z0-9.:-]{2,80})\.svc\.id\.goog(?:\[(?<namespace>[a-z0-9-]{1,63})\/(?<ksa>[a-z0-9.-]{1,253})\]|\/subject\/ns\/(?<namespace2>[a-z0-9-]{1,63})\/sa\/(?<ksa2>[a-z0-9.-]{1,253}))?`;

export default defineRule({
	id: 'kpo-ksa-no-gcp-access',
	category: 'permissions',
	title: {
		en: 'The pod has no Google identity, or the wrong one (Workload Identity)',
		ja: 'Pod に Google の ID が正しく紐付いていません(Workload Identity)',
	},
	looks: {
		en: 'The pod starts, and its own calls to Google fail: a 403 that names `PROJECT.svc.id.goog[NAMESPACE/KSA]`, `IAM returned 403 Forbidden … missing IAM policy binding`, `IAM returned 404 Not Found`, or no default credentials at all.',
		ja: 'Pod は起動しますが、Pod 内から Google API への呼び出しが失敗します。`PROJECT.svc.id.goog[NAMESPACE/KSA]` を名指しする 403、`IAM returned 403 Forbidden … missing IAM policy binding`、`IAM returned 404 Not Found`、または認証情報なしのエラーになります。',
	},
	confused: {
		en: 'When the pod was never created it is kpo-pods-forbidden. When the 403 names a proper service-account e-mail, the identity works and only a role is missing (gcs-permission-denied and its like). When every Airflow component lost Google access, not only pods, it is workload-identity-binding-lost.',
		ja: 'Pod が作成されていない場合は kpo-pods-forbidden です。403 がサービスアカウントのメールアドレスを名指ししている場合、ID は正しく、ロールだけが不足しています(gcs-permission-denied など)。Pod だけでなく Airflow の全コンポーネントが Google にアクセスできない場合は workload-identity-binding-lost です。',
	},
	signatures: [
		line(
			'.svc.id.goog',
			new RegExp(
				String.raw`${POOL}(?: with additional claims)? (?:does not have [a-z]{3,40}\.|lacks |is not authorized)`,
			),
			'proof',
		),
		line(
			'.svc.id.goog',
			new RegExp(
				String.raw`(?:Permission [\\"']{0,4}[A-Za-z.]{5,80}[\\"']{0,4} denied|PERMISSION_DENIED|403)(?![^\n]{0,400}is forbidden: User)[^\n]{0,400}?${POOL}`,
			),
		),
		line('IAM returned 40', /Unable to generate access token; IAM returned (?<status>403|404) (?:Forbidden|Not Found)/),
		line(
			'missing IAM policy binding on the target IAM service account',
			/missing IAM policy binding on the target IAM service account/,
		),
		line(
			'metadata service. Status: 40',
			/Failed to retrieve \S{1,400} from the Google Compute Engine metadata service\. Status: (?<status>403|404)/,
		),
		line('Your default credentials were not found', /Your default credentials were not found/, 'weak'),
		line('compute: Received 403', /compute: Received 403/),
	],
	asks: [...RUNS_POD_ASKS, 'iam.gke.io/gcp-service-account'],
	weigh(hits, scene) {
		const merged = mergedFacts(hits);
		const facts = {
			...merged,
			...(merged.namespace2 === undefined ? {} : { namespace: merged.namespace2 }),
			...(merged.ksa2 === undefined ? {} : { ksa: merged.ksa2 }),
		};
		if (hits.some(({ signature }) => signature.says === 'proof')) return unlessQuoted({ says: 'proof', facts }, scene);
		if (!runsPod(scene)) return { says: 'weak', facts };
		// The operator itself may have no credentials: then Airflow is the one without identity, and no pod ever wrote this.
		const ofPod = hits.filter(
			({ place, level }) => level === 'info' || level === 'none' || place === 'end' || place === 'body',
		);
		return { says: ofPod.length > 0 ? 'strong' : 'weak', facts };
	},
	reads: ['serviceAccountPolicy', 'accountPolicy'],
	decides: ['serviceAccountPolicy'],
	verify({ serviceAccountPolicy, accountPolicy }, { failed, facts, env }) {
		const { project, namespace, ksa } = facts;
		const account = failed.account ?? env.serviceAccount;
		const policy = failed.account === undefined ? serviceAccountPolicy : accountPolicy;
		if (project === undefined || namespace === undefined || ksa === undefined || account === undefined || !policy)
			return undefined;
		const member = `serviceAccount:${project}.svc.id.goog[${namespace}/${ksa}]`;
		const source = failed.account === undefined ? 'serviceAccountPolicy' : 'accountPolicy';
		if (heldBy(policy, member).some(({ role }) => role === 'roles/iam.workloadIdentityUser'))
			return beside(
				source,
				`\`${namespace}/${ksa}\` may use \`${account}\` now: the annotation of the Kubernetes account, or a role of \`${account}\`, is what is missing.`,
				`\`${namespace}/${ksa}\` は現在 \`${account}\` を使用できます。不足しているのは Kubernetes サービス アカウントのアノテーション、または \`${account}\` のロールです。`,
			);
		// It may be meant to use another account.
		return (failed.account === undefined ? likely : confirmed)(
			source,
			`\`${namespace}/${ksa}\` is no member of \`roles/iam.workloadIdentityUser\` on \`${account}\`.`,
			`\`${namespace}/${ksa}\` は \`${account}\` の \`roles/iam.workloadIdentityUser\` のメンバーではありません。`,
		);
	},
	fix,
	docs: 'https://cloud.google.com/composer/docs/composer-2/use-kubernetes-pod-operator',
});

function fix({ env, facts, lang }: FixContext): FixStep[] {
	const t = inLang(lang);
	const { serviceAccount } = names(env);
	const project = facts.project ?? names(env).project;
	const namespace = facts.namespace ?? (facts.ksa ? 'NAMESPACE' : 'pods');
	const ksa = facts.ksa && facts.ksa !== 'default' ? facts.ksa : 'pods';
	const gsa = `pods@${project}.iam.gserviceaccount.com`;
	const member = `serviceAccount:${project}.svc.id.goog[${namespace}/${ksa}]`;
	const who = facts.ksa
		? t(
				`The pod ran as \`${namespace}/${facts.ksa}\`. `,
				`Pod は \`${namespace}/${facts.ksa}\` として動作していました。`,
			)
		: '';

	const look = sh(
		[
			command('kubectl', 'get', 'serviceaccount', ksa, '-n', namespace, '-o', 'yaml'),
			command('gcloud', 'iam', 'service-accounts', 'get-iam-policy', gsa),
		],
		t(
			'See what is there: the annotation `iam.gke.io/gcp-service-account` (a 404 of IAM means a typing error in it, or a deleted account) and the member of roles/iam.workloadIdentityUser:',
			'現状を確認します。アノテーション `iam.gke.io/gcp-service-account`(IAM の 404 は綴りの誤りかアカウントの削除を意味します)と roles/iam.workloadIdentityUser のメンバーを見てください:',
		),
	);
	const script = (withCluster: boolean): FixStep =>
		sh(
			[
				`PROJECT=${command(project)}`,
				`NAMESPACE=${command(namespace)}`,
				`KSA=${command(ksa)}`,
				'GSA="pods@${PROJECT}.iam.gserviceaccount.com"   # the full e-mail: a short name in the annotation ends as IAM 404',
				...(withCluster ? [clusterCredentials(env)] : []),
				'gcloud iam service-accounts describe "$GSA" --project="$PROJECT" || gcloud iam service-accounts create pods --project="$PROJECT"',
				'kubectl create namespace "$NAMESPACE" --dry-run=client -o yaml | kubectl apply -f -',
				'kubectl create serviceaccount "$KSA" -n "$NAMESPACE" --dry-run=client -o yaml | kubectl apply -f -',
				'gcloud iam service-accounts add-iam-policy-binding "$GSA" --project="$PROJECT" --role=roles/iam.workloadIdentityUser --member="serviceAccount:${PROJECT}.svc.id.goog[${NAMESPACE}/${KSA}]"',
				'kubectl annotate serviceaccount "$KSA" -n "$NAMESPACE" --overwrite "iam.gke.io/gcp-service-account=$GSA"',
				'gcloud projects add-iam-policy-binding "$PROJECT" --member="serviceAccount:$GSA" --role=roles/storage.objectViewer --condition=None   # what the program needs',
			],
			t(
				'Namespace, Kubernetes service account, binding and annotation; a service account of its own for pods, never the one of the environment:',
				'名前空間、Kubernetes サービスアカウント、バインディング、アノテーションを作成します。環境のサービスアカウントではなく、Pod 専用のサービスアカウントを使ってください:',
			),
		);
	const test = sh(
		command(
			'kubectl',
			'run',
			'identity-test',
			'-n',
			namespace,
			'--rm',
			'-it',
			'--restart=Never',
			'--image=google/cloud-sdk:slim',
			`--overrides={"spec":{"serviceAccountName":${quoted(ksa)}}}`,
			'--',
			'gcloud',
			'auth',
			'list',
		),
		t('Test it (a binding needs up to 7 minutes):', '確認します(バインディングの反映には最大 7 分ほどかかります):'),
	);
	const dag = python(
		[
			'KubernetesPodOperator(',
			`    namespace=${quoted(namespace)},`,
			`    service_account_name=${quoted(ksa)},`,
			'    kubernetes_conn_id="kubernetes_default",',
			'    config_file="/home/airflow/composer_kube_config",',
			'    ...,',
			')',
		],
		t(
			'In the DAG; without `service_account_name` the pod runs as `default`:',
			'DAG 側の設定です。`service_account_name` がないと Pod は `default` として動作します:',
		),
	);
	const terraform = hcl(
		[
			'resource "google_service_account" "pods" {',
			'  account_id = "pods"',
			'}',
			'',
			resource('google_service_account_iam_member', 'pods_workload_identity', {
				service_account_id: '=google_service_account.pods.name',
				role: 'roles/iam.workloadIdentityUser',
				member,
			}),
			'',
			'resource "kubernetes_service_account" "pods" {',
			'  metadata {',
			`    name        = ${quoted(ksa)}`,
			`    namespace   = ${quoted(namespace)}`,
			'    annotations = { "iam.gke.io/gcp-service-account" = google_service_account.pods.email }',
			'  }',
			'}',
		],
		t(
			"The same in Terraform. Only `_iam_member`: `_iam_binding` or `_iam_policy` on the environment's account would remove Composer's own members and cut all of Airflow off from Google.",
			'Terraform では必ず `_iam_member` を使ってください。環境のサービスアカウントに `_iam_binding` や `_iam_policy` を使うと Composer 自身のメンバーが消え、Airflow 全体が Google にアクセスできなくなります。',
		),
	);
	return [
		say(
			who +
				t(
					'Its Kubernetes service account needs a Google service account behind it.',
					'Kubernetes サービスアカウントに Google サービスアカウントを紐付ける必要があります。',
				),
		),
		...forGeneration(
			{ env, lang },
			{
				'composer-2': () => [
					look,
					python(
						[
							'KubernetesPodOperator(',
							`    namespace=${quoted(USER_WORKLOADS)},`,
							'    kubernetes_conn_id="kubernetes_default",',
							'    config_file="/home/airflow/composer_kube_config",',
							'    ...,',
							')',
						],
						t(
							`Simplest: run in \`${USER_WORKLOADS}\`, where pods already act as \`${serviceAccount}\`. Otherwise set the identity up:`,
							`最も簡単なのは \`${USER_WORKLOADS}\` で動かすことです(Pod は \`${serviceAccount}\` として動作します)。別の名前空間が必要な場合は以下を設定してください:`,
						),
					),
					script(true),
					dag,
					terraform,
					test,
				],
				'composer-3': () => [
					say(
						t(
							`Composer 3 has no namespaces of your own: pods always run in \`${USER_WORKLOADS}\` and already have the project's and VPC's access as \`${serviceAccount}\`. Give that account the role the program needs, or name another account in the program itself (impersonation).`,
							`Composer 3 では独自の名前空間は作れません。Pod は常に \`${USER_WORKLOADS}\` で \`${serviceAccount}\` として動作し、プロジェクトと VPC にアクセスできます。このアカウントに必要なロールを付与するか、プログラム側で権限借用(impersonation)を使ってください。`,
						),
					),
					sh([
						command(
							'gcloud',
							'projects',
							'add-iam-policy-binding',
							project,
							`--member=serviceAccount:${serviceAccount}`,
							'--role=roles/storage.objectViewer',
							'--condition=None',
						),
						grantOnServiceAccount(
							'OTHER_ACCOUNT',
							`serviceAccount:${serviceAccount}`,
							'roles/iam.serviceAccountTokenCreator',
						),
					]),
					python([
						'KubernetesPodOperator(',
						`    namespace=${quoted(USER_WORKLOADS)},  # no service_account_name`,
						'    ...,',
						')',
					]),
					say(
						t(
							'For pods in a GKE cluster of your own (GKEStartPodOperator) set the identity up there:',
							'独自の GKE クラスタ(GKEStartPodOperator)の Pod では、そのクラスタで設定してください:',
						),
					),
					script(false),
					dag,
				],
				airflow: () => [
					say(
						t(
							'Workload Identity must be on in the cluster (`gcloud container clusters describe CLUSTER --format="value(workloadIdentityConfig)"`).',
							'クラスタで Workload Identity が有効である必要があります(`gcloud container clusters describe CLUSTER --format="value(workloadIdentityConfig)"` で確認できます)。',
						),
					),
					look,
					script(false),
					python([
						'KubernetesPodOperator(',
						`    namespace=${quoted(namespace)},`,
						`    service_account_name=${quoted(ksa)},`,
						'    ...,',
						')',
					]),
					terraform,
					test,
				],
			},
		),
	];
}
