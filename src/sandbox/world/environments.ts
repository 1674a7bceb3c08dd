import { createHash } from 'node:crypto';
import { give, newPolicy } from './policy.ts';
import type {
	ComposerEnvironment,
	LongOperation,
	NewEntry,
	Pod,
	PodType,
	ServiceAccount,
	Settings,
	Severity,
} from './types.ts';
import type { World } from './world.ts';

const DAY = 24 * 60 * 60_000;

export type NewEnvironment = {
	name: string;
	/** Default: europe-west1. */
	location?: string;
	/** `composer-3-airflow-3.1.7-build.7`. */
	imageVersion: string;
	airflowUri: string | undefined;
	/** E-mail; an account of that name is made. Default: `composer-NAME@PROJECT.iam.gserviceaccount.com`. */
	serviceAccount?: string;
	/** Over the defaults of its generation. */
	settings?: Partial<Settings>;
	/** Default: 90 days ago. */
	createdAt?: number;
};

/**
 * A healthy Composer environment with all that Google makes beside it: service account, bucket, pods, on Composer 2 a
 * cluster, and every binding that Composer needs.
 */
export function addEnvironment(world: World, wanted: NewEnvironment): ComposerEnvironment {
	const { name, location = 'europe-west1', imageVersion, airflowUri } = wanted;
	const generation = imageVersion.startsWith('composer-2') ? 'composer-2' : 'composer-3';
	const { id: project, number } = world.project;
	const email = wanted.serviceAccount ?? `composer-${name}@${project}.iam.gserviceaccount.com`;
	const createdAt = wanted.createdAt ?? world.now() - 90 * DAY;
	const hash = digest(`${project}/${location}/${name}`, 8);
	const stem = `${location}-${name}-${hash}`;
	const environment: ComposerEnvironment = {
		name,
		location,
		uuid: uuidOf(stem),
		generation,
		state: airflowUri === undefined ? 'CREATING' : 'RUNNING',
		createdAt,
		updatedAt: createdAt + 25 * 60_000,
		settings: { ...defaults(generation, imageVersion), ...wanted.settings },
		serviceAccount: email,
		bucket: `${stem}-bucket`,
		...(generation === 'composer-2' && { cluster: `${stem}-gke` }),
		airflowUri,
		pods: [],
	};
	world.environments.set(name, environment);
	addAccount(world, email, `Composer ${name}`);
	world.buckets.set(environment.bucket, {
		name: environment.bucket,
		location: location.toUpperCase(),
		policy: newPolicy(),
		objects: new Map(),
	});

	const sa = `serviceAccount:${email}`;
	const agent = `serviceAccount:${agentOf(world)}`;
	give(world, { kind: 'project' }, 'roles/composer.worker', sa);
	give(world, { kind: 'project' }, 'roles/composer.serviceAgent', agent);
	give(world, { kind: 'project' }, 'roles/editor', `serviceAccount:${number}@cloudservices.gserviceaccount.com`);
	const bucket = { kind: 'bucket', name: environment.bucket } as const;
	give(world, bucket, 'roles/storage.objectAdmin', sa);
	give(world, bucket, 'roles/storage.legacyBucketOwner', `projectEditor:${project}`, `projectOwner:${project}`);
	if (environment.cluster !== undefined) {
		const own = `${imageVersion.replaceAll('.', '-')}-${hash}`;
		addCluster(world, environment.cluster, location, [own, 'composer-system', 'composer-user-workloads'], email);
		const account = { kind: 'serviceAccount', email } as const;
		give(world, account, 'roles/composer.ServiceAgentV2Ext', agent);
		give(
			world,
			account,
			'roles/iam.workloadIdentityUser',
			...[
				`${own}/default`,
				'composer-system/default',
				'composer-system/custom-metrics-stackdriver-adapter',
				'composer-user-workloads/default',
			].map((ksa) => `serviceAccount:${project}.svc.id.goog[${ksa}]`),
		);
	}
	if (airflowUri !== undefined) startPods(world, environment, createdAt);
	addOperation(world, environment, {
		type: 'CREATE',
		startedAt: createdAt,
		...(airflowUri !== undefined && { endedAt: createdAt + 25 * 60_000 }),
	});
	return environment;
}

/** An operation of the past, or one that never ends by itself (`endedAt` left out); with an error it failed. */
export function addOperation(
	world: World,
	{ location, name, uuid }: ComposerEnvironment,
	one: Pick<LongOperation, 'type' | 'startedAt' | 'endedAt' | 'error'>,
): LongOperation {
	const operation: LongOperation = {
		id: uuidOf(`${uuid} ${world.operations.length}`),
		location,
		environment: name,
		state: one.endedAt === undefined ? 'RUNNING' : one.error ? 'FAILED' : 'SUCCEEDED',
		dueAt: one.endedAt ?? Infinity,
		by: `owner@${world.project.id}.example`,
		settle: () => undefined,
		...one,
	};
	world.operations.push(operation);
	return operation;
}

/** Composer's service agent, who carries out every change of an environment. */
export const agentOf = (world: World): string =>
	`service-${world.project.number}@cloudcomposer-accounts.iam.gserviceaccount.com`;

/** A service account of this project; an existing one stays as it is. */
export function addAccount(world: World, email: string, displayName = ''): ServiceAccount {
	const known = world.accounts.get(email);
	if (known) return known;
	const account = { email, uniqueId: numberOf(email), displayName, disabled: false, policy: newPolicy() };
	world.accounts.set(email, account);
	return account;
}

/** A person or a program that calls with this access token; the roles are given on the project. */
export function addCaller(world: World, token: string, email: string, roles: readonly string[] = []): void {
	world.callers.set(token, email);
	if (email.endsWith(`@${world.project.id}.iam.gserviceaccount.com`)) addAccount(world, email);
	const member = `${email.endsWith('.gserviceaccount.com') ? 'serviceAccount' : 'user'}:${email}`;
	for (const role of roles) give(world, { kind: 'project' }, role, member);
}

function addCluster(world: World, name: string, location: string, namespaces: readonly string[], email: string): void {
	world.clusters.set(name, {
		name,
		location,
		namespaces: new Map(
			namespaces.map((namespace) => [
				namespace,
				{
					accounts: new Map<string, string | undefined>([
						['default', email],
						...(namespace === 'composer-system' ? [['custom-metrics-stackdriver-adapter', email] as const] : []),
					]),
					secrets: new Map(),
					configMaps: new Map(),
				},
			]),
		),
		nodes: [1, 2, 3].map((nth) => ({
			name: `gk3-${name.slice(0, 24)}-nap-${digest(`${name} node ${nth}`, 8)}`,
			cpu: 4,
			memoryGb: 16,
			freeCpu: 2.5,
			freeMemoryGb: 9,
		})),
	});
}

/** Ends the pods that are there and starts as many as the settings ask for; workers: as many as there were, within their bounds. */
export function startPods(
	world: World,
	environment: ComposerEnvironment,
	at: number,
	types: ReadonlySet<PodType> = ALL_PODS,
): Pod[] {
	const { workloads } = environment.settings;
	const gone = environment.pods.filter(({ type }) => types.has(type));
	const before = gone.filter(({ type }) => type === 'CELERY_WORKER').length;
	const { minCount, maxCount } = workloads.worker;
	const counts: [PodType, number][] = [
		['SCHEDULER', workloads.scheduler.count],
		['CELERY_WORKER', Math.min(maxCount, Math.max(minCount, before))],
		['TRIGGERER', workloads.triggerer.count],
		['DAG_PROCESSOR', workloads.dagProcessor?.count ?? 0],
		['WEB_SERVER', 1],
		['REDIS', 1],
	];
	environment.pods = environment.pods.filter(({ type }) => !types.has(type));
	for (const [type, count] of counts)
		if (types.has(type)) for (let nth = 0; nth < count; nth++) addPod(world, environment, type, at);
	return gone;
}

const ALL_PODS: ReadonlySet<PodType> = new Set<PodType>([
	'CELERY_WORKER',
	'SCHEDULER',
	'TRIGGERER',
	'DAG_PROCESSOR',
	'WEB_SERVER',
	'REDIS',
]);

const POD_NAMES: Readonly<Record<PodType, string>> = {
	CELERY_WORKER: 'airflow-worker',
	KUBERNETES_WORKER: 'airflow-k8s-worker',
	KUBERNETES_OPERATOR_POD: 'airflow-k8s-operator',
	SCHEDULER: 'airflow-scheduler',
	DAG_PROCESSOR: 'airflow-dag-processor',
	TRIGGERER: 'airflow-triggerer',
	WEB_SERVER: 'airflow-webserver',
	REDIS: 'airflow-redis-0',
};

let made = 0;
export function addPod(world: World, environment: ComposerEnvironment, type: PodType, at = world.now()): Pod {
	const stem = POD_NAMES[type];
	// Unique over all environments, as the names Kubernetes draws.
	const drawn = digest(`${environment.uuid} ${type} ${at} ${made++}`, 15);
	const tail = type === 'CELERY_WORKER' ? drawn.slice(0, 5) : `${drawn.slice(0, 10)}-${drawn.slice(10)}`;
	const pod: Pod = {
		name: type === 'REDIS' ? stem : `${stem}-${tail}`,
		type,
		state: 'OK',
		message: '',
		detail: '',
		startedAt: at,
		restarts: 0,
	};
	environment.pods.push(pod);
	return pod;
}

/** The monitored resource of everything an environment logs. */
export function resourceOf(world: World, { location, name }: ComposerEnvironment): NewEntry['resource'] {
	return {
		type: 'cloud_composer_environment',
		labels: { project_id: world.project.id, location, environment_name: name },
	};
}

/** One line of a component. `log`: `airflow-worker`, `airflow-scheduler`, `dag-processor-manager`, `composer-agent` … */
export function writeLine(
	world: World,
	environment: ComposerEnvironment,
	log: string,
	text: string,
	{
		severity = 'INFO',
		labels = {},
		at,
		visibleAt,
	}: { severity?: Severity; labels?: Readonly<Record<string, string>>; at?: number; visibleAt?: number } = {},
): void {
	world.log.write({
		log,
		resource: resourceOf(world, environment),
		labels,
		severity,
		text,
		...(at !== undefined && { at }),
		...(visibleAt !== undefined && { visibleAt }),
	});
}

/** Starting points of Terraform's examples, with the web server that Composer 3 asks for since April 2025. */
function defaults(generation: ComposerEnvironment['generation'], imageVersion: string): Settings {
	const memoryGb = generation === 'composer-2' ? 1.875 : 2;
	return {
		imageVersion,
		airflowConfigOverrides: {},
		envVariables: {},
		pypiPackages: {},
		workloads: {
			scheduler: { cpu: 0.5, memoryGb, storageGb: 1, count: 1 },
			webServer:
				generation === 'composer-2' ? { cpu: 0.5, memoryGb, storageGb: 1 } : { cpu: 1, memoryGb: 4, storageGb: 1 },
			worker: { cpu: 0.5, memoryGb, storageGb: 1, minCount: 1, maxCount: 3 },
			triggerer: { cpu: 0.5, memoryGb: generation === 'composer-2' ? 0.5 : 1, count: 1 },
			...(generation === 'composer-3' && { dagProcessor: { cpu: 1, memoryGb: 4, storageGb: 1, count: 1 } }),
		},
		environmentSize: 'ENVIRONMENT_SIZE_SMALL',
		logStorage: 'CLOUD_LOGGING_ONLY',
		maintenanceWindow: {
			startTime: '2024-01-05T00:00:00Z',
			endTime: '2024-01-05T04:00:00Z',
			recurrence: 'FREQ=WEEKLY;BYDAY=FR,SA,SU',
		},
		allowedIpRanges: [
			{ value: '0.0.0.0/0', description: 'Allows access from all IPv4 addresses (default value)' },
			{ value: '::0/0', description: 'Allows access from all IPv6 addresses (default value)' },
		],
		labels: {},
	};
}

const digest = (text: string, length: number): string =>
	createHash('sha256').update(text).digest('hex').slice(0, length);

export function uuidOf(text: string): string {
	const hex = digest(text, 32);
	return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20)}`;
}

/** 21 digits, the same for the same e-mail. */
const numberOf = (email: string): string =>
	`1${(BigInt(`0x${digest(email, 20)}`) % 10n ** 20n).toString().padStart(20, '0')}`;
