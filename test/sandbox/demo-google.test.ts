import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { setImmediate as turn } from 'node:timers/promises';
import { demoBroken, demoDags } from '../../src/sandbox/airflow/index.ts';
import type { SimRun } from '../../src/sandbox/airflow/types.ts';
import { startDemoCloud, type DemoCloud } from '../../src/sandbox/demo-google.ts';
import { addBinding, removeBinding, updateEnvironment } from '../../src/sandbox/world/acts.ts';
import { addCaller } from '../../src/sandbox/world/environments.ts';
import { readPatch } from '../../src/sandbox/world/patch.ts';
import { pointsWithin } from '../../src/sandbox/world/metrics.ts';

const OWNER = 'owner@acme.example';
let clock = Date.parse('2026-11-24T12:00:00Z');
let cloud: DemoCloud;
beforeAll(async () => {
	cloud = await startDemoCloud({
		project: 'demo-project',
		location: 'europe-west1',
		token: 'token',
		dags: demoDags,
		broken: demoBroken,
		now: () => clock,
	});
	addCaller(cloud.world, 'owner', OWNER, ['roles/owner']);
});
afterAll(() => cloud.close());

async function pass(ms: number): Promise<void> {
	for (const until = clock + ms; clock < until; clock += 500) {
		cloud.step();
		for (const { airflow } of [cloud.prod, cloud.staging]) airflow.tick();
		await turn();
	}
}

let runs = 0;
/** How a run of it ends on both. */
async function outcomes(dag: string): Promise<string[]> {
	const started: SimRun[] = [cloud.prod, cloud.staging].map(({ airflow }) =>
		airflow.foreignRun({ dag, run: `manual__${++runs}` }),
	);
	for (let nth = 0; nth < 240 && started.some(({ state }) => state === 'queued' || state === 'running'); nth++)
		await pass(500);
	return started.map(({ state }) => state);
}

/** A patch of one of both, and the time until it is done. */
async function update(name: 'prod' | 'staging', mask: string, body: object): Promise<void> {
	updateEnvironment(cloud.world, OWNER, name, readPatch(cloud[name].environment, mask, body));
	await pass(cloud.world.updateMs + 1000);
}

const withMemory = (name: 'prod' | 'staging', memoryGb: number): object => {
	const { workloads } = cloud[name].environment.settings;
	return { config: { workloadsConfig: { ...workloads, worker: { ...workloads.worker, memoryGb } } } };
};

test('too little memory: more workers do not help, bigger ones do', async () => {
	expect(await outcomes('train_churn_model')).toEqual(['failed', 'failed']);
	const { workloads } = cloud.prod.environment.settings;
	await update('prod', 'config.workloadsConfig', {
		config: { workloadsConfig: { ...workloads, worker: { ...workloads.worker, minCount: 2 } } },
	});
	expect(await outcomes('train_churn_model')).toEqual(['failed', 'failed']);
	await update('prod', 'config.workloadsConfig', withMemory('prod', 3));
	expect(await outcomes('train_churn_model')).toEqual(['success', 'failed']);
	await update('staging', 'config.workloadsConfig', withMemory('staging', 3));
	expect(await outcomes('train_churn_model')).toEqual(['success', 'success']);
});

test('a missing role: given to the account that lacks it', async () => {
	expect(await outcomes('warehouse_export')).toEqual(['failed', 'failed']);
	const member = `serviceAccount:${cloud.prod.environment.serviceAccount}`;
	addBinding(cloud.world, OWNER, { kind: 'project' }, 'roles/bigquery.dataViewer', member);
	expect(await outcomes('warehouse_export')).toEqual(['failed', 'failed']);
	addBinding(cloud.world, OWNER, { kind: 'project' }, 'roles/bigquery.jobUser', member);
	expect(await outcomes('warehouse_export')).toEqual(['success', 'failed']);
});

test('a package that is not there: the DAG comes back when it is', async () => {
	const broken = async (name: 'prod' | 'staging'): Promise<unknown> => {
		const { airflow } = cloud[name];
		const path = name === 'prod' ? 'api/v2/importErrors' : 'api/v1/importErrors';
		const answer = await fetch(`${airflow.url}/${path}`, { headers: { authorization: 'Bearer token' } });
		return JSON.stringify(await answer.json());
	};
	expect(await broken('prod')).toContain('attribution_lib');
	await update('prod', 'config.softwareConfig.pypiPackages.attribution-lib', {
		config: { softwareConfig: { pypiPackages: { 'attribution-lib': '==2.0' } } },
	});
	expect(await broken('prod')).not.toContain('attribution_lib');
	expect(await broken('staging')).toContain('attribution_lib');
});

test('every minute is measured, after a past that the runs of the past fit', async () => {
	await pass(120_000);
	const [memory] = cloud.world.metrics
		.series('composer.googleapis.com/workload/memory/bytes_used')
		.filter(
			({ resource }) =>
				resource.labels['environment_name'] === 'staging' && resource.labels['type'] === 'CELERY_WORKER',
		);
	if (!memory) throw new Error('no series');
	const midnight = Date.parse('2026-11-24T00:00:00Z');
	const [first] = pointsWithin(memory, midnight, midnight + 60_000);
	expect(first?.[1]).toBeCloseTo(0.98 * 1.875 * 1024 ** 3, -6);
	const last = cloud.world.metrics.series('composer.googleapis.com/environment/num_celery_workers');
	expect(last.map(({ points }) => clock - (points.at(-1)?.[0] ?? 0)).every((age) => age <= 60_000)).toBe(true);
	const lines = cloud.world.log.entries();
	expect(lines.some(({ textPayload }) => textPayload === '0 triggers currently running')).toBe(true);
});

test("who loses Composer User is let through by Airflow's proxy no longer", async () => {
	const ask = async (): Promise<number> =>
		(await fetch(`${cloud.prod.airflow.url}/api/v2/dags`, { headers: { authorization: 'Bearer token' } })).status;
	expect(await ask()).toBe(200);
	removeBinding(cloud.world, OWNER, { kind: 'project' }, 'roles/composer.user', `serviceAccount:${cloud.email}`);
	expect(await ask()).toBe(403);
	addBinding(cloud.world, OWNER, { kind: 'project' }, 'roles/composer.user', `serviceAccount:${cloud.email}`);
	expect(await ask()).toBe(200);
});
