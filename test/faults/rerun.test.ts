import { expect, test } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import type { SimDag } from '../../src/sandbox/airflow/types.ts';
import { inHouse, postsOf } from './house.ts';
import type { House } from './house.ts';
import { people, quick } from './workspace.ts';

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

/** A failed run, the question about it, and the click on its answer. */
async function confirmed({ slack, airflow }: House): Promise<() => Promise<unknown>> {
	airflow.foreignRun({ dag: 'breaks', run: RUN });
	await airflow.until(() => airflow.run('breaks', RUN)?.state === 'failed');
	await slack.type({ user: 'U0ANN', channel: 'C0OPEN', text: '/dag rerun breaks' });
	const asked = await slack.until(
		() => slack.messages('C0OPEN').find(({ ephemeralTo }) => ephemeralTo === 'U0ANN'),
		15_000,
	);
	return () => slack.click({ user: 'U0ANN', channel: 'C0OPEN', ts: asked.ts, actionId: 'dag:0' });
}

/** The request that clears; the one before it is the comparison. */
function clearing({ airflow }: House) {
	const before = airflow.calls('clear').length;
	return airflow.holdNextReply('clear', () => airflow.calls('clear').length >= before + 2);
}

async function once({ slack, airflow }: House): Promise<void> {
	await slack.until(() => slack.messages('C0OPEN').find(({ text }) => /succeeded/.test(text)), 40_000);
	await sleep(1500);
	expect(airflow.run('breaks', RUN)?.tasks.map(({ tryNumber, state }) => [tryNumber, state])).toEqual([[2, 'success']]);
	expect([...postsOf(slack).values()]).toEqual([1]);
	const [said] = slack.messages('C0OPEN').filter(({ ephemeralTo }) => ephemeralTo === undefined);
	expect(JSON.stringify(said?.blocks)).toContain('Rerun by ');
}

const alone = (api: 1 | 2, work: (house: House) => Promise<void>) => (): Promise<void> =>
	inHouse({ slack: { workspace: people() }, airflow: { api, dags: [breaks] } }, work);

test.concurrent.each([1, 2] as const)(
	'kill -9 of the worker between the clear and its record, REST v%i: seen by the try, not repeated, followed to its end',
	async (api) =>
		alone(api, async (all) => {
			await all.start('slack');
			const first = await all.start('worker');
			const click = await confirmed(all);
			const held = clearing(all);
			await click();
			await held.reached;
			await first.kill();
			held.release();
			await all.start('worker');
			await once(all);
		})(),
	120_000,
);

test.concurrent(
	'stopped past the lock while Airflow answers: cleared once, told once',
	alone(2, async (all) => {
		await all.start('slack');
		const first = await all.start('worker');
		const click = await confirmed(all);
		const held = clearing(all);
		await click();
		await held.reached;
		first.freeze();
		await all.start('worker');
		await all.slack.until(() => all.slack.messages('C0OPEN').find(({ text }) => /succeeded/.test(text)), 40_000);
		first.thaw();
		held.release();
		await once(all);
	}),
	120_000,
);
