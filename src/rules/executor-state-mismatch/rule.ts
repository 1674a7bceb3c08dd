import { defineRule, line } from '../../domain/rule.ts';
import { command, forGeneration, inLang, names, python, quoted, say, sh } from '../_parts/steps.ts';
import { strongest } from '../_parts/weigh.ts';
import { sober } from '../_parts/own.ts';
import { clock, isSilent, stateMismatch } from '../_parts/audit.ts';
import { confirmed } from '../_parts/said.ts';

export default defineRule({
	id: 'executor-state-mismatch',
	category: 'scheduling',
	title: {
		en: 'Executor and database disagree: the worker could not start the task or died at once',
		ja: 'エグゼキュータとデータベースの状態が一致しません。ワーカーがタスクを開始できなかったか、直後に終了しました',
	},
	looks: {
		en: 'The scheduler says that the executor reported the task as finished although its state is queued (or running). Usually there is no task log.',
		ja: 'タスクの状態が queued (または running) のままなのに、エグゼキュータが終了を報告したとスケジューラが記録します。通常、タスクのログはありません。',
	},
	confused: {
		en: 'A symptom. Behind it stand a DAG that does not import on the worker (or not in time), a DAG file missing there, a worker out of memory at the start, a broker that does not take messages, or a Celery message delivered twice. With a heartbeat line for the same task it was running: zombie-heartbeat-timeout. With a person in the event log: task-externally-set-state.',
		ja: 'これは症状です。原因には、ワーカーでの DAG のインポート失敗・タイムアウト、DAG ファイルの欠落、起動時のメモリ不足、メッセージを受け付けないブローカー、Celery メッセージの二重配信があります。同じタスクにハートビートの行があれば実行中でした (zombie-heartbeat-timeout)。イベントログに人の操作があれば task-externally-set-state です。',
	},
	signatures: [
		// Before 2.9; 2.9.0 wrote `it's`.
		line(
			' although the task says it',
			/Executor reports task instance <TaskInstance: (?<ti>[^>]{1,600}) \[(?<state>\w{1,30})\]> finished \((?<executorState>\w{1,20})\) although the task says it'?s/,
		),
		line(
			'but the task instance',
			/reported that the task instance <TaskInstance: (?<ti>[^>]{1,600}) \[(?<state>\w{1,30})\]> finished with state (?<executorState>\w{1,20}), but the task instance's state attribute is/,
		),
		line('state mismatch', /["']?event["']?[:=] ?["']state mismatch["']/),
		// Airflow 3: the execution API refused the worker that wanted to start the task (409).
		line(
			'TI was not in a state where it could be marked as running',
			/TI was not in a state where it could be marked as running/,
		),
		line('TI is already running elsewhere', /TI is already running elsewhere/),
		line('running_elsewhere', /["']?reason["']?[:=] ?["']?running_elsewhere/),
		// A message delivered again after a worker restart; the worker log hides the 409 behind this.
		line('ServerResponseError(', /execute_workload\[[^\]]{1,60}\] raised unexpected: ServerResponseError\(/, 'weak'),
		line(
			'does not match this instance',
			/The recorded hostname (?<recorded>\S{1,253}) does not match this instance's hostname (?<host>\S{1,253})/,
			'weak',
		),
		line('does not match the current pid', /Recorded pid \d{1,10} does not match the current pid \d{1,10}/, 'weak'),
	],
	symptom: true,
	yieldsTo: [
		'zombie-heartbeat-timeout',
		'celery-broker-problem',
		'dag-missing-on-worker',
		'dag-import-error',
		'dag-import-timeout',
		'worker-oom-task-sigkill',
		'task-externally-set-state',
		'worker-rollout-by-update',
		'dagrun-timeout',
		'task-stuck-queued',
		'task-token-expired',
	],
	weigh: (hits, scene) => sober(strongest(hits), hits, scene),
	reads: ['eventLog', 'schedulerLog', 'workerLog'],
	decides: [['eventLog', 'schedulerLog'], 'workerLog'],
	suspects: isSilent,
	verify(seen, { failed }) {
		const noted = stateMismatch(seen, failed);
		if (noted === undefined) return undefined;
		const { source, at } = noted;
		const never = failed.hostname === undefined;
		return confirmed(
			source,
			`the scheduler noted a state mismatch at ${clock(at)}${never ? '; no worker ever reported the task, so it never began' : ''}.`,
			`スケジューラが ${clock(at)} に state mismatch を記録しています${never ? '。ワーカーからの報告はなく、タスクは開始されていません' : ''}。`,
			{ at },
		);
	},
	fix(context) {
		const { env, facts, lang } = context;
		const t = inLang(lang);
		const { environment, location, at } = names(env);
		const composer = () => [
			sh(
				command(
					'gcloud',
					'logging',
					'read',
					`resource.type="cloud_composer_environment" resource.labels.environment_name=${quoted(environment)} resource.labels.location=${quoted(location)} log_id("airflow-worker") ("Failed to import" OR "DagBag import timeout" OR "Celery command failed on host" OR "could not be found" OR "signal 9")`,
					'--freshness=2d',
					'--limit=50',
					'--format=value(timestamp,labels.worker_id,textPayload)',
					...(env.project === undefined ? [] : [`--project=${env.project}`]),
				),
				t(
					'Read what the workers said around the queued time; that line names the cause:',
					'キューに入った時刻前後のワーカーのログを確認します。その行に原因が示されています:',
				),
			),
			sh(
				command('gcloud', 'composer', 'environments', 'run', ...at, 'dags', 'list-import-errors'),
				t('And whether the DAG imports:', 'DAG をインポートできるかも確認します:'),
			),
		];
		return [
			...(facts['state'] === 'running'
				? [
						say(
							t(
								'The task was running, so its supervisor died (memory, restart, rollout) rather than the start failing.',
								'タスクは実行中だったため、開始の失敗ではなく監視プロセスの消失 (メモリ、再起動、入れ替え) が疑われます。',
							),
						),
					]
				: []),
			...forGeneration(context, {
				'composer-2': composer,
				'composer-3': composer,
				airflow: () => [
					sh(
						"airflow dags list-import-errors\nkubectl logs -l component=worker --since=2h | grep -E 'Failed to import|import timeout|Celery command failed|could not be found|signal 9'",
						t(
							'Read what the workers said around the queued time:',
							'キューに入った時刻前後のワーカーのログを確認します:',
						),
					),
				],
			}),
			say(
				t(
					'Follow that root: shorten the imports at the top of the DAG file, give the worker memory, make every worker have the same files and packages.',
					'見つかった原因に対処してください。DAG ファイル先頭のインポートを軽くする、ワーカーのメモリを増やす、全ワーカーのファイルとパッケージを揃えるなどです。',
				),
			),
			python(
				'default_args = {"retries": 2}',
				t('Retries let a lost start heal by itself:', 'retries を設定すると、開始の失敗から自動で復旧します:'),
			),
		];
	},
	docs: 'https://airflow.apache.org/docs/apache-airflow/stable/troubleshooting.html',
});
