import { expect, test } from '@jest/globals';
import type { SandboxSlack } from '../../src/sandbox/slack/types.ts';
import { inHouse } from './house.ts';
import { people, quick } from './workspace.ts';

const whispered = (slack: SandboxSlack, words: RegExp) =>
	slack.messages('C0OPEN').find(({ text, ephemeralTo }) => ephemeralTo === 'U0ANN' && words.test(text));

test('what only the asker may see of a mention stands where Slack shows it: in a thread only when there is one', async () => {
	await inHouse(
		{ slack: { workspace: people() }, airflow: { dags: [quick] }, settings: 'watch: { environments: [] }\n' },
		async ({ slack, start }) => {
			await start('start');
			const ask = (text: string, threadTs?: string) =>
				slack.say({ user: 'U0ANN', channel: 'C0OPEN', text: `<@${slack.botUserId}> ${text}`, threadTs });
			ask('status quick');
			expect((await slack.until(() => whispered(slack, /never run|no run/i))).threadTs).toBeUndefined();

			const { ts } = slack.say({ user: 'U0BEN', channel: 'C0OPEN', text: 'anyone?' });
			slack.say({ user: 'U0BEN', channel: 'C0OPEN', text: 'in the thread', threadTs: ts });
			ask('doctor', ts);
			expect((await slack.until(() => whispered(slack, /works/i))).threadTs).toBe(ts);
		},
	);
}, 120_000);

test('Slack is slow to take the words about a mention: it is acknowledged in time all the same, and the words come', async () => {
	await inHouse(
		{ slack: { workspace: people() }, airflow: { dags: [quick] }, settings: 'watch: { environments: [] }\n' },
		async ({ slack, start }) => {
			await start('start');
			slack.faults({ method: 'chat.postEphemeral', kind: 'timeout', times: 1 });
			slack.faults({ method: 'chat.postEphemeral', kind: '500', times: 2 });
			const text = `<@${slack.botUserId}> triger quick`;
			const { ts } = slack.say({ user: 'U0ANN', channel: 'C0OPEN', text: 'triger quick' });
			const acks = await slack.sendEvent({
				type: 'app_mention',
				user: 'U0ANN',
				channel: 'C0OPEN',
				text,
				ts,
				event_ts: ts,
			});
			expect(acks.map(({ status }) => status)).toEqual(['acked']);
			expect((await slack.until(() => whispered(slack, /no command/), 30_000)).text).toContain('triger');
		},
	);
}, 120_000);
