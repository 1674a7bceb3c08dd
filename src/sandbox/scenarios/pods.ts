import { newPolicy } from '../world/policy.ts';
import { give, take } from '../world/policy.ts';
import type { PodSpec } from '../world/physics.ts';
import type { Stage } from './stage.ts';
import { dag, type Scenario } from './scenario.ts';

const COMPOSER = ['composer-2', 'composer-3', 'composer-3-airflow-2'] as const;
// In the project of the team that builds them.
const IMAGE = 'europe-west1-docker.pkg.dev/acme-images/services/scoring:1.4.2';
const REPOSITORY = 'artifactregistry.googleapis.com/projects/acme-images/locations/europe-west1/repositories/services';

/** A repository with one image, that the environment's account may pull. */
function addImage({ world, environment }: Stage): void {
	world.things.set(REPOSITORY, { policy: newPolicy() });
	world.images.set(IMAGE, { repository: REPOSITORY, bytes: 400_000_000 });
	give(
		world,
		{ kind: 'thing', name: REPOSITORY },
		'roles/artifactregistry.reader',
		`serviceAccount:${environment.serviceAccount}`,
	);
}

const scoring = (pod: Partial<PodSpec>) =>
	dag('score_customers', [
		{
			id: 'score',
			operator: 'KubernetesPodOperator',
			ms: 5000,
			needs: {
				steps: [
					{
						kind: 'pod',
						pod: {
							image: IMAGE,
							cpu: 1,
							memoryGb: 2,
							usesGb: 0.8,
							runsMs: 180_000,
							prints: ['loading model', '2,104,882 customers'],
							...pod,
						},
					},
				],
			},
		},
	]);

/** Pods of KubernetesPodOperator, and what keeps them from their work. */
export const pods: readonly Scenario[] = [
	{
		id: 'pod-needs-more-memory',
		places: COMPOSER,
		dag: 'score_customers',
		setUp(stage) {
			addImage(stage);
			stage.add(scoring({ usesGb: 3.1 }));
		},
	},
	{
		id: 'no-such-image',
		places: COMPOSER,
		dag: 'score_customers',
		setUp(stage) {
			addImage(stage);
			stage.add(scoring({ image: IMAGE.replace('1.4.2', '1.4.3') }));
		},
	},
	{
		id: 'image-not-ours-to-pull',
		places: COMPOSER,
		dag: 'score_customers',
		setUp(stage) {
			const { world, environment } = stage;
			addImage(stage);
			take(
				world,
				{ kind: 'thing', name: REPOSITORY },
				'roles/artifactregistry.reader',
				`serviceAccount:${environment.serviceAccount}`,
			);
			stage.add(scoring({}));
		},
	},
	{
		id: 'pod-larger-than-any-node',
		places: ['composer-2'],
		dag: 'score_customers',
		setUp(stage) {
			addImage(stage);
			stage.add(scoring({ cpu: 40, memoryGb: 160 }));
		},
	},
	{
		id: 'pod-finds-no-quota',
		places: ['composer-2'],
		dag: 'score_customers',
		setUp(stage) {
			addImage(stage);
			stage.world.project.quotas.set('CPUS', { limit: 24, usage: 22 });
			stage.add(scoring({ cpu: 4, memoryGb: 12 }));
		},
	},
	{
		id: 'pod-asks-for-a-secret',
		places: COMPOSER,
		dag: 'score_customers',
		setUp(stage) {
			addImage(stage);
			stage.add(scoring({ secrets: [{ name: 'crm-credentials', key: 'token' }] }));
		},
	},
	{
		id: 'no-right-to-make-pods',
		places: COMPOSER,
		dag: 'score_customers',
		setUp(stage) {
			const { world, environment } = stage;
			addImage(stage);
			take(world, { kind: 'project' }, 'roles/composer.worker', `serviceAccount:${environment.serviceAccount}`);
			for (const role of [
				'roles/logging.logWriter',
				'roles/logging.viewer',
				'roles/storage.objectAdmin',
				'roles/cloudbuild.builds.editor',
			])
				give(world, { kind: 'project' }, role, `serviceAccount:${environment.serviceAccount}`);
			stage.add(scoring({}));
		},
	},
	{
		// A namespace of one's own whose Kubernetes account nobody bound to a Google account.
		id: 'namespace-without-identity',
		places: ['composer-2'],
		dag: 'score_customers',
		setUp(stage) {
			const { world, environment } = stage;
			addImage(stage);
			world.buckets.get(environment.bucket)?.objects.set('models/churn.bin', { bytes: 90_000_000 });
			world.clusters.get(environment.cluster ?? '')?.namespaces.set('scoring', {
				accounts: new Map([
					['default', undefined],
					['scorer', undefined],
				]),
				secrets: new Map(),
				configMaps: new Map(),
			});
			stage.add(
				scoring({
					namespace: 'scoring',
					ksa: 'scorer',
					calls: [{ api: 'storage', does: 'get', bucket: environment.bucket, object: 'models/churn.bin' }],
				}),
			);
		},
	},
];
