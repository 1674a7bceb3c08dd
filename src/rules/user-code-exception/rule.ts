import { defineRule, line } from '../../domain/rule.ts';
import type { ChainLink, FixStep, Strength } from '../../domain/rule.ts';
import { clip } from '../../domain/text.ts';
import { command, inLang, python, say, sh } from '../_parts/steps.ts';
import { strongest } from '../_parts/weigh.ts';
import { isOwnRaise } from '../_parts/own.ts';

// Errors of Google's libraries and of Kubernetes that no rule knows: the cause is there, not in the DAG.
const PLATFORM =
	/\/(?:google\/(?:api_core|auth|cloud|oauth2|resumable_media)|googleapiclient|grpc|kubernetes(?:_asyncio)?|airflow\/providers\/(?:google|cncf))\//;
const TEMPLATE =
	/(?:^|\.)(?:UndefinedError|TemplateNotFound|TemplateSyntaxError|TemplateAssertionError|TemplatesNotFound|SecurityError|TemplateRuntimeError)$/;
const AIRFLOW_ENDED = /(?:^|\.)(?:AirflowTaskTerminated|AirflowTaskTimeout|AirflowSensorTimeout|AirflowSkipException)$/;
const EXCEPTION = /^((?:[A-Za-z_]\w{0,80}\.){0,12}[A-Z_]\w{0,120}(?:Error|Exception)): (.{0,1000})/;
const SHELL = /(?:Bash|Command|SSH|Docker)[^\n]{0,200}(?:non-zero exit|exit status|exit code)/i;

/** The user's own line nearest to where it was raised: in the root's frames, else in those of what wrapped it. */
function ownFrame(chain: readonly ChainLink[]): ChainLink['frames'][number] | undefined {
	for (const link of chain) {
		const own = link.frames.findLast((frame) => frame.own);
		if (own) return own;
	}
	return undefined;
}

export default defineRule({
	id: 'user-code-exception',
	category: 'dag-code',
	title: { en: "The DAG's own code failed", ja: 'DAG 自身のコードでエラーが発生しました' },
	looks: {
		en: "A Python exception raised in or through a file of the DAG, a Bash command with a non-zero exit code, a Jinja template that does not render, or sys.exit. A foreign service that refuses the DAG's call (SMTP, Snowflake, a partner's API) belongs here too.",
		ja: 'DAG のファイル内またはその呼び出し先での Python 例外、Bash コマンドの 0 以外の終了コード、Jinja テンプレートのエラー、sys.exit です。DAG が呼び出した外部サービス (SMTP、Snowflake、取引先の API など) の拒否も含みます。',
	},
	confused: {
		en: 'Everything with a text of its own goes first: permissions, network, memory, quota, missing connections. Sentences quoted in a message of the user ("403", "OOMKilled") are no causes.',
		ja: '固有の文がある原因 (権限、ネットワーク、メモリ、割り当て、接続の未定義など) を優先します。ユーザーのメッセージに引用された文 ("403"、"OOMKilled" など) は原因ではありません。',
	},
	signatures: [
		line('Task failed with exception', /Task failed with exception/),
		line('Traceback (most recent call last)', /Traceback \(most recent call last\)/),
		line(['Error: ', 'Exception: '], /(?:^|[\s|])(?:[A-Za-z_]\w{0,80}\.){0,12}[A-Z_]\w{0,120}(?:Error|Exception): /),
		line(
			'The command returned a non-zero exit code',
			/Bash command failed\. The command returned a non-zero exit code (?<exitCode>-?\d{1,4})\./,
		),
		line(
			'Exception rendering Jinja template for task',
			/Exception rendering Jinja template for task '(?<task>[^'\n]{1,250})', field '(?<field>[^'\n]{1,120})'/,
		),
		line('Task failed due to SystemExit', /Task failed due to SystemExit\((?<exitCode>[^)\n]{0,60})\)/),
		line('Task exited', /Task exited\b(?! with return code).{0,120}exit_code=(?<exitCode>[1-9]\d{0,2})\b/),
		// sys.exit("why") on Airflow 3.
		line('Task exited', /Task exited exit_code=['"]?(?<reason>(?!None\b)[A-Za-z][^\n]{1,300})/),
		line(
			'Failed to execute job ',
			/Failed to execute job \S{1,40} for task (?<task>\S{1,250})(?: \((?<reason>[^\n]{1,300})|$)/,
		),
		line('Top level error', /Top level error/),
	],
	lastResort: true,
	yieldsTo: [
		'missing-connection-or-variable',
		'worker-oom-task-sigkill',
		'worker-pod-evicted-storage',
		'gcsfuse-mount-lost',
		'airflow3-direct-db-access',
		'dag-missing-on-worker',
		'dag-import-error',
		'dag-import-timeout',
		'task-execution-timeout',
		'sensor-timeout',
		'xcom-serialization',
		'task-externally-set-state',
	],
	weigh(hits, scene) {
		if (
			scene.kind === 'scheduler' ||
			scene.kind === 'worker' ||
			scene.kind === 'operation' ||
			scene.kind === 'build' ||
			scene.kind === 'events'
		)
			return undefined;
		if (scene.ended === 'success' || scene.ended === 'skipped' || scene.ended === 'deferred') return undefined;
		const { chain } = scene;
		const root = chain[0];
		const exit = hits.find((hit) => hit.facts['exitCode'] !== undefined);
		if (root === undefined) {
			if (exit) return strongest([exit]);
			const reason = hits.find((hit) => hit.facts['reason'] !== undefined);
			// The sentence repeats the exception's words; what raised it was cut off.
			if (reason) return { says: 'weak', facts: { message: reason.facts['reason'] ?? '' } };
			// Airflow before 2.4 does not repeat the exception there, and a copy may begin behind its traceback.
			const failedTask = hits.find(({ text }) => /Failed to execute job /.test(text))?.facts['task'];
			if (failedTask !== undefined) return { says: 'weak', facts: { task: failedTask } };
			// Airflow 3's web page shows the exception without its traceback's head: where it came from is not known.
			const failed = hits.findLast(({ text }) => /Task failed with exception|Top level error/.test(text));
			const raised = hits.findLast(({ line: at, text }) => failed && at > failed.line && EXCEPTION.test(text));
			const said = raised && EXCEPTION.exec(raised.text);
			return said
				? { says: 'weak', facts: { exception: said[1] ?? '', message: clip(said[2] ?? '', 300) } }
				: undefined;
		}
		// Airflow ended it: who and why is told by other rules.
		if (AIRFLOW_ENDED.test(root.type) || root.message === 'Task received SIGTERM signal') return undefined;
		// The worker's echo of a task that did not even start.
		if (root.message.startsWith('Celery command failed on host: ')) return undefined;
		const own = ownFrame(chain);
		const facts: Record<string, string> = {
			exception: root.type,
			message: clip(root.message, 300),
			...(own ? { file: own.file, line: String(own.line), function: own.function } : {}),
			...(exit?.facts['exitCode'] === undefined ? {} : { exitCode: exit.facts['exitCode'] }),
		};
		let says: Strength = 'strong';
		// A sentence without words says nothing about why.
		if (root.message.trim() === '' && chain.length === 1 && /Airflow(?:Fail)?Exception$/.test(root.type)) says = 'weak';
		else if (scene.kind === 'api' || scene.kind === 'dag-processor') says = 'weak';
		// A trigger's end, told by the task: what happened stands in the triggerer's lines.
		else if (/(?:^|\.)TaskDeferral(?:Error|Timeout)$/.test(root.type)) says = 'weak';
		else if (TEMPLATE.test(root.type) || SHELL.test(root.message)) says = 'strong';
		// The user's own file raised it itself, and it is no error of the machine.
		else if (isOwnRaise(root)) says = 'proof';
		else if (own === undefined && root.frames.some((frame) => PLATFORM.test(frame.file))) says = 'weak';
		// Without a single frame nothing says whose code it was.
		else if (chain.every((link) => link.frames.length === 0)) says = 'weak';
		return { says, facts };
	},
	fix({ env, facts, lang }) {
		const t = inLang(lang);
		const { exception, message, file, exitCode } = facts;
		const type = exception?.split('.').at(-1) ?? '';
		const where =
			file === undefined
				? t(
						"The exception was not raised in a file of the DAG but below an operator's call: look at the arguments of the task.",
						'例外は DAG のファイルではなく、オペレーターの呼び出し先で発生しています。タスクの引数を確認してください。',
					)
				: t(
						`Look at ${file}, line ${facts['line']}, in ${facts['function']}.`,
						`${file} の ${facts['line']} 行目 (${facts['function']}) を確認してください。`,
					);
		const steps: FixStep[] = [
			say(
				exception === undefined
					? where
					: t(
							`User code: ${exception}${message ? `: ${message}` : ''}. ${where}`,
							`ユーザーコードの例外です: ${exception}${message ? `: ${message}` : ''}。${where}`,
						),
			),
		];
		const add = (en: string, ja: string): number => steps.push(say(t(en, ja)));
		if (exitCode === '127' || exitCode === '126')
			add(
				exitCode === '127'
					? 'Exit code 127: the shell did not find the command; a typing error, or the tool is not installed on the worker.'
					: 'Exit code 126: the file was found and may not be run (chmod +x, or call it through bash).',
				exitCode === '127'
					? '終了コード 127: コマンドが見つかりません。入力ミスか、ワーカーにツールがインストールされていません。'
					: '終了コード 126: ファイルは見つかりましたが実行できません (chmod +x を設定するか、bash 経由で呼び出してください)。',
			);
		else if (exitCode === '137' || exitCode === '-9')
			add(
				'Exit code 137 or -9: the child was killed; usually memory.',
				'終了コード 137 または -9: 子プロセスが強制終了されました。多くはメモリ不足です。',
			);
		else if (exitCode === '139' || exitCode === '-11' || exitCode === '134' || exitCode === '-6')
			add(
				'The child crashed in native code (segfault or abort).',
				'子プロセスがネイティブコードで異常終了しました (セグメンテーション違反または abort)。',
			);
		else if (exitCode !== undefined)
			add(
				`The program decided to end with code ${exitCode}; its own output above says why.`,
				`プログラムが終了コード ${exitCode} で終了しました。理由はその上の出力に示されています。`,
			);
		if (type === 'TemplateNotFound') {
			add(
				'A field that ends in .sh or .sql is taken for a file name: the path must lie next to the DAG file or in template_searchpath; a literal command needs a blank at its end.',
				'.sh や .sql で終わるフィールドはファイル名とみなされます。DAG ファイルの隣か template_searchpath に置いてください。コマンドそのものを書く場合は末尾に空白を入れます。',
			);
			steps.push(python('BashOperator(task_id="run", bash_command="/opt/run_job.sh ")  # note the blank'));
		} else if (
			type === 'UndefinedError' &&
			/'(?:ds|ts|logical_date|execution_date|data_interval_\w{3,5}|prev_\w{1,40}|next_\w{1,40}|yesterday_ds|tomorrow_ds)\w*' is undefined/.test(
				message ?? '',
			)
		)
			add(
				'This name is only there when the run has a logical date: trigger with one, or use run_after / dag_run.conf (Airflow 3 allows runs without; execution_date and the next_/prev_ names are gone there).',
				'この変数は論理日付のある実行でのみ使えます。論理日付を指定して起動するか、run_after や dag_run.conf を使ってください (Airflow 3 では論理日付なしの実行があり、execution_date や next_/prev_ 系は廃止されました)。',
			);
		else if (type === 'UndefinedError')
			add(
				"Give the template a default: {{ dag_run.conf.get('key', 'value') }} or {{ x | default('value') }}.",
				"テンプレートに既定値を設定してください: {{ dag_run.conf.get('key', 'value') }} または {{ x | default('value') }}。",
			);
		else if (type === 'KeyError' && /execution_date|next_ds|prev_ds|tomorrow_ds|yesterday_ds/.test(message ?? ''))
			add(
				'Airflow 3 removed this key from the context: use logical_date, data_interval_start and data_interval_end.',
				'このキーは Airflow 3 でコンテキストから削除されました。logical_date、data_interval_start、data_interval_end を使ってください。',
			);
		else if (type === 'MemoryError' || type === '_ArrayMemoryError')
			add(
				'Nothing was killed: the process asked for more memory than it may have. Process the data in pieces, or give the task a pod of its own.',
				'強制終了ではなく、プロセスが許可された以上のメモリを要求しました。データを分割して処理するか、専用の Pod で実行してください。',
			);
		else if (type === 'ModuleNotFoundError' || type === 'ImportError')
			add(
				'The module is missing where the task runs: install the package in the environment (a module of your own: put it below dags/).',
				'タスクの実行環境にモジュールがありません。環境にパッケージをインストールするか、自作のモジュールであれば dags/ 以下に置いてください。',
			);
		else if (type === 'UnboundLocalError' && message?.includes("'state'"))
			add(
				'TriggerDagRunOperator on Airflow 3 hides behind this that the DAG to trigger does not exist (404).',
				'Airflow 3 の TriggerDagRunOperator では、起動先の DAG が存在しない (404) 場合にこの例外になります。',
			);
		else if (type === 'HTTPError' || type === 'HTTPStatusError')
			add(
				'A foreign API answered with an error: 4xx is about the request (URL, token, body), 5xx about that service. Retries help against 429 and 5xx only.',
				'外部 API がエラーを返しました。4xx はリクエスト (URL、トークン、本文)、5xx は相手のサービスが原因です。再試行が有効なのは 429 と 5xx のみです。',
			);
		if (env.generation !== 'airflow' && file === undefined && exitCode === undefined) return steps;
		steps.push(
			sh(
				command('airflow', 'tasks', 'test', facts['dag'] ?? 'DAG', facts['task'] ?? 'TASK', '2026-01-01'),
				t(
					'Run the task alone, without the scheduler, until it works (on Composer in composer-dev):',
					'スケジューラなしでタスク単体を実行して確認します (Composer では composer-dev を使います):',
				),
			),
		);
		return steps;
	},
	docs: 'https://airflow.apache.org/docs/apache-airflow/stable/core-concepts/tasks.html',
});
