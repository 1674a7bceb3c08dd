import { describe, expect, test, beforeAll, afterAll } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import { airflow } from '../../src/clients/airflow.ts';
import { http, type Http, type HttpAnswer } from '../../src/clients/base/http.ts';
import type { Airflow, DagRun } from '../../src/domain/airflow.ts';
import { Trouble } from '../../src/domain/errors.ts';
import { openDocument } from './document.ts';
import { departures } from './departures.ts';

/** An Airflow that has the DAGs of `airflow/dags`, real or not. */
export type Target = {
	api: 1 | 2;
	version: string;
	url: string;
	users: Readonly<Record<'admin' | 'op' | 'viewer', { username: string; password: string }>>;
	/** How long a small run may take. */
	patienceMs: number;
	close(): Promise<void>;
};

/** Rows in an order of their own: servers differ in theirs. */
function sorted<T>(rows: T[]): T[] {
	return rows.sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
}

type Exchange = { method: string; path: string; json: unknown; answer: HttpAnswer };

/** The same cases against whatever `open` gives: the client and the server must agree in all of them. */
export function contractSuite(title: string, open: () => Promise<Target>): void {
	describe(title, () => {
		let target: Target;
		let client: Airflow;
		let viewer: Airflow;
		const exchanges: Exchange[] = [];
		const recorded: Http = async (request) => {
			const answer = await http(request);
			if (answer.kind === 'answer')
				exchanges.push({ method: request.method, path: request.url.pathname, json: request.json, answer });
			return answer;
		};
		const runId = `contract__${Date.now().toString(36)}`;
		const started = new Map<string, DagRun>();

		const as = (user: 'admin' | 'op' | 'viewer', password?: string): Airflow =>
			airflow(
				{
					url: target.url,
					auth: {
						kind: target.api === 1 ? 'basic' : 'jwt',
						username: target.users[user].username,
						password: password ?? target.users[user].password,
					},
				},
				recorded,
			);

		/** The run when it has ended. */
		async function ended(dag: string, run = runId): Promise<DagRun> {
			for (const deadline = Date.now() + target.patienceMs; ; await sleep(target.patienceMs / 200)) {
				const found = await client.run(dag, run);
				if (found && (found.state === 'success' || found.state === 'failed')) return found;
				if (Date.now() > deadline) throw new Error(`${dag} ${run} is still ${found?.state ?? 'missing'}`);
			}
		}

		async function refusal(work: Promise<unknown>): Promise<Trouble> {
			try {
				await work;
			} catch (error) {
				if (error instanceof Trouble) return error;
				throw error;
			}
			throw new Error('Nothing was refused.');
		}

		beforeAll(async () => {
			target = await open();
			client = as('op');
			viewer = as('viewer');
			// Everything runs at the same time; a real worker needs seconds for each.
			for (const dag of ['cm_success', 'cm_fail', 'cm_sigkill', 'cm_retry', 'cm_mapped', '売上_日次集計'])
				started.set(
					dag,
					await client.trigger({ dag, run: runId, conf: { rows: 3 }, note: `asked by contract, key ${runId}` }),
				);
		}, 300_000);
		afterAll(async () => {
			await target?.close();
		}, 60_000);

		test('tells its generation and version', async () => {
			expect(await client.version()).toEqual({ api: target.api, version: target.version });
		});

		test('is healthy in all its parts', async () => {
			// Six tasks start at this moment; on a small machine a heartbeat may be late, and then comes.
			const isWell = ({ scheduler, triggerer, dagProcessor }: Awaited<ReturnType<Airflow['health']>>): boolean =>
				[scheduler, triggerer, dagProcessor].every((part) => part === undefined || part.status === 'healthy');
			let health = await client.health();
			for (const until = Date.now() + 60_000; !isWell(health) && Date.now() < until; await sleep(1000))
				health = await client.health();
			expect(health.database).toBe('healthy');
			expect(health.scheduler?.status).toBe('healthy');
			expect(health.triggerer?.status).toBe('healthy');
			expect(health.dagProcessor?.status).toBe(target.api === 1 ? undefined : 'healthy');
			expect(Date.parse(health.scheduler?.heartbeatAt ?? '')).toBeGreaterThan(Date.now() - 120_000);
		});

		test('lists its DAGs', async () => {
			const dags = await client.dags();
			// Those that only a real Airflow can run have no place in the contract.
			const real = ['cm_kube', 'cm_memory', 'cm_supervisor'];
			const ids = dags.map(({ id }) => id).filter((id) => !real.includes(id));
			expect(ids.sort()).toEqual([
				'cm_fail',
				'cm_mapped',
				'cm_no_connection',
				'cm_params',
				'cm_paused',
				'cm_retry',
				'cm_sigkill',
				'cm_slow',
				'cm_success',
				'cm_timeout',
				'売上_日次集計',
			]);
			expect(dags.find(({ id }) => id === 'cm_success')).toEqual({
				id: 'cm_success',
				paused: false,
				owners: ['data-platform'],
				tags: expect.arrayContaining(['contract', 'quick']),
				description: 'Three small tasks, one after the other.',
				nextRunAt: undefined,
				schedule: 'Never, external triggers only',
				hasImportErrors: false,
				maxActiveRuns: 16,
				maxActiveTasks: 16,
				file: expect.stringMatching(/\/cm_endings\.py$/),
			});
			const paused = await client.dags({ paused: true });
			expect(paused.map(({ id, schedule }) => ({ id, schedule }))).toEqual([
				{ id: 'cm_paused', schedule: '1 day, 0:30:00' },
			]);
			expect(await client.dags({ limit: 2 })).toHaveLength(2);
		});

		test.each([
			['売上', ['売上_日次集計']],
			['CM_SUCC', ['cm_success']],
			// To the server `_` stands for anything; here it does not.
			['m_p', ['cm_params', 'cm_paused']],
			['cm%', []],
		])('finds DAGs by the words %s', async (words, ids) => {
			expect((await client.dags({ words })).map(({ id }) => id).sort()).toEqual(ids);
		});

		test('reads one DAG, and undefined for one that is not there', async () => {
			expect(await client.dag('売上_日次集計')).toMatchObject({ id: '売上_日次集計', owners: ['経理'] });
			expect(await client.dag('cm_missing')).toBeUndefined();
			expect(await client.dagDetails('cm_missing')).toBeUndefined();
		});

		test('reads how long a task waits before it is tried again', async () => {
			expect(await client.retryDelayMs('cm_retry', 'flaky')).toBe(1000);
			expect(await client.retryDelayMs('cm_retry', 'missing')).toBeUndefined();
			expect(await client.retryDelayMs('cm_missing', 'flaky')).toBeUndefined();
		});

		test('reads the params of a DAG', async () => {
			const details = await client.dagDetails('cm_params');
			expect(details).toMatchObject({ id: 'cm_params', owners: ['data-platform'], maxActiveRuns: 16 });
			const byName = new Map(details?.params.map((param) => [param.name, param]));
			expect([...byName.keys()].sort()).toEqual(
				['day', 'full', 'options', 'plain', 'ratio', 'region', 'rows', 'table', 'tags'].sort(),
			);
			expect(byName.get('table')).toEqual({
				name: 'table',
				value: null,
				description: 'Table to load, without its dataset.',
				schema: { type: 'string', minLength: 1, title: 'Table' },
			});
			expect(byName.get('region')).toMatchObject({ value: 'eu', schema: { enum: ['eu', 'us', 'asia'] } });
			expect(byName.get('plain')).toMatchObject({ value: 'as it is', schema: {} });
			expect(byName.get('options')?.value).toEqual({ dry: true });
		});

		test('tells which tasks come after which', async () => {
			expect(await client.dependencies('cm_success')).toEqual(
				new Map([
					['extract', ['transform']],
					['load', []],
					['transform', ['load']],
				]),
			);
			expect(await client.dependencies('cm_missing')).toBeUndefined();
		});

		test('names the file that cannot be imported', async () => {
			const errors = await client.importErrors();
			expect(errors).toHaveLength(1);
			expect(errors[0]?.file).toMatch(/cm_broken\.py$/);
			expect(errors[0]?.stackTrace).toContain("ModuleNotFoundError: No module named 'a_module_that_does_not_exist'");
		});

		test('has its default pool', async () => {
			expect(await client.pools()).toEqual([expect.objectContaining({ name: 'default_pool', slots: 128 })]);
		});

		test('the configuration is hidden in a fresh Airflow, which is another refusal than a role that is too small', async () => {
			expect(await refusal(client.config())).toMatchObject({
				kind: 'denied',
				label: 'airflow config hidden',
				status: 403,
			});
			// Airflow 3's own auth manager lets every role ask.
			expect((await refusal(viewer.config())).label).toBe(
				target.api === 1 ? 'airflow forbidden' : 'airflow config hidden',
			);
		});

		test('who may start runs is told that there is no such DAG; who may not is refused, by Airflow 2 with a 500', async () => {
			const request = { dag: 'cm_no_such_dag', run: runId, note: '' };
			expect(await refusal(client.trigger(request))).toMatchObject({ kind: 'user', status: 404 });
			// Of 2.11.2 both were seen: a 500 (it stumbles over the DAG that is not there) and a 403.
			expect(target.api === 1 ? [403, 500] : [403]).toContain((await refusal(viewer.trigger(request))).status);
		});

		test('answers a trigger with the queued run, conf and note as they were sent', () => {
			expect(started.get('cm_success')).toMatchObject({
				dag: 'cm_success',
				run: runId,
				state: 'queued',
				runType: 'manual',
				conf: { rows: 3 },
				note: `asked by contract, key ${runId}`,
				logicalDate: target.api === 1 ? expect.any(String) : null,
			});
		});

		test('refuses the same run id with 409 and says nothing of its database', async () => {
			const trouble = await refusal(client.trigger({ dag: 'cm_success', run: runId, note: 'again' }));
			expect(trouble).toMatchObject({ kind: 'user', label: 'airflow run exists', status: 409, outcome: 'none' });
			expect(JSON.stringify([trouble.message, trouble.hint, trouble.ja])).not.toMatch(/insert|constraint|sql/i);
			expect((await client.run('cm_success', runId))?.note).toBe(`asked by contract, key ${runId}`);
		});

		test('refuses a taken logical date with 409', async () => {
			const request = { dag: 'cm_params', conf: { table: 'orders' }, logicalDate: '2026-11-20T00:00:00Z', note: '' };
			const run = await client.trigger({ ...request, run: `${runId}-dated` });
			expect(Date.parse(run.logicalDate ?? '')).toBe(Date.parse('2026-11-20T00:00:00Z'));
			const trouble = await refusal(client.trigger({ ...request, run: `${runId}-dated-2` }));
			expect(trouble).toMatchObject({ label: 'airflow run exists', status: 409 });
			expect(await client.run('cm_params', `${runId}-dated-2`)).toBeUndefined();
		});

		test.each([
			['too small', { table: 'orders', rows: 0 }, /rows.*0 is less than the minimum of 1/],
			['of another type', { table: 'orders', full: 'yes' }, /full.*'yes' is not of type 'boolean'/],
			['not in the enum', { table: 'orders', region: 'mars' }, /region.*'mars' is not one of/],
			['empty', { table: '' }, /table.*should be non-empty/],
			['missing', {}, /table.*No value passed and Param has no default value/],
		])('refuses a conf whose value is %s', async (_, conf, says) => {
			const trouble = await refusal(client.trigger({ dag: 'cm_params', run: `${runId}-wrong`, conf, note: '' }));
			expect(trouble).toMatchObject({ kind: 'user', label: 'airflow request refused', status: 400, outcome: 'none' });
			expect(trouble.message).toMatch(says);
			expect(trouble.ja?.message).toMatch(says);
			expect(trouble.message).not.toContain('\n');
		});

		test('refuses an unknown DAG and a reserved run id', async () => {
			expect(await refusal(client.trigger({ dag: 'cm_missing', run: runId, note: '' }))).toMatchObject({
				label: 'airflow object missing',
				status: 404,
			});
			const reserved = { dag: 'cm_success', run: 'scheduled__2026-11-20T00:00:00+00:00', note: '' };
			expect((await refusal(client.trigger(reserved))).message).toMatch(/reserved for scheduled runs/);
		});

		test('takes a note of 1,000 characters and a run id with every sign it may have', async () => {
			const run = `${runId}-a.b:c+d~e`;
			const note = '一二三四五六七八九十'.repeat(100);
			await client.trigger({ dag: 'cm_paused', run, note });
			expect(await client.run('cm_paused', run)).toMatchObject({ run, note });
		});

		test('keeps a run of a paused DAG queued', async () => {
			const run = await client.trigger({ dag: 'cm_paused', run: runId, note: '' });
			expect(run.state).toBe('queued');
			await sleep(500);
			expect((await client.run('cm_paused', runId))?.state).toBe('queued');
			expect((await client.taskInstances('cm_paused', runId)).map(({ state }) => state)).toEqual(['none']);
		});

		test('runs to success, task after task', async () => {
			const run = await ended('cm_success');
			expect(run).toMatchObject({ state: 'success', note: `asked by contract, key ${runId}` });
			expect(Date.parse(run.endedAt ?? '')).toBeGreaterThan(Date.parse(run.startedAt ?? ''));
			const tasks = await client.taskInstances('cm_success', runId);
			expect(sorted(tasks.map(({ task, state, tryNumber, mapIndex }) => [task, state, tryNumber, mapIndex]))).toEqual([
				['extract', 'success', 1, -1],
				['load', 'success', 1, -1],
				['transform', 'success', 1, -1],
			]);
			expect(tasks.find(({ task }) => task === 'transform')?.operator).toBe('BashOperator');
			const newest = await client.runs('cm_success', { limit: 10 });
			expect(newest.map(({ run: id }) => id)).toContain(runId);
			expect(await client.runs('cm_success', { state: ['failed'] })).toEqual([]);
		}, 120_000);

		test('fails with its reason in the log, and what comes after does not run', async () => {
			expect((await ended('cm_fail')).state).toBe('failed');
			const tasks = await client.taskInstances('cm_fail', runId);
			expect(sorted(tasks.map(({ task, state, tryNumber }) => [task, state, tryNumber]))).toEqual([
				['divide', 'failed', 1],
				['report', 'upstream_failed', 0],
			]);
			const log = await client.log({ dag: 'cm_fail', run: runId, task: 'divide', mapIndex: -1, tryNumber: 1 });
			expect(log).toContain('ZeroDivisionError');
			expect(log).toContain('division by zero');
			if (target.api === 2)
				for (const line of log?.trim().split('\n') ?? []) expect(JSON.parse(line)).toHaveProperty('event');
			const end = await client.log({ dag: 'cm_fail', run: runId, task: 'divide', mapIndex: -1, tryNumber: 1 }, 200);
			expect(Buffer.byteLength(end ?? '')).toBeLessThanOrEqual(200);
			expect(log?.endsWith(end ?? '?')).toBe(true);
		}, 120_000);

		test('tells a killed task by its log', async () => {
			expect((await ended('cm_sigkill')).state).toBe('failed');
			const log = await client.log({ dag: 'cm_sigkill', run: runId, task: 'die', mapIndex: -1, tryNumber: 1 });
			expect(log).toContain('about to be killed');
			expect(log).toContain(target.api === 1 ? 'Task exited with return code -9' : '"signal":-9');
		}, 120_000);

		test('counts the tries of a retried task', async () => {
			expect((await ended('cm_retry')).state).toBe('success');
			const key = { dag: 'cm_retry', run: runId, task: 'flaky', mapIndex: -1 };
			expect(await client.taskInstance(key)).toMatchObject({ state: 'success', tryNumber: 2, maxTries: 2 });
			const tries = await client.tries(key);
			expect(tries.map(({ tryNumber, state }) => [tryNumber, state])).toEqual([
				[1, 'failed'],
				[2, 'success'],
			]);
			expect(await client.log({ ...key, tryNumber: 1 })).toContain('upstream was away for a moment');
			expect(await client.log({ ...key, tryNumber: 2 })).toContain('the second try works');
		}, 120_000);

		test('runs mapped task instances', async () => {
			expect((await ended('cm_mapped')).state).toBe('success');
			const tasks = await client.taskInstances('cm_mapped', runId);
			expect(sorted(tasks.map(({ mapIndex }) => mapIndex))).toEqual([0, 1, 2]);
			expect(await client.taskInstance({ dag: 'cm_mapped', run: runId, task: 'double', mapIndex: 2 })).toMatchObject({
				mapIndex: 2,
				state: 'success',
			});
			expect(await client.tries({ dag: 'cm_mapped', run: runId, task: 'double', mapIndex: 2 })).toHaveLength(1);
			expect(await client.log({ dag: 'cm_mapped', run: runId, task: 'double', mapIndex: 2, tryNumber: 1 })).toMatch(
				/\S/,
			);
		}, 120_000);

		test('runs a DAG with a Japanese id and reads its log', async () => {
			expect((await ended('売上_日次集計')).state).toBe('success');
			const log = await client.log({ dag: '売上_日次集計', run: runId, task: '集計', mapIndex: -1, tryNumber: 1 });
			expect(log).toContain('集計しました');
		}, 120_000);

		test('finds over all DAGs what ended', async () => {
			await Promise.all([ended('cm_fail'), ended('cm_sigkill')]);
			const since = new Date(Date.now() - 30 * 60_000).toISOString();
			const runs = await client.endedRuns({ since, states: ['failed'] });
			expect(new Set(runs.map(({ dag }) => dag))).toEqual(new Set(['cm_fail', 'cm_sigkill']));
			const tasks = await client.endedTaskInstances({ since, states: ['failed', 'upstream_failed'] });
			expect(sorted(tasks.map(({ dag, task, state }) => [dag, task, state]))).toEqual([
				['cm_fail', 'divide', 'failed'],
				['cm_fail', 'report', 'upstream_failed'],
				['cm_sigkill', 'die', 'failed'],
			]);
			const later = new Date(Date.now() + 60_000).toISOString();
			expect(await client.endedRuns({ since: later, states: ['failed'] })).toEqual([]);
			expect(await client.endedTaskInstances({ since: later, states: ['failed'] })).toEqual([]);
		}, 120_000);

		test('tells over all DAGs what changed, in one call: the watch lives on it', async () => {
			await Promise.all([ended('cm_fail'), ended('cm_sigkill'), ended('cm_retry')]);
			const since = new Date(Date.now() - 30 * 60_000).toISOString();
			const ahead = client.clockAheadMs();
			expect(Math.abs(ahead ?? Infinity)).toBeLessThan(10_000);
			const states = [
				'failed',
				'up_for_retry',
				'scheduled',
				'queued',
				'running',
				'deferred',
				'up_for_reschedule',
				'restarting',
			];
			const tasks = await client.changedTasks({ states, since, highestTriesFirst: true });
			expect(tasks.total).toBeGreaterThanOrEqual(2);
			expect(tasks.items).toHaveLength(tasks.total);
			expect(tasks.highestTriesFirst).toBe(target.api === 2);
			const ids = tasks.items
				.filter(({ run, state }) => run === runId && state === 'failed')
				.map(({ dag, task, state }) => [dag, task, state]);
			expect(sorted(ids)).toEqual([
				['cm_fail', 'divide', 'failed'],
				['cm_sigkill', 'die', 'failed'],
			]);
			const runs = await client.changedRuns({ states: ['failed'], since });
			expect(new Set(runs.items.map(({ dag }) => dag))).toEqual(new Set(['cm_fail', 'cm_sigkill']));
			const later = new Date(Date.now() + 60_000).toISOString();
			expect(await client.changedTasks({ states, since: later })).toMatchObject({ items: [], total: 0 });
			expect(await client.changedRuns({ states: ['failed'], since: later })).toEqual({ items: [], total: 0 });
			expect((await client.changedTasks({ states: ['failed'], until: since })).total).toBe(0);
			// A try that failed and was followed by one that went well.
			const well = await client.tasksOfRuns({ runs: [{ dag: 'cm_retry', run: runId }], states: ['success'], since });
			expect(well.items.map(({ task, tryNumber }) => [task, tryNumber])).toEqual([['flaky', 2]]);
			expect(well.total).toBe(1);
		}, 120_000);

		test('says what a clear would do, clears, and runs again as a second try', async () => {
			await ended('cm_fail');
			const request = { dag: 'cm_fail', run: runId, onlyFailed: true, downstream: true };
			const clearable = await client.clearable(request);
			expect(sorted(clearable.map(({ task, state, tryNumber }) => [task, state, tryNumber]))).toEqual([
				['divide', 'failed', 1],
				['report', 'upstream_failed', 0],
			]);
			expect((await client.run('cm_fail', runId))?.state).toBe('failed');
			expect(await client.clear(request)).toBe(2);
			expect((await ended('cm_fail')).state).toBe('failed');
			expect(await client.taskInstance({ dag: 'cm_fail', run: runId, task: 'divide', mapIndex: -1 })).toMatchObject({
				state: 'failed',
				tryNumber: 2,
			});
			expect(
				(await client.tries({ dag: 'cm_fail', run: runId, task: 'divide', mapIndex: -1 })).map(
					({ tryNumber }) => tryNumber,
				),
			).toEqual([1, 2]);
			const one = { ...request, tasks: ['divide'], downstream: false };
			expect((await client.clearable(one)).map(({ task }) => task)).toEqual(['divide']);
		}, 180_000);

		test('would clear one mapped task instance where the API can name one, else all of them', async () => {
			await ended('cm_mapped');
			const request = { dag: 'cm_mapped', run: runId, tasks: ['double'], onlyFailed: false, downstream: false };
			const named = await client.clearable({ ...request, mapIndex: 1 });
			expect(named.map(({ mapIndex }) => mapIndex).sort((a, b) => a - b)).toEqual(target.api === 1 ? [0, 1, 2] : [1]);
		}, 120_000);

		test('writes the note of a run', async () => {
			await ended('cm_success');
			expect(await client.noteRun('cm_success', runId, 'Aiko cleared it')).toBe(true);
			expect((await client.run('cm_success', runId))?.note).toBe('Aiko cleared it');
			expect(await client.noteRun('cm_success', `${runId}-missing`, 'x')).toBe(false);
		}, 120_000);

		test('stops a running run', async () => {
			await client.trigger({ dag: 'cm_slow', run: runId, conf: { seconds: 60 }, note: '' });
			for (const deadline = Date.now() + target.patienceMs; ; await sleep(50)) {
				const tasks = await client.taskInstances('cm_slow', runId);
				if (tasks.some(({ state }) => state === 'running')) break;
				if (Date.now() > deadline) throw new Error('cm_slow does not run');
			}
			expect(await client.setRunState('cm_slow', runId, 'failed')).toMatchObject({ state: 'failed' });
			expect(await ended('cm_slow')).toMatchObject({ state: 'failed' });
			expect(await client.setRunState('cm_slow', `${runId}-missing`, 'failed')).toBeUndefined();
		}, 120_000);

		test('unpauses and pauses a DAG', async () => {
			expect(await client.setPaused('cm_params', true)).toMatchObject({ id: 'cm_params', paused: true });
			expect((await client.dag('cm_params'))?.paused).toBe(true);
			expect(await client.setPaused('cm_params', false)).toMatchObject({ paused: false });
			expect(await client.setPaused('cm_missing', false)).toBeUndefined();
		});

		test('keeps an audit log', async () => {
			const since = new Date(Date.now() - 30 * 60_000).toISOString();
			const events = await as('admin').eventLogs({ dag: 'cm_success', since });
			expect(events.length).toBeGreaterThan(0);
			expect(events.some(({ owner }) => owner === target.users.op.username)).toBe(true);
		});

		test('is honest about runs, tasks and tries that are not there', async () => {
			expect(await client.run('cm_success', 'nothing')).toBeUndefined();
			expect(
				await client.taskInstance({ dag: 'cm_success', run: runId, task: 'nothing', mapIndex: -1 }),
			).toBeUndefined();
			expect(
				await client.log({ dag: 'cm_success', run: runId, task: 'nothing', mapIndex: -1, tryNumber: 1 }),
			).toBeUndefined();
			expect(await client.taskInstances('cm_success', 'nothing')).toEqual([]);
		});

		test('lets a viewer read and not trigger, and says so', async () => {
			expect((await viewer.dags({ limit: 1 })).length).toBe(1);
			const trouble = await refusal(viewer.trigger({ dag: 'cm_success', run: `${runId}-viewer`, note: '' }));
			expect(trouble).toMatchObject({ kind: 'denied', label: 'airflow forbidden', status: 403, outcome: 'none' });
			expect(trouble.message).toContain(target.users.viewer.username);
			expect(await client.run('cm_success', `${runId}-viewer`)).toBeUndefined();
		});

		test('tells a small role from a wrong password at the first call', async () => {
			// A client that was never let in before: v1's two refusals look the same.
			const fresh = as('viewer');
			expect((await refusal(fresh.trigger({ dag: 'cm_success', run: `${runId}-fresh`, note: '' }))).label).toBe(
				'airflow forbidden',
			);
			const wrong = as('op', 'not the password');
			expect(await refusal(wrong.dags())).toMatchObject({ kind: 'denied', label: 'airflow unauthenticated' });
			expect(await refusal(wrong.trigger({ dag: 'cm_success', run: `${runId}-fresh`, note: '' }))).toMatchObject({
				label: 'airflow unauthenticated',
				outcome: 'none',
			});
		});

		test('names an address that is not the API', async () => {
			const auth = { kind: target.api === 1 ? 'basic' : 'jwt', ...target.users.op } as const;
			for (const path of ['/home', '/api'])
				expect((await refusal(airflow({ url: target.url + path, auth }, recorded).dags())).label).toMatch(
					/^airflow (api missing|web page)$/,
				);
		});

		test('names credentials of the other generation', async () => {
			const auth = { kind: target.api === 1 ? 'jwt' : 'basic', ...target.users.op } as const;
			expect(await refusal(airflow({ url: target.url, auth }, recorded).dags())).toMatchObject({
				kind: 'denied',
				label: target.api === 1 ? 'airflow token endpoint missing' : 'airflow unauthenticated',
			});
		});

		test('keeps to the document in every body that went over the wire', () => {
			const document = openDocument(target.api);
			const flaws = new Set<string>();
			for (const { method, path, json, answer } of exchanges) {
				if (!path.startsWith(`/api/v${target.api}/`)) continue;
				if (answer.status < 300 && json !== undefined)
					for (const flaw of document.request(method, path, json)) flaws.add(`request ${flaw}`);
				const body: unknown = /[/+]json$/.test(answer.contentType) ? JSON.parse(answer.text) : answer.text;
				for (const flaw of document.response(method, path, answer.status, answer.contentType, body)) flaws.add(flaw);
			}
			const unexpected = [...flaws].filter(
				(flaw) => !departures.some((one) => one.api === target.api && one.flaw.test(flaw)),
			);
			expect(unexpected.sort()).toEqual([]);
			expect(exchanges.length).toBeGreaterThan(50);
		});
	});
}
