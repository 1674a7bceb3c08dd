import { defineRule, line } from '../../domain/rule.ts';
import { gcloud } from '../_parts/iam.ts';
import { inLang, names, say, sh } from '../_parts/steps.ts';
import { strongest, unlessQuoted } from '../_parts/weigh.ts';

export default defineRule({
	id: 'billing-disabled',
	category: 'quota',
	title: {
		en: 'The project has no working billing account',
		ja: 'プロジェクトに有効な請求先アカウントがありません',
	},
	looks: {
		en: '403 “The billing account for the owning project is disabled in state absent/closed”, “requires billing to be enabled”, billingNotEnabled, BILLING_DISABLED.',
		ja: '403「The billing account for the owning project is disabled in state absent/closed」「requires billing to be enabled」、billingNotEnabled、BILLING_DISABLED が返ります。',
	},
	confused: {
		en: 'Every other 403: no role and no quota helps here. An environment in permanent ERROR can have the same root.',
		ja: 'ほかのすべての 403 と紛らわしいですが、ロールや割り当てでは解決しません。環境が ERROR のまま戻らない場合も同じ原因のことがあります。',
	},
	signatures: [
		line(
			'The billing account for the owning project is disabled',
			/The billing account for the owning project is disabled(?: in state (?<state>\w{3,20}))?/,
			'proof',
		),
		line(
			['BILLING_DISABLED', 'billingNotEnabled', 'UREQ_PROJECT_BILLING'],
			/\b(?:BILLING_DISABLED|billingNotEnabled|UREQ_PROJECT_BILLING_NOT_(?:FOUND|OPEN))\b/,
			'proof',
		),
		line(
			[
				'requires billing to be enabled',
				'Billing must be enabled for',
				'illing has not been enabled for this project',
				'nable billing on project',
			],
			/requires billing to be enabled|Billing must be enabled for (?:activation|project)|[Bb]illing has not been enabled for this project|[Ee]nable billing on project #?(?<project>[\w.:-]{1,63})/,
			'proof',
		),
		line(
			'please check billing account associated',
			/access to project '(?<project>[\w.:-]{1,63})' was denied: please check billing account associated/,
			'proof',
		),
		line('accountDisabled', /["' ]reason["']?: ?["']?accountDisabled\b/),
		line(
			[
				'has been disabled due to billing',
				'billing account is not open',
				'billing account is closed',
				'illing is disabled for project',
			],
			/has been disabled due to billing|billing account is (?:not open|closed)|[Bb]illing is disabled for project (?<project>[\w.:-]{1,63})?/,
		),
	],
	weigh(hits, scene) {
		return unlessQuoted(strongest(hits), scene);
	},
	fix({ env, facts, lang }) {
		const t = inLang(lang);
		const project = facts['project'] ?? names(env).project;
		return [
			say(
				t(
					'It is the project that owns the resource (the bucket, the dataset, the API), which need not be the environment’s own. Ask that project:',
					'対象はリソース（バケット、データセット、API）を所有するプロジェクトで、環境のプロジェクトとは限りません。そのプロジェクトを確認してください:',
				),
			),
			sh([
				gcloud('billing projects describe', project),
				gcloud('billing accounts list', '--filter=open=true'),
				gcloud('billing projects link', project, '--billing-account=BILLING_ACCOUNT_ID'),
			]),
			say(
				t(
					'Linking needs roles/billing.user on the account and roles/billing.projectManager on the project. Cloud Storage and BigQuery answer again within minutes; a Composer environment that went to ERROR meanwhile may have to be recreated from a snapshot.',
					'紐付けには、請求先アカウントの roles/billing.user とプロジェクトの roles/billing.projectManager が必要です。Cloud Storage と BigQuery は数分で復帰しますが、その間に ERROR になった Composer 環境は、スナップショットから作り直す必要がある場合があります。',
				),
			),
		];
	},
	docs: 'https://docs.cloud.google.com/billing/docs/how-to/modify-project',
});
