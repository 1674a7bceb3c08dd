import { describe, expect, test } from '@jest/globals';
import { BIGGER, explains, ONENESS } from '../../src/alerts/causes.ts';
import { CONDITION_TITLES } from '../../src/alerts/incident.ts';
import { exceptionType, keysOf } from '../../src/alerts/key.ts';
import type { Suspicion } from '../../src/alerts/key.ts';
import type { Failed } from '../../src/domain/evidence.ts';
import { rules } from '../../src/rules/index.ts';

const failed = (more: Partial<Failed> = {}): Failed => ({
	env: 'prod',
	dag: 'daily_sales',
	run: 'r1',
	task: 'load',
	mapIndex: -1,
	tryNumber: 1,
	state: 'failed',
	ofTries: 1,
	hostname: 'worker-1',
	log: 'there',
	told: [],
	now: 0,
	...more,
});
const by = (cause: string, facts: Record<string, string> = {}, more: Partial<Suspicion> = {}): Suspicion => ({
	cause,
	status: 'confirmed',
	facts,
	lastException: undefined,
	...more,
});
const isOne = (a: [Suspicion, Failed], b: [Suspicion, Failed]): boolean => {
	const theirs = keysOf(...b).keys;
	return keysOf(...a).keys.some((key) => theirs.includes(key));
};

describe('every cause', () => {
	test('says what makes its failures one', () => {
		expect(rules.map(({ id }) => id).filter((id) => !(id in ONENESS))).toEqual([]);
		expect(Object.keys(ONENESS).filter((id) => !rules.some((rule) => rule.id === id))).toEqual([]);
	});

	test('that explains others is one, and so is what it explains', () => {
		const known = new Set([...rules.map(({ id }) => id), ...Object.keys(CONDITION_TITLES)]);
		expect([...BIGGER].filter((id) => !known.has(id))).toEqual([]);
		for (const big of BIGGER) {
			const symptoms = [...known].filter((id) => explains(big, id));
			expect(symptoms.length).toBeGreaterThan(0);
			expect(symptoms).not.toContain(big);
		}
	});

	test('has facts that its rule finds', () => {
		for (const [id, { by: sets }] of Object.entries(ONENESS)) {
			const { signatures = [], ...code } = rules.find((one) => one.id === id) ?? {};
			const source = [...signatures.map(({ pattern }) => pattern.source), ...Object.values(code).map(String)].join(
				'\n',
			);
			for (const name of sets.flat())
				expect({ id, name, found: source.includes(name) }).toEqual({ id, name, found: true });
		}
	});
});

describe('two failures are one incident', () => {
	const other = failed({ dag: 'weekly_report', task: 'send', hostname: 'worker-2' });
	test.each<[string, boolean, [Suspicion, Failed], [Suspicion, Failed]]>([
		[
			'the same connection is missing',
			true,
			[by('missing-connection-or-variable', { connection: 'dwh' }), failed()],
			[by('missing-connection-or-variable', { connection: 'dwh' }), other],
		],
		[
			'another connection is',
			false,
			[by('missing-connection-or-variable', { connection: 'dwh' }), failed()],
			[by('missing-connection-or-variable', { connection: 'crm' }), other],
		],
		[
			'the same account is refused',
			true,
			[by('gcs-permission-denied', { principal: 'a@b', bucket: 'x' }), failed()],
			[by('gcs-permission-denied', { principal: 'a@b', bucket: 'x' }), other],
		],
		['the database is overloaded', true, [by('db-overloaded'), failed()], [by('db-overloaded'), other]],
		[
			'the same in another environment',
			false,
			[by('db-overloaded'), failed()],
			[by('db-overloaded'), failed({ env: 'test' })],
		],
		[
			'the same worker ran out of memory',
			true,
			[by('worker-oom-task-sigkill'), failed()],
			[by('worker-oom-task-sigkill'), failed({ dag: 'weekly_report' })],
		],
		[
			'the same task ran out of memory on another worker',
			true,
			[by('worker-oom-task-sigkill'), failed()],
			[by('worker-oom-task-sigkill'), failed({ hostname: 'worker-2' })],
		],
		[
			'another task did, on another worker',
			false,
			[by('worker-oom-task-sigkill'), failed()],
			[by('worker-oom-task-sigkill'), other],
		],
		[
			'own code raised in two tasks',
			false,
			[by('user-code-exception', {}, { lastException: 'ValueError: 1' }), failed()],
			[by('user-code-exception', {}, { lastException: 'ValueError: 1' }), other],
		],
		[
			'own code raised the same in two runs',
			true,
			[by('user-code-exception', {}, { lastException: 'ValueError: row 1' }), failed()],
			[by('user-code-exception', {}, { lastException: 'ValueError: row 2' }), failed({ run: 'r2' })],
		],
		[
			'own code raised something else',
			false,
			[by('user-code-exception', {}, { lastException: 'ValueError: 1' }), failed()],
			[by('user-code-exception', {}, { lastException: 'KeyError: 1' }), failed({ run: 'r2' })],
		],
		[
			'unknown, same task and exception',
			true,
			[by('unknown', {}, { status: 'unknown', lastException: 'A: 1' }), failed()],
			[by('unknown', {}, { status: 'unknown', lastException: 'A: 2' }), failed({ mapIndex: 3 })],
		],
		[
			'unknown, another task',
			false,
			[by('unknown', {}, { status: 'unknown' }), failed()],
			[by('unknown', {}, { status: 'unknown' }), other],
		],
		[
			'only possible: nobody else joins',
			false,
			[by('db-overloaded', {}, { status: 'possible' }), failed()],
			[by('db-overloaded', {}, { status: 'possible' }), other],
		],
		[
			'no host in the log: not the worker’s',
			false,
			[by('network-egress-failure', { host: 'worker-1' }), failed()],
			[by('network-egress-failure', { host: 'worker-1' }), failed({ dag: 'weekly_report' })],
		],
		[
			'the same host is not reached',
			true,
			[by('network-egress-failure', { host: 'db.example.com', port: '5432' }), failed()],
			[by('network-egress-failure', { host: 'db.example.com', port: '5432' }), other],
		],
	])('%s: %p', (_, one, a, b) => {
		expect(isOne(a, b)).toBe(one);
	});

	test('a worker’s name holds for a while only', () => {
		const { keys, brief } = keysOf(by('zombie-heartbeat-timeout'), failed());
		expect(keys).toHaveLength(2);
		expect(brief).toEqual([keys[1]]);
	});

	test('what befalls the environment is told as such, unless it only may be', () => {
		expect(keysOf(by('db-overloaded'), failed()).scope).toBe('environment');
		expect(keysOf(by('db-overloaded', {}, { status: 'possible' }), failed()).scope).toBe('task');
	});
});

test.each([
	['google.api_core.exceptions.Forbidden: 403 GET …', 'google.api_core.exceptions.Forbidden'],
	['ValueError', 'ValueError'],
	['例外: だめ', '例外'],
	['  odd', ''],
	[undefined, ''],
])('the type of %p is %p', (text, type) => {
	expect(exceptionType(text)).toBe(type);
});
