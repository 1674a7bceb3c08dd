import { removeBinding, setApi, setServiceAccountDisabled } from '../world/acts.ts';
import { addAccount, agentOf } from '../world/environments.ts';
import type { GoogleCall, WorldDag } from '../world/physics.ts';
import { readPatch } from '../world/patch.ts';
import { give, newPolicy, take } from '../world/policy.ts';
import { updateEnvironment } from '../world/updates.ts';
import type { Stage } from './stage.ts';
import { dag, py, type Scenario } from './scenario.ts';

const ALL = ['composer-2', 'composer-3', 'composer-3-airflow-2', 'airflow-2', 'airflow-3'] as const;
const COMPOSER = ['composer-2', 'composer-3', 'composer-3-airflow-2'] as const;

const calling = (id: string, task: string, ...calls: GoogleCall[]): WorldDag =>
	dag(id, [
		py('prepare', 1),
		py(task, 2, {
			after: ['prepare'],
			needs: { steps: calls.map((call) => ({ kind: 'google', call, line: 41, function: task })) },
		}),
	]);

const me = ({ environment }: Stage): string => `serviceAccount:${environment.serviceAccount}`;

/** Another project's bucket; the bot may read its policy, and the owner looks after it too. */
function addForeignBucket(stage: Stage, name: string, ...objects: string[]): void {
	const { world } = stage;
	addBucket(stage, name, ...objects);
	const bucket = world.buckets.get(name);
	if (bucket) bucket.project = 'acme-partners';
	give(world, { kind: 'bucket', name }, 'roles/storage.admin', `user:${stage.owner}`);
	give(
		world,
		{ kind: 'bucket', name },
		'roles/iam.securityReviewer',
		`serviceAccount:concertmaster@${world.project.id}.iam.gserviceaccount.com`,
	);
}

function addBucket({ world }: Stage, name: string, ...objects: string[]): void {
	world.buckets.set(name, {
		name,
		location: 'EU',
		policy: newPolicy(),
		objects: new Map(objects.map((object) => [object, { bytes: 4096 }])),
	});
}

function addDataset({ world }: Stage, name: string): { kind: 'thing'; name: string } {
	const thing = {
		kind: 'thing',
		name: `bigquery.googleapis.com/projects/${world.project.id}/datasets/${name}`,
	} as const;
	world.things.set(thing.name, { policy: newPolicy() });
	return thing;
}

/** Who may what: each account that takes part, without the one role it needs. */
export const permissions: readonly Scenario[] = [
	{
		id: 'bucket-of-another-team',
		places: ALL,
		dag: 'daily_sales',
		setUp(stage) {
			addForeignBucket(stage, 'acme-partner-drop', 'sales/2026-11-17.csv');
			stage.add(
				calling('daily_sales', 'read_drop', {
					api: 'storage',
					does: 'get',
					bucket: 'acme-partner-drop',
					object: 'sales/2026-11-17.csv',
				}),
			);
		},
	},
	{
		id: 'no-right-to-query',
		places: ALL,
		dag: 'warehouse_export',
		setUp(stage) {
			addDataset(stage, 'ledger');
			stage.add(
				calling('warehouse_export', 'export_table', { api: 'bigquery', table: { dataset: 'ledger', name: 'entries' } }),
			);
		},
	},
	{
		id: 'no-right-to-read-the-dataset',
		places: ALL,
		dag: 'warehouse_export',
		setUp(stage) {
			addDataset(stage, 'ledger');
			give(stage.world, { kind: 'project' }, 'roles/bigquery.jobUser', me(stage));
			stage.add(
				calling('warehouse_export', 'export_table', { api: 'bigquery', table: { dataset: 'ledger', name: 'entries' } }),
			);
		},
	},
	{
		id: 'no-right-to-publish',
		places: ALL,
		dag: 'notify_shops',
		setUp(stage) {
			stage.world.things.set('pubsub.googleapis.com/projects/acme-shops/topics/shop-events', { policy: newPolicy() });
			stage.add(calling('notify_shops', 'publish', { api: 'pubsub', project: 'acme-shops', topic: 'shop-events' }));
		},
	},
	{
		id: 'no-right-to-become-another',
		places: ALL,
		dag: 'finance_close',
		setUp(stage) {
			const account = `finance@${stage.world.project.id}.iam.gserviceaccount.com`;
			addAccount(stage.world, account);
			stage.add(calling('finance_close', 'close_books', { api: 'impersonate', account }));
		},
	},
	{
		// All of Composer's own rights are gone: not even the log of a task can be read.
		id: 'worker-role-taken',
		places: COMPOSER,
		dag: 'daily_sales',
		setUp(stage) {
			addBucket(stage, 'acme-sales', 'sales/2026-11-17.csv');
			stage.add(
				calling('daily_sales', 'read_drop', {
					api: 'storage',
					does: 'get',
					bucket: 'acme-sales',
					object: 'sales/2026-11-17.csv',
				}),
			);
		},
		async happens(stage) {
			const { world, run, owner, pass } = stage;
			await run('daily_sales');
			removeBinding(world, owner, { kind: 'project' }, 'roles/composer.worker', me(stage));
			await pass(5 * 60_000);
			await run('daily_sales');
		},
	},
	{
		id: 'account-switched-off',
		places: COMPOSER,
		dag: 'daily_sales',
		setUp(stage) {
			addBucket(stage, 'acme-sales', 'sales/2026-11-17.csv');
			stage.add(
				calling('daily_sales', 'read_drop', {
					api: 'storage',
					does: 'get',
					bucket: 'acme-sales',
					object: 'sales/2026-11-17.csv',
				}),
			);
		},
		async happens({ world, environment, owner, run, pass }) {
			await run('daily_sales');
			setServiceAccountDisabled(world, owner, environment.serviceAccount, true);
			await pass(10 * 60_000);
			await run('daily_sales');
		},
	},
	{
		id: 'agent-without-role',
		places: COMPOSER,
		dag: 'daily_sales',
		asks: 'operation',
		setUp({ world }) {
			take(world, { kind: 'project' }, 'roles/composer.serviceAgent', `serviceAccount:${agentOf(world)}`);
		},
		happens: (stage) => updateVariables(stage),
	},
	{
		// What Composer 2's agent needs beside, and Composer 3's does not.
		id: 'agent-without-extension',
		places: COMPOSER,
		dag: 'daily_sales',
		asks: 'operation',
		setUp({ world, environment }) {
			take(
				world,
				{ kind: 'serviceAccount', email: environment.serviceAccount },
				'roles/composer.ServiceAgentV2Ext',
				`serviceAccount:${agentOf(world)}`,
			);
		},
		happens: (stage) => updateVariables(stage),
	},
	{
		// The connection is there, in a secret that the account may not open.
		id: 'connection-in-a-closed-secret',
		places: COMPOSER,
		dag: 'crm_sync',
		setUp({ world, environment, add }) {
			environment.settings.airflowConfigOverrides['secrets-backend'] =
				'airflow.providers.google.cloud.secrets.secret_manager.CloudSecretManagerBackend';
			world.secrets.set('airflow-connections-crm_default', {
				id: 'airflow-connections-crm_default',
				policy: newPolicy(),
				versions: 2,
			});
			add(
				dag('crm_sync', [
					py('pull', 1.5, {
						needs: { steps: [{ kind: 'connection', id: 'crm_default', line: 17, function: 'pull' }] },
					}),
				]),
			);
		},
	},
	{
		// There is no such connection anywhere.
		id: 'connection-nowhere',
		places: ALL,
		dag: 'crm_sync',
		setUp({ add }) {
			add(
				dag('crm_sync', [
					py('pull', 1.5, {
						needs: { steps: [{ kind: 'connection', id: 'crm_default', line: 17, function: 'pull' }] },
					}),
				]),
			);
		},
	},
	{
		id: 'api-switched-off',
		places: ALL,
		dag: 'warehouse_export',
		setUp(stage) {
			const { world, owner, add } = stage;
			give(world, addDataset(stage, 'ledger'), 'roles/bigquery.dataViewer', me(stage));
			give(world, { kind: 'project' }, 'roles/bigquery.jobUser', me(stage));
			setApi(world, owner, 'bigquery.googleapis.com', false);
			add(
				calling('warehouse_export', 'export_table', { api: 'bigquery', table: { dataset: 'ledger', name: 'entries' } }),
			);
		},
	},
	{
		id: 'outside-the-perimeter',
		places: ALL,
		dag: 'daily_sales',
		setUp(stage) {
			addBucket(stage, 'acme-vault', 'sales/2026-11-17.csv');
			stage.world.project.perimeter = { services: new Set(['storage.googleapis.com']), members: new Set() };
			stage.add(
				calling('daily_sales', 'read_vault', {
					api: 'storage',
					does: 'get',
					bucket: 'acme-vault',
					object: 'sales/2026-11-17.csv',
				}),
			);
		},
	},
	{
		id: 'too-many-queries',
		places: ALL,
		dag: 'warehouse_export',
		setUp(stage) {
			const { world, add } = stage;
			give(world, addDataset(stage, 'ledger'), 'roles/bigquery.dataViewer', me(stage));
			give(world, { kind: 'project' }, 'roles/bigquery.jobUser', me(stage));
			world.project.quotas.set('bigquery-queued-jobs', { limit: 1000, usage: 1000 });
			add(
				calling('warehouse_export', 'export_table', { api: 'bigquery', table: { dataset: 'ledger', name: 'entries' } }),
			);
		},
	},
	{
		// pip finds no set of versions that goes together.
		id: 'packages-that-clash',
		places: COMPOSER,
		dag: 'daily_sales',
		asks: 'operation',
		setUp: () => undefined,
		async happens({ world, environment, owner, pass }) {
			updateEnvironment(
				world,
				owner,
				environment.name,
				readPatch(environment, 'config.softwareConfig.pypiPackages', {
					config: { softwareConfig: { pypiPackages: { 'great-expectations': '==0.13.49' } } },
				}),
			);
			await pass(world.updateMs + 60_000);
		},
	},
];

/** A small update, as people make it every day. */
async function updateVariables({ world, environment, owner, pass }: Stage): Promise<void> {
	updateEnvironment(
		world,
		owner,
		environment.name,
		readPatch(environment, 'config.softwareConfig.envVariables', {
			config: { softwareConfig: { envVariables: { STAGE: 'prod' } } },
		}),
	);
	await pass(world.updateMs + 60_000);
}
