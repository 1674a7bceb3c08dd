import { defineRule, line } from '../../domain/rule.ts';
import { forGeneration, inLang, say, sh, updateEnvironment } from '../_parts/steps.ts';
import { grown, sizeNow } from '../_parts/components.ts';
import { airflowSettings } from '../_parts/settings.ts';
import { strongest } from '../_parts/weigh.ts';
import { sober } from '../_parts/own.ts';
import { clock, isSilent, isWaiting } from '../_parts/audit.ts';
import { beside, confirmed } from '../_parts/said.ts';
import { longestGap, whileItRan } from '../_parts/series.ts';

export default defineRule({
	id: 'scheduler-overloaded',
	category: 'scheduling',
	title: {
		en: 'The scheduler or the DAG processor is starved, hangs or keeps dying',
		ja: 'スケジューラまたは DAG プロセッサの資源不足、停止、再起動の繰り返しが起きています',
	},
	looks: {
		en: '"The scheduler does not appear to be running" in the UI, a DagFileProcessorManager that missed its heartbeat or exited and is launched again, a liveness probe "0 alive SchedulerJob", gaps of 20 s and more between tasks.',
		ja: 'UI に "The scheduler does not appear to be running" と表示される、DagFileProcessorManager がハートビートを送らない・終了して再起動される、liveness probe が "0 alive SchedulerJob" を示す、タスクの間が 20 秒以上空く、などが起きます。',
	},
	confused: {
		en: '"Exiting scheduler loop as requested number of runs" is a planned restart. A scheduler that cannot reach its database is db-overloaded. A scheduler deployment that was deleted by hand comes back with any environment update.',
		ja: '"Exiting scheduler loop as requested number of runs" は計画的な再起動です。データベースに接続できない場合は db-overloaded です。手動で削除されたスケジューラの Deployment は、環境を更新すると再作成されます。',
	},
	signatures: [
		line(
			'seconds ago! Restarting it',
			/DagFileProcessorManager \(PID=\d{1,10}\) last sent a heartbeat (?<seconds>[\d.]{1,12}) seconds ago! Restarting it/,
		),
		line(
			' - re-launching',
			/DagFileProcessorManager \(PID=\d{1,10}\) exited with exit code (?<exitCode>-?\d{1,4}) - re-launching/,
		),
		line('does not appear to be running', /The (?:scheduler|dag[ -]?processor) does not appear to be running/i),
		line('0 alive SchedulerJob', /UNHEALTHY - 0 alive SchedulerJob/),
		line('No alive jobs found', /No alive jobs found/),
		line('Scheduler is in unhealthy state', /(?<!db )Scheduler is in unhealthy state/, 'weak'),
		line(
			'deployments/airflow-scheduler',
			/^(?=[^]{0,8192}deployments\.delete)(?=[^]{0,8192}deployments\/airflow-scheduler)/,
		),
		line(
			'latest_scheduler_heartbeat',
			/scheduler["']?: ?\{(?=[^{}]{0,200}latest_scheduler_heartbeat)[^{}]{0,200}unhealthy/,
		),
		line("Failed to get task '<TaskInstance: ", /Failed to get task '<TaskInstance: /, 'weak'),
	],
	yieldsTo: ['db-overloaded', 'celery-broker-problem', 'dag-import-timeout', 'worker-pod-evicted-storage'],
	weigh: (hits, scene) => sober(strongest(hits), hits, scene),
	reads: ['airflowHealth', 'schedulerHeartbeats', 'schedulerLog'],
	decides: ['airflowHealth', 'schedulerHeartbeats'],
	suspects: (failed) => isWaiting(failed) || isSilent(failed),
	verify({ airflowHealth, schedulerHeartbeats }, { failed, told }) {
		const waits = isWaiting(failed);
		const scheduler = airflowHealth?.scheduler;
		if (scheduler && scheduler.status !== 'healthy') {
			const at = scheduler.heartbeatAt;
			const since = at === undefined ? { en: '', ja: '' } : { en: ` since ${clock(at)}`, ja: `${clock(at)} 以降、` };
			// That it is away now need not be why something failed then.
			return (waits ? confirmed : beside)(
				'airflowHealth',
				`Airflow calls its scheduler ${scheduler.status}: no heartbeat${since.en}, and nothing is scheduled meanwhile.`,
				`スケジューラの状態は ${scheduler.status} です。${since.ja}ハートビートがなく、その間は何もスケジュールされません。`,
				{ at },
			);
		}
		const gap = schedulerHeartbeats && longestGap(schedulerHeartbeats, whileItRan(failed));
		// One point a minute: two missing ones are a gap, one is a late point.
		if (!gap || gap.minutes < 3) return undefined;
		return (waits || told !== undefined ? confirmed : beside)(
			'schedulerHeartbeats',
			`the scheduler sent no heartbeat for ${gap.minutes} minutes from ${clock(gap.since)}.`,
			`スケジューラのハートビートが ${clock(gap.since)} から ${gap.minutes} 分間ありませんでした。`,
			{ at: gap.since },
		);
	},
	fix(context) {
		const { env, lang } = context;
		const t = inLang(lang);
		const size = sizeNow(env, 'scheduler');
		const parser = grown(env, 'dagProcessor', 1);
		const moreScheduler = () => {
			const { cpu, memoryGb, count } = grown(env, 'scheduler', 2);
			return updateEnvironment(
				env,
				`--scheduler-cpu=${cpu}`,
				`--scheduler-memory=${memoryGb}GB`,
				`--scheduler-count=${count}`,
			);
		};
		const three = env.airflowVersion?.startsWith('3') ?? false;
		return [
			...forGeneration(context, {
				'composer-2': () => [
					sh(
						moreScheduler(),
						t(
							`More for the scheduler, which also parses the DAG files (more than two rarely help)${size.en}:`,
							`DAG ファイルの解析も行うスケジューラを増強します (3 台以上が有効なことはまれです)${size.ja}:`,
						),
					),
				],
				'composer-3': () => [
					sh(
						updateEnvironment(
							env,
							`--dag-processor-cpu=${parser.cpu}`,
							`--dag-processor-memory=${parser.memoryGb}GB`,
							`--dag-processor-count=${parser.count}`,
						),
						t(
							`More for the DAG processor, which parses the files${sizeNow(env, 'dagProcessor').en}:`,
							`ファイルを解析する DAG プロセッサを増強します${sizeNow(env, 'dagProcessor').ja}:`,
						),
					),
					sh(
						moreScheduler(),
						t(
							`More for the scheduler (1 vCPU and 8 GB are the most, 1 to 3 of them)${size.en}:`,
							`スケジューラを増強します (1 台あたり最大 1 vCPU・8 GB、1～3 台)${size.ja}:`,
						),
					),
				],
				airflow: () => [
					sh(
						'airflow jobs check --job-type SchedulerJob --hostname "$(hostname)"\nkubectl top pod | grep -E \'scheduler|dag-processor\'',
						t(
							'Does it live, and is it short of CPU or memory?',
							'動作しているか、CPU・メモリが不足していないかを確認します:',
						),
					),
				],
			}),
			...airflowSettings(
				context,
				three
					? { 'dag_processor-min_file_process_interval': '60', 'dag_processor-refresh_interval': '300' }
					: { 'scheduler-min_file_process_interval': '60', 'scheduler-dag_dir_list_interval': '300' },
				env.airflowVersion !== undefined
					? { en: 'Parse less often:', ja: '解析の頻度を下げます:' }
					: {
							en: 'Parse less often (Airflow 3 names the section dag_processor; there the second is refresh_interval):',
							ja: '解析の頻度を下げます (Airflow 3 ではセクション名が dag_processor で、2 つ目は refresh_interval です):',
						},
			),
			say(
				t(
					'Make the top level of DAG files cheap (no Variable.get, no requests, no heavy imports), list what is no DAG in .airflowignore, and look at dag_processing/total_parse_time (> 10 s is too much) and scheduler CPU (> 80 % is too much).',
					'DAG ファイルのトップレベルを軽くし (Variable.get、外部リクエスト、重い import を避ける)、DAG でないファイルを .airflowignore に記載してください。dag_processing/total_parse_time (10 秒超は過大) とスケジューラの CPU (80 % 超は過大) を確認してください。',
				),
			),
			say(
				t(
					'If the airflow-scheduler deployment was deleted in the cluster of a Composer 2 environment, any environment update creates it anew.',
					'Composer 2 のクラスタで airflow-scheduler の Deployment が削除された場合は、環境を更新すると再作成されます。',
				),
			),
		];
	},
	docs: 'https://cloud.google.com/composer/docs/composer-3/troubleshooting-scheduling',
});
