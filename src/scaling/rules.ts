import { durationText } from '../domain/duration.ts';
import type { Text } from '../domain/text.ts';
import type { Concurrency, Target } from './advise.ts';
import type { Head, History, SeriesName } from './history.ts';
import type { Load, MemoryFit } from './load.ts';
import { quantile } from './replay.ts';
import { illegal, legalCpus, PRESETS, type Component, type EnvironmentSize } from './sizes.ts';

export type Facts = {
	history: History;
	load: Load;
	concurrency: Concurrency;
	memory: MemoryFit | undefined;
	target: Target;
};

/** One thing seen, with the numbers it was judged by. Names of pools and DAGs in the text are foreign. */
export type Finding = {
	id: string;
	/** `act`: something fails or waits. `check`: worth a look. `save`: paid for and not used. */
	weight: 'act' | 'check' | 'save';
	text: Text;
	/** The number that was seen and the one it was held against. */
	seen: number;
	threshold: number;
	/** A component's or the environment's own change, where this finding alone decides it. */
	fix?: Fix | undefined;
	/** The DAG it is about, for whoever may not see it. */
	dag?: string | undefined;
};

export type Fix =
	| {
			what: 'component';
			component: Exclude<Component, 'worker'>;
			count: number;
			cpu: number;
			memoryGb: number;
			storageGb?: number | undefined;
	  }
	| { what: 'environment size'; to: EnvironmentSize }
	| { what: 'override'; key: string; value: string | undefined };

type Rule = {
	id: string;
	/** In the open, so that anybody can see where the line is drawn. */
	thresholds: Readonly<Record<string, number>>;
	look(
		facts: Facts,
		thresholds: Readonly<Record<string, number>>,
	): Omit<Finding, 'id'> | readonly Omit<Finding, 'id'>[] | undefined;
};

export function findAll(facts: Facts): Finding[] {
	const weights = ['act', 'check', 'save'];
	return RULES.flatMap(({ id, thresholds, ...rule }) =>
		[rule.look(facts, thresholds) ?? []].flat().map((found) => ({ id, ...found })),
	).toSorted((a, b) => weights.indexOf(a.weight) - weights.indexOf(b.weight));
}

const values = ({ history }: Facts, name: SeriesName): number[] =>
	(history.metrics[name] ?? []).map(([, value]) => value);
const p95 = (list: readonly number[]): number => quantile(list, 0.95);
const shareAbove = (list: readonly number[], limit: number): number =>
	list.length === 0 ? 0 : list.filter((value) => value > limit).length / list.length;
const percent = (share: number): string => `${Math.round(share * 100)} %`;
const round = (value: number): number => Math.round(value * 10) / 10;
const sum = (list: readonly number[]): number => list.reduce((a, b) => a + b, 0);

type Found = Omit<Finding, 'id'>;

/** What Google's pages and gcpdiag name, threshold by threshold, and what the recipe adds. Sources: "Optimize environment performance and costs", the scale-environments pages, gcpdiag's rules. */
export const RULES: readonly Rule[] = [
	{
		id: 'worker-memory',
		thresholds: { share: 0.8 },
		look(facts, { share = 0 }): Found | undefined {
			const gb = facts.history.environment.worker.memoryGb;
			if (!facts.memory || gb === undefined || facts.memory.peakGb <= share * gb) return undefined;
			const seen = facts.memory.peakGb / gb;
			return {
				weight: 'act',
				seen,
				threshold: share,
				text: {
					en: `Worker memory peaks at ${percent(seen)} of ${gb} GB with ${facts.memory.peakTasks} tasks on one worker (above ${percent(share)} a task killed for memory, a lost mount or a missing log is near).`,
					ja: `ワーカーのメモリは、1 台で ${facts.memory.peakTasks} タスクの実行時に ${gb} GB の ${percent(seen)} に達しています（${percent(share)} を超えると、メモリ不足によるタスクの強制終了、マウントの喪失、ログの欠落が起こりやすくなります）。`,
				},
			};
		},
	},
	{
		id: 'worker-deaths',
		thresholds: { evictions: 0, memoryShare: 0.8, diskShare: 0.8 },
		look(facts, { memoryShare = 0, diskShare = 0 }): Found | undefined {
			const deaths = sum(values(facts, 'evictions')) + sum(values(facts, 'restarts'));
			if (deaths === 0) return undefined;
			const gb = facts.history.environment.worker.memoryGb;
			const memory = facts.memory && gb !== undefined ? facts.memory.peakGb / gb : undefined;
			const disk = Math.max(0, ...values(facts, 'workerDiskShare'));
			const why: Text =
				memory !== undefined && memory > memoryShare
					? { en: `memory was at ${percent(memory)}`, ja: `メモリは ${percent(memory)} でした` }
					: disk > diskShare
						? {
								en: `the disk was at ${percent(disk)}: more worker storage`,
								ja: `ディスクは ${percent(disk)} でした。ワーカーのストレージを増やしてください`,
							}
						: {
								en: 'neither memory nor disk shows why (samples are a minute apart; updates and maintenance replace workers too)',
								ja: 'メモリにもディスクにも原因が見えません（測定は 1 分間隔です。更新やメンテナンスでもワーカーは入れ替わります）',
							};
			return {
				weight: 'act',
				seen: deaths,
				threshold: 0,
				text: {
					en: `Workers were evicted or restarted ${deaths} times; ${why.en}.`,
					ja: `ワーカーの退避・再起動が ${deaths} 回ありました。${why.ja}。`,
				},
			};
		},
	},
	{
		id: 'worker-disk',
		thresholds: { share: 0.8 },
		look(facts, { share = 0 }): Found | undefined {
			const disk = Math.max(0, ...values(facts, 'workerDiskShare'));
			if (disk <= share) return undefined;
			return {
				weight: 'act',
				seen: disk,
				threshold: share,
				text: {
					en: `Worker storage peaks at ${percent(disk)}; a full one evicts the worker. Delete temporary files in the task, or give more storage.`,
					ja: `ワーカーのストレージは最大 ${percent(disk)} です。満杯になるとワーカーが退避されます。タスク内で一時ファイルを削除するか、ストレージを増やしてください。`,
				},
			};
		},
	},
	{
		id: 'queue-wait',
		thresholds: {},
		look({ load, target }): Found | undefined {
			const seen = p95([...load.waitsMs]);
			if (!(seen > target.waitMs)) return undefined;
			return {
				weight: 'act',
				seen,
				threshold: target.waitMs,
				text: {
					en: `One task in twenty waits ${durationText(seen, 'en')} or longer for its start (target ${durationText(target.waitMs, 'en')}).`,
					ja: `20 件に 1 件のタスクが、開始まで ${durationText(seen, 'ja')} 以上待っています（目標 ${durationText(target.waitMs, 'ja')}）。`,
				},
			};
		},
	},
	{
		id: 'workers-at-most',
		thresholds: { minutes: 5 },
		look(facts, { minutes = 0 }): Found | undefined {
			const { metrics, environment } = facts.history;
			const queue = new Map(metrics.queueLength ?? []);
			const full = (metrics.workers ?? []).filter(
				([at, workers]) => workers >= environment.worker.max && (queue.get(at) ?? 0) > 0,
			).length;
			if (full <= minutes) return undefined;
			return {
				weight: 'act',
				seen: full,
				threshold: minutes,
				text: {
					en: `In ${full} samples all ${environment.worker.max} workers were up and tasks still queued.`,
					ja: `${full} 回の測定で、最大数の ${environment.worker.max} 台が稼働中でもタスクが待機していました。`,
				},
			};
		},
	},
	{
		id: 'worker-cpu',
		thresholds: { share: 0.8 },
		look(facts, { share = 0 }): Found | undefined {
			const seen = p95(values(facts, 'workerCpuShare'));
			if (!(seen > share)) return undefined;
			return {
				weight: 'act',
				seen,
				threshold: share,
				text: {
					en: `Worker CPU is at ${percent(seen)} (p95): more workers; a bigger one or less concurrency only where a single task needs it.`,
					ja: `ワーカーの CPU 使用率は ${percent(seen)}（p95）です。ワーカーの台数を増やしてください。大型化や同時実行数の削減は、単一タスクが必要とする場合に限ります。`,
				},
			};
		},
	},
	{
		id: 'workers-idle',
		thresholds: { memoryShare: 0.4 },
		look(facts, { memoryShare = 0 }): Found | undefined {
			const { worker } = facts.history.environment;
			const workers = values(facts, 'workers');
			const memory = values(facts, 'workerMemoryGb');
			if (workers.length === 0 || memory.length === 0 || worker.memoryGb === undefined) return undefined;
			const seen = p95(memory) / worker.memoryGb;
			if (worker.min < 2 || p95(workers) > worker.min || seen >= memoryShare) return undefined;
			return {
				weight: 'save',
				seen,
				threshold: memoryShare,
				text: {
					en: `The ${worker.min} workers that always run are enough, and their memory stays at ${percent(seen)} (p95).`,
					ja: `常時稼働の ${worker.min} 台で足りており、メモリ使用率は ${percent(seen)}（p95）にとどまっています。`,
				},
			};
		},
	},
	{
		id: 'pool-full',
		thresholds: { heldShare: 0.05 },
		look({ history, load }, { heldShare = 0 }): Found[] {
			const { tasks, pools } = history;
			return pools.flatMap(({ name, slots }): Found[] => {
				const pool = tasks.names.pools.indexOf(name);
				let of = 0;
				let held = 0;
				for (let i = 0; i < tasks.length; i++) {
					if (tasks.pool[i] !== pool) continue;
					of++;
					if ((load.heldMs[i] ?? 0) > 10_000) held++;
				}
				if (of === 0 || held / of <= heldShare) return [];
				return [
					{
						weight: 'act',
						seen: held / of,
						threshold: heldShare,
						text: {
							en: `Pool ${name} (${slots} slots) was full for ${percent(held / of)} of its tasks. A bigger machine buys nothing there.`,
							ja: `プール ${name}（${slots} スロット）では、タスクの ${percent(held / of)} が空き待ちでした。ここではマシンを大きくしても効果はありません。`,
						},
					},
				];
			});
		},
	},
	{
		id: 'dag-limit',
		// 16 is Airflow's default for both limits.
		thresholds: { maxActiveTasks: 16, timeShare: 0.05 },
		look({ history }, { maxActiveTasks = 0, timeShare = 0 }): Found[] {
			const { tasks, dags } = history;
			const limits = new Map(dags.map(({ dag_id, max_active_tasks }) => [dag_id, max_active_tasks]));
			const set = Number(history.environment.overrides['core-max_active_tasks_per_dag']);
			const usual = set > 0 ? set : maxActiveTasks;
			const steps: [number, number][][] = [];
			for (let i = 0; i < tasks.length; i++) {
				const list = (steps[tasks.dag[i] ?? 0] ??= []);
				const queued = tasks.queued[i] ?? Number.NaN;
				list.push([Number.isNaN(queued) ? (tasks.start[i] ?? 0) : queued, 1], [tasks.end[i] ?? 0, -1]);
			}
			return steps.flatMap((list, dag): Found[] => {
				const name = tasks.names.dags[dag] ?? '';
				const limit = limits.get(name) ?? usual;
				list.sort((a, b) => a[0] - b[0] || a[1] - b[1]);
				let active = 0;
				let full = 0;
				let busy = 0;
				list.forEach(([at, change], i) => {
					active += change;
					const until = list[i + 1]?.[0] ?? at;
					if (active > 0) busy += until - at;
					if (active === limit) full += until - at;
					// More than the limit at once: it is not the limit in force.
					if (active > limit) full = Number.NEGATIVE_INFINITY;
				});
				if (!(full > timeShare * busy) || list.length < 4 * limit) return [];
				return [
					{
						dag: name,
						weight: 'check',
						seen: full / busy,
						threshold: timeShare,
						text: {
							en: `DAG ${name} ran exactly ${limit} tasks at once for ${percent(full / busy)} of its time: its max_active_tasks holds it back, not the workers.`,
							ja: `DAG ${name} は実行時間の ${percent(full / busy)} で同時実行数がちょうど ${limit} でした。制約はワーカーではなく max_active_tasks です。`,
						},
					},
				];
			});
		},
	},
	{
		id: 'task-gap',
		thresholds: { seconds: 20 },
		look({ load }, { seconds: limit = 0 }): Found | undefined {
			if (load.lagMs < limit * 1000) return undefined;
			return {
				weight: 'act',
				seen: load.lagMs / 1000,
				threshold: limit,
				text: {
					en: `Between a task and the one after it lie ${durationText(load.lagMs, 'en')} (2.5 to 3.5 s are fine): an overloaded scheduler, or limits.`,
					ja: `タスクから次のタスクまでの間隔が ${durationText(load.lagMs, 'ja')} あります（2.5～3.5 秒が正常）。スケジューラの過負荷か、各種の上限が原因です。`,
				},
			};
		},
	},
	{
		id: 'scheduler-cpu',
		thresholds: { busy: 0.8, idle: 0.35, timeShare: 0.05 },
		look(facts, { busy = 0, idle = 0, timeShare = 0 }): Found | undefined {
			const cpu = values(facts, 'schedulerCpuShare');
			const { scheduler } = facts.history.environment;
			const above = shareAbove(cpu, busy);
			if (above > timeShare)
				return {
					weight: 'act',
					seen: above,
					threshold: timeShare,
					text: {
						en: `The scheduler is above ${percent(busy)} CPU for ${percent(above)} of the time: first longer min_file_process_interval and dag_dir_list_interval, then more CPU; more than two schedulers rarely help.`,
						ja: `スケジューラの CPU が ${percent(busy)} を超える時間が ${percent(above)} あります。まず min_file_process_interval と dag_dir_list_interval を延ばし、次に CPU を増やしてください。3 台以上のスケジューラが有効なことはまれです。`,
					},
					fix: grown(facts.history, 'scheduler', scheduler),
				};
			if (cpu.length > 0 && p95(cpu) < idle && scheduler && (scheduler.count > 1 || scheduler.cpu > 0.5))
				return {
					weight: 'save',
					seen: p95(cpu),
					threshold: idle,
					text: {
						en: `The scheduler stays below ${percent(idle)} CPU (p95 ${percent(p95(cpu))}): fewer or smaller schedulers are enough.`,
						ja: `スケジューラの CPU は ${percent(idle)} 未満です（p95 ${percent(p95(cpu))}）。台数または CPU を減らせます。`,
					},
				};
			return undefined;
		},
	},
	{
		id: 'schedulers-many',
		thresholds: { count: 2 },
		look({ history }, { count = 0 }): Found | undefined {
			const seen = history.environment.scheduler?.count ?? 0;
			if (seen <= count) return undefined;
			return {
				weight: 'check',
				seen,
				threshold: count,
				text: {
					en: `${seen} schedulers: more than ${count} rarely help and load the database.`,
					ja: `スケジューラが ${seen} 台あります。${count} 台を超えても効果はまれで、データベースの負荷が増えます。`,
				},
			};
		},
	},
	{
		id: 'scheduler-heartbeat',
		thresholds: { silentSamples: 3 },
		look(facts, { silentSamples = 0 }): Found | undefined {
			const silent = values(facts, 'schedulerHeartbeats').filter((beats) => beats === 0).length;
			if (silent < silentSamples) return undefined;
			return {
				weight: 'act',
				seen: silent,
				threshold: silentSamples,
				text: {
					en: `No scheduler heartbeat in ${silent} samples: the scheduler was down or starved.`,
					ja: `${silent} 回の測定でスケジューラのハートビートがありませんでした（停止またはリソース不足）。`,
				},
			};
		},
	},
	{
		id: 'parse-time',
		thresholds: { seconds: 10 },
		look(facts, { seconds: limit = 0 }): Found | undefined {
			const seen = p95(values(facts, 'parseSeconds'));
			if (!(seen > limit)) return undefined;
			const three = facts.history.environment.generation === 'composer-3';
			return {
				weight: 'check',
				seen,
				threshold: limit,
				text: {
					en: `Parsing all DAG files takes ${round(seen)} s (p95, ${limit} s is fine): lighter top-level code, .airflowignore, longer intervals, more CPU for the ${three ? 'DAG processor' : 'scheduler'}. Paused DAGs are parsed too.`,
					ja: `DAG ファイル全体の解析に ${round(seen)} 秒かかっています（p95、目安は ${limit} 秒）。トップレベルの処理の軽量化、.airflowignore、間隔の延長、${three ? 'DAG プロセッサ' : 'スケジューラ'}の CPU 増加を検討してください。一時停止中の DAG も解析されます。`,
				},
			};
		},
	},
	{
		id: 'dag-processor-cpu',
		thresholds: { busy: 0.8, timeShare: 0.05 },
		look: (facts, limits) =>
			busyPart(facts, limits, 'dagProcessorCpuShare', 'dagProcessor', {
				en: 'The DAG processor',
				ja: 'DAG プロセッサ',
			}),
	},
	{
		id: 'triggerer-cpu',
		thresholds: { busy: 0.8, timeShare: 0.05 },
		look: (facts, limits) =>
			busyPart(facts, limits, 'triggererCpuShare', 'triggerer', { en: 'The triggerer', ja: 'トリガラー' }),
	},
	{
		id: 'web-server-cpu',
		thresholds: { busy: 0.8, timeShare: 0.05 },
		look: (facts, limits) =>
			busyPart(facts, limits, 'webServerCpuShare', 'webServer', {
				en: 'The web server (DAG runs do not depend on it)',
				ja: 'ウェブサーバー（DAG 実行には影響しません）',
			}),
	},
	{
		id: 'web-server-memory',
		thresholds: { share: 0.8, timeShare: 0.05 },
		look(facts, { share = 0, timeShare = 0 }): Found | undefined {
			const above = shareAbove(values(facts, 'webServerMemoryShare'), share);
			if (above <= timeShare) return undefined;
			return {
				weight: 'check',
				seen: above,
				threshold: timeShare,
				text: {
					en: `The web server's memory is above ${percent(share)} for ${percent(above)} of the time: more memory.`,
					ja: `ウェブサーバーのメモリが ${percent(share)} を超える時間が ${percent(above)} あります。メモリを増やしてください。`,
				},
			};
		},
	},
	{
		id: 'database-load',
		thresholds: { busy: 0.8, timeShare: 0.05 },
		look(facts, { busy = 0, timeShare = 0 }): Found | undefined {
			const cpu = shareAbove(values(facts, 'databaseCpuShare'), busy);
			const memory = shareAbove(values(facts, 'databaseMemoryShare'), busy);
			const above = Math.max(cpu, memory);
			if (above <= timeShare) return undefined;
			const sizes: readonly EnvironmentSize[] =
				facts.history.environment.generation === 'composer-3'
					? ['small', 'medium', 'large', 'extra-large']
					: ['small', 'medium', 'large'];
			const { size } = facts.history.environment;
			const next = size && sizes[sizes.indexOf(size) + 1];
			const what = cpu >= memory ? 'CPU' : { en: 'memory', ja: 'メモリ' };
			return {
				weight: 'act',
				seen: above,
				threshold: timeShare,
				text: {
					en: `Database ${typeof what === 'string' ? what : what.en} is above ${percent(busy)} for ${percent(above)} of the time: fewer schedulers, longer intervals, no Variables or XComs in top-level code, trim old rows; then the next environment size.`,
					ja: `データベースの${typeof what === 'string' ? ` ${what} ` : what.ja}が ${percent(busy)} を超える時間が ${percent(above)} あります。スケジューラの削減、間隔の延長、トップレベルでの Variable・XCom の廃止、古い行の削除を行い、それでも足りなければ環境サイズを上げてください。`,
				},
				...(next && { fix: { what: 'environment size', to: next } }),
			};
		},
	},
	{
		id: 'database-size',
		thresholds: { near: 16, refused: 20 },
		look(facts, { near = 0, refused = 0 }): Found | undefined {
			const seen = Math.max(0, ...values(facts, 'databaseSizeGb'));
			if (seen <= near) return undefined;
			return {
				weight: seen > refused ? 'act' : 'check',
				seen,
				threshold: seen > refused ? refused : near,
				text: {
					en: `The metadata database has ${round(seen)} GB: above ${refused} GB upgrades and snapshots are refused. Set a retention period or run airflow db clean.`,
					ja: `メタデータ データベースは ${round(seen)} GB です。${refused} GB を超えるとアップグレードとスナップショットが拒否されます。保持期間を設定するか、airflow db clean を実行してください。`,
				},
			};
		},
	},
	{
		id: 'concurrency-too-low',
		thresholds: {},
		look({ history, concurrency, load }): Found | undefined {
			const needed = slotsNeeded(history);
			const capacity = history.environment.worker.max * concurrency.value;
			if (needed <= capacity || p95([...load.waitsMs]) < 30_000) return undefined;
			return {
				weight: 'check',
				seen: needed,
				threshold: capacity,
				text: {
					en: `${needed} tasks were running or queued at once (p95 of the busy minutes), ${history.environment.worker.max} workers of ${concurrency.value} hold ${capacity}.`,
					ja: `実行中または待機中のタスクは同時に ${needed} 件（混雑時の p95）ですが、${concurrency.value} 並列のワーカー ${history.environment.worker.max} 台の容量は ${capacity} 件です。`,
				},
			};
		},
	},
	{
		id: 'parallelism',
		thresholds: {},
		look({ history, concurrency }): Found | undefined {
			const { parallelism, overrides, worker } = history.environment;
			const set = Number(overrides['core-parallelism'] ?? parallelism ?? 0);
			const needed = worker.max * concurrency.value;
			if (!(set > 0) || set >= needed) return undefined;
			return {
				weight: 'check',
				seen: set,
				threshold: needed,
				text: {
					en: `[core]parallelism is ${set}, below max workers × worker_concurrency = ${needed}: workers idle while tasks wait.`,
					ja: `[core]parallelism が ${set} で、最大ワーカー数 × worker_concurrency = ${needed} を下回っています。タスクが待っていてもワーカーが遊びます。`,
				},
			};
		},
	},
	{
		id: 'concurrency-unknown',
		thresholds: {},
		look({ concurrency }): Found | undefined {
			if (concurrency.from === 'override' || concurrency.from === 'config') return undefined;
			return {
				weight: 'check',
				seen: concurrency.value,
				threshold: 0,
				text: {
					en: `worker_concurrency is not set and was not read; ${concurrency.value} is ${concurrency.from === 'observed' ? 'the most that ran on one worker' : 'computed from the worker size'}. Google changed its formula without publishing it: set it explicitly.`,
					ja: `worker_concurrency は未設定で、読み取れませんでした。${concurrency.value} は${concurrency.from === 'observed' ? '1 台のワーカーで同時に動いた最大数' : 'ワーカーのサイズから計算した値'}です。Google は計算式を公開せずに変更しているため、明示的に設定してください。`,
				},
			};
		},
	},
	{
		id: 'preset',
		thresholds: {},
		look({ history }): Found | undefined {
			const { size } = history.environment;
			const preset = size && PRESETS[size];
			if (!preset) return undefined;
			const dags = Math.max(history.dags.length, history.tasks.names.dags.length);
			if (dags <= preset.dags) return undefined;
			return {
				weight: 'check',
				seen: dags,
				threshold: preset.dags,
				text: {
					en: `${dags} DAGs, the ${size} preset is meant for ${preset.dags}. The environment size (database, Redis, log throughput) and the workload sizes are set separately outside the console: this is no reason to raise the size while the database is calm.`,
					ja: `DAG が ${dags} 個あり、${size} プリセットの目安は ${preset.dags} 個です。コンソール以外では、環境サイズ（データベース、Redis、ログのスループット）とワークロードのサイズは別々に設定します。データベースに余裕がある間は、環境サイズを上げる理由にはなりません。`,
				},
			};
		},
	},
	{
		id: 'blocked-setting',
		thresholds: {},
		look: ({ history }) => settings(history.environment),
	},
	{
		id: 'illegal-size',
		thresholds: {},
		look: ({ history: { environment } }) => {
			const { generation, worker, scheduler, dagProcessor, triggerer, webServer } = environment;
			if (generation === 'airflow') return [];
			const parts: [
				Component,
				{ cpu: number; memoryGb: number; storageGb?: number | undefined; count: number[] } | undefined,
			][] = [
				[
					'worker',
					worker.cpu && worker.memoryGb
						? {
								cpu: worker.cpu,
								memoryGb: worker.memoryGb,
								storageGb: worker.storageGb,
								count: [worker.min, worker.max],
							}
						: undefined,
				],
				['scheduler', scheduler && { ...scheduler, count: [scheduler.count] }],
				['dagProcessor', dagProcessor && { ...dagProcessor, count: [dagProcessor.count] }],
				['triggerer', triggerer && { ...triggerer, count: [triggerer.count] }],
				['webServer', webServer && { ...webServer, count: [1] }],
			];
			return parts.flatMap(([component, size]): Found[] => {
				const wrong = size ? illegal(generation, component, size) : [];
				if (wrong.length === 0) return [];
				return [
					{
						weight: 'check',
						seen: wrong.length,
						threshold: 0,
						text: {
							en: `${component}: ${wrong.join('; ')} is outside what ${generation} allows today; the next update of the environment may fail on it.`,
							ja: `${component}: ${wrong.join('; ')} は現在の ${generation} の許容範囲外で、次回の環境更新が失敗する可能性があります。`,
						},
					},
				];
			});
		},
	},
];

/** p95 over the busy minutes of tasks queued or running. */
function slotsNeeded({ tasks }: History): number {
	const steps: [number, number][] = [];
	for (let i = 0; i < tasks.length; i++) {
		const queued = tasks.queued[i] ?? Number.NaN;
		steps.push([Number.isNaN(queued) ? (tasks.start[i] ?? 0) : queued, 1], [tasks.end[i] ?? 0, -1]);
	}
	steps.sort((a, b) => a[0] - b[0] || a[1] - b[1]);
	const most = new Map<number, number>();
	let now = 0;
	for (const [at, change] of steps) {
		now += change;
		const minute = Math.floor(at / 60_000);
		most.set(minute, Math.max(most.get(minute) ?? 0, now));
	}
	return most.size === 0 ? 0 : Math.ceil(p95([...most.values()]));
}

type Part = { count: number; cpu: number; memoryGb: number; storageGb?: number | undefined };

function busyPart(
	facts: Facts,
	{ busy = 0, timeShare = 0 }: Readonly<Record<string, number>>,
	name: SeriesName,
	component: 'dagProcessor' | 'triggerer' | 'webServer',
	called: Text,
): Found | undefined {
	const above = shareAbove(values(facts, name), busy);
	if (above <= timeShare) return undefined;
	return {
		weight: component === 'webServer' ? 'check' : 'act',
		seen: above,
		threshold: timeShare,
		text: {
			en: `${called.en} is above ${percent(busy)} CPU for ${percent(above)} of the time.`,
			ja: `${called.ja}の CPU が ${percent(busy)} を超える時間が ${percent(above)} あります。`,
		},
		fix: grown(facts.history, component, facts.history.environment[component]),
	};
}

/** The next legal size of a component that is too busy: more CPU, and where that is at its end one more of it. */
function grown(
	{ environment: { generation } }: History,
	component: Exclude<Component, 'worker'>,
	part: Part | undefined,
): Fix | undefined {
	if (generation === 'airflow' || !part) return undefined;
	const cpu = legalCpus(generation, component).find((each) => each >= part.cpu * 1.5 || (each > part.cpu && each >= 1));
	const ratio = part.memoryGb / part.cpu;
	const next =
		cpu === undefined ? { ...part, count: part.count + 1 } : { ...part, cpu, memoryGb: Math.ceil(cpu * ratio * 4) / 4 };
	if (illegal(generation, component, { ...next, count: [next.count] }).length > 0) return undefined;
	return { what: 'component', component, ...next };
}

/** Settings that Composer blocks, bounds or warns of. Source: the page of allowed Airflow configurations, release notes, gcpdiag. */
function settings({ generation, overrides, scheduler, dagProcessor }: Head['environment']): Found[] {
	if (generation === 'airflow') return [];
	const found: Found[] = [];
	const say = (key: string, limit: number, bad: boolean, en: string, ja: string, value?: string): void => {
		if (bad && overrides[key] !== undefined)
			found.push({
				weight: 'check',
				seen: Number(overrides[key]),
				threshold: limit,
				text: { en: `${key} = ${overrides[key]}: ${en}`, ja: `${key} = ${overrides[key]}: ${ja}` },
				fix: { what: 'override', key, value },
			});
	};
	const number = (key: string): number => Number(overrides[key] ?? Number.NaN);
	say(
		'celery-worker_autoscale',
		0,
		true,
		'blocked in both generations; remove it.',
		'両世代でブロックされています。削除してください。',
	);
	const three = generation === 'composer-3';
	const bound = (key: string, least: number, most: number): void =>
		say(
			key,
			number(key) > most ? most : least,
			number(key) < least || number(key) > most,
			`outside ${least} to ${most}.`,
			`${least}～${most} の範囲外です。`,
		);
	if (three) {
		bound('celery-worker_concurrency', 1, 24);
		bound('scheduler-min_file_process_interval', 30, Infinity);
		bound('kubernetes_executor-worker_pods_queued_check_interval', 30, 60);
		bound('triggerer-job_heartbeat_sec', 30, Infinity);
	}
	say(
		'scheduler-job_heartbeat_sec',
		30,
		number('scheduler-job_heartbeat_sec') < 30,
		'below 30 s it loads the database.',
		'30 秒未満ではデータベースの負荷が増えます。',
		'30',
	);
	say(
		'scheduler-scheduler_heartbeat_sec',
		15,
		number('scheduler-scheduler_heartbeat_sec') < 15,
		'below 15 s it loads the database.',
		'15 秒未満ではデータベースの負荷が増えます。',
		'15',
	);
	say(
		'core-dagbag_import_timeout',
		120,
		number('core-dagbag_import_timeout') < 120,
		'120 s or more are advised.',
		'120 秒以上が推奨です。',
		'120',
	);
	const importTimeout = number('core-dagbag_import_timeout');
	const fileTimeout = number('core-dag_file_processor_timeout');
	say(
		'core-dag_file_processor_timeout',
		180,
		fileTimeout < 180 || fileTimeout <= importTimeout,
		'180 s or more are advised, and more than dagbag_import_timeout.',
		'180 秒以上、かつ dagbag_import_timeout より大きい値が推奨です。',
		String(Math.max(180, (importTimeout || 120) + 60)),
	);
	const parsers = Math.floor((three ? dagProcessor?.cpu : scheduler?.cpu) ?? 0) - 1;
	say(
		'scheduler-parsing_processes',
		Math.max(1, parsers),
		parsers >= 1 && number('scheduler-parsing_processes') > parsers,
		'more than one less than the vCPUs.',
		'「vCPU 数 − 1」を超えています。',
		String(Math.max(1, parsers)),
	);
	say(
		'logging-logging_level',
		0,
		!/^INFO$/i.test(overrides['logging-logging_level'] ?? 'INFO'),
		'other than INFO hides what a diagnosis needs, or floods the logs.',
		'INFO 以外では、診断に必要な行が失われるか、ログがあふれます。',
		'INFO',
	);
	for (const key of Object.keys(overrides))
		if (key.startsWith('metrics-statsd'))
			say(key, 0, true, "Composer's own metrics disappear with it.", 'Composer 自身の指標が取得できなくなります。');
	return found;
}
