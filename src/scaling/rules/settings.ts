import { rule, type Found, type Rule } from '../finding.ts';
import type { Head } from '../history.ts';
import { illegal, legalCpus, memoryRange, type Component } from '../sizes.ts';
import type { Change } from '../plan.ts';

type Environment = Head['environment'];

/** Airflow settings that Composer blocks, bounds or warns of, and sizes it no longer takes. Sources: the page of allowed Airflow configurations, release notes, gcpdiag, Airflow's configuration.py. */
export const settingRules: readonly Rule[] = [
	rule({ id: 'setting', thresholds: {}, look: ({ history }) => judgedSettings(history.environment) }),
	rule({ id: 'illegal-size', thresholds: {}, look: ({ history }) => illegalSizes(history.environment) }),
];

type Judge = {
	key: string;
	/** Undefined: nothing against it. `to`: what to set, undefined: take it away. */
	look: (value: number, text: string, environment: Environment) => Bad | undefined;
};
type Bad = { en: string; ja: string; threshold?: number; to?: string | undefined };

const three = ({ generation }: Environment): boolean => generation === 'composer-3';

/** Composer 3 refuses what is outside. Source: its page of allowed Airflow configurations. */
function bound(key: string, least: number, most: number): Judge {
	return {
		key,
		look(value, _text, environment) {
			if (!three(environment) || (value >= least && value <= most)) return undefined;
			const to = value > most ? most : least;
			return {
				threshold: to,
				to: String(to),
				en:
					most === Infinity
						? `below ${least}, which Composer 3 refuses.`
						: `outside ${least} to ${most}, which Composer 3 refuses.`,
				ja:
					most === Infinity
						? `${least} 未満です（Composer 3 では設定できません）。`
						: `${least}～${most} の範囲外です（Composer 3 では設定できません）。`,
			};
		},
	};
}

function atLeast(key: string, least: number, en: string, ja: string): Judge {
	return {
		key,
		look: (value) => (value < least ? { threshold: least, to: String(least), en, ja } : undefined),
	};
}

const DATABASE = { en: 'it loads the database.', ja: 'データベースの負荷が増えます。' };

const JUDGES: readonly Judge[] = [
	{
		key: 'celery-worker_autoscale',
		look: () => ({
			en: 'blocked in both generations; remove it.',
			ja: '両世代でブロックされています。削除してください。',
		}),
	},
	bound('celery-worker_concurrency', 1, 24),
	bound('scheduler-min_file_process_interval', 30, Infinity),
	bound('kubernetes_executor-worker_pods_queued_check_interval', 30, 60),
	bound('triggerer-job_heartbeat_sec', 30, Infinity),
	bound('core-dagbag_import_timeout', 0, 600),
	bound('core-dag_file_processor_timeout', 0, 600),
	{
		key: 'scheduler-scheduler_health_check_threshold',
		look(value, _text, environment) {
			const least = 2 * Number(environment.overrides['scheduler-scheduler_heartbeat_sec'] ?? 15);
			if (!three(environment) || value >= least) return undefined;
			return {
				threshold: least,
				to: String(least),
				en: `below twice the heartbeat, ${least} s: a healthy scheduler counts as dead.`,
				ja: `ハートビート間隔の 2 倍（${least} 秒）未満です。正常なスケジューラが停止と判定されます。`,
			};
		},
	},
	atLeast('scheduler-job_heartbeat_sec', 30, `below 30 s ${DATABASE.en}`, `30 秒未満では${DATABASE.ja}`),
	atLeast('scheduler-scheduler_heartbeat_sec', 15, `below 15 s ${DATABASE.en}`, `15 秒未満では${DATABASE.ja}`),
	atLeast('core-dagbag_import_timeout', 120, '120 s or more are advised.', '120 秒以上が推奨です。'),
	{
		key: 'core-dag_file_processor_timeout',
		look(value, _text, { overrides }) {
			const least = Math.max(180, Number(overrides['core-dagbag_import_timeout'] ?? 120) + 1);
			if (value >= least) return undefined;
			return {
				threshold: least,
				to: String(Math.max(180, least + 59)),
				en: '180 s or more are advised, and more than dagbag_import_timeout.',
				ja: '180 秒以上、かつ dagbag_import_timeout より大きい値が推奨です。',
			};
		},
	},
	...['scheduler', 'dag_processor'].map((section): Judge => ({
		key: `${section}-parsing_processes`,
		look(value, _text, environment) {
			const cpu = (three(environment) ? environment.dagProcessor : environment.scheduler)?.cpu ?? 0;
			const most = Math.max(1, Math.floor(cpu) - 1);
			if (cpu === 0 || value <= most) return undefined;
			return {
				threshold: most,
				to: String(most),
				en: `more than one less than the vCPUs (${cpu}).`,
				ja: `「vCPU 数 − 1」を超えています（vCPU は ${cpu}）。`,
			};
		},
	})),
	{
		key: 'logging-logging_level',
		look: (_value, text) =>
			/^INFO$/i.test(text)
				? undefined
				: {
						to: 'INFO',
						en: 'other than INFO hides what a diagnosis needs, or floods the logs.',
						ja: 'INFO 以外では、診断に必要な行が失われるか、ログがあふれます。',
					},
	},
];

/** Old name, new name, since which version. Source: `deprecated_options` in Airflow's configuration.py, 2.11 and 3.1. */
const RENAMED: readonly (readonly [string, string, number])[] = [
	['core-dag_concurrency', 'core-max_active_tasks_per_dag', 2.2],
	['core-non_pooled_task_slot_count', 'core-default_pool_task_slot_count', 1.1],
	['scheduler-max_threads', 'scheduler-parsing_processes', 1.1],
	['scheduler-processor_poll_interval', 'scheduler-scheduler_idle_sleep_time', 2.2],
	['scheduler-deactivate_stale_dags_interval', 'scheduler-parsing_cleanup_interval', 2.5],
	['celery-stalled_task_timeout', 'scheduler-task_queued_timeout', 2.6],
	['celery-task_adoption_timeout', 'scheduler-task_queued_timeout', 2.6],
	['core-sql_alchemy_pool_size', 'database-sql_alchemy_pool_size', 2.3],
	['core-sql_alchemy_max_overflow', 'database-sql_alchemy_max_overflow', 2.3],
	['core-sql_alchemy_pool_recycle', 'database-sql_alchemy_pool_recycle', 2.3],
	['scheduler-dag_dir_list_interval', 'dag_processor-refresh_interval', 3],
	['core-dag_file_processor_timeout', 'dag_processor-dag_file_processor_timeout', 3],
	['scheduler-parsing_processes', 'dag_processor-parsing_processes', 3],
	['scheduler-min_file_process_interval', 'dag_processor-min_file_process_interval', 3],
	['triggerer-default_capacity', 'triggerer-capacity', 3],
];

function judgedSettings(environment: Environment): Found[] {
	const { generation, overrides, airflowVersion } = environment;
	if (generation === 'airflow') return [];
	const found: Found[] = [];
	for (const { key, look } of JUDGES) {
		const text = overrides[key];
		const bad = text === undefined ? undefined : look(Number(text), text, environment);
		if (text !== undefined && bad) found.push(aboutSetting(key, text, bad));
	}
	const [major, minor] = (airflowVersion ?? '').split('.').map(Number);
	for (const [old, now, since] of RENAMED) {
		const text = overrides[old];
		if (text === undefined || major === undefined || minor === undefined) continue;
		const [sinceMajor = 0, sinceMinor = 0] = String(since).split('.').map(Number);
		if (major < sinceMajor || (major === sinceMajor && minor < sinceMinor)) continue;
		found.push({
			weight: 'check',
			seen: Number(text),
			threshold: since,
			text: {
				en: `${old} = ${text}: deprecated, it is called ${now} now.`,
				ja: `${old} = ${text}: 非推奨です。現在の名前は ${now} です。`,
			},
			fix: [
				{ what: 'override', key: now, from: overrides[now], to: overrides[now] ?? text },
				{ what: 'override', key: old, from: text, to: undefined },
			],
		});
	}
	for (const [key, text] of Object.entries(overrides))
		if (/^(?:metrics|scheduler)-statsd/.test(key))
			found.push(
				aboutSetting(key, text, {
					en: "Composer's own metrics disappear with it.",
					ja: 'Composer 自身の指標が取得できなくなります。',
				}),
			);
	return found;
}

function aboutSetting(key: string, text: string, { en, ja, threshold, to }: Bad): Found {
	return {
		weight: 'check',
		seen: Number(text),
		threshold: threshold ?? 0,
		text: { en: `${key} = ${text}: ${en}`, ja: `${key} = ${text}: ${ja}` },
		fix: [{ what: 'override', key, from: text, to }],
	};
}

type Sized = { cpu: number; memoryGb: number; storageGb?: number | undefined };

function illegalSizes(environment: Environment): Found[] {
	const { generation, worker, scheduler, dagProcessor, triggerer, webServer } = environment;
	if (generation === 'airflow') return [];
	const { cpu, memoryGb, storageGb, min, max } = worker;
	const found: Found[] = [];
	const judge = (
		component: Component,
		size: Sized | undefined,
		count: readonly number[],
		fix?: readonly Change[],
	): void => {
		const wrong = size ? illegal(generation, component, { ...size, count }) : [];
		if (wrong.length === 0) return;
		found.push({
			weight: 'check',
			seen: wrong.length,
			threshold: 0,
			text: {
				en: `${component}: ${wrong.join('; ')} is outside what ${generation} allows today; the next update of the environment may fail on it.`,
				ja: `${component}: ${wrong.join('; ')} は現在の ${generation} の許容範囲外で、次回の環境更新が失敗する可能性があります。`,
			},
			fix,
		});
	};
	judge('worker', cpu === undefined || memoryGb === undefined ? undefined : { cpu, memoryGb, storageGb }, [min, max]);
	for (const [component, part] of Object.entries({ scheduler, dagProcessor, triggerer, webServer })) {
		const name = component as 'scheduler';
		if (part) judge(name, part, [part.count], nearestLegal(generation, name, part));
	}
	return found;
}

/** The least legal size that is not smaller. */
function nearestLegal(
	generation: 'composer-2' | 'composer-3',
	component: 'scheduler' | 'dagProcessor' | 'triggerer' | 'webServer',
	from: Sized & { count: number },
): readonly Change[] | undefined {
	const cpus = legalCpus(generation, component);
	const cpu = cpus.find((each) => each >= from.cpu) ?? cpus.at(-1);
	if (cpu === undefined) return undefined;
	const [least, most] = memoryRange(generation, component, cpu);
	const to = { ...from, cpu, memoryGb: Math.min(most, Math.max(least, Math.ceil(from.memoryGb * 4) / 4)) };
	if (illegal(generation, component, { ...to, count: [to.count] }).length > 0) return undefined;
	return [{ what: 'component', component, from, to }];
}
