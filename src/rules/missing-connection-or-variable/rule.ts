import { defineRule, line } from '../../domain/rule.ts';
import { airflowCli, gcloud, memberOf } from '../_parts/iam.ts';
import { confirmed, likely } from '../_parts/said.ts';
import { command, forGeneration, inLang, names, python, quoted, say, sh } from '../_parts/steps.ts';
import { strongest } from '../_parts/weigh.ts';

export default defineRule({
	id: 'missing-connection-or-variable',
	category: 'dag-code',
	title: {
		en: 'An Airflow Connection or Variable is not defined',
		ja: 'Airflow の Connection または Variable が定義されていません',
	},
	looks: {
		en: 'The task (or the DAG file while it is parsed) ends with “The conn_id `X` isn’t defined”, “Variable X does not exist” or, on Airflow 3, VARIABLE_NOT_FOUND.',
		ja: 'タスク（または DAG ファイルの読み込み）が「The conn_id `X` isn’t defined」「Variable X does not exist」、Airflow 3 では VARIABLE_NOT_FOUND で終わります。',
	},
	confused: {
		en: 'A secrets backend that may not read the secret ends with the very same sentence: the refusal stands a line above, or in the worker log (secret-manager-access). At the top of a DAG file it is also a broken DAG. A handled KeyError on a warning line is noise.',
		ja: 'シークレット バックエンドがシークレットを読めない場合も、まったく同じ文で終わります。拒否の行は直前かワーカーログにあります（secret-manager-access）。DAG ファイルの最上位で起きると DAG のインポート エラーにもなります。警告行に出ただけの処理済み KeyError はノイズです。',
	},
	signatures: [
		line("` isn't defined", /The conn_id `(?<connection>[^`\n{}]{1,250})` isn't defined/),
		line(
			'_NOT_FOUND: {',
			/VARIABLE_NOT_FOUND: \{['"](?:message|key)['"]: ['"](?:Variable )?(?<variable>[^'"\n]{1,250}?)(?: not found)?['"]/,
		),
		line(
			'_NOT_FOUND: {',
			/CONNECTION_NOT_FOUND: \{['"](?:message|conn_id)['"]: ['"](?:Connection )?(?<connection>[^'"\n]{1,250}?)(?: not found)?['"]/,
		),
		line(["'Variable ", '"Variable '], /['"]Variable (?<variable>[^'"\n{}]{1,250}) does not exist\b/),
		// The CLI and the REST API say it without quotes, and so do other tools.
		line('Variable ', /(?:^|[\s:])Variable (?<variable>[^'"`\s{}]{1,250}) does not exist\b/, 'weak'),
		line('Variable with key ', /Variable with key '(?<variable>[^'\n]{1,250})' not found/, 'weak'),
		line(
			'onnection with ',
			/Connection with (?:connection_id|conn_id|ID):? [`'](?<connection>[^`'\n]{1,250})[`'] (?:was )?not found/,
			'weak',
		),
	],
	asks: ['Google Cloud API Call Error (PermissionDenied)', 'Unable to load credentials for GCP Secret Manager'],
	// The store was there and could not be read: the refusal is the cause, this sentence its echo.
	yieldsTo: ['secret-manager-access'],
	weigh(hits, scene) {
		const weighing = strongest(hits);
		const refused =
			scene.has('Google Cloud API Call Error (PermissionDenied)') ||
			scene.has('Unable to load credentials for GCP Secret Manager');
		return weighing && refused ? { ...weighing, says: 'weak' } : weighing;
	},
	reads: ['environment', 'workerLog'],
	decides: ['environment'],
	verify({ environment, workerLog }, { facts, told }) {
		if (told === undefined || !environment) return undefined;
		const name = facts['connection'] ?? facts['variable'];
		const what = name === undefined ? { en: 'it', ja: 'それ' } : { en: `\`${name}\``, ja: `\`${name}\`` };
		const backend = environment.overrides?.['secrets-backend'] ?? '';
		if (backend === '' && environment.environmentVariables?.includes('AIRFLOW__SECRETS__BACKEND') !== true)
			return confirmed(
				'environment',
				`the environment sets no secrets backend, so ${what.en} can only be in Airflow itself, and is not.`,
				`環境にシークレット バックエンドの設定がないため、${what.ja} は Airflow 自身にのみ定義できますが、存在しません。`,
			);
		if (!workerLog) return undefined;
		// A refusal is another cause, and its lines are heard as that.
		return likely(
			'workerLog',
			`neither Airflow nor the secrets backend that the environment sets gave ${what.en}, and the worker tells of no refusal.`,
			`Airflow にも、環境に設定されたシークレット バックエンドにも ${what.ja} がなく、ワーカーログに拒否の記録もありません。`,
		);
	},
	fix({ env, facts, lang }) {
		const t = inLang(lang);
		const connection = facts['connection'];
		const variable = facts['variable'];
		const isVariable = connection === undefined && variable !== undefined;
		const name = connection ?? variable ?? 'NAME';
		const secret = `airflow-${isVariable ? 'variables' : 'connections'}-${name}`;
		const { project } = names(env);
		const look = isVariable ? ['variables', 'get'] : ['connections', 'get'];
		const add = isVariable
			? { verb: ['variables', 'set'], args: [name, 'VALUE'] }
			: {
					verb: ['connections', 'add'],
					args: [
						name,
						'--conn-type',
						'CONN_TYPE',
						'--conn-host',
						'HOST',
						'--conn-login',
						'LOGIN',
						'--conn-password',
						'PASSWORD',
					],
				};
		const onComposer = () => [
			sh([airflowCli(env, look, [name]), airflowCli(env, add.verb, add.args)]),
			say(
				t(
					'If the environment reads Secret Manager (override secrets-backend), create the secret instead. The prefixes are airflow-connections and airflow-variables unless secrets-backend_kwargs says otherwise, and the environment’s account must be able to read it:',
					'環境が Secret Manager を使っている場合（上書き設定 secrets-backend）は、代わりにシークレットを作成します。接頭辞は、secrets-backend_kwargs で変えていなければ airflow-connections と airflow-variables です。環境のサービス アカウントに読み取り権限も必要です:',
				),
			),
			sh([
				`printf '%s' ${isVariable ? 'VALUE' : 'CONNECTION_URI'} | ${gcloud('secrets create', secret, '--data-file=-', `--project=${project}`)}`,
				gcloud(
					'secrets add-iam-policy-binding',
					secret,
					`--project=${project}`,
					`--member=${memberOf(undefined, env)}`,
					'--role=roles/secretmanager.secretAccessor',
				),
			]),
		];
		const onAirflow = () => [
			sh([command('airflow', ...look, name), command('airflow', ...add.verb, ...add.args)]),
			say(
				t(
					`An environment variable does too, on the scheduler and on every worker: AIRFLOW_${isVariable ? 'VAR' : 'CONN'}_${name.toUpperCase()}.`,
					`スケジューラとすべてのワーカーに環境変数 AIRFLOW_${isVariable ? 'VAR' : 'CONN'}_${name.toUpperCase()} を設定する方法もあります。`,
				),
			),
		];
		return [
			say(
				isVariable
					? t(
							`The Variable \`${name}\` is in none of the places Airflow looks.`,
							`Variable \`${name}\` は、Airflow が探すどの場所にもありません。`,
						)
					: t(
							`The Connection \`${name}\` is in none of the places Airflow looks. Compare the spelling with the DAG's conn_id${name.endsWith('_default') ? '; Airflow 3 and some installs do not create the *_default connections' : ''}.`,
							`Connection \`${name}\` は、Airflow が探すどの場所にもありません。DAG の conn_id と綴りを照合してください${name.endsWith('_default') ? '（Airflow 3 や一部の環境では *_default の Connection は作成されません）' : ''}。`,
						),
			),
			...forGeneration({ env, lang }, { 'composer-2': onComposer, 'composer-3': onComposer, airflow: onAirflow }),
			...(isVariable
				? [
						say(
							t(
								'When the Variable is optional, give it a default (Airflow 3: `default=`), and read it inside the task or by template, not at the top of the file:',
								'省略可能な Variable なら既定値を与え（Airflow 3 では `default=`）、ファイルの最上位ではなくタスクの中かテンプレートで読み込んでください:',
							),
						),
						python([
							`Variable.get(${quoted(name)}, default_var=None)  # Airflow 2`,
							`Variable.get(${quoted(name)}, default=None)      # Airflow 3: from airflow.sdk import Variable`,
						]),
					]
				: []),
		];
	},
	docs: 'https://docs.cloud.google.com/composer/docs/composer-3/configure-secret-manager',
});
