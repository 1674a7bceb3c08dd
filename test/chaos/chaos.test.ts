import { describe, expect, test } from '@jest/globals';
import type { Protection } from '../../src/config.ts';
import { chaos, wrongs } from './run.ts';

const say = (line: string): void => void process.stderr.write(`${line}\n`);

// The seed is new every time and printed, so that what is found can be looked at again: npm run chaos -- --seed N.
test('commands and failures while workers and Slack processes are killed and stopped, Redis dies, and both sides fail: all once, told once', async () => {
	const seed = Date.now() % 1_000_000;
	say(`chaos, short form, seed ${seed}`);
	const result = await chaos({ seed, commands: 30, failures: 30, say });
	expect({ failures: result.failures, wrongs: wrongs(result) }).toEqual({ failures: 30, wrongs: 0 });
	expect(result.kills + result.stops).toBeGreaterThan(2);
	expect(result.slackKills + result.slackStops).toBeGreaterThan(1);
	expect(result.redisKills).toBeGreaterThan(0);
}, 240_000);

// Copies, lost replies and failures show it, a few times each; nothing has to be killed for it.
describe('each protection is needed: without it the run sees losses or doubles', () => {
	test.concurrent.each<[Protection, { commands: number; failures: number }]>([
		['dedup', { commands: 20, failures: 0 }],
		['intent', { commands: 40, failures: 0 }],
		['adopt', { commands: 30, failures: 0 }],
		['join', { commands: 0, failures: 40 }],
	])(
		'without %s',
		async (breaks, many) => {
			const quiet = { faultRate: 0.1, calmMs: 8000, hits: false, say: () => undefined };
			const result = await chaos({ seed: 7, ...many, breaks, ...quiet });
			expect({ breaks, wrong: wrongs(result) > 0 }).toEqual({ breaks, wrong: true });
		},
		180_000,
	);
});
