import { afterAll, beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { Redis } from 'ioredis';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Destination } from '../../src/alerts/about.ts';
import type { Incident } from '../../src/alerts/incident.ts';
import type { Held } from '../../src/clients/queue.ts';
import type { Airflow } from '../../src/domain/airflow.ts';
import { Trouble } from '../../src/domain/errors.ts';
import type { Ending, SandboxAirflow, SimDag, SimTask } from '../../src/sandbox/airflow/types.ts';
import { startRedis } from '../../src/sandbox/redis.ts';
import type { SandboxRedis } from '../../src/sandbox/redis.ts';
import { recover } from '../../worker/alerts/recover.ts';
import { condition } from '../../worker/condition.ts';
import { failure } from '../../worker/failure.ts';
import type { ConditionJob } from '../../worker/jobs.ts';
import { sandboxAirflow, shown } from '../commands/house.ts';
import { desk } from './desk.ts';

const raises = (type: string, message: string): Ending => ({ raises: { type, message, line: 12, function: 'work' } });
const value = raises('ValueError', 'row 17 is not a number');
const mount = raises('OSError', "[Errno 107] Transport endpoint is not connected: '/home/airflow/gcs/data/in.csv'");
const dag = (id: string, task: Partial<SimTask>): SimDag => ({
	id,
	owner: 'tests',
	tags: [],
	file: `${id}.py`,
	maxActiveRuns: 100,
	tasks: [{ id: 'work', operator: 'PythonOperator', ms: 10, ...task }],
});
const DAGS = [
	dag('value', { endings: [value] }),
	dag('retried', { endings: [value, 'success'], retries: 1, retryDelayMs: 60_000 }),
	dag('healed', { endings: [value, 'success'], retries: 1, retryDelayMs: 200 }),
	dag('changes', { endings: [value, raises('KeyError', 'other')], retries: 1, retryDelayMs: 200 }),
	dag('mount_a', { endings: [mount] }),
	dag('mount_b', { endings: [mount], mapped: 20 }),
	dag('no_log', { endings: ['no-log'] }),
	dag('fine', {}),
];

// The thread that reads logs starts with the first of them.
jest.setTimeout(30_000);

let server: SandboxRedis;
let client: Redis;
let sandbox: SandboxAirflow;
let airflow: Airflow;
beforeAll(async () => {
	server = await startRedis();
	client = new Redis(server.url);
	({ sandbox, client: airflow } = await sandboxAirflow({ api: 2, dags: DAGS, speed: 10 }));
});
afterAll(async () => {
	client.disconnect();
	await Promise.all([server.stop(), sandbox.close()]);
});
let runs = 0;
beforeEach(async () => {
	await client.flushall();
});

const C: Destination = { channel: 'C', lang: 'en', tries: 'last', thread: true, recovery: true, notify: [] };
const open = (more: { airflow?: Airflow } = {}) => desk(client, () => [C], { airflow: more.airflow ?? airflow });
type Desk = ReturnType<typeof open>;

const held = (data: Record<string, unknown>, more: Partial<Held> = {}): Held => ({
	id: JSON.stringify(data).slice(0, 200),
	data,
	addedAt: Date.now(),
	starts: 1,
	stalls: 0,
	keepOnly: async () => undefined,
	...more,
});
const key = (id: string, run: string, tryNumber = 1, mapIndex = -1) => ({
	v: 1,
	env: 'prod',
	dag: id,
	run,
	task: 'work',
	mapIndex,
	tryNumber,
	seenAt: Date.now(),
	by: 'poll',
});
/** Runs it, and waits until its tasks are in that state. */
async function run(id: string, state: string, tryNumber = 1): Promise<string> {
	const name = `run_${++runs}`;
	sandbox.foreignRun({ dag: id, run: name });
	await sandbox.until(() =>
		(sandbox.run(id, name)?.tasks ?? []).every((one) => one.state === state && one.tryNumber >= tryNumber),
	);
	// A run is marked a moment after its last task.
	if (state === 'success') await sandbox.until(() => sandbox.run(id, name)?.state === 'success');
	return name;
}
const hear = async (at: Desk, job: ReturnType<typeof key>, more: Partial<Held> = {}) =>
	failure(held(job, more), at.wires);
const all = async (at: Desk): Promise<Incident[]> => (await at.incidents.between(0, 1e15)).reverse();
const titles = (at: Desk): string[] => [...at.shown().values()].map(({ reply }) => shown(reply)[0] ?? '');

describe('a failed try', () => {
	test('is read, its cause named, and told', async () => {
		const at = open();
		const name = await run('value', 'failed');
		expect(await hear(at, key('value', name))).toBe('done');
		await at.settle();
		expect(await all(at)).toMatchObject([
			{ cause: 'user-code-exception', phase: 'open', counts: { tries: 1 }, first: { ofTries: 1, last: true } },
		]);
		expect(titles(at)[0]).toBe('🔴 `work` of `value` failed');
	});

	test('that will be tried again says when, and is no message yet', async () => {
		const at = open();
		const name = await run('retried', 'up_for_retry');
		await hear(at, key('retried', name));
		await at.settle();
		const [one] = await all(at);
		expect(one).toMatchObject({ phase: 'retrying', first: { last: false, ofTries: 2 } });
		const ended = Date.parse(one?.first?.endedAt ?? '');
		expect(one?.retryAt).toBe(ended + 60_000);
		expect(titles(at)).toEqual([]);
	});

	test('that healed before it was heard of is counted, and over', async () => {
		const at = open();
		const name = await run('healed', 'success', 2);
		await hear(at, key('healed', name));
		expect(await all(at)).toMatchObject([{ phase: 'recovered', counts: { tries: 1, bad: 0 } }]);
	});

	test('is the same however often it is heard', async () => {
		const at = open();
		const name = await run('value', 'failed');
		await Promise.all([1, 2, 3].map(() => hear(at, key('value', name))));
		await hear(at, key('value', name));
		expect(await all(at)).toMatchObject([{ counts: { tries: 1 } }]);
	});

	test('whose log Airflow cannot hand out just now is not one without a log: it is asked again, for a while', async () => {
		let away = true;
		const log: Airflow['log'] = async (...asked) => {
			if (away) throw new Trouble('upstream', 'airflow away', 'Airflow does not answer.');
			return airflow.log(...asked);
		};
		const at = open({ airflow: { ...airflow, log } });
		const name = await run('value', 'failed');
		expect(await hear(at, key('value', name))).toMatchObject({ againInMs: expect.any(Number) });
		expect(await all(at)).toEqual([]);
		away = false;
		expect(await hear(at, key('value', name))).toBe('done');
		expect(await all(at)).toMatchObject([{ cause: 'user-code-exception' }]);
		away = true;
		const later = await run('value', 'failed');
		expect(await hear(at, key('value', later), { addedAt: Date.now() - 31_000 })).toBe('done');
	});

	test('that did not fail is nothing; a push may come too early', async () => {
		const at = open();
		const name = await run('fine', 'success');
		expect(await hear(at, { ...key('fine', name), by: 'push' })).toEqual({ againInMs: 1000 });
		expect(await hear(at, key('fine', name), { addedAt: Date.now() - 120_000 })).toBe('done');
		expect(await hear(at, key('fine', 'nowhere'))).toBe('done');
		expect(await all(at)).toEqual([]);
	});

	test('that was cleared before it was read is told all the same', async () => {
		const at = open();
		const name = await run('value', 'failed');
		await airflow.clear({ dag: 'value', run: name, onlyFailed: true, downstream: false });
		while ((await hear(at, key('value', name))) !== 'done') await sleep(20);
		expect(await all(at)).toMatchObject([{ counts: { tries: 1 }, first: { last: false, tryNumber: 1 } }]);
	});

	test('that fails for another reason than the try before is followed there', async () => {
		const at = open();
		const name = await run('changes', 'failed', 2);
		await hear(at, key('changes', name, 2));
		await hear(at, key('changes', name, 1));
		await at.settle();
		expect(await all(at)).toMatchObject([{ phase: 'open' }, { phase: 'closed', counts: { bad: 0 } }]);
		expect(titles(at).filter((title) => title.startsWith('🔴'))).toHaveLength(1);
	});

	test('of many with one cause costs one verdict, whoever comes first; another one beside them is its own', async () => {
		const at = open();
		const [a, b, c] = [await run('mount_a', 'failed'), await run('mount_b', 'failed'), await run('value', 'failed')];
		const before = sandbox.calls('log').length;
		await Promise.all([
			hear(at, key('mount_a', a)),
			...Array.from({ length: 20 }, (_, mapIndex) => hear(at, key('mount_b', b, 1, mapIndex))),
			hear(at, key('value', c)),
		]);
		await at.settle();
		const found = await all(at);
		expect(
			found
				.map(({ cause, scope, counts }) => [cause, scope, counts.tries])
				.sort((a, b) => String(a[0]).localeCompare(String(b[0]))),
		).toEqual([
			['gcsfuse-mount-lost', 'environment', 21],
			['user-code-exception', 'task', 1],
		]);
		expect(sandbox.calls('log').length - before).toBe(22);
		expect(titles(at).filter((title) => /^[🚨🔴]/u.test(title))).toHaveLength(2);
	});

	test('is told even when Airflow cannot be read, or workers die with it', async () => {
		const away: Airflow = {
			...airflow,
			taskInstance: async () => {
				throw new Trouble('upstream', 'airflow away', 'Airflow does not answer.');
			},
		};
		const at = open({ airflow: away });
		expect(await hear(at, key('value', 'r'))).toEqual({ againInMs: expect.any(Number) });
		expect(await all(at)).toEqual([]);
		await hear(at, key('value', 'r'), { addedAt: Date.now() - 11 * 60_000 });
		await hear(at, key('value', 'r2'), { stalls: 4 });
		await at.settle();
		expect(await all(at)).toMatchObject([{ cause: 'unknown', counts: { tries: 2 } }]);
		expect([...at.shown().values()].flatMap(({ reply }) => shown(reply)).join('\n')).toContain(
			'Airflow does not answer.',
		);
	});
});

describe('recovery is found', () => {
	const again = (at: Desk) => {
		at.pass(15_000);
		return recover('prod', at.wires);
	};
	test('in its own run, in a later run of the task; nothing is asked while nothing waits', async () => {
		const at = open();
		await recover('prod', at.wires);
		const before = sandbox.calls().length;
		await again(at);
		expect(sandbox.calls().length).toBe(before);

		const name = await run('value', 'failed');
		const other = await run('mount_a', 'failed');
		await hear(at, key('value', name));
		await hear(at, key('mount_a', other));
		await at.settle();
		await again(at);
		expect((await all(at)).map(({ phase }) => phase)).toEqual(['open', 'open']);

		// Mended: it is run again, and passes; of the other one a new run does.
		sandbox.setDag('value', dag('value', { endings: [value, 'success'] }));
		sandbox.setDag('mount_a', dag('mount_a', {}));
		await airflow.clear({ dag: 'value', run: name, onlyFailed: true, downstream: false });
		await run('mount_a', 'success');
		await sandbox.until(() => sandbox.run('value', name)?.state !== 'running');
		const task = sandbox.run('value', name)?.tasks[0];
		if (task) task.state = 'success';
		await again(at);
		await at.settle();
		// Both were opened in the same millisecond: in either order.
		expect(
			Object.fromEntries(
				(await all(at)).map(({ first, phase, passedIn }) => [first?.dag, [phase, passedIn !== undefined]]),
			),
		).toEqual({ value: ['recovered', false], mount_a: ['recovered', true] });
		expect(titles(at).filter((title) => title.startsWith('🟢'))).toHaveLength(4);
		sandbox.setDag('value', DAGS[0]);
		sandbox.setDag(
			'mount_a',
			DAGS.find(({ id }) => id === 'mount_a'),
		);
		// Nothing is left to look for.
		await again(at);
		const calls = sandbox.calls().length;
		await again(at);
		expect(sandbox.calls().length).toBe(calls);
	});

	test('a run that was deleted is no longer waited for', async () => {
		const at = open();
		const name = await run('value', 'failed');
		await hear(at, key('value', name));
		sandbox.deleteRun('value', name);
		at.pass(6 * 60_000);
		await again(at);
		expect(await all(at)).toMatchObject([{ phase: 'closed' }]);
	});

	test('what nobody heard of for a week is no longer followed', async () => {
		const at = open();
		const name = await run('value', 'failed');
		await hear(at, key('value', name));
		await at.settle();
		at.pass(8 * 24 * 3600_000);
		await again(at);
		await at.settle();
		expect(titles(at)[0]).toContain('no longer followed');
	});
});

describe('a condition', () => {
	const job = (more: Partial<ConditionJob>): ConditionJob => ({
		v: 1,
		env: 'prod',
		kind: 'scheduler-heartbeat-lost',
		key: 'scheduler',
		facts: { status: 'unhealthy' },
		since: new Date().toISOString(),
		over: false,
		seenAt: Date.now(),
		...more,
	});
	const tell = (at: Desk, more: Partial<ConditionJob> = {}) => condition(held(job(more)), at.wires);

	test('is told like a failure, and its end', async () => {
		const at = open();
		await tell(at);
		await at.settle();
		expect(titles(at)).toEqual(['🚨 The scheduler gives no sign of life']);
		await tell(at, { over: true, seenAt: Date.now() + 60_000 });
		await at.settle();
		expect(titles(at)[0]).toMatch(/^🟢 The scheduler gives no sign of life: recovered after/);
	});

	test('that ends before its beginning was carried out waits for it', async () => {
		const at = open();
		expect(await tell(at, { over: true })).toEqual({ againInMs: 1000 });
	});

	test('with a text has its cause named', async () => {
		const at = open();
		const trace =
			'Traceback (most recent call last):\n  File "/home/airflow/gcs/dags/sales.py", line 3, in <module>\n    import pandaz\nModuleNotFoundError: No module named \'pandaz\'';
		await tell(at, { kind: 'import-error', key: 'sales.py', facts: { file: 'sales.py', text: trace } });
		await at.settle();
		expect(titles(at)[0]).toBe('🔴 `sales.py` cannot be imported');
		const text = [...at.shown().values()].flatMap(({ reply }) => shown(reply)).join('\n');
		expect(text).toContain("No module named 'pandaz'");
		expect(await all(at)).toMatchObject([{ cause: 'dag-import-error', severity: 'warning' }]);
	});

	test('takes its symptoms: those told before are part of it, later ones are counted by it, others stay their own', async () => {
		const at = open();
		const [before, after, other] = [
			await run('no_log', 'failed'),
			await run('no_log', 'failed'),
			await run('value', 'failed'),
		];
		await hear(at, key('no_log', before));
		await at.settle();
		await tell(at);
		await hear(at, key('no_log', after));
		await hear(at, key('value', other));
		await at.settle();
		const [first, bigger, own] = await all(at);
		expect(first).toMatchObject({ phase: 'folded', partOf: bigger?.id });
		expect(bigger).toMatchObject({
			cause: 'scheduler-heartbeat-lost',
			counts: { tries: 1, taken: 1 },
			took: [first?.id],
		});
		expect(own).toMatchObject({ cause: 'user-code-exception', phase: 'open' });
		const cards = [...at.shown()]
			.filter(([id]) => /^i-\w+-C$/.test(id))
			.map(([, { reply }]) => shown(reply).join('\n'));
		expect(cards).toEqual([
			expect.stringContaining('part of a bigger incident'),
			expect.stringContaining('It also explains 1 failed try told before.'),
			expect.stringContaining('`work` of `value` failed'),
		]);
	});
});
