import { afterEach, describe, expect, test } from '@jest/globals';
import { execute } from '../../commands/execute.ts';
import type { Grant } from '../../src/access/roles.ts';
import type { IncidentEvent } from '../../src/alerts/incident.ts';
import type { Airflow, TaskInstance } from '../../src/domain/airflow.ts';
import type { Button, Reply } from '../../src/domain/reply.ts';
import type { SandboxAirflow } from '../../src/sandbox/airflow/index.ts';
import { blockProblems, blockTextLength } from '../../src/sandbox/slack/blocks.ts';
import { render } from '../../src/slack/render.ts';
import { asker, fakeAirflow, fakeDeps, sandboxAirflow, shown, typed, type FakeDeps } from './house.ts';

const open: SandboxAirflow[] = [];
afterEach(async () => {
	await Promise.all(open.splice(0).map((sandbox) => sandbox.close()));
});

const ID = 'abcdef012345';
const RUNS = ['run_1', 'run_2', 'run_3'];
type Key = { dag: string; run: string; task: string; tryNumber?: number };

function begin(deps: FakeDeps, failed: readonly Key[]): void {
	const rest = { env: 'prod', mapIndex: -1, tryNumber: 1, ofTries: 1, last: true, seenAt: 0 };
	deps.begin(
		ID,
		{
			env: 'prod',
			scope: 'task',
			cause: 'user-code-exception',
			openedAt: 0,
			why: undefined,
			condition: undefined,
			history: { before: 0 },
		},
		failed.map((key): IncidentEvent => ({ at: 0, kind: 'failed', failed: { ...rest, ...key } })),
	);
}

let keys = 0;
const newKey = (): string => (++keys).toString(16).padStart(24, '0');

type Who = { who?: string; key?: string; lang?: 'en' | 'ja' };

async function say(deps: FakeDeps, words: string, { who = 'Aiko', key = newKey(), lang = 'en' }: Who = {}) {
	const user = `U0${who.toUpperCase()}`;
	return execute(typed(words, { key, user, via: 'click', at: 1000 + keys }), asker({ user, name: who, lang }), deps);
}

function buttonOf(reply: Reply): Button {
	for (const part of reply.parts)
		if (part.kind === 'buttons') for (const button of part.buttons) if ('verb' in button) return button;
	throw new Error(`no button: ${shown(reply).join('\n')}`);
}
const clickOf = (reply: Reply): string => `${buttonOf(reply).verb} ${buttonOf(reply).words}`;

/** Three failed runs of cm_fail that are one incident. `beforeClear`: what happens right before the request that clears this run. */
async function house(api: 1 | 2 = 2, grants: readonly Grant[] = []) {
	const { sandbox, client } = await sandboxAirflow({ api, speed: 20 });
	open.push(sandbox);
	for (const run of RUNS) await client.trigger({ dag: 'cm_fail', run, note: '' });
	await sandbox.until(() => RUNS.every((run) => sandbox.run('cm_fail', run)?.state === 'failed'));
	const beforeClear = new Map<string, () => unknown>();
	let now = Date.now();
	const airflow: Airflow = {
		...client,
		async clear(request, options) {
			const hook = beforeClear.get(request.run);
			beforeClear.delete(request.run);
			hook?.();
			return client.clear(request, options);
		},
	};
	const deps = fakeDeps({ prod: airflow }, { grants, now: () => now });
	begin(
		deps,
		RUNS.map((run) => ({ dag: 'cm_fail', run, task: 'divide' })),
	);
	return {
		sandbox,
		client,
		deps,
		beforeClear,
		later: (ms: number) => (now += ms),
		tries: async () =>
			Promise.all(
				RUNS.map(async (run) => {
					await sandbox.until(() => sandbox.run('cm_fail', run)?.state === 'failed');
					return (await client.tries({ dag: 'cm_fail', run, task: 'divide', mapIndex: -1 })).length;
				}),
			),
	};
}

describe.each([1, 2] as const)('an incident over several runs, REST v%i', (api) => {
	test('each run is shown, one click clears all of them once, and the card says who did it', async () => {
		const { deps, sandbox, tries } = await house(api);
		const asked = await say(deps, `rerun incident:${ID} --env prod`);
		expect(shown(asked.reply)).toEqual([
			'🔁 6 task instances in 3 runs of `cm_fail` would be cleared and run again',
			...RUNS.map((run) => `- \`${run}\`: \`divide\`  try 1 and 1 more`),
			'[Rerun these 3 runs]',
		]);
		expect(asked.reply.to).toBe('asker');
		expect(asked.act).toBeUndefined();

		const key = newKey();
		const done = await say(deps, clickOf(asked.reply), { key });
		expect(shown(done.reply).slice(0, 2)).toEqual([
			'🔁 *Aiko* reruns 6 task instances in 3 runs of `cm_fail`',
			'- `run_1`: `divide`  try 1 and 1 more',
		]);
		expect(done).toMatchObject({ reply: { to: 'channel' }, card: ID });
		// Carried out again, as after the death of a worker.
		expect(shown((await say(deps, clickOf(asked.reply), { key })).reply)).toEqual(shown(done.reply));
		expect(await tries()).toEqual([2, 2, 2]);
		expect((await deps.incidents.get(ID))?.acts).toMatchObject([{ kind: 'rerun', name: 'Aiko', runs: 3, left: 0 }]);
		expect(sandbox.run('cm_fail', 'run_2')?.note).toContain(`cleared by Aiko [from Slack: ${key}]`);
		expect(await deps.audit.list(9)).toMatchObject([
			{ verb: 'rerun', dag: 'cm_fail', what: `incident:${ID}: 3 runs`, result: 'done' },
		]);
		// Somebody else who saw the same question.
		const second = await say(deps, clickOf(asked.reply), { who: 'Ben' });
		expect(shown(second.reply).slice(0, 2)).toEqual(['⏭️ Nothing was cleared', '*Somebody else was faster*:']);
		expect(second.reply.to).toBe('asker');
	});

	test('a run that has changed since is left alone, the others are cleared', async () => {
		const { deps, client, tries } = await house(api);
		const asked = await say(deps, `rerun incident:${ID}`);
		await client.clear({ dag: 'cm_fail', run: 'run_2', onlyFailed: true, downstream: false });
		expect(await tries()).toEqual([1, 2, 1]);
		const done = await say(deps, clickOf(asked.reply));
		expect(shown(done.reply)).toEqual([
			'🔁 *Aiko* reruns 4 task instances in 2 runs of `cm_fail`',
			'- `run_1`: `divide`  try 1 and 1 more',
			'- `run_3`: `divide`  try 1 and 1 more',
			'*Left alone, because something has changed since it was shown*:',
			'- `run_2`: `divide`  try 1 and 1 more',
			'[Rerun the rest]',
		]);
		expect(await tries()).toEqual([2, 2, 2]);
		// It is at another try now, which this incident does not know of.
		expect(shown((await say(deps, clickOf(done.reply))).reply)[0]).toMatch(/^✅ Nothing of this incident/);
	});

	test.each(['500-after-effect', 'reset-after-effect'] as const)(
		'%s of one run: seen by its tries, never repeated',
		async (kind) => {
			const { deps, beforeClear, sandbox, tries } = await house(api);
			const asked = await say(deps, `rerun incident:${ID}`);
			beforeClear.set('run_2', () => sandbox.faults({ op: 'clear', kind, times: 1 }));
			const done = await say(deps, clickOf(asked.reply));
			expect(shown(done.reply)[0]).toBe('🔁 *Aiko* reruns 6 task instances in 3 runs of `cm_fail`');
			expect(await tries()).toEqual([2, 2, 2]);
		},
	);

	test('the answer about one run is lost: the others are cleared, that one is looked for, given up, never repeated', async () => {
		const { deps, beforeClear, sandbox, later, tries } = await house(api);
		const asked = await say(deps, `rerun incident:${ID}`);
		beforeClear.set('run_2', () => sandbox.faults({ op: 'clear', kind: 'reset', times: 1 }));
		const key = newKey();
		const first = await say(deps, clickOf(asked.reply), { key });
		expect(first.trouble).toMatchObject({ kind: 'upstream', outcome: 'unknown', label: 'rerun of runs unfinished' });
		expect(shown(first.reply)[0]).toMatch(/^🔌 2 of 3 runs are cleared; of the others it is not known yet\./);
		expect(await tries()).toEqual([2, 1, 2]);
		later(31_000);
		const last = await say(deps, clickOf(asked.reply), { key });
		expect(shown(last.reply).slice(3, 5)).toEqual([
			expect.stringMatching(/^\*Not known: the answer of Airflow was lost/),
			'- `run_2`: `divide`  try 1 and 1 more',
		]);
		expect(last.act?.result).toBe('unknown');
		expect(await tries()).toEqual([2, 1, 2]);
		// A person who asks anew is asked anew.
		const again = await say(deps, clickOf(last.reply));
		expect(shown(again.reply)[0]).toBe('🔁 2 task instances in 1 run of `cm_fail` would be cleared and run again');
		await say(deps, clickOf(again.reply));
		expect(await tries()).toEqual([2, 2, 2]);
	});
});

test('while Airflow does not answer nothing more is sent; the same command goes on later', async () => {
	const { deps, beforeClear, sandbox, tries } = await house();
	const asked = await say(deps, `rerun incident:${ID}`);
	beforeClear.set('run_2', () => sandbox.faults({ op: 'clear', kind: '429', times: 1 }));
	const key = newKey();
	const first = await say(deps, clickOf(asked.reply), { key });
	expect(shown(first.reply)[0]).toMatch(/^🔌 1 of 3 runs are cleared/);
	expect(await tries()).toEqual([2, 1, 1]);
	expect(shown((await say(deps, clickOf(asked.reply), { key })).reply)[0]).toContain('in 3 runs');
	expect(await tries()).toEqual([2, 2, 2]);
});

describe('rights', () => {
	const grants: readonly Grant[] = [
		{ role: 'operator', users: ['U0AIKO'], dags: ['cm_fail'] },
		{ role: 'operator', users: ['U0BEN'], dags: ['other'] },
	];

	test('what is not theirs is left out and counted; at the click of somebody else it is checked again', async () => {
		const { deps, tries } = await house(2, grants);
		begin(deps, [
			...RUNS.map((run) => ({ dag: 'cm_fail', run, task: 'divide' })),
			{ dag: 'other', run: 'x', task: 't' },
		]);
		const asked = await say(deps, `rerun incident:${ID}`);
		expect(shown(asked.reply)).toContain('(⚠️ 1 run of DAGs for which you are no operator is left out.)');
		const bens = await say(deps, clickOf(asked.reply), { who: 'Ben' });
		expect(shown(bens.reply).slice(0, 2)).toEqual(['⏭️ Nothing was cleared', '*You are no operator for these*:']);
		expect(await tries()).toEqual([1, 1, 1]);
	});

	test('an incident that is about nothing of theirs is denied', async () => {
		const { deps } = await house(2, grants);
		expect((await say(deps, `rerun incident:${ID}`, { who: 'Ben' })).trouble?.label).toBe('incident denied');
	});
});

test('what does not go with an incident is said, and a plan of another one is none', async () => {
	const { deps } = await house();
	for (const words of ['run_1', '--task divide', '--downstream'])
		expect((await say(deps, `rerun incident:${ID} ${words}`)).trouble?.label).toBe('incident with options');
	const { words } = buttonOf((await say(deps, `rerun incident:${ID}`)).reply);
	expect((await say(deps, `rerun ${words.replace(ID, '0123456789ab')}`)).trouble?.label).toBe('plan gone');
	expect((await say(deps, 'rerun incident:0123456789ab')).trouble?.label).toBe('incident unknown');
});

describe('more than one click may clear', () => {
	const many = (count: number, dag: (n: number) => string): FakeDeps => {
		const run = (n: number): string => `scheduled__${'x'.repeat(200)}_${n}`;
		const instances = (of: string, name: string): TaskInstance[] =>
			['load', 'report'].map((task, at) => ({
				dag: of,
				run: name,
				task: `${task}_${'y'.repeat(200)}`,
				mapIndex: -1,
				tryNumber: 1 - at,
				maxTries: 0,
				state: at === 0 ? 'failed' : 'upstream_failed',
			}));
		const airflow = fakeAirflow({
			taskInstances: async (of, name) => instances(of, name),
			clearable: async (request) => instances(request.dag, request.run),
			dag: async () => undefined,
		});
		const deps = fakeDeps({ prod: airflow });
		begin(
			deps,
			Array.from({ length: count }, (_, n) => ({ dag: dag(n), run: run(n), task: `load_${'y'.repeat(200)}` })),
		);
		return deps;
	};

	test.each(['en', 'ja'] as const)('fifty are listed whole in one message, and the rest is said, %s', async (lang) => {
		const { reply } = await say(
			many(213, (n) => `dag_${'z'.repeat(240)}_${n}`),
			`rerun incident:${ID}`,
			{ lang },
		);
		const text = shown(reply);
		expect(text[0]).toBe(
			lang === 'ja'
				? '🔁 50 件の DAG の実行 50 件（タスクインスタンス 100 件）をクリアして再実行します'
				: '🔁 100 task instances in 50 runs of 50 DAGs would be cleared and run again',
		);
		expect(text.filter((line) => line.startsWith('- '))).toHaveLength(50);
		expect(text[1]).toContain(lang === 'ja' ? '残りの実行 163 件' : '163 more runs are too many for one click');
		const { blocks } = JSON.parse(JSON.stringify(await render(reply, lang, async () => 'a'.repeat(24))));
		expect(blockProblems(blocks, 'message')).toEqual([]);
		expect(blockTextLength(blocks)).toBeLessThan(12_000);
		expect(/does not fit|収まらない/.test(JSON.stringify(blocks))).toBe(false);
	});

	test('Japanese names what is done', async () => {
		const deps = many(2, () => '売上');
		const { reply } = await say(deps, `rerun incident:${ID}`, { lang: 'ja' });
		expect(shown(reply)[0]).toBe('🔁 `売上` の実行 2 件（タスクインスタンス 4 件）をクリアして再実行します');
		expect(shown(reply).at(-1)).toBe('[実行 2 件を再実行]');
	});
});
