import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import type { About } from '../../src/alerts/about.ts';
import { endOf, muteOf, remindAt, type Mute } from '../../src/alerts/mutes.ts';

const DAY = 24 * 3600_000;
const mute = (more: Partial<Mute>): Mute => ({
	id: 'm',
	env: 'prod',
	subject: { kind: 'dag', pattern: 'sales_eu' },
	by: { user: 'U0AIKO', name: 'Aiko' },
	channel: 'C0DATA',
	since: 0,
	until: 1000,
	...more,
});
const about = (more: Partial<About> = {}): About => ({
	env: 'prod',
	dag: 'sales_eu',
	tags: ['finance'],
	owners: ['ken'],
	cause: 'kpo-oomkilled',
	severity: 'warning',
	incident: 'abcdef012345',
	...more,
});

describe('what is silenced', () => {
	test.each<[string, Partial<Mute>, Partial<About>, boolean]>([
		['its DAG', {}, {}, true],
		['another DAG', {}, { dag: 'hr' }, false],
		['another environment', { env: 'lab' }, {}, false],
		['a pattern', { subject: { kind: 'dag', pattern: 'sales_*' } }, {}, true],
		['a tag', { subject: { kind: 'tag', pattern: 'finance' } }, {}, true],
		['its cause', { subject: { kind: 'cause', pattern: 'kpo-oomkilled' } }, {}, true],
		['its incident', { subject: { kind: 'incident', pattern: 'abcdef012345' } }, {}, true],
		['another incident', { subject: { kind: 'incident', pattern: 'ffffff012345' } }, {}, false],
		[
			'what its maker operates',
			{ subject: { kind: 'cause', pattern: 'kpo-oomkilled' }, within: ['sales_*'] },
			{},
			true,
		],
		['what its maker does not', { subject: { kind: 'cause', pattern: 'kpo-oomkilled' }, within: ['hr'] }, {}, false],
		['critical, by DAG: never', {}, { severity: 'critical' }, false],
		[
			'critical, by everything: never',
			{ subject: { kind: 'dag', pattern: '*' } },
			{ severity: 'critical', dag: undefined },
			false,
		],
		['critical, by its tag: never', { subject: { kind: 'tag', pattern: '*' } }, { severity: 'critical' }, false],
		[
			'critical, by its cause',
			{ subject: { kind: 'cause', pattern: 'kpo-oomkilled' } },
			{ severity: 'critical' },
			true,
		],
		[
			'critical, by its incident',
			{ subject: { kind: 'incident', pattern: 'abcdef012345' } },
			{ severity: 'critical', dag: undefined },
			true,
		],
	])('%s', (_, one, of, silent) => {
		expect(muteOf(about(of), [mute(one)], 500) !== undefined).toBe(silent);
	});

	test('from its beginning to its end, and not a moment longer', () => {
		const one = mute({ since: 100, until: 1000 });
		expect([99, 100, 999, 1000].map((now) => muteOf(about(), [one], now)?.id)).toEqual([
			undefined,
			'm',
			'm',
			undefined,
		]);
	});

	test('of several, the one that lasts longest is named', () => {
		const all = [mute({ id: 'a' }), mute({ id: 'b', until: 2000 }), mute({ id: 'c', until: 1500 })];
		expect(muteOf(about(), all, 500)?.id).toBe('b');
	});
});

describe('every mute ends', () => {
	test('never later than the settings allow after its beginning, however often it is prolonged', () => {
		const step = fc.record({ wait: fc.integer({ min: 0, max: 20 * DAY }), ms: fc.integer({ min: 1, max: 400 * DAY }) });
		fc.assert(
			fc.property(
				fc.array(step, { minLength: 1, maxLength: 20 }),
				fc.integer({ min: 1, max: 30 }),
				(steps, mostDays) => {
					let now = 0;
					for (const { wait, ms } of steps) {
						now += wait;
						const until = endOf(0, now, ms, mostDays);
						expect(until).toBeLessThanOrEqual(mostDays * DAY);
						expect(until).toBeLessThanOrEqual(now + ms);
					}
				},
			),
		);
	});

	test('a ticket is asked about a day before, within the mute', () => {
		expect(remindAt({ ticket: 'OPS-1', since: 0, until: 7 * DAY })).toBe(6 * DAY);
		expect(remindAt({ ticket: 'OPS-1', since: 0, until: DAY })).toBe(DAY / 2);
		expect(remindAt({ since: 0, until: 7 * DAY })).toBeUndefined();
	});
});
