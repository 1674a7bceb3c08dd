import type { Failed } from '../../src/domain/evidence.ts';

/** A try that failed at 10:05 after five minutes, told about at 10:20. */
export function failed(more: Partial<Failed> = {}): Failed {
	return {
		env: 'prod',
		dag: 'daily',
		run: 'manual__1',
		task: 'load',
		mapIndex: -1,
		tryNumber: 1,
		ofTries: 1,
		state: 'failed',
		startedAt: '2026-11-24T10:00:00Z',
		endedAt: '2026-11-24T10:05:00Z',
		hostname: 'worker-1',
		log: 'there',
		told: [],
		now: Date.parse('2026-11-24T10:20:00Z'),
		...more,
	};
}
