import { describe, expect, test } from '@jest/globals';
import { candidates, wanted } from '../../src/diagnosis/candidate.ts';
import { verify } from '../../src/diagnosis/verify.ts';
import type { EventLog, Pool } from '../../src/domain/airflow.ts';
import type { Failed, Gap, Operation, Seen } from '../../src/domain/evidence.ts';
import type { Diagnosis, Rule, Status } from '../../src/domain/rule.ts';
import type { Lang } from '../../src/domain/text.ts';
import { rules } from '../../src/rules/index.ts';
import { failed } from './failed.ts';

const LANGS: readonly Lang[] = ['en', 'ja'];

/** What the log told: cause and status. */
function log(...findings: [string, Exclude<Status, 'unknown'>, Record<string, string>?][]): Diagnosis {
	return {
		verdict: findings[0]?.[0] ?? 'unknown',
		status: findings[0]?.[1] ?? 'unknown',
		findings: findings.map(([cause, status, facts = {}]) => ({
			cause,
			status,
			facts,
			evidence: [{ line: 7, text: `line of ${cause}` }],
			fix: [],
			docs: 'https://example.com',
		})),
		notes: [],
		tail: [],
	};
}

function judge(
	diagnosis: Diagnosis | undefined,
	about: Partial<Failed>,
	seen: Seen,
	gaps: readonly Gap[] = [],
	lang: Lang = 'en',
) {
	const told = (diagnosis?.findings ?? []).map(({ cause }) => cause);
	const it = failed({ log: diagnosis === undefined ? 'missing' : 'there', told, ...about });
	return verify({
		diagnosis,
		candidates: candidates(rules, diagnosis, it),
		failed: it,
		seen,
		gaps,
		env: { generation: it.generation ?? 'airflow' },
		lang,
	});
}
const verdictOf = (...args: Parameters<typeof judge>) => {
	const { verdict, status } = judge(...args);
	return [verdict, status];
};

const event = (name: string, at: string, more: Partial<EventLog> = {}): EventLog => ({
	at: `2026-11-24T${at}Z`,
	event: name,
	dag: 'daily',
	run: 'manual__1',
	task: 'load',
	...more,
});
const pool = (more: Partial<Pool>): Pool => ({
	name: 'default_pool',
	slots: 128,
	open: 128,
	running: 0,
	queued: 0,
	deferred: 0,
	...more,
});

describe('a failed try without a log', () => {
	test('nothing seen: unknown, and nothing is made up', () => {
		expect(verdictOf(undefined, { hostname: undefined }, {})).toEqual(['unknown', 'unknown']);
	});

	test('heartbeat timeout in the event log: the scheduler ended it', () => {
		const { verdict, status, findings } = judge(
			undefined,
			{},
			{ eventLog: [event('heartbeat timeout', '10:05:00')], failures: [] },
		);
		expect([verdict, status]).toEqual(['zombie-heartbeat-timeout', 'confirmed']);
		expect(findings[0]?.because?.because.en).toContain('it ran on `worker-1`');
		expect(findings[0]?.facts['host']).toBe('worker-1');
	});

	test('state mismatch, no host: it never began', () => {
		const { verdict, status, ruledOut, findings } = judge(
			log(['task-log-missing-worker-lost', 'possible']),
			{ log: 'missing', hostname: undefined, startedAt: undefined },
			{ eventLog: [event('state mismatch', '10:05:00')], failures: [], importErrors: [], airflowHealth: {} },
		);
		expect([verdict, status]).toEqual(['executor-state-mismatch', 'confirmed']);
		expect(findings[0]?.because?.because.en).toContain('so it never began');
		expect(ruledOut.map(({ cause }) => cause)).toEqual(['task-log-missing-worker-lost']);
	});

	test('and its file does not import: that explains it', () => {
		const seen: Seen = {
			eventLog: [event('state mismatch', '10:05:00')],
			dag: { id: 'daily', paused: false, owners: [], tags: [], hasImportErrors: true, file: '/dags/daily.py' },
			importErrors: [
				{ file: 'daily.py', at: '2026-11-24T10:01:00Z', stackTrace: "x\nModuleNotFoundError: No module named 'acme'" },
			],
		};
		const { verdict, status, findings } = judge(undefined, { hostname: undefined, startedAt: undefined }, seen);
		expect([verdict, status]).toEqual(['dag-import-error', 'confirmed']);
		expect(findings[0]?.facts['module']).toBe('acme');
		// The same error, but the worker had begun the task: it broke afterwards and is only mentioned.
		const later = judge(undefined, {}, seen);
		expect(later.verdict).toBe('executor-state-mismatch');
		expect(later.beside.map(({ cause }) => cause)).toEqual(['dag-import-error']);
	});

	test('stuck in the queue', () => {
		expect(
			verdictOf(
				undefined,
				{ hostname: undefined },
				{ eventLog: [event('stuck in queued tries exceeded', '10:05:00')] },
			),
		).toEqual(['task-stuck-queued', 'confirmed']);
	});
});

describe('who stopped it', () => {
	const stopped = log(['task-externally-set-state', 'likely', { state: 'failed' }]);
	test.each([
		['patch_task_instance', '10:05:01', {}],
		['api.update_dag_run_state', '10:05:00', { task: undefined }],
		['clear', '10:04:00', { extra: '{"task_id": "load"}' }],
		['dagrun_failed', '10:04:59', { task: undefined }],
		['failed', '10:05:00', { extra: '{"dag_id": "daily"}' }],
	])('%s at %s by a person', (name, at, more) => {
		const { verdict, status, findings } = judge(
			stopped,
			{},
			{ eventLog: [event(name, at, { owner: 'aiko', ...more })] },
		);
		expect([verdict, status]).toEqual(['task-externally-set-state', 'confirmed']);
		expect(findings[0]?.because?.because.en).toMatch(/^stopped by aiko: `[\w.]+` at 10:0[45] UTC/);
	});

	test.each([
		// The task writes it about itself.
		['failed', '10:05:00', {}],
		// Somebody repaired it afterwards.
		['clear', '10:06:00', {}],
		['patch_task_instance', '10:15:00', {}],
		['patch_task_instance', '10:05:00', { task: 'other' }],
		['patch_dag_run', '10:05:00', { run: 'manual__2', task: undefined }],
		['trigger_dag_run', '10:05:00', {}],
	])('%s at %s is nobody who stopped it', (name, at, more) => {
		expect(verdictOf(stopped, {}, { eventLog: [event(name, at, { owner: 'aiko', ...more })] })).toEqual([
			'task-externally-set-state',
			'likely',
		]);
	});

	test('the scheduler, after a lost heartbeat, is no person', () => {
		const { verdict, ruledOut } = judge(
			stopped,
			{ log: 'missing' },
			{ eventLog: [event('heartbeat timeout', '10:05:00')] },
		);
		expect(verdict).toBe('zombie-heartbeat-timeout');
		expect(ruledOut.map(({ cause }) => cause)).toContain('task-externally-set-state');
	});

	test('a SIGKILL that a person caused is no want of memory', () => {
		const killed = log(['worker-oom-task-sigkill', 'likely']);
		const { ruledOut } = judge(
			killed,
			{},
			{ eventLog: [event('patch_dag_run', '10:05:00', { owner: 'aiko', task: undefined })] },
		);
		expect(ruledOut[0]?.because.en).toContain('aiko stopped it');
		expect(verdictOf(killed, {}, { eventLog: [], failures: [] })).toEqual(['worker-oom-task-sigkill', 'likely']);
	});
});

describe('what waits', () => {
	const waits = {
		state: 'scheduled',
		startedAt: undefined,
		endedAt: undefined,
		hostname: undefined,
		pool: 'small',
	} as const;
	test('a pool without an open slot', () => {
		expect(verdictOf(undefined, waits, { pools: [pool({ name: 'small', slots: 2, open: 0, running: 2 })] })).toEqual([
			'concurrency-limits',
			'confirmed',
		]);
	});
	test('a pool that does not exist', () => {
		expect(verdictOf(undefined, waits, { pools: [pool({})] })).toEqual(['concurrency-limits', 'confirmed']);
	});
	test('a pool with room says nothing', () => {
		expect(verdictOf(undefined, waits, { pools: [pool({ name: 'small' })] })).toEqual(['unknown', 'unknown']);
	});
	test('no scheduler', () => {
		const seen: Seen = { airflowHealth: { scheduler: { status: 'unhealthy', heartbeatAt: '2026-11-24T09:00:00Z' } } };
		expect(verdictOf(undefined, waits, seen)).toEqual(['scheduler-overloaded', 'confirmed']);
	});
	test('queued for a quarter of an hour, and nobody takes it', () => {
		const queued = { ...waits, state: 'queued', queuedAt: '2026-11-24T10:04:00Z' };
		const healthy: Seen = { airflowHealth: { scheduler: { status: 'healthy' } }, eventLog: [] };
		expect(verdictOf(undefined, queued, healthy)).toEqual(['task-stuck-queued', 'likely']);
		expect(verdictOf(undefined, { ...queued, queuedAt: '2026-11-24T10:18:00Z' }, healthy)).toEqual([
			'unknown',
			'unknown',
		]);
	});
	test('deferred without a triggerer', () => {
		expect(verdictOf(undefined, { ...waits, state: 'deferred' }, { airflowHealth: {} })).toEqual([
			'triggerer-disabled',
			'confirmed',
		]);
	});
});

describe('Composer', () => {
	const update: Operation = {
		type: 'UPDATE',
		state: 'SUCCEEDED',
		startedAt: '2026-11-24T09:50:00Z',
		endedAt: '2026-11-24T10:10:00Z',
	};
	const about = { generation: 'composer-3', told: ['worker-rollout-by-update'] } as const;
	test('an update that ran meanwhile confirms that the worker was replaced', () => {
		const { verdict, status, beside } = judge(log(['worker-rollout-by-update', 'possible']), about, {
			operations: [update],
		});
		expect([verdict, status]).toEqual(['worker-rollout-by-update', 'confirmed']);
		expect(beside[0]?.because.en).toContain('UPDATE from 09:50 UTC to 10:10 UTC (SUCCEEDED)');
	});
	test('one that was over before does not; nor does reading none', () => {
		const over = { ...update, endedAt: '2026-11-24T09:59:00Z' };
		expect(verdictOf(log(['worker-rollout-by-update', 'possible']), about, { operations: [over] })).toEqual([
			'worker-rollout-by-update',
			'possible',
		]);
		expect(verdictOf(log(['worker-rollout-by-update', 'possible']), about, {})).toEqual([
			'worker-rollout-by-update',
			'possible',
		]);
	});
	test("a user's own exception stays the cause; the update is mentioned", () => {
		const { verdict, beside } = judge(
			log(['user-code-exception', 'confirmed']),
			{ generation: 'composer-3' },
			{ operations: [update] },
		);
		expect(verdict).toBe('user-code-exception');
		expect(beside.map(({ cause }) => cause)).toEqual(['env-in-error-or-busy']);
	});
});

describe('honesty', () => {
	test('taking the source away lowers the status, and the gap is told', () => {
		const gap: Gap = { source: 'eventLog', because: 'denied', say: { en: 'x', ja: 'x' } };
		const stopped = log(['task-externally-set-state', 'likely']);
		const entry = event('patch_task_instance', '10:05:00', { owner: 'aiko' });
		expect(judge(stopped, {}, { eventLog: [entry] }).status).toBe('confirmed');
		const blind = judge(stopped, {}, {}, [gap]);
		expect(blind.status).toBe('likely');
		expect(blind.gaps).toEqual([gap]);
		expect(blind.findings[0]?.gaps).toEqual([gap]);
	});

	test('without evidence no rule confirms or rules out', () => {
		for (const rule of rules)
			for (const state of ['failed', 'queued', 'scheduled', 'deferred', 'skipped']) {
				const said = rule.verify?.({}, { failed: failed({ state }), facts: {}, told: undefined, env: {} })?.status;
				// That the log of a try with a host name cannot be had is known before anything is read.
				expect([rule.id, said]).toEqual([rule.id, rule.id === 'task-log-missing-worker-lost' ? 'likely' : undefined]);
			}
	});

	test('nothing is read for a plain exception; the number of sources does not grow with the rules', () => {
		const it = failed({ told: ['user-code-exception'], generation: 'airflow' });
		expect(wanted(candidates(rules, log(['user-code-exception', 'confirmed']), it))).toEqual(new Set());
		const silent = wanted(candidates(rules, undefined, failed({ log: 'missing', generation: 'composer-3' })));
		expect([...silent].sort()).toEqual(
			`airflowHealth dag eventLog failures importErrors
			schedulerLog workerLog dagProcessorLog kubernetesEvents
			workerMemory workerMemoryQuota workerDisk podEvictions restarts exitCodes workers
			databaseCpu brokerErrors queueLength schedulerHeartbeats maintenance operations
			projectPolicy policyChanges serviceAccount audit`
				.split(/\s+/)
				.sort(),
		);
	});

	test('a rule sees only what it reads', () => {
		const peeked: string[][] = [];
		const [some] = rules;
		if (!some) throw new Error('no rules');
		const rule: Rule = {
			...some,
			reads: ['pools'],
			verify(seen) {
				peeked.push(Object.keys(seen));
				return undefined;
			},
		};
		verify({
			diagnosis: undefined,
			candidates: [{ rule, finding: undefined, heard: [] }],
			failed: failed(),
			seen: { pools: [], eventLog: [] },
			gaps: [],
			env: {},
			lang: 'en',
		});
		expect(peeked).toEqual([['pools']]);
	});

	test('every sentence has both languages', () => {
		for (const lang of LANGS) {
			const { findings } = judge(undefined, {}, { eventLog: [event('heartbeat timeout', '10:05:00')] }, [], lang);
			expect(findings[0]?.because?.because[lang]).toMatch(lang === 'ja' ? /ハートビート/ : /heartbeats/);
		}
	});
});
