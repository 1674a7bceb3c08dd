import { ownBinding } from './world/acts.ts';
import { addAccount, addCaller } from './world/environments.ts';
import type { GoogleCall, PodSpec, Step, WorldDag, WorldTask } from './world/physics.ts';
import { readPatch } from './world/patch.ts';
import { give, newPolicy, take } from './world/policy.ts';
import type { AirflowState } from './world/physics-connections.ts';
import type { ComposerEnvironment } from './world/types.ts';
import { updateEnvironment } from './world/updates.ts';
import type { World } from './world/world.ts';

const MINUTE = 60_000;
const SECOND = 1000;

/** One of the demo's environments, as its stories need it. */
export type Scene = {
	world: World;
	environment: ComposerEnvironment;
	/** What its database has to bear, and its connections. */
	state: AirflowState;
	/** A person with every right. */
	owner: string;
	/** What Terraform manages, by address. */
	terraform: Set<string>;
	/** Starts a run of a DAG. */
	run: (dag: string) => void;
};

/** DAGs with a past of good runs, and what happens: so many minutes after the demo's past begins. */
export type Stories = {
	dags: readonly WorldDag[];
	happens: readonly { after: number; act: () => void }[];
};

const task = (id: string, seconds: number, more: Partial<WorldTask> = {}): WorldTask => ({
	id,
	operator: 'PythonOperator',
	ms: seconds * SECOND,
	...more,
});

const dag = (id: string, owner: string, about: string, tasks: readonly WorldTask[]): WorldDag => ({
	id,
	owner,
	tags: [owner],
	description: about,
	file: `${owner}/${id}.py`,
	// Each at its own time of the night, as somebody would set them.
	history: { runs: 9, everyMs: 24 * 60 * MINUTE, afterMs: 10 * MINUTE * ([...id].length % 12) },
	tasks,
});

const calls = (name: string, line: number, call: GoogleCall): { needs: { steps: Step[] } } => ({
	needs: { steps: [{ kind: 'google', call, line, function: name }] },
});

const pod = (id: string, spec: PodSpec): WorldTask => ({
	id,
	operator: 'KubernetesPodOperator',
	ms: 2 * SECOND,
	needs: { steps: [{ kind: 'pod', pod: spec }] },
});

const REPOSITORY = 'artifactregistry.googleapis.com/projects/acme-images/locations/europe-west1/repositories/services';
const image = (name: string): string => `europe-west1-docker.pkg.dev/acme-images/services/${name}`;
const POD = { cpu: 1, memoryGb: 2, usesGb: 0.6, runsMs: 20 * SECOND } as const;
const member = ({ environment }: Pick<Scene, 'environment'>): string => `serviceAccount:${environment.serviceAccount}`;

/** What all environments of the project share: images of another team, a perimeter around Pub/Sub, a partner's bucket. */
export function furnish(world: World, bot: string): void {
	world.things.set(REPOSITORY, { policy: newPolicy() });
	for (const name of ['scoring:2.4.1', 'segments:1.9.0', 'prices:0.8.2', 'embeddings:3.0.0', 'erp-import:1.2.0'])
		world.images.set(image(name), { repository: REPOSITORY, bytes: 400_000_000 });
	world.project.perimeter = { services: new Set(['pubsub.googleapis.com']), members: new Set() };
	world.things.set(`pubsub.googleapis.com/projects/${world.project.id}/topics/shop-events`, { policy: newPolicy() });
	world.buckets.set('acme-partner-drop', {
		name: 'acme-partner-drop',
		project: 'acme-partners',
		location: 'EU',
		policy: newPolicy(),
		objects: new Map([['sales/latest.csv', { bytes: 481_200 }]]),
	});
	give(world, { kind: 'bucket', name: 'acme-partner-drop' }, 'roles/iam.securityReviewer', `serviceAccount:${bot}`);
	addAccount(world, `finance@${world.project.id}.iam.gserviceaccount.com`, 'Finance close');
	world.secrets.set('airflow-connections-crm_default', {
		id: 'airflow-connections-crm_default',
		policy: newPolicy(),
		versions: 3,
	});
}

/** Composer 3 with Airflow 3. */
export function inProd(scene: Scene): Stories {
	const { world, environment, run } = scene;
	const { id: project } = world.project;
	// Connections lie in Secret Manager here.
	environment.settings.airflowConfigOverrides['secrets-backend'] =
		'airflow.providers.google.cloud.secrets.secret_manager.CloudSecretManagerBackend';
	give(world, { kind: 'thing', name: REPOSITORY }, 'roles/artifactregistry.reader', member(scene));
	return {
		dags: [
			dag('score_customers', 'ml-platform', 'Scores every customer in a pod; its model has grown.', [
				pod('score', {
					...POD,
					image: image('scoring:2.4.1'),
					usesGb: 3.1,
					prints: ['loading model', '2,104,882 customers'],
				}),
			]),
			dag('refresh_segments', 'marketing', 'Asks for an image that was built under another tag.', [
				pod('refresh', { ...POD, image: image('segments:1.9.1') }),
			]),
			dag('partner_drop_import', 'data-platform', "Reads what partners drop into their own project's bucket.", [
				task('list', 2),
				task('read_drop', 3, {
					after: ['list'],
					...calls('read_drop', 41, {
						api: 'storage',
						does: 'get',
						bucket: 'acme-partner-drop',
						object: 'sales/latest.csv',
					}),
				}),
			]),
			dag('notify_shops', 'sales-ops', 'Tells the shops what sold; Pub/Sub lies behind a perimeter.', [
				task('publish', 2, calls('publish', 33, { api: 'pubsub', project, topic: 'shop-events' })),
			]),
			dag('finance_close', 'finance', 'Closes the books as the finance account.', [
				task('collect', 2),
				task('close_books', 2, {
					after: ['collect'],
					...calls('close_books', 58, { api: 'impersonate', account: `finance@${project}.iam.gserviceaccount.com` }),
				}),
			]),
			dag('ticket_digest', 'support', 'Prints tickets that quote other failures, and fails by itself.', [
				task('summarise', 3, { needs: { steps: TICKETS } }),
			]),
		],
		happens: [
			{ after: 5, act: () => run('train_churn_model') },
			{ after: 12, act: () => run('warehouse_export') },
			{ after: 20, act: () => run('crm_sync') },
			{ after: 30, act: () => run('score_customers') },
			{ after: 35, act: () => run('refresh_segments') },
			{ after: 40, act: () => run('partner_drop_import') },
			{ after: 45, act: () => run('notify_shops') },
			{ after: 50, act: () => run('finance_close') },
			{ after: 55, act: () => run('ticket_digest') },
		],
	};
}

const TICKETS: readonly Step[] = [
	{
		kind: 'says',
		lines: [
			'ticket 4411: pods is forbidden: User "a@b.example" cannot create resource "pods" in API group "" in the namespace "default": requires one of ["container.pods.create"] permission(s).',
			'ticket 4412: Task exited with return code -9, likely out of memory',
		].map((text) => ({ level: 'info', logger: 'task.stdout', text })),
	},
	{
		kind: 'raises',
		raised: { type: 'ValueError', message: 'ticket 4413 has no owner', line: 52, function: 'summarise' },
	},
];

/** Composer 2 with Airflow 2: an older environment, whose task logs go to the bucket. */
export function inStaging(scene: Scene, prod: { url: () => string; token: string }): Stories {
	const { world, environment, state, owner, run } = scene;
	environment.settings.logStorage = 'CLOUD_LOGGING_AND_CLOUD_STORAGE';
	// Room for two workers more, and not for a pod of four.
	world.project.quotas.set('CPUS', { limit: 24, usage: 22 });
	world.buckets.get(environment.bucket)?.objects.set('models/segments.bin', { bytes: 90_000_000 });
	world.clusters.get(environment.cluster ?? '')?.namespaces.set('scoring', {
		accounts: new Map([
			['default', undefined],
			['scorer', undefined],
		]),
		secrets: new Map(),
		configMaps: new Map(),
	});
	give(world, { kind: 'thing', name: REPOSITORY }, 'roles/artifactregistry.reader', member(scene));
	return {
		dags: [
			dag(
				'product_thumbnails',
				'web',
				'Six tasks at once on a worker with room for three: it goes, and their logs with it.',
				[
					task('list_products', 2),
					task('render', 20, { after: ['list_products'], mapped: 6, needs: { memoryGb: 0.4 } }),
				],
			),
			dag('embed_catalog', 'ml-platform', 'Wants four vCPUs, and the project has none left.', [
				pod('embed', { ...POD, image: image('embeddings:3.0.0'), cpu: 4, memoryGb: 12 }),
			]),
			dag('simulate_prices', 'pricing', 'Asks for more than any machine here has.', [
				pod('simulate', { ...POD, image: image('prices:0.8.2'), cpu: 40, memoryGb: 160 }),
			]),
			dag('erp_import', 'finance', 'Its pod asks for a Secret that nobody made.', [
				pod('import', {
					...POD,
					image: image('erp-import:1.2.0'),
					secrets: [{ name: 'erp-credentials', key: 'token' }],
				}),
			]),
			dag('score_segments', 'ml-platform', 'Runs in a namespace whose account is nobody in Google Cloud.', [
				pod('score', {
					...POD,
					image: image('scoring:2.4.1'),
					namespace: 'scoring',
					ksa: 'scorer',
					calls: [{ api: 'storage', does: 'get', bucket: environment.bucket, object: 'models/segments.bin' }],
				}),
			]),
			dag('hourly_orders', 'sales-ops', 'Ran while the metadata database took no more connections.', [
				task('copy', 150, { mapped: 2 }),
			]),
			dag('trigger_reporting', 'analytics', 'Starts a DAG of prod over the API, as before its upgrade.', [
				task('call_airflow', 2, {
					needs: {
						steps: [{ kind: 'airflow', ...prod, api: 'v1', dag: 'daily_sales', line: 31, function: 'call_airflow' }],
					},
				}),
			]),
		],
		happens: [
			{ after: 10, act: () => run('product_thumbnails') },
			{ after: 30, act: () => run('embed_catalog') },
			{ after: 36, act: () => run('simulate_prices') },
			{ after: 42, act: () => run('erp_import') },
			{ after: 48, act: () => run('score_segments') },
			{ after: 53, act: () => run('hourly_orders') },
			{ after: 54, act: () => void (state.databaseLoad = 1.2) },
			{ after: 61, act: () => void (state.databaseLoad = 0) },
			{
				after: 64,
				act: () =>
					void updateEnvironment(
						world,
						owner,
						environment.name,
						readPatch(environment, 'config.softwareConfig.pypiPackages', {
							config: { softwareConfig: { pypiPackages: { 'great-expectations': '==0.13.49' } } },
						}),
					),
			},
			{ after: PAST / MINUTE - 1, act: () => run('trigger_reporting') },
		],
	};
}

/** Composer 2 with Airflow 2: what Terraform and careful people did to its account, and a worker with too few slots. */
export function inFinance(scene: Scene): Stories {
	const { world, environment, owner, terraform, run } = scene;
	const { workloads } = environment.settings;
	environment.settings.workloads = { ...workloads, worker: { ...workloads.worker, maxCount: 1 } };
	world.buckets.get(environment.bucket)?.objects.set('data/ledger.csv', { bytes: 2048 });
	take(world, { kind: 'project' }, 'roles/composer.worker', member(scene));
	// Given instead: what tasks need, role by role. Building packages is not among it.
	for (const role of [
		'roles/logging.logWriter',
		'roles/logging.viewer',
		'roles/storage.objectAdmin',
		'roles/container.developer',
	])
		give(world, { kind: 'project' }, role, member(scene));
	const robot = `terraform@${world.project.id}.iam.gserviceaccount.com`;
	addCaller(world, `ya29.${robot}`, robot, ['roles/owner']);
	return {
		dags: [
			dag('route_optimizer', 'logistics', 'Computes on every core there is; nothing else on the worker gets a turn.', [
				task('solve', 420, { mapped: 4, needs: { cpu: 1.2 } }),
			]),
			dag('bank_files', 'finance', 'Waits for the files of six banks, each on a slot of its own.', [
				task('wait', 48 * 60, { operator: 'ExternalTaskSensor', mapped: 6 }),
			]),
			dag('invoice_run', 'finance', 'Waited for a slot until Airflow gave it up.', [task('collect', 4)]),
			dag('daily_ledger', 'finance', "Reads the ledger from the environment's bucket.", [
				task(
					'read_ledger',
					3,
					calls('read_ledger', 24, {
						api: 'storage',
						does: 'get',
						bucket: environment.bucket,
						object: 'data/ledger.csv',
					}),
				),
			]),
		],
		happens: [
			{ after: 1, act: () => run('route_optimizer') },
			{ after: 14, act: () => run('bank_files') },
			{ after: 16, act: () => run('invoice_run') },
			{
				after: 64,
				act: () =>
					void updateEnvironment(
						world,
						owner,
						environment.name,
						readPatch(environment, 'config.softwareConfig.pypiPackages', {
							config: { softwareConfig: { pypiPackages: { lifelines: '==0.30.0' } } },
						}),
					),
			},
			{ after: 68, act: () => run('daily_ledger') },
			{
				after: 70,
				act() {
					// For pods of one's own, with the resource that owns the role's whole list.
					terraform.add('google_service_account_iam_binding.runner');
					ownBinding(
						world,
						robot,
						{ kind: 'serviceAccount', email: environment.serviceAccount },
						'roles/iam.workloadIdentityUser',
						[`serviceAccount:${world.project.id}.svc.id.goog[pods/runner]`],
					);
				},
			},
			{ after: 74, act: () => run('daily_ledger') },
		],
	};
}

/** How long before now all of it begins. */
export const PAST = 80 * MINUTE;
