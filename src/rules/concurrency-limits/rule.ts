import { defineRule, line } from '../../domain/rule.ts';
import type { FixStep } from '../../domain/rule.ts';
import { command, forGeneration, inLang, names, python, say, sh } from '../_parts/steps.ts';
import { airflowSettings } from '../_parts/settings.ts';
import { strongest } from '../_parts/weigh.ts';
import { sober } from '../_parts/own.ts';
import { isWaiting } from '../_parts/audit.ts';

export default defineRule({
	id: 'concurrency-limits',
	category: 'scheduling',
	title: {
		en: 'A limit holds tasks back (pool, max_active_tasks, max_active_runs or parallelism)',
		ja: '上限によりタスクが待機しています (プール、max_active_tasks、max_active_runs、parallelism)',
	},
	looks: {
		en: 'Tasks stay in the state scheduled (or runs in queued); the scheduler log says "Not executing … since", "open slots in pool" or "at (or above) max_active_runs".',
		ja: 'タスクが scheduled (または実行が queued) のままになり、スケジューラのログに "Not executing … since"、"open slots in pool"、"at (or above) max_active_runs" が記録されます。',
	},
	confused: {
		en: 'State queued: no worker takes it (task-stuck-queued). A paused DAG, wait_for_downstream and depends_on_past hold back without these lines. These lines are also usual beside any other trouble: a limit that is reached for a moment is no fault.',
		ja: '状態が queued の場合は、受け取るワーカーがありません (task-stuck-queued)。一時停止中の DAG、wait_for_downstream、depends_on_past による待機では、これらの行は出ません。これらの行は他の問題のそばでも普通に現れ、一時的に上限に達するだけなら問題ではありません。',
	},
	signatures: [
		line(
			'Tasks using non-existent pool ',
			/Tasks using non-existent pool '(?<pool>[^']{1,256})' will not be scheduled/,
			'proof',
		),
		line(
			' are greater than total pool slots',
			/Requested pool slots \((?<needs>\d{1,9})\) are greater than total pool slots: '(?<limit>\d{1,9})' for pool: (?<pool>[^\n.]{1,256})/,
			'proof',
		),
		line(
			'max_active_tasks limit of ',
			/since the number of tasks running or queued from DAG (?<dag>\S{1,250}) is >= to the DAG's max_active_tasks limit of (?<limit>\d{1,9})/,
		),
		line(
			' for this task has been reached',
			/since the task concurrency (?:per DAG run )?for this task has been reached/,
		),
		line(
			' open slots in pool ',
			/Not scheduling since there are (?<open>-?\d{1,9}) open slots in pool (?<pool>[^\n[]{1,256}?)(?: \[|\s*$)/,
		),
		line(
			' open slots in the pool ',
			/since it requires (?<needs>\d{1,9}) slots but there are (?<open>-?\d{1,9}) open slots in the pool (?<pool>[^\n[]{1,256}?)\.?(?: \[|\s*$)/,
		),
		line(
			'is at (or above) max_active_runs',
			/DAG (?<dag>\S{1,250}) is at \(or above\) max_active_runs \((?<running>\d{1,9}) of (?<limit>\d{1,9})\)/,
		),
		line(
			'dag cannot be started due to dag max_active_runs constraint',
			/dag cannot be started due to dag max_active_runs constraint; active_runs=(?<running>\d{1,9}) max_active_runs=(?<limit>\d{1,9}) dag_id=(?<dag>\S{1,250})/,
		),
		line('parallelism limit reached. 0 open slots', /Executor parallelism limit reached\. 0 open slots/),
	],
	symptom: true,
	weigh: (hits, scene) => sober(strongest(hits), hits, scene),
	reads: ['pools', 'schedulerLog'],
	decides: ['pools'],
	suspects: ({ state }) => state === 'scheduled',
	verify({ pools }, { failed, facts }) {
		const name = facts['pool'] ?? failed.pool;
		if (!pools || name === undefined) return undefined;
		const pool = pools.find((one) => one.name === name);
		if (!pool)
			return {
				status: 'confirmed',
				because: {
					en: `there is no pool \`${name}\`: tasks that name it are never scheduled.`,
					ja: `プール \`${name}\` は存在しません。このプールを指定したタスクはスケジュールされません。`,
				},
				source: 'pools',
				facts: { pool: name },
			};
		if (!isWaiting(failed)) return undefined;
		const { slots, open, running, queued } = pool;
		if (open > 0)
			return facts['pool'] === undefined
				? undefined
				: {
						status: 'ruled-out',
						because: {
							en: `the pool \`${name}\` has ${open} of ${slots} slots open now.`,
							ja: `プール \`${name}\` には現在 ${slots} スロット中 ${open} の空きがあります。`,
						},
						source: 'pools',
					};
		return {
			status: 'confirmed',
			because: {
				en: `the pool \`${name}\` has no open slot: ${running} running and ${queued} queued of ${slots}.`,
				ja: `プール \`${name}\` に空きがありません (${slots} スロット中、実行中 ${running}、キュー待ち ${queued})。`,
			},
			source: 'pools',
			facts: { pool: name },
		};
	},
	fix(context) {
		const { env, facts, lang } = context;
		const t = inLang(lang);
		const { pool, dag, limit, needs } = facts;
		const steps: FixStep[] = [];
		if (pool !== undefined) {
			const slots = String(Math.max(Number(needs ?? 0), 16) || 16);
			const set = ['pools', 'set'];
			const words = [pool, slots, 'set after a starving pool'];
			const composer = () => [
				sh(
					command('gcloud', 'composer', 'environments', 'run', ...names(env).at, ...set, '--', ...words),
					t(
						needs === undefined
							? 'Create or resize the pool (default_pool has 128 slots):'
							: `One task needs ${needs} slots; the pool has to have at least as many:`,
						needs === undefined
							? 'プールを作成またはサイズ変更します (default_pool は 128 スロットです):'
							: `1 つのタスクに ${needs} スロット必要です。プールをそれ以上にします:`,
					),
				),
			];
			steps.push(
				...forGeneration(context, {
					'composer-2': composer,
					'composer-3': composer,
					airflow: () => [
						sh(
							command('airflow', ...set, ...words),
							t('Create or resize the pool:', 'プールを作成またはサイズ変更します:'),
						),
					],
				}),
			);
		}
		if (pool === undefined || (limit !== undefined && needs === undefined)) {
			const more = Number(limit ?? 16) * 2 || 32;
			steps.push(
				python(
					[
						'with DAG(',
						`    dag_id=${JSON.stringify(dag ?? 'DAG')},`,
						`    max_active_tasks=${more},  # tasks of the DAG at once, all runs together`,
						`    max_active_runs=${facts['running'] === undefined ? 16 : more},  # runs of the DAG at once`,
						'    ...,',
						'):',
					],
					t('In the DAG, where its own limit is reached:', 'DAG 自身の上限に達している場合は DAG を変更します:'),
				),
				...airflowSettings(
					context,
					{ 'core-max_active_tasks_per_dag': String(more), 'core-max_active_runs_per_dag': '25' },
					{ en: 'Or the default for all DAGs (16 and 16):', ja: 'または全 DAG の既定値 (どちらも 16) を変更します:' },
				),
			);
		}
		steps.push(
			say(
				t(
					'Limits work in this order: pool slots, max_active_tis_per_dag of the task, max_active_tasks and max_active_runs of the DAG, [core]parallelism, then worker_concurrency × workers. worker_concurrency has to be above expected tasks ÷ max_workers.',
					'上限は、プールのスロット、タスクの max_active_tis_per_dag、DAG の max_active_tasks と max_active_runs、[core]parallelism、worker_concurrency × ワーカー数の順に効きます。worker_concurrency は「想定タスク数 ÷ max_workers」より大きくしてください。',
				),
			),
		);
		return steps;
	},
	docs: 'https://cloud.google.com/composer/docs/composer-3/optimize-environments',
});
