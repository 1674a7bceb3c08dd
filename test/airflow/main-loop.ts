import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { airflow as connect } from '../../src/clients/airflow.ts';
import { http } from '../../src/clients/base/http.ts';
import type { RealAirflow } from '../../src/sandbox/real-airflow.ts';
import { startRedis, type SandboxRedis } from '../../src/sandbox/redis.ts';
import { startSlack } from '../../src/sandbox/slack/index.ts';
import type { SandboxMessage, SandboxSlack } from '../../src/sandbox/slack/types.ts';
import { postsOf, startProcess, type BotProcess } from '../faults/house.ts';
import { people } from '../faults/workspace.ts';

const LONG = 120_000;

/** The bot as it runs in production, between the Slack stand-in and a real Airflow. */
export function mainLoop(airflow: () => RealAirflow): void {
	describe('the main loop', () => {
		let slack: SandboxSlack;
		let redis: SandboxRedis;
		let bot: BotProcess;
		let folder: string;

		beforeAll(async () => {
			const { url, auth } = airflow();
			folder = await mkdtemp(join(tmpdir(), 'cm-real-loop-'));
			const settings = join(folder, 'concertmaster.yaml');
			await writeFile(settings, JSON.stringify({ everyone: 'operator', environments: { real: { url, auth } } }));
			[slack, redis] = await Promise.all([startSlack({ workspace: people() }), startRedis()]);
			bot = await startProcess('start', { slack, redis, settings, folder, by: 'socket' });
			await slack.untilSockets(1);
		}, LONG);
		afterAll(async () => {
			await bot?.stop();
			await Promise.all([slack?.close(), redis?.stop()]);
			await rm(folder, { recursive: true, force: true });
		}, LONG);

		/** Types it `deliveries` times and waits for the one public message to say what is expected. */
		async function told(text: string, expected: RegExp, deliveries = 1): Promise<SandboxMessage> {
			await slack.type({ user: 'U0ANN', channel: 'C0OPEN', text, deliveries });
			return slack.until(
				() =>
					slack.messages('C0OPEN').find((message) => message.via === 'chat.postMessage' && expected.test(message.text)),
				LONG,
			);
		}
		const answered = async (text: string, expected: RegExp): Promise<SandboxMessage> => {
			await slack.type({ user: 'U0ANN', channel: 'C0OPEN', text });
			return slack.until(
				() =>
					slack
						.messages('C0OPEN')
						.find(
							(message) =>
								message.ephemeralTo === 'U0ANN' && expected.test(message.text + JSON.stringify(message.blocks)),
						),
				LONG,
			);
		};

		test(
			'/dag trigger starts one run, however often it was delivered, and its one message tells the end',
			async () => {
				const message = await told('/dag trigger cm_success who="Ann & co"', /cm_success.*succeeded/s, 3);
				expect(message.edits.length).toBeGreaterThan(0);
				expect([...postsOf(slack).values()]).toEqual([1]);
				expect(JSON.stringify(message.blocks)).toContain(airflow().url);
			},
			LONG,
		);

		test(
			'a run that fails is told with its failed task',
			async () => {
				const message = await told('/dag trigger cm_fail', /cm_fail.*failed/s);
				expect(JSON.stringify(message.blocks)).toContain('divide');
			},
			LONG,
		);

		test(
			'a paused DAG, a broken DAG and an unknown one start nothing and say why',
			async () => {
				await answered('/dag trigger cm_paused', /paused/);
				await answered('/dag trigger cm_sucess', /cm_success/);
				expect(postsOf(slack).size).toBe(2);
			},
			LONG,
		);

		test(
			'/dag list, status, runs and doctor answer from it',
			async () => {
				await answered('/dag list cm_', /cm_success/);
				await answered('/dag status cm_fail', /failed/);
				await answered('/dag runs cm_success', /slack__/);
				// What the account may not do there is named, each with what it costs.
				await answered('/dag doctor', /Airflow real/);
			},
			LONG,
		);

		/** Asks, and clicks on the answer. */
		async function confirmed(text: string, question: RegExp): Promise<void> {
			const { ts } = await answered(text, question);
			await slack.click({ user: 'U0ANN', channel: 'C0OPEN', ts, actionId: 'dag:0' });
		}
		const said = (expected: RegExp): Promise<SandboxMessage> =>
			slack.until(
				() =>
					slack
						.messages('C0OPEN')
						.find(
							({ via, blocks, text }) => via === 'chat.postMessage' && expected.test(text + JSON.stringify(blocks)),
						),
				LONG,
			);

		test(
			'/dag rerun clears what it showed, once, and is followed; stop, pause and unpause do as they say',
			async () => {
				const { url, auth } = airflow();
				const client = connect({ url, auth }, http);
				await confirmed('/dag rerun cm_fail', /would be cleared/);
				await said(/cm_fail.*failed after.*Rerun by/s);
				const [run] = await client.runs('cm_fail', { limit: 1, state: ['failed'] });
				const divide = { dag: 'cm_fail', run: run?.run ?? '', task: 'divide', mapIndex: -1 };
				expect((await client.tries(divide)).map(({ tryNumber }) => tryNumber)).toEqual([1, 2]);
				expect(run?.note).toContain('cleared by');

				await told('/dag trigger cm_slow seconds=300', /cm_slow.*(queued|running)/s);
				await confirmed('/dag stop cm_slow', /Stop this run/);
				await said(/stopped a run of/);
				expect((await client.runs('cm_slow', { limit: 1 }))[0]?.state).toBe('failed');

				await confirmed('/dag pause cm_params', /Pause .*cm_params/s);
				await said(/ paused .*cm_params/s);
				expect((await client.dag('cm_params'))?.paused).toBe(true);
				await confirmed('/dag unpause cm_params', /Unpause .*cm_params/s);
				await said(/ unpaused .*cm_params/s);
				expect((await client.dag('cm_params'))?.paused).toBe(false);
			},
			2 * LONG,
		);
	});
}
