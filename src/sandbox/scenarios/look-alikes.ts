import type { Raised } from '../airflow/types.ts';
import { addBinding } from '../world/acts.ts';
import { addAccount } from '../world/environments.ts';
import type { Step } from '../world/physics.ts';
import { readPatch } from '../world/patch.ts';
import { give, newPolicy } from '../world/policy.ts';
import { updateEnvironment } from '../world/updates.ts';
import { dag, py, type Scenario } from './scenario.ts';

const ALL = ['composer-2', 'composer-3', 'composer-3-airflow-2', 'airflow-2', 'airflow-3'] as const;
const COMPOSER = ['composer-2', 'composer-3', 'composer-3-airflow-2'] as const;
const MINUTE = 60_000;

/** The user's own check of their own data. */
const OWN_MISTAKE: Step = {
	kind: 'raises',
	raised: {
		type: 'ValueError',
		message: 'feature days_since_order: 1.4 % nulls, at most 1 % allowed',
		line: 87,
		function: 'validate',
	},
};
const validate = (steps: readonly Step[] = [OWN_MISTAKE]) =>
	dag('customer_features', [
		py('build_features', 4),
		py('validate', 2, { after: ['build_features'], needs: { steps } }),
	]);

const TIMEOUT: Raised = {
	type: 'requests.exceptions.ConnectTimeout',
	message:
		"HTTPSConnectionPool(host='rates.example.org', port=443): Max retries exceeded with url: /daily (Caused by ConnectTimeoutError('Connection to rates.example.org timed out. (connect timeout=10)'))",
	line: 22,
	function: 'fetch',
};

/** Projects that are well, and loud: what stands around the failure has nothing to do with it. */
export const lookAlikes: readonly Scenario[] = [
	{
		// A worker that is nearly full, and a task that fails by itself.
		id: 'full-worker-own-mistake',
		places: ALL,
		dag: 'customer_features',
		setUp({ environment, add }) {
			environment.settings.workloads.worker = { cpu: 0.5, memoryGb: 2, storageGb: 1, minCount: 1, maxCount: 1 };
			add(dag('build_cube', [py('aggregate', 60, { needs: { memoryGb: 1.2 } })]));
			add(validate());
		},
		async happens({ airflow, pass, run }) {
			airflow.foreignRun({ dag: 'build_cube', run: 'scheduled__2026-11-18T07:00:00+00:00' });
			await pass(45 * MINUTE);
			await run('customer_features');
		},
	},
	{
		// A person ended it; the process was killed with it.
		id: 'ended-by-a-person',
		places: ALL,
		dag: 'backfill_table',
		setUp(stage) {
			const { airflow, add } = stage;
			const two = airflow.version.startsWith('2');
			add(
				dag('backfill_table', [
					py('load', 6, {
						needs: {
							steps: [
								{
									kind: 'says',
									lines: [
										two
											? {
													level: 'warning',
													source: 'local_task_job_runner.py:346',
													text: 'State of this instance has been externally set to failed. Terminating instance.',
												}
											: {
													level: 'error',
													text: "Server indicated the task shouldn't be running anymore. Terminating process [detail={'detail': {'reason': 'not_running', 'message': 'TI is no longer in the running state and task should terminate', 'current_state': 'failed'}}]",
												},
									],
								},
								{ kind: 'ends', ending: 'killed' },
							],
						},
					}),
				]),
			);
		},
		async happens({ airflow, pass }) {
			const { run } = airflow.foreignRun({ dag: 'backfill_table', run: 'manual__2026-11-18T08:00:00+00:00' });
			await pass(6 * MINUTE);
			airflow.event({
				event: airflow.version.startsWith('2') ? 'failed' : 'patch_task_instance',
				dag: 'backfill_table',
				run,
				task: 'load',
				owner: 'mika',
				extra: `{"dag_run_id": "${run}", "new_state": "failed"}`,
			});
			await pass(2 * MINUTE);
		},
	},
	{
		// Another worker was restarted by its probe at that time.
		id: 'probe-on-another-worker',
		places: ['composer-2'],
		dag: 'customer_features',
		setUp: ({ add }) => add(validate()),
		async happens({ physics, run }) {
			physics.write.podEvent(
				'airflow-worker-zzzzz',
				'composer-workers',
				'Unhealthy',
				'Liveness probe failed: command timed out',
			);
			physics.write.worker('airflow-worker-zzzzz', 'worker: Warm shutdown (MainProcess)');
			await run('customer_features');
		},
	},
	{
		// Somebody changes a label of the environment meanwhile.
		id: 'harmless-update-meanwhile',
		places: COMPOSER,
		dag: 'customer_features',
		setUp: ({ add }) => add(validate()),
		async happens(stage) {
			const { world, environment, owner, run } = stage;
			updateEnvironment(world, owner, environment.name, readPatch(environment, 'labels', { labels: { team: 'data' } }));
			await run('customer_features');
		},
	},
	{
		// The role is there; the file is not.
		id: 'file-not-delivered',
		places: ALL,
		dag: 'daily_sales',
		setUp({ world, environment, add }) {
			world.buckets.set('acme-sales', { name: 'acme-sales', location: 'EU', policy: newPolicy(), objects: new Map() });
			give(
				world,
				{ kind: 'bucket', name: 'acme-sales' },
				'roles/storage.objectViewer',
				`serviceAccount:${environment.serviceAccount}`,
			);
			add(
				dag('daily_sales', [
					py('read_drop', 2, {
						needs: {
							steps: [
								{
									kind: 'google',
									call: { api: 'storage', does: 'get', bucket: 'acme-sales', object: 'sales/2026-11-17.csv' },
									line: 41,
									function: 'read_drop',
								},
							],
						},
					}),
				]),
			);
		},
	},
	{
		// A check that reads tickets and quotes one.
		id: 'words-of-a-ticket',
		places: ALL,
		dag: 'ticket_digest',
		setUp: ({ add }) =>
			add(
				dag('ticket_digest', [
					py('summarise', 2, {
						needs: {
							steps: [
								{
									kind: 'says',
									lines: [
										{
											level: 'info',
											text: 'ticket 4411: pods is forbidden: User "a@b.example" cannot create resource "pods" in API group "" in the namespace "default": requires one of ["container.pods.create"] permission(s).',
											logger: 'task.stdout',
										},
										{
											level: 'info',
											text: 'ticket 4412: Task exited with return code -9, likely out of memory',
											logger: 'task.stdout',
										},
									],
								},
								{
									kind: 'raises',
									raised: { type: 'ValueError', message: 'ticket 4413 has no owner', line: 52, function: 'summarise' },
								},
							],
						},
					}),
				]),
			),
	},
	{
		// The scheduler gave up a task of another DAG in the same minutes.
		id: 'zombie-of-another-dag',
		places: COMPOSER,
		dag: 'customer_features',
		setUp({ environment, add }) {
			environment.settings.workloads.worker = { cpu: 0.5, memoryGb: 2, storageGb: 1, minCount: 2, maxCount: 2 };
			add(dag('route_optimizer', [py('solve', 12, { needs: { cpu: 3 } })]));
			add(validate());
		},
		async happens({ airflow, pass, run }) {
			airflow.foreignRun({ dag: 'route_optimizer', run: 'scheduled__2026-11-18T07:00:00+00:00' });
			await pass(2 * MINUTE);
			await run('customer_features');
			await pass(10 * MINUTE);
		},
	},
	{
		// A colleague was let into the account just before; the query was wrong all along.
		id: 'policy-touched-beside',
		places: COMPOSER,
		dag: 'warehouse_export',
		setUp({ world, add }) {
			addAccount(world, `reports@${world.project.id}.iam.gserviceaccount.com`);
			add(
				dag('warehouse_export', [
					py('export_table', 3, {
						operator: 'BigQueryInsertJobOperator',
						needs: {
							steps: [
								{
									kind: 'raises',
									raised: {
										type: 'airflow.exceptions.AirflowException',
										message:
											"BigQuery job airflow_warehouse_export_export_table_2026_11_18 failed: {'reason': 'invalidQuery', 'location': 'query', 'message': 'Unrecognized name: amuont at [3:8]'}",
										line: 1,
										function: 'execute',
										frames: {
											own: false,
											below: [
												{
													file: 'airflow/providers/google/cloud/operators/bigquery.py',
													line: 2603,
													name: 'execute',
													code: 'self._handle_job_error(job)',
												},
											],
										},
									},
								},
							],
						},
					}),
				]),
			);
		},
		async happens({ world, environment, owner, pass, run }) {
			addBinding(
				world,
				owner,
				{ kind: 'serviceAccount', email: environment.serviceAccount },
				'roles/iam.serviceAccountUser',
				`serviceAccount:reports@${world.project.id}.iam.gserviceaccount.com`,
			);
			await pass(3 * MINUTE);
			await run('warehouse_export');
		},
	},
	{
		// A refusal that the code expects and goes around; then the real trouble.
		id: 'refusal-that-was-handled',
		places: ALL,
		dag: 'exchange_rates',
		setUp: ({ add }) =>
			add(
				dag('exchange_rates', [
					py('fetch', 1, {
						needs: {
							steps: [
								{
									kind: 'says',
									lines: [
										{
											level: 'warning',
											text: "no cache: 403 GET https://storage.googleapis.com/storage/v1/b/acme-cache/o/rates: rates@acme-data.iam.gserviceaccount.com does not have storage.objects.get access to the Google Cloud Storage object. Permission 'storage.objects.get' denied on resource (or it may not exist).",
											logger: 'rates',
										},
									],
								},
								{ kind: 'raises', raised: TIMEOUT },
							],
						},
					}),
				]),
			),
	},
	{
		// More lines than the web server of Composer 3 shows; what counts is the last.
		id: 'error-below-many-lines',
		places: COMPOSER,
		dag: 'customer_features',
		setUp: ({ add }) =>
			add(
				validate([
					{
						kind: 'says',
						lines: Array.from({ length: 1500 }, (_, nth) => ({
							level: 'info' as const,
							text: `customer batch ${nth + 1} of 1500: 1,403 rows`,
							logger: 'task.stdout',
						})),
					},
					OWN_MISTAKE,
				]),
			),
	},
	{
		// A retry has put it right since.
		id: 'well-again-after-a-retry',
		places: ALL,
		dag: 'exchange_rates',
		setUp: ({ add }) =>
			add(
				dag('exchange_rates', [
					py('fetch', 1, { retries: 2, retryDelayMs: 5 * MINUTE, endings: [{ raises: TIMEOUT }, 'success'] }),
				]),
			),
	},
	{
		// An old update that went wrong has nothing to do with today.
		id: 'own-mistake-after-a-failed-update',
		places: COMPOSER,
		dag: 'customer_features',
		setUp: ({ add }) => add(validate()),
		async happens({ world, environment, owner, pass, run }) {
			updateEnvironment(
				world,
				owner,
				environment.name,
				readPatch(environment, 'config.softwareConfig.pypiPackages', {
					config: { softwareConfig: { pypiPackages: { tensorflow: '==2.11.0' } } },
				}),
			);
			await pass(world.updateMs + 60 * MINUTE);
			await run('customer_features');
		},
	},
	{
		id: 'all-is-well',
		places: ALL,
		dag: 'nightly_cleanup',
		setUp: ({ add }) =>
			add(dag('nightly_cleanup', [py('list', 1), py('drop', 2, { after: ['list'], endings: ['skipped'] })])),
	},
];
