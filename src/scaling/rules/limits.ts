import { percent, rule, type Facts, type Found, type Rule } from '../finding.ts';
import { groupRows, orderBy } from '../order.ts';
import { sweep } from '../timeline.ts';

/** Limits above the workers: where one of these holds tasks back, a bigger machine buys nothing. Sources: Airflow's defaults, gcpdiag's BP/2023_002. */
export const limitRules: readonly Rule[] = [
	rule({
		id: 'pool-full',
		thresholds: { heldMs: 10_000, heldShare: 0.05 },
		look({ history: { tasks, pools }, load: { heldMs } }, { heldMs: limit, heldShare }) {
			const of = new Int32Array(tasks.names.pools.length);
			const held = new Int32Array(of.length);
			for (let i = 0; i < tasks.length; i++) {
				const pool = tasks.pool[i] ?? 0;
				of[pool] = (of[pool] ?? 0) + 1;
				if ((heldMs[i] ?? 0) > limit) held[pool] = (held[pool] ?? 0) + 1;
			}
			return pools.flatMap(({ name, slots }): Found[] => {
				const pool = tasks.names.pools.indexOf(name);
				const share = (held[pool] ?? 0) / (of[pool] ?? 0);
				if (!(share > heldShare)) return [];
				return [
					{
						weight: 'act',
						seen: share,
						threshold: heldShare,
						text: {
							en: `Pool ${name} (${slots} slots) was full for ${percent(share)} of its tasks. A bigger machine buys nothing there.`,
							ja: `プール ${name}（${slots} スロット）では、タスクの ${percent(share)} が空き待ちでした。ここではマシンを大きくしても効果はありません。`,
						},
						fix: [{ what: 'pool', name, from: slots, to: Math.max(slots + 1, Math.ceil(slots * 1.5)) }],
					},
				];
			});
		},
	}),
	rule({
		id: 'dag-tasks-limit',
		// 16 is Airflow's default.
		thresholds: { usual: 16, timeShare: 0.05 },
		look(facts, { usual, timeShare }) {
			const { tasks, dags, environment } = facts.history;
			const limitOf = new Map(dags.map(({ dag_id, max_active_tasks }) => [dag_id, max_active_tasks]));
			const set = overridden(environment.overrides['core-max_active_tasks_per_dag'], usual);
			return atItsLimit(facts, (dag) => limitOf.get(tasks.names.dags[dag] ?? '') ?? set).flatMap(
				({ dag, limit, share }) => {
					const name = tasks.names.dags[dag] ?? '';
					if (!(share > timeShare)) return [];
					return [
						{
							dag: name,
							weight: 'check' as const,
							seen: share,
							threshold: timeShare,
							text: {
								en: `DAG ${name} ran exactly ${limit} tasks at once for ${percent(share)} of its time: its max_active_tasks holds it back, not the workers.`,
								ja: `DAG ${name} は実行時間の ${percent(share)} で同時実行数がちょうど ${limit} でした。制約はワーカーではなく max_active_tasks です。`,
							},
							fix: [
								{ what: 'dag' as const, dag: name, setting: 'max_active_tasks' as const, from: limit, to: 2 * limit },
							],
						},
					];
				},
			);
		},
	}),
	rule({
		id: 'dag-runs-limit',
		thresholds: { usual: 16, timeShare: 0.05 },
		look(facts, { usual, timeShare }) {
			const { tasks, dags, environment } = facts.history;
			const limitOf = new Map(dags.map(({ dag_id, max_active_runs }) => [dag_id, max_active_runs]));
			const set = overridden(environment.overrides['core-max_active_runs_per_dag'], usual);
			return runsAtTheirLimit(facts, (dag) => limitOf.get(tasks.names.dags[dag] ?? '') ?? set).flatMap(
				({ dag, limit, share }) => {
					const name = tasks.names.dags[dag] ?? '';
					// One run at a time is what most who set it want.
					if (limit < 2 || !(share > timeShare)) return [];
					return [
						{
							dag: name,
							weight: 'check' as const,
							seen: share,
							threshold: timeShare,
							text: {
								en: `DAG ${name} had exactly ${limit} runs under way for ${percent(share)} of its time: its max_active_runs holds further runs back, not the workers.`,
								ja: `DAG ${name} は実行時間の ${percent(share)} で同時に実行中の DAG 実行がちょうど ${limit} 件でした。次の実行を止めているのはワーカーではなく max_active_runs です。`,
							},
							fix: [
								{ what: 'dag' as const, dag: name, setting: 'max_active_runs' as const, from: limit, to: 2 * limit },
							],
						},
					];
				},
			);
		},
	}),
	rule({
		id: 'parallelism',
		thresholds: {},
		look({ history: { environment }, concurrency }) {
			const { parallelism, overrides, worker } = environment;
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
				fix: [{ what: 'override', key: 'core-parallelism', from: overrides['core-parallelism'], to: String(needed) }],
			};
		},
	}),
];

function overridden(text: string | undefined, usual: number): number {
	const set = Number(text);
	return set > 0 ? set : usual;
}

type AtLimit = { dag: number; limit: number; share: number };

/** How long each DAG ran just as many tasks as it may, of the time it ran any. A DAG that ran more has another limit in force. */
function atItsLimit({ history: { tasks }, load }: Facts, limitOf: (dag: number) => number): AtLimit[] {
	const { queuedAt, byQueued, byEnd } = load.timeline;
	const dags = tasks.names.dags.length;
	const queued = groupRows(byQueued, dags, tasks.dag);
	const ended = groupRows(byEnd, dags, tasks.dag);
	return tasks.names.dags.flatMap((_, dag) => {
		const rows = queued.rows.subarray(queued.starts[dag], queued.starts[dag + 1]);
		const limit = limitOf(dag);
		if (rows.length < 2 * limit) return [];
		const ends = ended.rows.subarray(ended.starts[dag], ended.starts[dag + 1]);
		return atLimit(dag, limit, { rows, at: queuedAt }, { rows: ends, at: tasks.end });
	});
}

/** The same of runs: from their first task's queueing to their last task's end. */
function runsAtTheirLimit({ history: { tasks }, load }: Facts, limitOf: (dag: number) => number): AtLimit[] {
	const from = new Float64Array(tasks.runs).fill(Infinity);
	const to = new Float64Array(tasks.runs);
	const dagOf = new Int32Array(tasks.runs).fill(-1);
	for (let i = 0; i < tasks.length; i++) {
		const run = tasks.run[i] ?? 0;
		dagOf[run] = tasks.dag[i] ?? 0;
		from[run] = Math.min(from[run] ?? 0, load.timeline.queuedAt[i] ?? 0);
		to[run] = Math.max(to[run] ?? 0, tasks.end[i] ?? 0);
	}
	const dags = tasks.names.dags.length;
	const begun = groupRows(orderBy(from), dags, dagOf);
	const ended = groupRows(orderBy(to), dags, dagOf);
	return tasks.names.dags.flatMap((_, dag) => {
		const rows = begun.rows.subarray(begun.starts[dag], begun.starts[dag + 1]);
		const limit = limitOf(dag);
		if (rows.length < 2 * limit) return [];
		const ends = ended.rows.subarray(ended.starts[dag], ended.starts[dag + 1]);
		return atLimit(dag, limit, { rows, at: from }, { rows: ends, at: to });
	});
}

type Edge = Parameters<typeof sweep>[0];

function atLimit(dag: number, limit: number, begins: Edge, ends: Edge): AtLimit[] {
	let active = 0;
	let since = 0;
	let busy = 0;
	let full = 0;
	let over = false;
	sweep(begins, ends, (_row, change, at) => {
		if (active > 0) busy += at - since;
		if (active === limit) full += at - since;
		active += change;
		since = at;
		if (active > limit) over = true;
	});
	return over || busy === 0 ? [] : [{ dag, limit, share: full / busy }];
}
