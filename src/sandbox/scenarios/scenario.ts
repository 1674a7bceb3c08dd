import type { Place, Stage } from './stage.ts';
import type { WorldDag } from '../world/physics.ts';

/** A story: what the world is like, and what is run in it. It names no failure; what happens follows from the world. */
export type Scenario = {
	id: string;
	/** Where it can happen. */
	places: readonly Place[];
	/** The DAG one asks about. */
	dag: string;
	/** What of it one asks about; default: its failed task. `file`: why it does not import. `operation`: the environment's last one. */
	asks?: 'task' | 'file' | 'operation';
	/** Before anything runs. */
	setUp(stage: Stage): void | Promise<void>;
	/** What happens; default: a run of the DAG. */
	happens?(stage: Stage): Promise<void>;
};

export const py = (
	id: string,
	minutes: number,
	more: Partial<WorldDag['tasks'][number]> = {},
): WorldDag['tasks'][number] => ({
	id,
	operator: 'PythonOperator',
	ms: minutes * 60_000,
	...more,
});

export const dag = (id: string, tasks: WorldDag['tasks'], more: Partial<WorldDag> = {}): WorldDag => ({
	id,
	owner: 'data-platform',
	tags: [],
	file: `${id}.py`,
	tasks,
	...more,
});
