import { expect, test } from '@jest/globals';
import { contractDags } from '../../src/sandbox/airflow/index.ts';
import { inHouse } from './house.ts';
import { people } from './workspace.ts';

const failing = contractDags.filter(({ id }) => id === 'cm_fail');

test('the message shortcut and a mention in the thread diagnose what the message is about', async () => {
	await inHouse({ slack: { workspace: people() }, airflow: { dags: failing, speed: 20 } }, async ({ slack, start }) => {
		await start('start');
		await slack.type({ user: 'U0ANN', channel: 'C0OPEN', text: '/dag trigger cm_fail' });
		const told = await slack.until(() =>
			slack.messages('C0OPEN').find(({ text, via }) => via === 'chat.postMessage' && /failed/.test(text)),
		);
		const answers = () => slack.messages('C0OPEN').filter(({ text }) => /Why .* failed/.test(text));

		await slack.openShortcut({ user: 'U0ANN', callbackId: 'diagnose', channel: 'C0OPEN', ts: told.ts });
		const shown = await slack.until(() => answers()[0]);
		expect(shown).toMatchObject({ threadTs: told.ts, via: 'chat.postMessage' });

		slack.say({ user: 'U0ANN', channel: 'C0OPEN', text: `<@${slack.botUserId}> diagnose`, threadTs: told.ts });
		const inThread = await slack.until(() => answers()[1]);
		expect(inThread).toMatchObject({ threadTs: told.ts, via: 'chat.postMessage' });

		const pasted = slack.say({
			user: 'U0ANN',
			channel: 'C0OPEN',
			text: 'help!\nTraceback (most recent call last):\n  File "/home/airflow/gcs/dags/x.py", line 1, in f\nKeyError: \'region\'',
		});
		await slack.openShortcut({ user: 'U0ANN', callbackId: 'diagnose', channel: 'C0OPEN', ts: pasted.ts });
		const text = await slack.until(() => slack.messages('C0OPEN').find((one) => /pasted log/.test(one.text)));
		expect(JSON.stringify(text.blocks)).toContain('KeyError');

		const chat = slack.say({ user: 'U0ANN', channel: 'C0OPEN', text: 'good morning' });
		await slack.openShortcut({ user: 'U0ANN', callbackId: 'diagnose', channel: 'C0OPEN', ts: chat.ts });
		await slack.until(() => slack.messages('C0OPEN').find((one) => /find no DAG/.test(one.text)));
	});
}, 120_000);
