import { describe, expect, test } from '@jest/globals';
import type { SandboxMessage, SandboxSlack } from '../../src/sandbox/slack/types.ts';
import { rowText } from '../../src/alerts/row.ts';
import type { Try } from './failing.ts';
import { doubledCards, told } from './told.ts';

const one = (run: string, tryNumber = 1, mapIndex = -1): Try => ({
	dag: 'etl',
	run,
	task: 'work',
	mapIndex,
	tryNumber,
});

const row = (which: Try): string => rowText({ env: 'lab', ...which, ofTries: 1, last: true, seenAt: 0 });

function message(key: string, texts: string[], more: Partial<SandboxMessage> = {}): SandboxMessage {
	return {
		channel: 'C1',
		ts: '1.0',
		user: 'UBOT',
		text: 'not looked at',
		blocks: [{ type: 'rich_text', elements: texts.map((text) => ({ type: 'text', text })) }],
		attachments: [],
		metadata: { event_type: 'x', event_payload: { key } },
		edits: [],
		deleted: false,
		via: 'chat.postMessage',
		reactions: {},
		unfurls: {},
		files: [],
		rev: 1,
		...more,
	};
}

const tell = (tries: Try[], ...messages: SandboxMessage[]) => {
	const slack: Pick<SandboxSlack, 'allMessages'> = { allMessages: () => messages };
	return told(slack, tries, () => 'C1');
};

describe('how the fault run counts what was told', () => {
	const [a, b] = [one('r1', 1), one('r1', 2)];
	const card = (key: string, more: string[] = []) => message(key, ['etl', 'work', 'r1', ...more]);

	test('a line of a list, a card alone', () => {
		expect(tell([a, b], message('i-0a-C1', ['etl', `${row(a)}\n${row(b)}`]))).toEqual({ lost: [], doubled: [] });
		expect(tell([a], card('i-0a-C1'))).toEqual({ lost: [], doubled: [] });
	});

	test('one that is not told is lost, in its own channel', () => {
		expect(tell([a, b], message('i-0a-C1', [row(a)])).lost).toEqual(['etl.work r1 #2']);
		expect(tell([a], { ...card('i-0a-C1'), channel: 'C2' }).lost).toEqual(['etl.work r1 #1']);
		expect(tell([a], { ...card('i-0a-C1'), deleted: true }).lost).toEqual(['etl.work r1 #1']);
	});

	test('a line twice, a card posted twice, a try that never failed', () => {
		expect(tell([a], message('i-0a-C1', [row(a)]), message('i-0b-C1', [row(a)])).doubled).toHaveLength(1);
		expect(tell([a], card('i-0a-C1'), card('i-0a-C1')).doubled).toHaveLength(1);
		expect(tell([a], message('i-0a-C1', [row(a), row(one('r9'))])).doubled).toHaveLength(1);
	});
});

describe('how it sees that failures with one cause were not put together', () => {
	const CAUSE = "The DAG's own code failed";
	const all = (...messages: SandboxMessage[]) => doubledCards({ allMessages: () => messages });

	test('a second card for the same cause in the same channel', () => {
		const two = [message('i-0a-C1', [CAUSE]), message('i-0b-C1', [CAUSE])];
		expect(all(...two)).toEqual(['user-code-exception in C1: i-0b-C1 beside i-0a-C1']);
	});

	test('not one elsewhere, of another cause, of an unknown one, in a thread, or taken back', () => {
		const first = message('i-0a-C1', [CAUSE]);
		expect(all(first, message('i-0a-C2', [CAUSE], { channel: 'C2' }))).toEqual([]);
		expect(all(first, message('i-0b-C1', ['The log of this try is missing; its worker is probably gone']))).toEqual([]);
		expect(all(message('i-0b-C1', ['Cause unknown']), message('i-0c-C1', ['Cause unknown']))).toEqual([]);
		expect(all(first, message('i-0a-C1-d', [CAUSE]), message('i-0b-C1', [CAUSE], { deleted: true }))).toEqual([]);
	});
});
