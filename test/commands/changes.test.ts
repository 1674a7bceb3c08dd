import { afterEach, describe, expect, test } from '@jest/globals';
import { execute } from '../../commands/execute.ts';
import type { Grant } from '../../src/access/roles.ts';
import type { Airflow } from '../../src/domain/airflow.ts';
import type { Button, Reply } from '../../src/domain/reply.ts';
import type { SandboxAirflow } from '../../src/sandbox/airflow/index.ts';
import { asker, clientOf, fakeDeps, KEY, sandboxAirflow, shown, typed, type FakeDeps } from './house.ts';

const open: SandboxAirflow[] = [];
afterEach(async () => {
	await Promise.all(open.splice(0).map((sandbox) => sandbox.close()));
});

const RUN = 'manual__2026-11-20T00:00:00+00:00';

async function house(api: 1 | 2, grants: readonly Grant[] = []) {
	const { sandbox, client } = await sandboxAirflow({ api, speed: 20 });
	open.push(sandbox);
	const deps = fakeDeps({ prod: client }, { grants });
	return { sandbox, client, deps };
}

let keys = 0;
const newKey = (): string => (++keys).toString(16).padStart(24, '0');

/** Types words, or clicks a button, as somebody. */
async function say(deps: FakeDeps, words: string, who = 'Aiko', key = newKey()) {
	const user = `U0${who.toUpperCase()}`;
	return execute(typed(words, { key, user, via: 'click', at: 1000 + keys }), asker({ user, name: who }), deps);
}

function buttonOf(reply: Reply): Button {
	for (const part of reply.parts)
		if (part.kind === 'buttons') for (const button of part.buttons) if ('verb' in button) return button;
	throw new Error(`no button: ${shown(reply).join('\n')}`);
}
const wordsOf = (reply: Reply): string => {
	const { verb, words } = buttonOf(reply);
	return `${verb} ${words}`;
};

async function failedRun(client: Airflow, sandbox: SandboxAirflow, dag = 'cm_fail'): Promise<void> {
	await client.trigger({ dag, run: RUN, note: 'by hand' });
	await sandbox.until(() => sandbox.run(dag, RUN)?.state === 'failed');
}

describe.each([1, 2] as const)('rerun, REST v%i', (api) => {
	test('shows what would be cleared, asks, clears, is followed, and says who did it', async () => {
		const { sandbox, client, deps } = await house(api);
		await failedRun(client, sandbox);
		const failed = { env: 'prod', dag: 'cm_fail', run: RUN, task: 'divide', mapIndex: -1, tryNumber: 1 };
		deps.begin(
			'abcdef012345',
			{
				env: 'prod',
				scope: 'task',
				cause: 'user-code-exception',
				openedAt: 0,
				why: undefined,
				condition: undefined,
				history: { before: 0 },
			},
			[{ at: 0, kind: 'failed', failed: { ...failed, ofTries: 1, last: true, seenAt: 0 } }],
		);
		const asked = await say(deps, 'rerun cm_fail');
		expect(shown(asked.reply)).toEqual([
			'🔁 2 task instances of `cm_fail` would be cleared and run again',
			`\`${RUN}\``,
			'- `divide`  failed, try 1',
			'- `report`  upstream_failed',
			'[Rerun these 2] [Open in Airflow]',
		]);
		expect(buttonOf(asked.reply).confirm?.text).toContain('2 task instances of cm_fail');
		expect(Object.keys(asked)).toEqual(['reply']);
		expect(asked.reply.to).toBe('asker');
		expect(sandbox.run('cm_fail', RUN)?.state).toBe('failed');

		const key = newKey();
		const done = await say(deps, wordsOf(asked.reply), 'Aiko', key);
		expect(done).toMatchObject({
			reply: { to: 'channel' },
			follow: { env: 'prod', dag: 'cm_fail', run: RUN, rerun: { cleared: 2 } },
			card: 'abcdef012345',
		});
		expect(shown(done.reply)[1]).toMatch(/^Rerun by \*Aiko\* \(2 task instances\)/);
		expect((await deps.incidents.get('abcdef012345'))?.acts).toMatchObject([
			{ kind: 'rerun', name: 'Aiko', task: 'divide', tryNumber: 1 },
		]);
		expect(sandbox.run('cm_fail', RUN)?.note).toBe(`by hand\n2 task instance(s) cleared by Aiko [from Slack: ${key}]`);
		// The same command again, as after the death of a worker.
		expect(await say(deps, wordsOf(asked.reply), 'Aiko', key)).toMatchObject({ follow: { run: RUN } });
		await sandbox.until(() => sandbox.run('cm_fail', RUN)?.state === 'failed');
		expect(await client.tries({ dag: 'cm_fail', run: RUN, task: 'divide', mapIndex: -1 })).toHaveLength(2);
		expect(sandbox.run('cm_fail', RUN)?.note?.match(/cleared by/g)).toHaveLength(1);
		expect(await deps.audit.list(10)).toMatchObject([
			{ verb: 'rerun', name: 'Aiko', env: 'prod', dag: 'cm_fail', run: RUN, result: 'done' },
		]);
	});

	test('the second to confirm hears who was faster', async () => {
		const { sandbox, client, deps } = await house(api);
		await failedRun(client, sandbox);
		const words = wordsOf((await say(deps, 'rerun cm_fail')).reply);
		await say(deps, words, 'Aiko');
		const second = await say(deps, words, 'Ben');
		expect(shown(second.reply)[0]).toBe('👥 *Aiko* was faster: `cm_fail` is being rerun');
		expect(second.follow).toBeUndefined();
	});

	test('two questions, one after the other: the second answer finds that things have changed', async () => {
		const { sandbox, client, deps } = await house(api);
		await failedRun(client, sandbox);
		const one = wordsOf((await say(deps, 'rerun cm_fail')).reply);
		const other = wordsOf((await say(deps, 'rerun cm_fail --task divide')).reply);
		await say(deps, one);
		await sandbox.until(() => sandbox.run('cm_fail', RUN)?.state === 'failed');
		const late = await say(deps, other, 'Ben');
		expect(shown(late.reply).slice(0, 2)).toEqual([
			'⏭️ `cm_fail` has changed since, so nothing was cleared',
			'- `divide`: failed, try 1 → failed, try 2',
		]);
		expect((await deps.audit.list(1))[0]).toMatchObject({ name: 'Ben', result: 'nothing' });
	});

	test("a card's button about a try that is past", async () => {
		const { sandbox, client, deps } = await house(api);
		await failedRun(client, sandbox);
		await say(deps, wordsOf((await say(deps, 'rerun cm_fail')).reply));
		await sandbox.until(() => sandbox.run('cm_fail', RUN)?.state === 'failed');
		const past = await say(deps, `rerun cm_fail ${RUN} --task divide --try 1 --env prod`);
		expect(shown(past.reply)[0]).toBe('⏭️ Try 1 of `divide` is past');
		const now = await say(deps, `rerun cm_fail ${RUN} --task divide --try 2 --env prod`);
		expect(shown(now.reply)[2]).toBe('- `divide`  failed, try 2');
	});

	test('one mapped task instance, where the API can', async () => {
		const { sandbox, client, deps } = await house(api);
		await client.trigger({ dag: 'cm_mapped', run: RUN, note: '' });
		await sandbox.until(() => sandbox.run('cm_mapped', RUN)?.state === 'success');
		const asked = await say(deps, `rerun cm_mapped ${RUN} --task double --map 1`);
		const lines = shown(asked.reply);
		if (api === 2) expect(lines.slice(2)).toEqual(['- `double [1]`  success, try 1', '[Rerun it] [Open in Airflow]']);
		else expect(lines.join('\n')).toContain('The API of Airflow 2 cannot name a single mapped task instance');
	});

	test('with what comes after it', async () => {
		const { sandbox, client, deps } = await house(api);
		await client.trigger({ dag: 'cm_success', run: RUN, note: '' });
		await sandbox.until(() => sandbox.run('cm_success', RUN)?.state === 'success');
		const asked = await say(deps, `rerun cm_success ${RUN} --task transform --downstream`);
		expect(shown(asked.reply).slice(2, 4)).toEqual(['- `load`  success, try 1', '- `transform`  success, try 1']);
		await say(deps, wordsOf(asked.reply));
		await sandbox.until(() => sandbox.run('cm_success', RUN)?.state === 'success');
		const tries = (await client.taskInstances('cm_success', RUN)).map(({ task, tryNumber }) => [task, tryNumber]);
		expect(Object.fromEntries(tries)).toEqual({ extract: 1, transform: 2, load: 2 });
	});

	test('nothing failed, no such task, no such run, a question that is too old', async () => {
		const { sandbox, client, deps } = await house(api);
		expect(shown((await say(deps, 'rerun cm_success')).reply)[0]).toBe(
			'✅ Nothing of `cm_success` failed, so there is nothing to rerun',
		);
		await failedRun(client, sandbox);
		expect((await say(deps, 'rerun cm_fail --task divid')).trouble?.hint).toBe('Did you mean `divide`?');
		expect((await say(deps, 'rerun cm_fail manual__x')).trouble?.label).toBe('run unknown');
		expect((await say(deps, `rerun cm_fail ${RUN} --plan ${'0'.repeat(24)}`)).trouble?.label).toBe('plan gone');
	});

	test('a question about one run does not answer for another DAG, run or environment', async () => {
		const { sandbox, client, deps } = await house(api);
		await failedRun(client, sandbox);
		const { words } = buttonOf((await say(deps, 'rerun cm_fail')).reply);
		const plan = /--plan \w+/.exec(words)?.[0] ?? '';
		for (const other of [`cm_sigkill ${RUN}`, 'cm_fail manual__other', 'cm_fail'])
			expect((await say(deps, `rerun ${other} ${plan}`)).trouble?.label).toBe('plan gone');
		const stop = await say(deps, `stop cm_fail ${RUN} ${plan}`);
		expect(stop.trouble?.label).toBe('plan gone');
	});
});

describe.each([1, 2] as const)('stop, pause, unpause, REST v%i', (api) => {
	test('a run is stopped once, and who did it is said', async () => {
		const { sandbox, client, deps } = await house(api);
		await client.trigger({ dag: 'cm_slow', run: RUN, conf: { seconds: 600 }, note: '' });
		await sandbox.until(() => sandbox.run('cm_slow', RUN)?.state === 'running');
		const asked = await say(deps, 'stop cm_slow');
		expect(shown(asked.reply)[0]).toBe('⏹️ Stop this run of `cm_slow`?');
		const key = newKey();
		const done = await say(deps, wordsOf(asked.reply), 'Aiko', key);
		expect(shown(done.reply)[0]).toBe('⏹️ *Aiko* stopped a run of `cm_slow`');
		expect(done.reply.to).toBe('channel');
		expect(sandbox.run('cm_slow', RUN)).toMatchObject({
			state: 'failed',
			note: `Stopped by Aiko [from Slack: ${key}]`,
		});
		expect(await say(deps, wordsOf(asked.reply), 'Aiko', key)).toMatchObject({ reply: { to: 'channel' } });
		expect(shown((await say(deps, wordsOf(asked.reply), 'Ben')).reply)[0]).toBe('👥 *Aiko* was faster');
		expect(shown((await say(deps, `stop cm_slow ${RUN}`)).reply)[0]).toBe('▫️ This run has ended already: failed');
		expect(sandbox.calls('change-run').filter(({ path }) => !path.endsWith('setNote')).length).toBe(api === 1 ? 1 : 2);
	});

	test.each(['500-after-effect', 'reset-after-effect'] as const)(
		'stop, %s: carried out again it is ours',
		async (kind) => {
			const { sandbox, client, deps } = await house(api);
			await client.trigger({ dag: 'cm_slow', run: RUN, conf: { seconds: 600 }, note: '' });
			await sandbox.until(() => sandbox.run('cm_slow', RUN)?.state === 'running');
			const words = wordsOf((await say(deps, 'stop cm_slow')).reply);
			sandbox.faults({ op: 'change-run', kind, times: 1 });
			const key = newKey();
			expect((await say(deps, words, 'Aiko', key)).trouble).toMatchObject({ kind: 'upstream', outcome: 'unknown' });
			expect((await deps.audit.list(1))[0]).toMatchObject({ result: 'unknown' });
			expect(shown((await say(deps, words, 'Aiko', key)).reply)[0]).toBe('⏹️ *Aiko* stopped a run of `cm_slow`');
			expect((await deps.audit.list(1))[0]).toMatchObject({ result: 'done', dag: 'cm_slow', run: RUN });
		},
	);

	test('a DAG is paused and unpaused; what is so already is said', async () => {
		const { sandbox, client, deps } = await house(api);
		const asked = await say(deps, 'pause cm_success');
		expect(shown(asked.reply)[0]).toBe('⏸️ Pause `cm_success`?');
		expect((await client.dag('cm_success'))?.paused).toBe(false);
		sandbox.faults({ op: 'pause', kind: 'reset-after-effect', times: 1 });
		const key = newKey();
		expect((await say(deps, wordsOf(asked.reply), 'Aiko', key)).trouble?.outcome).toBe('unknown');
		expect(shown((await say(deps, wordsOf(asked.reply), 'Aiko', key)).reply)[0]).toBe('⏸️ *Aiko* paused `cm_success`');
		expect((await client.dag('cm_success'))?.paused).toBe(true);
		expect(shown((await say(deps, 'pause cm_success')).reply)[0]).toBe('⏸️ `cm_success` is paused already');
		const back = await say(deps, wordsOf((await say(deps, 'unpause cm_success')).reply), 'Ben');
		expect(shown(back.reply)[0]).toBe('▶️ *Ben* unpaused `cm_success`');
		expect((await deps.audit.list(9)).map(({ verb, name, result }) => [verb, name, result])).toEqual([
			['unpause', 'Ben', 'done'],
			['pause', 'Aiko', 'done'],
		]);
	});
});

describe('rights', () => {
	const grants: readonly Grant[] = [
		{ role: 'operator', users: ['U0AIKO'], dags: ['cm_fail'] },
		{ role: 'viewer', users: ['U0BEN'] },
	];
	test('are checked when typed, and again at the click of somebody else', async () => {
		const { sandbox, client, deps } = await house(2, grants);
		await failedRun(client, sandbox);
		const words = wordsOf((await say(deps, 'rerun cm_fail')).reply);
		expect(shown((await say(deps, words, 'Ben')).reply)[0]).toMatch(/^⛔ You may not run/);
		expect(shown((await say(deps, 'rerun cm_sigkill')).reply)[0]).toMatch(/^⛔ You may not run/);
		for (const verb of ['stop', 'pause', 'unpause'])
			expect(shown((await say(deps, `${verb} cm_success`)).reply)[0]).toMatch(/^⛔ You may not run/);
		expect(sandbox.run('cm_fail', RUN)?.state).toBe('failed');
		expect((await deps.audit.list(9)).map(({ name, verb, dag, result }) => ({ name, verb, dag, result }))).toEqual(
			[
				['Aiko', 'unpause', 'cm_success'],
				['Aiko', 'pause', 'cm_success'],
				['Aiko', 'stop', 'cm_success'],
				['Aiko', 'rerun', 'cm_sigkill'],
				['Ben', 'rerun', 'cm_fail'],
			].map(([name, verb, dag]) => ({ name, verb, dag, result: 'refused' })),
		);
		expect(shown((await say(deps, words)).reply)[1]).toMatch(/^Rerun by/);
	});

	test.each([1, 2] as const)("Airflow's own no is said plainly, REST v%i", async (api) => {
		const { sandbox, client } = await sandboxAirflow({ api, speed: 20 });
		open.push(sandbox);
		await failedRun(client, sandbox);
		const deps = fakeDeps({ prod: clientOf(sandbox, api, 'viewer') });
		// Even the dry run takes the right to clear.
		const refused = await say(deps, 'rerun cm_fail');
		expect(refused.trouble?.kind).toBe('denied');
		expect(shown(refused.reply)[0]).toMatch(/^⛔ .*clear/);
		const stop = await say(deps, wordsOf((await say(deps, 'pause cm_success')).reply));
		expect(stop.trouble?.kind).toBe('denied');
		expect(shown(stop.reply)[0]).toMatch(/^⛔ .*pause/);
		expect((await deps.audit.list(1))[0]).toMatchObject({ verb: 'pause', result: 'refused', dag: 'cm_success' });
	});
});

test('Japanese, with a Japanese id', async () => {
	const { sandbox, client, deps } = await house(2);
	await client.trigger({ dag: '売上_日次集計', run: RUN, note: '' });
	await sandbox.until(() => sandbox.run('売上_日次集計', RUN)?.state === 'success');
	const who = asker({ lang: 'ja' });
	const { reply } = await execute(typed(`rerun 売上_日次集計 ${RUN} --task 集計`, { key: KEY }), who, deps);
	expect(shown(reply)).toEqual([
		'🔁 `売上_日次集計` のタスクインスタンス 1 件をクリアして再実行します',
		`\`${RUN}\``,
		'- `集計`（success、1 回目）',
		'[1 件を再実行] [Airflow で開く]',
	]);
});
