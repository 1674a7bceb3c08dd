import { defineRule, line } from '../../domain/rule.ts';
import { composerAgent, gcloud, grantOnServiceAccount, projectOf, resource } from '../_parts/iam.ts';
import { command, forGeneration, hcl, inLang, names, say, sh } from '../_parts/steps.ts';
import { clock, isSilent, time } from '../_parts/audit.ts';
import { takenAway } from '../_parts/policy.ts';
import { confirmed, ruledOut } from '../_parts/said.ts';
import { strongest, unlessQuoted } from '../_parts/weigh.ts';

const ROLE = 'roles/iam.workloadIdentityUser';
/** Airflow's own pods; `composer-user-workloads` holds those of the users. */
const OURS = /\.svc\.id\.goog\[composer-(?!user-workloads)/;

// What a component without the binding meets.
const REFUSALS = [
	'metadata-server-unavailable',
	'impersonation-denied',
	'gcsfuse-mount-lost',
	'env-sa-disabled-or-deleted',
	'gcs-permission-denied',
];

export default defineRule({
	id: 'workload-identity-binding-lost',
	category: 'permissions',
	title: {
		en: 'The Workload Identity binding between the pods and the service account is lost',
		ja: 'Pod とサービス アカウントを結ぶ Workload Identity の紐付けが失われています',
	},
	looks: {
		en: '“Unable to generate access token; IAM returned 403 Forbidden … missing IAM policy binding on the target IAM service account”; on Composer 2 every Airflow component loses Google at once: no new DAGs, no logs, an unhealthy environment.',
		ja: '「Unable to generate access token; IAM returned 403 Forbidden … missing IAM policy binding on the target IAM service account」が出ます。Composer 2 では Airflow の全コンポーネントが一斉に Google へアクセスできなくなり、新しい DAG もログも現れず、環境が異常になります。',
	},
	confused: {
		en: '404 instead of 403 is a disabled or deleted account or a typo in the annotation; a role missing on the project leaves the binding in place; timeouts without a 403 are the metadata server; impersonation names another account. When only a pod of KubernetesPodOperator is refused, it is that pod’s own Kubernetes account.',
		ja: '403 ではなく 404 なら、アカウントの無効化・削除、またはアノテーションの誤りです。プロジェクトのロール不足なら紐付けは残っています。403 のないタイムアウトはメタデータ サーバー、権限借用は別のアカウント名が出ます。KubernetesPodOperator の Pod だけが拒否されるなら、その Pod の Kubernetes サービス アカウントの問題です。',
	},
	signatures: [
		line(
			'missing IAM policy binding on the target IAM service account',
			/missing IAM policy binding on the target IAM service account/,
		),
		line(
			'Unable to generate access token; IAM returned 403',
			/Unable to generate access token; IAM returned 403 Forbidden/,
		),
		line(
			'from the Google Compute Engine metadata service',
			/from the Google Compute Engine metadata service\.\s*Status: 403/i,
		),
		line('compute: Received 403', /compute: Received 403 /),
		// The reply echoes the account the pod should have become.
		line(
			'computeMetadata/v1/instance/service-accounts/',
			/Status: 403.{0,400}?"email": "(?<serviceAccount>(?<![\w.+-])[\w.+-]{1,100}@[\w.-]{1,150})"/,
		),
		// The audit entry of the change itself.
		line('google.iam.admin.v1.SetIAMPolicy', /google\.iam\.admin\.v1\.SetIAMPolicy/, 'weak'),
	],
	asks: ['roles/iam.workloadIdentityUser'],
	weigh(hits, scene) {
		const met = hits.filter(
			(hit) => !hit.text.includes('google.iam.admin.v1.SetIAMPolicy') || scene.has('roles/iam.workloadIdentityUser'),
		);
		const weighing = unlessQuoted(strongest(met), scene);
		// In the log of a pod the account that was refused is the pod's own.
		const pod = scene.operator !== undefined && /Kubernetes|GKE|EksPod/.test(scene.operator);
		return weighing && pod ? { ...weighing, says: 'weak' } : weighing;
	},
	reads: ['serviceAccountPolicy', 'policyChanges'],
	decides: ['serviceAccountPolicy', 'policyChanges'],
	// Composer 3 keeps its bindings out of sight.
	suspects: (failed) =>
		failed.generation === 'composer-2' && (isSilent(failed) || failed.told.some((cause) => REFUSALS.includes(cause))),
	verify({ serviceAccountPolicy, policyChanges }, { facts, told, env, failed }) {
		const account = env.serviceAccount;
		if (env.generation !== 'composer-2' || !serviceAccountPolicy || account === undefined) return undefined;
		if ((facts['serviceAccount'] ?? account) !== account) return undefined;
		const members = serviceAccountPolicy.filter(({ role }) => role === ROLE).flatMap((one) => one.members);
		const now = members.filter((member) => OURS.test(member));
		const taken = takenAway(policyChanges, ROLE, (member) => OURS.test(member) && !members.includes(member));
		if (now.length > 0 && !taken)
			return told === undefined
				? undefined
				: ruledOut(
						'serviceAccountPolicy',
						`${now.length} member${now.length === 1 ? '' : 's'} of Composer's own namespaces may use \`${account}\`.`,
						`Composer 自身の名前空間のメンバー ${now.length} 件が \`${account}\` を使用できます。`,
					);
		// Taken away only afterwards, it did not stop a try that says nothing of it.
		if (told === undefined && taken && Date.parse(taken.at) > (time(failed.endedAt) ?? failed.now)) return undefined;
		const all = policyChanges
			?.flatMap(({ removed }) => removed)
			.filter(({ role, member }) => role === ROLE && !members.includes(member))
			.map(({ member }) => member);
		const lost = [...new Set(all)].slice(0, 8);
		const list = lost.map((member) => `\`${member.replace('serviceAccount:', '')}\``).join(', ');
		const by = taken
			? {
					en: ` \`${taken.actor}\` removed ${list} at ${clock(taken.at)}.`,
					ja: ` ${clock(taken.at)} に \`${taken.actor}\` が ${list} を削除しています。`,
				}
			: { en: '', ja: '' };
		return confirmed(
			'serviceAccountPolicy',
			`${now.length === 0 ? `no member of Composer's own namespaces may use \`${account}\` (\`${ROLE}\`)` : `members of Composer's own namespaces are missing from \`${ROLE}\` on \`${account}\``}.${by.en}`,
			`\`${account}\` の \`${ROLE}\` に Composer 自身の名前空間のメンバーが${now.length === 0 ? 'いません' : '不足しています'}。${by.ja}`,
			{ at: taken?.at, facts: { serviceAccount: account, ...(lost.length > 0 ? { lost: lost.join(' ') } : {}) } },
		);
	},
	fix({ env, facts, lang }) {
		const t = inLang(lang);
		const own = names(env);
		const account = facts['serviceAccount'] ?? own.serviceAccount;
		const project = projectOf(account) ?? own.project;
		const pool = `${project}.svc.id.goog`;
		const history = `protoPayload.methodName="google.iam.admin.v1.SetIAMPolicy" resource.type="service_account" resource.labels.email_id="${account}"`;
		const look = () =>
			sh(
				gcloud(
					'iam service-accounts get-iam-policy',
					account,
					'--flatten=bindings[].members',
					`--filter=bindings.role=${ROLE}`,
					'--format=value(bindings.members)',
				),
				t(
					`Who may become the account now. On Composer 2 a healthy list holds members of composer-* namespaces:`,
					`現在このアカウントになれるメンバーです。正常な Composer 2 では composer-* 名前空間のメンバーが並びます:`,
				),
			);
		// What the audit entries name needs no script that looks for it.
		const lost = (facts['lost'] ?? '').split(' ').filter((member) => member.startsWith('serviceAccount:'));
		const byName = () =>
			sh(
				lost.map((member) => grantOnServiceAccount(account, member, ROLE)),
				t(
					'1. Restore every member that was lost, as the audit log names them:',
					'1. 監査ログに記録されている、失われたメンバーをすべて戻します:',
				),
			);
		const bySearch = () => [
			say(
				t(
					'1. Restore every member that was lost. The audit log holds the complete policy after each change, so consecutive entries (protoPayload.response.bindings) give the lost members and who removed them. Do not guess the names. This script compares them and prints the commands; read them, then run them:',
					'1. 失われたメンバーをすべて戻します。監査ログには変更のたびに変更後の完全なポリシーが残るため、前後のエントリ（protoPayload.response.bindings）を比べれば、失われたメンバーと変更した人が分かります。名前を推測しないでください。次のスクリプトは差分からコマンドを作って表示するだけなので、内容を確認してから実行してください:',
				),
			),
			sh([
				`SA=${command(account)}`,
				`ROLE=${ROLE}`,
				'# Every policy of the last 30 days, complete as it was after each change',
				`POLICIES=$(${gcloud('logging read', history, `--project=${project}`, '--freshness=30d', '--limit=50', '--format=json')})`,
				'# Members that an older policy had and the newest has not',
				`printf '%s' "$POLICIES" | jq -r --arg role "$ROLE" '`,
				'  sort_by(.timestamp) | reverse',
				'  | map([.protoPayload.response.bindings[]? | select(.role == $role) | .members[]])',
				"  | ((.[1:] | add) // [] | unique) - (.[0] // []) | .[]' |",
				'while read -r member; do',
				`  printf 'gcloud iam service-accounts add-iam-policy-binding %q --role=%q --member=%q\\n' "$SA" "$ROLE" "$member"`,
				'done',
				'# Who changed it, newest first',
				`printf '%s' "$POLICIES" | jq -r 'sort_by(.timestamp) | reverse | .[:5][] | "\\(.timestamp)  \\(.protoPayload.authenticationInfo.principalEmail)"'`,
			]),
			sh(
				[
					'# The usual members of Composer 2 (take the first namespace from the audit entry or from: kubectl get namespaces)',
					grantOnServiceAccount(account, `serviceAccount:${pool}[composer-NAMESPACE_OF_THE_ENVIRONMENT/default]`, ROLE),
					grantOnServiceAccount(account, `serviceAccount:${pool}[composer-system/default]`, ROLE),
					grantOnServiceAccount(
						account,
						`serviceAccount:${pool}[composer-system/custom-metrics-stackdriver-adapter]`,
						ROLE,
					),
					grantOnServiceAccount(account, `serviceAccount:${pool}[composer-user-workloads/default]`, ROLE),
				],
				t(
					'When the audit entries are older than the retention, these are the shapes to look for:',
					'監査ログの保存期間を過ぎている場合の形は次のとおりです:',
				),
			),
		];
		const restore = () => [
			...(lost.length > 0 ? [byName()] : bySearch()),
			sh(
				[
					'terraform state list | grep -E "google_service_account_iam_(binding|policy)"',
					'terraform state rm google_service_account_iam_binding.NAME   # not destroy: that removes the role’s members again',
				],
				t(
					'2. Take the authoritative Terraform resource out of the state, never by destroy or by deleting its block while it is in the state: `_iam_binding` owns the role’s whole list, `_iam_policy` the whole policy, and both would remove the members again at the next apply.',
					'2. 権威的な Terraform リソースを state から外します。destroy や、state に残したままのブロック削除はしないでください。`_iam_binding` はそのロールの全メンバーを、`_iam_policy` はポリシー全体を所有しており、次の apply で再びメンバーが消えます。',
				),
			),
			hcl(
				resource('google_service_account_iam_member', 'kpo', {
					service_account_id: '=google_service_account.pods.name',
					role: ROLE,
					member: `serviceAccount:${pool}[composer-user-workloads/default]`,
				}),
				t(
					'3. Write the additive resource instead, and give pods a service account of their own, never the environment’s:',
					'3. 代わりに加算的なリソースを書き、Pod には環境のサービス アカウントではなく専用のアカウントを使ってください:',
				),
			),
			say(
				t(
					`4. An older policy can also be restored whole (https://docs.cloud.google.com/iam/docs/restore-iam-policy). Check that the Composer agent ${composerAgent(env)} still has roles/composer.ServiceAgentV2Ext on the account (it adds these members), wait 2 to 7 minutes, then look at environment health and at one running DAG. An environment update may make the agent write its bindings again; do not count on it.`,
					`4. 以前のポリシー全体を復元することもできます（https://docs.cloud.google.com/iam/docs/restore-iam-policy）。Composer エージェント ${composerAgent(env)} に、このアカウントに対する roles/composer.ServiceAgentV2Ext が残っているか確認してください（メンバーを追加するのはこのエージェントです）。2～7 分待ってから、環境の正常性と DAG の実行を確認します。環境を更新するとエージェントが紐付けを書き直すことがありますが、当てにしないでください。`,
				),
			),
		];
		const composer2 = () => [look(), ...restore()];
		const composer3 = () => [
			say(
				t(
					'Composer 3 keeps its own bindings out of your sight and out of Terraform’s reach. Look whether the environment’s account itself was changed (SetIamPolicy, disabled, deleted), or whether the refused pod runs in a cluster of your own.',
					'Composer 3 では、この紐付けは利用者や Terraform から見えない場所で管理されています。環境のサービス アカウント自体が変更（SetIamPolicy、無効化、削除）されていないか、または拒否された Pod が自前のクラスタで動いていないかを確認してください。',
				),
			),
			sh([
				gcloud('iam service-accounts describe', account),
				gcloud('logging read', history, `--project=${project}`, '--freshness=30d', '--limit=5'),
			]),
		];
		const airflow = () => [
			look(),
			sh(
				[
					command('kubectl', 'get', 'serviceaccount', 'KSA', '-n', 'NAMESPACE', '-o', 'yaml') +
						'   # annotation iam.gke.io/gcp-service-account must be the full e-mail',
					grantOnServiceAccount(account, `serviceAccount:${pool}[NAMESPACE/KSA]`, ROLE),
					command(
						'kubectl',
						'annotate',
						'serviceaccount',
						'KSA',
						'-n',
						'NAMESPACE',
						`iam.gke.io/gcp-service-account=${account}`,
						'--overwrite',
					),
				],
				t(
					'On your own GKE bind the Kubernetes account of the Airflow pods, with the additive form:',
					'自前の GKE では、Airflow の Pod の Kubernetes サービス アカウントを加算的な形で紐付けます:',
				),
			),
		];
		return forGeneration({ env, lang }, { 'composer-2': composer2, 'composer-3': composer3, airflow });
	},
	docs: 'https://docs.cloud.google.com/composer/docs/composer-2/access-control',
});
