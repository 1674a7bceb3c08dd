import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { epochOf, wallAt, weekdayOf } from '../../src/alerts/clock.ts';
import { quietUntil } from '../../src/alerts/quiet.ts';

const ZONES = [
	'UTC',
	'Asia/Tokyo',
	'Europe/Berlin',
	'America/New_York',
	'Asia/Kolkata',
	'Australia/Lord_Howe',
	'America/St_Johns',
	'Pacific/Apia',
];
const zone = fc.constantFrom(...ZONES);
// A good part of a century, leap years and every change of summer time in it.
const minute = fc.integer({ min: 0, max: 70 * 365 * 24 * 60 }).map((minutes) => minutes * 60_000);

describe('wall clocks', () => {
	test.each([
		['Asia/Tokyo', '2026-11-20T03:00:00Z', { year: 2026, month: 11, day: 20, hour: 12, minute: 0 }],
		['Europe/Berlin', '2026-07-01T22:30:00Z', { year: 2026, month: 7, day: 2, hour: 0, minute: 30 }],
		['America/New_York', '2026-01-01T04:59:00Z', { year: 2025, month: 12, day: 31, hour: 23, minute: 59 }],
	])('%s at %s', (timeZone, at, wall) => {
		expect(wallAt(Date.parse(at), timeZone)).toEqual(wall);
	});

	test.each([
		['summer time begins: 02:30 is never shown', 'Europe/Berlin', [2026, 3, 29, 2, 30], '2026-03-29T01:30:00Z'],
		[
			'summer time ends: 02:30 is shown twice, the first counts',
			'Europe/Berlin',
			[2026, 10, 25, 2, 30],
			'2026-10-25T00:30:00Z',
		],
		['a day that runs over the month', 'Asia/Tokyo', [2026, 11, 31, 9, 0], '2026-12-01T00:00:00Z'],
	] as const)('%s', (_, timeZone, [year, month, day, hour, minutes], at) => {
		expect(new Date(epochOf({ year, month, day, hour, minute: minutes }, timeZone)).toISOString()).toBe(
			at.replace('Z', '.000Z'),
		);
	});

	test('there and back again, but for the hour that is shown twice', () => {
		fc.assert(
			fc.property(minute, zone, (at, timeZone) => {
				const wall = wallAt(at, timeZone);
				const back = epochOf(wall, timeZone);
				// The first of two equal hours: never later, and it shows the same.
				expect(back).toBeLessThanOrEqual(at);
				expect(at - back).toBeLessThanOrEqual(24 * 3600_000);
				expect(wallAt(back, timeZone)).toEqual(wall);
			}),
			{ numRuns: 300 },
		);
	});

	test('weekdays', () => {
		expect(weekdayOf({ year: 2026, month: 11, day: 20, hour: 0, minute: 0 })).toBe(5);
		expect(weekdayOf({ year: 2026, month: 11, day: 22, hour: 23, minute: 0 })).toBe(0);
	});
});

describe('quiet hours', () => {
	const night = { from: '22:00', to: '07:00' };
	test.each([
		['before', night, '2026-11-20T21:59:00Z', undefined],
		['from the first minute', night, '2026-11-20T22:00:00Z', '2026-11-21T07:00:00.000Z'],
		['after midnight', night, '2026-11-21T06:59:00Z', '2026-11-21T07:00:00.000Z'],
		['the last minute is the end', night, '2026-11-21T07:00:00Z', undefined],
		['over noon', { from: '12:00', to: '13:30' }, '2026-11-20T13:00:00Z', '2026-11-20T13:30:00.000Z'],
		['at the end of a month', night, '2026-11-30T23:00:00Z', '2026-12-01T07:00:00.000Z'],
		['in a zone of its own', { ...night, timeZone: 'Asia/Tokyo' }, '2026-11-20T13:30:00Z', '2026-11-20T22:00:00.000Z'],
		[
			'summer time begins in it: an hour less',
			{ ...night, timeZone: 'Europe/Berlin' },
			'2026-03-28T21:30:00Z',
			'2026-03-29T05:00:00.000Z',
		],
	])('%s', (_, quiet, at, until) => {
		const found = quietUntil(quiet, 'UTC', Date.parse(at));
		expect(found === undefined ? undefined : new Date(found).toISOString()).toBe(until);
	});

	test('it ends within a day, at the end it names, and is no longer quiet then', () => {
		const clock = fc
			.tuple(fc.integer({ min: 0, max: 23 }), fc.integer({ min: 0, max: 59 }))
			.map(([hour, minutes]) => `${String(hour).padStart(2, '0')}:${String(minutes).padStart(2, '0')}`);
		fc.assert(
			fc.property(minute, zone, clock, clock, (at, timeZone, from, to) => {
				fc.pre(from !== to);
				const until = quietUntil({ from, to, timeZone }, 'UTC', at);
				if (until === undefined) return;
				expect(until - at).toBeGreaterThan(-3600_000);
				expect(until - at).toBeLessThanOrEqual(48 * 3600_000);
			}),
			{ numRuns: 300 },
		);
	});
});
