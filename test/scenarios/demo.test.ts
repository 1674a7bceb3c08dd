import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { brokenFile } from '../../commands/_parts/broken-file.ts';
import { investigateOperation } from '../../commands/_parts/investigate-operation.ts';
import { investigate } from '../../commands/_parts/investigate.ts';
import type { Deps } from '../../src/deps.ts';
import { demoBroken, demoDags } from '../../src/sandbox/airflow/index.ts';
import { startDemoCloud, type DemoCloud } from '../../src/sandbox/demo-google.ts';
import { botOn } from './bot.ts';

let cloud: DemoCloud;
beforeAll(async () => {
	cloud = await startDemoCloud({
		project: 'demo-project',
		location: 'europe-west1',
		token: 'ya29.demo',
		dags: demoDags,
		broken: demoBroken,
	});
});
afterAll(() => cloud.close());

type Name = 'prod' | 'staging' | 'finance';

function bot(name: Name): Deps {
	const { world, google, token } = cloud;
	const place = name === 'prod' ? 'composer-3' : 'composer-2';
	return botOn({ world, google, token, place, ...cloud[name] });
}

describe('/dag diagnose as soon as the demo stands', () => {
	test.each([
		['prod', 'train_churn_model', 'worker-oom-task-sigkill', 'confirmed'],
		['prod', 'warehouse_export', 'bigquery-access-denied', 'confirmed'],
		['prod', 'crm_sync', 'secret-manager-access', 'confirmed'],
		['prod', 'score_customers', 'kpo-oomkilled', 'confirmed'],
		['prod', 'refresh_segments', 'kpo-image-pull', 'confirmed'],
		['prod', 'partner_drop_import', 'gcs-permission-denied', 'confirmed'],
		['prod', 'notify_shops', 'vpc-sc-denied', 'confirmed'],
		['prod', 'finance_close', 'impersonation-denied', 'likely'],
		['prod', 'ticket_digest', 'user-code-exception', 'confirmed'],
		['prod', 'customer_features', 'user-code-exception', 'confirmed'],
		['staging', 'product_thumbnails', 'gcsfuse-mount-lost', 'confirmed'],
		['staging', 'embed_catalog', 'gke-quota-exceeded', 'confirmed'],
		['staging', 'simulate_prices', 'kpo-unschedulable', 'confirmed'],
		['staging', 'erp_import', 'kpo-secret-or-config-missing', 'confirmed'],
		['staging', 'score_segments', 'kpo-ksa-no-gcp-access', 'confirmed'],
		['staging', 'hourly_orders', 'db-overloaded', 'confirmed'],
		['staging', 'trigger_reporting', 'api-endpoint-or-auth-changed', 'likely'],
		['staging', 'crm_sync', 'missing-connection-or-variable', 'confirmed'],
		['finance', 'route_optimizer', 'zombie-heartbeat-timeout', 'confirmed'],
		['finance', 'invoice_run', 'task-stuck-queued', 'confirmed'],
		['finance', 'daily_ledger', 'workload-identity-binding-lost', 'confirmed'],
	] as const)(
		'%s: %s',
		async (name, dag, cause, status) => {
			const deps = bot(name);
			// The call to the other Airflow takes the time it takes. A run by schedule may go on meanwhile, at whatever hour this is.
			await cloud[name].airflow.until(() => cloud[name].airflow.runs(dag).some(({ state }) => state === 'failed'));
			const found = await investigate({ dag }, 'prod', 'en', deps);
			if (found.kind !== 'verdict') throw new Error(`${dag}: ${found.kind}`);
			const { verdict, findings } = found.verdict;
			const others = findings.map((one) => `${one.cause} ${one.status}`).join(', ');
			expect(`${verdict} ${found.verdict.status} (${others})`).toBe(`${cause} ${status} (${others})`);
		},
		60_000,
	);

	test('prod: a file that does not import', async () => {
		expect(JSON.stringify(await brokenFile('marketing_attribution', 'prod', 'en', bot('prod')))).toContain(
			'attribution_lib',
		);
	});

	test.each([
		['finance', 'env-update-sa-permissions'],
		['staging', 'pypi-dependency-conflict'],
	] as const)('%s: the update that failed', async (name, cause) => {
		const deps = bot(name);
		const [last] = (await deps.composer('prod')?.operations(1)) ?? [];
		const { verdict, status } = await investigateOperation({ ...last, error: last?.error ?? '' }, 'prod', 'en', deps);
		expect(`${verdict} ${status}`).toBe(`${cause} confirmed`);
	});

	test.each(['prod', 'staging', 'finance'] as const)('%s: Airflow says the version of its image', async (name) => {
		const { version } = await bot(name).airflow('prod').version();
		expect(cloud[name].environment.settings.imageVersion).toContain(`airflow-${version}`);
	});

	test('nothing is wrong with the others', async () => {
		const deps = bot('prod');
		for (const dag of ['daily_sales', 'partner_feeds', 'nightly_cleanup']) {
			const ended = (): boolean => !['running', 'queued'].includes(cloud.prod.airflow.runs(dag).at(-1)?.state ?? '');
			await cloud.prod.airflow.until(ended, 60_000);
			const [newest] = await deps.airflow('prod').runs(dag, { limit: 1 });
			expect(`${dag} ${newest?.state}`).toBe(`${dag} success`);
		}
	}, 90_000);
});
