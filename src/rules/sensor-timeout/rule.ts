import { defineRule, line } from '../../domain/rule.ts';
import { inLang, python, say } from '../_parts/steps.ts';
import { strongest } from '../_parts/weigh.ts';
import { sober } from '../_parts/own.ts';

export default defineRule({
	id: 'sensor-timeout',
	category: 'dag-code',
	title: { en: 'The sensor waited in vain: its timeout passed', ja: 'センサーの待機が制限時間に達しました' },
	looks: {
		en: '"Sensor has timed out; run duration of … seconds exceeds the specified timeout of …"; not retried, whatever retries says.',
		ja: '"Sensor has timed out; run duration of … seconds exceeds the specified timeout of …" と記録されます。retries の設定にかかわらず再試行されません。',
	},
	confused: {
		en: 'An execution_timeout below the timeout of the sensor ends first (task-execution-timeout). With soft_fail the task is skipped, not failed. What the sensor asks may also be refused (403) or missing (404): then that error stands before it.',
		ja: 'センサーの timeout より短い execution_timeout があれば先に終わります (task-execution-timeout)。soft_fail の場合は失敗ではなくスキップされます。確認先の拒否 (403) や不存在 (404) の場合は、その前にそのエラーが出ます。',
	},
	signatures: [
		line(
			'Sensor has timed out; run duration of ',
			/Sensor has timed out; run duration of (?<ran>[\d.]{1,24}) seconds exceeds the specified timeout of (?<limit>\d{1,12}(?:\.\d{1,12})?)/,
			'proof',
		),
		line('AirflowSensorTimeout', /AirflowSensorTimeout: (?<reason>[^\n]{1,300})/),
		line('Snap. Time is OUT', /Snap\. Time is OUT\./),
	],
	weigh: (hits, scene) =>
		scene.ended === 'skipped' || scene.ended === 'success' ? undefined : sober(strongest(hits), hits, scene),
	fix({ facts, lang }) {
		const t = inLang(lang);
		const limit = facts['limit'] === undefined ? '' : t(` (${facts['limit']} s)`, ` (${facts['limit']} 秒)`);
		return [
			say(
				t(
					`What the sensor waited for did not come within its timeout${limit}. Look at the producer first: the object, partition or DAG run it names.`,
					`センサーが待っていた対象が制限時間${limit}内に現れませんでした。まず、対象 (オブジェクト、パーティション、DAG 実行) の生成元を確認してください。`,
				),
			),
			say(
				t(
					'ExternalTaskSensor: the logical dates of both DAGs must meet; set execution_delta or execution_date_fn when the schedules differ. CloudComposerDAGRunSensor is broken in google provider 17.2.0.',
					'ExternalTaskSensor では、両 DAG の論理日付が一致する必要があります。スケジュールが異なる場合は execution_delta または execution_date_fn を設定してください。CloudComposerDAGRunSensor は google プロバイダ 17.2.0 で正しく動作しません。',
				),
			),
			python(
				[
					'from datetime import timedelta',
					'',
					'GCSObjectExistenceSensor(',
					'    ...,',
					'    timeout=timedelta(hours=6).total_seconds(),  # default 7 days',
					'    deferrable=True,  # or mode="reschedule": a slot is not held while it waits',
					')',
				],
				t(
					'If it only comes later than before, wait longer and without holding a worker slot:',
					'到着が遅くなっただけであれば、ワーカースロットを占有せずに長く待つようにします:',
				),
			),
		];
	},
	docs: 'https://airflow.apache.org/docs/apache-airflow/stable/core-concepts/sensors.html',
});
