import type { FixContext, FixStep } from '../../domain/rule.ts';
import { hcl, hclQuoted, inLang, ini, forGeneration, sh, updateEnvironment } from './steps.ts';

/** `section-key` as Composer writes it: `celery-worker_concurrency`. */
export type Settings = Readonly<Record<string, string>>;

/** `AIRFLOW__CELERY__WORKER_CONCURRENCY` of `celery-worker_concurrency`. */
export function settingVariable(setting: string): string {
	const dash = setting.indexOf('-');
	return `AIRFLOW__${setting.slice(0, dash)}__${setting.slice(dash + 1)}`.toUpperCase();
}

/** The Terraform block of an override; the names of `airflow_config_overrides` carry a dash and need quotes. */
export function overridesBlock(settings: Settings): string {
	return [
		'# google_composer_environment > config > software_config',
		'airflow_config_overrides = {',
		...Object.entries(settings).map(([name, value]) => `  ${hclQuoted(name)} = ${hclQuoted(value)}`),
		'}',
	].join('\n');
}

/**
 * Airflow settings the way each generation takes them: an override of the environment (gcloud, Terraform) or an
 * environment variable of every component. An override replaces the worker pods: running tasks get 3600 s to end.
 */
export function airflowSettings(context: FixContext, settings: Settings, text?: { en: string; ja: string }): FixStep[] {
	const t = inLang(context.lang);
	const pairs = Object.entries(settings)
		.map(([name, value]) => `${name}=${value}`)
		.join(',');
	const composer = (): FixStep[] => [
		sh(
			updateEnvironment(context.env, `--update-airflow-configs=${pairs}`),
			text ? t(text.en, text.ja) : t('Override the Airflow setting:', 'Airflow の設定を上書きします:'),
		),
		hcl(overridesBlock(settings), t('The same in Terraform:', 'Terraform では次のとおりです:')),
	];
	return forGeneration(context, {
		'composer-2': composer,
		'composer-3': composer,
		airflow: () => [
			ini(
				Object.entries(settings).map(([name, value]) => `${settingVariable(name)}=${value}`),
				text
					? t(text.en, text.ja)
					: t(
							'Set it in the environment of every Airflow component and restart them:',
							'すべての Airflow コンポーネントの環境変数に設定し、再起動します:',
						),
			),
		],
	});
}
