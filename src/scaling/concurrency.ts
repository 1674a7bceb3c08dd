import { computedConcurrency } from '../domain/concurrency.ts';
import type { History } from './history.ts';
import { mostAtOnce } from './memory.ts';
import { sizeOf, type Concurrency } from './plan.ts';
import type { Timeline } from './timeline.ts';

/** What `[celery]worker_concurrency` is: set, read from the running Airflow, else the more careful of what was seen and computed. */
export function concurrencyOf(history: Pick<History, 'environment' | 'tasks'>, timeline: Timeline): Concurrency {
	const { environment } = history;
	const set = Number(environment.overrides['celery-worker_concurrency']);
	if (Number.isInteger(set) && set > 0) return { value: set, from: 'override' };
	if (environment.workerConcurrency !== undefined) return { value: environment.workerConcurrency, from: 'config' };
	const computed = computedConcurrency(environment.generation, environment.airflowVersion, sizeOf(environment.worker));
	if (computed.certain) return { value: computed.value, from: 'computed' };
	const most = mostAtOnce(history, timeline);
	// A worker that ran more tasks than the formula says has a higher setting; one that never did says nothing.
	return most > computed.value ? { value: most, from: 'observed' } : { value: computed.value, from: 'computed' };
}
