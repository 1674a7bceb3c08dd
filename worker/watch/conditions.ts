import { z } from 'zod';
import { changes } from '../../src/alerts/watch-conditions.ts';
import type { Open, Seen } from '../../src/alerts/watch-conditions.ts';
import { jobIdOf } from '../../src/clients/queue.ts';
import { mask } from '../../src/domain/mask.ts';
import { conditionJob } from '../jobs.ts';
import type { ConditionJob } from '../jobs.ts';
import type { Round } from './round.ts';

export type Kind = ConditionJob['kind'];
export type SeenCondition = Seen<Kind>;

const kindSchema = conditionJob.shape.kind;
const openSchema = z.object({
	kind: kindSchema,
	key: z.string(),
	since: z.string(),
	facts: z.record(z.string(), z.string()),
	dag: z.string().optional(),
	run: z.string().optional(),
	task: z.string().optional(),
	mapIndex: z.number().optional(),
	tryNumber: z.number().optional(),
	silent: z.boolean().optional(),
});

/** Facts that are kept for the end: a stack trace is not said twice. */
const KEPT_FACT = 300;

export type Told = {
	/** What this look is about: open ones of these kinds that it did not see are over. */
	kinds: readonly Kind[];
	seen: readonly SeenCondition[];
	/** Over whether or not their kind was looked at. */
	over?: readonly { kind: Kind; key: string }[];
	/** What is there now was there before: it is only noted, so that its end is no news either. */
	silent?: boolean;
};

export const conditionId = ({ kind, key }: { kind: string; key: string }): string => `${kind} ${key}`;

/** Adds a job for each condition that began or is over, then notes it. A crash in between repeats the same jobs. */
export async function tell(round: Round, { kinds, seen, over = [], silent = false }: Told): Promise<void> {
	const { env, wires } = round;
	const { watching, log } = wires.deps;
	const open: Open<Kind>[] = [];
	for (const text of (await watching.conditions(env)).values()) {
		const read = openSchema.safeParse(JSON.parse(text));
		if (read.success) open.push(read.data);
	}
	const found = changes(kinds, open, seen);
	const named = new Set(over.map(conditionId));
	const ended = [...found.over, ...open.filter((one) => named.has(conditionId(one)) && !found.over.includes(one))];
	const job = (one: Open<Kind>, isOver: boolean) => ({
		id: jobIdOf('condition', env, one.kind, one.key, one.since, isOver ? 'over' : 'begun'),
		data: {
			v: 1,
			env,
			...one,
			facts: masked(one.facts),
			over: isOver,
			seenAt: wires.deps.now(),
		} satisfies ConditionJob & {
			silent?: boolean | undefined;
		},
	});
	const jobs = [
		...(silent ? [] : found.begun.map((one) => job(one, false))),
		...ended.filter((one) => !one.silent).map((one) => job(one, true)),
	];
	if (jobs.length > 0) {
		await wires.work.addAll('conditions', jobs);
		log.info({ env, begun: found.begun.map(conditionId), over: ended.map(conditionId) }, 'conditions changed');
	}
	for (const one of found.begun) await watching.open(env, conditionId(one), JSON.stringify({ ...short(one), silent }));
	for (const one of ended) await watching.over(env, conditionId(one));
}

/** Foreign text on its way into Redis and to people. */
function masked(facts: SeenCondition['facts']): Record<string, string> {
	return Object.fromEntries(Object.entries(facts).map(([name, value]) => [name, mask(value)]));
}

function short(one: SeenCondition): SeenCondition {
	const facts = Object.fromEntries(Object.entries(one.facts).map(([name, value]) => [name, value.slice(0, KEPT_FACT)]));
	return { ...one, facts };
}
