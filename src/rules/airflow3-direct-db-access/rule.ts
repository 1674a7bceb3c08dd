import { defineRule, line } from '../../domain/rule.ts';
import { confirmed, ruledOut } from '../_parts/said.ts';
import { inLang, python, say } from '../_parts/steps.ts';
import { sober } from '../_parts/own.ts';

export default defineRule({
	id: 'airflow3-direct-db-access',
	category: 'dag-code',
	title: {
		en: 'The task talks to the Airflow database directly, which Airflow 3 does not allow',
		ja: 'タスクが Airflow のデータベースに直接アクセスしています (Airflow 3 では許可されません)',
	},
	looks: {
		en: '"Direct database access via the ORM is not allowed in Airflow 3.0" from create_session, provide_session, settings.Session or a model\'s query.',
		ja: 'create_session、provide_session、settings.Session、モデルのクエリから "Direct database access via the ORM is not allowed in Airflow 3.0" が発生します。',
	},
	confused: {
		en: "A connection to the user's own database, and db-overloaded (Airflow itself cannot reach it). When the frames end inside airflow/providers, the provider is too old for Airflow 3.",
		ja: 'ユーザー自身のデータベースへの接続や、db-overloaded (Airflow 自身が接続できない) とは異なります。フレームが airflow/providers 内で終わる場合は、プロバイダが Airflow 3 に対して古すぎます。',
	},
	signatures: [
		line(
			'Direct database access via the ORM is not allowed',
			/Direct database access via the ORM is not allowed/,
			'proof',
		),
		line('airflow-db-not-allowed', /airflow-db-not-allowed:\/\//, 'proof'),
	],
	weigh(hits, scene) {
		const root = scene.chain.find((link) => link.message.includes('Direct database access'));
		const at = root?.frames.findLast((frame) => frame.own);
		const provider = root?.frames
			.map(
				({ file }) =>
					/airflow\/providers\/([\w/]{1,60}?)\/(?:hooks|operators|sensors|utils|triggers)\//.exec(file)?.[1],
			)
			.findLast((found) => found !== undefined);
		const facts = {
			...(at === undefined ? {} : { file: at.file, line: String(at.line), function: at.function }),
			...(provider === undefined || at !== undefined ? {} : { provider: provider.replaceAll('/', '-') }),
		};
		return sober({ says: 'proof', facts }, hits, scene);
	},
	reads: ['environment'],
	decides: ['environment'],
	verify({ environment }, { told }) {
		const { airflowVersion } = environment ?? {};
		if (told === undefined || airflowVersion === undefined) return undefined;
		if (airflowVersion.startsWith('3'))
			return confirmed(
				'environment',
				`the environment runs Airflow ${airflowVersion}, where tasks have no way to the database.`,
				`環境は Airflow ${airflowVersion} で、タスクからデータベースにはアクセスできません。`,
			);
		return ruledOut(
			'environment',
			`the environment runs Airflow ${airflowVersion}, where tasks may use the database.`,
			`環境は Airflow ${airflowVersion} で、タスクからデータベースを使用できます。`,
		);
	},
	fix({ facts, lang }) {
		const t = inLang(lang);
		return [
			facts['provider'] === undefined
				? say(
						t(
							`${facts['file'] === undefined ? 'The DAG' : `${facts['file']}, line ${facts['line']}`} opens a database session. Replace it:`,
							`${facts['file'] === undefined ? 'DAG' : `${facts['file']} の ${facts['line']} 行目`} がデータベースセッションを開いています。次のように置き換えてください:`,
						),
					)
				: say(
						t(
							`The provider apache-airflow-providers-${facts['provider']} is too old for Airflow 3: upgrade it.`,
							`プロバイダ apache-airflow-providers-${facts['provider']} が Airflow 3 に対して古すぎるため、アップグレードしてください。`,
						),
					),
			python(
				[
					'from airflow.sdk import Variable, Connection, get_current_context',
					'',
					'Variable.get("name")',
					'Connection.get("conn_id")',
					'context = get_current_context()  # runs and task instances: context["ti"].get_dr_count(...), get_task_states(...)',
				],
				t('With the Task SDK:', 'Task SDK を使う場合:'),
			),
			python(
				[
					'import requests',
					'',
					'requests.get(f"{AIRFLOW_URL}/api/v2/dags/DAG/dagRuns", params={"state": "failed"}, headers={"Authorization": f"Bearer {token}"}, timeout=30)',
				],
				t('Or with the REST API, for anything else:', 'それ以外は REST API を使います:'),
			),
			say(
				t(
					'From composer-3-airflow-3.1.7-build.1 on, workers have no network path to the database either, so raw SQL does not help.',
					'composer-3-airflow-3.1.7-build.1 以降、ワーカーからデータベースへのネットワーク経路もないため、SQL を直接実行しても解決しません。',
				),
			),
		];
	},
	docs: 'https://airflow.apache.org/docs/apache-airflow/stable/installation/upgrading_to_airflow3.html',
});
