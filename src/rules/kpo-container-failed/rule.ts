import { defineRule, line } from '../../domain/rule.ts';
import type { FixContext, FixStep } from '../../domain/rule.ts';
import { mergedFacts } from '../_parts/hits.ts';
import { RUNS_POD_ASKS, runsPod } from '../_parts/pods.ts';
import { clusterCredentials, command, forGeneration, inLang, names, python, say, sh } from '../_parts/steps.ts';

export default defineRule({
	id: 'kpo-container-failed',
	category: 'kubernetes',
	title: { en: 'The program in the pod failed', ja: 'Pod 内のプログラムが失敗しました' },
	looks: {
		en: "The pod ran and its container ended with an exit code other than 0: `Pod … returned a failure`, `reason='Error', exit_code=1`; or the program was fine and its XCom file is missing.",
		ja: "Pod は起動し、コンテナが 0 以外の終了コードで終わりました(`Pod … returned a failure`、`reason='Error', exit_code=1`)。プログラムは成功しても XCom のファイルがない場合も同様です。",
	},
	confused: {
		en: '`Pod … returned a failure` wraps everything else too: OOMKilled (kpo-oomkilled), a pod that was never created (`remote_pod: None`: kpo-pods-forbidden, kpo-cluster-config) and a pod that vanished without a container state (kpo-pod-lost).',
		ja: '`Pod … returned a failure` は他の原因も包みます。OOMKilled(kpo-oomkilled)、Pod が作成されていない場合(`remote_pod: None`: kpo-pods-forbidden、kpo-cluster-config)、コンテナの状態がないまま消えた場合(kpo-pod-lost)を先に確認してください。',
	},
	signatures: [
		line('returned a failure', /Pod (?:(?<pod>[a-z0-9][a-z0-9.-]{0,252}|None) )?returned a failure/),
		line(
			"state='TERMINATED'",
			/Container [\\"']{1,4}(?<container>[a-z0-9-]{1,63})[\\"']{1,4}: state='TERMINATED', reason='(?<reason>[A-Za-z]{2,40})', exit_code=(?<exitCode>[1-9]\d{0,2})/,
			'proof',
		),
		line('exit_code', /[\\"']exit_code[\\"']{1,4}: (?<exitCode>[1-9]\d{0,2})\b/),
		line(
			['Failed to extract xcom from pod', 'Xcom sidecar container is already terminated'],
			/(?<xcom>Failed to extract xcom from pod|Xcom sidecar container is already terminated)/,
		),
		line(
			'is failed with error',
			/[Kk]ubernetes [Jj]ob [\\"']{1,4}(?<job>[a-z0-9][a-z0-9.-]{0,252})[\\"']{1,4} is failed with error/,
		),
		line(
			['exec format error', 'executable file not found in $PATH'],
			/(?<command>exec format error|executable file not found in \$PATH)/,
		),
	],
	asks: ['remote_pod: None', 'OOMKilled', ...RUNS_POD_ASKS],
	symptom: true,
	yieldsTo: [
		'kpo-oomkilled',
		'kpo-pods-forbidden',
		'kpo-cluster-config',
		'kpo-image-pull',
		'kpo-unschedulable',
		'kpo-secret-or-config-missing',
		'kpo-ksa-no-gcp-access',
		'kpo-composer3-unsupported-spec',
		'kpo-pod-lost',
		'worker-pod-evicted-storage',
	],
	weigh(hits, scene) {
		const facts = mergedFacts(hits);
		// The pod was never created: something before it is the cause, and this only repeats it.
		const never = scene.has('remote_pod: None') || facts.pod === 'None';
		// 143 is a SIGTERM: something stopped a program that had not failed.
		if (never || scene.has('OOMKilled') || facts.exitCode === '143') return { says: 'weak', facts };
		// The wrapper alone says that the pod failed, and not that its program did.
		return {
			says: facts.exitCode || facts.xcom || facts.job || (facts.command && runsPod(scene)) ? 'strong' : 'weak',
			facts,
		};
	},
	fix,
	docs: 'https://airflow.apache.org/docs/apache-airflow-providers-cncf-kubernetes/stable/operators.html',
});

const EXIT: Readonly<Record<string, { en: string; ja: string }>> = {
	'126': { en: 'the command is not executable', ja: 'コマンドに実行権限がありません' },
	'127': { en: 'the command does not exist in the image', ja: 'コマンドがイメージ内にありません' },
	'128': { en: 'the container could not be started', ja: 'コンテナを起動できませんでした' },
	'137': {
		en: 'it was killed with SIGKILL: a deadline, a deleted pod, memory of a child process, or on Composer 3 its machine shut down',
		ja: 'SIGKILL で終了しました。期限切れ、Pod の削除、子プロセスのメモリ不足、Composer 3 では VM の停止が考えられます',
	},
	'139': { en: 'it crashed in native code (SIGSEGV)', ja: 'ネイティブコードでクラッシュしました(SIGSEGV)' },
	'143': {
		en: 'it was stopped with SIGTERM: the pod was deleted or its node drained',
		ja: 'SIGTERM で停止されました。Pod の削除またはノードの退避が考えられます',
	},
};

function fix({ env, facts, lang }: FixContext): FixStep[] {
	const t = inLang(lang);
	if (facts.xcom)
		return [
			say(
				t(
					'The operator looked for `/airflow/xcom/return.json`; the program did not write it, or it is no JSON.',
					'オペレーターが `/airflow/xcom/return.json` を読もうとしましたが、ファイルがないか JSON ではありません。',
				),
			),
			python(
				['KubernetesPodOperator(', '    do_xcom_push=False,', '    ...,', ')'],
				t('When the pod returns nothing:', 'Pod が値を返さない場合:'),
			),
			sh(
				`mkdir -p /airflow/xcom && echo '{"rows": 42}' > /airflow/xcom/return.json`,
				t('When it does, as the last thing in the container:', '値を返す場合は、コンテナの最後に次を実行します:'),
			),
			...forGeneration(
				{ env, lang },
				{
					'composer-2': () => [],
					'composer-3': () => [
						say(
							t(
								'On Composer 3 `do_xcom_push` was broken until the builds of December 2024 and January 2025: upgrade older ones.',
								'Composer 3 では 2024 年 12 月〜2025 年 1 月より前のビルドで `do_xcom_push` が動作しません。古い場合はアップグレードしてください。',
							),
						),
					],
					airflow: () => [],
				},
			),
		];
	const meaning =
		facts.command === 'exec format error'
			? t(
					'the image was built for another CPU architecture, or its entry script has no `#!` line',
					'イメージの CPU アーキテクチャが異なるか、エントリスクリプトに `#!` 行がありません',
				)
			: facts.command
				? EXIT['127']?.[lang]
				: EXIT[facts.exitCode ?? '']?.[lang];
	return [
		say(
			facts.command && !facts.exitCode
				? t(
						`The container could not run its command: ${meaning ?? ''}.`,
						`コンテナのコマンドを実行できませんでした(${meaning ?? ''})。`,
					)
				: facts.exitCode
					? t(
							`The container ended with exit code ${facts.exitCode}${meaning ? `: ${meaning}` : ''}. The program's own lines stand above in the log, after \`[base]\`.`,
							`コンテナが終了コード ${facts.exitCode} で終わりました${meaning ? `(${meaning})` : ''}。プログラムの出力はログの上のほう、\`[base]\` の行にあります。`,
						)
					: t(
							"The container failed. The program's own lines stand above in the log, after `[base]`.",
							'コンテナが失敗しました。プログラムの出力はログの上のほう、`[base]` の行にあります。',
						),
		),
		...forGeneration(
			{ env, lang },
			{
				'composer-2': () => [
					python(
						[
							'KubernetesPodOperator(',
							'    on_finish_action="keep_pod",   # is_delete_operator_pod=False before cncf-kubernetes 7.4',
							'    get_logs=True,',
							'    ...,',
							')',
						],
						t('Keep the pod to look at it:', 'Pod を残して調査します:'),
					),
					sh([
						clusterCredentials(env),
						command('kubectl', 'describe', 'pod', facts.pod ?? 'POD', '-n', 'composer-user-workloads'),
						command('kubectl', 'logs', facts.pod ?? 'POD', '-n', 'composer-user-workloads', '--all-containers'),
					]),
				],
				'composer-3': () => [
					sh(
						command(
							'gcloud',
							'logging',
							'read',
							`log_id("airflow-k8s-operator") ${JSON.stringify(facts.pod ?? 'POD')}`,
							`--project=${names(env).project}`,
							'--freshness=1d',
							'--limit=100',
						),
						t('All the pod wrote:', 'Pod の出力をすべて確認します:'),
					),
				],
				airflow: () => [
					sh([
						command('kubectl', 'describe', 'pod', facts.pod ?? 'POD', '-n', facts.namespace ?? 'NAMESPACE'),
						command('kubectl', 'logs', facts.pod ?? 'POD', '-n', facts.namespace ?? 'NAMESPACE', '--all-containers'),
					]),
				],
			},
		),
	];
}
