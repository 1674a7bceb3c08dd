import { defineRule, line } from '../../domain/rule.ts';
import { forGeneration, inLang, python, say, sh, updateEnvironment } from '../_parts/steps.ts';
import { grown, sizeNow } from '../_parts/components.ts';
import { strongest } from '../_parts/weigh.ts';
import { sober } from '../_parts/own.ts';
import { clock } from '../_parts/audit.ts';

export default defineRule({
	id: 'triggerer-overloaded',
	category: 'scheduling',
	title: {
		en: 'A trigger failed, was too slow or blocked the triggerer',
		ja: 'トリガーの失敗・遅延、またはトリガラーのブロックが発生しました',
	},
	looks: {
		en: 'A deferred task fails with "Trigger failure", "Trigger timeout" or "Trigger/execution timeout"; the triggerer says "async thread was blocked", "exited without sending an event" or "failed to load code".',
		ja: 'deferred のタスクが "Trigger failure"、"Trigger timeout"、"Trigger/execution timeout" で失敗します。トリガラーには "async thread was blocked"、"exited without sending an event"、"failed to load code" が記録されます。',
	},
	confused: {
		en: 'When the message behind "Trigger failure" names a failed job or a refused call, the trigger is only the messenger and that is the cause. An environment without a triggerer is triggerer-disabled. A deferral that ran into its own timeout may just have waited for something that never came.',
		ja: '"Trigger failure" の後に、失敗したジョブや拒否された呼び出しが示されている場合、トリガーはそれを伝えただけで、原因はその内容です。トリガラーのない環境は triggerer-disabled です。待機の制限時間に達しただけの場合は、待っていた対象が現れなかった可能性もあります。',
	},
	signatures: [
		line('async thread was blocked for ', /Triggerer's async thread was blocked for (?<seconds>[\d.]{1,12}) seconds/),
		line(
			'coro=<TriggerRunner.run_trigger()',
			/Executing <Task [^\n]{0,400}TriggerRunner\.run_trigger\(\)[^\n]{0,600} took (?<seconds>[\d.]{1,12}) seconds?/,
		),
		line(
			'exited without sending an event. Dependent tasks will be failed',
			/Trigger (?:\S{1,600} \(ID \d{1,12}\) )?exited without sending an event\. Dependent tasks will be failed/,
		),
		line('Trigger failed to load code', /Trigger failed to load code/),
		line('Trigger cancelled due to timeout', /Trigger cancelled due to timeout/),
		line('TaskDeferralTimeout', /TaskDeferralTimeout: (?<reason>[^\n]{1,200})/),
		line(
			['Trigger/execution timeout', 'Trigger timeout'],
			/(?:TaskDeferralError|TaskDeferralTimeout): (?<reason>Trigger(?:\/execution)? timeout)/,
		),
		line('TaskDeferralError: ', /TaskDeferralError: (?<reason>[^\n]{1,200})/),
		line(' exited with error ', /Trigger (?:\S{1,600} \(ID \d{1,12}\) )?exited with error (?<reason>[^\n]{0,300})/),
		line('Trigger failed:', /Trigger failed:/, 'weak'),
	],
	// The trigger reports what happened to the job it watched.
	symptom: true,
	yieldsTo: ['triggerer-disabled', 'db-overloaded'],
	weigh: (hits, scene) => sober(strongest(hits), hits, scene),
	reads: ['airflowHealth', 'triggererLog'],
	decides: ['airflowHealth', 'triggererLog'],
	suspects: ({ state }) => state === 'deferred',
	verify({ airflowHealth }, { failed }) {
		const triggerer = airflowHealth?.triggerer;
		if (!triggerer || triggerer.status === 'healthy') return undefined;
		const at = triggerer.heartbeatAt;
		return {
			status: failed.state === 'deferred' ? 'confirmed' : 'beside',
			because: {
				en: `Airflow calls its triggerer ${triggerer.status}${at === undefined ? '' : `; its last heartbeat was at ${clock(at)}`}.`,
				ja: `トリガラーの状態は ${triggerer.status} です${at === undefined ? '' : `。最後のハートビートは ${clock(at)} です`}。`,
			},
			source: 'airflowHealth',
			at,
		};
	},
	fix(context) {
		const { env, facts, lang } = context;
		const t = inLang(lang);
		const more = grown(env, 'triggerer', 10);
		const size = sizeNow(env, 'triggerer');
		const memory =
			env.generation === 'composer-3'
				? t('memory 1 to 8 GB in all', 'メモリは 1～8 GB')
				: t('memory 1 to 6.5 GB for each vCPU', 'メモリは 1 vCPU あたり 1～6.5 GB');
		const composer = () => [
			sh(
				updateEnvironment(
					env,
					`--triggerer-count=${more.count}`,
					`--triggerer-cpu=${more.cpu}`,
					`--triggerer-memory=${more.memoryGb}GB`,
				),
				t(
					`More triggerers (at most 1 vCPU each, 10 of them; ${memory})${size.en}:`,
					`トリガラーを増やします (1 台あたり最大 1 vCPU、最大 10 台。${memory})${size.ja}:`,
				),
			),
			say(
				t(
					'Check environment/trigger/blocking_count and failed_count, workload/trigger/num_running and the memory of the triggerer. Composer restarts a triggerer that is blocked for more than 5 minutes.',
					'environment/trigger/blocking_count と failed_count、workload/trigger/num_running、トリガラーのメモリを確認してください。Composer は 5 分以上ブロックされたトリガラーを再起動します。',
				),
			),
		];
		const waited = /timeout/i.test(facts['reason'] ?? '');
		return [
			...(waited
				? [
						say(
							t(
								'The deferral ran into its own timeout: see first whether what it waits for is just late (operator argument `timeout` or `execution_timeout`).',
								'待機の制限時間に達しました。まず、待っている対象が遅れているだけかを確認してください (オペレーターの引数 `timeout` または `execution_timeout`)。',
							),
						),
					]
				: [
						say(
							t(
								'Read the triggerer log of that trigger (Airflow 3 merges it into the task log): an exception in it is the cause.',
								'そのトリガーのトリガラーログを確認してください (Airflow 3 ではタスクログに統合されます)。例外があれば、それが原因です。',
							),
						),
					]),
			python(
				[
					'async def run(self):',
					'    await asyncio.sleep(30)  # never time.sleep or requests: they stop every other trigger',
					'    result = await asyncio.to_thread(blocking_call)  # what cannot be awaited',
					'    yield TriggerEvent(result)  # without an event the task fails',
				],
				t('In a trigger of your own:', '自作のトリガーでは次のように書きます:'),
			),
			...forGeneration(context, {
				'composer-2': composer,
				'composer-3': composer,
				airflow: () => [
					say(
						t(
							'Set PYTHONASYNCIODEBUG=1 on the triggerer to see which coroutine blocks; run a second triggerer; the classes of a trigger must be importable by the triggerer (plugins or the PYTHONPATH, not only the DAG file).',
							'トリガラーに PYTHONASYNCIODEBUG=1 を設定すると、ブロックしているコルーチンがわかります。トリガラーを 2 台にする、トリガーのクラスをトリガラーから import できるようにする (DAG ファイル内だけでなく plugins や PYTHONPATH に置く) などの対処をしてください。',
						),
					),
				],
			}),
		];
	},
	docs: 'https://cloud.google.com/composer/docs/composer-2/troubleshooting-triggerer',
});
