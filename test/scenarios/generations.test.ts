import { describe, expect, test } from '@jest/globals';
import type { Generation } from '../../src/domain/environment.ts';
import { rules } from '../../src/rules/index.ts';
import { scenarios } from '../../src/sandbox/scenarios/index.ts';
import { applyFix } from '../../src/sandbox/scenarios/repair.ts';
import { seedTraps } from '../../src/sandbox/scenarios/seed-traps.ts';
import { botOn } from './bot.ts';
import { at, expected } from './expected.ts';
import { ask, tell } from './tell.ts';

type Differences = { two: readonly RegExp[]; three: readonly RegExp[] };

const NONE: Differences = { two: [], three: [] };
const KUBECTL = /^(?:gcloud container clusters get-credentials|kubectl) /;
/** Memory a vCPU may carry: 6.5 GB on Composer 2, 8 GB on Composer 3; and how many tasks a worker takes by itself. */
const SIZES: Differences = {
	two: [/--worker-memory=3\.25GB$/, /memory_gb +=/, /1 to 6\.5 GB for each vCPU/, /min\(32, 12 × vCPU, 8 × GB\)/],
	three: [/--worker-memory=4GB$/, /memory_gb +=/, /1 to 8 GB for each vCPU/, /accepts 1 to 24/],
};
/** Composer 2's agent binds Kubernetes accounts and needs an extension of its role for it, as a command and in Terraform. */
const extension = (...more: readonly RegExp[]): Differences => ({
	two: [/ServiceAgentV2Ext/, /v2ext/, /^ {2}member +=/, ...more],
	three: [/does not need roles\/composer\.ServiceAgentV2Ext/],
});

/** What causes.md says differs between Composer 2 and 3, cause by cause. Nothing else may. */
const DIFFERS: Readonly<Record<string, Differences>> = {
	'env-update-sa-permissions': extension(/Who builds the PyPI image changed/),
	'composer-agent-role-missing': extension(/^ {2}service_account_id +=/, /the agent binds the cluster/),
	'worker-oom-task-sigkill': SIZES,
	'gcsfuse-mount-lost': SIZES,
	'worker-pod-evicted-storage': {
		two: [/10 GB is the most on Composer 2/],
		three: [/100 GB is the most on Composer 3/],
	},
	'workload-identity-binding-lost': {
		two: [
			/Who may become the account now/,
			/get-iam-policy/,
			/Restore every member/,
			/svc\.id\.goog\[/,
			/terraform state (?:list|rm)/,
			/authoritative Terraform resource/,
			/additive resource/,
			/^(?:resource "google_service_account_iam_member"| {2}(?:service_account_id|role|member)|\})/,
			/older policy can also be restored/,
		],
		three: [
			/Composer 3 keeps its own bindings out of your sight/,
			/^gcloud (?:iam service-accounts describe|logging read)/,
		],
	},
	'gke-quota-exceeded': {
		two: [/600 GB of `SSD_TOTAL_GB`/, /What the autoscaler says/, /gce_cluster_autoscaler/],
		three: [/Workers of Composer 3 run in Google's project/],
	},
	'kpo-oomkilled': {
		two: [/"memory": "4Gi"/, /Autopilot gives 2 GiB/, /see what it takes/, KUBECTL],
		three: [/"memory": "8Gi"/, /Composer 3 caps silently/],
	},
	'kpo-image-pull': {
		two: [/The events themselves/, KUBECTL],
		three: [/Composer 3 has no kubectl/, /log_id\("airflow-k8s-operator"\)/],
	},
	'kpo-unschedulable': {
		two: [/Autopilot cluster of Composer 2/, /Why the autoscaler added no node/, KUBECTL, /gce_cluster_autoscaler/],
		three: [/Composer 3 gives every pod its own machine/],
	},
	'kpo-secret-or-config-missing': {
		two: [KUBECTL],
		three: [
			/Composer 3 has no kubectl/,
			/object\.yaml/,
			/^(?:apiVersion|kind|metadata|stringData|  name|  "KEY")/,
			/user-workloads-secrets/,
			/^(?:resource "google_composer_user_workloads_secret"| {2}(?:name|environment|region|data) |\})/,
		],
	},
	'kpo-pods-forbidden': {
		two: [
			/environment's own cluster/,
			/get-iam-policy/,
			/Namespace and configuration in the DAG/,
			/config_file/,
			/Ask again after/,
			KUBECTL,
		],
		three: [/Composer 3 always runs pods in/],
	},
	'kpo-ksa-no-gcp-access': {
		two: [
			/See what is there/,
			/get-iam-policy/,
			/Simplest: run in/,
			/namespace="composer-user-workloads",$/,
			/The same in Terraform/,
			/^(?:resource |\}| {2}\w| {4}\w| {2}\})/,
			/Test it/,
			KUBECTL,
		],
		three: [
			/Composer 3 has no namespaces of your own/,
			/roles\/storage\.objectViewer/,
			/OTHER_ACCOUNT/,
			/# no service_account_name/,
			/GKE cluster of your own/,
		],
	},
	'vpc-sc-denied': { two: [/since 2024-09-26 has no public PyPI/], three: [/access levels too/] },
	'network-egress-failure': { two: [], three: [/VPC attachment/, /--network-attachment=/] },
};

/** One story of each cause. */
const onePerCause = Map.groupBy(
	scenarios.filter(({ asks }) => asks !== 'file'),
	({ id, places }) => at(expected[id]?.verdict, places[0] ?? 'composer-2'),
)
	.values()
	.flatMap(([scenario]) => (scenario ? [{ id: scenario.id, scenario }] : []))
	.toArray();

describe('the same failure, with only the generation turned', () => {
	test.each(onePerCause)(
		'$id: exactly the advice differs that has to',
		async ({ scenario }) => {
			const place = scenario.places.find((one) => one === 'composer-2') ?? scenario.places[0];
			if (!place) throw new Error('it happens nowhere');
			const stage = await tell(scenario, place);
			try {
				const deps = botOn(stage);
				const told = await ask(scenario, deps);
				if (told.kind !== 'verdict') return;
				const [first] = told.verdict.findings;
				const rule = rules.find(({ id }) => id === first?.cause);
				const home = await deps.composer('prod')?.describe();
				if (!first || !rule || !home) throw new Error('no verdict');
				const lines = (generation: Generation): string[] =>
					rule
						.fix({ env: { ...home.environment, generation }, facts: first.facts, lang: 'en' })
						.flatMap(({ say, code }) => [...(say === undefined ? [] : [say]), ...(code?.split('\n') ?? [])])
						.filter((line) => line.trim() !== '');
				const [two, three] = [lines('composer-2'), lines('composer-3')];
				const differs = DIFFERS[first.cause] ?? NONE;
				const onlyTwo = two.filter((line) => !three.includes(line));
				const onlyThree = three.filter((line) => !two.includes(line));
				expect(onlyTwo.filter((line) => !differs.two.some((one) => one.test(line)))).toEqual([]);
				expect(onlyThree.filter((line) => !differs.three.some((one) => one.test(line)))).toEqual([]);
				for (const one of differs.two) expect(`${one}: ${onlyTwo.some((line) => one.test(line))}`).toBe(`${one}: true`);
				for (const one of differs.three)
					expect(`${one}: ${onlyThree.some((line) => one.test(line))}`).toBe(`${one}: true`);
			} finally {
				await stage.close();
			}
		},
		30_000,
	);
});

test('half a fix does not last: Terraform takes the members away again', async () => {
	const scenario = seedTraps.find(({ id }) => id === 'binding-overwritten');
	if (!scenario) throw new Error('no such story');
	const stage = await tell(scenario, 'composer-2');
	try {
		const told = await ask(scenario, botOn(stage));
		if (told.kind !== 'verdict') throw new Error('no verdict');
		// The resource that Terraform still manages is not named, so that line is left out.
		await applyFix(stage, told.verdict.findings[0]?.fix ?? []);
		expect((await stage.run('daily_ledger')).state).toBe('success');
		await stage.pass(3_600_000);
		expect((await stage.run('daily_ledger')).state).toBe('failed');
	} finally {
		await stage.close();
	}
});
