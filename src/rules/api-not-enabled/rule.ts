import { defineRule, line } from '../../domain/rule.ts';
import { gcloud, resource } from '../_parts/iam.ts';
import { hcl, inLang, names, say, sh } from '../_parts/steps.ts';
import { clock } from '../_parts/audit.ts';
import { beside, confirmed } from '../_parts/said.ts';
import { strongest, unlessQuoted } from '../_parts/weigh.ts';

export default defineRule({
	id: 'api-not-enabled',
	category: 'api-access',
	title: {
		en: 'The Google API is not enabled in the project that was charged',
		ja: '課金対象のプロジェクトで Google API が有効になっていません',
	},
	looks: {
		en: '403 “X API has not been used in project N before or it is disabled”, reason SERVICE_DISABLED, or “API [x.googleapis.com] not enabled on project”.',
		ja: '403「X API has not been used in project N before or it is disabled」、理由 SERVICE_DISABLED、または「API [x.googleapis.com] not enabled on project」です。',
	},
	confused: {
		en: 'A plain 403 (reason forbidden) is a missing role. The Composer API itself, or one that Composer 2 depends on, is composer-api-disabled. The project in the text may be the quota project of the credentials, not the one with the data.',
		ja: '単なる 403（理由 forbidden）はロールの不足です。Composer API 自体や Composer 2 が依存する API は composer-api-disabled です。文中のプロジェクトは、データのあるプロジェクトではなく、認証情報の割り当てプロジェクトのことがあります。',
	},
	signatures: [
		line(
			'API has not been used in project ',
			/(?<title>[A-Z][\w .()-]{1,80}?) API has not been used in project (?<project>[\w.:-]{1,63}) before or it is disabled\.(?: Enable it by visiting https:\/\/console\.\w{3,12}\.google\.com\/apis\/(?:api|library)\/(?<api>[\w.-]{3,100}?)(?:\/|\?|\s))?/,
			'proof',
		),
		line(
			['] not enabled on project', '] is not enabled on project', '] not enabled for project'],
			/API \[(?<api>[\w.-]{3,100})\] (?:is )?not enabled (?:on|for) project \[?(?<project>[\w.:-]{1,63})/,
			'proof',
		),
		line('SERVICE_DISABLED', /\bSERVICE_DISABLED\b/),
		line(['accessNotConfigured', 'Access Not Configured'], /accessNotConfigured|Access Not Configured/),
		line(
			'has not enabled the service',
			/(?:consumer|project)[^\n]{0,80} has not enabled the service (?<api>[\w.-]{3,100})/i,
		),
	],
	yieldsTo: ['vpc-sc-denied', 'composer-api-disabled'],
	weigh(hits, scene) {
		const met = hits.filter((hit) => hit.facts['api'] !== 'composer.googleapis.com');
		return unlessQuoted(strongest(met), scene);
	},
	reads: ['enabledApis', 'audit'],
	decides: ['enabledApis'],
	verify({ enabledApis, audit }, { facts, env }) {
		const { api, project } = facts;
		// The text may name the number of another project, such as that of the credentials.
		if (
			!enabledApis ||
			api === undefined ||
			(project !== undefined && project !== env.project && project !== env.projectNumber)
		)
			return undefined;
		if (enabledApis.includes(api))
			return beside(
				'enabledApis',
				`\`${api}\` is enabled now: if that came after the failure, a rerun goes well.`,
				`\`${api}\` は現在有効です。失敗後に有効化された場合は、再実行で成功します。`,
			);
		const entry = audit?.find(
			({ method, target }) => /ServiceUsage\.(?:Batch)?Disable/.test(method) && target.includes(api),
		);
		return confirmed(
			'enabledApis',
			`\`${api}\` is not enabled in \`${env.project ?? project ?? 'the project'}\`${entry ? `; \`${entry.actor}\` switched it off at ${clock(entry.at)}` : ''}.`,
			`\`${env.project ?? project ?? 'プロジェクト'}\` で \`${api}\` が有効になっていません${entry ? `（${clock(entry.at)} に \`${entry.actor}\` が無効化）` : ''}。`,
			{ at: entry?.at },
		);
	},
	fix({ env, facts, lang }) {
		const t = inLang(lang);
		const project = facts['project'] ?? names(env).project;
		const api = facts['api'] ?? 'SERVICE.googleapis.com';
		return [
			say(
				t(
					`${facts['title'] ?? api} is off in project ${project}. That may be the quota project (the service account’s own, or quota_project_id), not the one that holds the data: enable it there, or send another quota project.`,
					`プロジェクト ${project} で ${facts['title'] ?? api} が無効です。データのあるプロジェクトではなく、割り当てプロジェクト（サービス アカウントの所属先、または quota_project_id）の場合があります。そのプロジェクトで有効にするか、別の割り当てプロジェクトを指定してください。`,
				),
			),
			sh([
				gcloud('services list', '--enabled', `--project=${project}`, `--filter=config.name=${api}`),
				gcloud('services enable', api, `--project=${project}`),
			]),
			hcl(resource('google_project_service', 'api', { project, service: api, disable_on_destroy: '=false' })),
			say(
				t(
					'Wait a few minutes before you rerun. If it used to work, the audit log has the DisableService entry with who switched it off.',
					'有効化の反映に数分かかります。以前は動いていたのであれば、監査ログの DisableService に無効にした人が記録されています。',
				),
			),
		];
	},
	docs: 'https://docs.cloud.google.com/service-usage/docs/enable-disable',
});
