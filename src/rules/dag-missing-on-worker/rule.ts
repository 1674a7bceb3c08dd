import { defineRule, line } from '../../domain/rule.ts';
import { command, forGeneration, inLang, names, python, say, sh } from '../_parts/steps.ts';
import { airflowSettings } from '../_parts/settings.ts';
import { isSameFile } from '../_parts/audit.ts';
import { confirmed, likely } from '../_parts/said.ts';
import { strongest } from '../_parts/weigh.ts';
import { sober } from '../_parts/own.ts';

export default defineRule({
	id: 'dag-missing-on-worker',
	category: 'dag-code',
	title: { en: 'The DAG or task cannot be found', ja: 'DAG またはタスクが見つかりません' },
	looks: {
		en: '"Dag \'x\' could not be found", "Task x not found", "not found in serialized_dag table", "Dag not found during start up" (Airflow 3.1 and later): on the worker, in the scheduler, or when another DAG is triggered or waited for.',
		ja: '"Dag \'x\' could not be found"、"Task x not found"、"not found in serialized_dag table"、"Dag not found during start up" (Airflow 3.1 以降) が、ワーカー、スケジューラ、または他の DAG の起動・待機時に記録されます。',
	},
	confused: {
		en: 'A file that does not import is listed under import errors (dag-import-error); one that takes too long is dag-import-timeout; a file that is in the bucket but nowhere else is dag-not-synced.',
		ja: 'インポートできないファイルはインポートエラーに表示されます (dag-import-error)。時間がかかりすぎる場合は dag-import-timeout、バケットにあるのに反映されない場合は dag-not-synced です。',
	},
	signatures: [
		line(
			'could not be found; either it does not exist or it failed to parse',
			/Dag '(?<dag>[^']{1,250})' could not be found; either it does not exist or it failed to parse/i,
		),
		line('dag_id could not be found: ', /dag_id could not be found: (?<dag>[\w.-]{1,250})\./),
		line(' not found in serialized_dag table', /DAG '(?<dag>[^']{1,250})' not found in serialized_dag table/),
		line(' in DAG bag or database!', /Couldn't find DAG (?<dag>\S{1,250}) in DAG bag or database!/),
		line(
			'Dag not found during start up',
			/Dag not found during start up(?:[^\n]{0,200}dag_id=["']?(?<dag>[\w.-]{1,250}))?/,
		),
		line(
			'Task not found in Dag during start up',
			/Task not found in Dag during start up(?:[^\n]{0,200}task_id=["']?(?<task>[\w.-]{1,250}))?/,
		),
		line('Startup reschedule limit exceeded', /Startup reschedule limit exceeded/),
		line('TaskNotFound: Task ', /TaskNotFound: Task (?<task>\S{1,250}) not found/),
		line('not found in DagModel', /DagNotFound: Dag id (?<dag>\S{1,250}) not found in DagModel/),
		line('The external DAG ', /The external DAG (?<dag>\S{1,250}) (?:does not exist|was deleted)/),
		line(
			'The external task',
			/The external task(?: group)? '?(?<task>[^\s']{1,250})'? in DAG '?(?<dag>[\w.-]{1,250})'? does not exist/,
		),
		line(
			['DAG with dag_id: ', 'Dag with dag_id: ', 'The Dag with ID: '],
			/(?:DAG with dag_id: '(?<dag>[^'\n]{1,250})' not found|The Dag with ID: `(?<id>[^`\n]{1,250})` was not found)/i,
		),
		line('DAG not found', /["']title["']: ?["']DAG not found["']/),
		line(' does not exist in ', /DAG: (?<dag>[\w.-]{1,250}) does not exist in '?dag'? table/),
		// It goes on in the whole folder; usual while a new file travels.
		line(' not found in path ', /Dag '(?<dag>[^']{1,250})' not found in path /, 'weak'),
		line(
			'Rescheduling task during startup',
			/Rescheduling task during startup, marking task as UP_FOR_RESCHEDULE/,
			'weak',
		),
		line('Deactivating stale DAG ', /Deactivating stale DAG (?<dag>\S{1,250})\. Not parsed for/, 'weak'),
	],
	yieldsTo: ['dag-import-error', 'dag-import-timeout'],
	weigh: (hits, scene) => sober(strongest(hits), hits, scene),
	reads: ['importErrors', 'dag', 'tries'],
	decides: ['importErrors'],
	verify({ importErrors, dag, tries }, { failed, told }) {
		if (told === undefined) return undefined;
		const later = tries?.find(({ tryNumber, state }) => tryNumber > failed.tryNumber && state === 'success');
		if (later)
			return confirmed(
				'tries',
				`try ${later.tryNumber} found it: the file reached the worker late.`,
				`${later.tryNumber} 回目の試行では見つかっています。ファイルがワーカーに届くのが遅れたためです。`,
				{ at: later.startedAt },
			);
		const { file } = dag ?? {};
		if (!importErrors || file === undefined || importErrors.some((one) => isSameFile(one.file, file))) return undefined;
		return likely(
			'importErrors',
			`\`${file}\` imports without an error on the DAG processor: what is missing is missing on the worker.`,
			`\`${file}\` は DAG プロセッサではエラーなくインポートできています。ワーカー側で不足しています。`,
		);
	},
	fix(context) {
		const { env, facts, lang } = context;
		const t = inLang(lang);
		const { bucket, at } = names(env);
		const what = facts['dag'] ?? facts['task'];
		const composer = () => [
			sh(
				[
					command('gcloud', 'composer', 'environments', 'run', ...at, 'dags', 'list-import-errors'),
					command('gcloud', 'storage', 'ls', '--long', `gs://${bucket}/dags/**`),
				],
				t(
					'Is the file in the bucket, since when, and does it import?',
					'ファイルがバケットにあるか、いつ更新されたか、インポートできるかを確認します:',
				),
			),
			sh(
				command('gcloud', 'composer', 'environments', 'run', ...at, 'dags', 'list'),
				t('Which ids does the environment know?', '環境が認識している DAG ID を確認します:'),
			),
		];
		return [
			say(
				what === undefined
					? t('The id that was asked for is not there.', '指定された ID が見つかりません。')
					: t(
							`Nothing is known as ${what}: look for a typing error, a renamed or deleted file, or an id that depends on the time or on a Variable.`,
							`${what} が見つかりません。入力ミス、ファイル名の変更や削除、時刻や Variable によって変わる ID がないか確認してください。`,
						),
			),
			...forGeneration(context, {
				'composer-2': composer,
				'composer-3': composer,
				airflow: () => [
					sh(
						'airflow dags list-import-errors\nairflow dags list',
						t(
							'Run it on the worker as well as on the scheduler; both must see the same files and packages:',
							'スケジューラだけでなくワーカーでも実行し、同じファイルとパッケージが見えるか確認します:',
						),
					),
				],
			}),
			python(
				[
					'with DAG(dag_id="fixed_name", ...):  # never from datetime.now(), random or a Variable',
					'    for name in ["a", "b"]:  # a list in the code, the same on every machine',
					'        PythonOperator(task_id=f"load_{name}", ...)',
				],
				t(
					'Ids must come out the same whenever and wherever the file is read:',
					'ID は、いつどこで読み込んでも同じになる必要があります:',
				),
			),
			...airflowSettings(
				context,
				{ 'core-dagbag_import_timeout': '160' },
				{
					en: 'If the file is only slow under load, give the import more time (Composer default 120 s, upstream 30 s; Composer 3 at most 600):',
					ja: '負荷時に読み込みが遅いだけであれば、インポートの制限時間を延ばします (Composer の既定は 120 秒、標準は 30 秒、Composer 3 は最大 600 秒):',
				},
			),
			say(
				t(
					'A new file needs a minute to reach every worker; a retry then succeeds.',
					'新しいファイルが全ワーカーに届くまで時間がかかることがあり、その場合は再試行で成功します。',
				),
			),
		];
	},
	docs: 'https://cloud.google.com/composer/docs/composer-3/troubleshooting-dags',
});
