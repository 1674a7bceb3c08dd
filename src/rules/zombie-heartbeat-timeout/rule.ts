import { defineRule, line } from '../../domain/rule.ts';
import { command, forGeneration, inLang, names, python, quoted, say, sh } from '../_parts/steps.ts';
import { airflowSettings } from '../_parts/settings.ts';
import { strongest } from '../_parts/weigh.ts';
import { sober } from '../_parts/own.ts';
import { aboutTry, clock, isSilent, sameHost } from '../_parts/audit.ts';
import { confirmed } from '../_parts/said.ts';
import { hostInScheduler } from '../_parts/worker.ts';

export default defineRule({
	id: 'zombie-heartbeat-timeout',
	category: 'resources',
	title: {
		en: "The scheduler lost the task's heartbeat (zombie)",
		ja: 'スケジューラがタスクのハートビートを検出できませんでした (ゾンビタスク)',
	},
	looks: {
		en: '"Detected zombie job" (Airflow 2) or "Detected a task instance without a heartbeat" (Airflow 3) in the scheduler log, "heartbeat timeout" in the event log; the task log just stops.',
		ja: 'スケジューラのログに "Detected zombie job" (Airflow 2) または "Detected a task instance without a heartbeat" (Airflow 3)、イベントログに "heartbeat timeout" が記録され、タスクのログは途中で止まります。',
	},
	confused: {
		en: 'A symptom with two sides: the process is gone (memory, eviction, restart, rollout) or it lives and cannot report (worker without CPU, database, network). A task that was never started is no zombie (task-stuck-queued); a state set by a person and dagrun_timeout look alike in the task log.',
		ja: 'これは症状で、2 通りあります。プロセスが失われた場合 (メモリ、退避、再起動、入れ替え) と、動いているが報告できない場合 (ワーカーの CPU 不足、データベース、ネットワーク) です。開始されなかったタスクはゾンビではありません (task-stuck-queued)。人による状態の変更や dagrun_timeout もタスクログでは似て見えます。',
	},
	signatures: [
		// Hostname is the worker to look at next.
		line(
			'Detected zombie job: ',
			/Detected zombie job: (?:[^\n]{0,2000}'DAG Id': '(?<dag>[^']{1,250})', 'Task Id': '(?<task>[^']{1,250})'(?:[^\n]{0,400}'Hostname': '(?<host>[^']{1,253})')?)?/,
			'proof',
		),
		line(
			'Detected a task instance without a heartbeat',
			/Detected a task instance without a heartbeat(?:[^\n]{0,2000}'DAG Id': '(?<dag>[^']{1,250})', 'Task Id': '(?<task>[^']{1,250})'(?:[^\n]{0,400}'Hostname': '(?<host>[^']{1,253})')?)?/,
			'proof',
		),
		line(' without heartbeat after ', /Failing \(?(?<tasks>\d{1,6})\)? (?:jobs|TIs) without heartbeat after/, 'proof'),
		line(
			'did not emit heartbeat within time limit',
			/Task did not emit heartbeat within time limit \((?<seconds>\d{1,7}) seconds\)/,
			'proof',
		),
		line('heartbeat timeout', /["']?event["']?[:=] ?["']heartbeat timeout["']/, 'proof'),
		// 2.0 to 2.2.
		line(' as zombie', /Detected <TaskInstance: (?<ti>[^>]{1,600})> as zombie/, 'proof'),
		line(' as zombie', /Marked (?:zombie job|task instance)[^\n]{0,400} as zombie/),
		// 1.10.
		line('Marked zombie job ', /Marked zombie job <TaskInstance: (?<ti>[^>]{1,600})> as failed/, 'proof'),
		// The task's side: it lives, and cannot report.
		line('Heartbeat time limit exceeded!', /Heartbeat time limit exceeded!/),
		line('Too many failed heartbeats; terminating process', /Too many failed heartbeats; terminating process/),
		line('Failed to send heartbeat. Will be retried', /Failed to send heartbeat\. Will be retried/, 'weak'),
		line('Heartbeat recovered after ', /Heartbeat recovered after (?<seconds>[\d.]{1,12}) seconds/, 'weak'),
	],
	symptom: true,
	yieldsTo: [
		'worker-oom-task-sigkill',
		'worker-pod-evicted-storage',
		'worker-liveness-probe-failed',
		'gcsfuse-mount-lost',
		'db-overloaded',
	],
	weigh: (hits, scene) => sober(strongest(hits), hits, scene),
	reads: ['eventLog', 'failures', 'schedulerLog', 'workerLog'],
	// The scheduler writes both at once; what its worker said tells a zombie from a process that was killed.
	decides: [['eventLog', 'schedulerLog'], 'workerLog'],
	suspects: (failed) => isSilent(failed) || failed.told.includes('worker-oom-task-sigkill'),
	verify({ eventLog, failures, schedulerLog }, { failed }) {
		const lost = eventLog && aboutTry(eventLog, failed).findLast(({ event }) => event === 'heartbeat timeout');
		const said = schedulerLog?.find(
			({ text }) =>
				/zombie job|without a heartbeat/i.test(text) && text.includes(failed.run) && text.includes(failed.task),
		);
		const at = lost?.at ?? said?.at;
		if (at === undefined) return undefined;
		const { hostname } = failed;
		const others = failures && sameHost(failures, failed);
		const beside =
			others === undefined
				? { en: '', ja: '' }
				: {
						en: `, where ${others === 0 ? 'no other task' : `${others} other task${others === 1 ? '' : 's'}`} failed within a minute`,
						ja: `、前後 1 分にそこで失敗した他のタスクは ${others} 件`,
					};
		return confirmed(
			lost ? 'eventLog' : 'schedulerLog',
			`the scheduler ended the try at ${clock(at)} because its heartbeats had stopped${hostname === undefined ? '' : `; it ran on \`${hostname}\`${beside.en}`}.`,
			`ハートビートが途絶えたため、スケジューラが ${clock(at)} に試行を終了させました${hostname === undefined ? '' : `。ワーカーは \`${hostname}\`${beside.ja}です`}。`,
			{ at, facts: hostname === undefined ? {} : { host: hostname } },
		);
	},
	follows({ schedulerLog }, { failed }) {
		const subject = hostInScheduler(schedulerLog, failed);
		return subject && { subject, reads: ['workerLog'] };
	},
	fix(context) {
		const { env, facts, lang } = context;
		const t = inLang(lang);
		const { environment, location } = names(env);
		const host = facts['host'] ?? 'WORKER';
		const composer = () => [
			sh(
				command(
					'gcloud',
					'logging',
					'read',
					`resource.type="cloud_composer_environment" resource.labels.environment_name=${quoted(environment)} resource.labels.location=${quoted(location)} log_id("airflow-worker") labels.worker_id=${quoted(host)}`,
					'--freshness=2d',
					'--limit=100',
					'--format=value(timestamp,textPayload)',
					...(env.project === undefined ? [] : [`--project=${env.project}`]),
				),
				t(
					'Read what that worker said in the 15 minutes around it (SIGKILL = memory, SIGTERM = replaced, Errno 107 = mount lost, silence = gone):',
					'前後 15 分のワーカーのログを確認します (SIGKILL はメモリ、SIGTERM は入れ替え、Errno 107 はマウント喪失、無音は消失):',
				),
			),
			say(
				t(
					'Group zombies by host and minute: one host = that worker (workload/memory/bytes_used, restart_count, environment/worker/pod_eviction_count); many hosts at once = database, network or update (environment/database_health, database CPU, maintenance_operation). Google names too little worker CPU or memory as the most frequent reason.',
					'ゾンビをホストと時刻ごとに集計してください。1 台に集中していればそのワーカー (workload/memory/bytes_used、restart_count、environment/worker/pod_eviction_count)、複数のホストで同時ならデータベース、ネットワーク、更新が原因です (environment/database_health、データベースの CPU、maintenance_operation)。Google は、ワーカーの CPU・メモリ不足を最も多い原因としています。',
				),
			),
		];
		const three = env.airflowVersion?.startsWith('3') ?? false;
		const two = env.airflowVersion?.startsWith('2') ?? false;
		return [
			...forGeneration(context, {
				'composer-2': composer,
				'composer-3': composer,
				airflow: () => [
					say(
						t(
							`Look at ${facts['host'] ?? 'the worker named as Hostname'}: was it killed (\`dmesg -T\`, \`kubectl describe pod\`), replaced, or out of CPU? Many hosts at the same minute point to the database or the network.`,
							`${facts['host'] ?? 'Hostname に示されたワーカー'} を確認してください。強制終了 (\`dmesg -T\`、\`kubectl describe pod\`)、入れ替え、CPU 不足のいずれかです。多くのホストで同時に起きた場合は、データベースかネットワークが疑われます。`,
						),
					),
				],
			}),
			python(
				'default_args = {"retries": 1}',
				t(
					'At least one retry, so that such a loss heals by itself:',
					'このような中断から自動で復旧するよう、retries を 1 以上にします:',
				),
			),
			...(three
				? []
				: airflowSettings(
						context,
						{ 'scheduler-scheduler_zombie_task_threshold': '600' },
						{
							en: `Stop-gap only, it hides a starved worker${two ? '' : ' (Airflow 2)'}: wait 600 s instead of 300 s:`,
							ja: `一時的な対処です (ワーカーの不足を隠すだけです)${two ? '' : '。Airflow 2 の場合'}: 300 秒ではなく 600 秒待ちます:`,
						},
					)),
			...(two
				? []
				: airflowSettings(
						context,
						{ 'scheduler-task_instance_heartbeat_timeout': '600' },
						{
							en: `Stop-gap only, it hides a starved worker${three ? '' : ' (Airflow 3)'}: wait 600 s instead of 300 s:`,
							ja: `一時的な対処です (ワーカーの不足を隠すだけです)${three ? '' : '。Airflow 3 の場合'}: 300 秒ではなく 600 秒待ちます:`,
						},
					)),
		];
	},
	docs: 'https://cloud.google.com/composer/docs/composer-3/troubleshooting-dags',
});
