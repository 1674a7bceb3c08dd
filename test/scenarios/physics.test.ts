import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { openStage, type Stage } from '../../src/sandbox/scenarios/stage.ts';
import { dag, py } from '../../src/sandbox/scenarios/scenario.ts';
import { runPosted } from '../../src/sandbox/world/gcloud-run.ts';
import { shellOf } from '../../src/sandbox/scenarios/repair.ts';
import { newPolicy } from '../../src/sandbox/world/policy.ts';

async function on<T>(place: 'composer-2' | 'composer-3', act: (stage: Stage) => Promise<T>): Promise<T> {
	const stage = await openStage({ place });
	try {
		return await act(stage);
	} finally {
		await stage.close();
	}
}

describe('what fails follows from the state', () => {
	test('tasks of one worker end well exactly when its memory holds all that run at once', async () => {
		await fc.assert(
			fc.asyncProperty(
				fc.constantFrom('composer-2' as const, 'composer-3' as const),
				fc.integer({ min: 4, max: 26 }),
				fc.integer({ min: 1, max: 8 }),
				fc.integer({ min: 1, max: 6 }),
				fc.integer({ min: 1, max: 20 }),
				async (place, quarters, slots, tasks, tenths) => {
					const [memoryGb, each] = [quarters / 4, tenths / 10];
					const state = await on(place, async (stage) => {
						stage.environment.settings.workloads.worker = { cpu: 2, memoryGb, storageGb: 2, minCount: 1, maxCount: 1 };
						stage.environment.settings.airflowConfigOverrides['celery-worker_concurrency'] = String(slots);
						stage.add(dag('fill', [py('hold', 2, { mapped: tasks, needs: { memoryGb: each } })]));
						return (await stage.run('fill')).state;
					});
					// What the worker takes by itself, as physics-workers.ts has it.
					const peak = 0.45 + Math.min(slots, tasks) * each;
					expect({ peak, memoryGb, state }).toEqual({ peak, memoryGb, state: peak <= memoryGb ? 'success' : 'failed' });
				},
			),
			{ numRuns: 25, seed: 11 },
		);
	}, 30_000);

	test('a right that is given and taken again changes the outcome each time, and nothing else does', async () => {
		await on('composer-2', async (stage) => {
			const { world, environment, add, run } = stage;
			world.buckets.set('elsewhere', {
				name: 'elsewhere',
				project: 'others',
				location: 'EU',
				policy: newPolicy([{ role: 'roles/storage.admin', members: [`user:${stage.owner}`] }]),
				objects: new Map([['a.csv', { bytes: 1 }]]),
			});
			add(
				dag('read', [
					py('get', 0.2, {
						needs: {
							steps: [
								{
									kind: 'google',
									call: { api: 'storage', does: 'get', bucket: 'elsewhere', object: 'a.csv' },
									line: 3,
									function: 'get',
								},
							],
						},
					}),
				]),
			);
			const outcome = async (command?: string): Promise<string> => {
				if (command !== undefined) await runPosted(command, shellOf(stage));
				return (await run('read')).state;
			};
			const member = `--member=serviceAccount:${environment.serviceAccount}`;
			expect(await outcome()).toBe('failed');
			expect(
				await outcome(
					`gcloud storage buckets add-iam-policy-binding gs://elsewhere ${member} --role=roles/storage.objectCreator`,
				),
			).toBe('failed');
			expect(
				await outcome(
					`gcloud projects add-iam-policy-binding acme-data ${member} --role=roles/storage.objectViewer --condition=None`,
				),
			).toBe('failed');
			expect(
				await outcome(
					`gcloud storage buckets add-iam-policy-binding gs://elsewhere ${member} --role=roles/storage.objectViewer`,
				),
			).toBe('success');
			expect(await outcome(`gcloud iam service-accounts disable ${environment.serviceAccount}`)).toBe('failed');
			expect(await outcome(`gcloud iam service-accounts enable ${environment.serviceAccount}`)).toBe('success');
			expect(
				await outcome(
					`gcloud storage buckets remove-iam-policy-binding gs://elsewhere ${member} --role=roles/storage.objectViewer`,
				),
			).toBe('failed');
		});
	}, 20_000);

	test('a command is refused as Google refuses it, and changes nothing', async () => {
		await on('composer-3', async (stage) => {
			const { environment } = stage;
			const before = structuredClone(environment.settings);
			const at = 'prod --location=europe-west1 --project=acme-data';
			for (const [command, why] of [
				[`gcloud composer environments update ${at} --worker-memory=400GB`, 'is not allowed'],
				[
					`gcloud composer environments update ${at} --update-airflow-configs=celery-worker_concurrency=400`,
					'between 1 and 24',
				],
				[`gcloud composer environments update ${at} --update-airflow-configs=core-executor=LocalExecutor`, 'blocked'],
				['gcloud composer environments update prod --location=us-central1 --worker-memory=4GB', 'was not found'],
				[
					'gcloud projects add-iam-policy-binding other-project --member=user:a@b.example --role=roles/viewer',
					'was not found',
				],
				['kubectl create namespace pods', 'no credentials of a cluster'],
			] as const)
				await expect(runPosted(command, shellOf(stage))).rejects.toThrow(why);
			expect(environment.settings).toEqual(before);
		});
	});
});
