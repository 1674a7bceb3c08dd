import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Airflow } from '../../src/domain/airflow.ts';
import { startRedis } from '../../src/sandbox/redis.ts';
import { startSlack } from '../../src/sandbox/slack/index.ts';
import type { SandboxMessage } from '../../src/sandbox/slack/types.ts';
import { startProcess, type BotProcess } from '../faults/house.ts';
import { people } from '../faults/workspace.ts';
import { countingDoor, type Counted } from './counting.ts';
import { startSoakAirflow } from './soak-airflow.ts';

const HEALTHY = [
	'cm_healthy_short',
	'cm_healthy_mapped',
	'cm_healthy_long',
	'cm_healthy_deferred',
	'cm_healthy_skipped',
];
/** At its usual pace, for each minute: runs every five seconds, task instances every ten. */
const PACE = { runs: 12, tasks: 6 };
/** Airflow's own defaults, in place of those that let tests wait less: a task without a heartbeat for 20 s on a busy machine is ended, and that is a failure. */
const SETTINGS = {
	AIRFLOW__SCHEDULER__SCHEDULER_ZOMBIE_TASK_THRESHOLD: '300',
	AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT: '300',
};
const TOLD_WITHIN_MS = 120_000;

export type Healthy = {
	soak: 'healthy';
	airflow: string;
	minutes: number;
	/** What Airflow did meanwhile, by its own word. */
	did: { runs: number; tasks: number; mapped: number; skipped: number; longestSeconds: number; mostAtOnce: number };
	/** Must be none, or it was not healthy. */
	failed: number;
	/** What the bot asked of Airflow meanwhile. */
	asked: Counted;
	/** Everything that was written in Slack meanwhile, whoever saw it. */
	told: string[];
	/** From the end of a task that then failed to its message; null: it was not told. */
	failureToldAfterSeconds: number | null;
	good: boolean;
};

/**
 * Healthy DAGs on a real Airflow, watched at the usual pace by the bot's own processes: nothing is told. Then one task fails,
 * and that is told: silence was not blindness.
 */
export async function soakHealthy(
	generation: 2 | 3,
	minutes: number,
	{ say, report }: { say: (line: string) => void; report: (result: Healthy) => void },
): Promise<void> {
	const endings: (() => Promise<unknown>)[] = [];
	try {
		const { airflow, auth, client } = await startSoakAirflow(generation, {
			say,
			concurrency: 8,
			settings: SETTINGS,
			dags: [...HEALTHY, 'cm_unhealthy'],
		});
		endings.push(() => airflow.stop());
		const door = await countingDoor(airflow.url);
		endings.push(() => door.close());
		const [slack, redis] = await Promise.all([startSlack({ workspace: people() }), startRedis()]);
		endings.push(
			() => slack.close(),
			() => redis.stop(),
		);
		const folder = await mkdtemp(join(tmpdir(), 'cm-healthy-'));
		endings.push(() => rm(folder, { recursive: true, force: true }));
		const settings = join(folder, 'concertmaster.yaml');
		await writeFile(
			settings,
			JSON.stringify({
				everyone: 'operator',
				environments: { real: { url: door.url, auth } },
				alerts: { channel: 'C0OPEN', adminChannel: 'C0OTHER', tries: 'all' },
			}),
		);
		const parts = { slack, redis, settings, folder, by: 'socket' as const };
		const bots: BotProcess[] = [];
		endings.push(() => Promise.all(bots.map((bot) => bot.stop())));
		for (const part of ['slack', 'worker'] as const) bots.push(await startProcess(part, parts));
		await slack.untilSockets(1);
		for (const dag of HEALTHY) await client.setPaused(dag, false);

		say(`Airflow ${airflow.version}: ${minutes} minutes of healthy DAGs, watched…`);
		const since = new Date().toISOString();
		const before = door.counted();
		await sleep(minutes * 60_000);
		const after = door.counted();
		const told = slack.allMessages().map(words);
		const { did, failed } = await whatWas(client, since);

		const failureToldAfterSeconds = await untilTold(client, () => slack.messages('C0OPEN'));
		const asked = {
			runs: after.runs - before.runs,
			tasks: after.tasks - before.tasks,
			health: after.health - before.health,
			other: after.other - before.other,
			refused: after.refused - before.refused,
		};
		const watched = asked.runs >= 0.8 * PACE.runs * minutes && asked.tasks >= 0.8 * PACE.tasks * minutes;
		const good = watched && did.runs > 0 && failed === 0 && told.length === 0 && failureToldAfterSeconds !== null;
		report({
			soak: 'healthy',
			airflow: airflow.version,
			minutes,
			did,
			failed,
			asked,
			told,
			failureToldAfterSeconds,
			good,
		});
		if (!good) say(bots.map((bot) => `── ${bot.part}\n${bot.log()}`).join('\n'));
	} finally {
		for (const end of endings.toReversed()) await end();
	}
}

async function whatWas(client: Airflow, since: string): Promise<Pick<Healthy, 'did' | 'failed'>> {
	const limit = 10_000;
	const runs = await client.endedRuns({ since, states: ['success', 'failed'], limit });
	const states = ['success', 'skipped', 'failed', 'up_for_retry', 'upstream_failed'];
	const tasks = await client.endedTaskInstances({ since, states, limit });
	const well = tasks.filter(({ state }) => state === 'success');
	const spans = well.map(({ startedAt, endedAt }) => ({
		start: Date.parse(startedAt ?? ''),
		end: Date.parse(endedAt ?? ''),
	}));
	const atOnce = spans.map(({ start }) => spans.filter((other) => other.start <= start && start < other.end).length);
	return {
		did: {
			runs: runs.filter(({ state }) => state === 'success').length,
			tasks: well.length,
			mapped: well.filter(({ mapIndex }) => mapIndex >= 0).length,
			skipped: tasks.filter(({ state }) => state === 'skipped').length,
			longestSeconds: Math.round(Math.max(0, ...spans.map(({ start, end }) => end - start)) / 1000),
			mostAtOnce: Math.max(0, ...atOnce),
		},
		failed:
			runs.filter(({ state }) => state === 'failed').length +
			tasks.filter(({ state }) => !['success', 'skipped'].includes(state)).length,
	};
}

/** One task fails; seconds from its end to its card, null when there is none in time. */
async function untilTold(client: Airflow, messages: () => readonly SandboxMessage[]): Promise<number | null> {
	const run = 'provoked';
	await client.trigger({ dag: 'cm_unhealthy', run, note: 'soak' });
	for (const until = Date.now() + TOLD_WITHIN_MS; Date.now() < until; await sleep(500)) {
		const card = messages().find((message) => words(message).includes('cm_unhealthy'));
		if (!card) continue;
		const [task] = await client.taskInstances('cm_unhealthy', run);
		return Math.round(10 * (Number(card.ts) - Date.parse(task?.endedAt ?? '') / 1000)) / 10;
	}
	return null;
}

const words = ({ channel, text, blocks }: SandboxMessage): string => `${channel}: ${text} ${JSON.stringify(blocks)}`;
