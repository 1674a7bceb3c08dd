import { afterEach, describe, expect, jest, test } from '@jest/globals';
import { counted } from '../../src/clients/base/calls.ts';
import * as filters from '../../src/clients/logging/filters.ts';
import type { Trouble } from '../../src/domain/errors.ts';
import type { FaultKind } from '../../src/sandbox/google/index.ts';
import { setApi } from '../../src/sandbox/world/acts.ts';
import { closeAll, forget, FRAME, PLACE, refusal, stand, type Stand } from './stand.ts';

// The first call loads Google's libraries.
jest.setTimeout(30_000);
afterEach(closeAll);

/** One call of each client, whose refusals must all be told in the same way. */
const CALLS: Readonly<Record<string, (it: Stand) => Promise<unknown>>> = {
	'Cloud Logging': ({ logs }) => logs.lines(filters.agentLines(PLACE, FRAME)),
	'Cloud Monitoring': ({ metrics, clock }) => metrics.series('workers', { from: clock.now - 600_000, to: clock.now }),
	'project policy': ({ who }) => who.projectPolicy(),
	'account policy': ({ who, environment }) => who.accountPolicy(environment.serviceAccount),
	'the account': ({ who, environment }) => who.account(environment.serviceAccount),
	'bucket policy': ({ who, environment }) => who.bucketPolicy(environment.bucket),
	'enabled APIs': ({ who }) => who.enabledApis(),
};
const API: Readonly<Record<string, [permission: RegExp, role: RegExp]>> = {
	'Cloud Logging': [/logging\.logEntries\.list/, /roles\/logging\.viewer/],
	'Cloud Monitoring': [/monitoring\.timeSeries\.list/, /roles\/monitoring\.viewer/],
	'project policy': [/resourcemanager\.projects\.getIamPolicy/, /roles\/browser/],
	'account policy': [/iam\.serviceAccounts\.getIamPolicy/, /roles\/iam\.serviceAccountViewer/],
	'the account': [/iam\.serviceAccounts\.get/, /roles\/iam\.serviceAccountViewer/],
	'bucket policy': [/storage\.buckets\.getIamPolicy/, /roles\/iam\.securityReviewer/],
	'enabled APIs': [/serviceusage\.services\.list/, /roles\/serviceusage\.serviceUsageViewer/],
};

describe.each(Object.keys(CALLS))('%s', (name) => {
	const call = (it: Stand) => CALLS[name]?.(it) ?? Promise.reject(new Error(name));

	test('goes well for one who may, and is one call', async () => {
		const it = await stand();
		const { calls } = await counted(() => call(it));
		expect(calls).toBe(1);
		expect(it.google.calls()).toHaveLength(1);
	});

	test('without the right, permission and role are named, and nothing is asked twice', async () => {
		const it = await stand('nobody');
		const trouble = await refusal(call(it));
		expect(trouble).toMatchObject({ kind: 'denied', label: 'google forbidden', status: 403 });
		for (const part of API[name] ?? []) expect(trouble.hint).toMatch(part);
		expect(it.google.calls()).toHaveLength(1);
	});

	const said: [FaultKind, Partial<Trouble>][] = [
		['rate-limited', { kind: 'upstream', label: 'google quota', status: 429 }],
		['unavailable', { kind: 'upstream', label: 'google failed', status: 503 }],
		['internal', { kind: 'upstream', label: 'google failed', status: 500 }],
	];
	test.each(said)('%s is said as what it is, after one call', async (kind, expected) => {
		const it = await stand();
		it.google.faults({ op: '*', kind });
		expect(await refusal(call(it))).toMatchObject(expected);
		expect(it.google.calls()).toHaveLength(1);
	});

	test('no answer is waited for only so long, and not asked for again', async () => {
		const it = await stand('bot', {}, 400);
		it.google.faults({ op: '*', kind: 'timeout' });
		expect(await refusal(call(it))).toMatchObject({ kind: 'upstream', label: 'google timeout' });
		expect(it.google.calls()).toHaveLength(1);
	});

	test('a token that has just ended is fetched anew, once', async () => {
		let fresh = 0;
		const it = await stand({
			token: async (options) => {
				if (options?.fresh) fresh += 1;
				return 'bot';
			},
			who: async () => undefined,
		});
		it.google.faults({ op: '*', kind: 'unauthenticated', times: 1 });
		await call(it);
		expect([fresh, it.google.calls().length]).toEqual([1, 2]);
		it.google.faults({ op: '*', kind: 'unauthenticated' });
		expect((await refusal(call(it))).label).toBe('google forbidden');
	});

	test('nobody there is no permission that lacks', async () => {
		const it = await stand();
		await it.google.close();
		forget(it.google);
		expect(await refusal(call(it))).toMatchObject({ kind: 'upstream', label: 'google unreachable' });
	});
});

test.each([
	['Cloud Logging', 'logging.googleapis.com'],
	['Cloud Monitoring', 'monitoring.googleapis.com'],
	['enabled APIs', 'serviceusage.googleapis.com'],
])('%s switched off in the project: the command that switches it on', async (name, api) => {
	const it = await stand();
	setApi(it.world, 'owner@acme.example', api, false);
	const trouble = await refusal(CALLS[name]?.(it) ?? Promise.resolve());
	expect(trouble).toMatchObject({ kind: 'denied', label: 'google api disabled' });
	expect(trouble.hint).toContain(`gcloud services enable ${api} --project=acme-data-prod`);
});

test.each(['Cloud Logging', 'Cloud Monitoring', 'project policy'])('%s behind a perimeter', async (name) => {
	const it = await stand();
	it.world.project.perimeter = {
		services: new Set(['logging.googleapis.com', 'monitoring.googleapis.com', 'cloudresourcemanager.googleapis.com']),
		members: new Set(),
	};
	const trouble = await refusal(CALLS[name]?.(it) ?? Promise.resolve());
	expect(trouble).toMatchObject({ kind: 'denied', label: 'google perimeter' });
	expect(trouble.hint).toMatch(/ingress/);
});
