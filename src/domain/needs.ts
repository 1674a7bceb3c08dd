import type { Generation } from './environment.ts';
import type { SourceName } from './evidence.ts';
import type { Text } from './text.ts';

/** One permission of the bot's own account on Google Cloud. The doctor, the sources' gaps, the README's table and `scripts/grant-roles.sh` all follow this list. */
export type Need = {
	/** What it is for: what one gets in Slack. */
	feature: Text;
	/** What the bot cannot see or do without it. */
	without: Text;
	permission: string;
	/** Smallest predefined role that carries it. Source: docs.cloud.google.com/iam/docs/roles-permissions. */
	role: string;
	/** Where the role is granted, and the permission asked about. */
	on: 'project' | 'serviceAccount' | 'bucket';
	/** Where the role is granted when no predefined role can be granted on `on` itself. */
	grantOn?: 'project';
	api: string;
	/** Evidence that is read with it. */
	sources: readonly SourceName[];
	/** Only there. */
	generation?: Generation;
	/** Only for those who let the bot change an environment: not granted and not missed unless asked for. */
	optional?: boolean;
};

const METRICS = [
	'workerMemory',
	'workerMemoryQuota',
	'workerDisk',
	'podEvictions',
	'restarts',
	'exitCodes',
	'brokerErrors',
	'permissionChecks',
	'databaseCpu',
	'databaseSize',
	'queueLength',
	'workers',
	'schedulerHeartbeats',
	'maintenance',
] as const satisfies readonly SourceName[];

const LOGS = [
	'taskEntries',
	'schedulerLog',
	'workerLog',
	'triggererLog',
	'dagProcessorLog',
	'agentLog',
	'audit',
	'policyChanges',
] as const satisfies readonly SourceName[];

export const NEEDS = {
	environment: {
		feature: {
			en: 'Find the environment and its Airflow; sizes, image version and workloads',
			ja: '環境と Airflow の特定、サイズ・イメージバージョン・ワークロードの参照',
		},
		without: {
			en: 'nothing works there: the bot does not even find the Airflow',
			ja: 'Airflow の場所も分からず、この環境では何もできません',
		},
		permission: 'composer.environments.get',
		role: 'roles/composer.user',
		on: 'project',
		api: 'composer.googleapis.com',
		sources: ['environment', 'workloads'],
	},
	operations: {
		feature: { en: 'Follow updates and explain failed ones', ja: '更新操作の追跡と、失敗した操作の説明' },
		without: {
			en: 'updates, upgrades and package changes go unnoticed',
			ja: '更新・アップグレード・パッケージ変更に気付けません',
		},
		permission: 'composer.operations.list',
		role: 'roles/composer.user',
		on: 'project',
		api: 'composer.googleapis.com',
		sources: ['operations'],
	},
	logs: {
		feature: {
			en: 'Logs that the UI has lost, and those of workers, schedulers and pods; who changed what',
			ja: 'UI で失われたログ、ワーカー・スケジューラー・Pod のログ、変更者の特定',
		},
		without: {
			en: 'a failure without a task log stays unexplained, and so do evictions, removed bindings and API calls that were refused',
			ja: 'タスクログのない失敗、退避、削除されたバインディング、拒否された API 呼び出しを説明できません',
		},
		permission: 'logging.logEntries.list',
		role: 'roles/logging.viewer',
		on: 'project',
		api: 'logging.googleapis.com',
		sources: LOGS,
	},
	clusterLogs: {
		feature: {
			en: 'Kubernetes events and the autoscaler of a Composer 2 cluster',
			ja: 'Composer 2 クラスタの Kubernetes イベントとオートスケーラー',
		},
		without: {
			en: 'why a pod was not scheduled, pulled or was evicted stays unseen',
			ja: 'Pod のスケジュール失敗・イメージ取得失敗・退避の理由が分かりません',
		},
		permission: 'logging.logEntries.list',
		role: 'roles/logging.viewer',
		on: 'project',
		api: 'logging.googleapis.com',
		sources: ['kubernetesEvents', 'autoscalerLog'],
		generation: 'composer-2',
	},
	metrics: {
		feature: {
			en: 'Memory against its limit, evictions, restarts, queue and heartbeats; sizing advice',
			ja: 'メモリ使用量と上限、退避、再起動、キュー、ハートビート、サイジングの提案',
		},
		without: {
			en: 'out of memory is a guess, and sizing advice rests on Airflow’s history alone',
			ja: 'メモリ不足を確認できず、サイジングの提案は Airflow の履歴のみに基づきます',
		},
		permission: 'monitoring.timeSeries.list',
		role: 'roles/monitoring.viewer',
		on: 'project',
		api: 'monitoring.googleapis.com',
		sources: METRICS,
	},
	projectNumber: {
		feature: {
			en: 'Name Composer’s service agent in a fix',
			ja: '対処方法での Composer サービスエージェントの表示',
		},
		without: {
			en: 'fixes say PROJECT_NUMBER where the number should stand',
			ja: '対処方法の番号部分が PROJECT_NUMBER のままになります',
		},
		permission: 'resourcemanager.projects.get',
		role: 'roles/browser',
		on: 'project',
		api: 'cloudresourcemanager.googleapis.com',
		sources: [],
	},
	projectPolicy: {
		feature: { en: 'Who holds which role in the project', ja: 'プロジェクトの IAM ロールの参照' },
		without: {
			en: 'a missing role of the environment’s or Composer’s account is only suspected',
			ja: '環境や Composer のアカウントのロール不足は推測にとどまります',
		},
		permission: 'resourcemanager.projects.getIamPolicy',
		role: 'roles/browser',
		on: 'project',
		api: 'cloudresourcemanager.googleapis.com',
		sources: ['projectPolicy'],
	},
	serviceAccount: {
		feature: {
			en: 'Whether the environment’s service account is enabled',
			ja: '環境のサービスアカウントの状態の参照',
		},
		without: {
			en: 'a disabled or deleted account is only suspected',
			ja: '無効化・削除されたアカウントは推測にとどまります',
		},
		permission: 'iam.serviceAccounts.get',
		role: 'roles/iam.serviceAccountViewer',
		on: 'serviceAccount',
		api: 'iam.googleapis.com',
		sources: ['serviceAccount'],
	},
	serviceAccountPolicy: {
		feature: {
			en: 'Who may act as the environment’s service account (Workload Identity)',
			ja: '環境のサービスアカウントの利用者（Workload Identity）の参照',
		},
		without: {
			en: 'a lost Workload Identity binding is only suspected',
			ja: 'Workload Identity のバインディング消失は推測にとどまります',
		},
		permission: 'iam.serviceAccounts.getIamPolicy',
		role: 'roles/iam.serviceAccountViewer',
		on: 'serviceAccount',
		api: 'iam.googleapis.com',
		sources: ['serviceAccountPolicy', 'accountPolicy'],
	},
	bucketPolicy: {
		feature: { en: 'Who may read and write the environment’s bucket', ja: '環境のバケットの権限の参照' },
		without: { en: 'rights on the bucket are only suspected', ja: 'バケットの権限不足は推測にとどまります' },
		permission: 'storage.buckets.getIamPolicy',
		// No predefined role with it alone can be granted on a bucket; those that can may also write.
		role: 'roles/iam.securityReviewer',
		on: 'bucket',
		grantOn: 'project',
		api: 'storage.googleapis.com',
		sources: ['bucketPolicy'],
	},
	enabledApis: {
		feature: { en: 'Which APIs are enabled', ja: '有効な API の参照' },
		without: { en: 'a disabled API is only suspected', ja: 'API の無効化は推測にとどまります' },
		permission: 'serviceusage.services.list',
		role: 'roles/serviceusage.serviceUsageViewer',
		on: 'project',
		api: 'serviceusage.googleapis.com',
		sources: ['enabledApis'],
	},
	change: {
		feature: { en: 'Apply a sizing suggestion from Slack', ja: 'Slack からのサイジング提案の適用' },
		without: {
			en: 'a suggestion is shown, and applied by somebody else',
			ja: '提案は表示されますが、適用は別途必要です',
		},
		permission: 'composer.environments.update',
		role: 'roles/composer.admin',
		on: 'project',
		api: 'composer.googleapis.com',
		sources: [],
		optional: true,
	},
	actAs: {
		feature: {
			en: 'The same: an update runs as the environment’s service account',
			ja: '同上（更新は環境のサービスアカウントとして実行されます）',
		},
		without: { en: 'an update is refused', ja: '更新が拒否されます' },
		permission: 'iam.serviceAccounts.actAs',
		role: 'roles/iam.serviceAccountUser',
		on: 'serviceAccount',
		api: 'iam.googleapis.com',
		sources: [],
		optional: true,
	},
} as const satisfies Readonly<Record<string, Need>>;

export type NeedName = keyof typeof NEEDS;

export const needs = (): readonly (readonly [NeedName, Need])[] => Object.entries(NEEDS) as [NeedName, Need][];

/** The roles that everything which only reads takes, each once. */
export const readRoles = (): string[] => [
	...new Set(needs().flatMap(([, { role, optional }]) => (optional ? [] : [role]))),
];

/** What one needs to read a source; undefined: nothing of Google's. */
export function needOf(source: SourceName): Need | undefined {
	return needs().find(([, { sources }]) => sources.includes(source))?.[1];
}
