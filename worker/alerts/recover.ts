import { randomUUID } from 'node:crypto';
import { isBad } from '../../src/alerts/fold.ts';
import { lineId, memberId, runHash } from '../../src/alerts/ids.ts';
import type { IncidentEvent } from '../../src/alerts/incident.ts';
import type { Reading, Waiting } from '../../src/clients/incidents.ts';
import type { Airflow, DagRun, TaskInstance } from '../../src/domain/airflow.ts';
import { Trouble } from '../../src/domain/errors.ts';
import type { Wires } from '../wires.ts';
import { cardsDue } from './due.ts';

/** How often it is looked at, at most; each look is a few calls, however many DAGs and failures there are. */
export const EVERY_MS = 10_000;
const LEASE_MS = 60_000;
/** Runs whose tasks are asked for in one look, and in one call. */
const RUNS = 60;
const RUNS_A_CALL = 20;
const PAGES = 3;
/** What failed long ago is looked at less often. */
const SELDOM_MS = 10 * 60_000;
/** Airflow writes a row a moment before others see it. */
const OVERLAP_MS = 30_000;
/** Is the run still there? Asked of so many in a look, once it has been failing for so long. */
const GONE_ASKED = 2;
const GONE_AFTER_MS = 5 * 60_000;
/** An incident of which nothing was heard for so long is no longer followed. */
const STALE_MS = 7 * 24 * 3600_000;
const ONCE_MS = 24 * 3600_000;
const TIDY_MS = 60_000;

type Round = { env: string; airflow: Airflow; wires: Wires; readings: Map<string, Reading | undefined> };

/**
 * Whether what failed has gone well since: by its own retry or rerun, by a person's mark, or in a later run. Constant calls: the
 * runs that wait in turn, and the runs of all DAGs that ended since the last look.
 */
export async function recover(env: string, wires: Wires): Promise<void> {
	const { deps } = wires;
	const { incidents, log } = deps;
	if (!deps.environments.includes(env)) {
		await wires.work.unschedule('chores', `recover-${env}`);
		return;
	}
	const holder = randomUUID();
	if (!(await incidents.hold(`recover:${env}`, holder, LEASE_MS))) return;
	try {
		if (await deps.store.take(`tidy:${env}`, TIDY_MS)) await tidy(env, wires);
		const waiting = await incidents.waitingDags(env);
		if (waiting.size === 0) return;
		const round: Round = { env, airflow: deps.airflow(env), wires, readings: new Map() };
		await ownRuns(round);
		await laterRuns(round, waiting);
	} catch (error) {
		if (!(error instanceof Trouble)) throw error;
		// The watch tells that Airflow cannot be read.
		log.warn({ env, label: error.label }, 'recoveries not looked for');
	} finally {
		await incidents.release(`recover:${env}`, holder);
	}
}

/** Tasks of the very runs in which something failed. */
async function ownRuns(round: Round): Promise<void> {
	const { env, airflow, wires } = round;
	const { incidents, now } = wires.deps;
	const due = await incidents.dueRuns(env, now(), RUNS);
	let asked = 0;
	for (let at = 0; at < due.length; at += RUNS_A_CALL) {
		const some = due.slice(at, at + RUNS_A_CALL);
		const readings = await Promise.all(some.map(({ incident }) => readingOf(incident, round)));
		const since = Math.min(...readings.map((one) => one?.ledger.since ?? now()));
		const well = await tasksOf(some, new Date(since).toISOString(), airflow);
		for (const [place, one] of some.entries()) {
			const reading = readings[place];
			const mine = well.filter(({ dag, run }) => dag === one.dag && run === one.run);
			const events = reading ? mine.flatMap((task) => passOf(task, reading, now())) : [];
			if (reading && events.length > 0) await noteAll(reading, events, round);
			else if (reading && asked < GONE_ASKED && now() - reading.ledger.badAt > GONE_AFTER_MS) {
				asked++;
				if (await goneFrom(one, reading, round)) continue;
			}
			await nextLook(one, round);
		}
	}
}

async function nextLook(one: Waiting, round: Round): Promise<void> {
	const { incidents, now } = round.wires.deps;
	const ledger = (await readingOf(one.incident, round))?.ledger;
	const run = runHash(one);
	const bad = ledger && Object.values(ledger.members).some((member) => member.run === run && isBad(ledger, member));
	if (!ledger || !bad) return incidents.waitNoMore(round.env, one);
	const age = now() - ledger.badAt;
	await incidents.lookAgainAt(round.env, one, now() + Math.min(Math.max(age / 20, EVERY_MS - 500), SELDOM_MS));
}

/** True: the run was deleted, and nothing of it can recover any more. */
async function goneFrom(one: Waiting, reading: Reading, round: Round): Promise<boolean> {
	const { airflow, env, wires } = round;
	const { incidents, now } = wires.deps;
	if ((await airflow.run(one.dag, one.run)) !== undefined) return false;
	const { ledger } = reading;
	const run = runHash(one);
	const members = Object.values(ledger.members).filter((member) => member.run === run && isBad(ledger, member));
	const tries = await incidents.triesAt(
		one.incident,
		members.flatMap(({ ev }) => (ev === undefined ? [] : [ev])),
	);
	await noteAll(
		reading,
		tries.map(({ dag, run: name, task, mapIndex, again }) => ({
			kind: 'gone',
			at: now(),
			dag,
			run: name,
			task,
			mapIndex,
			...(again === undefined ? {} : { again }),
		})),
		round,
	);
	await incidents.waitNoMore(env, one);
	return true;
}

/** Later runs of the same DAGs: what fails every night is well again when the next night's run is. */
async function laterRuns(round: Round, waiting: ReadonlySet<string>): Promise<void> {
	const { env, airflow, wires } = round;
	const { incidents, now } = wires.deps;
	const until = now() + (airflow.clockAheadMs() ?? 0);
	const since = (await incidents.lookedUntil(env)) ?? until - 10 * 60_000;
	const runs: DagRun[] = [];
	for (let page = 0, total = 1; page < 10 && runs.length < total; page++) {
		const asked = new Date(since - OVERLAP_MS).toISOString();
		const found = await airflow.changedRuns({ states: ['success', 'failed'], since: asked, offset: runs.length });
		runs.push(...found.items);
		total = found.items.length === 0 ? 0 : found.total;
	}
	const theirs = runs.filter(({ dag }) => waiting.has(dag));
	for (let at = 0; at < theirs.length; at += RUNS_A_CALL) {
		const some = theirs.slice(at, at + RUNS_A_CALL);
		const begun = Math.min(...some.map((run) => Date.parse(run.startedAt ?? run.endedAt ?? '') || until));
		const well = await tasksOf(some, new Date(begun).toISOString(), airflow);
		const ids = await incidents.waitingFor(env, well);
		const events = new Map<Reading, IncidentEvent[]>();
		for (const [place, task] of well.entries())
			for (const id of ids[place] ?? []) {
				const reading = await readingOf(id, round);
				const found = reading ? passOf(task, reading, now()) : [];
				if (reading && found.length > 0) events.set(reading, [...(events.get(reading) ?? []), ...found]);
			}
		for (const [reading, all] of events) await noteAll(reading, all, round);
	}
	await incidents.setLookedUntil(env, until);
}

async function tasksOf(
	runs: readonly { dag: string; run: string }[],
	since: string,
	airflow: Airflow,
): Promise<TaskInstance[]> {
	const found: TaskInstance[] = [];
	for (let page = 0, total = 1; page < PAGES && found.length < total; page++) {
		const answer = await airflow.tasksOfRuns({ runs, states: ['success'], since, offset: found.length });
		found.push(...answer.items);
		total = answer.items.length === 0 ? 0 : answer.total;
	}
	return found;
}

/** The event, when it says something that is not known. */
function passOf(task: TaskInstance, { ledger }: Reading, at: number): IncidentEvent[] {
	const { dag, run, task: name, mapIndex, tryNumber, startedAt, endedAt } = task;
	const event: IncidentEvent = { kind: 'passed', at, dag, run, task: name, mapIndex, tryNumber, startedAt, endedAt };
	const own = ledger.members[memberId({ dag, run, task: name, mapIndex })];
	if (own && isBad(ledger, own) && tryNumber >= own.n) return [event];
	const line = lineId({ dag, task: name, mapIndex });
	const hash = runHash({ dag, run });
	const began = Date.parse(startedAt ?? endedAt ?? '');
	const helps = Object.values(ledger.members).some(
		(member) =>
			member.line === line && (member.run !== hash || member.again) && isBad(ledger, member) && began > member.at,
	);
	return helps ? [event] : [];
}

async function readingOf(id: string, { wires, readings }: Round): Promise<Reading | undefined> {
	if (!readings.has(id)) readings.set(id, await wires.deps.incidents.read(id));
	return readings.get(id);
}

async function noteAll({ id }: Reading, events: readonly IncidentEvent[], { wires, readings }: Round): Promise<void> {
	const noted = await wires.deps.incidents.note(id, events);
	readings.delete(id);
	if (noted?.due) await cardsDue(wires, noted);
}

/** What fell between two steps when a worker died, and what nobody has heard of for a week. */
async function tidy(env: string, wires: Wires): Promise<void> {
	const { incidents, now, log } = wires.deps;
	for (const incident of await incidents.open(env)) {
		const { id, rev } = incident;
		// An operation that failed has no end of its own.
		const once = incident.condition?.kind === 'operation-failed' && incident.counts.tries === 0;
		if (now() - incident.heardAt > (once ? ONCE_MS : STALE_MS)) {
			log.info({ incident: id, env }, 'incident no longer followed');
			const noted = await incidents.note(id, [{ kind: 'stale', at: now() }]);
			if (noted) await cardsDue(wires, noted);
		} else if (await incidents.isDue(id)) await cardsDue(wires, { id, rev });
	}
}
