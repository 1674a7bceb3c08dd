import { defineRule, line } from '../../domain/rule.ts';
import { inLang, python, say } from '../_parts/steps.ts';
import { strongest } from '../_parts/weigh.ts';
import { sober } from '../_parts/own.ts';

export default defineRule({
	id: 'dagrun-timeout',
	category: 'dag-code',
	title: { en: 'The DAG run took longer than its dagrun_timeout', ja: 'DAG 実行が dagrun_timeout を超えました' },
	looks: {
		en: 'Scheduler: "Run … of … has timed-out"; the tasks that still ran are stopped and skipped ("DagRun timed out after", Airflow 3: current_state skipped).',
		ja: 'スケジューラに "Run … of … has timed-out" と記録され、実行中のタスクは停止・スキップされます ("DagRun timed out after"、Airflow 3 では current_state が skipped)。',
	},
	confused: {
		en: 'A person or the API that sets the state gives the same stop in the task log (task-externally-set-state); an SLA message stops nothing.',
		ja: '人や API による状態変更でも、タスクログでは同じように停止します (task-externally-set-state)。SLA の通知では何も停止しません。',
	},
	signatures: [
		line(' has timed-out', /Run (?<run>\S{1,250}) of (?<dag>\S{1,250}) has timed-out/, 'proof'),
		line('DagRun timed out after ', /DagRun timed out after (?<limit>[^\n]{1,60}?)\.?\s*$/, 'proof'),
		// Only the passed timeout skips a running task; a person sets failed or success.
		line(
			"the task shouldn't be running anymore",
			/Server indicated the task shouldn't be running anymore[^\n]{0,400}["']current_state["']: ?["']skipped["']/,
		),
		line(
			'has been externally set to ',
			/State of this instance has been externally set to skipped\. Terminating instance/,
			'weak',
		),
	],
	weigh: (hits, scene) => sober(strongest(hits), hits, scene),
	fix({ facts, lang }) {
		const t = inLang(lang);
		return [
			say(
				t(
					'Find what took the time: a slow task, or tasks that waited in the queue (workflow/schedule_delay, workflow/task_instance/queued_duration). The clock starts with the run, not with its first task.',
					'時間がかかった原因を確認してください。遅いタスクか、キュー待ちのタスクです (workflow/schedule_delay、workflow/task_instance/queued_duration)。計測は最初のタスクではなく、DAG 実行の開始から始まります。',
				),
			),
			python(
				[
					'from datetime import timedelta',
					'',
					`with DAG(dag_id=${JSON.stringify(facts['dag'] ?? 'DAG')}, dagrun_timeout=timedelta(hours=6), ...):  # above the usual duration with room`,
				],
				t('If the run is only longer than it used to be, raise it:', '実行時間が延びただけであれば、上限を上げます:'),
			),
		];
	},
	docs: 'https://airflow.apache.org/docs/apache-airflow/stable/core-concepts/dag-run.html',
});
