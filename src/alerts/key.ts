import type { Failed } from '../domain/evidence.ts';
import type { Facts, Status } from '../domain/rule.ts';
import { ONENESS } from './causes.ts';
import { hashOf } from './ids.ts';
import type { Scope } from './incident.ts';

/** What is known of why a try failed, by its log alone or after the evidence. */
export type Suspicion = {
	/** A cause id or `unknown`. */
	cause: string;
	status: Status;
	facts: Facts;
	/** Masked. */
	lastException: string | undefined;
};

export type Keys = {
	scope: Scope;
	/** Whoever shares one of them is one incident; the first names the incident. */
	keys: readonly string[];
	/** Of those, the ones that hold for a while only: a worker's name comes again. */
	brief: readonly string[];
	/** What `first time` and `repeat` are told by. */
	history: string;
};

/** What makes this failure one with others. */
export function keysOf({ cause, status, facts, lastException }: Suspicion, failed: Failed): Keys {
	const { env, dag, task, run } = failed;
	const own = hashOf(24, 'task', env, cause, dag, task, cause === 'unknown' ? exceptionType(lastException) : '');
	const oneness = ONENESS[cause];
	const alone: Keys = { scope: oneness?.scope ?? 'task', keys: [own], brief: [], history: own };
	// What only may be so joins nobody else's.
	if (!oneness || status === 'unknown' || status === 'possible') return { ...alone, scope: 'task' };
	if (cause === 'user-code-exception') {
		const raised = hashOf(24, 'raised', env, dag, task, exceptionType(lastException));
		return { ...alone, keys: [raised], history: raised };
	}
	if (oneness.host) {
		const host = failed.hostname ?? facts['host'];
		if (host === undefined) return alone;
		const there = hashOf(24, 'host', env, cause, host);
		return { ...alone, keys: [own, there], brief: [there] };
	}
	// After the evidence was looked at, `host` is the worker's where the log named none.
	const known = (name: string): string =>
		name === 'host' && facts[name] === failed.hostname ? '' : (facts[name] ?? '');
	const named = oneness.by.find((names) => names.every((name) => known(name) !== ''));
	if (named) {
		const key = hashOf(24, 'facts', env, cause, ...named.flatMap((name) => [name, known(name)]));
		return { ...alone, keys: [key], history: key };
	}
	if (oneness.else === 'task') return alone;
	const key = hashOf(
		24,
		oneness.else,
		env,
		cause,
		...(oneness.else === 'env' ? [] : oneness.else === 'dag' ? [dag] : [dag, run]),
	);
	return { ...alone, keys: [key], history: oneness.else === 'run' ? own : key };
}

/** `google.api_core.exceptions.Forbidden: 403 …` → its dotted name; the message differs from try to try. */
export function exceptionType(lastException: string | undefined): string {
	return /^[\p{L}\p{N}_.]{1,200}/u.exec(lastException ?? '')?.[0] ?? '';
}

/** A condition is one incident for as long as it lasts. */
export const conditionKey = (env: string, kind: string, key: string): string => hashOf(24, 'condition', env, kind, key);
