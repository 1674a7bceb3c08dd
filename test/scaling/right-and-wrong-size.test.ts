import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { setImmediate as turn } from 'node:timers/promises';
import { startDemoCloud, type DemoCloud } from '../../src/sandbox/demo-google.ts';
import { readPatch } from '../../src/sandbox/world/patch.ts';
import { updateEnvironment } from '../../src/sandbox/world/updates.ts';
import { environmentOf } from '../../src/scaling/environment.ts';
import type { Change } from '../../src/scaling/plan.ts';
import { suggestionFor } from '../../src/scaling/suggestion.ts';
import { updatesFor } from '../../src/scaling/updates.ts';
import { botOn } from '../scenarios/bot.ts';

/** `staging` of the demo, whose six tasks fill a worker: what mends it and what does not, an update after the other. */
const DAG = 'product_thumbnails';
let clock = Date.parse('2026-11-24T12:00:00Z');
let cloud: DemoCloud;
beforeAll(async () => {
	const project = { project: 'demo-project', location: 'europe-west1', token: 'ya29.demo' };
	cloud = await startDemoCloud({ ...project, dags: [], broken: [], now: () => clock });
});
afterAll(() => cloud.close());

async function pass(ms: number): Promise<void> {
	for (const until = clock + ms; clock < until; clock += 1000) {
		cloud.step();
		cloud.staging.airflow.tick();
		await turn();
	}
}

let runs = 0;
async function outcome(): Promise<string> {
	const run = cloud.staging.airflow.foreignRun({ dag: DAG, run: `manual__${++runs}` });
	for (let minute = 0; minute < 20 && (run.state === 'queued' || run.state === 'running'); minute++) await pass(60_000);
	return run.state;
}

async function sizes() {
	const { world, google, token, staging } = cloud;
	const described = await botOn({ world, google, token, place: 'composer-2', ...staging })
		.composer('prod')
		?.describe();
	return described?.environment ?? {};
}

async function apply(changes: readonly Change[]): Promise<void> {
	for (const { mask, body } of updatesFor(environmentOf(await sizes(), 'staging'), changes)) {
		const { world, owner, staging } = cloud;
		updateEnvironment(world, owner, 'staging', readPatch(staging.environment, mask.join(','), body));
		await pass(world.updateMs + 60_000);
	}
}

describe('a worker without enough memory', () => {
	test('fails what runs on it', async () => {
		expect(await outcome()).toBe('failed');
	});

	test('more workers do not help: the tasks of a run come to one of them', async () => {
		const { worker: from } = environmentOf(await sizes(), 'staging');
		await apply([{ what: 'worker', from, to: { ...from, max: 6 } }]);
		expect(cloud.staging.environment.settings.workloads.worker.maxCount).toBe(6);
		expect(await outcome()).toBe('failed');
		await apply([{ what: 'worker', from: { ...from, max: 6 }, to: from }]);
	});

	test('nor do more tasks at a time', async () => {
		await apply([{ what: 'concurrency', from: 6, to: 12 }]);
		expect(await outcome()).toBe('failed');
		await apply([{ what: 'override', key: 'celery-worker_concurrency', from: '12', to: undefined }]);
	});

	test('what is suggested for the cause does', async () => {
		expect(cloud.staging.environment.settings.airflowConfigOverrides).toEqual({});
		const suggestion = suggestionFor('gcsfuse-mount-lost', await sizes());
		expect(suggestion?.text.en).toBe('worker memory 1.875 → 3.25 GB; worker_concurrency kept at 6');
		await apply(suggestion?.changes ?? []);
		expect(await outcome()).toBe('success');
	});
});
