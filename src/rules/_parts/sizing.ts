import type { Environment } from '../../domain/environment.ts';
import type { FixContext, FixStep } from '../../domain/rule.ts';
import { hcl, inLang, say, sh, updateEnvironment, forGeneration, ini } from './steps.ts';
import { overridesBlock } from './settings.ts';

/** Composer's limits of a worker. Source: docs.cloud.google.com/composer/docs/composer-{2,3}/scale-environments. */
const LIMITS = {
	'composer-2': { memoryPerCpu: 6.5, memoryGb: 80, storageGb: 10 },
	'composer-3': { memoryPerCpu: 8, memoryGb: 256, storageGb: 100 },
} as const;
/** What the original incident report used (worker of 2 GB): enough for a worker of 0.5 to 1 vCPU. */
const START = { memoryGb: 4, concurrency: 6 };

/** The default `[celery]worker_concurrency` of Composer 2 with Airflow 2.3.3 to 2.6.2; later versions compute a little less. */
export function defaultConcurrency(cpu: number, memoryGb: number): number {
	return Math.max(1, Math.min(32, Math.floor(12 * cpu), Math.floor(8 * memoryGb)));
}

/** Twice the memory as far as the vCPUs and the limits of the generation carry it, and half the tasks at once; Composer 3 takes 1 to 24. */
export function workerSizing(env: Environment): { memoryGb: number; concurrency: number; memoryFits: boolean } {
	const { worker } = env;
	if (!worker) return { memoryGb: START.memoryGb, concurrency: START.concurrency, memoryFits: true };
	const limits = env.generation === 'composer-3' ? LIMITS['composer-3'] : LIMITS['composer-2'];
	const most = Math.floor(Math.min(limits.memoryGb, limits.memoryPerCpu * worker.cpu) * 4) / 4;
	const memoryGb = Math.max(worker.memoryGb, Math.min(most, worker.memoryGb * 2));
	const now = env.workerConcurrency ?? defaultConcurrency(worker.cpu, worker.memoryGb);
	return {
		memoryGb,
		concurrency: Math.min(24, Math.max(1, Math.floor(now / 2))),
		memoryFits: memoryGb > worker.memoryGb,
	};
}

/** More memory for each worker or fewer tasks in it: commands for each generation, with the numbers and what the change costs. */
export function moreMemoryPerTask(context: FixContext): FixStep[] {
	const { env, lang } = context;
	const t = inLang(lang);
	const { memoryGb, concurrency, memoryFits } = workerSizing(env);
	const now = env.worker
		? t(
				`A worker has ${env.worker.cpu} vCPU and ${env.worker.memoryGb} GB now. `,
				`現在のワーカーは ${env.worker.cpu} vCPU、メモリ ${env.worker.memoryGb} GB です。`,
			)
		: '';
	const composer = (): FixStep[] => [
		say(
			now +
				t(
					'Rule: worker_concurrency ≤ 0.8 × worker memory ÷ memory of one task. The tasks of one worker share its memory; fewer at once costs nothing, more memory costs a little.',
					'目安は worker_concurrency ≤ 0.8 × ワーカーのメモリ ÷ 1 タスクのメモリ です。1 台のワーカーで動くタスクはメモリを共有します。同時実行数を減らすのは無料で、メモリの追加にはわずかな費用がかかります。',
				),
		),
		sh(
			updateEnvironment(env, `--update-airflow-configs=celery-worker_concurrency=${concurrency}`),
			t(
				`Fewer tasks at once in one worker (Composer 3 accepts 1 to 24; the default is about min(32, 12 × vCPU, 8 × GB) and a little less since Airflow 2.6.3):`,
				`1 台のワーカーで同時に動くタスクを減らします (Composer 3 で指定できるのは 1～24 です。既定値はおよそ min(32, 12 × vCPU, 8 × GB) で、Airflow 2.6.3 以降はやや小さくなります):`,
			),
		),
		memoryFits
			? sh(
					updateEnvironment(env, `--worker-memory=${memoryGb}GB`),
					t(
						'More memory for each worker (a separate update; Composer 2 allows 1 to 6.5 GB for each vCPU and 80 GB at most, Composer 3 1 to 8 GB for each vCPU and 256 GB at most):',
						'ワーカーのメモリを増やします (別の更新操作として実行します。Composer 2 は 1 vCPU あたり 1～6.5 GB で最大 80 GB、Composer 3 は 1 vCPU あたり 1～8 GB で最大 256 GB です):',
					),
				)
			: sh(
					updateEnvironment(
						env,
						`--worker-cpu=${(env.worker?.cpu ?? 1) * 2}`,
						`--worker-memory=${(env.worker?.memoryGb ?? 4) * 2}GB`,
					),
					t(
						'The worker has as much memory as its vCPUs allow, so both grow together (a separate update):',
						'このワーカーのメモリは vCPU に対する上限に達しているため、両方を増やします (別の更新操作として実行します):',
					),
				),
		hcl(
			[
				'# google_composer_environment > config > workloads_config',
				'worker {',
				`  cpu        = ${env.worker?.cpu ?? 1}`,
				`  memory_gb  = ${memoryGb}`,
				`  storage_gb = ${env.worker?.storageGb ?? 1}`,
				`  min_count  = ${env.worker?.minCount ?? 1}`,
				`  max_count  = ${env.worker?.maxCount ?? 3}`,
				'}',
				overridesBlock({ 'celery-worker_concurrency': String(concurrency) }),
			],
			t('The same in Terraform:', 'Terraform では次のとおりです:'),
		),
		say(
			t(
				'Both updates replace the workers: running tasks get 3600 s to end. Do them outside business runs. Keep worker_concurrency above expected tasks ÷ max_workers, or raise max_workers.',
				'どちらの更新でもワーカーが入れ替わり、実行中のタスクには 3600 秒の猶予が与えられます。業務の実行時間帯を避けてください。worker_concurrency は「想定タスク数 ÷ max_workers」より大きく保つか、max_workers を増やしてください。',
			),
		),
	];
	return forGeneration(context, {
		'composer-2': composer,
		'composer-3': composer,
		airflow: () => [
			ini(
				[`AIRFLOW__CELERY__WORKER_CONCURRENCY=${concurrency}`],
				t(
					'Fewer tasks at once in one Celery worker (upstream default 16), and restart the workers; or give their container a higher memory limit:',
					'1 台の Celery ワーカーで同時に動くタスクを減らし (既定値は 16)、ワーカーを再起動します。またはコンテナのメモリ上限を上げます:',
				),
			),
		],
	});
}

/** More ephemeral disk for each worker, within what the generation allows. */
export function moreStorage(context: FixContext): FixStep[] {
	const { env } = context;
	const t = inLang(context.lang);
	const grown = (limit: number): number => Math.min(limit, Math.max(10, Math.ceil((env.worker?.storageGb ?? 1) * 2)));
	return forGeneration(context, {
		'composer-2': () => [
			sh(
				updateEnvironment(env, `--worker-storage=${grown(LIMITS['composer-2'].storageGb)}GB`),
				t(
					'More disk for each worker (10 GB is the most on Composer 2):',
					'ワーカーのディスクを増やします (Composer 2 の上限は 10 GB です):',
				),
			),
		],
		'composer-3': () => [
			sh(
				updateEnvironment(env, `--worker-storage=${grown(LIMITS['composer-3'].storageGb)}GB`),
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
