import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { execute } from '../../commands/execute.ts';
import { route } from '../../commands/route.ts';
import type { DagRun } from '../../src/domain/airflow.ts';
import { exactJson } from '../../src/domain/json.ts';
import { maskConf } from '../../src/domain/mask-conf.ts';
import { render } from '../../src/slack/render.ts';
import { access, asker, fakeAirflow, fakeDeps, typed } from './house.ts';

describe('a conf as it is shown', () => {
	test('what stands under the name of a secret is masked whole, however it is written', () => {
		expect(
			maskConf({
				password: 'my long secret phrase',
				db: { DB_PASSWORD: 'x', host: 'db', url: 'postgres://u:hunter2@db/x' },
				api_key: ['a', 'b'],
				token: 12,
				list: [{ secret: { a: 1 } }, 'xoxb-123456789012-abcdefgh'],
				use_password: true,
				secret: null,
				table: 'orders',
				id: exactJson('12345678901234567890'),
			}),
		).toEqual({
			password: '***',
			db: { DB_PASSWORD: '***', host: 'db', url: 'postgres://u:***@db/x' },
			api_key: '***',
			token: '***',
			list: [{ secret: '***' }, '***'],
			use_password: true,
			secret: null,
			table: 'orders',
			id: exactJson('12345678901234567890'),
		});
	});

	test('no value under such a name survives', () => {
		const name = fc.constantFrom('password', 'DB_PASSWORD', 'api_key', 'client_secret', 'auth_token');
		fc.assert(
			fc.property(name, fc.string({ minLength: 1 }), (key, value) => {
				expect(maskConf({ deep: [{ [key]: value }] })).toEqual({ deep: [{ [key]: '***' }] });
			}),
		);
	});
});

describe('a password typed somewhere', () => {
	const run = (conf: DagRun['conf'], note: string): DagRun => ({
		dag: 'etl',
		run: 'r',
		state: 'queued',
		runType: 'manual',
		logicalDate: null,
		conf,
		note,
	});
	const airflow = (seen: unknown[]) =>
		fakeAirflow({
			dagDetails: async () => ({ id: 'etl', paused: false, owners: [], tags: [], hasImportErrors: false, params: [] }),
			async trigger(request) {
				seen.push(request);
				return run(request.conf ?? {}, request.note);
			},
			dag: async () => undefined,
			dags: async () => [],
			importErrors: async () => [],
		});

	test.each([
		'trigger etl password=hunter2hunter2',
		'trigger etl {"password": "hunter2 hunter2"}',
		'trigger etl password="hunter2 hunter2" oops',
		'trigger etl password="hunter2',
		'trigger etl {"password": "hunter2"',
		'trigger etl {"password": "hunter2",}',
		'trigger etl --note "password=hunter2"',
		'trigger etl --date password=hunter2',
		'trigger password=hunter2',
		'password=hunter2',
		'help password=hunter2',
		'status etl password=hunter2',
		'list password=hunter2',
		'env password=hunter2',
	])('%s: is never said back', async (words) => {
		const seen: unknown[] = [];
		const deps = fakeDeps({ prod: airflow(seen) });
		const routed = route(typed(words), asker(), access('operator'));
		const replies = [
			...(routed.kind === 'answer' ? [routed.reply] : []),
			(await execute(typed(words), asker(), deps)).reply,
		];
		for (const reply of replies)
			expect(JSON.stringify(await render(reply, 'en', async () => ''))).not.toContain('hunter2');
		expect(JSON.stringify(deps.logged)).not.toContain('hunter2');
		for (const request of seen) expect(JSON.stringify(Object(request).note)).not.toContain('hunter2');
	});

	test('but reaches the DAG as it is', async () => {
		const seen: unknown[] = [];
		await execute(typed('trigger etl password=hunter2hunter2'), asker(), fakeDeps({ prod: airflow(seen) }));
		expect(seen).toMatchObject([{ conf: { password: 'hunter2hunter2' } }]);
	});
});
