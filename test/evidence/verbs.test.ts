import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { execute } from '../../commands/execute.ts';
import { airflow as airflowClient } from '../../src/clients/airflow.ts';
import { fixedToken } from '../../src/clients/base/google.ts';
import { http } from '../../src/clients/base/http.ts';
import { composer } from '../../src/clients/composer.ts';
import type { Airflow } from '../../src/domain/airflow.ts';
import type { Lang } from '../../src/domain/text.ts';
import { contractDags, demoDags, type SandboxAirflow } from '../../src/sandbox/airflow/index.ts';
import { startGoogle, type SandboxGoogle } from '../../src/sandbox/google/index.ts';
import { addCaller, addEnvironment, addOperation } from '../../src/sandbox/world/environments.ts';
import { openWorld } from '../../src/sandbox/world/world.ts';
import { runNews } from '../../worker/run-news.ts';
import { asker, clientOf, fakeDeps, sandboxAirflow, shown, typed } from '../commands/house.ts';

const leaky = {
	id: 'leaky',
	owner: 'finance',
	tags: [],
	file: 'leaky.py',
	tasks: [
		{
			id: 'call',
			operator: 'PythonOperator',
			ms: 50,
			endings: [
				{
					raises: {
						type: 'ValueError',
						message: 'password=hunter2hunter2 <!channel> <https://evil.example|click>',
						line: 3,
						function: 'call',
					},
				},
			] as const,
		},
	],
};

describe.each([1, 2] as const)('diagnose, logs and health on REST v%i', (api) => {
	let sandbox: SandboxAirflow;
	/** Airflow 2 shows its event log to nobody below Admin. */
	let admin: Airflow;
	beforeAll(async () => {
		({ sandbox } = await sandboxAirflow({ api, dags: [...contractDags, ...demoDags, leaky], speed: 40 }));
		const kind = api === 1 ? ('basic' as const) : ('jwt' as const);
		admin = airflowClient(
			{ url: sandbox.url, auth: { kind, username: 'admin', password: 'admin' }, timeoutMs: 1500 },
			http,
		);
		for (const dag of ['cm_fail', 'cm_sigkill', 'cm_retry', 'crm_sync', 'warehouse_export', 'ghost_task', 'leaky']) {
			const run = sandbox.foreignRun({ dag, run: `manual__${dag}` });
			await sandbox.until(() => run.state === 'failed' || run.state === 'success');
		}
	}, 30_000);
	afterAll(() => sandbox.close());
	afterEach(() => sandbox.clearFaults());

	async function say(words: string, options: { lang?: Lang; client?: typeof admin } = {}): Promise<string[]> {
		const { lang = 'en', client = admin } = options;
		const deps = fakeDeps({ prod: client });
		const { reply } = await execute(typed(words), asker({ lang }), deps);
		expect(deps.logged.filter(({ level }) => level === 'error')).toEqual([]);
		return shown(reply);
	}
	const cause = (said: readonly string[]) => said.find((one) => /^(?:🎯|🔎|🤔|❔)/u.test(one));

	test.each([
		['cm_fail', "🎯 *The DAG's own code failed* (confirmed)", /\| ZeroDivisionError: division by zero/],
		[
			'crm_sync',
			'🔎 *An Airflow Connection or Variable is not defined* (likely)',
			/The conn_id `crm_default` isn't defined/,
		],
		[
			'warehouse_export',
			'🔎 *BigQuery refused the query or the table (accessDenied)* (likely)',
			/\| .*bigquery\.jobs\.create permission/,
		],
		[
			'cm_sigkill',
			'🔎 *The task was killed because the worker ran out of memory* (likely)',
			/\| .*(?:SIGKILL|code -9)/,
		],
	])('%s: cause, deciding line and fix', async (dag, expected, line) => {
		const said = await say(`diagnose ${dag}`);
		expect(said[0]).toMatch(/^🩺 Why `\w+` of `\w+` failed$/);
		expect(cause(said)).toBe(expected);
		expect(said.join('\n')).toMatch(line);
		expect(said.join('\n')).toMatch(/Line \d+ of the task log:/);
		expect(said).toContain('*Fix*');
		expect(said.at(-1)).toMatch(/\[Logs\] \[Open in Airflow\]$/);
	});

	test('a try without any log: the event log says what became of it', async () => {
		const said = await say('diagnose ghost_task');
		expect(cause(said)).toBe(
			'🎯 *Executor and database disagree: the worker could not start the task or died at once* (confirmed)',
		);
		expect(said.join('\n')).toContain('The scheduler noted a state mismatch at ');
	});

	if (api === 1)
		test('what may not be read lowers the status and is said, with what it takes', async () => {
			const said = await say('diagnose ghost_task', { client: clientOf(sandbox, 1, 'viewer') });
			expect(cause(said)).not.toContain('(confirmed)');
			expect(said.join('\n')).toMatch(
				/\*What I could not read\*\n- Airflow's event log: .*needs can_read on Audit Logs/,
			);
		});

	test('one source after the other away: told, and never an error', async () => {
		for (const op of ['eventLogs', 'importErrors', 'health'] as const) {
			const back = sandbox.faults({ op, kind: '500' });
			const said = (await say('diagnose ghost_task')).join('\n');
			back();
			expect(said).toContain('*What I could not read*');
			if (op === 'eventLogs') expect(said).not.toContain('(confirmed)');
		}
	});

	test('the log away: told', async () => {
		sandbox.faults({ op: 'log', kind: '500' });
		expect((await say('diagnose cm_fail')).join('\n')).toContain('- the task log: ');
	});

	test('calls: a fixed number, and none that no candidate asked for', async () => {
		const before = sandbox.calls().length;
		await say('diagnose cm_fail');
		const ops = sandbox
			.calls()
			.slice(before)
			.map(({ op }) => op);
		expect(ops.filter((op) => op !== 'token' && op !== 'version').sort()).toEqual(['dag', 'log', 'runs', 'tasks']);
	});

	test('from a task that only waited to the one that failed', async () => {
		const said = await say('diagnose cm_fail report', { lang: 'ja' });
		expect(said[0]).toBe('🩺 `cm_fail` の `divide` が失敗した原因');
		expect(said[2]).toContain('最初に失敗した divide を診断しました');
		expect(cause(said)).toBe('🎯 *DAG 自身のコードでエラーが発生しました*（確定）');
	});

	test('a try that a later one healed', async () => {
		const said = await say('diagnose cm_retry flaky');
		expect(said[0]).toBe('🩺 Why `flaky` of `cm_retry` failed (try 1 of 3)');
		expect(said).toContain('(✅ A later try went well.)');
		expect((await say('diagnose cm_retry'))[0]).toBe('✅ Nothing of `cm_retry` failed');
	});

	test.each([
		(url: string) => `${url}/dags/cm_fail/runs/manual__cm_fail/tasks/divide?try_number=1`,
		(url: string) => `${url}/dags/cm_fail/grid?dag_run_id=manual__cm_fail&task_id=divide`,
	])('a pasted address, form %#', async (address) => {
		expect((await say(`diagnose ${address(sandbox.url)}`))[0]).toBe('🩺 Why `divide` of `cm_fail` failed');
	});

	test('an address of somebody else is asked nothing', async () => {
		expect((await say('diagnose https://evil.example/dags/cm_fail'))[0]).toBe(
			'⚠️ https://evil.example is not the address of an environment that you may see here.',
		);
		expect((await say('diagnose https://evil.example/'))[0]).toBe('⚠️ This address names no DAG that I can read.');
	});

	test('a file that does not import, with or without its DAG', async () => {
		for (const [words, module] of [
			['diagnose marketing_attribution', 'attribution_lib'],
			['diagnose attribution', 'attribution_lib'],
		] as const) {
			const said = await say(words);
			expect(said[0]).toBe('💥 Airflow cannot import `attribution.py`');
			expect(cause(said)).toBe('🎯 *The DAG file does not import (Broken DAG)* (confirmed)');
			expect(said.join('\n')).toContain(module);
		}
	});

	test('nothing alive and no secret comes out of a log', async () => {
		for (const words of ['diagnose leaky', 'diagnose leaky --full', 'logs leaky call']) {
			const said = (await say(words)).join('\n');
			expect(said).toContain('password=***');
			expect(said).not.toContain('hunter2');
			expect(said).not.toMatch(/<!channel|<https:/);
		}
	});

	test('logs: the end of it, at most twenty lines', async () => {
		const said = await say('logs cm_fail divide');
		expect(said[0]).toBe('📜 Log of `divide` of `cm_fail` (try 1, failed)');
		expect(said.filter((one) => one.startsWith('| ')).length).toBeLessThanOrEqual(20);
		expect(said.join('\n')).toContain('ZeroDivisionError: division by zero');
		expect(said.at(-1)).toBe('[Diagnose] [Open in Airflow]');
		expect((await say('logs cm_retry flaky latest 1')).join('\n')).toContain('upstream was away for a moment');
		expect((await say('logs cm_fail divid'))[1]).toBe('Did you mean `divide`?');
	});

	test('health', async () => {
		const said = (await say('health')).join('\n');
		expect(said).toContain('🩹 `prod` needs a look (1)\n- 1 DAG file does not import');
		expect(said).toContain("ModuleNotFoundError: No module named 'attribution_lib'");
		sandbox.setHealth('scheduler', 'unhealthy');
		expect((await say('health', { lang: 'ja' })).join('\n')).toContain('スケジューラ が unhealthy です');
		sandbox.setHealth('scheduler', 'healthy');
	});

	test('the message about a failed run says the cause at once, and offers more', async () => {
		const job = {
			v: 1 as const,
			id: 'm',
			env: 'prod',
			dag: 'cm_fail',
			run: 'manual__cm_fail',
			channel: 'C0DATA',
			user: 'U0AIKO',
			by: 'Aiko',
			lang: 'en' as const,
			since: 0,
			misses: 0,
		};
		const run = await admin.run('cm_fail', 'manual__cm_fail');
		if (!run) throw new Error('no run');
		const said = shown(await runNews(job, { kind: 'run', run }, fakeDeps({ prod: admin })));
		expect(said[0]).toMatch(/^❌ `cm_fail` failed/);
		expect(said).toContain("🎯 *The DAG's own code failed* (confirmed)");
		expect(said).toContain('| ZeroDivisionError: division by zero');
		expect(said.at(-1)).toBe('[Diagnose] [Open in Airflow]');
		// Whatever cannot be read, the person hears that the run failed.
		sandbox.faults({ op: 'tasks', kind: '500' });
		const blind = shown(await runNews(job, { kind: 'run', run }, fakeDeps({ prod: admin })));
		expect(blind[0]).toMatch(/^❌ `cm_fail` failed/);
	});

	describe('on Composer', () => {
		let google: SandboxGoogle;
		const project = 'acme-data-prod';
		beforeAll(async () => {
			const world = openWorld({ project });
			const prod = addEnvironment(world, {
				name: 'prod',
				airflowUri: sandbox.url,
				imageVersion: api === 1 ? 'composer-2.16.5-airflow-2.10.5' : 'composer-3-airflow-3.1.7-build.7',
				serviceAccount: `etl@${project}.iam.gserviceaccount.com`,
			});
			addOperation(world, prod, {
				type: 'UPDATE',
				startedAt: Date.now() - 60_000,
				endedAt: Date.now() + 60_000,
				error: {
					code: 9,
					message:
						'Failed to install PyPI packages. ERROR: Cannot install a==1 and b==2 because these package versions have conflicting dependencies.',
				},
			});
			addCaller(world, 'token', 'bot@acme.example', ['roles/composer.user']);
			addCaller(world, 'poor', 'poor@acme.example');
			google = await startGoogle(world);
		});
		afterAll(() => google.close());

		async function there(words: string, token = 'token'): Promise<string> {
			const home = composer(
				{ project, location: 'europe-west1', name: 'prod', rootUrl: google.rootUrl },
				fixedToken(token),
				Date.now,
			);
			const { reply } = await execute(typed(words), asker(), fakeDeps({ prod: admin }, { composer: home }));
			return shown(reply).join('\n');
		}

		test('the fix names this environment, and an update that ran meanwhile is told', async () => {
			const said = await there('diagnose warehouse_export');
			expect(said).toContain(`serviceAccount:etl@${project}.iam.gserviceaccount.com`);
			expect(said).toContain('The environment was being changed while this ran: UPDATE from ');
		});

		test('without the right to look, that is said, and the cause still stands', async () => {
			const said = await there('diagnose warehouse_export', 'poor');
			expect(said).toContain('BigQuery refused the query or the table (accessDenied)');
			expect(said).toMatch(
				/- the Composer environment: .*\(needs composer\.environments\.get, role roles\/composer\.user\)/,
			);
		});

		test('health: state, image with its known fault, the failed operation explained', async () => {
			const said = await there('health');
			expect(said).toContain('The last operation, UPDATE, failed');
			expect(said).toContain('conflicting dependencies');
			if (api === 1) expect(said).toContain('composer-2.16.5-airflow-2.10.5 has a known fault');
			else expect(said).not.toContain('known fault');
			expect(await there('health', 'poor')).toContain('Could not read the Composer environment: ');
		});
	});
});
