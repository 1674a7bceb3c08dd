import { expect, test } from '@jest/globals';
import { execute } from '../../commands/execute.ts';
import { commands } from '../../commands/index.ts';
import { route } from '../../commands/route.ts';
import { includes, type Grant, type Role } from '../../src/access/roles.ts';
import type { Airflow } from '../../src/domain/airflow.ts';
import type { Typed } from '../../src/deps.ts';
import { access, asker, fakeAirflow, fakeDeps, shown, typed } from './house.ts';

const VIAS: readonly Typed['via'][] = ['command', 'click', 'form', 'mention', 'shortcut'];
const HAS: readonly (Role | undefined)[] = [undefined, 'viewer', 'operator', 'admin'];

/** Every verb in every form of its examples, `help` apart, which answers anybody with what they may do. */
const cases = commands
	.filter(({ name }) => name !== 'help')
	.flatMap((verb) => verb.examples.map(({ words }) => ({ verb, words })));

test('every verb × way in × role: too narrow a role asks nothing of Airflow and changes nothing', async () => {
	const wrong: unknown[] = [];
	for (const { verb, words } of cases)
		for (const has of HAS)
			for (const via of VIAS)
				for (const outsider of [false, true]) {
					if (!outsider && has !== undefined && includes(has, verb.role)) continue;
					let asked = 0;
					const counted = new Proxy(fakeAirflow({}), {
						get(target: Airflow, name: keyof Airflow) {
							asked++;
							return target[name];
						},
					});
					const grants: readonly Grant[] = [
						{ role: has ?? 'admin', ...(has === undefined ? { users: ['UELSE'] } : {}) },
					];
					const deps = fakeDeps({ prod: counted }, { grants });
					const who = asker({ outsider });
					const { reply, follow } = await execute(typed(words, { via }), who, deps);
					const routed = route(typed(words, { via }), who, access('admin', grants));
					if (
						asked > 0 ||
						follow ||
						deps.chosen.size > 0 ||
						!shown(reply)[0]?.startsWith('⛔') ||
						routed.kind !== 'answer'
					)
						wrong.push([words, has, via, outsider, asked, shown(reply)[0], routed.kind]);
				}
	expect(wrong).toEqual([]);
});

test('a grant on other DAGs, channels or environments is none here', async () => {
	const elsewhere: readonly Grant[] = [
		{ role: 'admin', dags: ['other_*'] },
		{ role: 'admin', channels: ['C0OTHER'] },
		{ role: 'admin', environments: ['lab'] },
	];
	for (const grant of elsewhere) {
		const deps = fakeDeps({ prod: fakeAirflow({}), lab: fakeAirflow({}) }, { grants: [grant] });
		const { reply } = await execute(typed('trigger daily_sales --env prod'), asker(), deps);
		expect([grant, shown(reply)[0]]).toEqual([
			grant,
			`⛔ You may not run \`/dag trigger\`${grant.dags ? ' on `daily_sales`' : ''} in *prod*.`,
		]);
	}
});
