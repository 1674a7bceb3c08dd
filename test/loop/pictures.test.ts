import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Reply } from '../../src/domain/reply.ts';
import { render } from '../../src/slack/render.ts';
import { deliver } from '../../worker/deliver.ts';
import { say } from '../../worker/wires.ts';
import { wiresWith, type Wired } from './wires.ts';

const never = async (): Promise<never> => {
	throw new Error('no command');
};
const chart = (title: string): Reply => ({
	to: 'channel',
	parts: [
		{ kind: 'title', line: ['Size advice'] },
		{
			kind: 'chart',
			chart: { title, x: 'Time', y: title, categories: ['a', 'b'], series: [{ name: 'before', values: [1, 2] }] },
		},
		{ kind: 'note', line: ['In words.'] },
	],
});

let wired: Wired;
beforeAll(async () => {
	wired = await wiresWith(never, {}, (reply, lang) => render(reply, lang, async (words) => words));
});
afterAll(() => wired.close());

/** Says it and carries its deliveries out until it stands; the block types of what stands. */
async function standing(id: string, reply: Reply): Promise<unknown[]> {
	const { wires, slack } = wired;
	await say(wires, id, { kind: 'channel', channel: 'C0OPEN' }, { reply, lang: 'en', stage: 10 });
	for (let tries = 0; tries < 20; tries++) {
		const held = { id, data: { v: 1, id }, addedAt: Date.now(), starts: 1, stalls: 0, keepOnly: async () => undefined };
		const outcome = await deliver(held, wires);
		if (outcome === 'done') break;
		await new Promise((done) => setTimeout(done, outcome.againInMs));
	}
	const message = slack.messages('C0OPEN').at(-1);
	return (message?.blocks ?? []).map((block) => block['type']);
}
const hasChart = ({ args }: { args: Record<string, unknown> }): boolean =>
	JSON.stringify(args['blocks'] ?? '').includes('data_visualization');

describe('a chart', () => {
	test('is one where Slack takes it', async () => {
		expect(await standing('a', chart('Wait'))).toEqual(['rich_text', 'data_visualization', 'context']);
	});

	test('is a picture where Slack does not, and at once the next time', async () => {
		const { slack } = wired;
		const end = slack.faults({ method: 'chat.postMessage', kind: 'error', error: 'invalid_blocks', match: hasChart });
		expect(await standing('b', chart('Workers'))).toEqual(['rich_text', 'image', 'context']);
		const before = slack.counts().calls['chat.postMessage'] ?? 0;
		expect(await standing('c', chart('Workers'))).toEqual(['rich_text', 'image', 'context']);
		expect((slack.counts().calls['chat.postMessage'] ?? 0) - before).toBe(1);
		end();
	}, 20_000);

	test('costs no message where pictures cannot be uploaded either', async () => {
		const other = await wiresWith(never, {}, (reply, lang) => render(reply, lang, async (words) => words));
		const mine = wired;
		wired = other;
		try {
			other.slack.faults({ method: 'chat.postMessage', kind: 'error', error: 'invalid_blocks', match: hasChart });
			other.slack.faults({ method: 'files.getUploadURLExternal', kind: 'error', error: 'missing_scope' });
			expect(await standing('d', chart('Wait'))).toEqual(['rich_text', 'context']);
		} finally {
			wired = mine;
			await other.close();
		}
	}, 20_000);
});
