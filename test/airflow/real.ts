import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { airflow as airflowClient } from '../../src/clients/airflow.ts';
import { http } from '../../src/clients/base/http.ts';
import { join } from 'node:path';
import { memoryCgroup, type Cgroup } from './cgroup.ts';
import { forbiddingKube, type Kube } from './kube.ts';
import { installAirflow, startRealAirflow, type RealAirflow } from '../../src/sandbox/real-airflow.ts';

const say = (line: string): void => void process.stderr.write(`${line}\n`);

/**
 * One real Airflow for all suites of its generation. Where it cannot be installed they are not run, and a line says so;
 * with REQUIRE_AIRFLOW=1 that is a failure.
 */
export async function withRealAirflow(generation: 2 | 3, suites: (airflow: () => RealAirflow) => void): Promise<void> {
	const installed = await installAirflow(generation, say);
	if (!installed.ok) {
		const required = process.env['REQUIRE_AIRFLOW'] === '1';
		say(`Not run against a real Airflow ${generation}: ${installed.reason}`);
		test(`a real Airflow ${generation} can be installed here: ${installed.reason}`, () => {
			expect({ required, installed: false }).not.toEqual({ required: true, installed: false });
		});
		return;
	}
	describe(`Airflow ${generation}`, () => {
		let airflow: RealAirflow | undefined;
		let kube: Kube | undefined;
		let cgroup: Cgroup | undefined;
		let dags: string | undefined;
		beforeAll(async () => {
			kube = await forbiddingKube();
			// A copy: files come and go in it.
			dags = await mkdtemp(join(tmpdir(), 'cm-dags-'));
			await cp(join(import.meta.dirname, '../../airflow/dags'), dags, { recursive: true });
			cgroup = await memoryCgroup();
			const settings = { CM_KUBECONFIG: kube.kubeconfig, ...(cgroup ? { CM_MEMORY_CGROUP: cgroup.path } : {}) };
			airflow = await startRealAirflow(generation, { say, dags, settings });
			await untilParsed(airflow);
		}, 400_000);
		afterAll(async () => {
			await airflow?.stop();
			await kube?.close();
			await cgroup?.remove();
			if (dags !== undefined) await rm(dags, { recursive: true, force: true });
		}, 60_000);
		suites(() => {
			if (!airflow) throw new Error('Airflow has not started.');
			return airflow;
		});
	});
}

/** Healthy is not yet ready: every file was read once, the one that cannot be as well. */
async function untilParsed({ url, auth, users }: RealAirflow): Promise<void> {
	const client = airflowClient({ url, auth: { kind: auth.kind, ...users.admin } }, http);
	const wanted = ['cm_fail', 'cm_kube', 'cm_memory', 'cm_no_connection', 'cm_params', 'cm_success'];
	for (const until = Date.now() + 120_000; Date.now() < until; await sleep(500)) {
		const ids = new Set((await client.dags()).map(({ id }) => id));
		if (wanted.every((id) => ids.has(id)) && (await client.importErrors()).length > 0) return;
	}
	throw new Error('Airflow has not read its DAG files.');
}
