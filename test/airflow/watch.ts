import { afterAll, beforeAll, describe, test } from '@jest/globals';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { airflow as airflowClient } from '../../src/clients/airflow.ts';
import { http } from '../../src/clients/base/http.ts';
import type { Airflow } from '../../src/domain/airflow.ts';
import type { RealAirflow } from '../../src/sandbox/real-airflow.ts';
import { startRedis, type SandboxRedis } from '../../src/sandbox/redis.ts';
import { startSlack } from '../../src/sandbox/slack/index.ts';
import type { SandboxMessage, SandboxSlack } from '../../src/sandbox/slack/types.ts';
import { startProcess, type BotProcess } from '../faults/house.ts';
import { people } from '../faults/workspace.ts';

const LONG = 120_000;

/** Deaths that run no callback, told in the channel without touching any DAG: the bot as it runs, a real Airflow. */
export function watch(airflow: () => RealAirflow): void {
	describe('the watch', () => {
		let slack: SandboxSlack;
		let redis: SandboxRedis;
		let bot: BotProcess;
		let folder: string;
		let client: Airflow;

		beforeAll(async () => {
			const { url, auth, users } = airflow();
			const admin = { kind: auth.kind, ...users.admin };
			client = airflowClient({ url, auth: admin }, http);
			folder = await mkdtemp(join(tmpdir(), 'cm-real-watch-'));
			const settings = join(folder, 'concertmaster.yaml');
			const alerts = { channel: 'C0OPEN', tries: 'all' };
			// Five times as often as usual: files that do not import are looked at every forty beats.
			const watch = { everySeconds: 1 };
			await writeFile(
				settings,
				JSON.stringify({ everyone: 'operator', environments: { real: { url, auth: admin } }, alerts, watch }),
			);
			[slack, redis] = await Promise.all([startSlack({ workspace: people() }), startRedis()]);
			bot = await startProcess('start', { slack, redis, settings, folder, by: 'socket' });
			await slack.untilSockets(1);
			// From its first look on.
			await sleep(6000);
		}, LONG);
		afterAll(async () => {
			await bot?.stop();
			await Promise.all([slack?.close(), redis?.stop()]);
			await rm(folder, { recursive: true, force: true });
		}, LONG);

		/** The card that speaks of this, as it reads when it says what is expected. */
		async function card(of: string, expected: RegExp): Promise<SandboxMessage> {
			const reads = ({ text, blocks }: SandboxMessage): string => text + JSON.stringify(blocks);
			const cards = (): SandboxMessage[] =>
				slack
					.messages('C0OPEN')
					.filter((message) => message.via === 'chat.postMessage' && message.threadTs === undefined)
					.filter((message) => reads(message).includes(of));
			try {
				return await slack.until(() => cards().find((message) => expected.test(reads(message))), LONG);
			} catch {
				throw new Error(`No card of ${of} says ${expected}:\n${cards().map(reads).join('\n') || 'no card at all'}`);
			}
		}
		const run = (dag: string, conf = {}): Promise<unknown> =>
			client.trigger({ dag, run: `watch__${dag}__${Date.now()}`, conf, note: 'test' });

		test(
			'told with their causes: SIGKILL of a task, of its supervisor, of the worker; a memory limit; a retry that went well a second later',
			async () => {
				await Promise.all([run('cm_sigkill'), run('cm_supervisor'), run('cm_retry'), run('cm_memory')]);
				const killed = /was killed because the worker ran out of memory/;
				const sigkill = await card('cm_sigkill', killed);
				await card('cm_retry', /🟢|✅|recovered/u);
				await card('cm_memory', killed);
				await card('cm_supervisor', /heartbeat|was killed|state/);
				await run('cm_slow', { seconds: 300 });
				await sleep(8000);
				await airflow().kill('worker');
				await card('cm_slow', /The scheduler lost the task's heartbeat \(zombie\)/);

				const dead = await client.endedTaskInstances({
					states: ['failed'],
					since: new Date(Date.now() - 2 * LONG).toISOString(),
				});
				const ends = dead
					.filter(({ dag }) => dag === 'cm_sigkill')
					.map(({ endedAt }) => Date.parse(endedAt ?? '') / 1000)
					.filter((at) => at < Number(sigkill.ts));
				const delay = Number(sigkill.ts) - Math.max(...ends);
				process.stderr.write(
					`Airflow ${airflow().version}: looked at every second, a SIGKILL was told ${delay.toFixed(1)} s after the task's end\n`,
				);
			},
			2 * LONG,
		);

		test(
			'a file that stops importing, and its end',
			async () => {
				const file = join(airflow().dags, 'cm_late.py');
				// Only files that speak of airflow and of a dag are looked at (dag_discovery_safe_mode).
				await writeFile(file, 'from airflow import DAG\nimport a_module_that_came_to_nothing\n');
				const seen = async (): Promise<boolean> =>
					(await client.importErrors()).some((one) => one.file.includes('cm_late'));
				for (const until = Date.now() + LONG; Date.now() < until && !(await seen());) await sleep(1000);
				if (!(await seen())) throw new Error('Airflow itself has not noticed the file.');
				await card('cm_late', /a_module_that_came_to_nothing/);
				await writeFile(file, 'from airflow import DAG\nimport json\n');
				await card('cm_late', /🟢|✅/u);
			},
			2 * LONG,
		);
	});
}
