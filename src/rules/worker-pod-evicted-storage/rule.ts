import { defineRule, line } from '../../domain/rule.ts';
import { inLang, python, say, sh, command, names, forGeneration } from '../_parts/steps.ts';
import { moreStorage } from '../_parts/sizing.ts';
import { strongest } from '../_parts/weigh.ts';
import { clock, isSilent } from '../_parts/audit.ts';
import { sober } from '../_parts/own.ts';
import { confirmed, likely, ruledOut, unlikely } from '../_parts/said.ts';
import { aroundEnd, ofHost, peak, percent } from '../_parts/series.ts';
import { evictions, memoryOf, memoryText, SHORT, workerEvent } from '../_parts/worker.ts';

export default defineRule({
	id: 'worker-pod-evicted-storage',
	category: 'resources',
	title: { en: "The worker's disk is full", ja: 'ワーカーのディスクがいっぱいです' },
	looks: {
		en: '"[Errno 28] No space left on device" in a task, or an event that the worker pod was evicted because its ephemeral storage exceeds the limit; an eviction stops every task of that pod.',
		ja: 'タスクで "[Errno 28] No space left on device" が発生するか、エフェメラルストレージの上限超過によるワーカー Pod の退避イベントが記録されます。退避されると、その Pod のすべてのタスクが停止します。',
	},
	confused: {
		en: 'An eviction for memory (MemoryPressure, "low on resource: memory"), a full disk of a database ("could not extend file"), the disk of an operator\'s own pod, and GKE node DiskPressure.',
		ja: 'メモリによる退避 (MemoryPressure、"low on resource: memory")、データベース側のディスク不足 ("could not extend file")、オペレーターが作る Pod のディスク、GKE ノードの DiskPressure とは異なります。',
	},
	signatures: [
		line(
			'ephemeral local storage usage exceeds',
			/Pod ephemeral local storage usage exceeds the total limit of containers ?(?<limit>[\d.]{1,10}[KMGTi]{0,3})?/,
			'proof',
		),
		line(
			'exceeded its local ephemeral storage limit',
			/Container (?<container>[\w.-]{1,80}) exceeded its local ephemeral storage limit/,
			'proof',
		),
		line('A worker pod was evicted', /A worker pod was evicted/),
		// The node's disk: this pod may have filled it, or another.
		line('low on resource: ephemeral-storage', /low on resource: ephemeral-storage/, 'weak'),
		// Not a server's disk: PostgreSQL and MySQL print the same errno text for theirs.
		line(
			'No space left on device',
			/^(?![^]{0,8192}(?:could not (?:extend|write|create|open|resize)|psycopg2?|DiskFull|pymysql|MySQL|HINT:))[^]{0,8192}No space left on device/,
		),
		// Programs written in Go, SQLite.
		line(
			['no space left on device', 'database or disk is full'],
			/(?:no space left on device|database or disk is full)/,
		),
		line('Disk quota exceeded', /\[Errno 122\] Disk quota exceeded/, 'weak'),
	],
	asks: ['psycopg2.errors.DiskFull', 'Building pod ', 'The node was low on resource: memory'],
	yieldsTo: ['gcsfuse-mount-lost'],
	weigh(hits, scene) {
		if (scene.ended === 'success' || scene.has('psycopg2.errors.DiskFull')) return undefined;
		const weighing = sober(strongest(hits), hits, scene);
		if (weighing === undefined) return undefined;
		// The disk of an operator's own pod, which has a limit of its own.
		const pod = hits.map(({ text }) => /["']name["']: ?["']([\w.-]{1,253})["']/.exec(text)?.[1]).find((name) => name);
		if (scene.has('Building pod ') || (pod !== undefined && !pod.startsWith('airflow-')))
			return { ...weighing, says: 'weak' };
		// Evicted for memory: the disk was not asked.
		if (weighing.says === 'strong' && scene.has('The node was low on resource: memory'))
			return { ...weighing, says: 'weak' };
		return weighing;
	},
	reads: ['workerDisk', 'podEvictions', 'workerMemory', 'workerMemoryQuota', 'kubernetesEvents'],
	decides: ['workerDisk', 'podEvictions', 'workerMemory', 'kubernetesEvents'],
	suspects: (failed) => isSilent(failed) && failed.hostname !== undefined,
	verify(seen, { failed, told, env }) {
		const event = workerEvent(
			seen.kubernetesEvents,
			failed,
			({ reason, message }) => reason === 'Evicted' && /ephemeral/.test(message),
		);
		if (event)
			return confirmed(
				'kubernetesEvents',
				`Kubernetes evicted \`${event.object}\`: ${event.message}`,
				`Kubernetes が \`${event.object}\` を退避しました: ${event.message}`,
				{ at: event.at },
			);
		const disk = seen.workerDisk && peak(ofHost(seen.workerDisk, failed.hostname), aroundEnd(failed));
		const evicted = evictions(seen.podEvictions, failed);
		if (!disk || disk.value < 0.9) {
			const memory = memoryOf(seen, failed, env);
			const short = memory !== undefined && memory.share >= SHORT;
			// What fills a disk in less than a minute is between two samples; the eviction is not.
			if (told !== undefined && evicted && !short)
				return confirmed(
					'podEvictions',
					`${evicted.count} worker pod${evicted.count === 1 ? ' was' : 's were'} evicted at ${clock(evicted.at)}${memory ? ', and not for memory' : ''}.`,
					`${clock(evicted.at)} にワーカー Pod が ${evicted.count} 件退避されています。${memory ? 'メモリが原因ではありません。' : ''}`,
					{ at: evicted.at },
				);
		}
		if (!disk) return undefined;
		const full = {
			en: `the disk of \`${disk.of}\` was ${percent(disk.value)} full`,
			ja: `\`${disk.of}\` のディスク使用率は ${percent(disk.value)} でした`,
		};
		if (disk.value >= 0.9) {
			const gone = evicted
				? {
						en: `, and ${evicted.count} worker pod${evicted.count === 1 ? ' was' : 's were'} evicted`,
						ja: `。退避されたワーカー Pod は ${evicted.count} 件です`,
					}
				: { en: '', ja: '' };
			const sure = told !== undefined || evicted !== undefined;
			return (sure ? confirmed : likely)('workerDisk', `${full.en}${gone.en}.`, `${full.ja}${gone.ja}。`, {
				at: disk.at,
			});
		}
		if (told === undefined || disk.value > 0.75) return undefined;
		const memory = memoryOf(seen, failed, env);
		if (memory && memory.share >= SHORT) {
			const { en, ja } = memoryText(memory);
			return ruledOut('workerDisk', `${full.en} at the most, while ${en}.`, `${full.ja}（最大）。一方、${ja} です。`, {
				at: disk.at,
			});
		}
		return unlikely(
			'workerDisk',
			`${full.en} at the most, in samples a minute apart: a disk that is not the worker's (a volume, a database, a server) fits better.`,
			`${full.ja}（最大、1 分間隔の値）。ワーカー以外のディスク (ボリューム、データベース、サーバー) の可能性があります。`,
			{ at: disk.at },
		);
	},
	fix(context) {
		const { env, lang } = context;
		const t = inLang(lang);
		const { bucket } = names(env);
		const composer = () => [
			sh(
				command(
					'gcloud',
					'storage',
					'du',
					'--readable-sizes',
					'--summarize',
					`gs://${bucket}/dags`,
					`gs://${bucket}/plugins`,
					`gs://${bucket}/data`,
				),
				t(
					'Many or large files in dags/, plugins/ and data/ are copied to every worker; look how much that is and delete what is not needed:',
					'dags/、plugins/、data/ のファイルは各ワーカーにコピーされます。サイズを確認し、不要なものを削除してください:',
				),
			),
			say(
				t(
					'Check workload/disk/bytes_used ÷ workload/disk/quota of that worker and environment/worker/pod_eviction_count. Composer 3 restarts a worker over its storage limit; Composer 2.12.0 to 2.12.3 leaked storage (upgrade).',
					'そのワーカーの workload/disk/bytes_used ÷ workload/disk/quota と environment/worker/pod_eviction_count を確認してください。Composer 3 は上限を超えたワーカーを再起動します。Composer 2.12.0～2.12.3 にはストレージのリークがありました (アップグレードしてください)。',
				),
			),
		];
		return [
			...moreStorage(context),
			python(
				[
					'import tempfile',
					'',
					'with tempfile.TemporaryDirectory() as scratch:',
					'    ...  # everything below scratch is deleted when the task ends, also when it fails',
				],
				t(
					'In the task: delete temporary files, also when it fails:',
					'タスクでは、失敗時も含めて一時ファイルを必ず削除してください:',
				),
			),
			...forGeneration(context, {
				'composer-2': composer,
				'composer-3': composer,
				airflow: () => [
					sh(
						'df -h; du -xh --max-depth=2 / 2>/dev/null | sort -h | tail -20',
						t('See on the worker what fills it:', 'ワーカーで何が容量を使っているか確認します:'),
					),
				],
			}),
			say(
				t(
					'A task that needs more disk than a worker may have belongs into its own pod (KubernetesPodOperator with an ephemeral-storage request) or on object storage.',
					'ワーカーの上限を超えるディスクが必要なタスクは、専用の Pod (ephemeral-storage を指定した KubernetesPodOperator) またはオブジェクトストレージを使ってください。',
				),
			),
		];
	},
	docs: 'https://cloud.google.com/composer/docs/composer-3/troubleshooting-dags',
});
