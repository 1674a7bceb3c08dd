import { expect, test } from '@jest/globals';
import { contractDags } from '../../src/sandbox/airflow/index.ts';
import type { SandboxSlack } from '../../src/sandbox/slack/types.ts';
import { inHouse } from './house.ts';
import { people, quick } from './workspace.ts';

const failing = contractDags.filter(({ id }) => id === 'cm_fail');
const shown = (slack: SandboxSlack, user: string): string => JSON.stringify(slack.home(user)?.blocks ?? []);

type Element = { action_id?: string; text?: { text?: string } };

/** The button of the Home that reads so. */
function button(slack: SandboxSlack, user: string, label: string): { viewId: string; actionId: string } {
	const home = slack.home(user);
	const element = (home?.blocks ?? [])
		.flatMap((block) => (Array.isArray(block['elements']) ? (block['elements'] as Element[]) : []))
		.find(({ text }) => text?.text === label);
	const actionId = element?.action_id;
	if (!home || actionId === undefined) throw new Error(`no button ${label}: ${shown(slack, user)}`);
	return { viewId: home.id, actionId };
}

test('the App Home shows what is open, one’s own runs and the environments, starts DAGs, and is refreshed', async () => {
	await inHouse(
		{
			slack: { workspace: people() },
			airflow: { dags: [...failing, quick], speed: 20 },
			settings: 'alerts: { channel: C0OTHER }\nwatch: { everySeconds: 1, lookBackMinutes: 1 }\n',
		},
		async ({ slack, start }) => {
			await start('start');
			slack.openHome('U0ANN');
			await slack.until(() => slack.home('U0ANN'));
			expect(shown(slack, 'U0ANN')).toContain('Nothing is open');
			expect(shown(slack, 'U0ANN')).toMatch(/lab.*healthy/);

			const trigger = { user: 'U0ANN', ...button(slack, 'U0ANN', 'Start a DAG…') };
			await slack.click(trigger);
			expect(JSON.stringify(await slack.until(() => slack.views('U0ANN')[0]))).toContain('DAG');

			await slack.type({ user: 'U0ANN', channel: 'C0OPEN', text: '/dag trigger cm_fail' });
			await slack.until(() => slack.messages('C0OTHER').find(({ text }) => text.includes('cm_fail')));
			await slack.click({ user: 'U0ANN', ...button(slack, 'U0ANN', 'Refresh') });
			await slack.until(() => !shown(slack, 'U0ANN').includes('Nothing is open') || undefined);
			expect(shown(slack, 'U0ANN')).toMatch(/One incident is open.*cm_fail.*Your last runs.*❌.*cm_fail/);

			await slack.click({ user: 'U0ANN', ...button(slack, 'U0ANN', 'What I may run') });
			const direct = await slack.until(() =>
				slack.allMessages().find(({ text, channel }) => channel.startsWith('D') && text.includes('What you may run')),
			);
			expect(JSON.stringify(direct.blocks)).toContain('/dag trigger');

			slack.openHome('U0BEN');
			await slack.until(() => slack.home('U0BEN'));
			expect(shown(slack, 'U0BEN')).toMatch(/未復旧のインシデント: 1 件/);
			expect(shown(slack, 'U0BEN')).not.toContain('自分の最近の実行');

			// Guests are refused, and it says so.
			slack.openHome('U0GUEST');
			await slack.until(() => slack.home('U0GUEST'));
			expect(shown(slack, 'U0GUEST')).toContain(
				'Guests and people from other workspaces cannot use Concertmaster here',
			);
			expect(shown(slack, 'U0GUEST')).not.toContain('cm_fail');
		},
	);
}, 120_000);
