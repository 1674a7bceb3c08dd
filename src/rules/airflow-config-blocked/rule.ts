import { defineRule, line } from '../../domain/rule.ts';
import type { FixContext, FixStep } from '../../domain/rule.ts';
import { command, forGeneration, hcl, inLang, names, say, sh, updateEnvironment } from '../_parts/steps.ts';
import { strongest, unlessQuoted } from '../_parts/weigh.ts';

export default defineRule({
	id: 'airflow-config-blocked',
	category: 'environment',
	title: {
		en: 'Composer refuses an Airflow configuration override',
		ja: 'Composer が Airflow 設定の上書きを拒否しました',
	},
	looks: {
		en: "gcloud, Terraform or the API answer 400: a value is out of Composer's range (`Invalid value for [section]option … Must be smaller than or equal to`), the option is blocked, or nothing would change (`No change in configuration.`).",
		ja: 'gcloud・Terraform・API が 400 を返します。値が Composer の範囲外(`Invalid value for [section]option … Must be smaller than or equal to`)、上書き禁止のオプション、または変更がない場合(`No change in configuration.`)です。',
	},
	confused: {
		en: 'A missing permission names a permission (caller-permission-denied); `Cannot update environment in state …` is env-in-error-or-busy. A right option in a wrong section is accepted and does nothing.',
		ja: '権限不足の場合は権限名が出ます(caller-permission-denied)。`Cannot update environment in state …` は env-in-error-or-busy です。セクション名の誤りは受け付けられ、何の効果もありません。',
	},
	signatures: [
		line(
			'Invalid value for [',
			/Invalid value for \[(?<section>[a-z_]{2,40})\](?<option>[a-z0-9_]{2,80}): (?<value>\S{1,80}?)\. (?<problem>Must be [^\n]{3,120}?)\.?$/,
			'proof',
		),
		line(
			'should be at least as big as',
			/\[(?<section>[a-z_]{2,40})\](?<option>[a-z0-9_]{2,80}) should be (?:at least as big as|bigger than|smaller than) \[[a-z_]{2,40}\][a-z0-9_]{2,80}/,
			'proof',
		),
		line(
			'No change in configuration',
			/No change in configuration\.(?: Must specify a change to (?<field>[A-Za-z_.]{3,120}))?/,
			'proof',
		),
		// The wording of a blocked key is not documented; the shapes that Google's validation uses for keys of a map.
		line(
			['irflow config', 'irflow_config', 'irflowConfig', 'onfiguration property', 'configuration override'],
			/(?:[Aa]irflow (?:config|configuration)(?: (?:property|override|option|key))?|airflow_config_overrides|airflowConfigOverrides|[Cc]onfiguration property|configuration override):? [\\"'`[]{1,4}(?<section>[a-z_]{2,40})[\].-](?<option>[a-z0-9_]{2,80})[\\"'`]{0,4}[^\n]{0,40}(?:is (?:blocked|not allowed|forbidden|reserved)|cannot be (?:overridden|modified|set)|may not be overridden|can't be overridden)/,
		),
	],
	weigh: (hits, scene) => unlessQuoted(strongest(hits), scene),
	fix,
	docs: 'https://cloud.google.com/composer/docs/airflow-configurations',
});

function fix({ env, facts, lang }: FixContext): FixStep[] {
	const t = inLang(lang);
	if (facts.section === undefined)
		return [
			say(
				t(
					'The update holds nothing new: Composer answers an error instead of doing nothing. In a script, treat it as success.',
					'更新内容に変更がありません。Composer は何もしない代わりにエラーを返すため、スクリプトでは成功として扱ってください。',
				),
			),
			sh(
				command(
					'gcloud',
					'composer',
					'environments',
					'describe',
					...names(env).at,
					'--format=yaml(config.softwareConfig)',
				),
				t('What is set now:', '現在の設定:'),
			),
		];
	const key = `${facts.section}-${facts.option ?? 'OPTION'}`;
	const composer = (): FixStep[] => [
		sh(
			command(
				'gcloud',
				'composer',
				'environments',
				'describe',
				...names(env).at,
				'--format=yaml(config.softwareConfig.airflowConfigOverrides)',
			),
			t('What is overridden now:', '現在の上書き:'),
		),
		sh(
			[
				updateEnvironment(env, `--update-airflow-configs=${key}=VALUE`),
				updateEnvironment(env, `--remove-airflow-configs=${key}`),
			],
			t('Set an allowed value, or take the override away:', '許可された値を設定するか、上書きを削除します:'),
		),
		hcl([
			'software_config {',
			'  airflow_config_overrides = {',
			`    "${key}" = "VALUE"   # or remove the line`,
			'  }',
			'}',
		]),
	];
	return [
		say(
			t(
				`\`[${facts.section}]${facts.option ?? ''}\`${facts.value ? ` = ${facts.value}` : ''} is not accepted${facts.problem ? `: ${facts.problem}` : ''}.`,
				`\`[${facts.section}]${facts.option ?? ''}\`${facts.value ? ` = ${facts.value}` : ''} は受け付けられません${facts.problem ? `: ${facts.problem}` : ''}。`,
			),
		),
		...forGeneration(
			{ env, lang },
			{
				'composer-2': composer,
				'composer-3': () => [
					say(
						t(
							'Ranges of Composer 3: worker_concurrency 1 to 24, dag_file_processor_timeout and dagbag_import_timeout up to 600, min_file_process_interval from 30, scheduler_heartbeat_sec from 15, triggerer job_heartbeat_sec from 30. Blocked in both: celery broker and result settings, worker_autoscale, dags_folder, fernet_key, plugins_folder, sql_alchemy_*, remote_logging, all of [database].',
							'Composer 3 の範囲: worker_concurrency 1〜24、dag_file_processor_timeout と dagbag_import_timeout は 600 以下、min_file_process_interval は 30 以上、scheduler_heartbeat_sec は 15 以上、triggerer の job_heartbeat_sec は 30 以上です。両世代とも、Celery のブローカーと結果の設定、worker_autoscale、dags_folder、fernet_key、plugins_folder、sql_alchemy_*、remote_logging、[database] 全体は上書きできません。',
						),
					),
					...composer(),
				],
				airflow: () => [
					say(
						t(
							'Plain Airflow has no such check: the message came from Composer.',
							'Composer 以外の Airflow にこの検査はありません。メッセージは Composer のものです。',
						),
					),
				],
			},
		),
	];
}
