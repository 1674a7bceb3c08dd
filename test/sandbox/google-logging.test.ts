import { credentials } from '@grpc/grpc-js';
import { v2 } from '@google-cloud/logging';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { GoogleAuth } from 'google-auth-library';
import { setTimeout as sleep } from 'node:timers/promises';
import { writeLine } from '../../src/sandbox/world/environments.ts';
import { addBinding } from '../../src/sandbox/world/acts.ts';
import { readAuditLog } from '../../src/clients/logging/audit-log.ts';
import { house, tokenOf, type House } from './google-house.ts';

const RESOURCES = ['projects/acme-data-prod'];
let it: House;
let client: InstanceType<typeof v2.LoggingServiceV2Client>;
beforeAll(async () => {
	it = await house({ logReadsPerMinute: 60 });
	const [host = '', port = ''] = it.google.loggingEndpoint.split(':');
	client = new v2.LoggingServiceV2Client({
		servicePath: host,
		port: Number(port),
		sslCreds: credentials.createInsecure(),
		auth: new GoogleAuth({ authClient: tokenOf('bot') }),
	});
	await client.initialize();
	const prod = it.world.environments.get('prod');
	if (!prod) throw new Error('no prod');
	for (let nth = 0; nth < 25; nth++) {
		// Several in one millisecond, so that pages cannot go by time alone.
		const at = it.clock.now - 60_000 + Math.floor(nth / 4);
		writeLine(it.world, prod, 'airflow-worker', `line ${nth}`, { at, labels: { 'task-id': 'load', workflow: 'etl' } });
		writeLine(it.world, prod, 'airflow-scheduler', `scheduling ${nth}`, { at, severity: 'WARNING' });
	}
});
afterAll(async () => {
	await client.close();
	await it.google.close();
});
afterEach(() => {
	it.google.clearFaults();
	it.google.limitPages(Infinity);
	// A minute later the quota is there again.
	it.clock.now += 60_000;
});

type Entry = {
	textPayload?: string;
	severity?: unknown;
	logName?: string;
	labels?: Record<string, string>;
	jsonPayload?: unknown;
	protoPayload?: { type_url?: string; value?: Uint8Array };
};
const options = (token = 'bot') => ({
	autoPaginate: false,
	timeout: 2000,
	maxRetries: 0,
	retry: { retryCodes: [] },
	otherArgs: { headers: { authorization: [`Bearer ${token}`] } },
});
async function read(request: object, token?: string): Promise<{ entries: Entry[]; next: string }> {
	const answer = (await client.listLogEntries({ resourceNames: RESOURCES, ...request }, options(token))) as unknown as [
		Entry[],
		unknown,
		{ nextPageToken?: string } | undefined,
	];
	return { entries: answer[0], next: answer[2]?.nextPageToken ?? '' };
}
const WORKER = 'log_id("airflow-worker") labels."task-id"="load"';

describe('entries', () => {
	test('newest first, page after page: each once, whatever their times', async () => {
		const seen: string[] = [];
		let pageToken = '';
		do {
			const { entries, next } = await read({ filter: WORKER, orderBy: 'timestamp desc', pageSize: 4, pageToken });
			seen.push(...entries.map(({ textPayload }) => textPayload ?? ''));
			pageToken = next;
		} while (pageToken !== '');
		expect(seen).toEqual(Array.from({ length: 25 }, (_, nth) => `line ${24 - nth}`));
	});

	test('oldest first unless told otherwise, fifty a page, and no window of a day', async () => {
		const { entries, next } = await read({ filter: 'resource.labels.environment_name="prod"' });
		expect(entries).toHaveLength(50);
		expect(next).toBe('');
		expect(entries[0]).toMatchObject({
			textPayload: 'line 0',
			logName: 'projects/acme-data-prod/logs/airflow-worker',
			labels: { 'task-id': 'load', workflow: 'etl' },
		});
		const old = it.clock.now - 3 * 24 * 60 * 60_000;
		const prod = it.world.environments.get('prod');
		if (prod) writeLine(it.world, prod, 'build-log', 'three days old', { at: old });
		expect((await read({ filter: 'log_id("build-log")' })).entries.map(({ textPayload }) => textPayload)).toEqual([
			'three days old',
		]);
	});

	test('an entry that is late cannot be read before it is there', async () => {
		const prod = it.world.environments.get('prod');
		if (!prod) throw new Error('no prod');
		writeLine(it.world, prod, 'composer-agent', 'late', { at: it.clock.now - 5000, visibleAt: it.clock.now + 30_000 });
		expect((await read({ filter: 'log_id("composer-agent")' })).entries).toEqual([]);
		it.clock.now += 30_000;
		expect((await read({ filter: 'log_id("composer-agent")' })).entries).toHaveLength(1);
	});

	test('an audit entry is the message that Google sends, with the whole policy', async () => {
		addBinding(it.world, 'owner@acme.example', { kind: 'project' }, 'roles/storage.objectViewer', 'user:a@b.example');
		const { entries } = await read({
			filter: 'protoPayload.methodName="SetIamPolicy"',
			orderBy: 'timestamp desc',
			pageSize: 1,
		});
		const payload = entries[0]?.protoPayload;
		expect(payload?.type_url).toBe('type.googleapis.com/google.cloud.audit.AuditLog');
		expect(readAuditLog(payload?.value ?? new Uint8Array())).toMatchObject({
			service: 'cloudresourcemanager.googleapis.com',
			method: 'SetIamPolicy',
			actor: 'owner@acme.example',
			code: 0,
			policy: expect.arrayContaining([{ role: 'roles/storage.objectViewer', members: ['user:a@b.example'] }]),
			delta: { added: [{ role: 'roles/storage.objectViewer', member: 'user:a@b.example' }], removed: [] },
		});
	});

	test('a data-access entry is seen only with the right to private logs', async () => {
		it.world.log.write({
			log: 'cloudaudit.googleapis.com/data_access',
			resource: { type: 'gcs_bucket', labels: {} },
			json: { what: 'read', deep: { list: [1, 'two', null, true] } },
		});
		const filter = 'log_id("cloudaudit.googleapis.com/data_access")';
		expect((await read({ filter }, 'reader')).entries).toEqual([]);
		const { entries } = await read({ filter });
		expect(entries[0]?.jsonPayload).toMatchObject({ fields: { what: { stringValue: 'read' } } });
	});
});

describe('refusals', () => {
	test.each<[string, object, string, number, RegExp]>([
		['a filter that is none', { filter: 'severity=' }, 'bot', 3, /Unparseable filter/],
		['an order', { orderBy: 'severity' }, 'bot', 3, /order_by/],
		['a token that was made up', { pageToken: 'x' }, 'bot', 3, /page_token/],
		['a negative page', { pageSize: -1 }, 'bot', 3, /page_size/],
		['no resource', { resourceNames: [] }, 'bot', 3, /resource_names/],
		['another project', { resourceNames: ['projects/other'] }, 'bot', 7, /projects\/other/],
		[
			'no right',
			{},
			'nobody',
			7,
			/^Permission 'logging\.logEntries\.list' denied on resource \(or it may not exist\)\.$/,
		],
		['no token', {}, 'wrong', 16, /authentication credentials/],
	])('%s', async (_, request, token, code, details) => {
		await expect(read(request, token)).rejects.toMatchObject({ code, details: expect.stringMatching(details) });
	});

	test('a token belongs to its question', async () => {
		const { next } = await read({ filter: WORKER, pageSize: 3 });
		await expect(read({ filter: 'severity=ERROR', pageSize: 3, pageToken: next })).rejects.toMatchObject({ code: 3 });
	});

	test('the reason stands in the details', async () => {
		await expect(read({}, 'nobody')).rejects.toMatchObject({
			reason: 'IAM_PERMISSION_DENIED',
			errorInfoMetadata: { permission: 'logging.logEntries.list' },
		});
	});

	test('sixty reads a minute, then RESOURCE_EXHAUSTED', async () => {
		for (let nth = 0; nth < 60; nth++) await read({ pageSize: 1 });
		await expect(read({ pageSize: 1 })).rejects.toMatchObject({ code: 8, reason: 'RATE_LIMIT_EXCEEDED' });
		it.clock.now += 60_000;
		await read({ pageSize: 1 });
	});

	test.each([
		['denied', 7],
		['rate-limited', 8],
		['unavailable', 14],
		['internal', 13],
	] as const)('fault %s is code %i', async (kind, code) => {
		it.google.faults({ op: 'logging.entries.list', kind, times: 1 });
		await expect(read({})).rejects.toMatchObject({ code });
	});

	test('a page without entries goes on with its token; no answer ends by its deadline', async () => {
		it.google.faults({ op: 'logging.entries.list', kind: 'empty-page', times: 1 });
		const first = await read({ filter: WORKER, pageSize: 5 });
		expect(first.entries).toEqual([]);
		const second = await read({ filter: WORKER, pageSize: 5, pageToken: first.next });
		expect(second.entries.map(({ textPayload }) => textPayload)).toEqual([
			'line 0',
			'line 1',
			'line 2',
			'line 3',
			'line 4',
		]);
		it.google.faults({ op: 'logging.entries.list', kind: 'timeout', times: 1 });
		await expect(
			client.listLogEntries({ resourceNames: RESOURCES }, { ...options(), timeout: 100 }),
		).rejects.toMatchObject({ code: 4 });
	});
});

describe('a tail', () => {
	function tail(filter: string, token = 'bot') {
		const stream = client.tailLogEntries(options(token));
		const lines: string[] = [];
		const ended = new Promise<{ code?: number } | undefined>((done) => {
			stream.on('data', (answer: { entries?: Entry[] }) => {
				lines.push(...(answer.entries ?? []).map(({ textPayload }) => textPayload ?? ''));
			});
			stream.on('error', (error: { code?: number }) => done(error));
			stream.on('end', () => done(undefined));
		});
		stream.write({ resourceNames: RESOURCES, filter });
		return { lines, ended, stop: () => stream.cancel() };
	}
	const until = async (what: () => boolean) => {
		for (let nth = 0; !what(); nth++) {
			if (nth > 300) throw new Error(`Never: ${what.toString()}`);
			await sleep(10);
		}
	};

	test('brings what matches as it is written, in the order of its times', async () => {
		const session = tail('log_id("airflow-worker") severity>=ERROR');
		await until(() => it.google.tails() === 1);
		const prod = it.world.environments.get('prod');
		if (!prod) throw new Error('no prod');
		writeLine(it.world, prod, 'airflow-worker', 'second', { severity: 'ERROR', at: it.clock.now - 100 });
		writeLine(it.world, prod, 'airflow-worker', 'first', { severity: 'ERROR', at: it.clock.now - 200 });
		writeLine(it.world, prod, 'airflow-worker', 'fine');
		await until(() => session.lines.length === 2);
		expect(session.lines).toEqual(['first', 'second']);
		session.stop();
		expect((await session.ended)?.code).toBe(1);
		await until(() => it.google.tails() === 0);
	});

	test.each([
		['a filter that is none', 'severity=', 'bot', 3],
		['no right', '', 'nobody', 7],
	])('%s', async (_, filter, token, code) => {
		expect((await tail(filter, token).ended)?.code).toBe(code);
		expect(it.google.tails()).toBe(0);
	});

	test('ten sessions a project', async () => {
		const open = Array.from({ length: 10 }, () => tail(''));
		await until(() => it.google.tails() === 10);
		expect((await tail('').ended)?.code).toBe(8);
		for (const session of open) session.stop();
		await until(() => it.google.tails() === 0);
	});

	test('one that Google ends', async () => {
		const session = tail('');
		await until(() => it.google.tails() === 1);
		it.google.endTails();
		await session.ended;
		expect(it.google.tails()).toBe(0);
	});
});
