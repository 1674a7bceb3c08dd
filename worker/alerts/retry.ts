import type { BotDeps } from '../../src/build-deps.ts';
import { Trouble } from '../../src/domain/errors.ts';
import type { TaskInstance } from '../../src/domain/airflow.ts';

/** A DAG is written anew now and then. */
const KEEP_MS = 10 * 60_000;
const KEPT = 1000;
const delays = new WeakMap<BotDeps, Map<string, { at: number; delay: Promise<number | undefined> }>>();

/** When Airflow tries it again, as its DAG says; undefined where nobody can tell. ISO 8601. */
export async function retryAt(env: string, task: TaskInstance, deps: BotDeps): Promise<string | undefined> {
	if (task.endedAt === undefined) return undefined;
	const delay = await delayOf(env, task, deps);
	return delay === undefined ? undefined : new Date(Date.parse(task.endedAt) + delay).toISOString();
}

function delayOf(env: string, { dag, task }: TaskInstance, deps: BotDeps): Promise<number | undefined> {
	let known = delays.get(deps);
	if (!known) delays.set(deps, (known = new Map()));
	const key = JSON.stringify([env, dag, task]);
	const held = known.get(key);
	if (held && deps.now() - held.at < KEEP_MS) return held.delay;
	const delay = deps
		.airflow(env)
		.retryDelayMs(dag, task)
		.catch((error: unknown) => {
			// It is told without; the next one asks again.
			if (known.get(key)?.delay === delay) known.delete(key);
			if (error instanceof Trouble) return undefined;
			throw error;
		});
	if (known.size >= KEPT) known.clear();
	known.set(key, { at: deps.now(), delay });
	return delay;
}
