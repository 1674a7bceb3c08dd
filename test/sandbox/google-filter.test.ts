import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { parseFilter, type Filter } from '../../src/sandbox/google/filter.ts';
import { logFilter } from '../../src/sandbox/google/match.ts';
import { GoogleRefusal } from '../../src/sandbox/world/refusal.ts';
import { openLog } from '../../src/sandbox/world/log.ts';
import type { JsonObject, NewEntry } from '../../src/sandbox/world/types.ts';

const AT = Date.parse('2026-11-24T12:00:00Z');
type Payload = { text: string } | { json: JsonObject } | { audit: JsonObject };
const log = openLog('acme', () => AT);
const resource = {
	type: 'cloud_composer_environment',
	labels: { project_id: 'acme', location: 'europe-west1', environment_name: 'prod' },
};
const entry = (of: Partial<NewEntry> & Payload) => log.write({ log: 'airflow-worker', resource, at: AT, ...of });

const task = entry({
	text: "Traceback …\nOSError: [Errno 107] Transport endpoint is not connected: '/home/airflow/gcs/logs'",
	severity: 'ERROR',
	labels: {
		workflow: 'daily_sales',
		'task-id': 'load',
		'try-number': '2',
		worker_id: 'airflow-worker-x7k2p',
		'run-id': 'scheduled__2026-11-24T00:00:00+00:00',
	},
});
const event = entry({
	log: 'events',
	resource: {
		type: 'k8s_pod',
		labels: { cluster_name: 'c-gke', namespace_name: 'composer-user-workloads', pod_name: 'load-abc' },
	},
	severity: 'WARNING',
	json: {
		reason: 'OOMKilling',
		message: 'Memory cgroup out of memory: Killed process 3423 (airflow task su)',
		involvedObject: { kind: 'Pod', name: 'airflow-worker-x7k2p' },
		count: 3,
	},
});
const audit = entry({
	log: 'cloudaudit.googleapis.com/activity',
	severity: 'NOTICE',
	audit: {
		serviceName: 'composer.googleapis.com',
		methodName: 'google.cloud.orchestration.airflow.service.v1.Environments.UpdateEnvironment',
		authorizationInfo: [{ permission: 'composer.environments.update', granted: true }],
	},
});

describe('filters', () => {
	test.each<[string, string[]]>([
		['', ['task', 'event', 'audit']],
		// As Composer's own log handlers build them.
		[
			'logName="projects/acme/logs/airflow-worker"\nresource.type="cloud_composer_environment"\nresource.labels.environment_name="prod"\nlabels.task-id="load"\nlabels.workflow="daily_sales"\nlabels.try-number="2"\ntimestamp>="2026-11-24T11:55:00+00:00"',
			['task'],
		],
		[
			'logName=("projects/acme/logs/airflow-worker" OR "projects/acme/logs/airflow-k8s-worker") severity>=ERROR',
			['task'],
		],
		['log_id("cloudaudit.googleapis.com/activity") protoPayload.serviceName="composer.googleapis.com"', ['audit']],
		['(log_id("cloudaudit.googleapis.com/activity") OR log_id("cloudaudit.googleapis.com/data_access"))', ['audit']],
		['protoPayload.authorizationInfo.granted=true', ['audit']],
		['protoPayload.service_name:"COMPOSER"', ['audit']],
		// gcpdiag's.
		[
			'resource.labels.cluster_name="c-gke" ((SEARCH("out of memory") AND ("airflow task su" OR "airflow task ru")) OR jsonPayload.reason:("OOMKilling" OR "SystemOOM"))',
			['event'],
		],
		['jsonPayload.involvedObject.name=~"^airflow-worker.*" jsonPayload.involvedObject.kind="Pod"', ['event']],
		['resource.type="k8s_pod" log_id("events")', ['event']],
		['SEARCH("memory of OUT")', ['event']],
		['SEARCH("out memor")', []],
		['SEARCH(textPayload, "errno 107")', ['task']],
		['labels."task-id"="LOAD"', ['task']],
		['labels."run-id"="scheduled__2026-11-24T00:00:00+00:00"', ['task']],
		['jsonPayload.count>2', ['event']],
		['jsonPayload.count=10', []],
		['textPayload:"errno 107" OR jsonPayload.reason="OOMKilling"', ['task', 'event']],
		['textPayload!~"Errno"', ['event', 'audit']],
		['labels.worker_id:*', ['task']],
		['NOT labels.worker_id:*', ['event', 'audit']],
		['-labels.worker_id:*', ['event', 'audit']],
		// A comparison with a field that is not there fails, whichever it is; its negation holds.
		['labels.workflow!="other"', ['task']],
		['NOT labels.workflow="other"', ['task', 'event', 'audit']],
		// NOT binds more than OR, OR more than AND.
		['severity=ERROR OR severity=WARNING AND NOT resource.type="k8s_pod"', ['task']],
		['severity>=WARNING severity<ERROR', ['event']],
		['severity=(ERROR OR NOTICE)', ['task', 'audit']],
		['timestamp<"2026-11-24T12:00:00Z"', []],
		['timestamp>="2026-11-24"', ['task', 'event', 'audit']],
		['-- a remark\nseverity = ERROR -- and another\n', ['task']],
		['labels.workflow="daily\\u005fsales"', ['task']],
	])('%s', (filter, expected) => {
		const test = logFilter(filter);
		const found = Object.entries({ task, event, audit }).filter(([, one]) => test(one));
		expect(found.map(([name]) => name)).toEqual(expected);
	});

	test.each([
		['labels.workflow=', /syntax error at end of filter/],
		['(severity=ERROR', /syntax error at end/],
		['severity=ERROR)', /line 1, column 15/],
		['severity=ERROR AND', /syntax error at end/],
		['severity=ERROR\nOR OR timestamp>="2026-11-24"', /line 2, column 4, token 'OR'/],
		['labels.workflow="daily', /line 1, column 17/],
		["labels.workflow='daily'", /line 1, column 17/],
		['severity=LOUD', /invalid severity/],
		['timestamp>="yesterday"', /invalid timestamp/],
		['thud="x"', /Field not found: 'thud'/],
		['textPayload.thud="x"', /Field not found/],
		['jsonPayload.a=~"("', /regular expression/],
		['sum("x")', /syntax error/],
		['labels..workflow="x"', /syntax error/],
	])('%s is refused as INVALID_ARGUMENT', (filter, message) => {
		try {
			logFilter(filter);
		} catch (error) {
			expect(error).toBeInstanceOf(GoogleRefusal);
			expect(error).toMatchObject({
				status: 'INVALID_ARGUMENT',
				http: 400,
				grpc: 3,
				message: expect.stringMatching(message),
			});
			return;
		}
		throw new Error('It was taken.');
	});
});

const text = fc.string({ unit: 'grapheme', maxLength: 12 });
const name = text.filter((word) => word !== '');
const path: fc.Arbitrary<string[]> = fc.oneof(
	fc.constantFrom(['logName'], ['resource', 'type'], ['textPayload']).map((parts) => [...parts]),
	name.map((word) => ['labels', word]),
	fc.array(name, { minLength: 1, maxLength: 3 }).map((names) => ['jsonPayload', ...names]),
);
const quote = (value: string): string => `"${value.replace(/["\\]/g, '\\$&').replaceAll('\n', '\\n')}"`;
const leaf: fc.Arbitrary<Filter> = fc.oneof(
	fc.record({
		kind: fc.constant('compare' as const),
		path,
		op: fc.constantFrom('=', '!=', ':', '<', '>=' as const),
		value: text,
	}),
	text.map((id) => ({ kind: 'log-id' as const, id })),
	text.map((query) => ({ kind: 'search' as const, path: undefined, query })),
	text.map((word) => ({ kind: 'anywhere' as const, text: word })),
);
const tree = fc.letrec<{ filter: Filter }>((tie) => ({
	filter: fc.oneof(
		{ depthSize: 'small' },
		leaf,
		fc.record({ kind: fc.constant('not' as const), of: tie('filter') }),
		fc.record({
			kind: fc.constantFrom('and' as const, 'or' as const),
			of: fc.array(tie('filter'), { minLength: 2, maxLength: 3 }),
		}),
	),
})).filter;

function print(filter: Filter): string {
	switch (filter.kind) {
		case 'and':
			return `(${filter.of.map(print).join(' AND ')})`;
		case 'or':
			return `(${filter.of.map(print).join(' OR ')})`;
		case 'not':
			return `NOT ${print(filter.of)}`;
		case 'log-id':
			return `log_id(${quote(filter.id)})`;
		case 'search':
			return `SEARCH(${quote(filter.query)})`;
		case 'anywhere':
			return quote(filter.text);
		default: {
			const [head = '', ...rest] = filter.path;
			return `${[head, ...rest.map((part) => (/^[a-z]+$/i.test(part) ? part : quote(part)))].join('.')} ${filter.op} ${quote(filter.value)}`;
		}
	}
}

describe('the parser, for any filter', () => {
	test('what is written is what is read', () => {
		fc.assert(
			fc.property(tree, (filter) => expect(parseFilter(print(filter))).toEqual(filter)),
			{ numRuns: 500 },
		);
	});

	test('one that was cut anywhere or is not a filter at all is refused, never an accident', () => {
		const broken = fc.oneof(
			text,
			fc.tuple(tree, fc.nat()).map(([filter, at]) => print(filter).slice(0, at % 60)),
			fc.stringMatching(/^[a-z."=()! \n-]{0,30}$/),
		);
		fc.assert(
			fc.property(broken, (source) => {
				try {
					logFilter(source);
				} catch (error) {
					if (!(error instanceof GoogleRefusal) || error.status !== 'INVALID_ARGUMENT') throw error;
				}
			}),
			{ numRuns: 1000 },
		);
	});

	test('AND, OR and NOT hold as they should', () => {
		const one = fc.constantFrom(
			'severity>=ERROR',
			'labels.workflow="daily_sales"',
			'log_id("events")',
			'SEARCH("memory")',
			'jsonPayload.count>5',
		);
		fc.assert(
			fc.property(one, one, one, (a, b, c) => {
				const [left, right, third] = [a, b, c].map(logFilter);
				for (const each of [task, event, audit]) {
					const [x, y, z] = [left?.(each) ?? false, right?.(each) ?? false, third?.(each) ?? false];
					expect(logFilter(`${a} ${b}`)(each)).toBe(x && y);
					expect(logFilter(`${a} OR ${b} AND NOT ${c}`)(each)).toBe((x || y) && !z);
					expect(logFilter(`${a} AND ${b} OR ${c}`)(each)).toBe(x && (y || z));
					expect(logFilter(`NOT (${a} AND ${b})`)(each)).toBe(!(x && y));
				}
			}),
		);
	});
});
