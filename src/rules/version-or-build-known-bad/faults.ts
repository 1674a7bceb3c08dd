import type { Text } from '../../domain/text.ts';

/** What is known against an image version. Source: release notes of Composer, dates in the comments. */
export type Fault = {
	images: readonly RegExp[];
	/** Goes on after "The image version x". */
	what: Text;
	/** What it makes happen; empty: it concerns the environment as a whole. */
	causes: readonly string[];
	/** A package that mends it until the upgrade. */
	package?: string;
	/** The first version of the same line without it. */
	fixedIn?: (image: string) => string | undefined;
};

const three = (airflow: string, builds: string): RegExp =>
	new RegExp(`^composer-3-airflow-${airflow.replaceAll('.', '\\.')}-build\\.(?:${builds})$`);
const two = (versions: string): RegExp => new RegExp(`^composer-(?:${versions})-airflow-`);

export const FAULTS: readonly Fault[] = [
	{
		// 2026-09-15
		images: [/^composer-1\./, two('2\\.0\\.\\d+')],
		what: {
			en: 'is out of support since 2026-09-15 and can no longer be used.',
			ja: 'は 2026-09-15 にサポートが終了し、使用できません。',
		},
		causes: [],
	},
	{
		// 2026-05-14
		images: [
			three('3.1.7', '[0-5]'),
			three('3.1.0', '[5-9]|10'),
			three('2.11.1', '0'),
			three('2.10.5', '2[2-9]|3[0-3]'),
			three('2.9.3', '4[2-9]|5[0-3]'),
			/^composer-2\.16\.(?:[0-9]|10)-airflow-(?:2\.10\.5|2\.9\.3)$/,
			/^composer-2\.16\.10-airflow-2\.11\.1$/,
		],
		what: {
			en: 'has a known fault: google-api-core 2.28.0 to 2.30.2 slows tasks and queueing (mended by google-api-core>=2.30.3).',
			ja: 'には既知の不具合があります。google-api-core 2.28.0〜2.30.2 により、タスクとキューの処理が遅くなります（google-api-core>=2.30.3 で解消）。',
		},
		causes: ['task-stuck-queued', 'task-execution-timeout', 'scheduler-overloaded', 'dagrun-timeout', 'sensor-timeout'],
		package: 'google-api-core>=2.30.3',
		fixedIn(image) {
			const airflow = /-airflow-(\d+\.\d+\.\d+)/.exec(image)?.[1] ?? '';
			if (image.startsWith('composer-2')) return `composer-2.17.0-airflow-${airflow}`;
			const build = { '3.1.7': 7, '2.11.1': 3, '2.10.5': 36, '2.9.3': 54 }[airflow];
			return build === undefined ? undefined : `composer-3-airflow-${airflow}-build.${build}`;
		},
	},
	{
		// 2025-10-10
		images: [two('2\\.12\\.[0-3]')],
		what: {
			en: 'leaked ephemeral storage of workers until October 2025.',
			ja: 'では、2025 年 10 月までワーカーのエフェメラルストレージが解放されない不具合がありました。',
		},
		causes: ['worker-pod-evicted-storage'],
	},
	{
		// 2024-03-25
		images: [two('2\\.[1-5]\\.\\d+|2\\.6\\.[0-4]')],
		what: {
			en: 'may mark tasks that went well in the past as failed (mended in 2.6.5).',
			ja: 'では、過去に成功したタスクが失敗に変わることがあります（2.6.5 で修正）。',
		},
		causes: ['task-externally-set-state'],
	},
	{
		images: [/^composer-2\.(?:[0-5]\.\d+|6\.[0-3])-airflow-2\.6\.3$/],
		what: {
			en: 'restarts its schedulers when job_heartbeat_sec is overridden (mended in 2.6.4).',
			ja: 'では、job_heartbeat_sec を上書きするとスケジューラが再起動を繰り返します（2.6.4 で修正）。',
		},
		causes: ['scheduler-overloaded'],
	},
	{
		images: [/-airflow-2\.7\.3(?:-build\.\d+)?$/],
		what: {
			en: 'loops on cron schedules at a change of daylight saving time.',
			ja: 'では、夏時間の切り替わりで cron スケジュールがループします。',
		},
		causes: ['scheduler-overloaded'],
	},
	{
		// 2024-09-18
		images: [/^composer-3-airflow-2\.(?:[0-8]\.\d+|9\.0|9\.1-build\.[0-6]$)/],
		what: {
			en: 'ends pods of operators that run for more than 15 minutes (mended in 2.9.1-build.7).',
			ja: 'では、15 分以上動くオペレーターの Pod が終了します（2.9.1-build.7 で修正）。',
		},
		causes: ['kpo-pod-lost'],
	},
	{
		// 2026-03-17
		images: [/^composer-3-airflow-3\.(?:1\.(?:[89]|\d\d)|[2-9]\.)/, three('3.1.7', '[1-9]\\d*')],
		what: {
			en: 'gives workers no way to the metadata database; raw SQL against it ends in a connection error.',
			ja: 'では、ワーカーからメタデータデータベースに接続できません。直接の SQL は接続エラーになります。',
		},
		causes: ['airflow3-direct-db-access', 'network-egress-failure'],
	},
	{
		images: [two('2\\.16\\.[01]')],
		what: {
			en: 'restarts its airflow-monitoring pod, which does no harm.',
			ja: 'では airflow-monitoring の Pod が再起動しますが、影響はありません。',
		},
		causes: ['worker-liveness-probe-failed'],
	},
	{
		// November 2025
		images: [two('2\\.15\\.4'), three('2.10.5', '20'), three('2.9.3', '40'), three('3.1.0', '3')],
		what: { en: 'has gaps in its metrics.', ja: 'ではメトリクスが欠落することがあります。' },
		causes: ['worker-oom-task-sigkill', 'zombie-heartbeat-timeout', 'task-log-missing-worker-lost'],
	},
];

/** All that is known against it, worst first. */
export const faultsOf = (image: string | undefined): readonly Fault[] =>
	image === undefined ? [] : FAULTS.filter(({ images }) => images.some((pattern) => pattern.test(image)));

/** What is known against an image version and meets everybody, in a sentence; undefined: nothing is. */
export function knownFault(image: string | undefined): Text | undefined {
	const [fault] = faultsOf(image).filter(({ causes }) => isForAll(causes));
	return fault && sentence(image ?? '', fault);
}

/** What meets only those who do one thing is told when they meet it. */
export const isForAll = (causes: readonly string[]): boolean =>
	causes.length === 0 || causes.includes('task-stuck-queued');

export const sentence = (image: string, { what }: Fault): Text => ({
	en: `The image version \`${image}\` ${what.en}`,
	ja: `イメージバージョン \`${image}\` ${what.ja}`,
});
