import type { Text } from './text.ts';

/** What the bot does in Airflow, and the smallest of Airflow's own roles that may. Seen on 2.11.2 and 3.1.8. */
export type Right = {
	feature: Text;
	/** What the bot cannot see or do without it. */
	without: Text;
	/** Airflow 2's name of the permission, for a role of one's own. */
	permission: string;
	role: { 1: string; 2: string };
	/** Without it nothing works. */
	must?: true;
};

export const RIGHTS = {
	dags: {
		feature: { en: 'DAGs, runs, task instances and their logs', ja: 'DAG・実行・タスクインスタンス・ログの参照' },
		without: { en: 'nothing works', ja: '何も動作しません' },
		permission: 'can read on DAGs',
		role: { 1: 'Viewer', 2: 'Viewer' },
		must: true,
	},
	tasks: {
		feature: { en: 'Failed tasks of all DAGs', ja: '全 DAG の失敗タスクの検出' },
		without: { en: 'failures are neither noticed nor diagnosed', ja: '失敗の検知も診断もできません' },
		permission: 'can read on Task Instances',
		role: { 1: 'Viewer', 2: 'Viewer' },
	},
	importErrors: {
		feature: { en: 'Import errors', ja: 'インポートエラーの参照' },
		without: { en: 'a DAG that does not import is only suspected', ja: 'インポートできない DAG は推測にとどまります' },
		permission: 'can read on ImportError',
		role: { 1: 'Viewer', 2: 'Viewer' },
	},
	pools: {
		feature: { en: 'Pools', ja: 'プールの参照' },
		without: { en: 'a full pool is only suspected', ja: 'プールの枯渇は推測にとどまります' },
		permission: 'can read on Pools',
		role: { 1: 'Viewer', 2: 'Viewer' },
	},
	eventLog: {
		feature: {
			en: 'The event log: who stopped or cleared a task',
			ja: 'イベントログ（タスクを停止・クリアした人）の参照',
		},
		without: {
			en: 'who ended a task by hand, heartbeat timeouts and state mismatches stay unseen',
			ja: '手動での停止、ハートビートのタイムアウト、状態の不一致が分かりません',
		},
		permission: 'can read on Audit Logs',
		role: { 1: 'Admin', 2: 'Viewer' },
	},
	trigger: {
		feature: { en: 'Starting, rerunning, stopping and pausing', ja: '開始・再実行・停止・一時停止' },
		without: { en: 'no DAG run can be started', ja: 'DAG 実行を開始できません' },
		permission: 'can create on DAG Runs',
		role: { 1: 'User', 2: 'User' },
	},
	config: {
		feature: { en: 'The configuration in force', ja: '適用中の設定の参照' },
		without: {
			en: 'worker_concurrency, parallelism and where logs are kept are guessed',
			ja: 'worker_concurrency、parallelism、ログの保存先は推測になります',
		},
		permission: 'can read on Configurations',
		role: { 1: 'Op', 2: 'Op' },
	},
} as const satisfies Readonly<Record<string, Right>>;
export type RightName = keyof typeof RIGHTS;
