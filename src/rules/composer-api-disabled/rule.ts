import { defineRule, line } from '../../domain/rule.ts';
import { gcloud } from '../_parts/iam.ts';
import { forGeneration, inLang, names, say, sh } from '../_parts/steps.ts';
import { clock } from '../_parts/audit.ts';
import { confirmed, ruledOut } from '../_parts/said.ts';
import { strongest } from '../_parts/weigh.ts';

const NEEDED = ['artifactregistry', 'cloudbuild', 'container', 'pubsub', 'sqladmin'].map(
	(name) => `${name}.googleapis.com`,
);

export default defineRule({
	id: 'composer-api-disabled',
	category: 'environment',
	title: {
		en: 'The Composer API, or one that Composer 2 depends on, is switched off',
		ja: 'Composer API、または Composer 2 が依存する API が無効になっています',
	},
	looks: {
		en: 'An audit entry ServiceUsage.DisableService for composer.googleapis.com, “Cloud Composer API has not been used in project”, and an environment in state ERROR.',
		ja: '監査ログに composer.googleapis.com の ServiceUsage.DisableService、または「Cloud Composer API has not been used in project」があり、環境の状態は ERROR です。',
	},
	confused: {
		en: 'A disabled or deleted service account leaves the API on. A closed billing account gives the same ERROR. Another API that only one task uses is api-not-enabled.',
		ja: 'サービス アカウントの無効化・削除では API は有効のままです。請求先アカウントの停止でも同じ ERROR になります。1 つのタスクだけが使う別の API は api-not-enabled です。',
	},
	signatures: [
		line(
			'Cloud Composer API has not been used in project',
			/Cloud Composer API has not been used in project (?<project>[\w.:-]{1,63}) before or it is disabled/,
			'proof',
		),
		line(
			'composer.googleapis.com] ',
			/API \[composer\.googleapis\.com\] (?:is )?not enabled (?:on|for) project \[?(?<project>[\w.:-]{1,63})/,
			'proof',
		),
		line(
			'serviceusage.v1.ServiceUsage.DisableService',
			/google\.api\.serviceusage\.v1\.ServiceUsage\.(?:Disable|BatchDisable)Service/,
			'weak',
		),
		line(
			'services/composer.googleapis.com',
			/(?:projects\/(?<project>[\w.:-]{1,63})\/)?services\/composer\.googleapis\.com/,
			'weak',
		),
		line(
			'has not been used in project ',
			/\(gcloud\.composer\.environments\.\w{3,20}\)[^\n]{0,400}? API has not been used in project (?<project>[\w.:-]{1,63})/,
		),
		line(
			NEEDED.map((api) => `apis/api/${api}`),
			/apis\/api\/(?<api>(?:artifactregistry|cloudbuild|container|pubsub|sqladmin)\.googleapis\.com)\/overview.{0,200}/,
			'weak',
		),
	],
	weigh(hits, scene) {
		const weighing = strongest(hits);
		if (!weighing || weighing.says !== 'weak') return weighing;
		const disabled = hits.some((hit) => hit.text.includes('DisableService'));
		const composer = hits.some((hit) => hit.text.includes('services/composer.googleapis.com'));
		if (disabled && composer) return { ...weighing, says: 'proof' };
		// A dependency is Composer's matter when Composer's own operation complains of it.
		return scene.kind === 'operation' && weighing.facts?.['api'] !== undefined
			? { ...weighing, says: 'strong' }
			: undefined;
	},
	reads: ['enabledApis', 'audit'],
	decides: ['enabledApis'],
	verify({ enabledApis, audit }, { env }) {
		if (!enabledApis) return undefined;
		const needed = ['composer.googleapis.com', ...(env.generation === 'composer-2' ? NEEDED : [])];
		const off = needed.filter((api) => !enabledApis.includes(api));
		if (off.length === 0)
			return ruledOut(
				'enabledApis',
				`every API that Composer needs is enabled.`,
				`Composer に必要な API はすべて有効です。`,
			);
		const entry = audit?.find(
			({ method, target }) => /ServiceUsage\.(?:Batch)?Disable/.test(method) && off.some((api) => target.includes(api)),
		);
		const list = off.map((api) => `\`${api}\``);
		return confirmed(
			'enabledApis',
			`${list.join(', ')} ${off.length === 1 ? 'is' : 'are'} off in \`${env.project ?? 'the project'}\`${entry ? `; \`${entry.actor}\` switched it off at ${clock(entry.at)}` : ''}.`,
			`プロジェクト${env.project === undefined ? '' : ` \`${env.project}\` `}で ${list.join('、')} が無効です${entry ? `（${clock(entry.at)} に \`${entry.actor}\` が無効化）` : ''}。`,
			{ at: entry?.at },
		);
	},
	fix({ env, facts, lang }) {
		const t = inLang(lang);
		const project = facts['project'] ?? names(env).project;
		const look = () =>
			sh([
				gcloud('services list', '--enabled', `--project=${project}`),
				gcloud(
					'logging read',
					'protoPayload.methodName:"ServiceUsage.DisableService"',
					`--project=${project}`,
					'--freshness=60d',
					'--limit=5',
					'--format=table(timestamp,protoPayload.authenticationInfo.principalEmail,protoPayload.resourceName)',
				),
				gcloud('billing projects describe', project) + '   # a closed billing account gives the same ERROR',
			]);
		const lost = () =>
			say(
				t(
					'Enabling it again does not heal an environment that already failed: the tenant project is gone. Copy the bucket, recreate the environment and load the last snapshot. Environments in ERROR for 60 days for this reason are deleted by themselves; the bucket stays. Never disable and re-enable the API as a cure.',
					'すでに失敗状態になった環境は、API を再び有効にしても直りません（テナント プロジェクトが削除されています）。バケットをコピーし、環境を作り直して、最後のスナップショットを読み込んでください。この理由で 60 日間 ERROR の環境は自動的に削除されますが、バケットは残ります。対処として API を無効にして有効に戻すことは絶対に行わないでください。',
				),
			);
		const composer2 = () => [
			look(),
			sh(
				gcloud('services enable', 'composer.googleapis.com', ...NEEDED, `--project=${project}`),
				t(
					'Since 2026-02-27 these can be disabled on their own, and since 2026-05-27 they are no longer enabled by themselves: without them creations in new projects fail and existing environments may malfunction.',
					'2026-02-27 以降、これらは個別に無効にでき、2026-05-27 以降は自動では有効になりません。無効だと新しいプロジェクトでの作成は失敗し、既存の環境も正しく動かないことがあります。',
				),
			),
			lost(),
		];
		const composer3 = () => [
			look(),
			sh(
				gcloud('services enable', 'composer.googleapis.com', `--project=${project}`),
				t('Composer 3 needs only its own API.', 'Composer 3 が必要とするのは Composer API だけです。'),
			),
			lost(),
		];
		return forGeneration({ env, lang }, { 'composer-2': composer2, 'composer-3': composer3, airflow: () => [look()] });
	},
	docs: 'https://docs.cloud.google.com/composer/docs/composer-3/enable-composer-service',
});
