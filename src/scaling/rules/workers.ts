import { durationText } from '../../domain/duration.ts';
import type { Text } from '../../domain/text.ts';
import { most, p95, percent, rule, sum, values, type Facts, type Rule } from '../finding.ts';
import type { Change } from '../plan.ts';
import { quantile } from '../quantile.ts';
import { illegal } from '../sizes.ts';
import { sweep } from '../timeline.ts';

/** Memory, storage, CPU and number of the workers. Sources: "Optimize environment performance and costs", gcpdiag, and the seed's experience that missing logs come first. */
export const workerRules: readonly Rule[] = [
	rule({
		id: 'worker-memory',
		thresholds: { share: 0.8 },
		look({ history, memory }, { share }) {
			const gb = history.environment.worker.memoryGb;
			if (!memory || gb === undefined || memory.peakGb <= share * gb) return undefined;
			const seen = memory.peakGb / gb;
			return {
				weight: 'act',
				seen,
				threshold: share,
				text: {
					en: `Worker memory peaks at ${percent(seen)} of ${gb} GB with ${memory.peakTasks} ${memory.peakTasks === 1 ? 'task' : 'tasks'} on one worker (above ${percent(share)} a task killed for memory, a lost mount or a missing log is near).`,
					ja: `ワーカーのメモリは、1 台で ${memory.peakTasks} タスクの実行時に ${gb} GB の ${percent(seen)} に達しています（${percent(share)} を超えると、メモリ不足によるタスクの強制終了、マウントの喪失、ログの欠落が起こりやすくなります）。`,
				},
			};
		},
	}),
	rule({
		id: 'worker-deaths',
		thresholds: { deaths: 0, memoryShare: 0.8, diskShare: 0.8 },
		look(facts, { deaths: limit, memoryShare, diskShare }) {
			const deaths = sum(values(facts, 'evictions')) + sum(values(facts, 'restarts'));
			if (deaths <= limit) return undefined;
			const gb = facts.history.environment.worker.memoryGb;
			const memory = facts.memory && gb !== undefined ? facts.memory.peakGb / gb : undefined;
			const disk = most(values(facts, 'workerDiskShare'));
			const why = whyDied(memory, memoryShare, disk, diskShare);
			return {
				weight: 'act',
				seen: deaths,
				threshold: limit,
				text: {
					en: `Workers were evicted or restarted ${deaths === 1 ? 'once' : `${deaths} times`}; ${why.en}.`,
					ja: `ワーカーの退避・再起動が ${deaths} 回ありました。${why.ja}。`,
				},
			};
		},
	}),
	rule({
		id: 'worker-disk',
		thresholds: { share: 0.8 },
		look(facts, { share }) {
			const disk = most(values(facts, 'workerDiskShare'));
			if (disk <= share) return undefined;
			return {
				weight: 'act',
				seen: disk,
				threshold: share,
				text: {
					en: `Worker storage peaks at ${percent(disk)}; a full one evicts the worker. Delete temporary files in the task, or give more storage.`,
					ja: `ワーカーのストレージは最大 ${percent(disk)} です。満杯になるとワーカーが退避されます。タスク内で一時ファイルを削除するか、ストレージを増やしてください。`,
				},
				fix: moreStorage(facts),
			};
		},
	}),
	rule({
		id: 'worker-cpu',
		thresholds: { share: 0.8 },
		look(facts, { share }) {
			const seen = p95(values(facts, 'workerCpuShare'));
			if (!(seen > share)) return undefined;
			return {
				weight: 'act',
				seen,
				threshold: share,
				text: {
					en: `Worker CPU is at ${percent(seen)} (p95): fewer tasks on each and more workers; a bigger one only where a single task needs it.`,
					ja: `ワーカーの CPU 使用率は ${percent(seen)}（p95）です。1 台あたりのタスク数を減らし、台数を増やしてください。大型化は、単一のタスクに必要な場合に限ります。`,
				},
				fix: spread(facts),
			};
		},
	}),
	rule({
		id: 'queue-wait',
		thresholds: {},
		look({ seen: { waitP95Ms: seen }, target }) {
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
	}),
	rule({
		id: 'workers-at-most',
		thresholds: { minutes: 5 },
		look({ history: { metrics, environment } }, { minutes: limit }) {
			const queue = new Map(metrics.queueLength ?? []);
			let longest = 0;
			let since: number | undefined;
			for (const [at, workers] of (metrics.workers ?? []).toSorted((a, b) => a[0] - b[0])) {
				// A sample stands for the time until the next one.
				if (since !== undefined) longest = Math.max(longest, at - since);
				if (workers < environment.worker.max || (queue.get(at) ?? 0) <= 0) since = undefined;
				else since ??= at;
			}
			const minutes = longest / 60_000;
			if (minutes <= limit) return undefined;
			return {
				weight: 'act',
				seen: minutes,
				threshold: limit,
				text: {
					en: `For up to ${durationText(longest, 'en')} on end ${environment.worker.max === 1 ? 'the one worker there may be was' : `all ${environment.worker.max} workers were`} up and tasks still queued.`,
					ja: `最大数の ${environment.worker.max} 台が稼働中でもタスクが待機していた時間が、最長 ${durationText(longest, 'ja')} 続きました。`,
				},
			};
		},
	}),
	rule({
		id: 'workers-idle',
		thresholds: { memoryShare: 0.4 },
		look(facts, { memoryShare }) {
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
	}),
	rule({
		id: 'concurrency-too-low',
		thresholds: { waitMs: 30_000 },
		look(facts, { waitMs }) {
			const { history, concurrency, seen } = facts;
			const needed = slotsNeeded(facts);
			const { max } = history.environment.worker;
			const capacity = max * concurrency.value;
			if (needed <= capacity || seen.waitP95Ms < waitMs) return undefined;
			return {
				weight: 'check',
				seen: needed,
				threshold: capacity,
				text: {
					en: `${needed} tasks were running or queued at once (p95 of the busy minutes), ${max} workers of ${concurrency.value} hold ${capacity}.`,
					ja: `実行中または待機中のタスクは同時に ${needed} 件（混雑時の p95）ですが、${concurrency.value} 並列のワーカー ${max} 台の容量は ${capacity} 件です。`,
				},
			};
		},
	}),
	rule({
		id: 'concurrency-unknown',
		thresholds: {},
		look({ concurrency: { value, from } }) {
			if (from === 'override' || from === 'config') return undefined;
			return {
				weight: 'check',
				seen: value,
				threshold: 0,
				text: {
					en: `worker_concurrency is not set and was not read; ${value} is ${from === 'observed' ? 'the most that ran on one worker' : 'computed from the worker size'}. Google changed its formula without publishing it: set it explicitly.`,
					ja: `worker_concurrency は未設定で、読み取れませんでした。${value} は${from === 'observed' ? ' 1 台のワーカーで同時に動いた最大数' : 'ワーカーのサイズから計算した値'}です。Google は計算式を公開せずに変更しているため、明示的に設定してください。`,
				},
			};
		},
	}),
];

function whyDied(memory: number | undefined, memoryShare: number, disk: number, diskShare: number): Text {
	if (memory !== undefined && memory > memoryShare)
		return { en: `memory was at ${percent(memory)}`, ja: `メモリは ${percent(memory)} でした` };
	if (disk > diskShare)
		return {
			en: `the disk was at ${percent(disk)}: more worker storage`,
			ja: `ディスクは ${percent(disk)} でした。ワーカーのストレージを増やしてください`,
		};
	return {
		en: 'neither memory nor disk shows why (samples are a minute apart; updates and maintenance replace workers too)',
		ja: 'メモリにもディスクにも原因が見えません（測定は 1 分間隔です。更新やメンテナンスでもワーカーは入れ替わります）',
	};
}

/** Twice the storage, as far as the generation goes. */
function moreStorage({ history: { environment } }: Facts): readonly Change[] | undefined {
	const { generation, worker } = environment;
	if (generation === 'airflow' || worker.cpu === undefined || worker.memoryGb === undefined) return undefined;
	const most = generation === 'composer-2' ? 10 : 100;
	const storageGb = Math.min(most, Math.ceil(2 * (worker.storageGb ?? 1)));
	const to = { ...worker, storageGb };
	if (storageGb <= (worker.storageGb ?? 0)) return undefined;
	if (illegal(generation, 'worker', { cpu: worker.cpu, memoryGb: worker.memoryGb, storageGb }).length > 0)
		return undefined;
	return [{ what: 'worker', from: worker, to }];
}

/** The same number of slots on more workers: three quarters of the tasks on each, a third more workers. */
function spread({ history: { environment }, concurrency }: Facts): readonly Change[] | undefined {
	const { worker } = environment;
	const fewer = Math.max(1, Math.floor(concurrency.value * 0.75));
	const max = Math.min(100, Math.ceil((worker.max * concurrency.value) / fewer));
	if (fewer === concurrency.value || max === worker.max) return undefined;
	return [
		{ what: 'worker', from: worker, to: { ...worker, min: worker.min === worker.max ? max : worker.min, max } },
		{ what: 'concurrency', from: concurrency.value, to: fewer },
	];
}

/** p95 over the busy minutes of tasks queued or running. */
function slotsNeeded({ history: { tasks }, load: { timeline } }: Facts): number {
	const { queuedAt, byQueued, byEnd } = timeline;
	if (tasks.length === 0) return 0;
	const first = Math.floor((queuedAt[byQueued[0] ?? 0] ?? 0) / 60_000);
	const last = Math.floor((tasks.end[byEnd.at(-1) ?? 0] ?? 0) / 60_000);
	const highest = new Int32Array(last - first + 1).fill(-1);
	let now = 0;
	sweep({ rows: byQueued, at: queuedAt }, { rows: byEnd, at: tasks.end }, (_row, change, at) => {
		now += change;
		const minute = Math.floor(at / 60_000) - first;
		if (now > (highest[minute] ?? 0)) highest[minute] = now;
	});
	return Math.ceil(
		quantile(
			highest.filter((count) => count >= 0),
			0.95,
		),
	);
}
