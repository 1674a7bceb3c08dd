import type { SandboxAirflow, SimDag, SimTask } from '../../src/sandbox/airflow/types.ts';

/** How a DAG of the fault run fails: its task, and how many failed tries one run of it makes. */
type Kind = { name: string; tries: number; task: Partial<SimTask> };

const raises = (n: number) => ({
	raises: {
		type: n % 3 === 0 ? 'ValueError' : n % 3 === 1 ? 'KeyError' : 'google.api_core.exceptions.NotFound',
		message: `part ${n} of the input is missing`,
		line: 20 + n,
		function: `load_${n}`,
	},
});

const KINDS: readonly Kind[] = [
	{ name: 'last', tries: 1, task: {} },
	// Over before any poll sees it: a retry after a few milliseconds that succeeds.
	{ name: 'blink', tries: 1, task: { retries: 1, retryDelayMs: 20 } },
	{ name: 'twice', tries: 2, task: { retries: 2, retryDelayMs: 900 } },
	{ name: 'never', tries: 3, task: { retries: 2, retryDelayMs: 300 } },
	{ name: 'mapped', tries: 3, task: { mapped: 3 } },
	{ name: 'killed', tries: 1, task: {} },
];
const EACH = 4;

function endings(kind: Kind, n: number): NonNullable<SimTask['endings']> {
	if (kind.name === 'killed') return ['killed'];
	if (kind.name === 'blink') return [raises(n), 'success'];
	if (kind.name === 'twice') return [raises(n), 'no-log', 'success'];
	return [raises(n)];
}

export type FailingDag = { dag: SimDag; tries: number };

/** So many kinds of failure, each in a few DAGs, so that they make many incidents and not one. */
export const failingDags: readonly FailingDag[] = KINDS.flatMap((kind, at) =>
	Array.from({ length: EACH }, (_, n) => ({
		tries: kind.tries,
		dag: {
			id: `${kind.name}_${n}`,
			owner: 'chaos',
			tags: [],
			file: `${kind.name}_${n}.py`,
			maxActiveRuns: 1000,
			tasks: [{ id: 'work', operator: 'PythonOperator', ms: 60, ...kind.task, endings: endings(kind, at * EACH + n) }],
		},
	})),
);

/** Which DAGs to run so that exactly so many tries fail, in a mixed order. */
export function planFailures(tries: number, random: () => number): SimDag[] {
	const plan: SimDag[] = [];
	for (let left = tries; left > 0;) {
		const fitting = failingDags.filter((one) => one.tries <= left);
		const one = fitting[Math.floor(random() * fitting.length)];
		if (!one) throw new Error('nothing fails once');
		plan.push(one.dag);
		left -= one.tries;
	}
	return plan;
}

export type Try = { dag: string; run: string; task: string; mapIndex: number; tryNumber: number };

/** Every try that ended in failure, by the stand-in's own list. */
export function failedTries(airflow: SandboxAirflow): Try[] {
	return airflow.runs().flatMap(({ dag, run, tasks }) =>
		tasks.flatMap((one) => {
			const past = one.past.filter(({ state }) => state === 'failed').map(({ tryNumber }) => tryNumber);
			const now = one.state === 'failed' || one.state === 'up_for_retry' ? [one.tryNumber] : [];
			return [...new Set([...past, ...now])].map((tryNumber) => ({
				dag,
				run,
				task: one.task.id,
				mapIndex: one.mapIndex,
				tryNumber,
			}));
		}),
	);
}

export const nameOf = ({ dag, run, task, mapIndex, tryNumber }: Try): string =>
	`${dag}.${task}${mapIndex < 0 ? '' : `[${mapIndex}]`} ${run} #${tryNumber}`;
