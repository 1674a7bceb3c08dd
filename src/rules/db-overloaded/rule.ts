import { defineRule, line } from '../../domain/rule.ts';
import type { ChainLink } from '../../domain/rule.ts';
import { command, forGeneration, inLang, names, say, sh, updateEnvironment } from '../_parts/steps.ts';
import { nextSize } from '../_parts/components.ts';
import { airflowSettings } from '../_parts/settings.ts';
import { strongest } from '../_parts/weigh.ts';
import { clock, hostsThatFailed, isSilent } from '../_parts/audit.ts';
import { sober } from '../_parts/own.ts';
import { beside, confirmed, likely, unlikely } from '../_parts/said.ts';
import { peak, percent, whileItRan } from '../_parts/series.ts';

// Drivers, pools and what wraps them: who called them stands above.
const DRIVER =
	/\/(?:sqlalchemy|psycopg2?|pymysql|MySQLdb|mysql|asyncpg|tenacity|contextlib\.py|sqlalchemy_utils|greenlet)\b|\/contextlib\.py$/;
const CORE = /\/airflow\/(?!providers\/)/;

/** Whether Airflow itself called the database: not the user's file, not a hook of a provider. undefined: no frame tells. */
function airflowAsked(chain: readonly ChainLink[]): boolean | undefined {
	for (const link of chain) {
		const first = link.frames.findIndex((frame) => DRIVER.test(frame.file));
		const caller = first > 0 ? link.frames[first - 1] : undefined;
		if (caller) return !caller.own && CORE.test(caller.file);
	}
	return undefined;
}

export default defineRule({
	id: 'db-overloaded',
	category: 'environment',
	title: {
		en: "Airflow's metadata database is overloaded or unreachable",
		ja: 'Airflow のメタデータデータベースが過負荷か、到達できません',
	},
	looks: {
		en: '"Job heartbeat failed with error" (before 2.11 "heartbeat got an exception"), OperationalError from sqlalchemy inside Airflow\'s own code, "too many clients", deadlocks on task_instance; zombies on many hosts at once.',
		ja: '"Job heartbeat failed with error" (2.11 より前は "heartbeat got an exception")、Airflow 自身のコードでの sqlalchemy の OperationalError、"too many clients"、task_instance のデッドロックが記録され、複数のホストで同時にゾンビタスクが発生します。',
	},
	confused: {
		en: "A task that talks to the user's own database prints the same sentences: look at the host in the text and at the frame that called. When other hosts fail too it is network-egress-failure. Airflow 3 workers have no path to the database at all (airflow3-direct-db-access).",
		ja: 'タスクがユーザー自身のデータベースに接続する場合も同じ文が出ます。文中のホストと呼び出し元のフレームを確認してください。他のホストにも接続できなければ network-egress-failure です。Airflow 3 のワーカーにはデータベースへの経路がありません (airflow3-direct-db-access)。',
	},
	signatures: [
		line('heartbeat got an exception', / heartbeat got an exception/),
		line('Job heartbeat failed with error', /Job heartbeat failed with error/),
		line('Failed to log action (', /Failed to log action \((?:psycopg|pymysql|MySQLdb|mysql|sqlite3)[^\n]{1,400}/),
		line('metadatabase', /metadatabase["']?: ?\{ ?["']status["']: ?["']unhealthy["']/, 'proof'),
		line('airflow-sqlproxy', /airflow-sqlproxy[^\n]{0,160}(?:refused|timed out|closed|reset|not known|failed)/),
		// Below: any PostgreSQL or MySQL says so. Who asked decides (see weigh).
		line(
			['OperationalError', 'InterfaceError'],
			/(?:(?:OperationalError|InterfaceError): \((?:psycopg2?|pymysql|_?MySQLdb|_mysql_exceptions|mysql\.connector|asyncpg|sqlite3)[\w.]{1,80}\)|psycopg2?\.(?:errors\.)?OperationalError:) ?(?<reason>[^\n]{1,300})/,
			'weak',
		),
		line('PendingRollbackError', /PendingRollbackError: (?<reason>[^\n]{1,300})/, 'weak'),
		line(
			['too many clients already', 'too many connections for role', 'remaining connection slots are reserved'],
			/FATAL: {1,2}(?<reason>[^\n]{0,40}(?:too many clients already|too many connections for role|remaining connection slots are reserved)[^\n]{0,100})/,
			'weak',
		),
		line(
			['DeadlockDetected', 'Deadlock found when trying to get lock'],
			/(?:DeadlockDetected|Deadlock found when trying to get lock)/,
			'weak',
		),
		line(
			'LockNotAvailable',
			/LockNotAvailable: could not obtain lock on row in relation "(?<table>slot_pool|task_instance|dag_run|job)"/,
		),
		// One line without its traceback: the component's name tells whose database it is.
		line(
			'terminating connection due to ',
			/(?:SchedulerJob|LocalTaskJob|TriggererJob|scheduler_job)[^\n]{0,200}(?<reason>terminating connection due to [^\n]{1,120})/,
		),
		line('QueuePool limit of size', /QueuePool limit of size \d{1,6} overflow -?\d{1,6} reached/, 'weak'),
		line(
			'[SQL: ',
			/\[SQL: (?:SELECT|UPDATE|INSERT INTO|DELETE FROM)\b[^\n]{0,400}\b(?<table>task_instance|dag_run|serialized_dag|slot_pool|rendered_task_instance_fields|job|trigger)\b/,
			'weak',
		),
		line('Server returned error', /API_SERVER_ERROR: \{'status_code': 50\d/, 'weak'),
		line('Exception when executing Executor.end', /Exception when executing Executor\.end on/, 'weak'),
	],
	yieldsTo: ['airflow3-direct-db-access', 'xcom-serialization'],
	weigh(hits, scene) {
		const weighing = sober(strongest(hits), hits, scene);
		if (weighing === undefined || scene.ended === 'success' || weighing.says !== 'weak') return weighing;
		// Airflow 3: the API server broke on what the task asked of it; that it refused would be another status.
		const broke = hits.some(
			({ text, place }) =>
				/API_SERVER_ERROR: .{0,200}Internal server error/.test(text) && (place === 'root' || place === 'chain'),
		);
		if (broke) return { ...weighing, says: 'strong' };
		const asked = airflowAsked(scene.chain);
		if (asked === false) return undefined;
		const database = hits.some(({ text }) =>
			/OperationalError|InterfaceError|PendingRollbackError|FATAL: |Deadlock|QueuePool limit/.test(text),
		);
		if (database && asked) return { ...weighing, says: 'strong' };
		// No user's database in these.
		const component = scene.kind === 'scheduler' || scene.kind === 'triggerer' || scene.kind === 'worker';
		const own = scene.chain.some((link) => link.frames.some((frame) => frame.own));
		return database && component && !own ? { ...weighing, says: 'strong' } : weighing;
	},
	reads: ['databaseCpu', 'failures', 'airflowHealth'],
	decides: ['databaseCpu'],
	suspects: isSilent,
	verify({ databaseCpu, failures, airflowHealth }, { failed, told }) {
		const load = databaseCpu && peak(databaseCpu, whileItRan(failed));
		const hosts = hostsThatFailed(failures, failed);
		const many =
			hosts >= 3
				? {
						en: `; tasks on ${hosts} workers failed within two minutes`,
						ja: `。2 分以内に ${hosts} 台のワーカーでタスクが失敗しています`,
					}
				: { en: '', ja: '' };
		if (load && load.value > 0.8) {
			const status = told !== undefined ? confirmed : hosts >= 3 ? likely : beside;
			return status(
				'databaseCpu',
				`the metadata database used ${percent(load.value)} of its CPU at ${clock(load.at)}${many.en}.`,
				`メタデータデータベースの CPU 使用率が ${clock(load.at)} に ${percent(load.value)} でした${many.ja}。`,
				{ at: load.at },
			);
		}
		if (told === undefined) return undefined;
		if (airflowHealth?.database === 'unhealthy')
			return confirmed(
				'airflowHealth',
				'Airflow cannot reach its metadata database now.',
				'Airflow は現在メタデータデータベースに接続できません。',
			);
		if (hosts >= 3)
			return likely(
				'failures',
				`tasks on ${hosts} workers failed within two minutes of it: what they share is the database or the network.`,
				`前後 2 分に ${hosts} 台のワーカーでタスクが失敗しています。共通するのはデータベースまたはネットワークです。`,
			);
		if (!load || load.value > 0.5) return undefined;
		return unlikely(
			'databaseCpu',
			`the metadata database used ${percent(load.value)} of its CPU at the most: it was not overloaded, at most unreachable for a moment.`,
			`メタデータデータベースの CPU 使用率は最大 ${percent(load.value)} で、過負荷ではありません。一時的に接続できなかった可能性はあります。`,
			{ at: load.at },
		);
	},
	fix(context) {
		const { env, lang } = context;
		const t = inLang(lang);
		const larger = nextSize(env);
		const composer = () => [
			say(
				t(
					'Check environment/database_health, database/cpu/utilization (> 0.8 is too much), database/network/connections against max_connections, database/memory/utilization and auto_failover_request_count at that minute; then AUDIT for an update or maintenance.',
					'その時刻の environment/database_health、database/cpu/utilization (0.8 超は過大)、database/network/connections と max_connections、database/memory/utilization、auto_failover_request_count を確認し、監査ログで更新やメンテナンスの有無を確認してください。',
				),
			),
			...(larger === undefined
				? []
				: [
						sh(
							updateEnvironment(env, `--environment-size=${larger}`),
							t(
								`A larger environment size means a larger database${env.size === undefined ? ' (small, medium, large; Composer 3 also extra-large)' : ` (now ${env.size})`}:`,
								`環境サイズを大きくするとデータベースも大きくなります${env.size === undefined ? ' (small、medium、large。Composer 3 では extra-large も可)' : ` (現在は ${env.size})`}:`,
							),
						),
					]),
			...(env.scheduler !== undefined && env.scheduler.count <= 1
				? []
				: [
						sh(
							updateEnvironment(env, '--scheduler-count=1'),
							t('Fewer schedulers (one or two are enough):', 'スケジューラを減らします (1～2 台で十分です):'),
						),
					]),
			sh(
				command(
					'gcloud',
					'composer',
					'environments',
					'update',
					...names(env).at,
					'--airflow-database-retention-days=60',
				),
				t('Delete old rows:', '古い行を削除します:'),
			),
		];
		return [
			...forGeneration(context, {
				'composer-2': composer,
				'composer-3': composer,
				airflow: () => [
					sh(
						'airflow db check\npsql "$AIRFLOW__DATABASE__SQL_ALCHEMY_CONN" -c "select state, count(*) from pg_stat_activity group by 1; show max_connections;"',
						t(
							'Does the database answer, and how many connections are open?',
							'データベースが応答するか、接続数はいくつかを確認します:',
						),
					),
					say(
						t(
							'Put PgBouncer in front of PostgreSQL, raise max_connections, give the database CPU; `airflow db clean` deletes old rows.',
							'PostgreSQL の前段に PgBouncer を置く、max_connections を上げる、データベースの CPU を増やす、などを行ってください。古い行は `airflow db clean` で削除できます。',
						),
					),
				],
			}),
			...airflowSettings(
				context,
				{ 'scheduler-scheduler_heartbeat_sec': '15', 'scheduler-job_heartbeat_sec': '30' },
				{
					en: 'Fewer heartbeats (Composer defaults since 2.6.6):',
					ja: 'ハートビートの頻度を下げます (Composer 2.6.6 以降の既定値):',
				},
			),
			say(
				t(
					'In DAGs: no Variable.get at the top level, no large XComs, no direct database sessions. Retries let an interruption heal.',
					'DAG では、トップレベルの Variable.get、大きな XCom、データベースセッションの直接利用を避けてください。retries を設定すると、一時的な中断から復旧します。',
				),
			),
		];
	},
	docs: 'https://cloud.google.com/composer/docs/composer-3/troubleshooting-scheduling',
});
