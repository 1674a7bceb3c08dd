import { defineRule, line } from '../../domain/rule.ts';
import { command, forGeneration, inLang, names, python, say, sh, updateEnvironment } from '../_parts/steps.ts';
import { strongest } from '../_parts/weigh.ts';
import { sober } from '../_parts/own.ts';
import type { Failed, Series } from '../../domain/evidence.ts';
import { changedMeanwhile, clock, isSilent } from '../_parts/audit.ts';
import { confirmed, likely } from '../_parts/said.ts';
import { aroundEnd, counted, whileItRan } from '../_parts/series.ts';
import { othersText } from '../_parts/worker.ts';

export default defineRule({
	id: 'worker-rollout-by-update',
	category: 'environment',
	title: {
		en: 'The worker was replaced while the task ran (update, maintenance, scale-in or preemption)',
		ja: 'タスクの実行中にワーカーが入れ替えられました (更新、メンテナンス、縮小、プリエンプション)',
	},
	looks: {
		en: 'Several tasks of one worker get SIGTERM at the same time; the worker logs "Warm shutdown" or "Cold shutdown", or an event says Preempted or node shutdown.',
		ja: '1 台のワーカーの複数のタスクが同時に SIGTERM を受け取ります。ワーカーのログに "Warm shutdown" や "Cold shutdown"、イベントに Preempted やノードのシャットダウンが記録されます。',
	},
	confused: {
		en: 'One task alone that gets SIGTERM was stopped from outside (task-externally-set-state). Signal 9 is memory, a probe event is a liveness restart. A worker log that ends with "Warm shutdown" after another error was stopped because of that error.',
		ja: '1 つのタスクだけが SIGTERM を受け取った場合は、外部からの停止です (task-externally-set-state)。シグナル 9 はメモリ不足、probe のイベントは liveness による再起動です。別のエラーの後に "Warm shutdown" で終わるワーカーログは、そのエラーが原因です。',
	},
	signatures: [
		line('Preempted', /reason["']?[:=] ?["']?Preempted\b/),
		line('in response to imminent node', /Pod was terminated in response to imminent node/, 'proof'),
		line(
			'Environments.UpdateEnvironment',
			/orchestration\.airflow\.service\.v1(?:beta1)?\.Environments\.UpdateEnvironment/,
		),
		// The supervisor of the task got SIGTERM too: not a person who set the state, which only stops the raw process.
		line('Task exited with return code 143', /(?<!['"\w])Task exited with return code 143\b/),
		line('worker: Cold shutdown (MainProcess)', /worker: Cold shutdown \(MainProcess\)/),
		line('unacknowledged message(s)', /Restoring (?<tasks>\d{1,6}) unacknowledged message\(s\)/),
		line('worker: Warm shutdown (MainProcess)', /worker: Warm shutdown \(MainProcess\)/, 'weak'),
		line('Process terminated by signal', /Process terminated by signal[^\n]{0,300}(?:signal["']?[=:] ?-15\b|SIGTERM)/),
		// The supervisor's own line has no full stop behind it; the raw process prints one.
		line('Received SIGTERM. Terminating subprocesses', /Received SIGTERM\. Terminating subprocesses(?!\.)/),
		line('Received SIGTERM. Terminating subprocesses', /Received SIGTERM\. Terminating subprocesses\./, 'weak'),
	],
	asks: ['has been externally set to', "Server indicated the task shouldn't be running anymore"],
	yieldsTo: ['db-overloaded', 'celery-broker-problem', 'dagrun-timeout', 'kpo-oomkilled'],
	weigh(hits, scene) {
		if (scene.ended === 'success') return undefined;
		const weighing = sober(strongest(hits), hits, scene);
		if (weighing === undefined) return undefined;
		// Airflow says itself why it stopped the task.
		if (scene.has('has been externally set to') || scene.has("Server indicated the task shouldn't be running anymore"))
			return { ...weighing, says: 'weak' };
		return weighing;
	},
	reads: ['operations', 'maintenance', 'workers', 'failures'],
	decides: ['operations'],
	suspects: (failed) => failed.generation?.startsWith('composer') === true && isSilent(failed),
	verify({ operations, maintenance, workers, failures }, { failed, facts, told }) {
		// The try was told to end; without its word the two only coincide.
		const ended = told === 'log' || told === 'workerLog' || facts['signal'] === '-15';
		const others = othersText(failures, failed);
		const change = operations && changedMeanwhile(operations, failed);
		if (change?.startedAt !== undefined) {
			const until = change.endedAt === undefined ? '' : `–${clock(change.endedAt)}`;
			return (ended ? confirmed : likely)(
				'operations',
				`an operation ${change.type} of the environment ran meanwhile (${clock(change.startedAt)}${until}); it replaces workers${others.en}.`,
				`その間に環境の操作 ${change.type} が実行されており (${clock(change.startedAt)}${until})、ワーカーが入れ替わります${others.ja}。`,
				{ at: change.startedAt },
			);
		}
		const upkeep = maintenance && counted(maintenance, whileItRan(failed));
		if (upkeep)
			return (ended ? confirmed : likely)(
				'maintenance',
				`Composer's maintenance ran meanwhile (from ${clock(upkeep.at)}); it replaces workers${others.en}.`,
				`その間に Composer のメンテナンスが実行されており (${clock(upkeep.at)} から)、ワーカーが入れ替わります${others.ja}。`,
				{ at: upkeep.at },
			);
		const fewer = workers && drop(workers, failed);
		if (!fewer || !ended) return undefined;
		return confirmed(
			'workers',
			`the number of workers fell from ${fewer.from} to ${fewer.to} then: one was taken away while it worked${others.en}.`,
			`その時刻にワーカー数が ${fewer.from} から ${fewer.to} に減っており、動作中のワーカーが削減されています${others.ja}。`,
			{ at: fewer.at },
		);
	},
	fix(context) {
		const { env, lang } = context;
		const t = inLang(lang);
		const composer = () => [
			sh(
				command(
					'gcloud',
					'composer',
					'operations',
					'list',
					`--locations=${names(env).location}`,
					'--filter=metadata.operationType:UPDATE',
					'--limit=10',
				),
				t(
					'See whether an update ran then; version, PyPI, Airflow setting, environment variable and worker size updates all replace the workers (3600 s grace):',
					'その時刻に更新が行われたか確認します。バージョン、PyPI、Airflow の設定、環境変数、ワーカーサイズの更新はワーカーを入れ替えます (猶予は 3600 秒):',
				),
			),
			sh(
				updateEnvironment(
					env,
					'--maintenance-window-start=2026-01-03T01:00:00Z',
					'--maintenance-window-end=2026-01-03T05:00:00Z',
					'--maintenance-window-recurrence=FREQ=WEEKLY;BYDAY=FR,SA,SU',
				),
				t(
					'Move the maintenance window (default Friday to Sunday 00:00 to 04:00 GMT, at least 12 hours a week) out of the business runs:',
					'メンテナンスウィンドウ (既定は金～日曜 00:00～04:00 GMT、週 12 時間以上必要) を業務の実行時間帯から外します:',
				),
			),
			say(
				t(
					'Check environment/maintenance_operation and drops of environment/num_celery_workers at that minute. Update the environment outside business runs.',
					'その時刻の environment/maintenance_operation と、environment/num_celery_workers の減少を確認してください。環境の更新は業務の実行時間帯を避けてください。',
				),
			),
		];
		return [
			say(
				t(
					'Rerun the task; nothing in it was wrong. Retries make such a loss heal by itself:',
					'タスク自体に問題はないため、再実行してください。retries を設定すると、このような中断から自動で復旧します:',
				),
			),
			python(
				['from datetime import timedelta', '', 'default_args = {"retries": 2, "retry_delay": timedelta(minutes=5)}'],
				t(
					'Long waits belong into deferrable operators, which survive a worker (deferrable=True):',
					'長い待機には、ワーカーの入れ替えに強い deferrable オペレーターを使ってください (deferrable=True):',
				),
			),
			...forGeneration(context, {
				'composer-2': composer,
				'composer-3': composer,
				airflow: () => [
					say(
						t(
							'Look for a deployment, an autoscaler scale-in or a node drain at that minute; give workers a terminationGracePeriodSeconds longer than the longest task (Helm chart: workers.terminationGracePeriodSeconds).',
							'その時刻のデプロイ、オートスケーラーによる縮小、ノードのドレインを確認し、最長のタスクより長い terminationGracePeriodSeconds をワーカーに設定してください (Helm chart では workers.terminationGracePeriodSeconds)。',
						),
					),
				],
			}),
		];
	},
	docs: 'https://cloud.google.com/composer/docs/composer-3/update-environments',
});

/** The first time around the end that there were fewer workers than a minute before. */
function drop(workers: readonly Series[], failed: Failed): { from: number; to: number; at: string } | undefined {
	const { from, to } = aroundEnd(failed);
	for (const { points } of workers)
		for (const [i, { at, value }] of points.entries()) {
			const before = points[i - 1]?.value;
			if (before !== undefined && value < before && Date.parse(at) >= from && Date.parse(at) <= to)
				return { from: before, to: value, at };
		}
	return undefined;
}
