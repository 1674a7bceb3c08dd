import { defineRule, line } from '../../domain/rule.ts';
import type { FixStep } from '../../domain/rule.ts';
import { forGeneration, inLang, python, quoted, say, sh } from '../_parts/steps.ts';
import { moreMemoryPerTask } from '../_parts/sizing.ts';
import { strongest } from '../_parts/weigh.ts';
import { sober } from '../_parts/own.ts';
import { clock, endedByHand, isSilent } from '../_parts/audit.ts';
import { confirmed, likely, ruledOut, unlikely } from '../_parts/said.ts';
import { aroundEnd, counted } from '../_parts/series.ts';
import { memoryOf, memoryText, othersText, restartsOf, SHORT, workerEvent } from '../_parts/worker.ts';

export default defineRule({
	id: 'worker-oom-task-sigkill',
	category: 'resources',
	title: {
		en: 'The task was killed because the worker ran out of memory',
		ja: 'ワーカーのメモリ不足によりタスクが強制終了されました',
	},
	looks: {
		en: 'The log simply stops and ends with "Task exited with return code -9" (or Negsignal.SIGKILL); Airflow 3.1 says "Likely out of memory error (OOM)". No traceback.',
		ja: 'ログが途中で止まり、最後に "Task exited with return code -9" (または Negsignal.SIGKILL) と表示されます。Airflow 3.1 では "Likely out of memory error (OOM)" と表示されます。トレースバックはありません。',
	},
	confused: {
		en: 'SIGKILL alone is no proof: a person, a liveness probe, a storage eviction or Airflow itself (60 s after an ignored SIGTERM) also send it. A pod of KubernetesPodOperator that ran out of memory is kpo-oomkilled (exit 137, another pod). A Python MemoryError with a traceback killed nothing.',
		ja: 'SIGKILL だけでは断定できません。人による kill、liveness probe、ストレージ超過による退避、Airflow 自身 (SIGTERM を無視して 60 秒後) も SIGKILL を送ります。KubernetesPodOperator の Pod のメモリ不足は kpo-oomkilled です (終了コード 137、別の Pod)。トレースバック付きの Python の MemoryError は強制終了ではありません。',
	},
	signatures: [
		// The kernel names the victim: `airflow task su`(pervisor), `airflow task ru`(nner), `airflow worker ` on Airflow 3.
		line(
			['out of memory: Killed process', 'Out of memory: Killed process', 'oom-kill:constraint='],
			/(?:[Oo]ut of memory: Killed process (?<pid>\d{1,10}) \((?<process>airflow[^)]{0,30})\)|oom-kill:constraint=[^\n]{0,300}task=(?<victim>airflow[^,]{0,30}),pid=)/,
			'proof',
		),
		line(['out of memory: Killed process', 'Out of memory: Killed process'], /[Oo]ut of memory: Killed process \d/),
		// GKE events about the worker pod itself; a pod of an operator is another cause.
		line(
			['OOMKilling', 'OOMKilled', 'SystemOOM'],
			/^(?=[^]{0,8192}airflow-worker)(?=[^]{0,8192}\b(?:OOMKilling|OOMKilled|SystemOOM)\b)/,
			'proof',
		),
		// `kubectl describe pod` has the pod's name on another line; whose pod it is decides (see weigh).
		line('OOMKilled', /\bReason: {1,20}OOMKilled\b/, 'weak'),
		line(
			'likely due to running out of memory',
			/Job (?<job>\S{1,40}) was killed before it finished \(likely due to running out of memory\)/,
		),
		line('Likely out of memory error (OOM)', /Process terminated by signal\. Likely out of memory error \(OOM\)/),
		// 3.0 has no hint; the number decides.
		line(
			'Process terminated by signal',
			/Process terminated by signal(?!\. Likely)[^\n]{0,300}(?:signal["']?[=:] ?-9\b|SIGKILL)/,
		),
		// 2.9 prints `-9For more information` without a separator.
		line(
			'Task exited with return code ',
			/(?<!['"\w])Task exited with return code (?<returnCode>Negsignal\.SIGKILL|-9)(?!\d)/,
		),
		line(
			'signal 9 (SIGKILL)',
			/(?:WorkerLostError|Worker exited prematurely|Process '[^']{1,60}' pid:\d{1,10} exited)[^\n]{0,80}signal 9 \(SIGKILL\)/,
		),
		// The supervisor of the task was killed; 256 is the ordinary failure and says nothing.
		line(
			'Celery command failed on host: ',
			/Celery command failed on host: (?<host>[^\s]{1,253}) with celery_task_id [^\n]{0,80}Return Code: 9\)/,
		),
		// Airflow 3's supervisor, in the worker log.
		line(
			'Task finished',
			/Task finished\b[^\n]{0,200}exit_code=(?:-9|<Negsignal\.SIGKILL: -9>)[^\n]{0,200}final_state=(?:failed|up_for_retry)/,
		),
		// A child of the task was killed, not the task: the kernel or a limit on the child.
		line(
			'The command returned a non-zero exit code -9',
			/Bash command failed\. The command returned a non-zero exit code (?<exitCode>-9)\./,
		),
		line(
			'died with <Signals.SIGKILL: 9>',
			/^(?![^\n]{0,400}'airflow', 'tasks', 'run')[^\n]{0,4000}died with <Signals\.SIGKILL: 9>/,
		),
		line(
			'The command returned a non-zero exit code 137',
			/Bash command failed\. The command returned a non-zero exit code (?<exitCode>137)\./,
			'weak',
		),
	],
	asks: [
		' Killed  ',
		'airflow-worker',
		'did not respond to SIGTERM. Trying SIGKILL',
		'has been externally set to',
		"Server indicated the task shouldn't be running anymore",
	],
	yieldsTo: [
		'task-externally-set-state',
		'dagrun-timeout',
		'worker-pod-evicted-storage',
		'worker-liveness-probe-failed',
		'kpo-oomkilled',
	],
	weigh(hits, scene) {
		if (scene.ended === 'success') return undefined;
		const weighing = sober(strongest(hits), hits, scene);
		if (weighing === undefined) return undefined;
		// Airflow's own SIGKILL, 60 s after a SIGTERM that was not heeded: who sent the SIGTERM is the cause.
		if (
			scene.has('did not respond to SIGTERM. Trying SIGKILL') ||
			scene.has("Server indicated the task shouldn't be running anymore") ||
			scene.has('has been externally set to')
		)
			return { ...weighing, says: 'weak' };
		// A shell says `Killed` when the kernel took its child.
		if (weighing.facts?.['exitCode'] === '137' && scene.has(' Killed  ')) return { ...weighing, says: 'strong' };
		if (hits.some(({ text }) => text.includes('OOMKilled')) && weighing.says === 'weak')
			return scene.kind !== 'task' && scene.has('airflow-worker') ? { ...weighing, says: 'strong' } : undefined;
		return weighing;
	},
	reads: [
		'eventLog',
		'failures',
		'workerLog',
		'workerMemory',
		'workerMemoryQuota',
		'exitCodes',
		'restarts',
		'kubernetesEvents',
	],
	// Where no line of the try names the signal, the worker's own may name another end.
	decides: ({ told }) => ['workerMemory', 'kubernetesEvents', ...(told === undefined ? (['workerLog'] as const) : [])],
	suspects: (failed) => isSilent(failed) && failed.hostname !== undefined,
	verify(seen, { failed, told, facts, env }) {
		const byHand = seen.eventLog && endedByHand(seen.eventLog, failed);
		if (byHand)
			return told === undefined
				? undefined
				: ruledOut(
						'eventLog',
						`${byHand.owner ?? 'somebody'} stopped it (\`${byHand.event}\` at ${clock(byHand.at)}).`,
						`${byHand.owner ?? '誰か'} が停止しています (${clock(byHand.at)} の \`${byHand.event}\`)。`,
						{ at: byHand.at },
					);
		const host = failed.hostname === undefined ? undefined : { host: failed.hostname };
		const event = workerEvent(seen.kubernetesEvents, failed, ({ reason, message }) =>
			/OOMKill|SystemOOM/.test(`${reason} ${message}`),
		);
		if (event)
			return confirmed(
				'kubernetesEvents',
				`Kubernetes notes \`${event.reason}\` for \`${event.object}\`.`,
				`Kubernetes が \`${event.object}\` の \`${event.reason}\` を記録しています。`,
				{ at: event.at, facts: host },
			);
		const memory = memoryOf(seen, failed, env);
		const killed =
			seen.exitCodes &&
			counted(
				seen.exitCodes.filter(({ of }) => of === '-9' || of === '137'),
				aroundEnd(failed),
			);
		const restarted = restartsOf(seen.restarts, failed);
		const others = othersText(seen.failures, failed);
		if (memory && memory.share >= SHORT) {
			const { en, ja } = memoryText(memory);
			const trace = killed
				? {
						en: `; ${killed.count} task process${killed.count === 1 ? '' : 'es'} ended with SIGKILL`,
						ja: `。SIGKILL で終了したタスクプロセスは ${killed.count} 件です`,
					}
				: restarted
					? { en: `; it was restarted at ${clock(restarted.at)}`, ja: `。${clock(restarted.at)} に再起動されています` }
					: others;
			// Without a word of the log or a trace of the kill a full worker is only a full worker.
			const sure = told !== undefined || killed !== undefined || restarted !== undefined;
			return (sure ? confirmed : likely)('workerMemory', `${en}${trace.en}.`, `${ja}${trace.ja}。`, {
				at: memory.at,
				facts: host,
			});
		}
		if (told === undefined)
			// What is known of no other reason for a kill, where the memory itself cannot be read.
			return memory === undefined && (killed ?? restarted)
				? likely(
						killed ? 'exitCodes' : 'restarts',
						killed
							? `${killed.count} task process${killed.count === 1 ? '' : 'es'} ended with SIGKILL at ${clock(killed.at)}${others.en}.`
							: `the worker \`${failed.hostname}\` was restarted at ${clock(restarted?.at ?? '')}${others.en}; memory is the usual reason.`,
						killed
							? `${clock(killed.at)} に SIGKILL で終了したタスクプロセスが ${killed.count} 件あります${others.ja}。`
							: `ワーカー \`${failed.hostname}\` は ${clock(restarted?.at ?? '')} に再起動されています${others.ja}。多くはメモリ不足が原因です。`,
						{ at: (killed ?? restarted)?.at, facts: host },
					)
				: undefined;
		// A child of the task may have a limit of its own.
		if (memory && memory.share < 0.6 && facts['exitCode'] === undefined) {
			const { en, ja } = memoryText(memory);
			return unlikely(
				'workerMemory',
				`${en} at the most, in samples a minute apart: only a shorter spike fits, or something else sent the SIGKILL.`,
				`${ja} が最大です (1 分間隔の値)。より短いピークか、別のものが SIGKILL を送った可能性があります。`,
				{ at: memory.at },
			);
		}
		if (others.count === 0 || failed.hostname === undefined) return undefined;
		return likely(
			'failures',
			`${others.count} other task${others.count === 1 ? '' : 's'} on the same worker \`${failed.hostname}\` failed within a minute of it.`,
			`同じワーカー \`${failed.hostname}\` で、前後 1 分に他に ${others.count} 件のタスクが失敗しています。`,
			{ facts: host },
		);
	},
	fix(context) {
		const { env, facts, lang } = context;
		const t = inLang(lang);
		const child = facts['exitCode'] !== undefined;
		const composerCheck = (): FixStep[] => [
			say(
				t(
					'Check: in Cloud Monitoring workload/memory/bytes_used ÷ workload/memory/quota of that worker above 0.8 near the event (60 s samples miss short spikes), workflow/task_runner/terminated_count by return code, workflow/task/mem_usage (2.10.5 and later), and how many tasks ran on the worker that minute.',
					'確認方法: Cloud Monitoring で、その時刻のワーカーの workload/memory/bytes_used ÷ workload/memory/quota が 0.8 を超えているか (60 秒間隔のため短いピークは見えません)、return code 別の workflow/task_runner/terminated_count、workflow/task/mem_usage (2.10.5 以降)、その時刻に同じワーカーで動いていたタスク数を確認してください。',
				),
			),
		];
		return [
			say(
				child
					? t(
							'A child process of the task was killed (SIGKILL), the task itself was not: the kernel took it for memory, or something limits the child.',
							'強制終了 (SIGKILL) されたのはタスクの子プロセスで、タスク自体ではありません。メモリ不足でカーネルが終了させたか、子プロセスへの制限が原因です。',
						)
					: t(
							'The process of the task was killed (SIGKILL). Memory is by far the most frequent reason.',
							'タスクのプロセスが強制終了 (SIGKILL) されました。最も多い原因はメモリ不足です。',
						),
			),
			...forGeneration(context, {
				'composer-2': composerCheck,
				'composer-3': composerCheck,
				airflow: () => [
					sh(
						"dmesg -T | grep -i 'killed process'\nkubectl get events -A --field-selector reason=OOMKilling",
						t('Check on the node of the worker:', 'ワーカーのノードで確認します:'),
					),
				],
			}),
			...moreMemoryPerTask(context),
			python(
				[
					'import pandas as pd',
					'',
					`for part in pd.read_csv(${quoted('gs://BUCKET/big.csv')}, chunksize=100_000):`,
					'    ...  # one piece at a time instead of the whole file',
				],
				t(
					'In the DAG: stream or chunk the data, push the work to BigQuery or Dataflow, split the task, or give it a pod of its own with KubernetesPodOperator and container_resources.',
					'DAG では、データを分割して処理する、BigQuery や Dataflow に処理を任せる、タスクを分割する、または KubernetesPodOperator と container_resources で専用の Pod を使ってください。',
				),
			),
			...(env.airflowVersion === undefined || env.generation === 'airflow'
				? []
				: [
						say(
							t(
								'If it began with an upgrade: Airflow 2.3 needs about 30 % more worker memory and Python 3.11 about 10 % more; custom-sized workers do not grow by themselves.',
								'アップグレード後に始まった場合: Airflow 2.3 では約 30 %、Python 3.11 では約 10 % 多くのワーカーメモリが必要です。サイズを指定したワーカーは自動では大きくなりません。',
							),
						),
					]),
		];
	},
	docs: 'https://cloud.google.com/composer/docs/composer-3/troubleshooting-dags',
});
