import { z } from 'zod';
import type { FailedTry } from '../../src/alerts/incident.ts';
import { Trouble } from '../../src/domain/errors.ts';
import type { CommandContext, CommandResult } from '../define.ts';
import { actOf, rerunOnIncidents } from './act-on-incident.ts';
import { stale } from './change-once.ts';
import { incidentInReach } from './incident-in-reach.ts';
import { noteOnRun } from './note-on-run.ts';
import { askReply, doneReply, nothingLeft, unfinished } from './rerun-incident-message.ts';
import { rerunOnce, type Rerun } from './rerun-once.ts';
import { FAILED, keepPlan, MOST_TARGETS, readPlan, requestFor, targetsOf, type RerunPlan } from './rerun-plan.ts';
import { quoteWord } from './words.ts';

export type OfIncident = {
	incident: string;
	/** What was confirmed. */
	plan: string | undefined;
};

/** Runs that one click clears: as many as a message lists. */
const MOST_RUNS = 50;
/** Runs that are asked about to find those: each is a call to Airflow. */
const MOST_ASKED = 200;
const AT_ONCE = 5;

const wholeSchema = z.object({
	v: z.literal(1),
	verb: z.literal('rerun incident'),
	env: z.string(),
	incident: z.string(),
	/** Of each run, the plan that was shown. */
	plans: z.array(z.string()),
	/** Runs that were not among them. */
	left: z.number().int(),
});

/** Every run in which something of an incident still fails: each is a plan of its own, cleared once and only as it was shown. */
export function rerunIncident({ incident, plan }: OfIncident, context: CommandContext): Promise<CommandResult> {
	return plan === undefined ? ask(incident, context) : carryOut(incident, plan, context);
}

/** The dry runs: nothing is changed. */
async function ask(id: string, context: CommandContext): Promise<CommandResult> {
	const { deps, env, asker, may } = context;
	const { lang } = asker;
	await incidentInReach(id, { role: 'operator', every: false }, context);
	const failed = await deps.incidents.stillBad(id);
	const runs = [...Map.groupBy(failed, ({ dag, run }) => JSON.stringify([dag, run])).values()];
	const mine = runs.filter(([one]) => one && may('operator', one.dag));
	const { plans, asked } = await plansFor(mine, context);
	const left = mine.length - asked;
	const hidden = runs.length - mine.length;
	if (plans.length === 0) return { reply: nothingLeft({ left, hidden, lang }) };
	const ids: string[] = [];
	for (const one of plans) ids.push(await keepPlan(one, context));
	const whole: z.output<typeof wholeSchema> = { v: 1, verb: 'rerun incident', env, incident: id, plans: ids, left };
	return {
		reply: askReply({
			plans,
			paused: await pausedAmong(plans, context),
			left,
			hidden,
			words: `incident:${id} --plan ${await deps.plans.keep(JSON.stringify(whole))} --env ${quoteWord(env)}`,
			env: deps.environments.length > 1 ? env : undefined,
			lang,
		}),
	};
}

/** The oldest first, as many as one click may clear. `asked`: how many runs were looked at. */
async function plansFor(
	runs: readonly (readonly FailedTry[])[],
	context: CommandContext,
): Promise<{ plans: RerunPlan[]; asked: number }> {
	const plans: RerunPlan[] = [];
	let targets = 0;
	let asked = 0;
	while (asked < Math.min(runs.length, MOST_ASKED)) {
		const some = runs.slice(asked, asked + AT_ONCE);
		const found = await Promise.all(some.map((tries) => planFor(tries, context)));
		for (const plan of found) {
			if (plan && (plans.length === MOST_RUNS || targets + plan.targets.length > MOST_TARGETS)) return { plans, asked };
			asked++;
			if (!plan) continue;
			plans.push(plan);
			targets += plan.targets.length;
		}
	}
	return { plans, asked };
}

/** What failed in one run, as long as one of these tries is still how it stands. Undefined: nothing is to be rerun. */
async function planFor(tries: readonly FailedTry[], { deps, env }: CommandContext): Promise<RerunPlan | undefined> {
	const [first] = tries;
	if (!first) return undefined;
	const { dag, run } = first;
	const airflow = deps.airflow(env);
	const instances = await airflow.taskInstances(dag, run);
	const stands = instances.some(
		(one) =>
			FAILED.has(one.state) &&
			tries.some((was) => was.task === one.task && was.mapIndex === one.mapIndex && was.tryNumber === one.tryNumber),
	);
	const request = stands ? requestFor({ dag, run }, { downstream: false }, instances) : undefined;
	if (!request) return undefined;
	const targets = targetsOf(await airflow.clearable(request));
	if (targets.length === 0) return undefined;
	return { v: 1, verb: 'rerun', env, request: { ...request, tasks: undefined }, targets };
}

async function pausedAmong(plans: readonly RerunPlan[], { deps, env }: CommandContext): Promise<string[]> {
	const dags = [...new Set(plans.map(({ request }) => request.dag))];
	const paused: string[] = [];
	for (let at = 0; at < dags.length; at += AT_ONCE) {
		const some = dags.slice(at, at + AT_ONCE);
		const found = await Promise.all(some.map((dag) => deps.airflow(env).dag(dag)));
		paused.push(...some.filter((_, place) => found[place]?.paused));
	}
	return paused;
}

/** What became of one run. */
export type OneRun = { plan: RerunPlan; outcome: Rerun['kind'] | 'not theirs' | 'refused' };

async function carryOut(id: string, planId: string, context: CommandContext): Promise<CommandResult> {
	const { deps, env, typed, asker } = context;
	const { lang } = asker;
	const text = await deps.plans.load(planId);
	const whole = wholeSchema.safeParse(text === undefined ? undefined : JSON.parse(text));
	if (!whole.success || whole.data.env !== env || whole.data.incident !== id) throw stale();
	const { plans, left } = whole.data;
	const { runs, waiting } = await clearEach(plans, context);
	if (waiting) throw unfinished(waiting, runs, plans.length);
	const cleared = runs.filter(({ outcome }) => outcome === 'cleared').map(({ plan }) => plan);
	for (const plan of cleared) await tell(plan, id, context);
	const [first] = cleared;
	if (first) {
		const { dag, run } = first.request;
		await deps.incidents.act(id, { ...actOf(context), kind: 'rerun', dag, run, runs: cleared.length, left });
		deps.log.info({ env, incident: id, runs: cleared.length, user: typed.user }, 'runs of an incident cleared');
	}
	const dags = new Set(runs.map(({ plan }) => plan.request.dag));
	return {
		reply: doneReply({ runs, by: asker.name, left, words: `incident:${id} --env ${quoteWord(env)}`, lang }),
		act: {
			...(dags.size === 1 ? { dag: runs[0]?.plan.request.dag } : {}),
			what: `incident:${id}: ${cleared.length} runs`,
			result: runs.some(({ outcome }) => outcome === 'not seen') ? 'unknown' : first ? 'done' : 'nothing',
		},
		...(first ? { card: id } : {}),
	};
}

/**
 * Each run by itself: one that has changed, or that Airflow refuses, is no reason to leave out the others. `waiting`: why it is not
 * known yet what became of one. Carried out again with the same key, what was cleared before is not cleared a second time.
 */
async function clearEach(
	ids: readonly string[],
	context: CommandContext,
): Promise<{ runs: OneRun[]; waiting: Trouble | undefined }> {
	const { deps, env, typed, asker, may } = context;
	const airflow = deps.airflow(env);
	const runs: OneRun[] = [];
	let waiting: Trouble | undefined;
	for (const id of ids) {
		const plan = readPlan(await deps.plans.load(id));
		if (!plan || plan.env !== env) throw stale();
		if (!may('operator', plan.request.dag)) {
			runs.push({ plan, outcome: 'not theirs' });
			continue;
		}
		try {
			const by = { key: typed.key, name: asker.name };
			const { kind } = await rerunOnce(plan, id, by, { airflow, plans: deps.plans, now: () => deps.now() });
			runs.push({ plan, outcome: kind });
		} catch (error) {
			if (!(error instanceof Trouble) || error.kind === 'bug') throw error;
			if (error.kind !== 'upstream') runs.push({ plan, outcome: 'refused' });
			else {
				waiting ??= error;
				// Of the next ones no answer would come either; a single one that was lost holds up nothing.
				if (error.outcome !== 'unknown') break;
			}
		}
	}
	return { runs, waiting };
}

/** Where else it is said who did it: the run's note, the cards of other incidents that these tries belong to. */
async function tell({ request: { dag, run }, targets }: RerunPlan, id: string, context: CommandContext): Promise<void> {
	const { deps, env, typed, asker } = context;
	const airflow = deps.airflow(env);
	deps.log.info({ env, dag, run, tasks: targets.length, user: typed.user }, 'dag run cleared');
	await rerunOnIncidents({ dag, run }, targets, context, id);
	try {
		const found = await airflow.run(dag, run);
		const en = `${targets.length} task instance(s) cleared`;
		if (found) await noteOnRun(airflow, found, { en, by: asker.name, key: typed.key, log: deps.log });
	} catch (error) {
		if (!(error instanceof Trouble)) throw error;
		deps.log.warn({ dag, run, label: error.label }, 'note of a run not written');
	}
}
