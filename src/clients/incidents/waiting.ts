import { z } from 'zod';
import { lineId } from '../../alerts/ids.ts';
import type { FailedTry } from '../../alerts/incident.ts';
import type { Redis } from '../base/redis.ts';
import { script } from '../base/script.ts';
import { keys } from './keys.ts';
import { LOOK_AGAIN } from './scripts.ts';

/** A run in which something of an incident failed, to be looked at again. */
export type Waiting = { dag: string; run: string; incident: string; entry: string };

const entrySchema = z.tuple([z.string(), z.string(), z.string()]);

/** What incidents wait for: that tasks go well in their own runs, or in later ones. */
export function waiting(client: Redis) {
	const read = (entry: string): Waiting => {
		const [dag, run, incident] = entrySchema.parse(JSON.parse(entry));
		return { dag, run, incident, entry };
	};
	return {
		/** Runs whose turn has come, the longest due first. `now`: epoch milliseconds. */
		async dueRuns(env: string, now: number, count: number): Promise<Waiting[]> {
			return (await client.zrangebyscore(keys.waiting(env), '-inf', String(now), 'LIMIT', 0, count)).map(read);
		},
		/** Every DAG of which something waits. */
		async waitingDags(env: string): Promise<ReadonlySet<string>> {
			return new Set((await client.zrange(keys.waiting(env), '0', '-1')).map((entry) => read(entry).dag));
		},
		async lookAgainAt(env: string, { entry }: Waiting, at: number): Promise<void> {
			await script(client, LOOK_AGAIN, [keys.waiting(env)], [at, entry]);
		},
		/** Until when finished runs were looked at; epoch milliseconds of Airflow's clock. */
		async lookedUntil(env: string): Promise<number | undefined> {
			const at = await client.get(keys.looked(env));
			return at === null ? undefined : Number(at);
		},
		async setLookedUntil(env: string, at: number): Promise<void> {
			await client.set(keys.looked(env), at);
		},
		async waitNoMore(env: string, { entry }: Waiting): Promise<void> {
			await client.zrem(keys.waiting(env), entry);
		},
		/** Which incidents wait for each of these tasks to go well, whatever the run. */
		async waitingFor(
			env: string,
			tasks: readonly Pick<FailedTry, 'dag' | 'task' | 'mapIndex'>[],
		): Promise<readonly (readonly string[])[]> {
			if (tasks.length === 0) return [];
			const found = await client.mget(...tasks.map((task) => keys.line(env, lineId(task))));
			// The list is cut by length: its last id may be half of one.
			return found.map((ids) => ids?.split(',').filter((id) => id.length === 12) ?? []);
		},
	};
}
