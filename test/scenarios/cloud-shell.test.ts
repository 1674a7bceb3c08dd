import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { demoBroken, demoDags } from '../../src/sandbox/airflow/index.ts';
import { openCloudShell, workspaceWithShell } from '../../src/sandbox/cloud-shell.ts';
import { startDemoCloud, type DemoCloud } from '../../src/sandbox/demo-google.ts';
import { startSlack, type SandboxSlack } from '../../src/sandbox/slack/index.ts';

let cloud: DemoCloud;
let slack: SandboxSlack;
let end: () => void;
beforeAll(async () => {
	[cloud, slack] = await Promise.all([
		startDemoCloud({
			project: 'demo-project',
			location: 'europe-west1',
			token: 'ya29.demo',
			dags: demoDags,
			broken: demoBroken,
		}),
		startSlack({ workspace: workspaceWithShell() }),
	]);
	end = openCloudShell(slack, cloud);
});
afterAll(async () => {
	end();
	await Promise.all([cloud.close(), slack.close()]);
});

/** What the shell answers in the thread. */
async function paste(text: string, channel = 'C0SHELL'): Promise<string> {
	const { ts } = slack.say({ user: 'U0EVAN', channel, text });
	return slack.until(() => slack.messages(channel).find((one) => one.threadTs === ts)?.text, 5000);
}

const sa = 'composer-prod@demo-project.iam.gserviceaccount.com';

test('a posted command is run in the project; one that Google refuses says why', async () => {
	const grant = `gcloud projects add-iam-policy-binding demo-project --member=serviceAccount:${sa} --role=roles/bigquery.jobUser --condition=None`;
	expect(await paste(grant)).toContain('done.');
	expect(cloud.world.project.policy.bindings.find(({ role }) => role === 'roles/bigquery.jobUser')?.members).toEqual([
		`serviceAccount:${sa}`,
	]);
	expect(await paste(grant.replace('roles/bigquery.jobUser', 'roles/nobody.knows'))).toMatch(
		/ERROR: Role roles\/nobody\.knows/,
	);
	expect(
		await paste('gcloud projects add-iam-policy-binding demo-project --member=nobody --role=roles/viewer'),
	).toContain('is no member');
	expect(
		await paste('gcloud secrets add-iam-policy-binding SECRET_ID --member=user:a@b.example --role=roles/viewer'),
	).toContain('to be filled in first: SECRET_ID');
});

test('a script in a code block, quotes and all, where the bot posts as well', async () => {
	const script = [
		'```',
		'# its own account',
		'PROJECT=demo-project',
		'gcloud iam service-accounts create pods --project="$PROJECT"',
		'```',
	];
	expect(await paste(script.join('\n'), 'C0PIPELINES')).toContain('gcloud iam service-accounts create pods');
	expect(cloud.world.accounts.has('pods@demo-project.iam.gserviceaccount.com')).toBe(true);
});

test('a snippet of Python changes a DAG, and its next run is another', async () => {
	expect(
		await paste(
			'edit score_customers KubernetesPodOperator(container_resources=k8s.V1ResourceRequirements(limits={"memory": "8Gi"}))',
		),
	).toContain('`score_customers` is changed');
	const step = cloud.prod.physics.dag('score_customers')?.tasks[0]?.needs?.steps?.[0];
	expect(step?.kind === 'pod' && step.pod.memoryGb).toBe(8);
	expect(await paste('edit score_customers print("nothing")')).toContain('Nothing in that snippet');
});

test('talk is left alone', async () => {
	const before = slack.messages('C0PIPELINES').length;
	slack.say({ user: 'U0ANA', channel: 'C0PIPELINES', text: 'does gcloud work here?' });
	await new Promise((done) => setTimeout(done, 100));
	expect(slack.messages('C0PIPELINES')).toHaveLength(before + 1);
});
