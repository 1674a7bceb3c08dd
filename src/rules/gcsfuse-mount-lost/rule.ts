import { defineRule, line } from '../../domain/rule.ts';
import type { FixStep } from '../../domain/rule.ts';
import { forGeneration, inLang, names, python, quoted, say, sh, command } from '../_parts/steps.ts';
import { moreMemoryPerTask } from '../_parts/sizing.ts';
import { strongest } from '../_parts/weigh.ts';
import { sober } from '../_parts/own.ts';
import { confirmed, likely } from '../_parts/said.ts';
import { memoryOf, memoryText, restartsOf, SHORT, workerEvent } from '../_parts/worker.ts';
import { clock } from '../_parts/audit.ts';

export default defineRule({
	id: 'gcsfuse-mount-lost',
	category: 'resources',
	title: {
		en: "The worker lost its mount of the environment's bucket",
		ja: 'ワーカーで環境バケットのマウントが失われました',
	},
	looks: {
		en: 'Files under /home/airflow/gcs answer "[Errno 107] Transport endpoint is not connected"; every task of that worker fails or loses its log.',
		ja: '/home/airflow/gcs 以下のファイルで "[Errno 107] Transport endpoint is not connected" が発生します。そのワーカーのすべてのタスクが失敗するか、ログを失います。',
	},
	confused: {
		en: "A task's own network socket gives the same Errno 107 without a path under /home/airflow/gcs. A worker that ran out of memory often shows both: gcsfuse is killed first.",
		ja: 'タスク自身のネットワークソケットでも Errno 107 は起きますが、/home/airflow/gcs 以下のパスは出ません。ワーカーのメモリ不足では両方が現れることが多く、まず gcsfuse が強制終了されます。',
	},
	signatures: [
		// The mount point itself stands in the line: Python's OSError, a shell's `cat: …: Transport endpoint is not connected`, gsutil.
		line(
			'Transport endpoint is not connected',
			/(?:Transport endpoint is not connected:? ?['"(]{0,2}(?<path>\/home\/airflow\/gcs\b[^'"\s]{0,500})|(?<file>\/home\/airflow\/gcs\b[^'"\s:]{0,500})['"]?: Transport endpoint is not connected)/,
			'proof',
		),
		line(
			'Transport endpoint is not connected',
			/Transport endpoint is not connected: '[^'\n]{1,500}' -> '(?<target>\/home\/airflow\/gcs\b[^'\n]{0,500})'/,
			'proof',
		),
		// A shell or a tool that works on files knows no sockets.
		line(
			'Transport endpoint is not connected',
			/(?:getcwd|cannot (?:access|open|stat|create)|\b(?:cat|ls|cp|mv|rm|find|tar|du): )[^\n]{0,300}Transport endpoint is not connected/,
		),
		line('Transport endpoint is not connected', /Transport endpoint is not connected/, 'weak'),
		line("process 'gcsfuse' is not running", /Liveness probe failed: The process 'gcsfuse' is not running/, 'proof'),
		line('gcs-fuse failed liveness probe', /Container gcs-?fuse failed liveness probe/, 'proof'),
	],
	// The logging handler writes below the mount; a read below it may raise without naming the file.
	asks: ['/home/airflow/gcs/logs', 'airflow/utils/log/', 'logging/__init__.py', 'socket.py", line'],
	weigh(hits, scene) {
		const sure = hits.filter((hit) => hit.signature.says === 'proof');
		if (sure.length > 0) {
			const weighing = sober(strongest(sure), sure, scene);
			const path = weighing?.facts?.['path'] ?? weighing?.facts?.['file'] ?? weighing?.facts?.['target'];
			return weighing && { says: weighing.says, ...(path === undefined ? {} : { facts: { path } }) };
		}
		const root = scene.chain[0];
		// Not the mount: a socket of the user's own that was never connected or already closed.
		if (root?.frames.some((frame) => /(?:^|\/)(?:socket|ssl|asyncio\/\w{1,40})\.py$/.test(frame.file)))
			return undefined;
		const logging =
			scene.has('airflow/utils/log/') || (scene.has('/home/airflow/gcs/logs') && scene.has('logging/__init__.py'));
		return logging && !scene.has('socket.py", line') ? { says: 'strong' } : strongest(hits);
	},
	reads: ['workerLog', 'workerMemory', 'workerMemoryQuota', 'restarts', 'kubernetesEvents'],
	decides: ['workerMemory', 'workerLog', 'restarts', 'kubernetesEvents'],
	suspects: ({ generation, log }) => generation?.startsWith('composer') === true && log !== 'there',
	verify(seen, { failed, told, env }) {
		if (told === undefined) return undefined;
		const event = workerEvent(seen.kubernetesEvents, failed, ({ message }) => /gcs-?fuse/.test(message));
		if (event)
			return confirmed(
				'kubernetesEvents',
				`the bucket mount of \`${event.object}\` died: ${event.message}`,
				`\`${event.object}\` のバケットのマウントが停止しました: ${event.message}`,
				{ at: event.at },
			);
		const memory = memoryOf(seen, failed, env);
		if (!memory || memory.share < SHORT) return undefined;
		const restarted = restartsOf(seen.restarts, failed);
		const { en, ja } = memoryText(memory);
		return (told === 'log' || told === 'workerLog' ? confirmed : likely)(
			'workerMemory',
			`${en}${restarted ? ` and was restarted at ${clock(restarted.at)}` : ''}: gcsfuse shares the pod and is killed first.`,
			`${ja} です${restarted ? ` (${clock(restarted.at)} に再起動)` : ''}。gcsfuse は同じ Pod のメモリを使い、最初に強制終了されます。`,
			{ at: memory.at, facts: failed.hostname === undefined ? {} : { host: failed.hostname } },
		);
	},
	fix(context) {
		const { env, facts, lang } = context;
		const t = inLang(lang);
		const bucket = names(env).bucket;
		const inBucket = /^\/home\/airflow\/gcs\/(.{1,500})$/.exec(facts['path'] ?? '')?.[1] ?? 'data/FILE';
		// What was written there by Airflow itself is no file that anybody could copy first.
		const read = !inBucket.startsWith('logs/');
		const composer = (): FixStep[] => [
			say(
				t(
					'The worker comes back by itself when Kubernetes restarts the pod or its gcsfuse container; rerun the task then. What keeps it from happening again is memory: gcsfuse shares the worker pod.',
					'Kubernetes が Pod または gcsfuse コンテナを再起動するとワーカーは復旧するため、その後にタスクを再実行してください。再発を防ぐにはメモリの改善が必要です。gcsfuse はワーカー Pod のメモリを共有しています。',
				),
			),
			...(read
				? [
						python(
							[
								'import tempfile',
								'from airflow.providers.google.cloud.hooks.gcs import GCSHook',
								'',
								'with tempfile.NamedTemporaryFile() as local:',
								`    GCSHook().download(bucket_name=${quoted(bucket)}, object_name=${quoted(inBucket)}, filename=local.name)`,
								'    ...  # read local.name',
							],
							t(
								'Copy large files to local disk with the GCS client instead of reading them through the mount:',
								'大きなファイルはマウント経由で読まず、GCS クライアントでローカルディスクにコピーしてください:',
							),
						),
					]
				: []),
			sh(
				command('gcloud', 'composer', 'environments', 'list-upgrades', ...names(env).at),
				t(
					'Upgrade the image; newer ones ship a newer gcsfuse:',
					'イメージを更新します。新しいイメージには新しい gcsfuse が含まれます:',
				),
			),
		];
		return [
			// What keeps it from happening again comes first: the seed of it is memory.
			...moreMemoryPerTask(context),
			...forGeneration(context, {
				'composer-2': composer,
				'composer-3': composer,
				airflow: () => [
					say(
						t(
							'The FUSE process behind the folder is gone. Look for it in `dmesg -T` (out of memory) and in its own log, unmount with `fusermount -u` and mount again; give it memory of its own.',
							'このフォルダを提供していた FUSE プロセスが終了しています。`dmesg -T` (メモリ不足) と FUSE 自身のログを確認し、`fusermount -u` でアンマウントしてから再度マウントしてください。専用のメモリも確保してください。',
						),
					),
				],
			}),
		];
	},
	docs: 'https://github.com/GoogleCloudPlatform/gcsfuse/issues/1864',
});
