import { defineRule, line } from '../../domain/rule.ts';
import { gcloud, memberIfKnown, memberOf, resource } from '../_parts/iam.ts';
import { forGeneration, hcl, inLang, names, say, sh } from '../_parts/steps.ts';
import { onProject, refused } from '../_parts/policy.ts';
import { isNotIam, strongest, unlessQuoted } from '../_parts/weigh.ts';

export default defineRule({
	id: 'secret-manager-access',
	category: 'permissions',
	title: {
		en: 'Secret Manager refused to give the secret',
		ja: 'Secret Manager からシークレットを取得できませんでした',
	},
	looks: {
		en: 'The worker, scheduler or task log says “No access for Secret ID …”; the task then fails with a missing Connection or Variable, or with 403 secretmanager.versions.access.',
		ja: 'ワーカー、スケジューラ、またはタスクのログに「No access for Secret ID …」が残り、タスクは Connection や Variable の欠落、または 403 secretmanager.versions.access で失敗します。',
	},
	confused: {
		en: 'A wrong connections_prefix, variables_prefix or sep, another project or the order of backends looks for a secret that does not exist. “Secret Manager API has not been used” is a disabled API. A Connection that was never created has no line of Secret Manager beside it.',
		ja: 'connections_prefix・variables_prefix・sep の誤り、別プロジェクト、バックエンドの順序では、存在しないシークレットを探していることになります。「Secret Manager API has not been used」は API の無効化です。単に未作成の Connection では Secret Manager の行はありません。',
	},
	signatures: [
		line('No access for Secret ID', /No access for Secret ID (?<secret>[\w-]{1,255})/, 'proof'),
		line('Google Cloud API Call Error (PermissionDenied)', /Google Cloud API Call Error \(PermissionDenied\)/),
		line(
			'secretmanager.versions.access',
			/[Pp]ermission '(?<permission>secretmanager\.versions\.access)' (?:denied|is required).{0,40}?(?:resource|secret)(?: '?(?:projects\/(?<project>[\w.:-]{1,63})\/)?(?:locations\/[\w-]{1,30}\/)?secrets\/(?<secret>[\w-]{1,255}))?/,
		),
		line('Unable to load credentials for GCP Secret Manager', /Unable to load credentials for GCP Secret Manager/),
		// Absent, or absent for whom may not look.
		line(
			' not found or has no versions',
			/Secret (?:Version )?\[projects\/(?<project>[\w.:-]{1,63})\/secrets\/(?<secret>[\w-]{1,255})(?:\/versions\/[\w-]{1,20})?\] not found or has no versions/,
		),
		line(
			'Secret Version [projects/',
			/Secret Version \[projects\/(?<project>[\w.:-]{1,63})\/secrets\/(?<secret>[\w-]{1,255})\/versions\/(?<version>[\w-]{1,20})\] is in (?<state>DISABLED|DESTROYED) state/,
		),
		line(
			'Secret Version [projects/',
			/Secret Version \[projects\/(?<project>[\w.:-]{1,63})\/secrets\/(?<secret>[\w-]{1,255})\/versions\/(?<version>[\w-]{1,20})\] not found/,
		),
		line(
			'Google Cloud API Call Error (NotFound)',
			/Google Cloud API Call Error \(NotFound\): Secret ID (?<secret>[\w-]{1,255}) not found/,
			'weak',
		),
	],
	yieldsTo: ['api-not-enabled', 'vpc-sc-denied', 'billing-disabled', 'workload-identity-binding-lost'],
	weigh(hits, scene) {
		return unlessQuoted(strongest(hits.filter((hit) => !isNotIam(hit.text))), scene);
	},
	reads: ['projectPolicy', 'workerLog'],
	decides: ['projectPolicy'],
	// The backend is asked by the worker, and says there that it was refused; the task only misses what it would have got.
	suspects: ({ told }) => told.includes('missing-connection-or-variable'),
	verify({ projectPolicy }, { facts, told, env }) {
		const project = facts['project'] ?? env.project;
		const absent = facts['state'] !== undefined || facts['version'] !== undefined;
		if (told === undefined || absent || (project !== env.project && project !== env.projectNumber)) return undefined;
		const member = memberIfKnown(facts['principal'], env);
		if (env.project === undefined || member === undefined) return undefined;
		return refused(member, 'secretmanager.versions.access', [
			{ policy: projectPolicy, source: 'projectPolicy', on: onProject(env.project) },
		]);
	},
	fix({ env, facts, lang }) {
		const t = inLang(lang);
		const secret = facts['secret'] ?? 'SECRET_ID';
		const project = facts['project'] ?? names(env).project;
		const member = memberOf(facts['principal'], env);
		const role = 'roles/secretmanager.secretAccessor';
		const composer = () => [
			sh(
				gcloud(
					'composer environments describe',
					...names(env).at,
					'--format=yaml(config.softwareConfig.airflowConfigOverrides)',
				),
				t(
					'secrets-backend and secrets-backend_kwargs must name this project and prefix; secrets-backends_order (since 2025-03) decides who is asked first.',
					'secrets-backend と secrets-backend_kwargs が、このプロジェクトと接頭辞を指しているか確認してください。照会の順序は secrets-backends_order（2025 年 3 月以降）で決まります。',
				),
			),
		];
		const airflow = () => [
			sh(
				['airflow config get-value secrets backend', 'airflow config get-value secrets backend_kwargs'],
				t(
					'Check project_id, connections_prefix, variables_prefix and sep.',
					'project_id、connections_prefix、variables_prefix、sep を確認してください。',
				),
			),
		];
		if (facts['state'] !== undefined)
			return [
				say(
					t(
						`Version ${facts['version'] ?? ''} of the secret ${secret} is ${facts['state'].toLowerCase()}. A disabled version can be enabled again; a destroyed one needs a new version.`,
						`シークレット ${secret} のバージョン ${facts['version'] ?? ''} は ${facts['state'] === 'DISABLED' ? '無効' : '破棄済み'} です。無効なら再び有効にでき、破棄済みなら新しいバージョンを追加する必要があります。`,
					),
				),
				sh([
					gcloud('secrets versions list', secret, `--project=${project}`),
					gcloud(
						'secrets versions enable',
						facts['version'] ?? 'VERSION',
						`--secret=${secret}`,
						`--project=${project}`,
					),
					`printf '%s' VALUE | ${gcloud('secrets versions add', secret, '--data-file=-', `--project=${project}`)}`,
				]),
			];
		return [
			say(
				t(
					`The account of the workers may not read the secret ${secret}, or the secret is not there. Look first, then grant the one role it needs on this one secret:`,
					`ワーカーのアカウントがシークレット ${secret} を読めないか、シークレットがありません。まず確認し、このシークレットだけに必要なロールを付与してください:`,
				),
			),
			sh([
				gcloud('secrets describe', secret, `--project=${project}`),
				gcloud('secrets get-iam-policy', secret, `--project=${project}`),
				gcloud(
					'secrets add-iam-policy-binding',
					secret,
					`--project=${project}`,
					`--member=${member}`,
					`--role=${role}`,
				),
			]),
			hcl(resource('google_secret_manager_secret_iam_member', 'airflow', { project, secret_id: secret, role, member })),
			...forGeneration({ env, lang }, { 'composer-2': composer, 'composer-3': composer, airflow }),
		];
	},
	docs: 'https://docs.cloud.google.com/composer/docs/composer-3/configure-secret-manager',
});
