import { z } from 'zod';
import type { Typed } from '../src/deps.ts';

/**
 * What lies in the queues. Version and shape are checked when a job is taken: a job of another version is parked and not
 * failed, so that an old and a new version can run side by side during a rolling restart.
 */

const typed = z.object({
	words: z.string().max(8000),
	user: z.string(),
	channel: z.string(),
	team: z.string(),
	key: z.string().regex(/^[0-9a-f]{24}$/),
	via: z.enum(['command', 'click', 'form', 'mention', 'shortcut', 'home']),
	at: z.number(),
	thread: z.string().optional(),
	newThread: z.boolean().optional(),
	direct: z.boolean().optional(),
});

export const commandJob = z.union([
	z.object({ v: z.literal(1), typed, responseUrl: z.string().optional() }),
	/** Carried out: the words and the URL have left Redis. */
	z.object({ v: z.literal(1), done: z.literal(true) }),
]);
export type CommandJob = { v: 1; typed: Typed; responseUrl?: string | undefined };
/** What is left of a command that was carried out. */
export const carriedOut = { v: 1, done: true };

export const deliverJob = z.object({
	v: z.literal(1),
	/** The message's id, which is also its key in Slack's metadata. */
	id: z.string(),
	/** Whose pace it keeps: channel or person. */
	line: z.string().optional(),
});

export const followJob = z.object({
	v: z.literal(1),
	/** The message that is edited. */
	id: z.string(),
	env: z.string(),
	dag: z.string(),
	run: z.string(),
	channel: z.string(),
	user: z.string(),
	/** Display name of who asked; foreign text. */
	by: z.string(),
	lang: z.enum(['en', 'ja']),
	since: z.number(),
	/** Its tasks were cleared from Slack, so many of them; `by` is who did that. */
	rerun: z.object({ cleared: z.number().int() }).optional(),
	/** How often in a row Airflow said that there is no such run. */
	misses: z.number().default(0),
});
export type FollowJob = z.output<typeof followJob>;

const tryKey = {
	env: z.string(),
	dag: z.string(),
	run: z.string(),
	task: z.string(),
	mapIndex: z.number().int(),
	tryNumber: z.number().int(),
};

/** A try that failed, as a hint: it is read from Airflow before anything is said. Its job id is made of the key, so the same try is one job. */
export const failureJob = z.object({
	v: z.literal(1),
	...tryKey,
	/** Epoch milliseconds when it was noticed. */
	seenAt: z.number(),
	/** Who noticed: polling, a tail of Cloud Logging, a push. */
	by: z.enum(['poll', 'tail', 'push']),
	/** It failed while nobody looked: told with the others of that time. */
	catchUp: z.boolean().default(false),
	/** Its run was deleted and made anew under the same id, so that the same key is another try: when this one began. */
	again: z.number().optional(),
});
export type FailureJob = z.output<typeof failureJob>;

/** Something wrong that is no failed try, or its end. `key` names it within the environment, `facts` are foreign text. */
export const conditionJob = z.object({
	v: z.literal(1),
	env: z.string(),
	kind: z.enum([
		'run-failed-without-task',
		'queued-too-long',
		'running-without-heartbeat',
		'import-error',
		'scheduler-heartbeat-lost',
		'triggerer-heartbeat-lost',
		'dag-processor-heartbeat-lost',
		'operation-failed',
	]),
	key: z.string(),
	dag: z.string().optional(),
	run: z.string().optional(),
	task: z.string().optional(),
	mapIndex: z.number().int().optional(),
	tryNumber: z.number().int().optional(),
	facts: z.record(z.string(), z.string()),
	/** ISO 8601. */
	since: z.string(),
	/** It is over. */
	over: z.boolean().default(false),
	seenAt: z.number(),
});
export type ConditionJob = z.output<typeof conditionJob>;

/** A look at one environment; the scheduler adds one every few seconds. `soon`: somebody says that something failed. */
export const watchJob = z.object({ v: z.literal(1), env: z.string(), soon: z.boolean().default(false) });

/** An incident's cards are to be brought up to its state. */
export const cardJob = z.union([
	z.object({ v: z.literal(1), incident: z.string() }),
	/** The digest of a storm is to be brought up to date. */
	z.object({ v: z.literal(1), storm: z.string() }),
]);
