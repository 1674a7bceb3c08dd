import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { plainWords, splitWords } from '../../commands/_parts/words.ts';
import { commands } from '../../commands/index.ts';
import { meant } from '../../src/slack/meant.ts';

const noButtons = (): Promise<undefined> => Promise.resolve(undefined);
const ownButtons = (action: { value?: string | undefined }): Promise<string | undefined> =>
	Promise.resolve(action.value);
const button = (value: string) => ({
	blocks: [{ type: 'actions', elements: [{ type: 'button', action_id: 'dag:logs', value }] }],
});

describe('what a message is about', () => {
	test.each([
		['our own run message', button('logs etl load manual__2026-11-20 2'), 'diagnose etl load manual__2026-11-20 2'],
		['our own status', button('status etl manual__x'), 'diagnose etl manual__x'],
		[
			'an Airflow 3 link in a sentence',
			{ text: 'see <https://af.example.com/dags/etl/runs/manual__x/tasks/load?try_number=1|here>, please' },
			'diagnose "https://af.example.com/dags/etl/runs/manual__x/tasks/load?try_number=1"',
		],
		[
			'of two links the one that says more',
			{
				text: '<https://af.example.com/dags/etl/grid> <https://af.example.com/dags/etl/grid?dag_run_id=r1&amp;task_id=load>',
			},
			'diagnose "https://af.example.com/dags/etl/grid?dag_run_id=r1&task_id=load"',
		],
		[
			'a link in a rich text block',
			{
				blocks: [
					{
						type: 'rich_text',
						elements: [
							{
								type: 'rich_text_section',
								elements: [{ type: 'link', url: 'https://af.example.com/dags/etl/runs/manual__x' }],
							},
						],
					},
				],
			},
			'diagnose https://af.example.com/dags/etl/runs/manual__x',
		],
		[
			"the Slack notifier's usual callback",
			{ text: ':red_circle: Task Failed.\n*Task*: load\n*Dag*: daily_sales\n*Execution Time*: 2026-11-20' },
			'diagnose daily_sales load',
		],
		[
			"Airflow 2's own line",
			{ text: 'Marking task as FAILED. dag_id=daily_sales, task_id=load, run_id=scheduled__2026-11-20T00:00:00+00:00' },
			'diagnose daily_sales load scheduled__2026-11-20T00:00:00+00:00',
		],
		[
			'a task instance as Airflow prints it',
			{ text: 'Finished &lt;TaskInstance: etl.group.load manual__2026-11-20T01:00:00+00:00 [failed]&gt;' },
			'diagnose etl group.load manual__2026-11-20T01:00:00+00:00',
		],
		['a DAG with a Japanese name', { text: 'dag_id: 売上_日次 が失敗しました' }, 'diagnose 売上_日次'],
		[
			'a pasted traceback',
			{ text: 'help!\nTraceback (most recent call last):\n  File "x.py", line 1\nKeyError: \'a\'' },
			'diagnose --text help!\nTraceback (most recent call last):\n  File "x.py", line 1\nKeyError: \'a\'',
		],
		['small talk', { text: 'good morning' }, undefined],
		['nothing at all', {}, undefined],
		['a foreign button', button('trigger etl'), undefined],
	])('%s', async (_name, message, words) => {
		expect(await meant(message, ownButtons)).toBe(words);
	});

	test('a button of somebody else names nothing', async () => {
		expect(await meant(button('logs etl load r 1'), noButtons)).toBeUndefined();
	});

	test('whatever stands in a message: no throw, and words that are one diagnose command', async () => {
		const diagnose = commands.find(({ name }) => name === 'diagnose');
		await fc.assert(
			fc.asyncProperty(fc.anything({ maxDepth: 5, withNullPrototype: true }), fc.string(), async (extra, text) => {
				const words = await meant({ text, extra }, ownButtons);
				if (words === undefined) return;
				expect(words.startsWith('diagnose ')).toBe(true);
				expect(plainWords({ words, via: 'shortcut' })).toBe(words);
				expect(words.length).toBeLessThan(8000);
				expect(diagnose?.name).toBe('diagnose');
			}),
			{ numRuns: 300 },
		);
	});

	test('the ids of a notifier, whatever they are, come back as the words of one try', async () => {
		const id = fc.stringMatching(/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,60}[A-Za-z0-9_]$/);
		await fc.assert(
			fc.asyncProperty(id, id, async (dag, task) => {
				const words = (await meant({ text: `*DAG*: ${dag}\n*Task*: ${task}` }, noButtons)) ?? '';
				expect(splitWords(words).map((word) => word.text)).toEqual(['diagnose', dag, task]);
			}),
		);
	});
});
