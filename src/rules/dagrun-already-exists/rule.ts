import { defineRule, line } from '../../domain/rule.ts';
import { REFUSAL_LITERALS, refusedByAirflow } from '../_parts/airflowApi.ts';
import { inLang, python, say, sh } from '../_parts/steps.ts';
import { strongest } from '../_parts/weigh.ts';

export default defineRule({
	id: 'dagrun-already-exists',
	category: 'api-access',
	title: {
		en: 'The DAG run exists already (409)',
		ja: 'その DAG 実行はすでに存在します（409）',
	},
	looks: {
		en: 'A trigger ends with 409 “DAGRun with DAG ID … already exists”, “Unique constraint violation”, or TriggerDagRunOperator with “A DAG Run already exists”.',
		ja: '起動が 409「DAGRun with DAG ID … already exists」「Unique constraint violation」、または TriggerDagRunOperator の「A DAG Run already exists」で終わります。',
	},
	confused: {
		en: 'The same logical date under another run id is a 409 too. A second trigger in the same second with a date-only run id, and a client that repeats its own POST after a timeout, both look like somebody else’s run. A task that was told to skip instead did not fail.',
		ja: '実行 ID が違っても論理日時が同じなら 409 です。日付だけの実行 ID で同じ秒に 2 回起動した場合や、タイムアウト後にクライアントが自分の POST を再送した場合も、他者の実行のように見えます。スキップする設定のタスクは失敗ではありません。',
	},
	signatures: [
		line(
			'DAGRun with DAG ID: ',
			/DAGRun with DAG ID: '(?<dag>[^'\n]{1,250})' and DAGRun (?:ID: '(?<run>[^'\n]{1,250})'|logical date: '(?<logicalDate>[^'\n]{1,60})') already exists/,
			'proof',
		),
		line(
			'A DAG Run already exists for ',
			/A DAG Run already exists for DAG (?<dag>\S{1,250}) at (?<logicalDate>\S{1,60}|None)(?: with run id (?<run>\S{1,250}))?/,
			'proof',
		),
		line(
			'A Dag Run already exists for ',
			/A Dag Run already exists for (?:DAG|dag id) (?<dag>\S{1,250})(?: at \S{1,60}){0,2}(?: with run id (?<run>\S{1,250}))?/,
			'proof',
		),
		line('DagRunAlreadyExists', /\bDagRunAlreadyExists:/, 'proof'),
		line('Dag Run already exists, marking task as failed', /Dag Run already exists, marking task as failed/, 'proof'),
		line(
			' already exists for dag id ',
			/Run id (?<run>\S{1,250}) already exists for dag id (?<dag>\S{1,250})/,
			'proof',
		),
		line('Unique constraint violation', /Unique constraint violation.{0,400}\bdag_run\b/, 'proof'),
		line('Unique constraint violation', /["']reason["']: ?["']Unique constraint violation["']/),
		line('dag_run_dag_id_', /unique constraint \\?["']dag_run_dag_id_(?:run_id|logical_date|execution_date)_key/),
		line(REFUSAL_LITERALS, refusedByAirflow('409')),
		line('airflow_client.client.exceptions.', /airflow_client\.client\.exceptions\.ConflictException/),
		line('Dag Run already exists, skipping task', /Dag Run already exists, skipping task/, 'weak'),
	],
	weigh(hits) {
		return strongest(hits);
	},
	fix({ facts, lang }) {
		const t = inLang(lang);
		const dag = facts['dag'] ?? 'DAG_ID';
		return [
			say(
				facts['logicalDate'] !== undefined && facts['run'] === undefined
					? t(
							`${dag} already has a run for the logical date ${facts['logicalDate']}; another run id does not help. Send another logical date (Airflow 3: null makes as many as you like).`,
							`${dag} には論理日時 ${facts['logicalDate']} の実行がすでにあり、実行 ID を変えても解決しません。別の論理日時を送ってください（Airflow 3 では null にすれば重複しません）。`,
						)
					: t(
							`${dag} already has this run${facts['run'] === undefined ? '' : ` (${facts['run']})`}. Look whether it is your own: a client that repeats a POST after a timeout meets its first one.`,
							`${dag} にはこの実行${facts['run'] === undefined ? '' : `（${facts['run']}）`}がすでにあります。自分のものか確認してください。タイムアウト後に POST を再送すると、最初の実行と衝突します。`,
						),
			),
			sh(
				'curl -sS -H "Authorization: Bearer $TOKEN" "$AIRFLOW_URI/api/v2/dags/$DAG_ID/dagRuns/$RUN_ID"   # Airflow 2: /api/v1',
			),
			say(
				t(
					'Derive dag_run_id from what you trigger for (the event’s id, not the clock), and treat 409 on your own id as success. Inside Airflow:',
					'dag_run_id は時刻ではなく起動の元になった事象（イベント ID など）から作り、自分の ID での 409 は成功として扱ってください。Airflow の中からは次のようにします:',
				),
			),
			python([
				'TriggerDagRunOperator(',
				'    task_id="start", trigger_dag_id="DAG_ID",',
				'    trigger_run_id="start__{{ run_id }}",   # one for each parent run',
				'    reset_dag_run=True,                     # run it again; or skip_when_already_exists=True',
				')',
			]),
		];
	},
	docs: 'https://airflow.apache.org/docs/apache-airflow/stable/stable-rest-api-ref.html',
});
