import { lineId, tryId } from '../../alerts/ids.ts';
import type { FailedTry } from '../../alerts/incident.ts';
import type { TryKey } from '../../domain/ids.ts';
import { PREFIX } from '../base/redis.ts';

const DAY_MS = 24 * 3600_000;
/** How long things are kept. Milliseconds. */
export const KEEP = {
	/** A try is known; whoever notices failures looks back minutes, at most days. */
	try: 14 * DAY_MS,
	ended: 30 * DAY_MS,
	/** Everything of an open incident; it is closed long before. */
	open: 60 * DAY_MS,
	/** A worker's name comes again. */
	brief: 30 * 60_000,
	/** Failing again so soon after it had recovered is the same incident: flapping. */
	flap: 15 * 60_000,
};
/** Bounds, so that nothing grows without end. */
export const MOST = {
	/** Then a new incident goes on. */
	events: 20_000,
	open: 500,
	history: 30,
	retries: 10,
	/** Runs whose tasks are looked at again, over all incidents of an environment. */
	waiting: 5000,
	/** Full investigations in a minute, of one environment: Cloud Logging takes sixty reads. */
	verdicts: 20,
};

const key = (kind: string, id: string): string => `${PREFIX}:${kind}:${id}`;

export const keys = {
	open: key('incidents', 'open'),
	seen: key('incidents', 'seen'),
	incident: (id: string) => key('inc', id),
	events: (id: string) => key('inc-ev', id),
	acts: (id: string) => key('inc-acts', id),
	try: (one: TryKey & { again?: number | undefined }) => key('try', tryId(one)),
	alias: (alias: string) => key('cause', alias),
	line: (env: string, line: string) => key('line', `${env}:${line}`),
	lineOf: (one: FailedTry) => key('line', `${one.env}:${lineId(one)}`),
	history: (of: string) => key('hist', of),
	retries: (of: string) => key('retries', of),
	waiting: (env: string) => key('waiting', env),
	looked: (env: string) => key('looked', env),
	bigger: (env: string) => key('bigger', env),
	verdicts: (env: string) => key('verdicts', env),
	hold: (what: string) => key('hold', what),
};

/** Keys under which failures find their incident. `brief`: those that hold for half an hour. */
export type Aliases = { keys: readonly string[]; brief: readonly string[] };

export const lifeOf = (alias: string, { brief }: Aliases): number => (brief.includes(alias) ? KEEP.brief : KEEP.open);
