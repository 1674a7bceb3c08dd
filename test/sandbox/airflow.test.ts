import { afterEach, describe, expect, test } from '@jest/globals';
import { airflow } from '../../src/clients/airflow.ts';
import { http } from '../../src/clients/base/http.ts';
import {
	demoBroken,
	demoDags,
	startAirflow,
	type SandboxAirflow,
	type SimDag,
} from '../../src/sandbox/airflow/index.ts';

const open: SandboxAirflow[] = [];
afterEach(async () => {
	for (const it of open.splice(0)) await it.close();
});

async function sandbox(options: Partial<Parameters<typeof startAirflow>[0]> = {}): Promise<SandboxAirflow> {
	const it = await startAirflow({ api: 2, schedules: false, speed: 50, ...options });
	open.push(it);
	return it;
}

const clientOf = (it: SandboxAirflow, api: 1 | 2 = 2) =>
	airflow({ url: it.url, auth: { kind: api === 1 ? 'basic' : 'jwt', username: 'admin', password: 'admin' } }, http);

test('counts what was started over the API, deleted runs and runs started twice included', async () => {
	const it = await sandbox();
	const client = clientOf(it);
	await client.trigger({ dag: 'cm_success', run: 'a', note: 'key 1' });
	expect(it.deleteRun('cm_success', 'a')).toBe(true);
	await client.trigger({ dag: 'cm_success', run: 'a', note: 'key 1' });
	await client.trigger({ dag: 'cm_fail', run: 'b', note: 'key 2' });
	it.foreignRun({ dag: 'cm_success', run: 'theirs' });
	expect(it.started().map(({ dag, run, by }) => [dag, run, by])).toEqual([
		['cm_success', 'a', 'admin'],
		['cm_success', 'a', 'admin'],
		['cm_fail', 'b', 'admin'],
	]);
	expect(it.startedBy(({ note }) => /key \d/.exec(note ?? '')?.[0])).toEqual(
		new Map([
			['key 1', 2],
			['key 2', 1],
		]),
	);
});

test('the same seed strikes the same calls', async () => {
	const outcomes = async (seed: number): Promise<string> => {
		const it = await sandbox({ seed });
		const client = clientOf(it);
		await client.version();
		it.faults({ op: 'pools', kind: '500', rate: 0.5 });
		let word = '';
		for (let i = 0; i < 20; i++)
			word += await client.pools().then(
				() => '.',
				() => 'x',
			);
		return word;
	};
	const [one, again, other] = [await outcomes(3), await outcomes(3), await outcomes(4)];
	expect(again).toBe(one);
	expect(other).not.toBe(one);
	expect(one).toMatch(/^(?=.*x)(?=.*\.)/);
});

test('a fault strikes the calls it matches, as often as it says, until it is taken back', async () => {
	const it = await sandbox();
	const client = clientOf(it);
	await client.version();
	const back = it.faults({ op: 'dag', kind: '500', times: 2, match: ({ dag }) => dag === 'cm_fail' });
	const statuses: (number | undefined)[] = [];
	for (const dag of ['cm_success', 'cm_fail', 'cm_fail', 'cm_fail'])
		statuses.push(
			await client.dag(dag).then(
				() => 200,
				(error: { status?: number }) => error.status,
			),
		);
	expect(statuses).toEqual([200, 500, 500, 200]);
	back();
	it.faults({ op: '*', kind: '500' });
	it.clearFaults();
	expect(await client.dag('cm_fail')).toBeDefined();
});

test('a task without a log fails with a word in the audit log', async () => {
	const ghost: SimDag = {
		id: 'ghost',
		owner: 'x',
		tags: [],
		file: 'ghost.py',
		tasks: [{ id: 'seen', operator: 'PythonOperator', ms: 10, endings: ['no-log'] }],
	};
	for (const api of [1, 2] as const) {
		const it = await sandbox({ api, dags: [ghost] });
		const client = clientOf(it, api);
		await client.trigger({ dag: 'ghost', run: 'r', note: '' });
		await it.until(() => it.run('ghost', 'r')?.state === 'failed');
		expect(await client.log({ dag: 'ghost', run: 'r', task: 'seen', mapIndex: -1, tryNumber: 1 })).toContain(
			'No host supplied',
		);
		expect((await client.eventLogs({ dag: 'ghost' })).map(({ event }) => event)).toContain('state mismatch');
	}
});

test('max_active_runs holds runs back, and ending one lets the next begin', async () => {
	const it = await sandbox({
		dags: [
			{
				id: 'narrow',
				owner: 'x',
				tags: [],
				file: 'n.py',
				maxActiveRuns: 1,
				tasks: [{ id: 'wait', operator: 'PythonOperator', ms: 3_600_000 }],
			},
		],
	});
	const client = clientOf(it);
	await client.trigger({ dag: 'narrow', run: 'one', note: '' });
	await client.trigger({ dag: 'narrow', run: 'two', note: '' });
	await it.until(() => it.run('narrow', 'one')?.state === 'running');
	expect(it.run('narrow', 'two')?.state).toBe('queued');
	it.endRun('narrow', 'one', 'failed');
	await it.until(() => it.run('narrow', 'two')?.state === 'running');
	expect((await client.run('narrow', 'one'))?.state).toBe('failed');
});

test('the scheduler starts runs by schedule, each once, and none of a paused DAG', async () => {
	const due = (id: string, paused: boolean): SimDag => ({
		id,
		owner: 'x',
		tags: [],
		file: 's.py',
		paused,
		schedule: { text: '* * * * *', everyMs: 1000 },
		tasks: [{ id: 't', operator: 'PythonOperator', ms: 10 }],
	});
	const it = await sandbox({ dags: [due('on', false), due('off', true)], schedules: true });
	await it.until(() => it.runs('on').filter(({ state }) => state === 'success').length >= 2);
	expect(it.runs('off')).toEqual([]);
	expect(it.runs('on').every(({ runType, run }) => runType === 'scheduled' && run.startsWith('scheduled__'))).toBe(
		true,
	);
	expect(it.started()).toEqual([]);
});

describe('the demo', () => {
	test.each([1, 2] as const)('has a past on REST API v%d', async (api) => {
		const it = await sandbox({ api, dags: demoDags, broken: demoBroken, speed: 1 });
		const client = clientOf(it, api);
		const dags = await client.dags();
		expect(dags.length).toBeGreaterThanOrEqual(12);
		expect(dags.every(({ owners, tags }) => owners.length === 1 && tags.length > 0)).toBe(true);
		expect(dags.filter(({ paused }) => paused).map(({ id }) => id)).toEqual(['legacy_ftp_import']);
		expect(dags.filter(({ hasImportErrors }) => hasImportErrors).map(({ id }) => id)).toEqual([
			'marketing_attribution',
		]);
		const runs = await client.runs('daily_sales', { limit: 20 });
		expect(runs).toHaveLength(20);
		const times = runs.map(({ startedAt }) => Date.parse(startedAt ?? ''));
		expect(times).toEqual([...times].sort((a, b) => b - a));
		expect(runs.filter(({ state }) => state === 'failed')).toHaveLength(1);
		const ms = runs.map(({ startedAt, endedAt }) => Date.parse(endedAt ?? '') - Date.parse(startedAt ?? ''));
		expect(Math.max(...ms)).toBeLessThan(2 * Math.min(...ms));
		expect((await client.importErrors()).length).toBe(2);
		expect(it.started()).toEqual([]);
	});

	test('every demo run ends, in the way its DAG is made for', async () => {
		const it = await sandbox({ dags: demoDags, speed: 200 });
		const client = clientOf(it);
		const conf: Record<string, Record<string, unknown>> = {
			backfill_table: { table: 'orders' },
			gdpr_erasure: { customer_id: 7, reason: 'T-1' },
		};
		const ids = demoDags.filter(({ paused, importError }) => !paused && importError === undefined).map(({ id }) => id);
		await Promise.all(ids.map((dag) => client.trigger({ dag, run: 'now', conf: conf[dag], note: '' })));
		await it.until(() => ids.every((dag) => ['success', 'failed'].includes(it.run(dag, 'now')?.state ?? '')));
		const failed = ids.filter((dag) => it.run(dag, 'now')?.state === 'failed');
		expect(failed).toEqual([
			'train_churn_model',
			'warehouse_export',
			'crm_sync',
			'ghost_task',
			'storm_drill',
			'recovery_drill',
		]);
	});

	test('"Open in Airflow" leads to a page that shows the run and nothing live', async () => {
		const it = await sandbox();
		it.foreignRun({ dag: 'cm_success', run: 'r1' });
		const client = clientOf(it);
		await client.version();
		const page = await fetch(client.runUrl('cm_success', 'r1'));
		const html = await page.text();
		expect(html).toContain('class="wanted"');
		it.setDag('<script>', { id: '<script>alert(1)</script>', owner: '"', tags: [], file: 'x.py', tasks: [] });
		expect(await (await fetch(`${it.url}/`)).text()).not.toContain('<script>alert');
	});
});
