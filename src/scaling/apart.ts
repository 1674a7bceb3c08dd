import { Worker } from 'node:worker_threads';
import { planOf, adviseOn, type Advice, type AdviseOptions } from './advise.ts';
import type { History } from './history.ts';
import { buildLoad } from './load.ts';
import { overTime, type OverTime } from './over-time.ts';

/** The advice, and what its chart draws where something is suggested. */
export type Advised = { advice: Advice; over: OverTime | undefined };

export function advised(history: History, options: AdviseOptions): Advised {
	const load = buildLoad(history);
	const advice = adviseOn(history, load, options);
	const { suggestion, concurrency } = advice;
	return { advice, over: suggestion && overTime(history, load, planOf(history, concurrency), suggestion.plan) };
}

export type Question = { history: History; options: AdviseOptions };
export type Answer = { advised: Advised } | { error: string };

/** The same in a thread of its own, so that seconds of reckoning hold up nothing. Rejects with an Error after `limitMs`. */
export async function advisedApart(
	history: History,
	options: AdviseOptions,
	{ limitMs = 120_000 }: { limitMs?: number } = {},
): Promise<Advised> {
	const { promise, resolve, reject } = Promise.withResolvers<Advised>();
	const thread = new Worker(new URL('./apart-thread.ts', import.meta.url), {
		workerData: { history, options } satisfies Question,
		resourceLimits: { maxOldGenerationSizeMb: 512 },
	});
	const timer = setTimeout(() => reject(new Error(`no advice within ${limitMs / 1000} s`)), limitMs);
	thread.once('message', (answer: Answer) =>
		'advised' in answer ? resolve(answer.advised) : reject(new Error(answer.error)),
	);
	thread.once('error', reject);
	thread.once('exit', () => reject(new Error('the advice thread ended')));
	try {
		return await promise;
	} finally {
		clearTimeout(timer);
		await thread.terminate();
	}
}
