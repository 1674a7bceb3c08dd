import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { execute } from '../../commands/execute.ts';
import { runIdOf } from '../../commands/_parts/start-once.ts';
import type { Grant } from '../../src/access/roles.ts';
import type { Asker } from '../../src/deps.ts';
import type { Airflow } from '../../src/domain/airflow.ts';
import { Trouble } from '../../src/domain/errors.ts';
import { contractDags, type SandboxAirflow } from '../../src/sandbox/airflow/index.ts';
import { asker, clientOf, fakeAirflow, fakeDeps, sandboxAirflow, shown, typed } from './house.ts';

let keys = 0;
const newKey = () => (++keys).toString(16).padStart(24, '0');

const task = { id: 'load', operator: 'PythonOperator', ms: 50 };
const dags = [
	...contractDags,
	{
		id: 'sales_eu',
		owner: 'finance',
		tags: ['sales'],
		file: 'sales.py',
		tasks: [task],
		history: { runs: 5, everyMs: 3_600_000, failed: [1] },
	},
	{ id: 'sales_us', owner: 'finance', tags: ['sales'], file: 'sales.py', tasks: [task] },
	{ id: 'secret_payroll', owner: 'hr', tags: [], file: 'hr.py', tasks: [task] },
	{
		id: 'torn',
		owner: 'finance',
		tags: [],
		file: 'torn.py',
		tasks: [task],
		importError:
			'Traceback (most recent call last):\n  File "/dags/torn.py", line 9\nModuleNotFoundError: password=hunter2hunter2\n',
	},
];

describe.each([1, 2] as const)('carried out on REST v%i', (api) => {
	let sandbox: SandboxAirflow;
	let client: Airflow;
	beforeAll(async () => {
		({ sandbox, client } = await sandboxAirflow({ api, dags, speed: 20 }));
	});
	afterAll(() => sandbox.close());

	async function say(words: string, who: Partial<Asker> = {}, grants: readonly Grant[] = [], key = newKey()) {
		const deps = fakeDeps({ prod: client }, { grants, everyone: 'operator' });
		const result = await execute(typed(words, { key }), asker(who), deps);
		return { ...result, deps, key, said: shown(result.reply), run: sandbox.run('', '') };
	}
	const started = () => sandbox.started().length;

	test('trigger: one run, followed, for all to see', async () => {
		const { reply, follow, said, key } = await say('trigger cm_success a=1 {"b": 2} --note "after the fix"');
		expect(follow).toEqual({ env: 'prod', dag: 'cm_success', run: runIdOf(key) });
		expect(reply.to).toBe('channel');
		expect([said[0], said[1]?.replace(/\{.*\}/, '{time}'), ...said.slice(2)]).toEqual([
			expect.stringMatching(/^(⏳ `cm_success` is queued|🔵 `cm_success` .*running.*)$/),
			// Airflow 2 does not say when a run was queued.
			expect.stringMatching(/^Started by \*Aiko\*( · \{time\})?$/),
			`Run: \`${runIdOf(key)}\``,
			...(api === 1 ? [expect.stringMatching(/^Logical date: .* UTC$/)] : []),
			'conf: `{"b":2,"a":"1"}`',
			'[Open in Airflow]',
		]);
		expect(sandbox.run('cm_success', runIdOf(key))?.conf).toEqual({ b: 2, a: '1' });
	});

	test('trigger, carried out again and again: the same run', async () => {
		const before = started();
		const key = newKey();
		for (let i = 0; i < 3; i++) await say('trigger cm_success', {}, [], key);
		expect(started() - before).toBe(1);
	});

	test('a date is shown back, and taken once', async () => {
		const first = await say('trigger sales_us --date 2026-11-20T09:00+09:00');
		expect(first.said).toContain('Logical date: 2026-11-20 00:00 UTC');
		const second = await say('trigger sales_us --date 2026-11-20', { lang: 'ja' });
		expect(second.said[0]).toMatch(
			/^⚠️ sales_us には、論理日時 2026-11-20 00:00 UTC の実行がすでにあります \(slack__.*\)。何も開始していません。$/,
		);
		expect(second.said[1]).toBe('別の `--date` を指定するか、省略して今すぐ実行してください。');
		expect(second.follow).toBeUndefined();
	});

	test("key=value takes the type of the DAG's param", async () => {
		const { key } = await say(
			'trigger cm_params table=orders rows=12 ratio=0.25 full=yes region=us day=2026-11-20 tags=a,b options={"x": [1]} plain=5 extra=7',
		);
		expect(sandbox.run('cm_params', runIdOf(key))?.conf).toEqual({
			table: 'orders',
			rows: 12,
			ratio: 0.25,
			full: true,
			region: 'us',
			day: '2026-11-20',
			tags: ['a', 'b'],
			options: { x: [1] },
			plain: '5',
			extra: '7',
		});
	});

	test('a key that the DAG has no param for is pointed out', async () => {
		const { said } = await say('trigger cm_params table=orders row=12');
		expect(said.at(-2)).toBe('(⚠️ Not among the params of this DAG: row (rows?))');
	});

	test('params that reject the conf start nothing', async () => {
		const before = started();
		const { said, reply } = await say('trigger cm_params rows=many ratio=2 {"region": "mars"} day=2026-02-30');
		// Airflow 2 sorts the params by name.
		expect([...said.slice(0, 2), ...said.slice(2, 6).sort(), ...said.slice(6)]).toEqual([
			'⚠️ The conf does not fit the params of `cm_params`, so nothing was started.',
			'- `rows`: must be a whole number (How many rows at most.)',
			'- `day`: must be a date such as 2026-11-20',
			'- `ratio`: must be 1 or less',
			'- `region`: must be one of: eu, us, asia (Where the data lives.)',
			'- `table`: needs a value (Table to load, without its dataset.)',
			'(/dag trigger alone opens a form with these params.)',
			'[Open in Airflow]',
		]);
		expect((await say('trigger cm_params', { lang: 'ja' })).said.slice(0, 2)).toEqual([
			'⚠️ `cm_params` の params に合わない値があるため、何も開始していません。',
			'- `table`: 値が必要です (Table to load, without its dataset.)',
		]);
		expect(reply.to).toBe('asker');
		expect(started()).toBe(before);
	});

	test('a paused DAG starts nothing and says so', async () => {
		const before = started();
		expect((await say('trigger cm_paused')).said).toEqual([
			'⏸️ `cm_paused` is paused, so nothing was started.',
			'A run of a paused DAG would only wait. Unpause it in Airflow, then type the command again.',
			'[Open in Airflow]',
		]);
		expect((await say('trigger cm_paused', { lang: 'ja' })).said[0]).toBe(
			'⏸️ `cm_paused` は一時停止中のため、何も開始していません。',
		);
		expect(started()).toBe(before);
	});

	test('a run started before the DAG was paused is still found by its own command', async () => {
		const key = newKey();
		await say('trigger sales_us', {}, [], key);
		await client.setPaused('sales_us', true);
		const again = await say('trigger sales_us', {}, [], key);
		await client.setPaused('sales_us', false);
		expect(again.follow?.run).toBe(runIdOf(key));
	});

	test('a broken DAG starts nothing; its error is shown, masked', async () => {
		const before = started();
		const { said } = await say('trigger torn');
		expect(said[0]).toBe('💥 The file of `torn` cannot be imported, so nothing was started.');
		expect(said).toContain('| ModuleNotFoundError: password=***');
		expect(said.join('\n')).not.toContain('hunter2');
		expect(started()).toBe(before);
	});

	test('an unknown DAG: did you mean, and the files that do not import', async () => {
		expect((await say('trigger sales_uk')).said).toEqual([
			'⚠️ There is no DAG sales_uk.',
			'Did you mean `sales_us` or `sales_eu`? One DAG file cannot be imported just now: if the DAG is new, that may be it.',
		]);
		expect((await say('status sales_uk', { lang: 'ja' })).said).toEqual([
			'⚠️ DAG sales_uk はありません。',
			'`sales_us`、`sales_eu` のことでしょうか。現在 1 件の DAG ファイルがインポートに失敗しています。新しい DAG の場合、その中にある可能性があります。',
		]);
	});

	test('what one may not see is never named', async () => {
		const grants: readonly Grant[] = [
			{ role: 'operator', dags: ['sales_*', 'secret_payrol'] },
			{ role: 'viewer', dags: ['cm_*'] },
		];
		expect((await say('trigger secret_payrol', {}, grants)).said.join(' ')).not.toContain('secret_payroll');
		expect((await say('status secret_payroll', {}, grants)).said[0]).toBe(
			'⛔ You may not run `/dag status` on `secret_payroll`.',
		);
		const list = (await say('list', {}, grants)).said.join('\n');
		expect(list).toContain('sales_eu');
		expect(list).toContain('cm_success');
		expect(list).not.toMatch(/payroll|torn/);
	});

	test('the role is checked again when it is carried out', async () => {
		const before = started();
		const grants: readonly Grant[] = [{ role: 'viewer' }];
		for (const via of ['command', 'click', 'form', 'mention', 'shortcut'] as const) {
			const deps = fakeDeps({ prod: client }, { grants });
			const { reply, follow } = await execute(typed('trigger cm_success', { via, key: newKey() }), asker(), deps);
			expect([via, shown(reply)[0], follow]).toEqual([via, '⛔ You may not run `/dag trigger`.', undefined]);
		}
		expect(started()).toBe(before);
	});

	test("never more than the bot's own role in Airflow, and that is told", async () => {
		const deps = fakeDeps({ prod: clientOf(sandbox, api, 'viewer') });
		const { reply, trouble } = await execute(typed('trigger cm_success', { key: newKey() }), asker(), deps);
		expect(trouble?.kind).toBe('denied');
		expect(shown(reply)[0]).toMatch(/^⛔ Airflow does not let .*viewer.* start a DAG run of cm_success\.$/);
	});

	test('status: the newest run, with strip', async () => {
		const { said, reply } = await say('status sales_eu');
		expect(said[0]).toMatch(/^✅ `sales_eu` succeeded in /);
		expect(said).toContain('🟩🟩🟩🟥🟩  last 5 runs, 1 failed');
		expect(said.at(-1)).toBe('[Open in Airflow]');
		expect(reply.to).toBe('asker');
	});

	test('status of a DAG that never ran, and of a run that is not there', async () => {
		expect((await say('status secret_payroll', { lang: 'ja' })).said[0]).toBe(
			'▫️ `secret_payroll` はまだ実行されていません',
		);
		const { said } = await say('status sales_eu nope');
		expect(said[0]).toBe('⚠️ sales_eu has no run nope.');
		expect(said[1]).toMatch(/^The newest are `.*`\.$/);
	});

	test('runs: a strip and a table', async () => {
		const { said } = await say('runs sales_eu');
		expect(said.slice(0, 3)).toEqual([
			'📊 Last runs of `sales_eu`',
			'🟩🟩🟩🟥🟩  last 5 runs, 1 failed',
			'State | Started | Took | Run',
		]);
		expect(said.slice(3, 8).map((line) => line.split(' | ')[0])).toEqual([
			'✅ success',
			'❌ failed',
			'✅ success',
			'✅ success',
			'✅ success',
		]);
		expect((await say('runs sales_eu', { lang: 'ja' })).said[2]).toBe('状態 | 開始 | 所要時間 | 実行 ID');
	});

	test('list: by words, tag, owner, paused', async () => {
		const ids = async (words: string) =>
			(await say(words)).said
				.slice(2)
				.map((line) => line.split(' | ')[0])
				.filter((id) => !id?.startsWith('('));
		expect(await ids('list sales')).toEqual(['sales_eu', 'sales_us']);
		expect(await ids('list tag:SALES us')).toEqual(['sales_us']);
		expect(await ids('list owner:hr')).toEqual(['secret_payroll']);
		expect(await ids('list --paused')).toEqual(['cm_paused']);
		expect((await say('list nothing_like_it')).said).toEqual(['🔎 No DAG fits (“nothing_like_it”)']);
		const all = (await say('list', { lang: 'ja' })).said;
		expect(all[0]).toBe('🗂️ DAG 15 件');
		expect(all.find((line) => line.startsWith('💥 torn'))).toBeDefined();
	});
});

describe('environments', () => {
	const at = (name: string) =>
		fakeAirflow({
			dag: async () => undefined,
			dags: async () => [],
			importErrors: async () => [],
			dagDetails: async () => {
				throw new Trouble('user', 'asked', name);
			},
		});
	const house = () => fakeDeps({ prod: at('prod'), lab: at('lab') });
	async function where(words: string, deps = house()): Promise<string | undefined> {
		return shown((await execute(typed(words), asker(), deps)).reply)[0];
	}

	test('--env wins, then the channel, then the person, then the first', async () => {
		const deps = house();
		expect(await where('trigger a', deps)).toBe('⚠️ prod');
		await deps.choices.choose({ user: 'U0AIKO' }, 'lab');
		expect(await where('trigger a', deps)).toBe('⚠️ lab');
		await deps.choices.choose({ channel: 'C0DATA' }, 'prod');
		expect(await where('trigger a', deps)).toBe('⚠️ prod');
		expect(await where('trigger a --env lab', deps)).toBe('⚠️ lab');
		expect(await where('trigger --env=lab a', deps)).toBe('⚠️ lab');
	});

	test('a choice that left the settings is no reason to act somewhere else', async () => {
		const deps = house();
		await deps.choices.choose({ channel: 'C0DATA' }, 'old');
		expect(await where('trigger a', deps)).toBe(
			'⚠️ The environment old, chosen for this channel, is no longer in the settings.',
		);
		expect(await where('env lab --channel', deps)).toBe('🌐 `lab` is in force here (chosen for this channel)');
		expect(await where('trigger a', deps)).toBe('⚠️ lab');
	});

	test('an unknown one: did you mean', async () => {
		const { reply, trouble } = await execute(typed('trigger a --env prd'), asker(), house());
		expect([trouble?.label, ...shown(reply)]).toEqual([
			'environment unknown',
			'⚠️ There is no environment prd.',
			'Did you mean `prod`?',
		]);
	});

	test('env shows, chooses, forgets', async () => {
		const deps = house();
		const say = async (words: string, who: Partial<Asker> = {}) =>
			shown((await execute(typed(words), asker(who), deps)).reply);
		expect(await say('env')).toEqual([
			'🌐 `prod` is in force here (the first in the settings)',
			'- `prod`',
			'- `lab`',
			'(--env NAME goes with any command and wins over everything else.)',
		]);
		expect((await say('env lab', { lang: 'ja' })).slice(0, 3)).toEqual([
			'🌐 `lab` を使用中（あなたの既定）',
			'- `prod`',
			'- `lab`（あなたの既定）',
		]);
		expect(await say('env prod --channel')).toContain('- `prod`  (this channel)');
		expect((await say('env lab'))[1]).toBe(
			'Your choice is kept, but in this channel the choice of the channel goes first.',
		);
		await say('env --clear --channel');
		await say('env --clear');
		expect(deps.chosen.size).toBe(0);
	});

	test('choosing for a channel takes an operator; environments without a role stay hidden', async () => {
		const deps = fakeDeps(
			{ prod: at('prod'), lab: at('lab') },
			{ grants: [{ role: 'viewer', environments: ['lab'] }] },
		);
		const say = async (words: string) => shown((await execute(typed(words), asker(), deps)).reply);
		expect((await say('env lab --channel'))[0]).toBe('⛔ Choosing for the whole channel takes the role operator.');
		expect(await say('env prod')).toEqual(['⚠️ There is no environment prod.', 'There is `lab`.']);
		expect(deps.chosen.size).toBe(0);
	});

	test('with several environments the name stands in the message', async () => {
		const run = {
			dag: 'a',
			run: 'r',
			state: 'queued',
			runType: 'manual',
			logicalDate: null,
			conf: {},
			note: null,
		} as const;
		const details = { id: 'a', paused: false, owners: [], tags: [], hasImportErrors: false, params: [] };
		const airflow = fakeAirflow({ dagDetails: async () => details, trigger: async () => run });
		const deps = fakeDeps({ prod: airflow, lab: airflow });
		const say = async (lang: 'en' | 'ja') =>
			shown((await execute(typed('trigger a --env lab'), asker({ lang }), deps)).reply)[1];
		expect([await say('en'), await say('ja')]).toEqual([
			'Started by *Aiko* · in *lab*',
			'実行者: *Aiko* · 環境: *lab*',
		]);
	});
});

describe('what goes wrong', () => {
	test('a bug is logged with its reference and told with it; nothing of it is shown', async () => {
		const airflow = fakeAirflow({
			dagDetails: async () => {
				throw new TypeError('secret inner detail');
			},
		});
		const deps = fakeDeps({ prod: airflow });
		const { reply, trouble } = await execute(typed('trigger a'), asker(), deps);
		expect(trouble).toMatchObject({ kind: 'bug', label: 'unexpected error' });
		expect(shown(reply)).toEqual([
			'🐞 Sorry, this is a bug in Concertmaster. It has been logged.',
			'Something unexpected happened.',
			'(Reference: 01234567)',
		]);
		expect(deps.logged).toMatchObject([
			{ level: 'error', message: 'command failed by a bug', data: { ref: '01234567', label: 'unexpected error' } },
		]);
	});

	test('an upstream trouble is handed back, so that the worker tries again', async () => {
		const airflow = fakeAirflow({
			dagDetails: async () => {
				throw new Trouble('upstream', 'airflow timeout', 'No answer.', { ja: { message: '応答がありません。' } });
			},
		});
		const { reply, trouble } = await execute(typed('trigger a'), asker({ lang: 'ja' }), fakeDeps({ prod: airflow }));
		expect([trouble?.label, ...shown(reply)]).toEqual(['airflow timeout', '🔌 応答がありません。']);
	});

	test('doctor: what is ill first, with its cure', async () => {
		const checkups = [
			{ what: 'Slack', ok: true, found: { en: 'signed in as bot', ja: 'bot としてサインイン済み' } },
			{
				what: 'Airflow prod',
				ok: false,
				found: { en: 'the role Viewer: nothing can be started', ja: 'ロール Viewer のため実行できません' },
				mend: { en: 'An admin gives it `Op`.', ja: '管理者が `Op` を付与してください。' },
			},
			{
				what: 'Google Cloud prod',
				ok: true,
				partly: true as const,
				found: { en: 'no metrics', ja: 'メトリクスなし' },
			},
		];
		const say = async (lang: 'en' | 'ja') =>
			shown((await execute(typed('doctor'), asker({ lang }), fakeDeps({ prod: fakeAirflow({}) }, { checkups }))).reply);
		expect(await say('en')).toEqual([
			'🤒 1 thing does not work, 1 blind spot',
			'❌ *Airflow prod*: the role Viewer: nothing can be started',
			'      → An admin gives it `Op`.',
			'⚠️ *Google Cloud prod*: no metrics',
			'- ✅ *Slack*: signed in as bot',
		]);
		expect((await say('ja'))[0]).toBe('🤒 1 件の問題があります。参照できない項目が 1 件あります');
	});
});
