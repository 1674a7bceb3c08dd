import { afterEach, describe, expect, test } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import { composerOptions } from '../../src/clients/composer.ts';
import { followLogs } from '../../worker/watch/tail.ts';
import { house as googleHouse } from '../sandbox/google-house.ts';
import { wiresWith } from '../loop/wires.ts';
import type { Wired } from '../loop/wires.ts';

let closers: (() => unknown)[] = [];
afterEach(async () => {
	for (const close of closers.reverse()) await close();
	closers = [];
});

const never = async (): Promise<never> => {
	throw new Error('nothing is carried out here');
};

async function open() {
	const { world, google } = await googleHouse();
	closers.push(() => google.close());
	const wire = (redisUrl?: string): Promise<Wired> =>
		wiresWith(never, {
			googleToken: 'bot',
			...(redisUrl === undefined ? {} : { redisUrl }),
			environments: [
				{
					name: 'lab',
					airflow: { auth: { kind: 'google' } },
					composer: composerOptions.parse({
						project: 'acme-data-prod',
						location: 'europe-west1',
						name: 'prod',
						rootUrl: google.rootUrl,
						loggingEndpoint: google.loggingEndpoint,
					}),
				},
			],
		});
	const wired = await wire();
	closers.push(() => wired.close());
	closers.push(() => wired.wires.deps.logging('lab')?.close());
	const line = (severity: 'INFO' | 'ERROR', labels: Record<string, string>): void => {
		world.log.write({
			log: 'airflow-worker',
			resource: {
				type: 'cloud_composer_environment',
				labels: { project_id: 'acme-data-prod', location: 'europe-west1', environment_name: 'prod' },
			},
			labels,
			severity,
			text: 'Task failed with exception',
		});
	};
	const until = async (what: () => Promise<boolean> | boolean): Promise<void> => {
		for (const deadline = Date.now() + 15_000; !(await what()); await sleep(20))
			if (Date.now() > deadline) throw new Error(`not in time: ${what.toString()}`);
	};
	return { google, wired, line, until };
}

const TRY = { workflow: 'etl', 'task-id': 'work', 'run-id': 'r1', 'try-number': '1', 'map-index': '-1' };
const soon = ({ wires }: Wired): Promise<number> => wires.work.counts('watches').then(({ delayed }) => delayed);

describe('following the logs', () => {
	test('an error makes the watch look soon; what is no error does not', async () => {
		const { google, wired, line, until } = await open();
		closers.push(followLogs(wired.wires, 50));
		await until(() => google.tails() === 1);
		line('INFO', TRY);
		await sleep(200);
		expect(await soon(wired)).toBe(0);
		line('ERROR', TRY);
		await until(async () => (await soon(wired)) === 2);
		expect(await wired.wires.deps.watching.hintedBy('lab', ['["etl","r1","work",-1] 1'])).toEqual(['tail']);
	}, 40_000);

	test('one session over all workers; another takes over when its holder is gone, and when Google ends it', async () => {
		const { google, wired, until } = await open();
		const end = followLogs(wired.wires, 50);
		await until(() => google.tails() === 1);
		// A second worker: the same Redis, clients of its own.
		closers.push(followLogs(wired.wires, 50));
		await sleep(300);
		expect(google.tails()).toBe(1);
		end();
		await until(() => google.calls().filter(({ op }) => op === 'logging.entries.tail').length >= 2);
		// The session of the holder that is gone may still be closing.
		await until(() => google.tails() === 1);
	}, 40_000);

	test('without the right to read logs nothing breaks, and it is not asked for all the time', async () => {
		const { google, wired, until } = await open();
		google.faults({ op: 'logging.entries.tail', kind: 'denied' });
		closers.push(followLogs(wired.wires, 50));
		await until(() => google.calls().some(({ op }) => op === 'logging.entries.tail'));
		await sleep(500);
		expect(google.calls().filter(({ op }) => op === 'logging.entries.tail')).toHaveLength(1);
	}, 40_000);
});
