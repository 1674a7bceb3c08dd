import { ownBinding } from '../world/acts.ts';
import { addAccount, addCaller } from '../world/environments.ts';
import { give, take } from '../world/policy.ts';
import { readPatch } from '../world/patch.ts';
import { updateEnvironment } from '../world/updates.ts';
import { dag, py, type Scenario } from './scenario.ts';

const COMPOSER = ['composer-2', 'composer-3', 'composer-3-airflow-2'] as const;

/** The four traps of the original report, as states of a project. */
export const seedTraps: readonly Scenario[] = [
	{
		// An update of packages that never ends well: the account that would have to build may not.
		id: 'update-without-roles',
		places: COMPOSER,
		dag: 'churn_report',
		asks: 'operation',
		setUp({ world, environment, add }) {
			take(world, { kind: 'project' }, 'roles/composer.worker', `serviceAccount:${environment.serviceAccount}`);
			// It was given what tasks need, one by one.
			for (const role of ['roles/storage.objectAdmin', 'roles/logging.logWriter', 'roles/container.developer'])
				give(world, { kind: 'project' }, role, `serviceAccount:${environment.serviceAccount}`);
			add(
				dag('churn_report', [py('score', 2), py('publish', 1, { after: ['score'] })], {
					imports: { module: 'lifelines', package: 'lifelines', line: 7 },
				}),
			);
		},
		async happens({ world, environment, owner, pass }) {
			updateEnvironment(
				world,
				owner,
				environment.name,
				readPatch(environment, 'config.softwareConfig.pypiPackages', {
					config: { softwareConfig: { pypiPackages: { lifelines: '==0.30.0' } } },
				}),
			);
			await pass(world.updateMs + 60_000);
		},
	},
	{
		// Many tasks of the same weight on a small worker: it goes down with all of them, and their logs with it.
		id: 'logs-lost-with-worker',
		places: ['composer-2', 'composer-3', 'composer-3-airflow-2', 'airflow-2', 'airflow-3'],
		dag: 'partner_feeds',
		setUp({ environment, add, place }) {
			environment.settings.workloads.worker = { cpu: 0.5, memoryGb: 2, storageGb: 1, minCount: 1, maxCount: 1 };
			environment.settings.airflowConfigOverrides['celery-worker_concurrency'] = '6';
			// Older environments keep task logs in the bucket, through a mount.
			if (place === 'composer-2') environment.settings.logStorage = 'CLOUD_LOGGING_AND_CLOUD_STORAGE';
			add(
				dag('partner_feeds', [
					py('list_partners', 0.2),
					py('download', 0.4, { after: ['list_partners'], mapped: 6, needs: { memoryGb: 0.4 } }),
				]),
			);
		},
	},
	{
		// Terraform's authoritative resource takes Composer's own members away.
		id: 'binding-overwritten',
		places: ['composer-2'],
		dag: 'daily_ledger',
		setUp({ world, environment, add }) {
			const terraform = `terraform@${world.project.id}.iam.gserviceaccount.com`;
			addCaller(world, 'ya29.terraform', terraform, ['roles/owner']);
			addAccount(world, terraform);
			world.buckets.get(environment.bucket)?.objects.set('data/ledger.csv', { bytes: 2048 });
			add(
				dag('daily_ledger', [
					py('read_ledger', 3, {
						needs: {
							steps: [
								{
									kind: 'google',
									call: { api: 'storage', does: 'get', bucket: environment.bucket, object: 'data/ledger.csv' },
									line: 24,
									function: 'read_ledger',
								},
							],
						},
					}),
				]),
			);
		},
		async happens({ world, environment, pass, run, terraform, hourly }) {
			const place = { kind: 'serviceAccount', email: environment.serviceAccount } as const;
			const address = 'google_service_account_iam_binding.runner';
			const apply = (): void => {
				if (!terraform.has(address)) return;
				ownBinding(
					world,
					`terraform@${world.project.id}.iam.gserviceaccount.com`,
					place,
					'roles/iam.workloadIdentityUser',
					[`serviceAccount:${world.project.id}.svc.id.goog[pods/runner]`],
				);
			};
			await run('daily_ledger');
			await pass(20 * 60_000);
			terraform.add(address);
			apply();
			// What Terraform manages it puts back into place, again and again.
			hourly(apply);
			await pass(6 * 60_000);
			await run('daily_ledger');
		},
	},
	{
		// Whoever has triggered since before the upgrade, over an API that is no longer there.
		id: 'old-airflow-api',
		places: COMPOSER,
		dag: 'trigger_reporting',
		setUp({ airflow, add, token }) {
			const before = airflow.version.startsWith('2') ? 'experimental' : 'v1';
			add(dag('reporting', [py('report', 1)]));
			add(
				dag('trigger_reporting', [
					py('call_airflow', 0.5, {
						needs: {
							steps: [
								{
									kind: 'airflow',
									url: () => airflow.url,
									api: before,
									dag: 'reporting',
									token,
									line: 31,
									function: 'call_airflow',
								},
							],
						},
					}),
				]),
			);
		},
	},
];
