import { defineRule, line } from '../../domain/rule.ts';
import { gcloud } from '../_parts/iam.ts';
import { forGeneration, inLang, names, say, sh, updateEnvironment } from '../_parts/steps.ts';
import { clock, isSilent } from '../_parts/audit.ts';
import { confirmed, ruledOut } from '../_parts/said.ts';
import { RUNS_POD_ASKS, runsPod } from '../_parts/pods.ts';
import { strongest, unlessQuoted } from '../_parts/weigh.ts';

// What whoever has no account any more meets.
const REFUSALS = [
	'workload-identity-binding-lost',
	'metadata-server-unavailable',
	'kpo-ksa-no-gcp-access',
	'impersonation-denied',
];

export default defineRule({
	id: 'env-sa-disabled-or-deleted',
	category: 'permissions',
	title: {
		en: 'The service account is disabled or deleted',
		ja: 'サービス アカウントが無効または削除されています',
	},
	looks: {
		en: 'An audit entry DisableServiceAccount or DeleteServiceAccount; schedulers and workers stop; replies say “IAM returned 404 Not Found”, “Gaia id not found”, “account not found” or ACCOUNT_STATE_INVALID.',
		ja: '監査ログに DisableServiceAccount または DeleteServiceAccount があり、スケジューラとワーカーが止まります。「IAM returned 404 Not Found」「Gaia id not found」「account not found」、ACCOUNT_STATE_INVALID などの応答が出ます。',
	},
	confused: {
		en: 'A 403 with “missing IAM policy binding” is the Workload Identity binding: the account still lives. A 404 for one pod alone is a typo in the annotation of its Kubernetes account. “API … is disabled” is an API, not an account.',
		ja: '「missing IAM policy binding」を伴う 403 は Workload Identity の紐付けで、アカウントは有効です。1 つの Pod だけの 404 は、その Kubernetes サービス アカウントのアノテーションの誤りです。「API … is disabled」は API の問題です。',
	},
	signatures: [
		line(
			['iam.admin.v1.DisableServiceAccount', 'iam.admin.v1.DeleteServiceAccount'],
			/google\.iam\.admin\.v1\.(?<how>Disable|Delete)ServiceAccount\b(?!Key)/,
		),
		line('ACCOUNT_STATE_INVALID', /\bACCOUNT_STATE_INVALID\b/),
		line(
			['Gaia id not found', 'aia id not found'],
			/[Gg]aia id not found(?: for email (?<account>(?<![\w.+-])[\w.+-]{1,100}@[\w.-]{1,150}))?/,
		),
		line('invalid_grant', /invalid_grant: Invalid grant: account not found/),
		line('invalid_grant', /invalid_grant: Invalid JWT Signature/, 'weak'),
		line(
			['ervice account is disabled', 'has been disabled', 'is disabled.'],
			/(?:[Ss]ervice account (?:["'[]?(?<account>(?<![\w.+-])[\w.+-]{1,100}@[\w.-]{1,150})["'\]]? )?(?:is|has been) disabled|(?:because|as) the service account is disabled)/,
		),
		line('IAM returned 404 Not Found', /Unable to generate access token; IAM returned 404 Not Found/, 'weak'),
	],
	yieldsTo: ['kpo-ksa-no-gcp-access'],
	asks: [...RUNS_POD_ASKS],
	weigh(hits, scene) {
		const weighing = unlessQuoted(strongest(hits), scene);
		// The account behind a worker is the environment's; behind a pod of the user's it may be a typing error in an annotation.
		const gone = hits.some(
			({ text, place }) => text.includes('IAM returned 404') && (place === 'root' || place === 'chain'),
		);
		return weighing?.says === 'weak' && gone && !runsPod(scene) ? { ...weighing, says: 'strong' } : weighing;
	},
	reads: ['serviceAccount', 'audit'],
	decides: ['serviceAccount'],
	suspects: (failed) =>
		failed.generation?.startsWith('composer') === true &&
		(isSilent(failed) || failed.told.some((cause) => REFUSALS.includes(cause))),
	verify({ serviceAccount, audit }, { facts, told, env }) {
		const account = env.serviceAccount;
		// The text may be about an account that is not looked at.
		if (!serviceAccount || account === undefined || (facts['account'] ?? account) !== account) return undefined;
		if (serviceAccount.state === 'enabled')
			return told === undefined
				? undefined
				: ruledOut('serviceAccount', `\`${account}\` is there and enabled.`, `\`${account}\` は存在し、有効です。`);
		const gone = serviceAccount.state === 'missing';
		const entry = audit?.find(
			({ method, target }) =>
				/iam\.admin\.v1\.(?:Disable|Delete)ServiceAccount$/.test(method) && target.includes(account),
		);
		const by = entry
			? { en: ` by \`${entry.actor}\` at ${clock(entry.at)}`, ja: `（${clock(entry.at)}、\`${entry.actor}\`）` }
			: { en: '', ja: '' };
		return confirmed(
			'serviceAccount',
			`the environment's service account \`${account}\` ${gone ? 'does not exist: it was deleted' : 'was disabled'}${by.en}.`,
			`環境のサービス アカウント \`${account}\` は${gone ? '削除されています' : '無効化されています'}${by.ja}。`,
			{ at: entry?.at, facts: { account } },
		);
	},
	fix({ env, facts, lang }) {
		const t = inLang(lang);
		const own = names(env);
		const account = facts['account'] ?? own.serviceAccount;
		const restart = () => [
			sh(
				updateEnvironment(env, '--update-env-variables=TOUCH=1'),
				t(
					'Then make the components start anew with a harmless update:',
					'その後、無害な更新でコンポーネントを再起動させます:',
				),
			),
		];
		return [
			sh([
				gcloud('iam service-accounts describe', account) + '   # disabled: true, or NOT_FOUND',
				gcloud('iam service-accounts enable', account),
				gcloud(
					'logging read',
					'protoPayload.methodName="google.iam.admin.v1.DeleteServiceAccount" OR protoPayload.methodName="google.iam.admin.v1.DisableServiceAccount"',
					`--project=${own.project}`,
					'--freshness=30d',
					'--limit=5',
					'--format=table(timestamp,protoPayload.authenticationInfo.principalEmail,resource.labels.email_id,resource.labels.unique_id)',
				),
				gcloud('iam service-accounts undelete', 'NUMERIC_UNIQUE_ID') +
					'   # within 30 days, by the number from the audit entry',
			]),
			...forGeneration({ env, lang }, { 'composer-2': restart, 'composer-3': restart, airflow: () => [] }),
			say(
				t(
					'A new account with the same e-mail is another account: the old bindings do not come back with it. “Invalid JWT Signature” is a deleted or rotated key: make a new one and put it into the connection, or drop keys for the attached account.',
					'同じメールで作り直したアカウントは別のアカウントで、以前の紐付けは戻りません。「Invalid JWT Signature」は鍵の削除や交換が原因です。新しい鍵を接続に設定するか、鍵をやめて環境に紐付いたアカウントを使ってください。',
				),
			),
		];
	},
	docs: 'https://docs.cloud.google.com/iam/docs/service-accounts-delete-undelete',
});
