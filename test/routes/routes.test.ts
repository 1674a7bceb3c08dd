import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import type { About } from '../../src/alerts/about.ts';
import { alertsSchema, type AlertsOptions, type OwnManners } from '../../src/alerts/options.ts';
import { destinations, type Heard, type Watch } from '../../src/alerts/routes.ts';
import type { Subject } from '../../src/alerts/subject.ts';

const about = (more: Partial<About> = {}): About => ({
	env: 'prod',
	dag: 'sales_eu',
	task: 'load',
	tags: ['finance', 'daily'],
	owners: ['ken'],
	cause: 'kpo-oomkilled',
	severity: 'warning',
	...more,
});

const watch = (channel: string, subject: Subject, more: Partial<Watch> = {}): Watch => ({
	id: `${channel} ${subject.kind} ${subject.pattern}`,
	env: 'prod',
	channel,
	subject,
	by: { user: 'U0AIKO', name: 'Aiko' },
	since: 0,
	...more,
});

const heard = (watches: readonly Watch[] = [], manners: Readonly<Record<string, OwnManners>> = {}): Heard => ({
	watches,
	manners: new Map(Object.entries(manners)),
});

// 2026-11-20 03:00 UTC is noon in Tokyo.
const NOW = Date.parse('2026-11-20T03:00:00Z');
const told = (options: object, one: About = about(), hears: Heard = heard(), now = NOW) =>
	destinations(one, alertsSchema.parse(options), hears, { lang: 'en', now });
const channels = (...args: Parameters<typeof told>) => told(...args).map(({ channel }) => channel);

describe('who hears of it', () => {
	test('nobody without settings, the default channel where nobody else does', () => {
		expect(channels({})).toEqual([]);
		expect(channels({ channel: 'C0DEFAULT' })).toEqual(['C0DEFAULT']);
		const routes = [{ dags: ['sales_*'], channels: ['C0SALES'] }];
		expect(channels({ channel: 'C0DEFAULT', routes })).toEqual(['C0SALES']);
		expect(channels({ channel: 'C0DEFAULT', routes }, about({ dag: 'hr' }))).toEqual(['C0DEFAULT']);
	});

	test.each<[string, object, Partial<About>, boolean]>([
		['everything', {}, {}, true],
		['an environment', { environments: ['prod'] }, {}, true],
		['another environment', { environments: ['lab'] }, {}, false],
		['a pattern of ids', { dags: ['hr', 'sales_*'] }, {}, true],
		['another pattern', { dags: ['*_us'] }, {}, false],
		['a pattern, of the environment as a whole', { dags: ['*'] }, { dag: undefined }, false],
		['a tag', { tags: ['fin*'] }, {}, true],
		['another tag', { tags: ['hr'] }, {}, false],
		['an owner', { owners: ['ken'] }, {}, true],
		['another owner', { owners: ['ann'] }, {}, false],
		['a cause', { causes: ['kpo-*'] }, {}, true],
		['another cause', { causes: ['worker-*'] }, {}, false],
		[
			'a cause of the environment',
			{ causes: ['scheduler-*'] },
			{ dag: undefined, cause: 'scheduler-overloaded' },
			true,
		],
		['at least a warning', { severity: 'warning' }, {}, true],
		['at least critical', { severity: 'critical' }, {}, false],
		['critical is more than a warning', { severity: 'warning' }, { severity: 'critical' }, true],
		['info is less', { severity: 'warning' }, { severity: 'info' }, false],
		['all of it must fit', { dags: ['sales_*'], tags: ['hr'] }, {}, false],
	])('a route that names %s', (_, route, more, takes) => {
		expect(channels({ routes: [{ ...route, channels: ['C0X'] }] }, about(more))).toEqual(takes ? ['C0X'] : []);
	});

	test('every route that fits, until one says stop; a channel once, with the manners of the first', () => {
		const routes = [
			{ channels: ['C0ONE'], tries: 'all', people: ['U0AIKO'] },
			{ channels: ['C0ONE', 'C0TWO'], groups: ['S0ONCALL'], thread: false, stop: true },
			{ channels: ['C0THREE'] },
		];
		expect(told({ routes })).toMatchObject([
			{ channel: 'C0ONE', tries: 'all', thread: true, notify: ['U0AIKO', 'S0ONCALL'] },
			{ channel: 'C0TWO', tries: 'last', thread: false, notify: ['S0ONCALL'] },
		]);
	});

	test('people without a channel by direct message', () => {
		expect(told({ routes: [{ people: ['U0AIKO'], language: 'ja' }] })).toMatchObject([
			{ channel: 'U0AIKO', lang: 'ja', notify: [] },
		]);
	});

	test.each<[string, Partial<Watch> & { subject: Subject }, Partial<About>, boolean]>([
		['its DAG', { subject: { kind: 'dag', pattern: 'sales_eu' } }, {}, true],
		['another DAG', { subject: { kind: 'dag', pattern: 'sales' } }, {}, false],
		['another environment', { subject: { kind: 'dag', pattern: '*' }, env: 'lab' }, {}, false],
		['a tag', { subject: { kind: 'tag', pattern: 'finance' } }, {}, true],
		['an owner', { subject: { kind: 'owner', pattern: 'k*' } }, {}, true],
		['a cause', { subject: { kind: 'cause', pattern: 'kpo-oomkilled' } }, {}, true],
		['everything: the environment too', { subject: { kind: 'dag', pattern: '*' } }, { dag: undefined }, true],
		['DAGs: not the environment', { subject: { kind: 'dag', pattern: 'sales_*' } }, { dag: undefined }, false],
		['what its maker may see', { subject: { kind: 'dag', pattern: '*' }, within: ['sales_*'] }, {}, true],
		['what its maker may not see', { subject: { kind: 'dag', pattern: '*' }, within: ['hr_*'] }, {}, false],
		[
			'the environment, not for its maker',
			{ subject: { kind: 'dag', pattern: '*' }, within: ['*_eu'] },
			{ dag: undefined },
			false,
		],
		['a cause, beyond its maker', { subject: { kind: 'cause', pattern: '*' }, within: ['hr'] }, {}, false],
	])('a watch of %s', (_, { subject, ...more }, fits, hears) => {
		expect(channels({}, about(fits), heard([watch('C0W', subject, more)]))).toEqual(hears ? ['C0W'] : []);
	});

	test('watches add to routes, and take it from the default channel', () => {
		const mine = heard([
			watch('C0W', { kind: 'tag', pattern: 'finance' }),
			watch('C0R', { kind: 'dag', pattern: '*' }),
		]);
		const routes = [{ channels: ['C0R'], stop: true, tries: 'all' }];
		expect(told({ channel: 'C0D', routes }, about(), mine)).toMatchObject([
			{ channel: 'C0R', tries: 'all' },
			{ channel: 'C0W', tries: 'last' },
		]);
	});

	test('what was set in Slack goes before the route, the route before alerts, language last of all', () => {
		const options = {
			tries: 'all',
			recovery: false,
			language: 'ja',
			quiet: { from: '11:00', to: '13:00', timeZone: 'Asia/Tokyo' },
			routes: [{ channels: ['C0R'], thread: false, recovery: true }],
		};
		expect(told(options)).toEqual([
			{
				channel: 'C0R',
				lang: 'ja',
				tries: 'all',
				thread: false,
				recovery: true,
				notify: [],
				quietUntil: Date.parse('2026-11-20T04:00:00Z'),
			},
		]);
		const own = heard([], { C0R: { language: 'en', tries: 'last', thread: true, recovery: false, quiet: 'off' } });
		expect(told(options, about(), own)).toEqual([
			{ channel: 'C0R', lang: 'en', tries: 'last', thread: true, recovery: false, notify: [], quietUntil: undefined },
		]);
	});

	test('no conversation twice, none without a reason, whatever routes and watches there are', () => {
		const channel = fc.constantFrom('C0A', 'C0B', 'C0C');
		const subject = fc.record({
			kind: fc.constantFrom('dag' as const, 'tag' as const, 'owner' as const, 'cause' as const),
			pattern: fc.constantFrom('*', 'sales_*', 'finance', 'ken', 'kpo-oomkilled', 'x'),
		});
		const route = fc.record({
			channels: fc.uniqueArray(channel, { minLength: 1 }),
			dags: fc.constantFrom(undefined, ['sales_*'], ['x']),
			stop: fc.boolean(),
		});
		fc.assert(
			fc.property(fc.array(route), fc.array(fc.tuple(channel, subject)), fc.boolean(), (routes, watched, critical) => {
				const options: AlertsOptions = alertsSchema.parse({ channel: 'C0D', routes });
				const watches = watched.map(([where, what]) => watch(where, what));
				const one = about(critical ? { dag: undefined, severity: 'critical' } : {});
				const found = destinations(one, options, heard(watches), { lang: 'en', now: NOW }).map((to) => to.channel);
				expect(new Set(found).size).toBe(found.length);
				expect(found.length).toBeGreaterThan(0);
				if (found.includes('C0D')) expect(found).toEqual(['C0D']);
				const all = [...routes.flatMap((to) => to.channels), ...watches.map((to) => to.channel), 'C0D'];
				for (const name of found) expect(all).toContain(name);
			}),
		);
	});
});

describe('settings', () => {
	test.each([
		[{ routes: [{ dags: ['x'] }] }, 'needs `channels` or `people`'],
		[{ routes: [{ people: ['U0AIKO'], groups: ['S0X'] }] }, 'user groups need `channels`'],
		[{ channel: '#general' }, 'must be a Slack channel id'],
		[{ timeZone: 'Tokyo' }, 'must be a time zone'],
		[{ quiet: { from: '22:00', to: '22:00' } }, 'begins and ends at the same time'],
		[{ quiet: { from: '25:00', to: '07:00' } }, 'must be a time'],
		[{ mute: { ticketDays: 31 } }, '<=30'],
		[{ mute: { mostDays: 365 } }, '<=30'],
		[{ digest: { every: 'month' } }, '"day"|"week"'],
	])('%j: %s', (options, says) => {
		const read = alertsSchema.safeParse(options);
		expect(read.success ? [] : read.error.issues.map(({ message }) => message).join('\n')).toContain(says);
	});

	test('none at all are enough', () => {
		expect(alertsSchema.parse(undefined)).toMatchObject({
			tries: 'last',
			thread: true,
			recovery: true,
			timeZone: 'UTC',
			routes: [],
			mute: { ticketDays: 7, mostDays: 30 },
		});
	});
});
