import { beforeAll, describe, expect, test } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import { execute } from '../../commands/execute.ts';
import { airflow as airflowClient } from '../../src/clients/airflow.ts';
import { http } from '../../src/clients/base/http.ts';
import type { Airflow } from '../../src/domain/airflow.ts';
import type { Lang } from '../../src/domain/text.ts';
import type { RealAirflow } from '../../src/sandbox/real-airflow.ts';
import { asker, fakeDeps, shown, typed } from '../commands/house.ts';

const LONG = 120_000;

/** Real failures, asked about as a person would: `/dag diagnose`. */
export function causes(airflow: () => RealAirflow): void {
	describe('diagnose', () => {
		let client: Airflow;
		beforeAll(async () => {
			const { url, auth, users } = airflow();
			// Airflow 2 shows its event log to nobody below Admin.
			client = airflowClient({ url, auth: { kind: auth.kind, ...users.admin } }, http);
			const files = ['cm_fail', 'cm_no_connection', 'cm_kube'];
			const read = async (): Promise<boolean> =>
				(await Promise.all(files.map((dag) => client.dag(dag)))).every((dag) => dag !== undefined) &&
				(await client.importErrors()).length > 0;
			for (const until = Date.now() + LONG; Date.now() < until && !(await read());) await sleep(500);
		}, LONG);

		async function said(words: string, lang: Lang = 'en'): Promise<string[]> {
			const { reply } = await execute(typed(words), asker({ lang }), fakeDeps({ real: client }));
			return shown(reply);
		}

		/** Runs it to its end and asks why. */
		async function failed(dag: string): Promise<string[]> {
			const run = `cause__${dag}__${Date.now()}`;
			await client.trigger({ dag, run, note: 'test' });
			for (const until = Date.now() + 100_000; Date.now() < until; await sleep(500)) {
				const state = (await client.run(dag, run))?.state;
				if (state === 'failed') return said(`diagnose ${dag}`);
				if (state === 'success') throw new Error(`${dag} went well`);
			}
			throw new Error(`${dag} has not ended`);
		}

		test.each([
			['cm_fail', "🎯 *The DAG's own code failed* (confirmed)", 'ZeroDivisionError: division by zero'],
			['cm_no_connection', '🔎 *An Airflow Connection or Variable is not defined* (likely)', 'cm_no_such_connection'],
			[
				'cm_sigkill',
				'🔎 *The task was killed because the worker ran out of memory* (likely)',
				'SIGKILL|return code -9',
			],
			['cm_kube', 'The Kubernetes API refuses pods to the operator (pods is forbidden)', 'pods is forbidden'],
			['cm_timeout', 'The task ran longer than its execution_timeout', 'Timeout'],
		])(
			'%s: the cause and the line that decides it',
			async (dag, cause, line) => {
				const told = await failed(dag);
				expect(told.find((one) => /^(?:🎯|🔎|🤔|❔)/u.test(one))).toContain(cause);
				expect(told.filter((one) => one.startsWith('| ')).join('\n')).toMatch(new RegExp(line));
				expect(told).not.toContain('*What I could not read*');
			},
			LONG,
		);

		test(
			'a worker that is killed with its task',
			async () => {
				const run = `cause__killed__${Date.now()}`;
				await client.trigger({ dag: 'cm_slow', run, conf: { seconds: 300 }, note: 'test' });
				const state = async () => (await client.taskInstances('cm_slow', run))[0]?.state;
				for (const until = Date.now() + 60_000; Date.now() < until && (await state()) !== 'running';) await sleep(300);
				await sleep(3000);
				await airflow().kill('worker');
				for (const until = Date.now() + 100_000; Date.now() < until && (await state()) !== 'failed';) await sleep(1000);
				const told = await said(`diagnose cm_slow wait ${run}`);
				expect(told.find((one) => /^(?:🎯|🔎|🤔|❔)/u.test(one))).toContain(
					"The scheduler lost the task's heartbeat (zombie)",
				);
			},
			2 * LONG,
		);

		test(
			'a task that only waited for another is explained by that one',
			async () => {
				expect((await said('diagnose cm_fail report')).join('\n')).toContain(
					'This is about the first that failed, divide.',
				);
			},
			LONG,
		);

		test(
			'a file that does not import',
			async () => {
				const told = await said('diagnose cm_broken');
				expect(told[0]).toBe('💥 Airflow cannot import `cm_broken.py`');
				expect(told).toContain('🎯 *The DAG file does not import (Broken DAG)* (confirmed)');
				expect(told.join('\n')).toContain('a_module_that_does_not_exist');
			},
			LONG,
		);

		test(
			'stopped by hand: the event log names who',
			async () => {
				const run = `cause__stopped__${Date.now()}`;
				await client.trigger({ dag: 'cm_slow', run, conf: { seconds: 60 }, note: 'test' });
				for (const until = Date.now() + 60_000; Date.now() < until; await sleep(300))
					if ((await client.taskInstances('cm_slow', run)).some(({ state }) => state === 'running')) break;
				await sleep(2000);
				await client.setRunState('cm_slow', run, 'failed');
				await sleep(8000);
				const told = (await said('diagnose cm_slow wait')).join('\n');
				expect(told).toContain(
					'The task was stopped from outside: its state was changed or it was told to end* (confirmed)',
				);
				expect(told).toMatch(/Stopped by admin: `[\w.]+` at \d\d:\d\d UTC/);
			},
			LONG,
		);
	});
}
