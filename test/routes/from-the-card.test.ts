import { expect, test } from '@jest/globals';
import type { SimDag } from '../../src/sandbox/airflow/types.ts';
import type { SandboxMessage } from '../../src/sandbox/slack/types.ts';
import { inHouse, type House } from '../faults/house.ts';
import { people, quick } from '../faults/workspace.ts';

/** Fails, and goes well when it is run again. */
const breaks: SimDag = {
	...quick,
	id: 'breaks',
	file: 'breaks.py',
	tasks: [
		{
			id: 'work',
			operator: 'PythonOperator',
			ms: 100,
			endings: [{ raises: { type: 'ValueError', message: 'no', line: 1, function: 'work' } }, 'success'],
		},
	],
};
const RUN = 'manual__2026-11-20';

/** The action id of a button by its label. */
function actionOf({ blocks }: SandboxMessage, label: string): string {
	const found = /"action_id":"(dag:\d+)","text":\{"type":"plain_text","text":"LABEL"/.source.replace('LABEL', label);
	const id = new RegExp(found).exec(JSON.stringify(blocks))?.[1];
	if (id === undefined) throw new Error(`There is no button ${label} on ${JSON.stringify(blocks)}`);
	return id;
}

test('from a card: muted, acknowledged, rerun by two people, once; then it is green and says who did what', async () => {
	const settings = 'alerts:\n  channel: C0OPEN\nwatch:\n  everySeconds: 1\n  lookBackMinutes: 1\n';
	await inHouse({ slack: { workspace: people() }, airflow: { dags: [breaks] }, settings }, async (house: House) => {
		const { slack, airflow, start } = house;
		await start('start');
		airflow.foreignRun({ dag: 'breaks', run: RUN });
		const all = () => slack.messages('C0OPEN');
		const find = (expected: RegExp, to?: string): Promise<SandboxMessage> =>
			slack.until(
				() =>
					all().find(
						({ ephemeralTo, text, blocks }) => ephemeralTo === to && expected.test(text + JSON.stringify(blocks)),
					),
				30_000,
			);
		const card = () => find(/work[^]*of[^]*breaks[^]*(failed|recovered)/);
		const click = async (user: string, label: string, on: SandboxMessage): Promise<void> => {
			await slack.click({ user, channel: 'C0OPEN', ts: on.ts, actionId: actionOf(on, label) });
		};

		await click('U0ANN', 'Mute 2h', await card());
		await find(/🔕[^]*muted/);
		await find(/🔕 Muted by/);
		await click('U0BEN', 'Acknowledge', await card());
		await find(/✋ Acknowledged by/);

		await click('U0ANN', 'Rerun', await card());
		await click('U0BEN', 'Rerun', await card());
		const [ann, ben] = [await find(/would be cleared/, 'U0ANN'), await find(/1 件を再実行/, 'U0BEN')];
		await click('U0ANN', 'Rerun it', ann);
		await find(/Rerun by /);
		await click('U0BEN', '1 件を再実行', ben);
		await find(/さんが先に|状態が変わった/, 'U0BEN');

		await find(/🟢[^]*recovered after/);
		const green = JSON.stringify((await card()).blocks);
		for (const said of ['Muted by', 'Acknowledged by', 'rerun by']) expect(green).toContain(said);
		expect(airflow.run('breaks', RUN)?.tasks.map(({ tryNumber, state }) => [tryNumber, state])).toEqual([
			[2, 'success'],
		]);
		await slack.type({ user: 'U0ANN', channel: 'C0OPEN', text: '/dag audit' });
		expect(JSON.stringify((await find(/Who changed what/, 'U0ANN')).blocks)).toContain('rerun');
	});
}, 90_000);
