import { afterEach, expect, test } from '@jest/globals';
import { deliver } from '../../worker/deliver.ts';
import { say } from '../../worker/wires.ts';
import { shown } from '../commands/house.ts';
import { wiresWith } from './wires.ts';
import type { Wired } from './wires.ts';

let wired: Wired;
afterEach(async () => {
	await wired.close();
});

const [A, B] = ['C0OPEN', 'C0OTHER'];

test('limited edits hold up no post in any channel, and end with the newest content', async () => {
	wired = await wiresWith(
		async () => {
			throw new Error('no command here');
		},
		{},
		async (reply) => ({ text: shown(reply).join(), blocks: [] }),
	);
	const { wires, slack } = wired;
	wires.work.consume('deliveries', 20, (held) => deliver(held, wires));
	const tell = (id: string, channel: string, text: string, stage: number): Promise<void> =>
		say(
			wires,
			id,
			{ kind: 'channel', channel },
			{
				reply: { to: 'channel', parts: [{ kind: 'title', line: [text] }] },
				lang: 'en',
				stage,
			},
		);
	const texts = (channel: string): string[] => slack.messages(channel).map(({ text }) => text);
	for (const channel of [A, B]) await tell(`card-${channel}`, channel, 'one', 1);
	await slack.until(() => texts(A).length === 1 && texts(B).length === 1, 40_000);

	slack.faults({ method: 'chat.update', kind: '429', retryAfter: 15, times: 1 });
	await tell(`card-${A}`, A, 'two', 2);
	await slack.until(() => (slack.counts().faults['429'] ?? 0) === 1, 40_000);
	for (let stage = 3; stage < 9; stage++)
		for (const channel of [A, B]) await tell(`card-${channel}`, channel, `stage ${stage}`, stage);
	for (const channel of [A, B]) await tell(`new-${channel}`, channel, 'a first message', 1);
	await slack.until(() => [A, B].every((channel) => texts(channel).includes('a first message')), 40_000);
	// The pause is not over, in neither of them.
	expect([texts(A)[0], texts(B)[0]]).toEqual(['one', 'one']);
	await slack.until(() => [A, B].every((channel) => texts(channel)[0] === 'stage 8'), 30_000);
	// What was wanted meanwhile is one edit.
	expect(slack.counts().updates).toBe(2);
}, 150_000);
