import { describe, expect, test } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import { inHouse, postsOf, runsOf } from './house.ts';
import type { House, HouseOptions } from './house.ts';
import { people, quick, slow } from './workspace.ts';

// Each has processes of its own and mostly waits, so they run side by side.
const alone =
	(work: (house: House) => Promise<void>, options: HouseOptions = {}) =>
	(): Promise<void> =>
		inHouse(
			{
				...options,
				slack: { workspace: people(), ...options.slack },
				airflow: { dags: [quick, slow], ...options.airflow },
			},
			work,
		);

describe.each([
	['socket', 2],
	['http', 1],
] as const)('the loop over %s, REST API v%s', (by, api) => {
	test.concurrent(
		'typed, started once, told in one message that turns green; copies change nothing',
		alone(
			async ({ slack, airflow, start }) => {
				await start('start');
				const { acks } = await slack.type({
					user: 'U0ANN',
					channel: 'C0OPEN',
					text: '/dag trigger quick n=1 password=hunter22',
					deliveries: 3,
				});
				for (const ack of acks) expect(ack).toMatchObject({ status: 'acked', text: '' });
				const message = await slack.until(() =>
					slack.messages('C0OPEN').find(({ text, via }) => via === 'chat.postMessage' && /succeeded/.test(text)),
				);
				expect(message.edits.length).toBeGreaterThan(0);
				expect([...runsOf(airflow).values()]).toEqual([1]);
				expect([...postsOf(slack).values()]).toEqual([1]);
				expect(slack.messages('C0OPEN').length).toBe(1);
				// The conf reaches Airflow as it was typed and is masked wherever it is shown.
				const [run] = airflow.runs('quick');
				expect(run?.conf).toEqual({ n: '1', password: 'hunter22' });
				expect(JSON.stringify([message.blocks, message.edits, run?.note])).not.toContain('hunter22');
			},
			{ by, airflow: { api } },
		),
		120_000,
	);
});

test.concurrent(
	'a wrong word is answered in the ack and starts nothing',
	alone(async ({ slack, airflow, start }) => {
		await start('start');
		const { ack } = await slack.type({ user: 'U0ANN', channel: 'C0OPEN', text: '/dag triger quick' });
		expect(ack.text).toContain('trigger');
		expect(ack.ms).toBeLessThan(1000);
		expect(airflow.started()).toEqual([]);
	}),
	120_000,
);

test.concurrent(
	'an unknown DAG is told to the asker alone',
	alone(async ({ slack, start }) => {
		await start('start');
		await slack.type({ user: 'U0ANN', channel: 'C0OPEN', text: '/dag trigger quikc' });
		const told = await slack.until(() => slack.messages('C0OPEN').find(({ ephemeralTo }) => ephemeralTo === 'U0ANN'));
		expect(told.via).toBe('response_url');
		expect(postsOf(slack).size).toBe(0);
	}),
	120_000,
);

describe('the form', () => {
	const withParams = {
		...quick,
		id: 'with_params',
		params: {
			region: { value: 'eu', schema: { type: 'string', enum: ['eu', 'us'] } },
			limit: { value: 5, schema: { type: 'integer' } },
		},
	};

	test.concurrent(
		'a DAG is picked, its params are filled in; sent three times it is one run',
		alone(
			async ({ slack, airflow, start }) => {
				await start('start');
				await slack.type({ user: 'U0ANN', channel: 'C0OPEN', text: '/dag trigger' });
				const [picker] = slack.views('U0ANN');
				const viewId = picker?.id ?? '';
				const { choices } = await slack.suggest({ user: 'U0ANN', viewId, actionId: 'cm_dag', query: 'param' });
				expect(choices.map(({ value }) => value)).toEqual(['with_params']);
				const picked = await slack.submitView({ user: 'U0ANN', viewId, values: { cm_dag: 'with_params' } });
				expect(picked).toMatchObject({ outcome: 'updated', errors: {} });
				const sent = await slack.submitView({ user: 'U0ANN', viewId: picked.view?.id ?? '', deliveries: 3 });
				expect(sent.outcome).toBe('closed');
				await slack.until(() => slack.messages('C0OPEN').find(({ text }) => /succeeded/.test(text)));
				expect([...runsOf(airflow).values()]).toEqual([1]);
				expect([...postsOf(slack).values()]).toEqual([1]);
			},
			{ airflow: { dags: [quick, withParams] } },
		),
		120_000,
	);

	test.concurrent(
		'where the bot is not, the form is not opened; by direct message it is',
		alone(async ({ slack, airflow, start }) => {
			await start('start');
			await slack.type({ user: 'U0ANN', channel: 'G0PRIV', text: '/dag trigger' });
			expect(slack.views('U0ANN')).toEqual([]);
			const [asked] = slack.messages('G0PRIV');
			await slack.click({ user: 'U0ANN', channel: 'G0PRIV', ts: asked?.ts ?? '', actionId: 'cm_direct' });
			const [picker] = slack.views('U0ANN');
			const picked = await slack.submitView({ user: 'U0ANN', viewId: picker?.id ?? '', values: { cm_dag: 'quick' } });
			await slack.submitView({ user: 'U0ANN', viewId: picked.view?.id ?? '' });
			const direct = slack.channelId('U0ANN');
			await slack.until(() => slack.messages(direct).find(({ text }) => /succeeded/.test(text)));
			expect([...runsOf(airflow).values()]).toEqual([1]);
		}),
		120_000,
	);

	test.concurrent(
		'Redis is down when it is sent: the inputs stay, and sent again it works',
		alone(async ({ slack, airflow, redis, start }) => {
			await start('start');
			await slack.type({ user: 'U0ANN', channel: 'C0OPEN', text: '/dag trigger' });
			const picked = await slack.submitView({
				user: 'U0ANN',
				viewId: slack.views('U0ANN')[0]?.id ?? '',
				values: { cm_dag: 'quick' },
			});
			await redis.kill();
			const viewId = picked.view?.id ?? '';
			const refused = await slack.submitView({ user: 'U0ANN', viewId });
			expect(Object.values(refused.errors).join('')).toContain('Not accepted');
			await redis.restart();
			await sleep(1000);
			expect((await slack.submitView({ user: 'U0ANN', viewId })).outcome).toBe('closed');
			await slack.until(() => slack.messages('C0OPEN').find(({ text }) => /succeeded/.test(text)));
			expect([...runsOf(airflow).values()]).toEqual([1]);
		}),
		120_000,
	);
});

test.concurrent(
	'no worker takes it: the asker hears that it is kept, and it runs once a worker is there',
	alone(async ({ slack, airflow, start }) => {
		await start('slack');
		await slack.type({ user: 'U0ANN', channel: 'C0OPEN', text: '/dag trigger quick' });
		await slack.until(() => slack.messages('C0OPEN').find(({ text }) => text.includes('no worker')), 20_000);
		await start('worker');
		await slack.until(() => slack.messages('C0OPEN').find(({ text }) => /succeeded/.test(text)));
		expect([...runsOf(airflow).values()]).toEqual([1]);
	}),
	120_000,
);

describe('the bot is not in the channel', () => {
	test.concurrent(
		'says so before anything is queued; invited into a public one, it goes on',
		alone(async ({ slack, airflow, start }) => {
			await start('start');
			const { ack } = await slack.type({ user: 'U0ANN', channel: 'C0ELSE', text: '/dag trigger quick' });
			expect(ack.text).toContain('not in this conversation');
			expect(airflow.started()).toEqual([]);
			const [asked] = slack.messages('C0ELSE');
			// Pressed twice, it is still one command.
			for (const deliveries of [2, 1])
				await slack
					.click({ user: 'U0ANN', channel: 'C0ELSE', ts: asked?.ts ?? '', actionId: 'cm_invite', deliveries })
					.catch((error: unknown) => error);
			await slack.until(() => slack.messages('C0ELSE').find(({ text }) => /succeeded/.test(text)));
			expect([...runsOf(airflow).values()]).toEqual([1]);
			expect([...postsOf(slack).values()]).toEqual([1]);
		}),
		120_000,
	);

	test.concurrent(
		'a private one it cannot enter: says how; by direct message it goes on there',
		alone(async ({ slack, airflow, start }) => {
			await start('start');
			await slack.type({ user: 'U0ANN', channel: 'G0PRIV', text: '/dag trigger quick' });
			const [asked] = slack.messages('G0PRIV');
			await slack.click({ user: 'U0ANN', channel: 'G0PRIV', ts: asked?.ts ?? '', actionId: 'cm_invite' });
			const how = await slack.until(() => slack.messages('G0PRIV').find(({ text }) => text.includes('/invite')));
			expect(airflow.started()).toEqual([]);
			await slack.click({ user: 'U0ANN', channel: 'G0PRIV', ts: how.ts, actionId: 'cm_direct' });
			const direct = slack.channelId('U0ANN');
			await slack.until(() => slack.messages(direct).find(({ text }) => /succeeded/.test(text)));
			expect([...runsOf(airflow).values()]).toEqual([1]);
			expect([...postsOf(slack).values()]).toEqual([1]);
		}),
		120_000,
	);
});

describe('ends that nobody wants', () => {
	test.concurrent(
		'the message was deleted while the run lasts: the asker alone hears how it ended',
		alone(async ({ slack, airflow, start }) => {
			await start('start');
			await slack.type({ user: 'U0ANN', channel: 'C0OPEN', text: '/dag trigger slow' });
			const message = await slack.until(() => slack.messages('C0OPEN').find(({ via }) => via === 'chat.postMessage'));
			slack.removeMessage({ channel: 'C0OPEN', ts: message.ts });
			const [run] = airflow.runs('slow');
			airflow.endRun('slow', run?.run ?? '', 'failed');
			const direct = slack.channelId('U0ANN');
			await slack.until(() => slack.messages(direct).find(({ text }) => /failed/.test(text)), 15_000);
			expect(slack.messages('C0OPEN')).toEqual([]);
		}),
		120_000,
	);

	test.concurrent(
		'the run was deleted in Airflow: the message says so',
		alone(async ({ slack, airflow, start }) => {
			await start('start');
			await slack.type({ user: 'U0ANN', channel: 'C0OPEN', text: '/dag trigger slow' });
			await slack.until(() => slack.messages('C0OPEN').find(({ via }) => via === 'chat.postMessage'));
			const [run] = airflow.runs('slow');
			airflow.deleteRun('slow', run?.run ?? '');
			await slack.until(() => slack.messages('C0OPEN').find(({ text }) => /deleted/.test(text)), 15_000);
		}),
		120_000,
	);

	test.concurrent(
		'a run that outlasts the following: the message says so',
		alone(
			async ({ slack, start }) => {
				await start('start');
				await slack.type({ user: 'U0ANN', channel: 'C0OPEN', text: '/dag trigger slow' });
				await slack.until(() => slack.messages('C0OPEN').find(({ text }) => /no longer followed/.test(text)), 15_000);
			},
			{ settings: 'follow: { giveUpAfterDays: 0.00005 }\n' },
		),
		120_000,
	);

	test.concurrent(
		'the bot was taken out of the channel after the command was accepted: the asker hears of it',
		alone(async ({ slack, airflow, start }) => {
			const worker = await start('slack');
			await slack.type({ user: 'U0ANN', channel: 'C0OPEN', text: '/dag trigger quick' });
			slack.kick({ channel: 'C0OPEN', user: slack.botUserId });
			await start('worker');
			const direct = slack.channelId('U0ANN');
			await slack.until(() => slack.messages(direct).find(({ text }) => /succeeded/.test(text)), 15_000);
			expect([...runsOf(airflow).values()]).toEqual([1]);
			expect(await worker.stop()).toBe(0);
		}),
		120_000,
	);
});
