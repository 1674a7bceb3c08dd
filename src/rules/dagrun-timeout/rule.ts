import { defineRule, line } from '../../domain/rule.ts';
import { inLang, python, say } from '../_parts/steps.ts';
import { strongest } from '../_parts/weigh.ts';
import { sober } from '../_parts/own.ts';
import { clock, endedByHand, time } from '../_parts/audit.ts';

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
	reads: ['dagRun', 'taskInstances', 'eventLog', 'schedulerLog'],
	decides: [['taskInstances', 'schedulerLog']],
	suspects: ({ state, told }) => state === 'skipped' || told.includes('task-externally-set-state'),
	verify({ dagRun, taskInstances, eventLog }, { failed }) {
		const byHand = eventLog && endedByHand(eventLog, failed);
		if (byHand)
			return {
				status: 'ruled-out',
				because: {
					en: `${byHand.owner ?? 'somebody'} ended it (\`${byHand.event}\` at ${clock(byHand.at)}).`,
					ja: `${byHand.owner ?? '誰か'} が終了させています (${clock(byHand.at)} の \`${byHand.event}\`)。`,
				},
				source: 'eventLog',
				at: byHand.at,
			};
		if (dagRun?.state !== 'failed' || !taskInstances) return undefined;
		const failures = taskInstances.filter(({ state }) => state === 'failed' || state === 'upstream_failed').length;
		const stopped = taskInstances.filter(({ state, hostname }) => state === 'skipped' && hostname !== undefined).length;
		if (failures > 0 || stopped === 0) return undefined;
		const from = time(dagRun.startedAt);
		const to = time(dagRun.endedAt);
		const minutes = from === undefined || to === undefined ? undefined : Math.round((to - from) / 60_000);
		return {
			status: 'likely',
			because: {
				en: `the run failed${minutes === undefined ? '' : ` after ${minutes} minutes`} although no task of it did: ${stopped} that ran ${stopped === 1 ? 'was' : 'were'} stopped and skipped, which only dagrun_timeout does.`,
				ja: `失敗したタスクがないのに、実行が${minutes === undefined ? '' : ` ${minutes} 分後に`}失敗しています。実行中の ${stopped} 件が停止され skipped になっており、これは dagrun_timeout の動作です。`,
			},
			source: 'taskInstances',
			at: dagRun.endedAt,
		};
	},
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
