import { defineRule, line } from '../../domain/rule.ts';
import { command, forGeneration, inLang, names, say, sh } from '../_parts/steps.ts';
import { strongest } from '../_parts/weigh.ts';

export default defineRule({
	id: 'dag-not-synced',
	category: 'environment',
	title: { en: 'A file in the bucket does not reach Airflow', ja: 'バケットのファイルが Airflow に反映されません' },
	looks: {
		en: 'A DAG was uploaded or changed, the object is in gs://BUCKET/dags, and Airflow shows nothing new and no import error.',
		ja: 'DAG をアップロード・変更し、gs://BUCKET/dags にオブジェクトがあるのに、Airflow に反映されず、インポートエラーも出ません。',
	},
	confused: {
		en: 'An import error is shown under import errors (dag-import-error). `.airflowignore`, or a file without the words dag and airflow (dag_discovery_safe_mode), is skipped on purpose. A starved DAG processor reads the file late (scheduler-overloaded).',
		ja: 'インポートエラーは一覧に表示されます (dag-import-error)。`.airflowignore` の対象や、dag と airflow の語を含まないファイル (dag_discovery_safe_mode) は意図的に無視されます。DAG プロセッサの資源不足では読み込みが遅れます (scheduler-overloaded)。',
	},
	signatures: [
		// What `gcloud storage objects describe`, `gsutil stat` and the API print of an object; only below dags/ it matters.
		line(
			['ontent-Encoding', 'ontent_encoding', 'ontentEncoding', 'Content Encoding'],
			/["']?[Cc]ontent[-_ ]?[Ee]ncoding["']?: {0,40}["']?gzip/,
			'weak',
		),
		// gsutil rsync, on which the sync is built, over an object whose name ends with a slash or is also a folder.
		line(
			'to filename ending with slash',
			/Skipping attempt to download to filename ending with slash \((?<path>[^)\n]{1,600})\)/,
			'weak',
		),
		line(
			'gcs-syncd',
			/gcs-syncd[^\n]{0,400}(?:CommandException|Is a directory|Not a directory|AccessDenied|403 )/,
			'weak',
		),
	],
	asks: ['/dags/', '/plugins/', 'gcs-syncd', '.py'],
	weigh(hits, scene) {
		const weighing = strongest(hits);
		if (weighing === undefined || scene.kind === 'task') return undefined;
		const inDags = scene.has('/dags/') || scene.has('/plugins/');
		const gzip = hits.some(({ text }) => /gzip/.test(text));
		if (gzip)
			return inDags && scene.has('.py')
				? { ...weighing, says: 'strong', facts: { ...weighing.facts, encoding: 'gzip' } }
				: undefined;
		return scene.has('gcs-syncd') || inDags ? weighing : undefined;
	},
	fix(context) {
		const { env, facts, lang } = context;
		const t = inLang(lang);
		const { bucket, at } = names(env);
		const gzip = facts['encoding'] === 'gzip';
		const composer = () => [
			sh(
				command(
					'gcloud',
					'storage',
					'objects',
					'describe',
					`gs://${bucket}/dags/FILE.py`,
					'--format=yaml(content_encoding,update_time,size)',
				),
				t(
					'Look at the object: with content_encoding gzip it is skipped (since May 2025):',
					'オブジェクトを確認します。content_encoding が gzip の場合は無視されます (2025 年 5 月以降):',
				),
			),
			sh(
				command('gcloud', 'storage', 'cp', 'FILE.py', `gs://${bucket}/dags/FILE.py`),
				t(
					'Upload a plain copy, without --gzip-local and --gzip-local-all (--clear-content-encoding only drops the label, the bytes stay compressed):',
					'--gzip-local や --gzip-local-all を付けずに、圧縮していないファイルをアップロードします (--clear-content-encoding はラベルを消すだけで、データは圧縮されたままです):',
				),
			),
			...(gzip
				? []
				: [
						sh(
							command('gcloud', 'storage', 'ls', '--long', '--recursive', `gs://${bucket}/dags/`),
							t(
								'Look for a folder whose name ends in .py (never synced), an object with the name of a folder, odd names, and how many files there are:',
								'名前が .py で終わるフォルダ (同期されません)、フォルダと同名のオブジェクト、不正な名前、ファイル数を確認します:',
							),
						),
						sh(
							command(
								'gcloud',
								'composer',
								'environments',
								'describe',
								...at,
								'--format=value(config.nodeConfig.serviceAccount,storageConfig.bucket)',
							),
							t(
								'The service account needs Composer Worker rights on the bucket:',
								'サービスアカウントには、バケットに対する Composer ワーカーの権限が必要です:',
							),
						),
					]),
			say(
				t(
					'Thousands of files in dags/ and plugins/ slow the sync: zip DAGs, move data elsewhere, give scheduler or DAG processor more CPU and disk.',
					'dags/ や plugins/ に大量のファイルがあると同期が遅くなります。DAG を zip にまとめる、データを別の場所へ移す、スケジューラや DAG プロセッサの CPU・ディスクを増やすなどの対処をしてください。',
				),
			),
		];
		return forGeneration(context, {
			'composer-2': composer,
			'composer-3': composer,
			airflow: () => [
				say(
					t(
						'Look at what brings the files there (git-sync, a volume, a CI job): its log, its last run, and whether scheduler, DAG processor and workers all mount the same folder.',
						'ファイルを配置する仕組み (git-sync、ボリューム、CI) のログと最終実行、およびスケジューラ・DAG プロセッサ・ワーカーが同じフォルダを参照しているかを確認してください。',
					),
				),
			],
		});
	},
	docs: 'https://cloud.google.com/composer/docs/composer-3/troubleshooting-cloud-storage',
});
