import { z } from 'zod';
import type { ClearRequest, TaskInstance } from '../../src/domain/airflow.ts';
import type { CommandContext } from '../define.ts';

/** More task instances are cleared in Airflow, where they can be looked through. */
export const MOST_TARGETS = 5000;

/** One task instance as it was shown. */
export type Target = Pick<TaskInstance, 'task' | 'mapIndex' | 'tryNumber' | 'state'>;

const planSchema = z.object({
	v: z.literal(1),
	verb: z.literal('rerun'),
	env: z.string(),
	request: z.object({
		dag: z.string(),
		run: z.string(),
		tasks: z.array(z.string()).optional(),
		mapIndex: z.number().int().optional(),
		onlyFailed: z.boolean(),
		downstream: z.boolean(),
	}),
	/** Sorted; never empty. */
	targets: z.array(
		z.object({ task: z.string(), mapIndex: z.number().int(), tryNumber: z.number().int(), state: z.string() }),
	),
	/** Set apart from the same question asked before, which was closed without an effect that could be seen. */
	again: z.string().optional(),
});

/** What was shown: exactly this is cleared, or nothing. */
export type RerunPlan = z.output<typeof planSchema>;

export function readPlan(text: string | undefined): RerunPlan | undefined {
	if (text === undefined) return undefined;
	const read = planSchema.safeParse(JSON.parse(text));
	return read.success ? read.data : undefined;
}

/** The same question as before whose answer was lost without a trace is a new one: a person has asked again. */
export async function keepPlan(
	plan: RerunPlan,
	{ deps, typed }: Pick<CommandContext, 'deps' | 'typed'>,
): Promise<string> {
	const id = await deps.plans.keep(JSON.stringify(plan));
	const { kind } = await deps.plans.standing(id, typed.key);
	return kind === 'free' ? id : deps.plans.keep(JSON.stringify({ ...plan, again: typed.key }));
}

export type Wanted = {
	task?: string | undefined;
	mapIndex?: number | undefined;
	downstream: boolean;
};

export const FAILED: ReadonlySet<string> = new Set(['failed', 'upstream_failed']);

/**
 * What Airflow is to clear: without a task the failed ones of the run; with one, those of its instances that failed, or all of
 * them when none did. `downstream`: with everything after them, whatever its state. Undefined: nothing failed, none is named.
 */
export function requestFor(
	at: { dag: string; run: string },
	wanted: Wanted,
	instances: readonly TaskInstance[],
): ClearRequest | undefined {
	const { task, mapIndex, downstream } = wanted;
	if (task === undefined) {
		const failed = instances.filter(({ state }) => FAILED.has(state));
		if (failed.length === 0) return undefined;
		if (!downstream) return { ...at, onlyFailed: true, downstream };
		return { ...at, tasks: [...new Set(failed.map((one) => one.task))].sort(), onlyFailed: false, downstream };
	}
	const named = instances.filter(
		(one) => one.task === task && (mapIndex === undefined || one.mapIndex === mapIndex) && FAILED.has(one.state),
	);
	return {
		...at,
		tasks: [task],
		...(mapIndex === undefined ? {} : { mapIndex }),
		onlyFailed: !downstream && named.length > 0,
		downstream,
	};
}

/** Clearing one that has not begun changes nothing that could be seen or lost. */
const UNTOUCHED: ReadonlySet<string> = new Set(['none', 'removed']);

export function targetsOf(clearable: readonly TaskInstance[]): Target[] {
	return clearable
		.filter(({ state }) => !UNTOUCHED.has(state))
		.map(({ task, mapIndex, tryNumber, state }) => ({ task, mapIndex, tryNumber, state }))
		.sort((a, b) => (a.task < b.task ? -1 : a.task > b.task ? 1 : a.mapIndex - b.mapIndex));
}

/** The same task instances, in the same try and state. */
export function same(a: readonly Target[], b: readonly Target[]): boolean {
	return JSON.stringify(a) === JSON.stringify(b);
}

/** Once cleared, these have left their state or have a higher try number, for good. */
const TELLING: ReadonlySet<string> = new Set(['failed', 'success']);
/** These may come back as they were without a try of their own; that one has moved still tells. */
const WEAK: ReadonlySet<string> = new Set(['upstream_failed', 'skipped']);

/**
 * Whether the clear took effect, by what stands now. Airflow clears all or none of them in one transaction. False as well when
 * none of them could tell: what ran or waited moves on by itself.
 */
export function isCleared(targets: readonly Target[], now: readonly TaskInstance[]): boolean {
	const byName = new Map(now.map((one) => [`${one.task} ${one.mapIndex}`, one]));
	const moved = (among: ReadonlySet<string>): boolean[] =>
		targets.flatMap(({ task, mapIndex, tryNumber, state }) => {
			const found = byName.get(`${task} ${mapIndex}`);
			return found && among.has(state) ? [found.tryNumber > tryNumber || found.state !== state] : [];
		});
	const strong = moved(TELLING);
	return strong.length > 0 ? strong.every(Boolean) : moved(WEAK).some(Boolean);
}
