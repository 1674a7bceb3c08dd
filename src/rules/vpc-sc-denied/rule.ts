import { defineRule, line } from '../../domain/rule.ts';
import { gcloud } from '../_parts/iam.ts';
import { forGeneration, hcl, hclQuoted, inLang, names, say, sh } from '../_parts/steps.ts';
import { confirmed } from '../_parts/said.ts';
import { strongest, unlessQuoted } from '../_parts/weigh.ts';

export default defineRule({
	id: 'vpc-sc-denied',
	category: 'network',
	title: {
		en: 'VPC Service Controls refused the call: it crosses a perimeter',
		ja: 'VPC Service Controls が呼び出しを拒否しました（サービス境界をまたいでいます）',
	},
	looks: {
		en: '403 “Request is prohibited by organization’s policy. vpcServiceControlsUniqueIdentifier: …”.',
		ja: '403「Request is prohibited by organization’s policy. vpcServiceControlsUniqueIdentifier: …」が返ります。',
	},
	confused: {
		en: 'Organization policy constraints name `constraints/…`; a missing role names a permission. Neither has the unique identifier. No IAM role cures a perimeter.',
		ja: '組織ポリシーの制約は `constraints/…` を、ロールの不足は権限名を示し、どちらにも固有 ID はありません。サービス境界は IAM ロールでは解決しません。',
	},
	signatures: [
		line(
			['vpcServiceControlsUniqueIdentifier', 'vpcServiceControlsUniqueId'],
			/vpcServiceControlsUniqueId(?:entifier)?["']?[:=]? ?["']?(?<uniqueId>[\w-]{8,120})/,
			'proof',
		),
		line("Request is prohibited by organization's policy", /Request is prohibited by organization's policy/),
		line(
			['VPC Service Controls: Request is prohibited', 'VPC_SERVICE_CONTROLS'],
			/VPC Service Controls: Request is prohibited|\bVPC_SERVICE_CONTROLS\b/,
			'proof',
		),
		line('SECURITY_POLICY_VIOLATED', /\bSECURITY_POLICY_VIOLATED\b/),
	],
	weigh(hits, scene) {
		return unlessQuoted(strongest(hits), scene);
	},
	reads: ['audit'],
	decides: ['audit'],
	verify({ audit }, { facts }) {
		const id = facts['uniqueId'];
		const entry = audit?.find(({ uniqueId }) => uniqueId !== undefined && uniqueId === id);
		if (!entry) return undefined;
		return confirmed(
			'audit',
			`VPC Service Controls refused \`${entry.actor}\` the call \`${entry.method}\` on \`${entry.target}\`.`,
			`VPC Service Controls が \`${entry.actor}\` による \`${entry.target}\` への \`${entry.method}\` を拒否しています。`,
			{ at: entry.at, facts: { principal: entry.actor, method: entry.method } },
		);
	},
	fix({ env, facts, lang }) {
		const t = inLang(lang);
		const id = facts['uniqueId'];
		const { project, serviceAccount } = names(env);
		const service = /^(?:google\.)?([a-z][\w.-]{2,60}\.googleapis\.com)/.exec(facts['method'] ?? '')?.[1];
		const filter = `protoPayload.metadata.@type="type.googleapis.com/google.cloud.audit.VpcServiceControlAuditMetadata"${id === undefined ? '' : ` protoPayload.metadata.vpcServiceControlsUniqueId="${id}"`}`;
		const composer = (extra: string) => () => [say(extra)];
		return [
			sh(
				gcloud(
					'logging read',
					filter,
					`--project=${project}`,
					'--freshness=7d',
					'--limit=5',
					'--format=yaml(protoPayload.metadata,protoPayload.authenticationInfo,protoPayload.methodName)',
				),
				t(
					'The audit entry names the perimeter, the violated rule, the caller and the method. Read it in the project of the perimeter; the VPC-SC troubleshooter in the console takes the same identifier.',
					'監査ログに、境界、違反した規則、呼び出し元、メソッドが記録されています。境界側のプロジェクトで確認してください。コンソールの VPC-SC トラブルシューターでも同じ ID を使えます。',
				),
			),
			say(
				t(
					'Then let exactly that call through: an egress rule on the perimeter the call leaves, an ingress rule on the one it enters, or an access level. Whoever administers Access Context Manager has to do it; no IAM role on the data will help.',
					'次に、その呼び出しだけを許可します。出ていく側の境界には下り（外向き）ルール、入る側の境界には上り（内向き）ルール、またはアクセスレベルを設定します。Access Context Manager の管理者が行う作業で、データ側の IAM ロールでは解決しません。',
				),
			),
			hcl([
				'resource "google_access_context_manager_service_perimeter_egress_policy" "airflow" {',
				'  perimeter = "accessPolicies/POLICY/servicePerimeters/PERIMETER"',
				'  egress_from {',
				`    identities = [${hclQuoted(`serviceAccount:${serviceAccount}`)}]`,
				'  }',
				'  egress_to {',
				'    resources = ["projects/TARGET_PROJECT_NUMBER"]',
				'    operations {',
				`      service_name = ${hclQuoted(service ?? 'SERVICE.googleapis.com')}`,
				'      method_selectors { method = "*" }',
				'    }',
				'  }',
				'}',
			]),
			...forGeneration(
				{ env, lang },
				{
					'composer-2': composer(
						t(
							'An environment in a perimeter needs all of Composer’s required services in it, and since 2024-09-26 has no public PyPI. The Airflow UI and REST API obey the perimeter and its access levels since 2023-09.',
							'境界内の環境では、Composer の必須サービスをすべて境界に含める必要があり、2024-09-26 以降は公開 PyPI を使えません。Airflow UI と REST API も 2023 年 9 月以降は境界とアクセスレベルに従います。',
						),
					),
					'composer-3': composer(
						t(
							'An environment in a perimeter needs Composer’s required services in it; the Airflow UI and REST API obey the perimeter and its access levels too.',
							'境界内の環境では、Composer の必須サービスを境界に含める必要があります。Airflow UI と REST API も境界とアクセスレベルに従います。',
						),
					),
					airflow: () => [],
				},
			),
		];
	},
	docs: 'https://docs.cloud.google.com/composer/docs/composer-3/configure-vpc-sc',
});
