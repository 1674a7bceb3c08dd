import { defineRule, line } from '../../domain/rule.ts';
import { inLang, python, say } from '../_parts/steps.ts';
import { strongest } from '../_parts/weigh.ts';
import { sober } from '../_parts/own.ts';

const XCOM =
	/\/airflow\/(?:models\/xcom|sdk\/bases\/xcom|serialization\/|sdk\/serde|utils\/json|sdk\/execution_time\/(?:comms|task_runner))|\/msgspec\//;

export default defineRule({
	id: 'xcom-serialization',
	category: 'dag-code',
	title: {
		en: 'A value cannot be serialized or is too large for XCom',
		ja: '値をシリアライズできないか、XCom には大きすぎます',
	},
	looks: {
		en: 'The work of the task is done, then it fails when its result is stored: "cannot serialize object of type", "is not JSON serializable", "cannot pickle", or "Data too long for column \'value\'".',
		ja: 'タスクの処理は終わっているのに、結果の保存時に "cannot serialize object of type"、"is not JSON serializable"、"cannot pickle"、"Data too long for column \'value\'" で失敗します。',
	},
	confused: {
		en: 'A json.dumps in the user\'s own code prints the same "not JSON serializable", with its last frame inside dags/ (user-code-exception). XCom files of a KubernetesPodOperator are kpo-container-failed.',
		ja: 'ユーザーコードの json.dumps でも同じ "not JSON serializable" が出ますが、最後のフレームが dags/ 内にあります (user-code-exception)。KubernetesPodOperator の XCom ファイルは kpo-container-failed です。',
	},
	signatures: [
		line('cannot serialize object of type', /cannot serialize object of type (?<type>[^\n]{1,200})/, 'proof'),
		line('you need to enable pickle support for XCom', /If you are using pickle instead of JSON for XCom/, 'proof'),
		line('Could not serialize the XCom value', /Could not serialize the XCom value into JSON/, 'proof'),
		line(' is not JSON serializable', /Object of type (?<type>[\w.]{1,120}) is not JSON serializable/),
		line('Encoding objects of type ', /Encoding objects of type (?<type>[^\n]{1,200}?) is unsupported/),
		line('cannot pickle ', /(?:TypeError|PicklingError): cannot pickle '(?<type>[^'\n]{1,120})' object/),
		line("PicklingError: Can't pickle ", /PicklingError: Can't pickle (?<type>[^\n]{1,200})/),
		line('Data too long for column ', /Data too long for column 'value' at row/),
		line('INSERT INTO xcom', /\[SQL: INSERT INTO xcom\b/, 'weak'),
		line('XCom value is too large', /XCom value is too large/i),
		line('Circular reference detected', /ValueError: Circular reference detected/),
		line(
			'recursion depth reached for serialization',
			/RecursionError: maximum recursion depth reached for serialization/,
			'proof',
		),
		line(
			'not found in allow list for deserialization',
			/ImportError: (?<type>[\w.]{1,200}) was not found in allow list for deserialization/,
			'proof',
		),
	],
	asks: ['INSERT INTO xcom'],
	yieldsTo: ['db-overloaded'],
	weigh(hits, scene) {
		const weighing = sober(strongest(hits), hits, scene);
		if (weighing === undefined || weighing.says === 'proof') return weighing;
		const tooLong = hits.some(({ text }) => text.includes('Data too long for column'));
		if (tooLong) return scene.has('INSERT INTO xcom') ? { says: 'proof', facts: { reason: 'too large' } } : undefined;
		if (weighing.says === 'weak') return undefined;
		if (hits.some(({ text }) => /[Pp]ickl/.test(text))) return weighing;
		// json.dumps in the DAG's own code: the last file that is not Python's own is the user's.
		const link = scene.chain.find(({ message }) =>
			/JSON serializable|Encoding objects|Circular reference/.test(message),
		);
		const caller = link?.frames.findLast((frame) => frame.own || /site-packages/.test(frame.file));
		if (caller?.own) return undefined;
		return link === undefined || link.frames.some(({ file }) => XCOM.test(file))
			? weighing
			: { ...weighing, says: 'weak' };
	},
	fix({ facts, lang }) {
		const t = inLang(lang);
		return [
			facts['reason'] === 'too large'
				? say(
						t(
							'The value is larger than the column of the database takes (64 KB on MySQL). XCom is for small values.',
							'値がデータベースの列の上限 (MySQL では 64 KB) を超えています。XCom には小さな値だけを入れてください。',
						),
					)
				: say(
						t(
							`A value of type ${facts['type'] ?? 'that kind'} cannot be stored. Return plain data (str, int, float, bool, list, dict) or a path.`,
							`型 ${facts['type'] ?? '(不明)'} の値は保存できません。単純なデータ (str、int、float、bool、list、dict) またはパスを返してください。`,
						),
					),
			python(
				[
					'@task',
					'def extract() -> str:',
					'    path = "gs://BUCKET/tmp/result.parquet"',
					'    frame.to_parquet(path)',
					'    return path  # the next task reads it from there',
				],
				t('Large results belong into object storage:', '大きな結果はオブジェクトストレージに保存します:'),
			),
			python(
				'PythonOperator(..., do_xcom_push=False)',
				t(
					'Or nothing at all, when nobody needs the result (a generator, a response, a lock can never be stored):',
					'結果が不要であれば保存しないようにします (ジェネレーター、レスポンス、ロックは保存できません):',
				),
			),
			say(
				t(
					'For values that must be larger: the object storage XCom backend of common.io, or a custom backend ([core]xcom_backend).',
					'大きな値が必要な場合は、common.io のオブジェクトストレージ XCom バックエンドや、独自のバックエンド ([core]xcom_backend) を利用できます。',
				),
			),
		];
	},
	docs: 'https://airflow.apache.org/docs/apache-airflow/stable/core-concepts/xcoms.html',
});
