import { describe, expect, test } from '@jest/globals';
import { commands } from '../../commands/index.ts';
import { route } from '../../commands/route.ts';
import type { Role } from '../../src/access/roles.ts';
import { access, asker, shown, typed } from './house.ts';

const answer = (words: string, role: Role = 'operator', more: Parameters<typeof asker>[0] = {}): string[] | string => {
	const routed = route(typed(words), asker(more), access(role));
	return routed.kind === 'answer' ? shown(routed.reply) : routed.kind;
};

describe('what the router lets through', () => {
	test.each([
		['trigger etl', 'trigger', true],
		['Trigger etl a=1', 'trigger', true],
		['status etl', 'status', false],
		['list', 'list', false],
		['doctor', 'doctor', false],
	])('%s', (words, verb, posts) => {
		expect(route(typed(words), asker(), access('operator'))).toEqual({
			kind: 'accept',
			verb,
			posts,
			first: { parts: [], to: 'asker' },
		});
	});

	test('trigger alone opens a form, in the environment that was named', () => {
		expect(route(typed('trigger'), asker(), access('operator'))).toEqual({
			kind: 'form',
			verb: 'trigger',
			env: undefined,
		});
		expect(route(typed('trigger --env lab'), asker(), access('operator'))).toEqual({
			kind: 'form',
			verb: 'trigger',
			env: 'lab',
		});
	});

	test('where Slack opens no form, it is asked for in words', () => {
		const routed = route(typed('<@U0BOT> trigger', { via: 'mention' }), asker(), access('operator'));
		expect(routed.kind === 'answer' && shown(routed.reply)).toEqual([
			'⚠️ Which DAG? Its id is missing.',
			'Usage: `/dag trigger <dag> [{json} or key=value …] [--date D] [--note "…"]`',
			'Example: `/dag trigger daily_sales`',
		]);
	});

	test('every example in the help is understood as it stands', () => {
		const wrong = commands.flatMap(({ examples }) =>
			examples.filter(({ words }) => {
				const routed = route(typed(words), asker(), access('admin'));
				return routed.kind === 'answer' && shown(routed.reply)[0]?.startsWith('🎻') === false;
			}),
		);
		expect(wrong).toEqual([]);
	});
});

describe('what it answers by itself', () => {
	test('help shows only what one may run', () => {
		const lines = [answer('help', 'viewer')].flat();
		const verbs = lines.flatMap((line) => /^- `\/dag (\w+)/.exec(line)?.[1] ?? []);
		const allowed = commands.filter(({ role }) => role === 'viewer').map(({ name }) => name);
		expect(verbs.toSorted()).toEqual(allowed);
		expect(lines.filter((line) => line.startsWith('*'))).toEqual(['*Look*', '*Failures and alerts*', '*The bot*']);
		expect(lines).toContain("- `/dag logs daily_sales load`  The end of a task's log.");
		expect(verbs[0]).toBe('status');
		const operator = [answer('help', 'operator')].flat();
		expect(operator.slice(0, 3)).toEqual([
			'🎻 What you may run here',
			'*Run*',
			'- `/dag trigger daily_sales`  Start a DAG run now.',
		]);
		expect(answer('')).toEqual(answer('help'));
	});

	test('help in Japanese', () => {
		expect(answer('help trigger', 'operator', { lang: 'ja' })).toEqual([
			'🎻 `/dag trigger <dag> [{json} or key=value …] [--date D] [--note "…"]`',
			'DAG を今すぐ実行します。',
			'- `/dag trigger daily_sales`  実行する',
			'- `/dag trigger daily_sales region=eu limit=10 --note "after the fix"`  conf とメモを付けて実行する',
			'- `/dag trigger daily_sales {"full": true} --date 2026-11-20`  JSON と論理日時 (UTC) を指定して実行する',
			'- `/dag trigger`  フォームで入力する',
		]);
	});

	test('help about a verb that one may not run says what it takes', () => {
		expect(answer('help trigger', 'viewer')).toEqual([
			'⛔ You may not run `/dag trigger`.',
			'It takes the role *operator*; yours here is viewer.',
			'(Roles are given under roles in the settings of Concertmaster: ask whoever runs the bot.)',
		]);
	});

	test('a slip of the fingers', () => {
		expect(answer('triger etl')).toEqual([
			'🤔 There is no command `triger`.',
			'Did you mean `/dag trigger`?',
			'`/dag help` shows what you can do here.',
		]);
		expect(answer('staus etl', 'viewer', { lang: 'ja' })).toEqual([
			'🤔 「`staus`」というコマンドはありません。',
			'もしかして: `/dag status`',
			'使えるコマンドは `/dag help` で確認できます。',
		]);
	});

	test('did-you-mean never names a verb that one may not run', () => {
		expect(answer('triger etl', 'viewer')).toEqual([
			'🤔 There is no command `triger`.',
			'`/dag help` shows what you can do here.',
		]);
	});

	test('a refusal in both languages', () => {
		expect(answer('trigger etl', 'viewer')).toEqual([
			'⛔ You may not run `/dag trigger`.',
			'It takes the role *operator*; yours here is viewer.',
			'(Roles are given under roles in the settings of Concertmaster: ask whoever runs the bot.)',
		]);
		expect(answer('trigger etl', 'viewer', { lang: 'ja' })).toEqual([
			'⛔ `/dag trigger` を実行する権限がありません。',
			'必要なロール: *運用者 (operator)*（現在: 閲覧者 (viewer)）',
			'(ロールは Concertmaster の設定ファイルの roles で付与します。ボットの管理者にご相談ください。)',
		]);
	});

	test('outsiders are refused everything, help included', () => {
		const refused = [
			'⛔ Guests and people from other workspaces cannot use Concertmaster here.',
			'(Whoever runs the bot can let them in: the setting is called outsiders.)',
		];
		for (const words of ['', 'help', 'help trigger', 'trigger etl', 'trigger', 'list', 'env prod', 'doctor'])
			expect([words, answer(words, 'admin', { outsider: true })]).toEqual([words, refused]);
	});

	test('a DAG outside the grant is refused before anything is queued, whether it exists or not', () => {
		const only = access('viewer', [{ role: 'operator', dags: ['sales_*'] }]);
		const routed = route(typed('trigger hr_payroll'), asker(), only);
		expect(routed.kind === 'answer' && shown(routed.reply)[0]).toBe(
			'⛔ You may not run `/dag trigger` on `hr_payroll`.',
		);
		// For the audit.
		expect(routed).toMatchObject({ refused: { verb: { name: 'trigger' }, words: 'hr_payroll', env: 'prod' } });
		expect(route(typed('trigger sales_eu'), asker(), only).kind).toBe('accept');
	});

	test('an environment outside the grant is refused when it is named', () => {
		const only = access('viewer', [{ role: 'operator', environments: ['lab'] }], ['prod', 'lab']);
		const routed = route(typed('trigger etl --env prod'), asker(), only);
		expect(routed.kind === 'answer' && shown(routed.reply).slice(0, 2)).toEqual([
			'⛔ You may not run `/dag trigger` in *prod*.',
			'It takes the role *operator*; you have none here.',
		]);
		expect(route(typed('trigger etl'), asker(), only).kind).toBe('accept');
	});

	test('hostile words in every place: an answer, never an exception, never a run', () => {
		for (const words of [
			'<!channel>',
			'"',
			'{',
			'--env',
			'trigger "',
			'trigger ../..',
			'trigger ~',
			'status a b c',
			'trigger a {',
		])
			expect([words, route(typed(words), asker(), access('admin')).kind]).toEqual([words, 'answer']);
	});
});
