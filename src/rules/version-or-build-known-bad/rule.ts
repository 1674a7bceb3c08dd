import { defineRule, line } from '../../domain/rule.ts';
import type { FixContext, FixStep } from '../../domain/rule.ts';
import type { Text } from '../../domain/text.ts';
import { command, inLang, names, say, sh, updateEnvironment } from '../_parts/steps.ts';
import { strongest, unlessQuoted } from '../_parts/weigh.ts';
import { isSilent, isWaiting } from '../_parts/audit.ts';

export default defineRule({
	id: 'version-or-build-known-bad',
	category: 'versions',
	title: {
		en: 'The image version is out of support or has a known fault',
		ja: 'イメージバージョンがサポート外、または既知の不具合があります',
	},
	looks: {
		en: 'Composer refuses a version (`Unsupported image version`, `Invalid image version … Currently supported`), or the trouble began with an upgrade to a build that is known for it.',
		ja: 'Composer がバージョンを拒否する(`Unsupported image version`、`Invalid image version … Currently supported`)、または既知の不具合があるビルドへのアップグレード直後に問題が始まりました。',
	},
	confused: {
		en: 'Any slowness looks alike: compare when it began with the time of the upgrade in the audit log before the version is blamed. Package clashes after an upgrade are pypi-dependency-conflict.',
		ja: '性能低下はどれも似て見えます。バージョンを疑う前に、監査ログのアップグレード時刻と症状の開始時刻を比べてください。アップグレード後のパッケージの衝突は pypi-dependency-conflict です。',
	},
	signatures: [
		line(
			'nsupported image version',
			/Unsupported image version(?: for new environment)?: [\\"']{1,4}(?<image>[a-z0-9.-]{3,80})/,
			'proof',
		),
		line(
			'Invalid image version',
			/Invalid image version: [\\"']{1,4}(?<image>[a-z0-9.-]{3,80})[\\"']{1,4} derived based on your input/,
			'proof',
		),
		line('This environment does not support upgrades', /This environment does not support upgrades/, 'proof'),
		line(
			'image versions are: [',
			/Currently (?:suggested|supported) (?:new )?environment (?:update )?image versions are: \[(?<suggested>[a-z0-9., -]{3,160})/,
			'proof',
		),
	],
	weigh: (hits, scene) => unlessQuoted(strongest(hits), scene),
	// The image version is known before anything is read.
	suspects: (failed) => failed.generation?.startsWith('composer') === true && (isSilent(failed) || isWaiting(failed)),
	verify(_, { env }) {
		const fault = knownFault(env.imageVersion);
		return fault && { status: 'beside', because: fault, source: 'environment' };
	},
	fix,
	docs: 'https://cloud.google.com/composer/docs/composer-versions',
});

// google-api-core 2.28.0 to 2.30.2: slow tasks and a slow step from queued to running. Source: release note of 2026-05-14.
const SLOW_API_CORE: readonly RegExp[] = [
	/^composer-3-airflow-3\.1\.7-build\.[0-5]$/,
	/^composer-3-airflow-3\.1\.0-build\.(?:[5-9]|10)$/,
	/^composer-3-airflow-2\.11\.1-build\.0$/,
	/^composer-3-airflow-2\.10\.5-build\.(?:2[2-9]|3[0-3])$/,
	/^composer-3-airflow-2\.9\.3-build\.(?:4[2-9]|5[0-3])$/,
	/^composer-2\.16\.(?:[0-9]|10)-airflow-(?:2\.10\.5|2\.9\.3)$/,
	/^composer-2\.16\.10-airflow-2\.11\.1$/,
];

/** What is known against an image version, in a sentence; undefined: nothing is. */
export function knownFault(image: string | undefined): Text | undefined {
	if (image === undefined) return undefined;
	if (SLOW_API_CORE.some((pattern) => pattern.test(image)))
		return {
			en: `The image version \`${image}\` has a known fault: google-api-core 2.28.0 to 2.30.2 slows tasks and queueing (mended by google-api-core>=2.30.3).`,
			ja: `イメージバージョン \`${image}\` には既知の不具合があります。google-api-core 2.28.0〜2.30.2 により、タスクとキューの処理が遅くなります（google-api-core>=2.30.3 で解消）。`,
		};
	if (/^composer-(?:1|2\.0)\./.test(image))
		return {
			en: `The image version \`${image}\` is out of support since 2026-09-15.`,
			ja: `イメージバージョン \`${image}\` のサポートは 2026-09-15 に終了しています。`,
		};
	return undefined;
}

function fix({ env, facts, lang }: FixContext): FixStep[] {
	const t = inLang(lang);
	const { at } = names(env);
	const image = env.imageVersion ?? '';
	const known: FixStep[] = SLOW_API_CORE.some((pattern) => pattern.test(image))
		? [
				say(
					t(
						`\`${image}\` ships google-api-core 2.28.0 to 2.30.2, which slows tasks and queueing.`,
						`\`${image}\` には google-api-core 2.28.0〜2.30.2 が含まれ、タスクとキューの処理が遅くなります。`,
					),
				),
				sh(
					updateEnvironment(env, '--update-pypi-package=google-api-core>=2.30.3'),
					t('Until the upgrade:', 'アップグレードまでの回避策:'),
				),
			]
		: /^composer-(?:1|2\.0)\./.test(image) || /^composer-(?:1|2\.0)\./.test(facts.image ?? '')
			? [
					say(
						t(
							'Composer 1 and 2.0.x cannot be used since 2026-09-15: move to Composer 3 with a snapshot or the migration script.',
							'Composer 1 と 2.0.x は 2026-09-15 以降使用できません。スナップショットまたは移行スクリプトで Composer 3 に移行してください。',
						),
					),
				]
			: [];
	return [
		...(facts.image
			? [
					say(
						t(
							`\`${facts.image}\` is not offered${facts.suggested ? `; offered are ${facts.suggested} …` : '.'}`,
							`\`${facts.image}\` は提供されていません${facts.suggested ? `。提供中: ${facts.suggested} …` : '。'}`,
						),
					),
				]
			: []),
		...known,
		sh(
			[
				command(
					'gcloud',
					'composer',
					'environments',
					'describe',
					...at,
					'--format=value(config.softwareConfig.imageVersion)',
				),
				command('gcloud', 'composer', 'environments', 'list-upgrades', ...at),
				command('gcloud', 'composer', 'environments', 'check-upgrade', ...at, '--image-version=IMAGE_VERSION'),
				updateEnvironment(env, '--image-version=IMAGE_VERSION'),
			],
			t(
				'What runs, what is offered, whether it would work, then do it:',
				'現在のバージョン、提供中のバージョン、可否の確認、アップグレードの順に実行します:',
			),
		),
		say(
			t(
				'Other known faults: composer-2.16.0 and 2.16.1 restart airflow-monitoring (harmless); 2.15.4 and build.20, build.40, 3.1.0-build.3 have a gap in metrics; 2.1.0 to 2.6.4 could mark past successes as failed; Airflow 2.6.3 with a custom job_heartbeat_sec restarts schedulers before 2.6.4; Airflow 2.7.3 loops on cron schedules at a DST change; cncf-kubernetes 10.4.2 and newer breaks dag-factory 0.22; google provider 17.2.0 breaks CloudComposerDAGRunSensor; a custom email backend broke the Composer 3 scheduler until about 2.13.1.',
				'その他の既知の不具合: composer-2.16.0・2.16.1 は airflow-monitoring が再起動します(無害)。2.15.4 と build.20・build.40・3.1.0-build.3 はメトリクスが欠落します。2.1.0〜2.6.4 は過去の成功を失敗と記録することがあります。Airflow 2.6.3 で job_heartbeat_sec を変更すると 2.6.4 より前のスケジューラが再起動します。Airflow 2.7.3 は夏時間の切り替わりで cron がループします。cncf-kubernetes 10.4.2 以降は dag-factory 0.22 と非互換です。google プロバイダー 17.2.0 では CloudComposerDAGRunSensor が動きません。カスタムの email backend は 2.13.1 頃まで Composer 3 のスケジューラを壊していました。',
			),
		),
		say(
			t(
				'Builds of Composer 3 are supported for 12 months; 2.0.x and Composer 1 no longer at all.',
				'Composer 3 のビルドは 12 か月間サポートされます。2.0.x と Composer 1 はすでに終了しています。',
			),
		),
	];
}
