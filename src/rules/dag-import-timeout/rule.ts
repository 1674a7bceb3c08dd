import { defineRule, line } from '../../domain/rule.ts';
import { inLang, python, say } from '../_parts/steps.ts';
import { airflowSettings } from '../_parts/settings.ts';
import { clock, isSameFile, isSilent } from '../_parts/audit.ts';
import { beside, confirmed } from '../_parts/said.ts';
import { strongest } from '../_parts/weigh.ts';
import { sober } from '../_parts/own.ts';

export default defineRule({
	id: 'dag-import-timeout',
	category: 'dag-code',
	title: { en: 'The DAG file takes too long to import', ja: 'DAG ファイルの読み込みに時間がかかりすぎています' },
	looks: {
		en: '"DagBag import timeout for … after …s", or the DAG processor kills the process of the file ("has timed out, killing it").',
		ja: '"DagBag import timeout for … after …s" と記録されるか、DAG プロセッサがそのファイルのプロセスを強制終了します ("has timed out, killing it")。',
	},
	confused: {
		en: 'A task\'s own execution_timeout prints the same "Process timed out" (task-execution-timeout): look for DagBag. All files slow: scheduler-overloaded. Slow only while the database is: db-overloaded.',
		ja: 'タスクの execution_timeout でも同じ "Process timed out" が出ます (task-execution-timeout)。DagBag の語を確認してください。全ファイルが遅い場合は scheduler-overloaded、データベースが遅いときだけなら db-overloaded です。',
	},
	signatures: [
		line(
			'DagBag import timeout for ',
			/DagBag import timeout for (?<file>\S{1,500}) after(?: (?<seconds>[\d.]{1,12})s)?/,
			'proof',
		),
		line(
			' has timed out, killing it',
			/Processor for (?<file>\S{1,500}) with PID \d{1,10} started at [^\n]{1,60} has timed out, killing it/,
			'proof',
		),
		line(
			' ago killing it',
			/Processor for [^\n]{1,1000} with PID \d{1,10} started (?<seconds>[\d.]{1,12}) ago killing it/,
			'proof',
		),
		line(
			'exceeding the timeout of',
			/Processor for [^\n]{1,1000} with PID \d{1,10} has been running for [\d.]{1,12} seconds, exceeding the timeout of (?<seconds>[\d.]{1,12}) seconds/,
			'proof',
		),
		line('Killing DAGFileProcessorProcess', /Killing DAGFileProcessorProcess \(PID=\d{1,10}\)/, 'weak'),
	],
	weigh: (hits, scene) => {
		const weighing = sober(strongest(hits), hits, scene);
		const path = hits
			.map(({ text }) => /rel_path=PosixPath\('([^']{1,500})'\)/.exec(text)?.[1])
			.find((found) => found !== undefined);
		return weighing && path !== undefined ? { ...weighing, facts: { ...weighing.facts, file: path } } : weighing;
	},
	reads: ['importErrors', 'dag', 'dagProcessorLog'],
	decides: ['importErrors'],
	suspects: (failed) => isSilent(failed) || failed.told.includes('dag-missing-on-worker'),
	verify({ importErrors, dag }, { failed, facts }) {
		const file = dag?.file ?? facts['file'];
		const error = importErrors?.find(
			(one) =>
				file !== undefined && isSameFile(one.file, file) && /import timeout|timed out|Timeout/.test(one.stackTrace),
		);
		if (!error) return undefined;
		const ran = failed.hostname !== undefined && failed.startedAt !== undefined;
		const last = error.stackTrace.trimEnd().split('\n').at(-1) ?? '';
		return (ran ? beside : confirmed)(
			'importErrors',
			`Airflow gives up on \`${error.file}\` (since ${clock(error.at)}): ${last}`,
			`Airflow が \`${error.file}\` の読み込みを打ち切っています (${clock(error.at)} 以降): ${last}`,
			{ at: error.at, facts: { file: error.file } },
		);
	},
	fix(context) {
		const { facts, lang } = context;
		const t = inLang(lang);
		const file = facts['file'] ?? t('the file', 'このファイル');
		return [
			say(
				t(
					`Everything at the top level of ${file} runs at every parse. Move what is slow (Variable.get, requests, BigQuery, heavy imports) into tasks.`,
					`${file} のトップレベルのコードは解析のたびに実行されます。遅い処理 (Variable.get、外部リクエスト、BigQuery、重い import) はタスクの中に移してください。`,
				),
			),
			python(
				[
					'# instead of   REGION = Variable.get("region")   at the top:',
					'BashOperator(task_id="load", bash_command="load.py --region {{ var.value.region }}")',
					'',
					'def load():',
					'    import pandas as pd  # heavy imports inside the task',
				],
				t('For example:', '例:'),
			),
			...airflowSettings(
				context,
				{ 'core-dagbag_import_timeout': '160', 'core-dag_file_processor_timeout': '320' },
				{
					en: 'If it has to be that slow, allow more time; the second must be the larger (Composer defaults 120 and 300 s, upstream 30 and 50; Composer 3 at most 600):',
					ja: 'どうしても時間がかかる場合は制限時間を延ばします。2 つ目を大きくしてください (Composer の既定は 120 秒と 300 秒、標準は 30 秒と 50 秒、Composer 3 は最大 600 秒):',
				},
			),
			say(
				t(
					'A bare `except:` that swallows the timeout makes the processor kill the whole process: catch Exception instead.',
					'タイムアウトを握りつぶす `except:` があるとプロセスごと強制終了されるため、`except Exception:` を使ってください。',
				),
			),
		];
	},
	docs: 'https://cloud.google.com/composer/docs/composer-3/troubleshooting-scheduling',
});
