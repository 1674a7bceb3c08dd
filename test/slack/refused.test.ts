import { expect, test } from '@jest/globals';
import { route } from '../../commands/route.ts';
import type { BotDeps } from '../../src/build-deps.ts';
import type { Doors } from '../../src/slack/doors.ts';
import { take } from '../../src/slack/take.ts';
import { asker, fakeAirflow, fakeDeps, shown, typed } from '../commands/house.ts';

test('what a role does not allow is answered at once and kept in the audit, without a word in the queue', async () => {
	const deps = fakeDeps({ prod: fakeAirflow({}) }, { everyone: 'viewer' });
	const doors = {
		deps: { ...deps, asker: async () => asker() } as unknown as BotDeps,
		producer: {
			accept: async () => {
				throw new Error('nothing is queued');
			},
		} as unknown as Doors['producer'],
		route: (said: Parameters<Doors['route']>[0], who: Parameters<Doors['route']>[1]) => route(said, who, deps),
		render: async (reply: Parameters<Doors['render']>[0]) => ({ text: shown(reply).join('\n'), blocks: [] }),
	} as unknown as Doors;
	const watch = {} as Parameters<typeof take>[1];
	for (const words of ['rerun daily_sales', 'rerun daily_sales', 'pause other', 'list'])
		await take(doors, watch, { typed: typed(words) }).catch((error: Error) => expect(error.message).toMatch(/queued/));
	expect((await deps.audit.list(9)).map(({ verb, dag, result, times }) => [verb, dag, result, times])).toEqual([
		['rerun', 'daily_sales', 'refused', 2],
		['pause', 'other', 'refused', 1],
	]);
});
