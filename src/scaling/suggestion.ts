import { computedConcurrency } from '../domain/concurrency.ts';
import type { Environment } from '../domain/environment.ts';
import type { Text } from '../domain/text.ts';
import { changesText } from './change-words.ts';
import { environmentOf } from './environment.ts';
import type { Head } from './history.ts';
import { patchFor, type Patch } from './patch.ts';
import { changesBetween, isLegal, sizeOf, type Change } from './plan.ts';
import { illegal, twiceTheMemory } from './sizes.ts';

/** A change of size that meets the cause of an incident, until `/dag scale` has worked it out from the history. */
export type Suggestion = { changes: readonly Change[]; text: Text; patch: Patch };

/** Causes that come of a worker without enough memory, of a full disk, and of too few slots. Ids of the catalogue. */
const MEMORY = ['worker-oom-task-sigkill', 'gcsfuse-mount-lost', 'task-log-missing-worker-lost'];
const STORAGE = ['worker-pod-evicted-storage'];
const QUEUE = ['task-stuck-queued'];

/**
 * The size that a confirmed cause asks for: a worker with more memory, or with fewer tasks where the generation has no larger one; more
 * storage; more workers. One legal step. Undefined: the cause is none of these, the sizes are not known, or there is no such step.
 */
export function suggestionFor(cause: string, environment: Environment): Suggestion | undefined {
	const home = environmentOf(environment, environment.name ?? '');
	if (home.generation === 'airflow') return undefined;
	const changes = MEMORY.includes(cause)
		? forMemory(home)
		: STORAGE.includes(cause)
			? forStorage(home)
			: QUEUE.includes(cause)
				? moreWorkers(home)
				: undefined;
	if (!changes) return undefined;
	return {
		changes,
		text: {
			en: changesText(changes, 'en'),
			ja: changesText(changes, 'ja'),
		},
		patch: patchFor(home, changes),
	};
}

type Home = Head['environment'];

function forMemory(home: Home): readonly Change[] | undefined {
	const { generation, worker } = home;
	const size = sizeOf(worker);
	if (!size || generation === 'airflow') return undefined;
	const concurrency = home.workerConcurrency ?? computedConcurrency(generation, home.airflowVersion, size).value;
	const larger = twiceTheMemory(generation, 'worker', size);
	if (larger) {
		const to = { ...worker, cpu: larger.cpu, memoryGb: larger.memoryGb };
		const isSet = home.overrides['celery-worker_concurrency'] !== undefined;
		const pools = {};
		return changesBetween({ worker, concurrency, pools }, { worker: to, concurrency, pools }, isSet);
	}
	const fewer = Math.max(1, Math.floor(concurrency / 2));
	if (fewer === concurrency) return undefined;
	return [{ what: 'concurrency', from: concurrency, to: fewer }];
}

function forStorage({ generation, worker }: Home): readonly Change[] | undefined {
	const size = sizeOf(worker);
	if (!size || generation === 'airflow') return undefined;
	const storageGb = Math.min(generation === 'composer-2' ? 10 : 100, Math.ceil(2 * size.storageGb));
	if (storageGb <= size.storageGb || illegal(generation, 'worker', { ...size, storageGb }).length > 0) return undefined;
	return [{ what: 'worker', from: worker, to: { ...worker, storageGb } }];
}

function moreWorkers({ generation, worker, workerConcurrency = 1 }: Home): readonly Change[] | undefined {
	const max = Math.min(100, Math.ceil(worker.max * 1.5));
	const to = { ...worker, min: worker.min === worker.max ? max : worker.min, max };
	if (max === worker.max || !isLegal({ worker: to, concurrency: workerConcurrency, pools: {} }, generation))
		return undefined;
	return [{ what: 'worker', from: worker, to }];
}
