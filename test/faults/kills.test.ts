import { describe, expect, test } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import { inHouse, postsOf, runsOf } from './house.ts';
import type { House } from './house.ts';
import { people, quick } from './workspace.ts';

const UNWATCHED = 'watch: { environments: [] }\n';

// Each has processes of its own and mostly waits for a lock to run out, so they run side by side. Nothing is watched: the first
// call to Airflow is to be the command's.
const alone = (api: 1 | 2, work: (house: House) => Promise<void>) => (): Promise<void> =>
	inHouse({ slack: { workspace: people() }, airflow: { api, dags: [quick] }, settings: UNWATCHED }, work);

const typed = { user: 'U0ANN', channel: 'C0OPEN', text: '/dag trigger quick' };

async function green({ slack, airflow }: House): Promise<void> {
	await slack.until(() => slack.messages('C0OPEN').find(({ text }) => /succeeded/.test(text)), 25_000);
	// A late copy would come from whoever still holds a stale lease.
	await sleep(1500);
	expect([...runsOf(airflow).values()]).toEqual([1]);
	expect([...postsOf(slack).values()]).toEqual([1]);
	expect(slack.messages('C0OPEN').filter(({ ephemeralTo }) => ephemeralTo === undefined).length).toBe(1);
}

describe.each([1, 2] as const)('kill -9 of the worker, REST API v%s', (api) => {
	test.concurrent(
		'before Airflow is called: another one does it within 8 s',
		alone(api, async (all) => {
			const { slack, airflow, start } = all;
			await start('slack');
			const first = await start('worker');
			const held = airflow.holdNextReply('version');
			await slack.type(typed);
			await held.reached;
			await first.kill();
			held.release();
			await start('worker');
			const there = performance.now();
			await airflow.until(() => airflow.started().length > 0, 15_000);
			expect(performance.now() - there).toBeLessThan(8500);
			await green(all);
		}),
		120_000,
	);

	test.concurrent(
		"between Airflow's accept and our record: the run is adopted",
		alone(api, async (all) => {
			const { slack, airflow, start } = all;
			await start('slack');
			const first = await start('worker');
			const held = airflow.holdNextReply('trigger');
			await slack.type(typed);
			await held.reached;
			await first.kill();
			held.release();
			await start('worker');
			await green(all);
		}),
		120_000,
	);
});

test.concurrent(
	"kill -9 between Slack's accept and our record: the message is found",
	alone(2, async (all) => {
		const { slack, start } = all;
		await start('slack');
		const first = await start('worker');
		const held = slack.holdNextReply('chat.postMessage');
		await slack.type(typed);
		await held.reached;
		await first.kill();
		held.release();
		await start('worker');
		await green(all);
	}),
	120_000,
);

test.concurrent(
	'stopped past the lock while Slack answers: the one that wakes sends nothing',
	alone(2, async (all) => {
		const { slack, start } = all;
		await start('slack');
		const first = await start('worker');
		const held = slack.holdNextReply('chat.postMessage');
		await slack.type(typed);
		await held.reached;
		first.freeze();
		await start('worker');
		await sleep(15_000);
		first.thaw();
		held.release();
		await green(all);
	}),
	120_000,
);

test.concurrent(
	'stopped past the lock while Airflow answers: one run, one message',
	alone(2, async (all) => {
		const { slack, airflow, start } = all;
		await start('slack');
		const first = await start('worker');
		const held = airflow.holdNextReply('trigger');
		await slack.type(typed);
		await held.reached;
		first.freeze();
		await start('worker');
		await airflow.until(() => airflow.calls('trigger').length > 1, 15_000);
		first.thaw();
		held.release();
		await green(all);
	}),
	120_000,
);

test.concurrent(
	'SIGTERM: what is in hand is finished, and the process ends',
	alone(2, async (all) => {
		const { slack, start } = all;
		await start('slack');
		const first = await start('worker');
		const held = slack.holdNextReply('chat.postMessage');
		await slack.type(typed);
		await held.reached;
		const ended = first.stop();
		await sleep(300);
		held.release();
		expect(await ended).toBe(0);
		await start('worker');
		await green(all);
	}),
	120_000,
);

test.concurrent(
	'kill -9 of the Slack process with a mention in hand: Slack hands it to the next one, and it runs once',
	() =>
		inHouse(
			{
				slack: { workspace: people(), eventRetryMs: [500, 5000, 5000, 5000, 10_000] },
				airflow: { dags: [quick] },
				settings: UNWATCHED,
			},
			async (all) => {
				const { slack, start } = all;
				const first = await start('slack');
				const held = slack.holdNextReply('users.info');
				slack.say({ user: 'U0ANN', channel: 'C0OPEN', text: `<@${slack.botUserId}> trigger quick` });
				await held.reached;
				await first.kill();
				held.release();
				await start('slack');
				await start('worker');
				await slack.until(() => slack.messages('C0OPEN').find(({ text }) => /succeeded/.test(text)), 60_000);
				await sleep(1500);
				expect([...runsOf(all.airflow).values()]).toEqual([1]);
				expect([...postsOf(slack).values()]).toEqual([1]);
			},
		),
	180_000,
);
