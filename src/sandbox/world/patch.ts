import { z } from 'zod';
import { foundProblems, type Update, type UpdateKind } from './updates.ts';
import { GoogleRefusal } from './refusal.ts';
import type { ComposerEnvironment, JsonObject, Settings } from './types.ts';

/** Fields one may update: path → which kind of update it is, and whether single keys of it may be named. */
const PATHS: Readonly<Record<string, { kind: UpdateKind; keys?: boolean }>> = {
	labels: { kind: 'labels', keys: true },
	'config.softwareConfig.imageVersion': { kind: 'imageVersion' },
	'config.softwareConfig.airflowConfigOverrides': { kind: 'airflowConfigOverrides', keys: true },
	'config.softwareConfig.envVariables': { kind: 'envVariables', keys: true },
	'config.softwareConfig.pypiPackages': { kind: 'pypiPackages', keys: true },
	'config.workloadsConfig': { kind: 'workloads' },
	'config.environmentSize': { kind: 'environmentSize' },
	'config.maintenanceWindow': { kind: 'maintenanceWindow' },
	'config.webServerNetworkAccessControl': { kind: 'allowedIpRanges' },
	'config.dataRetentionConfig.taskLogsRetentionConfig.storageMode': { kind: 'logStorage' },
};

const map = z.record(z.string(), z.string());
const size = { cpu: z.number(), memoryGb: z.number() };
const withDisk = { ...size, storageGb: z.number() };
const count = z.number().int();

/** The part of `Environment` that can be written. Unknown fields are refused, as Google's JSON reader does. */
const body = z.strictObject({
	name: z.string().optional(),
	labels: map.optional(),
	config: z
		.strictObject({
			softwareConfig: z
				.strictObject({
					imageVersion: z.string().optional(),
					airflowConfigOverrides: map.optional(),
					envVariables: map.optional(),
					pypiPackages: map.optional(),
				})
				.optional(),
			workloadsConfig: z
				.strictObject({
					scheduler: z.strictObject({ ...withDisk, count }).optional(),
					webServer: z.strictObject(withDisk).optional(),
					worker: z.strictObject({ ...withDisk, minCount: count, maxCount: count }).optional(),
					triggerer: z.strictObject({ ...size, count }).optional(),
					dagProcessor: z.strictObject({ ...withDisk, count }).optional(),
				})
				.optional(),
			environmentSize: z
				.enum([
					'ENVIRONMENT_SIZE_SMALL',
					'ENVIRONMENT_SIZE_MEDIUM',
					'ENVIRONMENT_SIZE_LARGE',
					'ENVIRONMENT_SIZE_EXTRA_LARGE',
				])
				.optional(),
			maintenanceWindow: z
				.strictObject({
					startTime: z.iso.datetime({ offset: true }),
					endTime: z.iso.datetime({ offset: true }),
					recurrence: z.string(),
				})
				.optional(),
			webServerNetworkAccessControl: z
				.strictObject({
					allowedIpRanges: z.array(z.strictObject({ value: z.string(), description: z.string().default('') })),
				})
				.optional(),
			dataRetentionConfig: z
				.strictObject({
					taskLogsRetentionConfig: z.strictObject({
						storageMode: z.enum(['CLOUD_LOGGING_AND_CLOUD_STORAGE', 'CLOUD_LOGGING_ONLY']),
					}),
				})
				.optional(),
		})
		.optional(),
});
type Body = z.output<typeof body>;

/**
 * A PATCH as the Composer API reads it: `mask` with commas between its paths, `json` an `Environment`. A map that the mask
 * names and the body leaves out is cleared; a key likewise. Throws GoogleRefusal.
 */
export function readPatch(environment: ComposerEnvironment, mask: string, json: unknown): Update {
	const read = body.safeParse(json ?? {});
	if (!read.success) throw new GoogleRefusal('INVALID_ARGUMENT', payloadProblem(read.error));
	const paths = mask
		.split(',')
		.map((path) => path.trim())
		.filter(Boolean);
	if (paths.length === 0) throw foundProblems(['Request must not contain an empty update_mask.']);
	const named = paths.map(findPath);
	const unknown = named.flatMap((one) => (typeof one === 'string' ? [`Unsupported update_mask path: ${one}.`] : []));
	if (unknown.length > 0) throw foundProblems(unknown);
	const found = named.filter((one) => typeof one !== 'string');
	const kinds = [...new Set(found.map(({ kind }) => kind))];
	const [kind] = kinds;
	if (kind === undefined || kinds.length > 1)
		throw foundProblems([
			`Only one type of update may be specified in update_mask, found: ${found.map(({ path }) => path).join(', ')}.`,
		]);
	if (found.some(({ key }) => key === undefined) && found.some(({ key }) => key !== undefined))
		throw foundProblems(['update_mask must not contain both a map and single keys of it.']);
	const keys = found.flatMap(({ key }) => key ?? []);
	return {
		kind,
		wanted: apply(environment, kind, keys, read.data),
		mask: paths,
		request: { updateMask: paths.join(','), environment: z.json().parse(json ?? {}) } satisfies JsonObject,
	};
}

type Found = { path: string; kind: UpdateKind; key: string | undefined };

/** `config.WorkloadsConfig` (as Terraform writes it) and `config.workloads_config` are the same path. A string: no such path. */
function findPath(path: string): Found | string {
	const camel = path
		.split('.')
		.map((part) =>
			part
				.replace(/^[A-Z]/, (first) => first.toLowerCase())
				.replace(/_([a-z])/g, (_, next: string) => next.toUpperCase()),
		)
		.join('.');
	for (const [known, { kind, keys }] of Object.entries(PATHS)) {
		if (camel === known) return { path, kind, key: undefined };
		// A key keeps its own spelling: it may have dots, capitals and underscores.
		if (keys && camel.startsWith(`${known}.`))
			return { path, kind, key: path.split('.').slice(known.split('.').length).join('.') };
	}
	return path;
}

function apply(environment: ComposerEnvironment, kind: UpdateKind, keys: readonly string[], wanted: Body): Settings {
	const { settings } = environment;
	const config = wanted.config ?? {};
	const maps = {
		labels: wanted.labels,
		airflowConfigOverrides: config.softwareConfig?.airflowConfigOverrides,
		envVariables: config.softwareConfig?.envVariables,
		pypiPackages: config.softwareConfig?.pypiPackages,
	};
	switch (kind) {
		case 'labels':
		case 'airflowConfigOverrides':
		case 'envVariables':
		case 'pypiPackages': {
			const given = maps[kind] ?? {};
			if (keys.length === 0) return { ...settings, [kind]: given };
			const kept = Object.entries(settings[kind]).filter(([key]) => !keys.includes(key));
			return {
				...settings,
				[kind]: Object.fromEntries([...kept, ...Object.entries(given).filter(([key]) => keys.includes(key))]),
			};
		}
		case 'workloads': {
			const given = need(config.workloadsConfig, 'config.workloadsConfig');
			// What is left out is written as nothing at all, which no component can be; hence gcloud and Terraform send the whole.
			const { scheduler, webServer, worker, triggerer, dagProcessor } = given;
			const lacking = [
				...(scheduler ? [] : ['scheduler']),
				...(webServer ? [] : ['web_server']),
				...(worker ? [] : ['worker']),
				...(dagProcessor || environment.generation === 'composer-2' ? [] : ['dag_processor']),
			];
			if (!scheduler || !webServer || !worker || lacking.length > 0)
				throw foundProblems(lacking.map((part) => `config.workloads_config.${part} must be set.`));
			if (dagProcessor && environment.generation === 'composer-2')
				throw foundProblems(['config.workloads_config.dag_processor is supported in Composer 3 only.']);
			return {
				...settings,
				workloads: {
					scheduler,
					webServer,
					worker,
					triggerer: triggerer ?? { ...settings.workloads.triggerer, count: 0 },
					...(dagProcessor && { dagProcessor }),
				},
			};
		}
		case 'imageVersion': {
			const image = need(config.softwareConfig?.imageVersion, 'config.softwareConfig.imageVersion');
			if (!/^composer-(\d+)(\.\d+\.\d+)?-airflow-\d+\.\d+\.\d+(-build\.\d+)?$/.test(image))
				throw foundProblems([`Image version ${image} is not valid.`]);
			if (!image.startsWith(environment.generation))
				throw foundProblems([
					`Environment cannot be upgraded to ${image}: the major version of Composer must not change.`,
				]);
			return { ...settings, imageVersion: image };
		}
		case 'environmentSize':
			return { ...settings, environmentSize: need(config.environmentSize, 'config.environmentSize') };
		case 'maintenanceWindow':
			return { ...settings, maintenanceWindow: need(config.maintenanceWindow, 'config.maintenanceWindow') };
		case 'allowedIpRanges':
			return { ...settings, allowedIpRanges: config.webServerNetworkAccessControl?.allowedIpRanges ?? [] };
		default:
			return {
				...settings,
				logStorage: need(
					config.dataRetentionConfig?.taskLogsRetentionConfig.storageMode,
					'config.dataRetentionConfig.taskLogsRetentionConfig.storageMode',
				),
			};
	}
}

function need<T>(value: T | undefined, path: string): T {
	if (value === undefined) throw foundProblems([`${path} must be set.`]);
	return value;
}

function payloadProblem(error: z.ZodError): string {
	const issue = error.issues[0];
	const at = ['environment', ...(issue?.path ?? [])].join('.');
	return issue?.code === 'unrecognized_keys'
		? `Invalid JSON payload received. Unknown name "${issue.keys[0]}" at '${at}': Cannot find field.`
		: `Invalid value at '${at}': ${issue?.message ?? 'not understood'}`;
}
