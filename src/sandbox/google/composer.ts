import type { composer_v1 } from 'googleapis/build/src/apis/composer/v1.js';
import { z } from 'zod';
import { readPatch } from '../world/patch.ts';
import { invalid, notFound } from '../world/refusal.ts';
import { updateEnvironment } from '../world/updates.ts';
import type { ComposerEnvironment, LongOperation, Pod, World } from '../world/world.ts';
import { airflowCommands } from './airflow-command.ts';
import { restPage } from './pages.ts';
import type { Api, Ask } from './types.ts';

const PLACE = String.raw`projects/(?<project>[^/]+)/locations/(?<location>[^/:]+)`;
const NAMED = String.raw`${PLACE}/environments/(?<environment>[^/:]+)`;
const PAGES = ['pageSize', 'pageToken'] as const;

/** Composer API v1. */
export function composerApi(world: World): Api {
	const commands = airflowCommands(world);
	return {
		host: 'composer.googleapis.com',
		title: 'Cloud Composer API',
		routes: [
			{
				op: 'composer.environments.get',
				method: 'GET',
				path: new RegExp(`^/v1/${NAMED}$`),
				permission: 'composer.environments.get',
				handle: (ask) => describe(world, find(ask)),
			},
			{
				op: 'composer.environments.list',
				method: 'GET',
				path: new RegExp(`^/v1/${PLACE}/environments$`),
				params: PAGES,
				permission: 'composer.environments.list',
				handle({ at, query, mostPerPage }) {
					const all = [...world.environments.values()].filter(({ location }) => location === at['location']);
					const { page, ...rest } = restPage(all, query, mostPerPage);
					return {
						...(page.length > 0 && { environments: page.map((one) => describe(world, one)) }),
						...rest,
					} satisfies composer_v1.Schema$ListEnvironmentsResponse;
				},
			},
			{
				op: 'composer.environments.patch',
				method: 'PATCH',
				path: new RegExp(`^/v1/${NAMED}$`),
				params: ['updateMask'],
				// The act itself asks for the right, so that a refusal is in the audit log.
				handle(ask) {
					const environment = find(ask);
					const update = readPatch(environment, ask.query.get('updateMask') ?? '', ask.body);
					return describeOperation(world, updateEnvironment(world, ask.by, environment.name, update));
				},
			},
			{
				op: 'composer.environments.executeAirflowCommand',
				method: 'POST',
				path: new RegExp(`^/v1/${NAMED}:executeAirflowCommand$`),
				permission: 'composer.environments.executeAirflowCommand',
				handle: (ask) => commands.execute(find(ask), ask.body),
			},
			{
				op: 'composer.environments.pollAirflowCommand',
				method: 'POST',
				path: new RegExp(`^/v1/${NAMED}:pollAirflowCommand$`),
				permission: 'composer.environments.executeAirflowCommand',
				handle: (ask) => commands.poll(find(ask), ask.body),
			},
			{
				op: 'composer.operations.get',
				method: 'GET',
				path: new RegExp(`^/v1/${PLACE}/operations/(?<operation>[^/]+)$`),
				permission: 'composer.operations.get',
				handle({ at }) {
					const found = world.operations.find(
						({ id, location }) => id === at['operation'] && location === at['location'],
					);
					if (!found) throw notFound(`Operation '${at['operation']}' was not found.`);
					return describeOperation(world, found);
				},
			},
			{
				op: 'composer.operations.list',
				method: 'GET',
				path: new RegExp(`^/v1/${PLACE}/operations$`),
				params: [...PAGES, 'filter'],
				permission: 'composer.operations.list',
				handle({ at, query, mostPerPage }) {
					const wanted = operationFilter(query.get('filter') ?? '');
					const all = world.operations
						.filter((one) => one.location === at['location'])
						.map((one) => describeOperation(world, one))
						.filter(wanted)
						.reverse();
					const { page, ...rest } = restPage(all, query, mostPerPage);
					return {
						...(page.length > 0 && { operations: page }),
						...rest,
					} satisfies composer_v1.Schema$ListOperationsResponse;
				},
			},
			{
				op: 'composer.workloads.list',
				method: 'GET',
				path: new RegExp(`^/v1/${NAMED}/workloads$`),
				params: [...PAGES, 'filter'],
				permission: 'composer.environments.get',
				handle(ask) {
					const environment = find(ask);
					const wanted = workloadFilter(ask.query.get('filter') ?? '');
					const all = environment.pods.filter(({ type }) => wanted(type)).map(describePod);
					const { page, ...rest } = restPage(all, ask.query, ask.mostPerPage);
					return {
						...(page.length > 0 && { workloads: page }),
						...rest,
					} satisfies composer_v1.Schema$ListWorkloadsResponse;
				},
			},
		],
	};
}

function find({ world, at }: Ask): ComposerEnvironment {
	const found = world.environments.get(at['environment'] ?? '');
	if (found && found.location === at['location']) return found;
	throw notFound(
		`Resource 'projects/${at['project']}/locations/${at['location']}/environments/${at['environment']}' was not found.`,
	);
}

const time = (at: number): string => new Date(at).toISOString();

function describe(world: World, one: ComposerEnvironment): composer_v1.Schema$Environment {
	const { settings } = one;
	const { scheduler, webServer, worker, triggerer, dagProcessor } = settings.workloads;
	return {
		name: `projects/${world.project.id}/locations/${one.location}/environments/${one.name}`,
		uuid: one.uuid,
		state: one.state,
		createTime: time(one.createdAt),
		updateTime: time(one.updatedAt),
		...(Object.keys(settings.labels).length > 0 && { labels: settings.labels }),
		storageConfig: { bucket: one.bucket },
		config: {
			...(one.airflowUri !== undefined && { airflowUri: one.airflowUri }),
			...(one.cluster !== undefined && {
				gkeCluster: `projects/${world.project.id}/locations/${one.location}/clusters/${one.cluster}`,
			}),
			dagGcsPrefix: `gs://${one.bucket}/dags`,
			environmentSize: settings.environmentSize,
			nodeConfig: { serviceAccount: one.serviceAccount },
			softwareConfig: {
				imageVersion: settings.imageVersion,
				pythonVersion: '3',
				// Empty maps are left out, as in any message of Google's.
				...unlessEmpty('airflowConfigOverrides', settings.airflowConfigOverrides),
				...unlessEmpty('envVariables', settings.envVariables),
				...unlessEmpty('pypiPackages', settings.pypiPackages),
				...(one.generation === 'composer-3' && { webServerPluginsMode: 'PLUGINS_ENABLED' }),
			},
			workloadsConfig: {
				scheduler,
				webServer,
				worker,
				// A triggerer that is switched off is no triggerer.
				...(triggerer.count > 0 && { triggerer }),
				...(dagProcessor && { dagProcessor }),
			},
			privateEnvironmentConfig: { ...(one.generation === 'composer-2' && { privateClusterConfig: {} }) },
			webServerNetworkAccessControl: { allowedIpRanges: settings.allowedIpRanges },
			maintenanceWindow: settings.maintenanceWindow,
			dataRetentionConfig: { taskLogsRetentionConfig: { storageMode: settings.logStorage } },
		},
	} satisfies composer_v1.Schema$Environment;
}

const unlessEmpty = <K extends string>(key: K, map: Record<string, string>): { [Key in K]?: Record<string, string> } =>
	Object.keys(map).length > 0 ? ({ [key]: map } as { [Key in K]: Record<string, string> }) : {};

function describeOperation(world: World, one: LongOperation): composer_v1.Schema$Operation {
	const where = `projects/${world.project.id}/locations/${one.location}`;
	const resource = `${where}/environments/${one.environment}`;
	const environment = world.environments.get(one.environment);
	return {
		name: `${where}/operations/${one.id}`,
		metadata: {
			'@type': 'type.googleapis.com/google.cloud.orchestration.airflow.service.v1.OperationMetadata',
			state: one.state,
			operationType: one.type,
			resource,
			resourceUuid: environment?.uuid,
			createTime: time(one.startedAt),
			...(one.endedAt !== undefined && { endTime: time(one.endedAt) }),
		},
		...((one.state === 'SUCCEEDED' || one.state === 'FAILED') && { done: true }),
		...(one.error && { error: one.error }),
		...(one.state === 'SUCCEEDED' && {
			response: {
				'@type': 'type.googleapis.com/google.cloud.orchestration.airflow.service.v1.Environment',
				...(environment && describe(world, environment)),
			},
		}),
	} satisfies composer_v1.Schema$Operation;
}

function describePod({ name, type, state, message, detail }: Pod): composer_v1.Schema$ComposerWorkload {
	return {
		name,
		type,
		status: {
			state,
			...(message !== '' && { statusMessage: message }),
			...(detail !== '' && { detailedStatusMessage: detail }),
		},
	} satisfies composer_v1.Schema$ComposerWorkload;
}

/** `type=SCHEDULER OR type=CELERY_WORKER`: equality of the type is all it knows. */
function workloadFilter(filter: string): (type: string) => boolean {
	if (filter.trim() === '') return () => true;
	const types = filter.split(/\s+OR\s+/).map((term) => {
		const type = /^\s*type\s*=\s*"?([A-Z_]+)"?\s*$/.exec(term)?.[1];
		if (type === undefined || !TYPES.has(type)) throw invalid(`Invalid filter: ${filter}`, 'filter');
		return type;
	});
	return (type) => types.includes(type);
}
const TYPES = new Set([
	'CELERY_WORKER',
	'KUBERNETES_WORKER',
	'KUBERNETES_OPERATOR_POD',
	'SCHEDULER',
	'DAG_PROCESSOR',
	'TRIGGERER',
	'WEB_SERVER',
	'REDIS',
]);

const metadata = z.object({
	metadata: z.object({ state: z.string(), operationType: z.string(), resource: z.string() }),
});

/** `metadata.state=RUNNING AND metadata.resource="projects/…"`. */
function operationFilter(filter: string): (operation: object) => boolean {
	if (filter.trim() === '') return () => true;
	const terms = filter.split(/\s+AND\s+/).map((term) => {
		const [, field, value] =
			/^\s*(?:metadata\.)?(state|operationType|resource)\s*[=:]\s*"?([^"]+?)"?\s*$/.exec(term) ?? [];
		if (field === undefined || value === undefined) throw invalid(`Invalid filter: ${filter}`, 'filter');
		return { field: field as 'state' | 'operationType' | 'resource', value };
	});
	return (operation) => {
		const read = metadata.safeParse(operation);
		return read.success && terms.every(({ field, value }) => read.data.metadata[field] === value);
	};
}
