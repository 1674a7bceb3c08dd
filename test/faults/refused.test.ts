import { expect, test } from '@jest/globals';
import { inHouse } from './house.ts';
import { people, quick } from './workspace.ts';

test('what a role does not allow is answered at once, starts nothing, and is kept in the audit: alike ones as one line', async () => {
	await inHouse(
		{
			slack: { workspace: people() },
			airflow: { dags: [quick] },
			everyone: 'viewer',
			settings: 'watch: { environments: [] }\n',
		},
		async ({ slack, airflow, start }) => {
			await start('start');
			const type = (text: string) => slack.type({ user: 'U0ANN', channel: 'C0OPEN', text });
			for (const words of ['trigger quick', 'trigger quick', 'rerun quick'])
				expect((await type(`/dag ${words}`)).ack.text).toMatch(/You may not run/);
			await type('/dag audit');
			const table = await slack.until(() =>
				slack
					.messages('C0OPEN')
					.find(({ text, ephemeralTo }) => ephemeralTo === 'U0ANN' && /Who changed what/.test(text)),
			);
			const shown = JSON.stringify(table.blocks);
			expect(shown).toMatch(/rerun.*refused.*trigger.*refused ×2/);
			expect(airflow.started()).toEqual([]);
		},
	);
}, 120_000);
