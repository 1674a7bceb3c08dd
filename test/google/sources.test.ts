import { afterEach, describe, expect, jest, test } from '@jest/globals';
import { budget } from '../../src/clients/base/budget.ts';
import { fixedToken } from '../../src/clients/base/google.ts';
import { composerOptions } from '../../src/clients/composer.ts';
import { collect, type Sources } from '../../src/collect.ts';
import type { Failed, SourceName } from '../../src/domain/evidence.ts';
import { needs } from '../../src/domain/needs.ts';
import { ownBinding } from '../../src/sandbox/world/acts.ts';
import { resourceOf, writeLine } from '../../src/sandbox/world/environments.ts';
import { give } from '../../src/sandbox/world/policy.ts';
import { composerSources } from '../../src/sources/composer.ts';
import { googleClients } from '../../src/sources/google-clients.ts';
import { googleSources } from '../../src/sources/google.ts';
import { failed } from '../evidence/failed.ts';
import { house, type House } from '../sandbox/google-house.ts';
import { alsoClose, closeAll, environmentOf, PLACE } from './stand.ts';

// The first call loads Google's libraries.
jest.setTimeout(30_000);
afterEach(closeAll);

type Name = 'prod' | 'staging';

async function stand(name: Name = 'prod', token = 'bot', evidence?: { logging?: boolean }) {
	const it = await house();
	alsoClose(it.google);
	const { rootUrl, loggingEndpoint } = it.google;
	const options = composerOptions.parse({ ...PLACE, name, rootUrl, loggingEndpoint, ...(evidence && { evidence }) });
	const now = () => it.clock.now;
	const clients = googleClients(options, fixedToken(token), { now, logReads: budget(50, now) });
	if (clients.logging) alsoClose(clients.logging);
	const sources: Sources = { ...composerSources(clients.composer, clients.keep), ...googleSources(clients) };
	return { ...it, sources, environment: environmentOf(it, name), clients };
}

/** A try that failed five minutes ago. */
const about = ({ clock }: Pick<House, 'clock'>, more: Partial<Failed> = {}): Failed =>
	failed({
		startedAt: new Date(clock.now - 10 * 60_000).toISOString(),
		endedAt: new Date(clock.now - 5 * 60_000).toISOString(),
		hostname: 'airflow-worker-x7k2p',
		now: clock.now,
		...more,
	});

const GOOGLE = needs().flatMap(([, { sources }]): readonly SourceName[] => sources);
const read = async (
	names: readonly SourceName[],
	{ sources, clock }: { sources: Sources } & Pick<House, 'clock'>,
	more: Partial<Failed> = {},
) => collect(new Set(names), sources, about({ clock }, more));

describe('every source that domain/needs.ts names', () => {
	test.each<[Name, SourceName[]]>([
		['prod', ['autoscalerLog', 'kubernetesEvents']],
		['staging', []],
	])('is there on %s, or absent for a reason', async (name, absent) => {
		const it = await stand(name);
		const { seen, gaps } = await read(GOOGLE, it);
		expect(gaps.map(({ source, because }) => `${source} ${because}`).sort()).toEqual(
			absent.map((source) => `${source} absent`),
		);
		expect(Object.keys(seen).sort()).toEqual(GOOGLE.filter((one) => !absent.includes(one)).sort());
	});

	test('is one call, disk two; where the environment is, is asked once for all', async () => {
		const it = await stand('staging');
		const first = await read(['environment'], it);
		// The project's number comes with it, once for good.
		expect(first.calls).toBe(2);
		for (const name of GOOGLE.filter((one) => one !== 'environment')) {
			const before = it.google.calls().length;
			const { calls } = await read([name], it, { account: 'other@acme-data-prod.iam.gserviceaccount.com' });
			expect([name, calls]).toEqual([name, name === 'workerDisk' ? 2 : 1]);
			expect(it.google.calls().length - before).toBe(calls);
			it.clock.now += 5000;
		}
	});

	test('asked again within moments costs nothing, about other minutes it does', async () => {
		const it = await stand('staging');
		const all = GOOGLE.filter((one) => one !== 'environment' && one !== 'accountPolicy');
		await read(all, it);
		expect((await read(all, it, { task: 'load', run: 'manual__1' })).calls).toBe(0);
		it.clock.now += 31_000;
		expect((await read(['schedulerLog'], it)).calls).toBe(1);
	});

	test('a storm of failures of one run: what names no task is read once for all of them', async () => {
		const it = await stand();
		const before = it.google.calls().length;
		await Promise.all(
			Array.from({ length: 40 }, (_, i) =>
				read(['schedulerLog', 'workerMemory', 'operations', 'policyChanges'], it, {
					task: `t${i}`,
					endedAt: new Date(it.clock.now - 100_000 - i * 1000).toISOString(),
				}),
			),
		);
		expect(it.google.calls().length - before).toBeLessThanOrEqual(6);
	});

	test('denied: the gap names permission and role, for each', async () => {
		const it = await stand('staging', 'nobody');
		give(it.world, { kind: 'project' }, 'roles/composer.user', 'user:nobody@acme.example');
		const { gaps } = await read(GOOGLE, it);
		const wanted = needs().filter(([, { role }]) => role !== 'roles/composer.user');
		// roles/composer.user lists services too.
		const missing = wanted.flatMap(([, { sources, permission, role }]) =>
			permission === 'serviceusage.services.list'
				? []
				: sources.filter((source) => source !== 'accountPolicy').map((source) => `${source} ${permission} ${role}`),
		);
		expect(gaps.map(({ source, permission, role }) => `${source} ${permission} ${role}`).sort()).toEqual(
			missing.sort(),
		);
		for (const { because, say } of gaps) {
			expect(because).toBe('denied');
			expect(say.ja).toMatch(/権限がありません。.*必要です/);
		}
	});

	test('quota, time-out and a service that is down are told apart', async () => {
		const it = await stand();
		it.google.faults({ op: 'logging.entries.list', kind: 'rate-limited' });
		it.google.faults({ op: 'monitoring.timeSeries.list', kind: 'unavailable' });
		it.google.faults({ op: 'composer.workloads.list', kind: 'timeout' });
		const { gaps } = await collect(
			new Set(['agentLog', 'workers', 'workloads']),
			{
				...it.sources,
				workloads: {
					...it.sources.workloads,
					withinMs: 200,
					read: (one) => it.sources.workloads?.read(one) ?? Promise.resolve([]),
				},
			},
			about(it),
		);
		expect(Object.fromEntries(gaps.map(({ source, because }) => [source, because]))).toEqual({
			agentLog: 'quota',
			workers: 'unavailable',
			workloads: 'timeout',
		});
		expect(gaps.every(({ permission }) => permission === undefined || permission === 'composer.environments.get')).toBe(
			true,
		);
	});

	test('switched off in the settings is no fault, and nothing is asked', async () => {
		const it = await stand('prod', 'bot', { logging: false });
		const { gaps, calls } = await read(['schedulerLog', 'audit'], it);
		expect([gaps.map(({ because }) => because), calls]).toEqual([['absent', 'absent'], 0]);
		expect(gaps[0]?.say).toEqual({ en: 'switched off in the settings', ja: '設定で無効になっています' });
	});
});

describe('what the sources make of it', () => {
	const task = { workflow: 'daily', 'task-id': 'load', 'try-number': '1', worker_id: 'airflow-worker-x7k2p' };

	test('entries of the try: by run, or by logical date as older images have it; no other try, case or mapped task', async () => {
		const it = await stand('staging');
		const at = it.clock.now - 6 * 60_000;
		const line = (text: string, labels: Record<string, string>) =>
			writeLine(it.world, it.environment, 'airflow-worker', text, { at, labels: { ...task, ...labels } });
		line('by run', { 'run-id': 'manual__1' });
		line('by date', { 'execution-date': '2026-11-24T00:00:00+00:00' });
		line('other run', { 'run-id': 'manual__2' });
		line('other try', { 'run-id': 'manual__1', 'try-number': '2' });
		line('other case', { 'run-id': 'manual__1', workflow: 'Daily' });
		line('mapped', { 'run-id': 'manual__1', 'map-index': '0' });
		line('unmapped', { 'run-id': 'manual__1', 'map-index': '-1' });
		const { seen } = await read(['taskEntries'], it, { logicalDate: '2026-11-24T00:00:00Z' });
		expect(seen.taskEntries?.map(({ text }) => text)).toEqual(['by run', 'by date', 'unmapped']);
		const mapped = await read(['taskEntries'], it, { mapIndex: 0 });
		expect(mapped.seen.taskEntries?.map(({ text }) => text)).toEqual(['mapped']);
	});

	test('the scheduler: lines about the run, warnings about none, and nothing about others', async () => {
		const it = await stand();
		const say = (text: string, severity: 'INFO' | 'WARNING' | 'ERROR') =>
			writeLine(it.world, it.environment, 'airflow-scheduler', text, { at: it.clock.now - 300_000, severity });
		say('Sending TaskInstanceKey <TaskInstance: daily.load manual__1 [queued]>', 'INFO');
		say('Database is locked', 'WARNING');
		say('Sending <TaskInstance: other.load manual__1 [queued]>', 'INFO');
		say('Executor reports <TaskInstance: other.load manual__1 [queued]> failed', 'ERROR');
		say('Loaded 12 DAGs', 'INFO');
		const { seen } = await read(['schedulerLog'], it);
		expect(seen.schedulerLog?.map(({ text }) => text)).toEqual([
			'Sending TaskInstanceKey <TaskInstance: daily.load manual__1 [queued]>',
			'Database is locked',
		]);
	});

	test('the worker: its own lines and the warnings of tasks on it; no worker, no call', async () => {
		const it = await stand();
		const say = (text: string, severity: 'INFO' | 'WARNING', labels: Record<string, string>) =>
			writeLine(it.world, it.environment, 'airflow-worker', text, { at: it.clock.now - 300_000, severity, labels });
		say('worker: Warm shutdown (MainProcess)', 'INFO', { worker_id: 'airflow-worker-x7k2p' });
		say('chatter', 'INFO', task);
		say('a warning of a task', 'WARNING', task);
		say('of another worker', 'WARNING', { worker_id: 'airflow-worker-other' });
		const { seen } = await read(['workerLog'], it);
		expect(seen.workerLog?.map(({ text }) => text)).toEqual([
			'worker: Warm shutdown (MainProcess)',
			'a warning of a task',
		]);
		const never = await read(['workerLog'], it, { hostname: undefined });
		expect([never.seen.workerLog, never.calls]).toEqual([[], 0]);
	});

	test('disk is a share of its quota', async () => {
		const it = await stand();
		const resource = {
			type: 'cloud_composer_workload',
			labels: {
				...resourceOf(it.world, it.environment).labels,
				type: 'CELERY_WORKER',
				workload_name: 'airflow-worker-a',
			},
		};
		const at = it.clock.now - 300_000;
		it.world.metrics.put({ metric: 'composer.googleapis.com/workload/disk/bytes_used', resource }, 9e8, at);
		it.world.metrics.put({ metric: 'composer.googleapis.com/workload/disk/quota', resource }, 1e9, at);
		const { seen } = await read(['workerDisk'], it);
		expect(seen.workerDisk?.map(({ of, points }) => [of, points.map(({ value }) => value)])).toEqual([
			['airflow-worker-a', [0.9]],
		]);
	});

	test('a binding that Terraform took away: who, when, and by whom', async () => {
		const it = await stand('staging');
		const { serviceAccount } = it.environment;
		const on = { kind: 'serviceAccount', email: serviceAccount } as const;
		const member = (ns: string) => `serviceAccount:acme-data-prod.svc.id.goog[${ns}]`;
		const role = 'roles/iam.workloadIdentityUser';
		// Long ago, so that it serves for comparison alone.
		it.clock.now -= 20 * 24 * 3600_000;
		ownBinding(it.world, 'owner@acme.example', on, role, [member('composer-system/default'), member('kpo/runner')]);
		it.clock.now += 20 * 24 * 3600_000;
		ownBinding(it.world, 'owner@acme.example', on, role, [member('kpo/runner')]);
		const { seen } = await read(['policyChanges', 'serviceAccountPolicy'], it);
		expect(seen.policyChanges).toEqual([
			{
				at: new Date(it.clock.now).toISOString(),
				on: 'serviceAccount',
				actor: 'owner@acme.example',
				added: [],
				removed: [{ role, member: member('composer-system/default') }],
			},
		]);
		expect(seen.serviceAccountPolicy?.find((one) => one.role === role)?.members).toEqual([member('kpo/runner')]);
	});
});
