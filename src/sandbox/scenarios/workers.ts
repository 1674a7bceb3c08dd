import { readPatch } from '../world/patch.ts';
import { updateEnvironment } from '../world/updates.ts';
import { dag, py, type Scenario } from './scenario.ts';

const ALL = ['composer-2', 'composer-3', 'composer-3-airflow-2', 'airflow-2', 'airflow-3'] as const;
const COMPOSER = ['composer-2', 'composer-3', 'composer-3-airflow-2'] as const;
const MINUTE = 60_000;

/** Workers that are too small, too few or too busy. */
export const workers: readonly Scenario[] = [
	{
		// One task that holds nearly all of a worker's memory.
		id: 'task-larger-than-worker',
		places: ALL,
		dag: 'train_churn_model',
		setUp({ environment, add }) {
			environment.settings.workloads.worker = { cpu: 0.5, memoryGb: 2, storageGb: 1, minCount: 1, maxCount: 3 };
			add(
				dag('train_churn_model', [
					py('load_features', 2),
					py('train', 12, { after: ['load_features'], needs: { memoryGb: 1.8 }, prints: ['epoch 1/20', 'epoch 2/20'] }),
				]),
			);
		},
	},
	{
		// Temporary files that outgrow the worker's disk.
		id: 'files-larger-than-disk',
		places: COMPOSER,
		dag: 'unpack_archives',
		setUp({ environment, add }) {
			environment.settings.workloads.worker = { cpu: 1, memoryGb: 4, storageGb: 1, minCount: 2, maxCount: 3 };
			add(dag('unpack_archives', [py('unpack', 10, { needs: { diskGb: 2.5 } })]));
		},
	},
	{
		// Tasks that compute on every core there is, so that nothing else on the worker gets a turn.
		id: 'no-turn-for-heartbeats',
		places: ALL,
		dag: 'route_optimizer',
		setUp({ environment, add }) {
			environment.settings.workloads.worker = { cpu: 0.5, memoryGb: 2, storageGb: 1, minCount: 1, maxCount: 1 };
			add(dag('route_optimizer', [py('solve', 8, { mapped: 4, needs: { cpu: 1.2 } })]));
		},
	},
	{
		// Sensors that sit on every slot, while the bounds allow no further worker.
		id: 'every-slot-taken',
		places: COMPOSER,
		dag: 'invoice_run',
		setUp({ environment, add }) {
			environment.settings.workloads.worker = { cpu: 0.5, memoryGb: 2, storageGb: 1, minCount: 1, maxCount: 1 };
			add(dag('wait_for_partners', [py('wait', 180, { operator: 'ExternalTaskSensor', mapped: 6 })]));
			add(dag('invoice_run', [py('collect', 2)]));
		},
		async happens({ airflow, pass, run }) {
			airflow.foreignRun({ dag: 'wait_for_partners', run: 'scheduled__2026-11-18T07:00:00+00:00' });
			await pass(5 * MINUTE);
			await run('invoice_run');
		},
	},
	{
		// More would be allowed, but the project has no vCPUs left in the region.
		id: 'no-cpus-left',
		places: ['composer-2'],
		dag: 'invoice_run',
		setUp({ world, environment, add }) {
			environment.settings.workloads.worker = { cpu: 0.5, memoryGb: 2, storageGb: 1, minCount: 1, maxCount: 4 };
			world.project.quotas.set('CPUS', { limit: 24, usage: 23.8 });
			add(dag('wait_for_partners', [py('wait', 180, { operator: 'ExternalTaskSensor', mapped: 6 })]));
			add(dag('invoice_run', [py('collect', 2)]));
		},
		async happens({ airflow, pass, run }) {
			airflow.foreignRun({ dag: 'wait_for_partners', run: 'scheduled__2026-11-18T07:00:00+00:00' });
			await pass(5 * MINUTE);
			await run('invoice_run');
		},
	},
	{
		// Variables read at the top of every file: the database has no room for heartbeats.
		id: 'database-flooded',
		places: COMPOSER,
		dag: 'hourly_orders',
		setUp({ physics, add }) {
			add(dag('hourly_orders', [py('copy', 6, { mapped: 3 })]));
			physics.setParseSeconds(48);
		},
		async happens({ physics, airflow, pass, run }) {
			await run('hourly_orders');
			airflow.foreignRun({ dag: 'hourly_orders', run: 'scheduled__2026-11-18T09:00:00+00:00' });
			await pass(2 * MINUTE);
			physics.state.databaseLoad = 1.2;
			await pass(20 * MINUTE);
		},
	},
	{
		// A file imports what nobody installed.
		id: 'package-not-installed',
		places: ALL,
		dag: 'marketing_attribution',
		asks: 'file',
		setUp({ add }) {
			add(
				dag('marketing_attribution', [py('weigh', 2), py('publish', 1, { after: ['weigh'] })], {
					imports: { module: 'lifetimes', package: 'lifetimes', line: 9 },
				}),
			);
		},
		async happens({ pass }) {
			await pass(2 * MINUTE);
		},
	},
	{
		// An update replaces the workers while a task needs longer than they are given to end.
		id: 'replaced-under-a-long-task',
		places: COMPOSER,
		dag: 'reindex_catalog',
		setUp: ({ add }) => add(dag('reindex_catalog', [py('reindex', 110)])),
		async happens({ world, environment, owner, airflow, pass }) {
			airflow.foreignRun({ dag: 'reindex_catalog', run: 'scheduled__2026-11-18T07:00:00+00:00' });
			await pass(10 * MINUTE);
			updateEnvironment(
				world,
				owner,
				environment.name,
				readPatch(environment, 'config.softwareConfig.envVariables', {
					config: { softwareConfig: { envVariables: { CATALOG_REGION: 'eu' } } },
				}),
			);
			await pass(75 * MINUTE);
		},
	},
];
