import { afterEach, describe, expect, jest, test } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import { budget } from '../../src/clients/base/budget.ts';
import { fixedToken } from '../../src/clients/base/google.ts';
import { logging, type Logging } from '../../src/clients/logging.ts';
import * as filters from '../../src/clients/logging/filters.ts';
import type { Trouble } from '../../src/domain/errors.ts';
import type { LogLine } from '../../src/domain/evidence.ts';
import { ownBinding, removeBinding, setApi, setServiceAccountDisabled } from '../../src/sandbox/world/acts.ts';
import { writeLine } from '../../src/sandbox/world/environments.ts';
import { alsoClose, closeAll, environmentOf, FRAME, PLACE, refusal, stand, type Stand } from './stand.ts';

// The first call loads Google's libraries.
jest.setTimeout(30_000);
afterEach(closeAll);

describe('entries of Cloud Logging', () => {
	const write = (it: Stand, text: string, more: Parameters<typeof writeLine>[4] = {}) =>
		writeLine(it.world, it.environment, 'composer-agent', text, { severity: 'ERROR', ...more });

	test('the newest of them, oldest first, with their labels; secrets masked, colours gone, invisible characters shown', async () => {
		const it = await stand();
		for (let i = 0; i < 5; i++) write(it, `line ${i}`, { at: it.clock.now - 60_000 + i });
		write(it, '\u001b[31mpassword=hunter22-hunter22\u001b[0m \u202e<!channel>', { labels: { worker_id: 'w' } });
		const found = await it.logs.lines(filters.agentLines(PLACE, FRAME), 3);
		expect(found.map(({ text }) => text)).toEqual(['line 3', 'line 4', 'password=*** \\u202e<!channel>']);
		expect(found[2]).toMatchObject({ at: '2026-11-24T12:00:00.000Z', severity: 'ERROR', labels: { worker_id: 'w' } });
	});

	test('goes on to the next page, over an empty one too, and no further than four', async () => {
		const it = await stand();
		for (let i = 0; i < 9; i++) write(it, `line ${i}`);
		it.google.limitPages(4);
		it.google.faults({ op: 'logging.entries.list', kind: 'empty-page', times: 1 });
		expect(await it.logs.lines(filters.agentLines(PLACE, FRAME))).toHaveLength(9);
		it.google.forgetCalls();
		it.google.limitPages(1);
		expect(await it.logs.lines(filters.agentLines(PLACE, FRAME))).toHaveLength(4);
		expect(it.google.calls()).toHaveLength(4);
	});

	test('a budget that is used up is a refusal of its own, before anything is sent', async () => {
		const it = await stand();
		const poor = logging(
			{ ...PLACE, loggingEndpoint: it.google.loggingEndpoint },
			fixedToken('bot'),
			budget(2, () => it.clock.now),
		);
		alsoClose(poor);
		for (let i = 0; i < 2; i++) await poor.lines(filters.agentLines(PLACE, FRAME));
		expect(await refusal(poor.lines(filters.agentLines(PLACE, FRAME)))).toMatchObject({ label: 'google quota' });
		expect(it.google.calls()).toHaveLength(2);
		it.clock.now += 61_000;
		await poor.lines(filters.agentLines(PLACE, FRAME));
	});

	test("Google's quota, spent by others, lets us rest too", async () => {
		const it = await stand();
		it.google.faults({ op: 'logging.entries.list', kind: 'rate-limited', times: 1 });
		await refusal(it.logs.lines('severity>=ERROR'));
		expect((await refusal(it.logs.lines('severity>=ERROR'))).label).toBe('google quota');
		expect(it.google.calls()).toHaveLength(1);
	});

	test('policies that were set: two entries name the members that Terraform removed', async () => {
		const it = await stand();
		const { serviceAccount } = environmentOf(it, 'staging');
		const on = { kind: 'serviceAccount', email: serviceAccount } as const;
		const role = 'roles/iam.workloadIdentityUser';
		ownBinding(it.world, 'owner@acme.example', on, role, ['serviceAccount:acme-data-prod.svc.id.goog[kpo/runner]']);
		removeBinding(
			it.world,
			'owner@acme.example',
			{ kind: 'project' },
			'roles/composer.worker',
			`serviceAccount:${serviceAccount}`,
		);
		const found = await it.logs.policies(filters.policyEntries(serviceAccount, FRAME.from));
		expect(found.map(({ on, actor }) => [on, actor])).toEqual([
			['project', 'owner@acme.example'],
			['serviceAccount', 'owner@acme.example'],
		]);
		expect(found[1]?.after).toContainEqual({
			role,
			members: ['serviceAccount:acme-data-prod.svc.id.goog[kpo/runner]'],
		});
		expect(found[0]?.delta?.removed).toEqual([
			{ role: 'roles/composer.worker', member: `serviceAccount:${serviceAccount}` },
		]);
	});

	test('audit entries: who switched an API off, who disabled the account', async () => {
		const it = await stand();
		setApi(it.world, 'owner@acme.example', 'bigquery.googleapis.com', true);
		setApi(it.world, 'owner@acme.example', 'bigquery.googleapis.com', false);
		setServiceAccountDisabled(it.world, 'owner@acme.example', it.environment.serviceAccount, true);
		const found = await it.logs.audit(filters.auditEntries(PLACE, it.environment.serviceAccount, FRAME.from, FRAME));
		expect(found.map(({ method, actor, code }) => [method.split('.').at(-1), actor, code])).toEqual([
			['DisableServiceAccount', 'owner@acme.example', 0],
			['DisableService', 'owner@acme.example', 0],
		]);
		expect(found[1]?.target).toContain('bigquery.googleapis.com');
	});

	test('Kubernetes events of a pod', async () => {
		const it = await stand();
		const staging = environmentOf(it, 'staging');
		const cluster = staging.cluster ?? '';
		it.world.log.write({
			log: 'events',
			resource: {
				type: 'k8s_pod',
				labels: {
					project_id: PLACE.project,
					location: 'europe-west1',
					cluster_name: cluster,
					namespace_name: 'composer-user-workloads',
					pod_name: 'load-1',
				},
			},
			severity: 'WARNING',
			json: {
				reason: 'FailedScheduling',
				message: '0/3 nodes are available: 3 Insufficient memory.',
				involvedObject: { kind: 'Pod', name: 'load-1', namespace: 'composer-user-workloads' },
			},
		});
		const filter = filters.kubernetesEvents({ ...PLACE, name: 'staging', cluster }, { pod: 'load-1' }, FRAME);
		expect(await it.logs.events(filter)).toEqual([
			{
				at: '2026-11-24T12:00:00.000Z',
				reason: 'FailedScheduling',
				message: '0/3 nodes are available: 3 Insufficient memory.',
				object: 'Pod/composer-user-workloads/load-1',
			},
		]);
	});
});

describe('a live session', () => {
	async function until(done: () => boolean): Promise<void> {
		for (let i = 0; i < 200 && !done(); i++) await sleep(10);
		expect(done()).toBe(true);
	}
	const follow = (logs: Logging, filter: string) => {
		const got: LogLine[] = [];
		const ends: (Trouble | undefined)[] = [];
		const stop = logs.tail(
			filter,
			(lines) => void got.push(...lines),
			(why) => void ends.push(why),
		);
		return { got, ends, stop };
	};

	test('is one for all who follow the same, and ends with the last of them', async () => {
		const it = await stand();
		const filter = filters.failureLines(PLACE);
		const one = follow(it.logs, filter);
		const two = follow(it.logs, filter);
		await until(() => it.google.tails() === 1);
		writeLine(it.world, it.environment, 'airflow-scheduler', 'Detected zombie job', { severity: 'ERROR' });
		await until(() => one.got.length === 1 && two.got.length === 1);
		one.stop();
		await sleep(30);
		expect(it.google.tails()).toBe(1);
		two.stop();
		two.stop();
		await until(() => it.google.tails() === 0);
		expect([one.ends, two.ends]).toEqual([[], []]);
	});

	test('says when Google ended it, and can be begun again', async () => {
		const it = await stand();
		const one = follow(it.logs, filters.failureLines(PLACE));
		await until(() => it.google.tails() === 1);
		it.google.endTails();
		await until(() => one.ends.length === 1);
		follow(it.logs, filters.failureLines(PLACE));
		await until(() => it.google.tails() === 1);
	});

	test('refused: told once, with the role', async () => {
		const it = await stand('nobody');
		const one = follow(it.logs, filters.failureLines(PLACE));
		await until(() => one.ends.length === 1);
		expect(one.ends[0]).toMatchObject({ label: 'google forbidden' });
		expect(one.ends[0]?.hint).toContain('roles/logging.viewer');
	});
});
