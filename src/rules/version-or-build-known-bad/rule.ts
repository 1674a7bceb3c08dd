import { defineRule, line } from '../../domain/rule.ts';
import type { FixContext, FixStep } from '../../domain/rule.ts';
import { command, inLang, names, say, sh, updateEnvironment } from '../_parts/steps.ts';
import { strongest, unlessQuoted } from '../_parts/weigh.ts';
import { isSilent, isWaiting } from '../_parts/audit.ts';
import { beside } from '../_parts/said.ts';
import { faultsOf, isForAll, sentence } from './faults.ts';

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
	suspects: (failed) => failed.generation?.startsWith('composer') === true,
	verify(_, { failed, env }) {
		const image = env.imageVersion;
		const asked = isSilent(failed) || isWaiting(failed);
		const fault = faultsOf(image).find(
			({ causes }) => causes.some((cause) => failed.told.includes(cause)) || (asked && isForAll(causes)),
		);
		if (!fault || image === undefined) return undefined;
		const { en, ja } = sentence(image, fault);
		return beside('environment', en, ja);
	},
	fix,
	docs: 'https://cloud.google.com/composer/docs/composer-versions',
});

function fix({ env, facts, lang }: FixContext): FixStep[] {
	const t = inLang(lang);
	const { at } = names(env);
	const image = env.imageVersion ?? '';
	const known = faultsOf(image).flatMap((fault): FixStep[] => {
		const said = sentence(image, fault);
		return [
			say(t(said.en, said.ja)),
			...(fault.package === undefined
				? []
				: [
						sh(
							updateEnvironment(env, `--update-pypi-package=${fault.package}`),
							t('Until the upgrade:', 'アップグレードまでの回避策:'),
						),
					]),
		];
	});
	const gone = [image, facts.image ?? ''].some((one) => /^composer-(?:1|2\.0)\./.test(one));
	const move = gone
		? [
				say(
					t(
						'Composer 1 and 2.0.x cannot be used since 2026-09-15: move to Composer 3 with a snapshot or the migration script.',
						'Composer 1 と 2.0.x は 2026-09-15 以降使用できません。スナップショットまたは移行スクリプトで Composer 3 に移行してください。',
					),
				),
			]
		: [];
	const target =
		faultsOf(image)
			.map(({ fixedIn }) => fixedIn?.(image))
			.find((one) => one !== undefined) ?? 'IMAGE_VERSION';
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
		...move,
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
				command('gcloud', 'composer', 'environments', 'check-upgrade', ...at, `--image-version=${target}`),
				updateEnvironment(env, `--image-version=${target}`),
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
