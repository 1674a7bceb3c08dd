import { afterEach, describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { askerIn, isOurs, runIdOf, runNote, startOnce, utcText } from '../../commands/_parts/start-once.ts';
import { Trouble } from '../../src/domain/errors.ts';
import type { FaultKind, SandboxAirflow } from '../../src/sandbox/airflow/index.ts';
import { KEY, sandboxAirflow } from './house.ts';

const open: SandboxAirflow[] = [];
afterEach(async () => {
	await Promise.all(open.splice(0).map((sandbox) => sandbox.close()));
});
async function house(api: 1 | 2) {
	const made = await sandboxAirflow({ api });
	open.push(made.sandbox);
	return made;
}

const start = { dag: 'cm_success', key: KEY, asker: 'Aiko' };
const caught = async (work: Promise<unknown>): Promise<Trouble> => {
	const got = await work.then(
		() => undefined,
		(error: unknown) => error,
	);
	if (got instanceof Trouble) return got;
	throw new Error(`expected a Trouble, got ${String(got)}`);
};

describe.each([1, 2] as const)('started once, REST v%i', (api) => {
	test('id, note and conf', async () => {
		const { sandbox, client } = await house(api);
		const run = await startOnce(client, { ...start, conf: { a: [1, null, 'x'] }, note: 'after the fix' });
		expect(run).toMatchObject({ dag: 'cm_success', run: `slack__${KEY}`, conf: { a: [1, null, 'x'] } });
		expect(sandbox.run('cm_success', runIdOf(KEY))?.note).toBe(`Aiko via Slack: after the fix [concertmaster:${KEY}]`);
	});

	test('ten times, also at once: one run', async () => {
		const { sandbox, client } = await house(api);
		const runs = await Promise.all(Array.from({ length: 10 }, () => startOnce(client, start)));
		expect(new Set(runs.map(({ run }) => run))).toEqual(new Set([runIdOf(KEY)]));
		expect(sandbox.started()).toHaveLength(1);
	});

	test.each(['500-after-effect', 'reset-after-effect', 'slow-after-effect'] as const)(
		'%s: our own run is found and adopted',
		async (kind: FaultKind) => {
			const { sandbox, client } = await house(api);
			await client.version();
			sandbox.faults({ op: 'trigger', kind, times: 1 });
			expect((await startOnce(client, start)).run).toBe(runIdOf(KEY));
			expect(sandbox.started()).toHaveLength(1);
			expect(sandbox.calls('trigger')).toHaveLength(1);
		},
	);

	test.each(['500', 'reset', '429', 'timeout'] as const)(
		'%s before any effect: told, and the next call starts it',
		async (kind) => {
			const { sandbox, client } = await house(api);
			await client.version();
			sandbox.faults({ op: 'trigger', kind, times: 1 });
			expect((await caught(startOnce(client, start))).kind).toBe('upstream');
			expect(sandbox.started()).toHaveLength(0);
			await startOnce(client, start);
			expect(sandbox.started()).toHaveLength(1);
		},
	);

	test('the reply and the question after it are lost: unknown, and nothing is started twice', async () => {
		const { sandbox, client } = await house(api);
		await client.version();
		sandbox.faults({ op: 'trigger', kind: 'reset-after-effect', times: 1 });
		const back = sandbox.faults({ op: 'run', kind: 'reset' });
		expect((await caught(startOnce(client, start))).kind).toBe('upstream');
		back();
		expect((await startOnce(client, start)).run).toBe(runIdOf(KEY));
		expect(sandbox.started()).toHaveLength(1);
	});

	test("somebody else's run with our id is never adopted", async () => {
		const { sandbox, client } = await house(api);
		sandbox.foreignRun({ dag: 'cm_success', run: runIdOf(KEY), note: 'by hand' });
		expect(await caught(startOnce(client, start))).toMatchObject({
			kind: 'user',
			label: 'run id taken',
			message: `cm_success already has a run slack__${KEY} that this command did not start. Nothing was started.`,
		});
		expect(sandbox.started()).toHaveLength(0);
	});

	test("somebody else's run with our logical date is named", async () => {
		const { sandbox, client } = await house(api);
		sandbox.foreignRun({ dag: 'cm_success', run: 'manual__x', logicalDate: Date.UTC(2026, 10, 20), state: 'success' });
		const told = await caught(startOnce(client, { ...start, logicalDate: '2026-11-20T00:00:00Z' }));
		expect([told.kind, told.label, told.message, told.ja?.message]).toEqual([
			'user',
			'logical date taken',
			'cm_success already has a run for the logical date 2026-11-20 00:00 UTC (manual__x, success). Nothing was started.',
			'cm_success には、論理日時 2026-11-20 00:00 UTC の実行がすでにあります (manual__x, success)。何も開始していません。',
		]);
		expect(sandbox.started()).toHaveLength(0);
	});
});

describe('the note', () => {
	test('stays under 1,000 characters, ends with the key, says who, shows no secret', () => {
		fc.assert(
			fc.property(
				fc.string({ unit: 'binary', maxLength: 2000 }),
				fc.option(fc.string({ unit: 'binary', maxLength: 3000 }), { nil: undefined }),
				(asker, note) => {
					const text = runNote({ asker, note, key: KEY });
					expect([...text].length).toBeLessThan(1000);
					expect(isOurs({ note: text }, KEY)).toBe(true);
					expect(isOurs({ note: text }, 'f'.repeat(24))).toBe(false);
				},
			),
		);
		const note = runNote({ asker: 'Aiko', note: 'password=hunter2hunter2', key: KEY });
		expect(note).toBe(`Aiko via Slack: password=*** [concertmaster:${KEY}]`);
		expect(askerIn({ note })).toBe('Aiko');
		expect(askerIn({ note: 'Eve via Slack' })).toBeUndefined();
	});
});

test('dates are shown in UTC, to the minute where that is all', () => {
	expect(['2026-11-20T09:30:00+09:00', '2026-11-20T00:00:15Z', '2026-11-20T00:00:15.250Z', 'no'].map(utcText)).toEqual([
		'2026-11-20 00:30 UTC',
		'2026-11-20 00:00:15 UTC',
		'2026-11-20 00:00:15.250 UTC',
		'no',
	]);
});
