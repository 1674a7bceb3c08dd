import { defineRule, line } from '../../domain/rule.ts';
import { command, forGeneration, inLang, names, python, say, sh } from '../_parts/steps.ts';
import { clock } from '../_parts/audit.ts';
import { confirmed } from '../_parts/said.ts';
import { aroundEnd, counted } from '../_parts/series.ts';
import { strongest } from '../_parts/weigh.ts';
import { sober } from '../_parts/own.ts';

/** SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE, SIGSEGV, SIGSYS, as the metric labels them. */
const CRASHES = ['-4', '-5', '-6', '-7', '-8', '-11', '-31'];

export default defineRule({
	id: 'worker-process-crash',
	category: 'dag-code',
	title: {
		en: 'The process of the task crashed in native code',
		ja: 'タスクのプロセスがネイティブコードで異常終了しました',
	},
	looks: {
		en: 'No Python traceback: "Segmentation Fault detected", "Task exited with return code -11" or -6, Airflow 3 "Process terminated by signal" with SIGSEGV, SIGABRT or SIGBUS, or "Fatal Python error". A real segfault may also hang: the log just stops and the task is marked failed later.',
		ja: 'Python のトレースバックがなく、"Segmentation Fault detected"、"Task exited with return code -11" や -6、Airflow 3 では SIGSEGV・SIGABRT・SIGBUS を伴う "Process terminated by signal"、または "Fatal Python error" が記録されます。実際のセグメンテーション違反ではログが止まったままになり、後から失敗とされることもあります。',
	},
	confused: {
		en: 'Signal 9 is memory (worker-oom-task-sigkill), 15 a stop from outside. A child of a BashOperator that crashed (exit 139, 134, -6, -11) did not crash the task. `sys.exit` and `os._exit` in user code end with their own number.',
		ja: 'シグナル 9 はメモリ不足 (worker-oom-task-sigkill)、15 は外部からの停止です。BashOperator の子プロセスの異常終了 (139、134、-6、-11) は、タスク自体の異常終了ではありません。ユーザーコードの `sys.exit` や `os._exit` は、指定した番号で終了します。',
	},
	signatures: [
		line('Segmentation Fault detected.', /Segmentation Fault detected\./, 'proof'),
		line('Fatal Python error: ', /Fatal Python error: (?<error>[^\n]{1,120})/),
		line('*** Received SIGSEGV ***', /\*{3} Received SIGSEGV \*{3}/),
		line(
			'Task exited with return code ',
			/(?<!['"\w])Task exited with return code (?<returnCode>Negsignal\.SIG(?:SEGV|ABRT|BUS|ILL|FPE|TRAP|SYS)|-(?:4|5|6|7|8|11|31))(?!\d)/,
		),
		line(
			'Process terminated by signal',
			/Process terminated by signal(?!\. Likely)[^\n]{0,300}?(?:signal["']?[=:] ?-(?<signal>4|5|6|7|8|11|31)\b|SIG(?:SEGV|ABRT|BUS|ILL|FPE|TRAP|SYS)\b)/,
		),
		// The process left by itself and said nothing: os._exit, an exit of an SDK. No traceback tells more.
		line(
			'Task exited with return code ',
			/(?<!['"\w])Task exited with return code (?<returnCode>[3-9]|[1-9]\d{1,2})\s*(?:$|\.? ?For more)/,
			'weak',
		),
		line(
			'Process exited abnormally',
			/Process exited abnormally[^\n]{0,200}exit_code["']?[=:] ?(?<exitCode>-?\d{1,4})/,
			'weak',
		),
		line('Segmentation fault', /Segmentation fault(?: {1,8}\(core dumped\))?/, 'weak'),
		line(
			'The command returned a non-zero exit code',
			/Bash command failed\. The command returned a non-zero exit code (?<exitCode>139|134|-6|-11)\./,
			'weak',
		),
	],
	yieldsTo: [
		'worker-oom-task-sigkill',
		'task-externally-set-state',
		'dag-missing-on-worker',
		'dag-import-error',
		'worker-rollout-by-update',
	],
	weigh(hits, scene) {
		if (scene.ended === 'success') return undefined;
		const weighing = sober(strongest(hits), hits, scene);
		if (weighing === undefined) return undefined;
		const { returnCode } = weighing.facts ?? {};
		// 143: the worker was asked to stop. A traceback tells why the process left with a number of its own.
		if (weighing.says === 'weak' && (returnCode === '143' || (returnCode !== undefined && scene.chain.length > 0)))
			return undefined;
		return weighing;
	},
	reads: ['exitCodes', 'operations'],
	decides: ['exitCodes'],
	verify({ exitCodes, operations }, { failed, told }) {
		if (told === undefined) return undefined;
		const crashed =
			exitCodes &&
			counted(
				exitCodes.filter(({ of }) => CRASHES.includes(of)),
				aroundEnd(failed),
			);
		if (!crashed) return undefined;
		const change = operations?.find(({ type, state }) => type === 'UPDATE' && state === 'SUCCEEDED');
		const since = change?.endedAt;
		return confirmed(
			'exitCodes',
			`${crashed.count} task process${crashed.count === 1 ? '' : 'es'} ended with a crash at ${clock(crashed.at)}${since === undefined ? '' : `; the environment was updated at ${clock(since)}, so compare its packages with those before`}.`,
			`${clock(crashed.at)} に異常終了したタスクプロセスが ${crashed.count} 件あります${since === undefined ? '' : `。${clock(since)} に環境が更新されているため、パッケージの変更を確認してください`}。`,
			{ at: crashed.at },
		);
	},
	fix(context) {
		const { env, facts, lang } = context;
		const t = inLang(lang);
		const left = facts['returnCode'] !== undefined && /^\d/.test(facts['returnCode']);
		const composer = () => [
			sh(
				command('gcloud', 'composer', 'environments', 'list-packages', ...names(env).at, '--tree'),
				t(
					'Compare the versions of native packages (numpy, pandas, pyarrow, grpcio, scipy, torch) with what worked before; a PyPI change that mixed binary interfaces is the usual cause:',
					'ネイティブパッケージ (numpy、pandas、pyarrow、grpcio、scipy、torch) のバージョンを以前と比べてください。PyPI の変更でバイナリ互換性が崩れるのがよくある原因です:',
				),
			),
		];
		return [
			left
				? say(
						t(
							`The process ended itself with code ${facts['returnCode']} and no traceback: look for os._exit or an exit inside a library in the code that ran last.`,
							`プロセスはトレースバックなしで、終了コード ${facts['returnCode']} で自ら終了しました。最後に動いていたコードで os._exit やライブラリ内の終了処理を探してください。`,
						),
					)
				: say(
						t(
							'The interpreter itself died. The last log line shows what ran; a native library below it is to blame.',
							'インタープリター自体が異常終了しました。最後のログ行が実行中の処理を示しています。その下で動くネイティブライブラリが原因です。',
						),
					),
			python(
				[
					'import faulthandler',
					'',
					'faulthandler.enable()  # prints the Python stack of a crash; first line of the task',
				],
				t('Make the crash say where it happened:', '異常終了した場所を出力させます:'),
			),
			...forGeneration(context, {
				'composer-2': composer,
				'composer-3': composer,
				airflow: () => [
					sh(
						'pip list --format=freeze',
						t(
							'Compare the versions of native packages with what worked before:',
							'ネイティブパッケージのバージョンを以前と比べてください:',
						),
					),
				],
			}),
			say(
				t(
					'Pin wheels that fit together, or isolate the code: @task.virtualenv, or KubernetesPodOperator with an image of its own.',
					'互いに適合する wheel に固定するか、@task.virtualenv や専用イメージの KubernetesPodOperator でコードを分離してください。',
				),
			),
		];
	},
	docs: 'https://airflow.apache.org/docs/apache-airflow/stable/troubleshooting.html',
});
