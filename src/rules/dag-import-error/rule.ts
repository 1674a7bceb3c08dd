import { defineRule, line } from '../../domain/rule.ts';
import type { FixStep } from '../../domain/rule.ts';
import { command, forGeneration, inLang, names, say, sh, updateEnvironment } from '../_parts/steps.ts';
import { strongest } from '../_parts/weigh.ts';
import { clock, isSameFile, isSilent, time } from '../_parts/audit.ts';

// Import name -> package, where they differ and the package is usual in DAGs.
const PACKAGES: Readonly<Record<string, string>> = {
	yaml: 'pyyaml',
	sklearn: 'scikit-learn',
	cv2: 'opencv-python-headless',
	PIL: 'pillow',
	bs4: 'beautifulsoup4',
	dateutil: 'python-dateutil',
	dotenv: 'python-dotenv',
	jwt: 'pyjwt',
	MySQLdb: 'mysqlclient',
	psycopg2: 'psycopg2-binary',
	snowflake: 'snowflake-connector-python',
};

export default defineRule({
	id: 'dag-import-error',
	category: 'dag-code',
	title: { en: 'The DAG file does not import (Broken DAG)', ja: 'DAG ファイルをインポートできません (Broken DAG)' },
	looks: {
		en: '"Broken DAG" in the UI, "Failed to import" in the DAG processor or worker log, an entry under import errors; the DAG vanishes or keeps its old form.',
		ja: 'UI に "Broken DAG"、DAG プロセッサまたはワーカーのログに "Failed to import" と表示され、インポートエラーに記録されます。DAG は消えるか、古い内容のままになります。',
	},
	confused: {
		en: 'A file that only takes too long is dag-import-timeout. A file without any error that still does not show up is dag-not-synced. A module missing inside a running task is user-code-exception.',
		ja: '時間がかかるだけの場合は dag-import-timeout、エラーがないのに反映されない場合は dag-not-synced、実行中のタスク内でモジュールが見つからない場合は user-code-exception です。',
	},
	signatures: [
		line('Broken DAG: [', /Broken DAG: \[(?<file>[^\]\n]{1,500})\]/, 'proof'),
		line('Failed to import: ', /Failed to import: (?<file>[^\s]{1,500})/, 'proof'),
		line('Failed to bag_dag: ', /Failed to bag_dag: (?<file>[^\s]{1,500})/, 'proof'),
		// REST /importErrors; the stack trace itself stands on the lines that follow.
		line('import_error_id', /["']?import_error_id["']?/),
		// `airflow dags list-import-errors`.
		line('list-import-errors', /[$#] airflow dags list-import-errors/),
		line('filepath', /filepath {1,400}\| error/),
		line(
			'Exception when importing ',
			/Exception when importing '?(?<module>[\w.]{1,200})'? from '?(?<package>[\w.-]{1,200})'? package/,
			'weak',
		),
		line('No module named ', /ModuleNotFoundError: No module named '(?<module>[^'\n]{1,200})'/, 'weak'),
		line(
			'cannot import name ',
			/ImportError: cannot import name '(?<name>[^'\n]{1,200})' from '(?<module>[^'\n]{1,200})'/,
			'weak',
		),
	],
	yieldsTo: ['dag-import-timeout'],
	weigh(hits, scene) {
		const weighing = strongest(hits);
		// A task that ran and missed a module imports in its own code.
		if (weighing === undefined || weighing.says === 'weak') return undefined;
		// A task that only talks about it, in an info line or in the message of its own exception.
		const told = hits.some(({ level }) => level !== 'traceback' && level !== 'info' && level !== 'debug');
		if (scene.kind === 'task' && !told) return undefined;
		const root = scene.chain[0];
		const at = root?.frames.findLast((frame) => frame.own);
		return {
			...weighing,
			facts: {
				...(root === undefined ? {} : { exception: root.type, message: root.message.slice(0, 300) }),
				...(at === undefined ? {} : { file: at.file, line: String(at.line) }),
				...weighing.facts,
			},
		};
	},
	reads: ['importErrors', 'dag', 'workerLog'],
	decides: ['importErrors'],
	suspects: (failed) => isSilent(failed) || failed.told.includes('dag-missing-on-worker'),
	verify({ importErrors, dag }, { failed, facts }) {
		const file = dag?.file ?? facts['file'];
		const error = importErrors?.find((one) => file !== undefined && isSameFile(one.file, file));
		if (!error) return undefined;
		const last = error.stackTrace.trimEnd().split('\n').at(-1) ?? '';
		const module = /No module named '([^'\n]{1,200})'/.exec(last)?.[1];
		const ran = failed.hostname !== undefined && failed.startedAt !== undefined;
		const later = (time(error.at) ?? 0) > (time(failed.endedAt) ?? Infinity);
		return {
			// A worker that began the task had imported the file.
			status: ran || later ? 'beside' : 'confirmed',
			because: {
				en: `Airflow cannot import \`${error.file}\` (since ${clock(error.at)}): ${last}`,
				ja: `Airflow が \`${error.file}\` をインポートできません (${clock(error.at)} 以降): ${last}`,
			},
			source: 'importErrors',
			at: error.at,
			facts: { file: error.file, ...(module === undefined ? {} : { module }) },
		};
	},
	fix(context) {
		const { env, facts, lang } = context;
		const t = inLang(lang);
		const { at } = names(env);
		const module = facts['module']?.split('.')[0];
		const steps: FixStep[] = [];
		const where = facts['file'];
		if (facts['exception'] !== undefined || where !== undefined)
			steps.push(
				say(
					t(
						`${where ?? 'The file'}${facts['line'] === undefined ? '' : `, line ${facts['line']}`}: ${facts['exception'] ?? 'it does not import'}${facts['message'] === undefined ? '' : `: ${facts['message']}`}`,
						`${where ?? 'ファイル'}${facts['line'] === undefined ? '' : ` の ${facts['line']} 行目`}: ${facts['exception'] ?? 'インポートできません'}${facts['message'] === undefined ? '' : `: ${facts['message']}`}`,
					),
				),
			);
		if (module === 'airflow')
			steps.push(
				say(
					t(
						'This Airflow has no such module: it was moved or removed (google provider 14.0.0 removed the deprecated operators in March 2025; Airflow 3 removed SubDAGs, execution_date, schedule_interval, sla, and turned Dataset into Asset).',
						'この Airflow にはそのモジュールがありません。移動または削除されています (google プロバイダ 14.0.0 は 2025 年 3 月に非推奨のオペレーターを削除しました。Airflow 3 では SubDAG、execution_date、schedule_interval、sla が廃止され、Dataset は Asset になりました)。',
					),
				),
				sh(
					'pip install ruff\nruff check --select AIR3 --fix dags/',
					t('Find and mend what Airflow 3 removed:', 'Airflow 3 で廃止されたものを検出・修正します:'),
				),
			);
		else if (module !== undefined) {
			const name = PACKAGES[module] ?? module.replaceAll('_', '-');
			const composer = (): FixStep[] => [
				sh(
					updateEnvironment(env, `--update-pypi-package=${name}`),
					t(
						`If ${module} is a package, install it (fix its version with ==; this replaces the workers):`,
						`${module} が PyPI パッケージであれば、インストールします (== でバージョンを固定してください。ワーカーが入れ替わります):`,
					),
				),
			];
			steps.push(
				...forGeneration(context, {
					'composer-2': composer,
					'composer-3': composer,
					airflow: () => [
						sh(
							command('pip', 'install', name),
							t(
								`If ${module} is a package, install it on scheduler, DAG processor and every worker:`,
								`${module} が PyPI パッケージであれば、スケジューラ、DAG プロセッサ、全ワーカーにインストールします:`,
							),
						),
					],
				}),
				say(
					t(
						`If ${module} is a module of your own, put it below dags/ and import it from there (\`from ${module} import …\` needs dags/${module}.py or dags/${module}/__init__.py).`,
						`${module} が自作のモジュールであれば、dags/ 以下に置いてください (\`from ${module} import …\` には dags/${module}.py または dags/${module}/__init__.py が必要です)。`,
					),
				),
			);
		}
		const list = (): FixStep[] => [
			sh(
				command('gcloud', 'composer', 'environments', 'run', ...at, 'dags', 'list-import-errors'),
				t('All import errors of the environment:', '環境のすべてのインポートエラーを表示します:'),
			),
		];
		steps.push(
			...forGeneration(context, {
				'composer-2': list,
				'composer-3': list,
				airflow: () => [
					sh('airflow dags list-import-errors', t('All import errors:', 'すべてのインポートエラーを表示します:')),
				],
			}),
			sh(
				command('python', facts['file']?.split('/').at(-1) ?? 'dags/FILE.py'),
				t(
					'Test the file before the upload, with the same Airflow and packages (composer-dev runs them locally):',
					'アップロード前に、同じ Airflow とパッケージで確認します (composer-dev を使うとローカルで実行できます):',
				),
			),
		);
		return steps;
	},
	docs: 'https://cloud.google.com/composer/docs/composer-3/troubleshooting-dags',
});
