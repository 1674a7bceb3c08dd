import { afterEach, describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { isCleared, requestFor, targetsOf, type RerunPlan } from '../../commands/_parts/rerun-plan.ts';
import { rerunOnce } from '../../commands/_parts/rerun-once.ts';
import type { Airflow, TaskInstance } from '../../src/domain/airflow.ts';
import { Trouble } from '../../src/domain/errors.ts';
import type { FaultKind, SandboxAirflow } from '../../src/sandbox/airflow/index.ts';
import { KEY, sandboxAirflow } from './house.ts';
import { memory } from './memory.ts';

const open: SandboxAirflow[] = [];
afterEach(async () => {
	await Promise.all(open.splice(0).map((sandbox) => sandbox.close()));
});

const RUN = 'manual__2026-11-20T00:00:00+00:00';

/** A failed run of cm_fail (divide failed, report upstream_failed), what a rerun of it would clear, and a clock to turn. */
async function house(api: 1 | 2) {
	const { sandbox, client } = await sandboxAirflow({ api, speed: 20 });
	open.push(sandbox);
	let now = Date.now();
	const { plans } = memory(() => now);
	await client.trigger({ dag: 'cm_fail', run: RUN, note: '' });
	await sandbox.until(() => sandbox.run('cm_fail', RUN)?.state === 'failed');
	const request = requestFor(
		{ dag: 'cm_fail', run: RUN },
		{ downstream: false },
		await client.taskInstances('cm_fail', RUN),
	);
	if (!request) throw new Error('nothing to clear');
	const targets = targetsOf(await client.clearable(request));
	const plan: RerunPlan = { v: 1, verb: 'rerun', env: 'prod', request: { ...request, tasks: undefined }, targets };
	const id = await plans.keep(JSON.stringify(plan));
	let requests = 0;
	/** What happens right before the request that clears, and right after the claim; once. */
	const hooks: { beforeClear?: () => unknown; afterClaim?: () => unknown } = {};
	const at = {
		airflow: {
			...client,
			clear: async (...args: Parameters<Airflow['clear']>) => {
				requests++;
				const { beforeClear } = hooks;
				delete hooks.beforeClear;
				beforeClear?.();
				return client.clear(...args);
			},
		},
		plans: {
			...plans,
			claim: async (...args: Parameters<typeof plans.claim>) => {
				const was = await plans.claim(...args);
				const { afterClaim } = hooks;
				delete hooks.afterClaim;
				afterClaim?.();
				return was;
			},
		},
		now: () => now,
	};
	return {
		sandbox,
		client,
		plans,
		targets,
		hooks,
		again: (key = KEY, name = 'Aiko') => rerunOnce(plan, id, { key, name }, at),
		later: (ms: number) => (now += ms),
		/** Requests to clear; the dry runs are not among them. */
		requests: () => requests,
		tries: async () => (await client.tries({ dag: 'cm_fail', run: RUN, task: 'divide', mapIndex: -1 })).length,
	};
}

const caught = async (work: Promise<unknown>): Promise<Trouble> => {
	const got = await work.then(
		() => undefined,
		(error: unknown) => error,
	);
	if (got instanceof Trouble) return got;
	throw new Error(`expected a Trouble, got ${String(got)}`);
};

describe.each([1, 2] as const)('cleared once, REST v%i', (api) => {
	test('what was shown is what is cleared', async () => {
		const { again, targets, sandbox, tries } = await house(api);
		expect(targets).toEqual([
			{ task: 'divide', mapIndex: -1, tryNumber: 1, state: 'failed' },
			{ task: 'report', mapIndex: -1, tryNumber: 0, state: 'upstream_failed' },
		]);
		expect(await again()).toEqual({ kind: 'cleared', seen: false });
		await sandbox.until(() => sandbox.run('cm_fail', RUN)?.state === 'failed');
		expect(await tries()).toBe(2);
	});

	test('ten times, also at once: one request', async () => {
		const { again, requests, sandbox, tries } = await house(api);
		const all = await Promise.allSettled(Array.from({ length: 10 }, () => again()));
		expect(all.filter(({ status }) => status === 'fulfilled').length).toBeGreaterThan(0);
		await sandbox.until(() => sandbox.run('cm_fail', RUN)?.state === 'failed');
		expect(await again()).toMatchObject({ kind: 'cleared' });
		expect(await tries()).toBe(2);
		expect(requests()).toBe(1);
	});

	test('two people: the first is carried out, the second hears of it', async () => {
		const { again, tries, sandbox } = await house(api);
		await again('a'.repeat(24), 'Aiko');
		expect(await again('b'.repeat(24), 'Ben')).toEqual({ kind: 'taken', by: 'Aiko' });
		await sandbox.until(() => sandbox.run('cm_fail', RUN)?.state === 'failed');
		expect(await again('b'.repeat(24), 'Ben')).toEqual({ kind: 'taken', by: 'Aiko' });
		expect(await tries()).toBe(2);
	});

	test.each(['500-after-effect', 'reset-after-effect', 'slow-after-effect'] as const)(
		'%s: seen by the tries, never repeated',
		async (kind: FaultKind) => {
			const { again, hooks, sandbox, tries } = await house(api);
			// The dry run before the clear is a request of the same kind.
			hooks.beforeClear = () => sandbox.faults({ op: 'clear', kind, times: 1 });
			expect(await again()).toEqual({ kind: 'cleared', seen: true });
			await sandbox.until(() => sandbox.run('cm_fail', RUN)?.state === 'failed');
			expect(await again()).toEqual({ kind: 'cleared', seen: true });
			expect(await tries()).toBe(2);
		},
	);

	test.each(['500', 'reset', 'timeout'] as const)(
		'%s before any effect: looked for, then given up, and never repeated',
		async (kind) => {
			const { again, hooks, sandbox, later, tries } = await house(api);
			hooks.beforeClear = () => sandbox.faults({ op: 'clear', kind, times: 1 });
			expect(await caught(again())).toMatchObject({ kind: 'upstream', outcome: 'unknown' });
			expect(await caught(again())).toMatchObject({ label: 'rerun outcome unknown' });
			later(31_000);
			expect(await again()).toEqual({ kind: 'not seen' });
			expect(await again()).toEqual({ kind: 'not seen' });
			expect(await tries()).toBe(1);
		},
	);

	test('429: nothing happened, so the next call does it', async () => {
		const { again, hooks, sandbox, tries } = await house(api);
		hooks.beforeClear = () => sandbox.faults({ op: 'clear', kind: '429', times: 1 });
		expect(await caught(again())).toMatchObject({ kind: 'upstream', outcome: 'none' });
		expect(await again()).toEqual({ kind: 'cleared', seen: false });
		await sandbox.until(() => sandbox.run('cm_fail', RUN)?.state === 'failed');
		expect(await tries()).toBe(2);
	});

	test('a worker that died between its claim and the request: nothing is sent by the next one', async () => {
		const { again, hooks, later, requests, tries } = await house(api);
		const dies = new Error('killed');
		hooks.beforeClear = () => {
			throw dies;
		};
		await expect(again()).rejects.toBe(dies);
		expect(await caught(again())).toMatchObject({ label: 'rerun outcome unknown' });
		later(31_000);
		expect(await again()).toEqual({ kind: 'not seen' });
		expect(await tries()).toBe(1);
		expect(requests()).toBe(1);
	});

	test('a worker that was stopped after its claim sends nothing when it wakes', async () => {
		const { again, hooks, later, tries } = await house(api);
		hooks.afterClaim = () => later(10_000);
		expect(await caught(again())).toMatchObject({ label: 'rerun turn lost', outcome: 'none' });
		expect(await tries()).toBe(1);
		expect(await again()).toEqual({ kind: 'cleared', seen: false });
	});

	test('somebody cleared it in Airflow meanwhile: the try has changed, nothing is done', async () => {
		const { again, client, sandbox, tries } = await house(api);
		await client.clear({ dag: 'cm_fail', run: RUN, onlyFailed: true, downstream: false });
		await sandbox.until(() => sandbox.run('cm_fail', RUN)?.state === 'failed');
		expect(await again()).toMatchObject({ kind: 'changed', targets: [{ task: 'divide', tryNumber: 2 }, {}] });
		expect(await tries()).toBe(2);
	});
});

describe('what is asked of Airflow', () => {
	const one = (task: string, state: string, mapIndex = -1): TaskInstance => ({
		dag: 'd',
		run: 'r',
		task,
		mapIndex,
		tryNumber: 1,
		maxTries: 0,
		state,
	});
	const at = { dag: 'd', run: 'r' };
	test.each([
		['failed ones of the run', {}, { onlyFailed: true, downstream: false }],
		['nothing failed', {}, undefined, [one('a', 'success')]],
		['with what comes after', { downstream: true }, { tasks: ['a', 'b'], onlyFailed: false, downstream: true }],
		['a task that failed', { task: 'a' }, { tasks: ['a'], onlyFailed: true, downstream: false }],
		['a task that went well', { task: 'c' }, { tasks: ['c'], onlyFailed: false, downstream: false }],
		[
			'one mapped instance',
			{ task: 'b', mapIndex: 1 },
			{ tasks: ['b'], mapIndex: 1, onlyFailed: true, downstream: false },
		],
	])(
		'%s',
		(
			_,
			wanted,
			request,
			instances = [one('a', 'failed'), one('b', 'failed', 1), one('b', 'success', 2), one('c', 'success')],
		) => {
			expect(requestFor(at, { downstream: false, ...wanted }, instances)).toEqual(request && { ...at, ...request });
		},
	);

	test('cleared or not, by what stands: when every one that can tell has moved', () => {
		const state = fc.constantFrom(
			'failed',
			'upstream_failed',
			'success',
			'skipped',
			'running',
			'up_for_retry',
			'queued',
		);
		const target = fc.record({
			task: fc.constantFrom('a', 'b', 'c', 'd'),
			state,
			moves: fc.boolean(),
			tries: fc.boolean(),
		});
		fc.assert(
			fc.property(fc.uniqueArray(target, { selector: ({ task }) => task, minLength: 1 }), (all) => {
				const targets = targetsOf(all.map(({ task, state: was }) => one(task, was)));
				const now = all.map(({ task, state: was, moves, tries }) => ({
					...one(task, moves && !tries ? 'none' : was),
					tryNumber: moves && tries ? 2 : 1,
				}));
				const strong = all.filter(({ state: was }) => was === 'failed' || was === 'success');
				const weak = all.filter(({ state: was }) => was === 'upstream_failed' || was === 'skipped');
				expect(isCleared(targets, now)).toBe(
					strong.length > 0 ? strong.every(({ moves }) => moves) : weak.some(({ moves }) => moves),
				);
			}),
		);
	});
});
