import { defineRule, line } from '../../domain/rule.ts';
import { inLang, python, say } from '../_parts/steps.ts';
import { strongest } from '../_parts/weigh.ts';
import { sober } from '../_parts/own.ts';

export default defineRule({
	id: 'task-execution-timeout',
	category: 'dag-code',
	title: {
		en: 'The task ran longer than its execution_timeout',
		ja: 'タスクの実行時間が execution_timeout を超えました',
	},
	looks: {
		en: '"Process timed out" and then AirflowTaskTimeout; the traceback shows where the task was at that moment.',
		ja: '"Process timed out" に続いて AirflowTaskTimeout が発生します。トレースバックは、その時点で実行していた場所を示します。',
	},
	confused: {
		en: 'The import of a DAG file uses the same helper and the same text (dag-import-timeout: look for DagBag). The whole run that passes dagrun_timeout is dagrun-timeout; a sensor that waited in vain is sensor-timeout.',
		ja: 'DAG ファイルのインポートも同じ仕組みと同じ文を使います (dag-import-timeout。DagBag の語を確認してください)。実行全体の dagrun_timeout 超過は dagrun-timeout、センサーの待機切れは sensor-timeout です。',
	},
	signatures: [
		line('AirflowTaskTimeout: Timeout, PID: ', /AirflowTaskTimeout: Timeout, PID: \d{1,10}/, 'proof'),
		line('AirflowTaskTimeout', /AirflowTaskTimeout(?!\(?['"]?:? ?['"]?DagBag)/),
		line('Process timed out', /Process timed out(?:,? (?:PID: |pid=)\d{1,10})/),
	],
	asks: ['DagBag import timeout for', 'Error sending Celery '],
	yieldsTo: ['dag-import-timeout', 'sensor-timeout'],
	weigh(hits, scene) {
		if (scene.has('DagBag import timeout for') || scene.ended === 'success') return undefined;
		// The scheduler guards its own send to the broker with the same helper.
		if (scene.has('Error sending Celery ')) return undefined;
		const weighing = sober(strongest(hits), hits, scene);
		const link = scene.chain.find(({ type }) => type.endsWith('AirflowTaskTimeout'));
		// Caught by the user's own except: another exception ended the try.
		if (weighing && link === undefined && scene.chain.length > 0) return { ...weighing, says: 'weak' };
		const at = link?.frames.findLast((frame) => frame.own);
		return weighing && at
			? { ...weighing, facts: { ...weighing.facts, file: at.file, line: String(at.line), function: at.function } }
			: weighing;
	},
	fix({ facts, lang }) {
		const t = inLang(lang);
		return [
			say(
				facts['file'] === undefined
					? t(
							'Find what took so long: the last frames of the traceback show what the task waited for.',
							'時間がかかった処理を確認してください。トレースバックの最後のフレームが待機していた場所です。',
						)
					: t(
							`When the time ran out the task was in ${facts['file']}, line ${facts['line']} (${facts['function']}). Find out why that takes so long; a call without a timeout of its own can wait for ever.`,
							`制限時間に達した時点で、タスクは ${facts['file']} の ${facts['line']} 行目 (${facts['function']}) を実行していました。時間がかかる理由を確認してください。タイムアウトのない呼び出しは無期限に待つことがあります。`,
						),
			),
			python(
				[
					'from datetime import timedelta',
					'',
					'PythonOperator(',
					'    ...,',
					'    execution_timeout=timedelta(hours=2),  # above the usual duration with room',
					'    retries=2,',
					')',
				],
				t('If the work has only grown, allow more time:', '処理量が増えただけであれば、制限時間を延ばします:'),
			),
			python(
				'SomeOperator(..., deferrable=True)',
				t(
					'Waiting for a foreign job belongs into a deferrable operator:',
					'外部ジョブの待機には deferrable オペレーターを使います:',
				),
			),
			say(
				t(
					'Compare workflow/task_instance/run_duration over the last weeks: a jump on the day of an upgrade points to a slower build, a slow climb to more data.',
					'過去数週間の workflow/task_instance/run_duration を比べてください。アップグレード当日の急増はビルドの性能低下、緩やかな増加はデータ量の増加を示します。',
				),
			),
		];
	},
	docs: 'https://airflow.apache.org/docs/apache-airflow/stable/core-concepts/tasks.html#timeouts',
});
