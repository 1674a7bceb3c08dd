import { defineRule, line } from '../../domain/rule.ts';
import { command, forGeneration, inLang, names, quoted, say, sh } from '../_parts/steps.ts';
import { strongest } from '../_parts/weigh.ts';
import { sober } from '../_parts/own.ts';
import { aboutTry, clock, endedByHand, isSilent } from '../_parts/audit.ts';

export default defineRule({
	id: 'task-externally-set-state',
	category: 'scheduling',
	title: {
		en: 'The task was stopped from outside: its state was changed or it was told to end',
		ja: 'タスクが外部から停止されました (状態の変更または終了指示)',
	},
	looks: {
		en: 'Airflow 2: "State of this instance has been externally set to …" or "Task received SIGTERM signal". Airflow 3: "Server indicated the task shouldn\'t be running anymore" and "Task killed!".',
		ja: 'Airflow 2 では "State of this instance has been externally set to …" または "Task received SIGTERM signal"、Airflow 3 では "Server indicated the task shouldn\'t be running anymore" と "Task killed!" が記録されます。',
	},
	confused: {
		en: 'Who sent it decides: a person (UI, REST, CLI), dagrun_timeout (state skipped), the scheduler after lost heartbeats (zombie-heartbeat-timeout), or a worker that was replaced (worker-rollout-by-update: many tasks of one worker at once). The exit code -15 or 143 of a Bash child is its consequence.',
		ja: '停止の送り手で原因が変わります。人 (UI、REST、CLI)、dagrun_timeout (状態は skipped)、ハートビート喪失後のスケジューラ (zombie-heartbeat-timeout)、ワーカーの入れ替え (worker-rollout-by-update。1 台のワーカーの多くのタスクが同時に停止) があります。Bash の子プロセスの終了コード -15 や 143 は結果です。',
	},
	signatures: [
		line(
			'has been externally set to ',
			/State of this instance has been externally set to (?<state>\w{1,30})\. Terminating instance/,
			'proof',
		),
		line(
			"the task shouldn't be running anymore",
			/Server indicated the task shouldn't be running anymore\. Terminating process(?:[^\n]{0,200}["']reason["']: ?["'](?<reason>\w{1,40})["'])?(?:[^\n]{0,200}["']current_state["']: ?["'](?<state>\w{1,30})["'])?/,
			'proof',
		),
		line('TI is no longer in the running state', /TI is no longer in the running state and task should terminate/),
		line('Task received SIGTERM signal', /Task received SIGTERM signal/),
		line('Received SIGTERM. Terminating subprocesses.', /Received SIGTERM\. Terminating subprocesses\./),
		line('does not match this instance', /The recorded hostname \S{1,253} does not match this instance's hostname/),
		line(
			['does not match the current pid', 'of job runner does not match'],
			/(?:Recorded pid \d{1,10} does not match the current pid \d{1,10}|(?:PID|Hostname) of job runner does not match)/,
		),
		line('Task killed!', /Task killed!/),
		line('Sending SIGTERM signal to process group', /Sending SIGTERM signal to process group/, 'weak'),
		// Set while it still waited in the queue: the worker finds it in another state.
		line(
			"dependency 'Task Instance State' FAILED",
			/dependency 'Task Instance State' FAILED: Task is in the '(?<state>failed|success|skipped|removed|None)' state/,
		),
	],
	yieldsTo: ['dagrun-timeout', 'task-execution-timeout', 'worker-rollout-by-update'],
	weigh(hits, scene) {
		if (scene.ended === 'success' && !hits.some((hit) => hit.signature.says === 'proof')) return undefined;
		const weighing = sober(strongest(hits), hits, scene);
		if (weighing === undefined) return undefined;
		// Only dagrun_timeout skips what runs on Airflow 3; Airflow 2 says so itself ("DagRun timed out").
		if (weighing.facts?.['state'] === 'skipped')
			return { ...weighing, says: weighing.facts['reason'] === undefined ? 'strong' : 'weak' };
		return weighing;
	},
	reads: ['eventLog'],
	decides: ['eventLog'],
	suspects: isSilent,
	verify({ eventLog }, { failed, facts }) {
		const byHand = eventLog && endedByHand(eventLog, failed);
		if (byHand) {
			const who = byHand.owner ?? '?';
			return {
				status: 'confirmed',
				because: {
					en: `stopped by ${who}: \`${byHand.event}\` at ${clock(byHand.at)}, when the try ended.`,
					ja: `試行が終了した ${clock(byHand.at)} に、${who} が \`${byHand.event}\` を実行しています。`,
				},
				source: 'eventLog',
				at: byHand.at,
				facts: { actor: who },
			};
		}
		const lost = eventLog && aboutTry(eventLog, failed).findLast(({ event }) => event === 'heartbeat timeout');
		if (lost && facts['state'] !== undefined)
			return {
				status: 'ruled-out',
				because: {
					en: `it was the scheduler itself, which had lost the heartbeat of the task (${clock(lost.at)}).`,
					ja: `停止したのは、タスクのハートビートを検出できなくなったスケジューラです (${clock(lost.at)})。`,
				},
				source: 'eventLog',
				at: lost.at,
			};
		return undefined;
	},
	fix(context) {
		const { env, facts, lang } = context;
		const t = inLang(lang);
		const { environment, location, at } = names(env);
		const dag = facts['dag'] ?? 'DAG';
		const composer = () => [
			sh(
				[
					`TOKEN="$(gcloud auth print-access-token)"`,
					`URL="$(${command('gcloud', 'composer', 'environments', 'describe', ...at, '--format=value(config.airflowUri)')})"`,
					`curl -sH "Authorization: Bearer $TOKEN" "$URL/api/${env.airflowVersion?.startsWith('3') ? 'v2' : 'v1'}/eventLogs?dag_id=${encodeURIComponent(dag)}&order_by=-${env.airflowVersion?.startsWith('3') ? 'when' : 'event_log_id'}&limit=25"`,
				],
				t(
					'The event log names who cleared or set the task (event clear, failed, success; owner); "heartbeat timeout" there is the scheduler (Airflow 3: /api/v2):',
					'イベントログで、タスクをクリア・変更した人を確認します (event は clear、failed、success。owner が操作者)。"heartbeat timeout" はスケジューラによるものです (Airflow 3 では /api/v2):',
				),
			),
			sh(
				command(
					'gcloud',
					'logging',
					'read',
					`resource.type="cloud_composer_environment" resource.labels.environment_name=${quoted(environment)} resource.labels.location=${quoted(location)} log_id("airflow-scheduler") ("without heartbeat" OR "zombie" OR "timed-out")`,
					'--freshness=2d',
					'--limit=20',
					...(env.project === undefined ? [] : [`--project=${env.project}`]),
				),
				t(
					'If nobody did it: was it the scheduler (lost heartbeat, dagrun_timeout)?',
					'操作した人がいない場合は、スケジューラ (ハートビート喪失、dagrun_timeout) を確認します:',
				),
			),
		];
		return [
			say(
				t(
					`Nothing in the task failed${facts['state'] === undefined ? '' : ` (its state was set to ${facts['state']})`}. If a person did it, there is nothing to mend; clear the task to run it again.`,
					`タスク自体は失敗していません${facts['state'] === undefined ? '' : ` (状態が ${facts['state']} に変更されました)`}。人が操作した場合、対処は不要です。再実行するにはタスクをクリアしてください。`,
				),
			),
			...forGeneration(context, {
				'composer-2': composer,
				'composer-3': composer,
				airflow: () => [
					say(
						t(
							`Look at Browse > Audit Logs (REST /eventLogs) for ${dag}: event clear, failed or success with the owner; "heartbeat timeout" there means the scheduler. Then at the scheduler log for "timed-out" and "heartbeat".`,
							`Browse > Audit Logs (REST では /eventLogs) で ${dag} の clear、failed、success とその owner を確認してください。"heartbeat timeout" はスケジューラによるものです。続いて、スケジューラのログで "timed-out" と "heartbeat" を確認してください。`,
						),
					),
				],
			}),
			say(
				t(
					'Many tasks of one worker at the same moment: the worker was replaced (update, maintenance, scale-in). Composer 2.1.0 to 2.6.4 could mark past successes as failed (upgrade to 2.6.5 or later).',
					'1 台のワーカーの多くのタスクが同時に停止した場合は、ワーカーの入れ替え (更新、メンテナンス、縮小) です。Composer 2.1.0～2.6.4 では過去の成功が失敗に変わることがあります (2.6.5 以降にアップグレードしてください)。',
				),
			),
		];
	},
	docs: 'https://cloud.google.com/composer/docs/composer-3/troubleshooting-dags',
});
