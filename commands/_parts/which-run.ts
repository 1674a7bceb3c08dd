import type { Airflow, DagRun, RunState } from '../../src/domain/airflow.ts';
import type { CommandContext } from '../define.ts';
import { tryMissing } from './try-missing.ts';
import { unknownDag } from './unknown-dag.ts';

/** The DAG is there. Trouble `user` with what may have been meant. */
export async function needDag(dag: string, context: CommandContext): ReturnType<Airflow['dag']> {
	const found = await context.deps.airflow(context.env).dag(dag);
	if (!found) throw await unknownDag(dag, context);
	return found;
}

/**
 * The run that is meant: the one named, `latest`, or without a word the newest in one of these states. Undefined: nothing was
 * named, and there is none. Trouble `user`: the one named is not there.
 */
export async function whichRun(
	airflow: Airflow,
	dag: string,
	named: string | undefined,
	states: readonly RunState[],
): Promise<DagRun | undefined> {
	if (named === undefined || named === 'latest') {
		const [newest] = await airflow.runs(dag, { limit: 1, ...(named === undefined ? { state: states } : {}) });
		return newest;
	}
	const found = await airflow.run(dag, named);
	if (!found) throw tryMissing({ kind: 'no run' }, { dag, run: named });
	return found;
}
