import { describe, expect, test } from '@jest/globals';
import { chaos } from './run.ts';

const say = (line: string): void => void process.stderr.write(`${line}\n`);

// The seed is new every time and printed, so that what is found can be looked at again: npm run chaos -- --seed N.
test('commands and failures under kills, stops, a Redis kill and faults on both sides: one run, one message, told once', async () => {
	const seed = Date.now() % 1_000_000;
	say(`chaos, short form, seed ${seed}`);
	const result = await chaos({ seed, commands: 30, failures: 30, say });
	expect(result).toMatchObject({
		commandsLost: 0,
		runsDoubled: 0,
		messagesLost: 0,
		messagesDoubled: 0,
		messagesStale: 0,
		failures: 30,
		failuresLost: 0,
		failuresDoubled: 0,
	});
	expect(result.kills + result.stops).toBeGreaterThan(2);
}, 180_000);

describe('each protection is needed: without it the same run sees losses or doubles', () => {
	test.concurrent.each(['dedup', 'intent', 'adopt'] as const)(
		'without %s',
		async (breaks) => {
			const result = await chaos({
				seed: 7,
				commands: 30,
				failures: 0,
				breaks,
				faultRate: 0.1,
				calmMs: 10_000,
				say: () => undefined,
			});
			const wrong = result.commandsLost + result.runsDoubled + result.messagesLost + result.messagesDoubled;
			expect({ breaks, wrong: wrong > 0 }).toEqual({ breaks, wrong: true });
		},
		180_000,
	);
});
