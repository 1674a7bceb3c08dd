import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
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
		beforeAll(async () => {
			kube = await forbiddingKube();
			airflow = await startRealAirflow(generation, { say, settings: { CM_KUBECONFIG: kube.kubeconfig } });
		}, 400_000);
		afterAll(async () => {
			await airflow?.stop();
			await kube?.close();
		}, 60_000);
		suites(() => {
			if (!airflow) throw new Error('Airflow has not started.');
			return airflow;
		});
	});
}
