import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { fork, type ChildProcess } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { demoBroken, demoDags } from '../../src/sandbox/airflow/index.ts';
import { workspaceWithShell } from '../../src/sandbox/cloud-shell.ts';
import { startDemoCloud, type DemoCloud } from '../../src/sandbox/demo-google.ts';
import { startRedis, type SandboxRedis } from '../../src/sandbox/redis.ts';
import { startSlack } from '../../src/sandbox/slack/index.ts';
import type { SandboxMessage, SandboxSlack } from '../../src/sandbox/slack/types.ts';

/** The seed's case, in the demo with a real process of the bot: workers too small, `Errno 107`, the default concurrency. */
const DAG = 'product_thumbnails';
const [ADMIN, SECOND] = ['U0PRIYA', 'U0EVAN'];
const [ALERTS, HERE] = ['C0ALERTS', 'C0PIPELINES'];
const SIZE = 'worker memory 1.875 → 3.25 GB; worker_concurrency kept at 6';

let cloud: DemoCloud;
let slack: SandboxSlack;
let redis: SandboxRedis;
let folder: string;
let bot: ChildProcess | undefined;
beforeEach(async () => {
	const project = { project: 'demo-project', location: 'europe-west1' };
	[cloud, slack, redis, folder] = await Promise.all([
		startDemoCloud({ ...project, token: 'ya29.demo', dags: demoDags, broken: demoBroken }),
		startSlack({ workspace: workspaceWithShell() }),
		startRedis(),
		mkdtemp(join(tmpdir(), 'cm-sizing-')),
	]);
	cloud.world.updateMs = 5000;
	const { rootUrl, loggingEndpoint } = cloud.google;
	const settings = join(folder, 'concertmaster.yaml');
	await writeFile(
		settings,
		stringify({
			roles: [{ role: 'operator' }, { role: 'admin', users: [ADMIN, SECOND] }],
			environments: { staging: { composer: { ...project, name: 'staging', rootUrl, loggingEndpoint } } },
			scaling: { apply: true },
			alerts: { channel: ALERTS },
			watch: { lookBackMinutes: 90 },
		}),
	);
	bot = await started({
		SLACK_BOT_TOKEN: slack.botToken,
		SLACK_APP_TOKEN: slack.appToken,
		SLACK_APP_ID: slack.appId,
		SLACK_API_URL: slack.apiUrl,
		REDIS_URL: redis.url,
		CONCERTMASTER_CONFIG: settings,
		GOOGLE_OAUTH_ACCESS_TOKEN: cloud.token,
		LOG_LEVEL: 'warn',
	});
});
afterEach(async () => {
	bot?.kill('SIGKILL');
	await Promise.all([cloud.close(), slack.close(), redis.stop()]);
	await rm(folder, { recursive: true, force: true });
});

/** The bot as `npm start` runs it, once it takes work. */
async function started(variables: Readonly<Record<string, string>>): Promise<ChildProcess> {
	const child = fork(new URL('../../src/main.ts', import.meta.url), ['start'], {
		cwd: folder,
		env: { PATH: process.env['PATH'], ...variables },
		execArgv: [],
		stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
	});
	let said = '';
	child.stderr?.setEncoding('utf8').on('data', (text: string) => (said += text));
	await new Promise((done, refuse) => {
		child.once('message', done);
		child.once('exit', () => refuse(new Error(`the bot did not start:\n${said}`)));
	});
	return child;
}

/** What stands in it to be read, the words of one line without what lies between them. */
const textOf = ({ blocks }: Pick<SandboxMessage, 'blocks'>): string => wordsIn(blocks).join('');
function wordsIn(value: unknown): string[] {
	if (typeof value !== 'object' || value === null) return [];
	return Object.entries(value).flatMap(([key, inner]) =>
		key === 'text' && typeof inner === 'string' ? [inner] : wordsIn(inner),
	);
}

/** The message that says all of this, as soon as it does. */
async function seen(channel: string, ...said: readonly string[]): Promise<SandboxMessage> {
	const all = (): SandboxMessage[] => slack.messages(channel).filter(({ deleted }) => !deleted);
	try {
		return await slack.until(() => all().find((one) => said.every((each) => textOf(one).includes(each))), 60_000);
	} catch {
		throw new Error(`Nothing says all of ${said.join(' | ')}:\n${all().map(textOf).join('\n\n')}`);
	}
}

async function click(user: string, label: string, { channel, ts, blocks }: SandboxMessage): Promise<void> {
	const labelled = JSON.stringify(label);
	const actionId = new RegExp(`"action_id":"(dag:\\d+)","text":\\{"type":"plain_text","text":${labelled}`).exec(
		JSON.stringify(blocks),
	)?.[1];
	if (actionId === undefined) throw new Error(`There is no button ${label} on ${JSON.stringify(blocks)}`);
	await slack.click({ user, channel, ts, actionId });
}

test('a worker that is too small: the card suggests a size, /dag scale shows it with its chart, two admins apply it, and the same run goes well', async () => {
	const { airflow, environment } = cloud.staging;
	const [run] = airflow.runs(DAG).filter(({ state }) => state === 'failed');
	const card = await seen(ALERTS, DAG, 'Errno 107', `💡 Or another size: ${SIZE}`, 'Size advice');

	await slack.type({ user: ADMIN, channel: HERE, text: '/dag scale --env staging' });
	const advice = await seen(HERE, `staging: ${SIZE}`);
	expect(advice.ephemeralTo).toBe(ADMIN);
	const blocks = advice.blocks.map(({ type }) => type);
	expect(blocks.filter((type) => type === 'data_visualization')).toHaveLength(2);
	for (const said of [
		'Worker memory peaks at 100 % of 1.875 GB',
		'Memory peak of a worker',
		'≥ ',
		'--worker-memory=3.25GB',
		'--update-airflow-configs=celery-worker_concurrency=6',
		'a month: $',
		'Risk: these are 2 updates',
	])
		expect(textOf(advice)).toContain(said);

	await click(ADMIN, 'Apply…', advice);
	const asked = await seen(HERE, 'asks to change staging', SIZE);
	expect(environment.settings.workloads.worker.memoryGb).toBe(1.875);
	await click(SECOND, 'Approve', asked);
	const done = await seen(HERE, 'staging was changed', 'Approved by', 'evan', 'Revert');
	expect(done.ts).toBe(asked.ts);
	// The operation was followed in it.
	expect(done.edits.map(textOf).join('\n')).toMatch(
		/being changed[^]*Update 1 of 2 is under way[^]*Update 2 of 2 is under way/,
	);
	expect(cloud.staging.environment.settings.workloads.worker).toMatchObject({
		memoryGb: 3.25,
		minCount: 1,
		maxCount: 3,
	});
	expect(cloud.staging.environment.settings.airflowConfigOverrides).toMatchObject({ 'celery-worker_concurrency': '6' });

	// The run that failed, once more.
	await click(ADMIN, 'Rerun', card);
	await click(ADMIN, 'Rerun these 6', await seen(ALERTS, 'would be cleared'));
	await seen(ALERTS, `${DAG} succeeded`);
	await seen(ALERTS, '🟢', 'ecovered after');
	expect(airflow.run(DAG, run?.run ?? '')?.state).toBe('success');
}, 300_000);
