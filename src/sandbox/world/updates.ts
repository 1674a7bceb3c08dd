import { isDeepStrictEqual } from 'node:util';
import { illegal } from '../../scaling/sizes.ts';
import { mustChange, writeAudit, type Audited } from './audit.ts';
import { agentOf, resourceOf, startPods, uuidOf, writeLine } from './environments.ts';
import { may } from './may.ts';
import { errorInfo, GoogleRefusal, notFound } from './refusal.ts';
import type { ComposerEnvironment, JsonObject, LongOperation, PodType, Settings } from './types.ts';
import type { World } from './world.ts';

/** One kind of update: what may be changed together in a request. */
export type UpdateKind = keyof Settings;

/** What a patch asks for, already read and checked for its form: the settings as they would be. */
export type Update = { kind: UpdateKind; wanted: Settings; mask: readonly string[]; request: JsonObject };

/** These replace the pods of Airflow; the other kinds leave running tasks alone. Source: scaling.md, section 8. */
const REPLACES: Readonly<Partial<Record<UpdateKind, readonly PodType[]>>> = {
	imageVersion: ['CELERY_WORKER', 'SCHEDULER', 'TRIGGERER', 'DAG_PROCESSOR', 'WEB_SERVER'],
	airflowConfigOverrides: ['CELERY_WORKER', 'SCHEDULER', 'TRIGGERER', 'DAG_PROCESSOR', 'WEB_SERVER'],
	envVariables: ['CELERY_WORKER', 'SCHEDULER', 'TRIGGERER', 'DAG_PROCESSOR', 'WEB_SERVER'],
	pypiPackages: ['CELERY_WORKER', 'SCHEDULER', 'TRIGGERER', 'DAG_PROCESSOR', 'WEB_SERVER'],
};

/**
 * Begins an update: the environment is UPDATING until `world.updateMs` later, when the change is made or fails; until then
 * nothing of it is to be seen and no second update is taken. Throws GoogleRefusal.
 */
export function updateEnvironment(world: World, by: string, name: string, update: Update): LongOperation {
	const environment = world.environments.get(name);
	if (!environment) throw notFound(`Environment ${name} was not found.`);
	world.tick();
	const call = updateCall(world, by, environment, update.request);
	mustChange(world, { kind: 'project' }, call);
	const refuse = (refusal: GoogleRefusal, about: Partial<Audited> = {}): GoogleRefusal => {
		writeAudit(world, { ...call, ...about, status: { code: refusal.grpc, message: refusal.message } });
		return refusal;
	};
	// Whoever lets code of the environment run anew lets it run as that account.
	if (
		touchesAirflow(update.kind) &&
		!may(world, by, ACT_AS, { kind: 'serviceAccount', email: environment.serviceAccount })
	)
		throw refuse(mayNotActAs(environment.serviceAccount), { permission: ACT_AS, granted: false });
	const problems = problemsOf(environment, update);
	if (problems.length > 0) throw refuse(foundProblems(problems));
	if (environment.state !== 'RUNNING')
		throw refuse(
			new GoogleRefusal(
				'FAILED_PRECONDITION',
				`Cannot update environment ${name}: it is in state ${environment.state}, and must be in state RUNNING.`,
			),
		);
	if (isDeepStrictEqual(environment.settings, update.wanted))
		throw refuse(foundProblems(['No change in configuration.']));

	const startedAt = world.now();
	const operation: LongOperation = {
		id: uuidOf(`${environment.uuid} ${world.operations.length}`),
		location: environment.location,
		environment: name,
		type: 'UPDATE',
		state: 'RUNNING',
		startedAt,
		dueAt: startedAt + world.updateMs,
		by,
		settle: () => settle(world, environment, update, call, operation),
	};
	environment.state = 'UPDATING';
	world.operations.push(operation);
	writeAudit(world, { ...call, operation: { id: operation.id, first: true } });
	world.tell({ what: 'operation-started', operation });
	return operation;
}

function settle(
	world: World,
	environment: ComposerEnvironment,
	update: Update,
	call: Audited,
	operation: LongOperation,
): { code: number; message: string } | undefined {
	const end = { ...call, at: operation.dueAt, operation: { id: operation.id, last: true } };
	// Disabling the API meanwhile left it in ERROR for good.
	if (environment.state === 'UPDATING') environment.state = 'RUNNING';
	environment.updatedAt = operation.dueAt;
	const failed =
		missingRoles(world, environment, update) ??
		world.updateChecks.map((check) => check({ world, environment, wanted: update.wanted })).find((one) => one);
	if (failed) {
		writeAudit(world, { ...end, status: failed });
		return failed;
	}
	const before = environment.settings;
	environment.settings = update.wanted;
	const types = new Set<PodType>(
		REPLACES[update.kind] ?? (update.kind === 'workloads' ? resized(before, update.wanted) : []),
	);
	if (types.size > 0) {
		const gone = startPods(world, environment, operation.dueAt, types);
		for (const pod of gone)
			if (pod.type === 'CELERY_WORKER')
				writeLine(world, environment, 'airflow-worker', 'worker: Warm shutdown (MainProcess)', {
					labels: { worker_id: pod.name, process: 'celery' },
					at: operation.dueAt,
				});
		world.tell({ what: 'pods-replaced', environment, gone });
	} else if (update.kind === 'workloads') fitWorkers(world, environment, operation.dueAt);
	writeAudit(world, end);
	return undefined;
}

/** Pods of a component whose vCPU, memory or storage changed, or of which there are more or fewer; workers scale by themselves. */
function resized({ workloads: before }: Settings, { workloads: after }: Settings): PodType[] {
	const size = (part: { cpu: number; memoryGb: number; storageGb?: number; count?: number } | undefined) =>
		part && [part.cpu, part.memoryGb, part.storageGb, part.count];
	const parts: [PodType, keyof Settings['workloads']][] = [
		['SCHEDULER', 'scheduler'],
		['CELERY_WORKER', 'worker'],
		['TRIGGERER', 'triggerer'],
		['DAG_PROCESSOR', 'dagProcessor'],
		['WEB_SERVER', 'webServer'],
	];
	return parts.filter(([, part]) => !isDeepStrictEqual(size(before[part]), size(after[part]))).map(([type]) => type);
}

/** Other bounds only: the workers there are stay, as far as the bounds allow. */
function fitWorkers(world: World, environment: ComposerEnvironment, at: number): void {
	const workers = environment.pods.filter(({ type }) => type === 'CELERY_WORKER');
	const { minCount, maxCount } = environment.settings.workloads.worker;
	if (workers.length < minCount || workers.length > maxCount) {
		const gone = startPods(world, environment, at, new Set<PodType>(['CELERY_WORKER']));
		world.tell({ what: 'pods-replaced', environment, gone });
	}
}

/**
 * The seed's first trap: an update reaches Airflow only through the environment's account, Composer's agent and (Composer 2)
 * the agent's right to bind Kubernetes accounts. Without them the agent never answers.
 */
function missingRoles(
	world: World,
	environment: ComposerEnvironment,
	{ kind }: Update,
): { code: number; message: string } | undefined {
	if (!touchesAirflow(kind)) return undefined;
	const agent = agentOf(world);
	const sa = environment.serviceAccount;
	const account = { kind: 'serviceAccount', email: sa } as const;
	if (!may(world, agent, 'container.clusters.update') && !may(world, agent, 'cloudsql.instances.update'))
		return {
			code: 9,
			message:
				'Cloud Composer API Service Agent role is missing. Please bind roles/composer.serviceAgent back on ' +
				`serviceAccount:${agent} in project ${world.project.id}.`,
		};
	if (environment.generation === 'composer-2' && !may(world, agent, 'iam.serviceAccounts.setIamPolicy', account))
		return {
			code: 9,
			message:
				'Cloud Composer v2 API Service Agent Extension role might be missing on the service account ' +
				`${sa}: "Required permission iam.serviceAccounts.setIamPolicy", failedPrecondition`,
		};
	const needs = [
		'logging.logEntries.create',
		'storage.objects.get',
		...(kind === 'pypiPackages' || kind === 'imageVersion'
			? ['cloudbuild.builds.create', 'artifactregistry.repositories.uploadArtifacts']
			: []),
	];
	if (needs.every((permission) => may(world, sa, permission))) return undefined;
	return {
		code: 4,
		message:
			'Composer Backend timed out. Currently running tasks are [stage: CP_COMPOSER_AGENT_RUNNING\n' +
			'description: "No agent response published."\n' +
			`response_timestamp {\n  seconds: ${Math.floor(world.now() / 1000)}\n}\n].`,
	};
}

const touchesAirflow = (kind: UpdateKind): boolean =>
	REPLACES[kind] !== undefined || kind === 'workloads' || kind === 'environmentSize';

const ACT_AS = 'iam.serviceAccounts.actAs';
const mayNotActAs = (account: string): GoogleRefusal =>
	new GoogleRefusal(
		'PERMISSION_DENIED',
		`User not authorized to act as service account '${account}'. The user must be granted iam.serviceAccounts.actAs permission, included in, for example, the roles/iam.serviceAccountUser role. See https://cloud.google.com/iam/docs/service-accounts-actas for additional details.`,
		[errorInfo('IAM_PERMISSION_DENIED', 'iam.googleapis.com', { permission: ACT_AS })],
	);

/** Composer counts what is wrong with a request, and names all of it. */
export const foundProblems = (problems: readonly string[]): GoogleRefusal =>
	new GoogleRefusal(
		'INVALID_ARGUMENT',
		`Found ${problems.length} problem${problems.length === 1 ? '' : 's'}:\n${problems.map((one, nth) => `\t${nth + 1}) ${one}`).join('\n')}`,
	);

/** Options one may not set. Source: docs.cloud.google.com/composer/docs/airflow-configurations; scaling.md, section 3. */
const BLOCKED = new Set(['celery-worker_autoscale', 'core-dags_folder', 'core-executor', 'database-sql_alchemy_conn']);

function problemsOf(environment: ComposerEnvironment, { kind, wanted }: Update): string[] {
	if (kind === 'airflowConfigOverrides')
		return Object.entries(wanted.airflowConfigOverrides).flatMap(([key, value]) => {
			if (!/^[a-z_]+-[A-Za-z0-9_]+$/.test(key))
				return [`Error validating key ${key}. Keys must be of the form section-name.`];
			if (BLOCKED.has(key)) return [`Airflow configuration property ${key} is blocked.`];
			if (key !== 'celery-worker_concurrency' || environment.generation !== 'composer-3') return [];
			const count = Number(value);
			return Number.isInteger(count) && count >= 1 && count <= 24
				? []
				: [`celery-worker_concurrency must be a number between 1 and 24, is ${value}.`];
		});
	if (kind === 'pypiPackages')
		return Object.entries(wanted.pypiPackages).flatMap(([key, value]) =>
			/^[a-z0-9]([a-z0-9._-]*[a-z0-9])?$/.test(key) && /^(\[[^\]]*\])?\s*([<>=!~]=?.*)?$/.test(value)
				? []
				: [
						`Error validating key ${key}${value}. PyPI dependency name is not formatted properly. It must be lowercase and follow the format of 'identifier' specified in PEP-508.`,
					],
		);
	if (kind === 'envVariables')
		return Object.keys(wanted.envVariables).flatMap((key) =>
			/^[a-zA-Z_][a-zA-Z0-9_]*$/.test(key) && !/^(AIRFLOW__|GCS_BUCKET$|GCP_PROJECT$|COMPOSER_|HOME$|PATH$)/.test(key)
				? []
				: [`Environment variable ${key} is reserved or not a valid name.`],
		);
	if (kind === 'workloads') return sizeProblems(environment, wanted);
	return [];
}

function sizeProblems({ generation }: ComposerEnvironment, { workloads }: Settings): string[] {
	const { worker, scheduler, triggerer, webServer, dagProcessor } = workloads;
	const parts = [
		['worker', { ...worker, count: [worker.minCount, worker.maxCount] }],
		['scheduler', { ...scheduler, count: [scheduler.count] }],
		['triggerer', { ...triggerer, count: [triggerer.count] }],
		['webServer', webServer],
		...(dagProcessor ? ([['dagProcessor', { ...dagProcessor, count: [dagProcessor.count] }]] as const) : []),
	] as const;
	return [
		...parts.flatMap(([part, size]) =>
			// A triggerer that is switched off has no size.
			part === 'triggerer' && triggerer.count === 0
				? []
				: illegal(generation, part, size).map((wrong) => `config.workloads_config.${part}: ${wrong} is not allowed.`),
		),
		...(worker.minCount > worker.maxCount
			? ['config.workloads_config.worker: min_count must not be above max_count.']
			: []),
	];
}

function updateCall(world: World, by: string, environment: ComposerEnvironment, request: JsonObject): Audited {
	return {
		by,
		service: 'composer.googleapis.com',
		method: 'google.cloud.orchestration.airflow.service.v1.Environments.UpdateEnvironment',
		resourceName: `projects/${world.project.id}/locations/${environment.location}/environments/${environment.name}`,
		resource: resourceOf(world, environment),
		permission: 'composer.environments.update',
		request: {
			'@type': 'type.googleapis.com/google.cloud.orchestration.airflow.service.v1.UpdateEnvironmentRequest',
			...request,
		},
	};
}
