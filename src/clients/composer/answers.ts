import { z } from 'zod';
import type { ComponentSize, Environment } from '../../domain/environment.ts';
import { mask } from '../../domain/mask.ts';
import type { ComposerPlace } from '../composer.ts';

const size = z.object({
	cpu: z.number().nullish(),
	memoryGb: z.number().nullish(),
	storageGb: z.number().nullish(),
	count: z.number().nullish(),
});
const worker = size.extend({ minCount: z.number().nullish(), maxCount: z.number().nullish() });
const words = z.record(z.string(), z.string().nullish());

/** environments.get, as much of it as is used. Source: Composer API v1. */
export const environmentAnswer = z.object({
	name: z.string(),
	state: z.string().nullish(),
	storageConfig: z.object({ bucket: z.string().nullish() }).nullish(),
	config: z
		.object({
			airflowUri: z.url({ protocol: /^https?$/ }).nullish(),
			dagGcsPrefix: z.string().nullish(),
			gkeCluster: z.string().nullish(),
			environmentSize: z.string().nullish(),
			nodeConfig: z.object({ serviceAccount: z.string().nullish() }).nullish(),
			softwareConfig: z
				.object({
					imageVersion: z.string().nullish(),
					airflowConfigOverrides: words.nullish(),
					envVariables: words.nullish(),
					pypiPackages: words.nullish(),
				})
				.nullish(),
			workloadsConfig: z
				.object({
					worker: worker.nullish(),
					scheduler: size.nullish(),
					dagProcessor: size.nullish(),
					triggerer: size.nullish(),
					webServer: size.nullish(),
				})
				.nullish(),
			privateEnvironmentConfig: z.object({ enablePrivateEnvironment: z.boolean().nullish() }).nullish(),
			dataRetentionConfig: z
				.object({ taskLogsRetentionConfig: z.object({ storageMode: z.string().nullish() }).nullish() })
				.nullish(),
			maintenanceWindow: z
				.object({ startTime: z.string().nullish(), endTime: z.string().nullish(), recurrence: z.string().nullish() })
				.nullish(),
		})
		.nullish(),
});
export type EnvironmentAnswer = z.output<typeof environmentAnswer>;

/** operations.get. */
export const operationAnswer = z.object({
	name: z.string(),
	error: z.object({ message: z.string().nullish() }).nullish(),
	metadata: z
		.object({
			state: z.string().nullish(),
			operationType: z.string().nullish(),
			resource: z.string().nullish(),
			createTime: z.string().nullish(),
			endTime: z.string().nullish(),
		})
		.nullish(),
});
export type OperationAnswer = z.output<typeof operationAnswer>;

/** operations.list. */
export const operationsAnswer = z.object({ operations: z.array(operationAnswer).nullish() });

/** environments.workloads.list. */
export const workloadsAnswer = z.object({
	workloads: z
		.array(
			z.object({
				name: z.string(),
				type: z.string().nullish(),
				status: z
					.object({
						state: z.string().nullish(),
						statusMessage: z.string().nullish(),
						detailedStatusMessage: z.string().nullish(),
					})
					.nullish(),
			}),
		)
		.nullish(),
	nextPageToken: z.string().nullish(),
});

/** `composer-3-airflow-3.1.7-build.7` → its generation and Airflow version. Source: the pattern of Terraform's provider. */
export function parseImageVersion(image: string): { generation: Environment['generation']; airflowVersion?: string } {
	const read = /^composer-(\d+)[\d.]*(?:-preview\.\d+)?-airflow-(\d+\.\d+\.\d+)/.exec(image);
	const generation = read?.[1] === '3' ? 'composer-3' : read?.[1] === '2' ? 'composer-2' : undefined;
	return read?.[2] === undefined ? { generation } : { generation, airflowVersion: read[2] };
}

export function toEnvironment(answer: EnvironmentAnswer, options: ComposerPlace): Environment {
	const config = answer.config;
	const software = config?.softwareConfig;
	const image = software?.imageVersion ?? undefined;
	const overrides = masked(software?.airflowConfigOverrides);
	const concurrency = Number(overrides['celery-worker_concurrency']);
	const workloads = config?.workloadsConfig;
	const worker = workloads?.worker;
	const bucket = answer.storageConfig?.bucket ?? config?.dagGcsPrefix?.match(/^gs:\/\/([^/]+)/)?.[1];
	const storage = config?.dataRetentionConfig?.taskLogsRetentionConfig?.storageMode;
	const window = config?.maintenanceWindow;
	return {
		...(image === undefined ? {} : parseImageVersion(image)),
		imageVersion: image,
		project: options.project,
		location: options.location,
		environment: options.name,
		serviceAccount: config?.nodeConfig?.serviceAccount ?? undefined,
		bucket: bucket ?? undefined,
		cluster: config?.gkeCluster?.split('/').at(-1) || undefined,
		airflowUri: config?.airflowUri ?? undefined,
		worker: worker
			? {
					cpu: worker.cpu ?? 0,
					memoryGb: worker.memoryGb ?? 0,
					storageGb: worker.storageGb ?? 0,
					minCount: worker.minCount ?? 1,
					maxCount: worker.maxCount ?? 1,
				}
			: undefined,
		workerConcurrency: Number.isFinite(concurrency) ? concurrency : undefined,
		scheduler: component(workloads?.scheduler, 1),
		dagProcessor: component(workloads?.dagProcessor, 1),
		// Protobuf's JSON leaves zeros out: a triggerer block without a count is switched off.
		triggerer: component(workloads?.triggerer, 0),
		webServer: component(workloads?.webServer, 1),
		size: sizeOf(config?.environmentSize),
		overrides,
		environmentVariables: Object.keys(software?.envVariables ?? {}),
		pypiPackages: masked(software?.pypiPackages),
		logsInBucket: storage ? storage === 'CLOUD_LOGGING_AND_CLOUD_STORAGE' : undefined,
		isPrivate: config?.privateEnvironmentConfig?.enablePrivateEnvironment ?? undefined,
		maintenanceWindow:
			window?.startTime && window.endTime
				? { start: window.startTime, end: window.endTime, recurrence: window.recurrence ?? '' }
				: undefined,
	};
}

function component(of: z.output<typeof size> | null | undefined, count: number): ComponentSize | undefined {
	if (!of) return undefined;
	return {
		cpu: of.cpu ?? 0,
		memoryGb: of.memoryGb ?? 0,
		...(of.storageGb == null ? {} : { storageGb: of.storageGb }),
		count: of.count ?? count,
	};
}

function sizeOf(told: string | null | undefined): Environment['size'] {
	const name = told
		?.replace(/^ENVIRONMENT_SIZE_/, '')
		.toLowerCase()
		.replaceAll('_', '-');
	return (['small', 'medium', 'large', 'extra-large'] as const).find((one) => one === name);
}

/** An override may hold a secret (`secrets-backend_kwargs`, `smtp-smtp_password`): its name says so, hence both are looked at together. */
function masked(pairs: z.output<typeof words> | null | undefined): Record<string, string> {
	return Object.fromEntries(
		Object.entries(pairs ?? {}).map(([name, value]) => [name, mask(`${name}=${value ?? ''}`).slice(name.length + 1)]),
	);
}
