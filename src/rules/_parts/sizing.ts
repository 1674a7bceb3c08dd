import { computedConcurrency, mostConcurrency } from '../../domain/concurrency.ts';
import type { Environment } from '../../domain/environment.ts';
import type { FixContext, FixStep } from '../../domain/rule.ts';
import { legalCpus, LIMITS, memoryRange } from '../../scaling/sizes.ts';
import { hcl, inLang, say, sh, updateEnvironment, forGeneration, ini } from './steps.ts';
import { overridesBlock } from './settings.ts';

/** What the original incident report used (worker of 2 GB): enough for a worker of 0.5 to 1 vCPU. */
const START = { memoryGb: 4, concurrency: 6 };

/** Twice the memory as far as the vCPUs and the limits of the generation carry it, and half the tasks at once; Composer 3 takes 1 to 24. */
export function workerSizing(env: Environment): { memoryGb: number; concurrency: number; memoryFits: boolean } {
	const { worker } = env;
	if (!worker) return { memoryGb: START.memoryGb, concurrency: START.concurrency, memoryFits: true };
	const [, most] = memoryRange(composerOf(env), 'worker', worker.cpu);
	const memoryGb = Math.max(worker.memoryGb, Math.min(most, worker.memoryGb * 2));
	const { generation = 'composer-2', airflowVersion } = env;
	const now = env.workerConcurrency ?? computedConcurrency(generation, airflowVersion, worker).value;
	return {
		memoryGb,
		concurrency: Math.min(mostConcurrency(generation), Math.max(1, Math.floor(now / 2))),
		memoryFits: memoryGb > worker.memoryGb,
	};
}

const composerOf = ({ generation }: Environment): 'composer-2' | 'composer-3' =>
	generation === 'composer-3' ? 'composer-3' : 'composer-2';

/** Flags for a worker of twice the vCPUs, and twice the memory beside them, as far as the generation goes. */
export function largerWorker(env: Environment): readonly string[] {
	const { cpu: now, memoryGb } = env.worker ?? { cpu: 0.5, memoryGb: START.memoryGb / 2 };
	const cpu = legalCpus(composerOf(env), 'worker').findLast((one) => one <= now * 2) ?? now;
	const [least, most] = memoryRange(composerOf(env), 'worker', cpu);
	return [`--worker-cpu=${cpu}`, `--worker-memory=${Math.min(most, Math.max(least, memoryGb * 2))}GB`];
}

/**
 * More memory for each worker or fewer tasks in it: commands for each generation, with the numbers and what the change
 * costs. Defaults and limits: docs.cloud.google.com/composer/docs/airflow-configurations, gcpdiag, release notes.
 */
export function moreMemoryPerTask(context: FixContext): FixStep[] {
	const { env, lang } = context;
	const t = inLang(lang);
	return forGeneration(context, {
		'composer-2': () =>
			composerSteps(context, {
				defaults: t(
					'By default Composer 2 computes min(32, 12 × vCPU, 8 × GB) (0.5 vCPU and 2 GB: 6 tasks, 1 and 4: 12, 2 and 7.5: 24, 4 and 15: 32), a little less since Airflow 2.6.3; before 2.3.3 12 × vCPU.',
					'Composer 2 の既定値は min(32, 12 × vCPU, 8 × GB) で (0.5 vCPU・2 GB で 6、1・4 で 12、2・7.5 で 24、4・15 で 32)、Airflow 2.6.3 以降はやや小さく、2.3.3 より前は 12 × vCPU です。',
				),
				limits: t(
					'1 to 6.5 GB for each vCPU, 80 GB at most; 4 GB need 0.75 vCPU',
					'1 vCPU あたり 1～6.5 GB、最大 80 GB。4 GB には 0.75 vCPU 以上が必要です',
				),
			}),
		'composer-3': () =>
			composerSteps(context, {
				defaults: t(
					'Composer 3 computes the default from the size of the worker and accepts 1 to 24.',
					'Composer 3 の既定値はワーカーのサイズから計算され、指定できるのは 1～24 です。',
				),
				limits: t('1 to 8 GB for each vCPU, 256 GB at most', '1 vCPU あたり 1～8 GB、最大 256 GB'),
			}),
		airflow: () => [
			ini(
				[`AIRFLOW__CELERY__WORKER_CONCURRENCY=${workerSizing(env).concurrency}`],
				t(
					'Fewer tasks at once in one Celery worker (upstream default 16; at most 0.8 × worker memory ÷ memory of one task), and restart the workers; or give their container a higher memory limit:',
					'1 台の Celery ワーカーで同時に動くタスクを減らし (既定値は 16、目安は 0.8 × ワーカーのメモリ ÷ 1 タスクのメモリ以下)、ワーカーを再起動します。またはコンテナのメモリ上限を上げます:',
				),
			),
		],
	});
}

function composerSteps({ env, lang }: FixContext, words: { defaults: string; limits: string }): FixStep[] {
	const t = inLang(lang);
	const { memoryGb, concurrency, memoryFits } = workerSizing(env);
	const { worker } = env;
	const size = worker
		? t(
				`A worker has ${worker.cpu} vCPU and ${worker.memoryGb} GB now. `,
				`現在のワーカーは ${worker.cpu} vCPU、メモリ ${worker.memoryGb} GB です。`,
			)
		: '';
	return [
		say(
			size +
				t(
					'The tasks of one worker share its memory: worker_concurrency ≤ 0.8 × worker memory ÷ memory of one task. Fewer at once costs nothing, more memory costs a little.',
					'1 台のワーカーで動くタスクはメモリを共有するため、worker_concurrency は「0.8 × ワーカーのメモリ ÷ 1 タスクのメモリ」以下にします。同時実行数を減らすのは無料で、メモリの追加にはわずかな費用がかかります。',
				),
		),
		sh(
			updateEnvironment(env, `--update-airflow-configs=celery-worker_concurrency=${concurrency}`),
			t(
				`Fewer tasks at once in one worker. ${words.defaults}`,
				`1 台のワーカーで同時に動くタスクを減らします。${words.defaults}`,
			),
		),
		memoryFits
			? sh(
					updateEnvironment(env, `--worker-memory=${memoryGb}GB`),
					t(
						`More memory for each worker, as an update of its own (${words.limits}):`,
						`ワーカーのメモリを、別の更新操作として増やします (${words.limits}):`,
					),
				)
			: sh(
					updateEnvironment(env, ...largerWorker(env)),
					t(
						`The worker has as much memory as its vCPUs allow (${words.limits}), so both grow together, as an update of its own:`,
						`このワーカーのメモリは vCPU に対する上限 (${words.limits}) に達しているため、別の更新操作として両方を増やします:`,
					),
				),
		hcl(
			[
				'# google_composer_environment > config > workloads_config',
				'worker {',
				`  cpu        = ${memoryFits ? (worker?.cpu ?? 1) : (worker?.cpu ?? 1) * 2}`,
				`  memory_gb  = ${memoryFits ? memoryGb : (worker?.memoryGb ?? START.memoryGb) * 2}`,
				`  storage_gb = ${worker?.storageGb ?? 1}`,
				`  min_count  = ${worker?.minCount ?? 1}`,
				`  max_count  = ${worker?.maxCount ?? 3}`,
				'}',
				overridesBlock({ 'celery-worker_concurrency': String(concurrency) }),
			],
			worker
				? t('The same in Terraform:', 'Terraform では次のとおりです:')
				: t(
						'The same in Terraform (keep your own vCPU, storage and counts):',
						'Terraform では次のとおりです (vCPU、ストレージ、台数は現在の値のままにしてください):',
					),
		),
		say(
			t(
				'Both updates replace the workers: running tasks get 3600 s to end. Do them outside business runs. Keep worker_concurrency above expected tasks ÷ max_workers, or raise max_workers.',
				'どちらの更新でもワーカーが入れ替わり、実行中のタスクには 3600 秒の猶予が与えられます。業務の実行時間帯を避けてください。worker_concurrency は「想定タスク数 ÷ max_workers」より大きく保つか、max_workers を増やしてください。',
			),
		),
	];
}

/** More ephemeral disk for each worker, within what the generation allows. */
export function moreStorage(context: FixContext): FixStep[] {
	const { env } = context;
	const t = inLang(context.lang);
	const grown = (generation: 'composer-2' | 'composer-3'): number =>
		Math.min(
			LIMITS[generation].worker?.storageGb?.[1] ?? 10,
			Math.max(10, Math.ceil((env.worker?.storageGb ?? 1) * 2)),
		);
	return forGeneration(context, {
		'composer-2': () => [
			sh(
				updateEnvironment(env, `--worker-storage=${grown('composer-2')}GB`),
				t(
					'More disk for each worker (10 GB is the most on Composer 2):',
					'ワーカーのディスクを増やします (Composer 2 の上限は 10 GB です):',
				),
			),
		],
		'composer-3': () => [
			sh(
				updateEnvironment(env, `--worker-storage=${grown('composer-3')}GB`),
				t(
					'More disk for each worker (100 GB is the most on Composer 3):',
					'ワーカーのディスクを増やします (Composer 3 の上限は 100 GB です):',
				),
			),
		],
		airflow: () => [
			say(
				t(
					'Give the worker a larger volume or a higher ephemeral-storage limit.',
					'ワーカーのボリュームを大きくするか、ephemeral-storage の上限を上げてください。',
				),
			),
		],
	});
}
