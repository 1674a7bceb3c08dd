import type { FirstLook } from '../../commands/_parts/investigate.ts';
import { keysOf } from '../../src/alerts/key.ts';
import type { Keys, Suspicion } from '../../src/alerts/key.ts';
import type { Verdict } from '../../src/diagnosis/verify.ts';
import type { Failed } from '../../src/domain/evidence.ts';

/** By its log alone. A try without a log whose worker is known shares its fate with others of that worker. */
export function byItsLog({ failed, read }: FirstLook): Suspicion {
	const first = read.diagnosis?.findings[0];
	if (first)
		return {
			cause: first.cause,
			status: first.status,
			facts: first.facts,
			lastException: read.diagnosis?.lastException,
		};
	if (read.log === 'missing' && failed.hostname !== undefined)
		return { cause: LOG_MISSING, status: 'likely', facts: {}, lastException: undefined };
	return { cause: 'unknown', status: 'unknown', facts: {}, lastException: read.diagnosis?.lastException };
}

const LOG_MISSING = 'task-log-missing-worker-lost';

export function byItsVerdict({ verdict, status, findings, lastException }: Verdict): Suspicion {
	return { cause: verdict, status, facts: findings[0]?.facts ?? {}, lastException };
}

/** The keys of both: who looks like this one next is not looked at again. */
export function together(first: Keys, then: Keys): Keys {
	return {
		...then,
		keys: [...new Set([...then.keys, ...first.keys])],
		brief: [...new Set([...then.brief, ...first.brief])],
	};
}

export const keysFor = (suspicion: Suspicion, failed: Failed): Keys => keysOf(suspicion, failed);
