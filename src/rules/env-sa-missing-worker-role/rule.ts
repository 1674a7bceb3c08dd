import { defineRule, line } from '../../domain/rule.ts';
import { grantOnBucket, memberOf, resource, rolesOf } from '../_parts/iam.ts';
import { grantOnProject, hcl, inLang, names, say, sh } from '../_parts/steps.ts';
import { time } from '../_parts/audit.ts';
import { byWhom, heldBy, onProject, takenAway } from '../_parts/policy.ts';
import { beside, confirmed, ruledOut } from '../_parts/said.ts';
import { strongest } from '../_parts/weigh.ts';

const ROLE = 'roles/composer.worker';
/** Either satisfies Composer's own check; a custom role may. */
const serves = (role: string): boolean =>
	[ROLE, 'roles/editor', 'roles/owner'].includes(role) || !role.startsWith('roles/');

// What an account without the role meets first.
const REFUSALS = ['gcs-permission-denied', 'google-api-permission-denied', 'kpo-pods-forbidden', 'kpo-image-pull'];

export default defineRule({
	id: 'env-sa-missing-worker-role',
	category: 'permissions',
	title: {
		en: 'The environment’s service account lost the role Composer Worker',
		ja: '環境のサービス アカウントに Composer ワーカー ロールがありません',
	},
	looks: {
		en: 'The log view says “The Service Account used by the Composer environment is missing Composer Worker role”; tasks get plain 403s and DAG files stop syncing.',
		ja: 'ログ画面に「The Service Account used by the Composer environment is missing Composer Worker role」と出ます。タスクは 403 になり、DAG ファイルの同期も止まります。',
	},
	confused: {
		en: 'When only a bot or a person may not read Cloud Logging, their own call fails, not Airflow’s log view. A message that names the caller is caller-permission-denied. roles/editor also satisfies the check.',
		ja: 'ボットや人が Cloud Logging を読めないだけなら、失敗するのはその呼び出しで、Airflow のログ画面ではありません。操作した人の名前が出る場合は caller-permission-denied です。roles/editor でも条件を満たします。',
	},
	signatures: [
		line('missing Composer Worker role', /is missing Composer Worker role/, 'proof'),
		line(
			'roles/composer.worker',
			/(?:(?<principal>(?<![\w.+-])[\w.+-]{1,100}@[\w.-]{1,80}gserviceaccount\.com).{0,120}?)?(?:missing|lacks|does not have|without|[Gg]rant|needs|required).{0,80}?roles\/composer\.worker\b/,
		),
	],
	weigh(hits, scene) {
		// `gcloud … --role=roles/composer.worker` in a script's own output grants it.
		const met = hits.filter((hit) => !/--role[= ]roles\/composer\.worker/.test(hit.text));
		const weighing = strongest(met);
		return weighing && scene.kind === 'task' && weighing.says === 'strong' ? { ...weighing, says: 'weak' } : weighing;
	},
	reads: ['projectPolicy', 'policyChanges'],
	decides: ['projectPolicy', 'policyChanges'],
	suspects: ({ generation, told, log }) =>
		generation?.startsWith('composer') === true && (log !== 'there' || told.some((cause) => REFUSALS.includes(cause))),
	verify({ projectPolicy, policyChanges }, { told, env, failed }) {
		const { project, serviceAccount: account } = env;
		if (!projectPolicy || account === undefined || project === undefined) return undefined;
		const member = `serviceAccount:${account}`;
		const held = heldBy(projectPolicy, member).map(({ role }) => role);
		const has = held.find(serves);
		const on = onProject(project);
		if (has !== undefined)
			return told === undefined
				? undefined
				: ruledOut(
						'projectPolicy',
						`\`${account}\` holds \`${has}\` on ${on.en}.`,
						`\`${account}\` は ${on.ja} で \`${has}\` を持っています。`,
					);
		const taken = takenAway(policyChanges, ROLE, member);
		const by = byWhom(taken);
		// A try that was refused nothing: a role that was perhaps never there is no cause, one taken away afterwards says nothing at all.
		const refused = told !== undefined || failed.told.some((cause) => REFUSALS.includes(cause));
		if (!refused && taken && Date.parse(taken.at) > (time(failed.endedAt) ?? failed.now)) return undefined;
		const judged = refused || taken ? confirmed : beside;
		const list = held.map((role) => `\`${role}\``).join(', ');
		return judged(
			'projectPolicy',
			`\`${account}\`, the environment's service account, holds ${list === '' ? 'no role' : `only ${list}`} on ${on.en}, not \`${ROLE}\`.${by.en}`,
			`環境のサービス アカウント \`${account}\` が ${on.ja} で持つロールは${list === '' ? 'なく' : ` ${list} のみで`}、\`${ROLE}\` がありません。${by.ja}`,
			{ at: taken?.at },
		);
	},
	fix({ env, facts, lang }) {
		const t = inLang(lang);
		const own = names(env);
		const member = memberOf(facts['principal'], env);
		return [
			sh([rolesOf(own.project, member), grantOnProject(own.project, member, 'roles/composer.worker')]),
			hcl(
				resource('google_project_iam_member', 'worker', {
					project: own.project,
					role: 'roles/composer.worker',
					member,
				}),
			),
			sh(
				grantOnBucket(own.bucket, member, 'roles/composer.worker'),
				t(
					'With a custom bucket Composer no longer sets the bucket’s policy itself (since 2024-12-11): grant the role there too.',
					'独自のバケットを使う場合、Composer はバケットのポリシーを設定しなくなりました（2024-12-11 以降）。バケットにも付与してください。',
				),
			),
			say(
				t(
					'Find out who removed it (audit log: SetIamPolicy on the project); a Terraform `google_project_iam_binding` or `_iam_policy` removes it again at every apply. Use `_iam_member`.',
					'外した操作を監査ログ（プロジェクトの SetIamPolicy）で確認してください。Terraform の `google_project_iam_binding` や `_iam_policy` は apply のたびに再び外します。`_iam_member` を使ってください。',
				),
			),
		];
	},
	docs: 'https://docs.cloud.google.com/composer/docs/composer-3/access-control',
});
