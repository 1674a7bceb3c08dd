import { AsyncLocalStorage } from 'node:async_hooks';

type Counter = { calls: number; outer: Counter | undefined };
const counters = new AsyncLocalStorage<Counter>();

/** One request to somebody outside. Every client's way out tells it. */
export function countCall(): void {
	for (let at = counters.getStore(); at; at = at.outer) at.calls += 1;
}

/**
 * What `work` gives, and how many requests went out for it, through whichever client. One that is shared counts for whoever began
 * it.
 */
export async function counted<T>(work: () => Promise<T>): Promise<{ value: T; calls: number }> {
	const counter: Counter = { calls: 0, outer: counters.getStore() };
	const value = await counters.run(counter, work);
	return { value, calls: counter.calls };
}
