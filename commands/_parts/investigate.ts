import { collect, type Collected } from '../../src/collect.ts';
import type { Deps } from '../../src/deps.ts';
import { candidates, followed, wanted, type Candidate } from '../../src/diagnosis/candidate.ts';
import { spoken, withHeard } from '../../src/diagnosis/hear.ts';
import { subjectOf } from '../../src/diagnosis/subject.ts';
import { verify, type Verdict } from '../../src/diagnosis/verify.ts';
import type { DagRun, TaskInstance } from '../../src/domain/airflow.ts';
import type { Environment } from '../../src/domain/environment.ts';
import type { Failed, Gap, SourceName } from '../../src/domain/evidence.ts';
import type { Lang } from '../../src/domain/text.ts';
import { rules } from '../../src/rules/index.ts';
import { findTry, type Asked, type Missing } from './find-try.ts';
import { homeOf } from './home.ts';
import { readTry, type ReadTry } from './read-try.ts';

export type Investigation = {
	kind: 'verdict';
	failed: Failed;
	run: DagRun;
	verdict: Verdict;
	/** The task that was asked about waited for this one, which failed. */
	walkedFrom: string | undefined;
	/** It went well in a later try. */
	recovered: boolean;
};

const WAITING = new Set(['queued', 'scheduled', 'none']);

/** From the question to the answer, however slow the others are; what is not there by then is a gap. */
const WITHIN_MS = 14_000;
/** A round that begins late still gets this long. */
const LEAST_MS = 1500;
/** When the evidence takes longer than that, what the log says by itself is said first. */
const FIRST_WORD_MS = 2000;

/**
 * Finds the try, reads its log, asks the sources that the suspected causes want in one round, once more only about a host, pod or
 * account that the first round named, and judges. Calls: the run, its task instances, the log, and one for each source. Throws
 * Trouble when not even the run can be read. `soFar`: hears what the log says by itself when the evidence takes longer than two seconds.
 */
export async function investigate(
	asked: Asked,
	env: string,
	lang: Lang,
	deps: Deps,
	soFar?: (byLog: Investigation) => Promise<void>,
): Promise<Investigation | Missing> {
	const began = deps.now();
	const airflow = deps.airflow(env);
	const found = await findTry(asked, airflow, 'failed');
	if (found.kind !== 'try') return found;
	const { run, task, walkedFrom, tryNumber } = found;
	const past = tryNumber < task.tryNumber ? await airflow.tries({ ...task }) : [];
	const first = await firstLook({ env, run, task, tryNumber, past }, lang, deps);
	const judging = verdictOf(first, deps, began + WITHIN_MS);
	const known = { kind: 'verdict' as const, run, walkedFrom, recovered: task.state === 'success' };
	if (soFar && (await slow(judging, began + FIRST_WORD_MS - deps.now())))
		await soFar({ ...known, failed: first.failed, verdict: verdictByLog(first) });
	const { failed, verdict } = await judging;
	deps.measure.seconds('diagnosis', (deps.now() - began) / 1000, { env, status: verdict.status });
	return { ...known, failed, verdict };
}

async function slow(work: Promise<unknown>, ms: number): Promise<boolean> {
	const late = Promise.withResolvers<true>();
	const timer = setTimeout(() => late.resolve(true), Math.max(0, ms));
	try {
		return await Promise.race([work.then(() => false), late.promise]);
	} finally {
		clearTimeout(timer);
	}
}

/** What a try wrote, before anything else is asked. */
export type FirstLook = {
	failed: Failed;
	read: ReadTry;
	/** Where it happened; what of that could not be read is among the gaps. */
	place: Environment;
	gaps: readonly Gap[];
	lang: Lang;
};

/** Reads the log of a try and nothing else. `past`: its earlier tries, where the one that is meant is not the present one. */
export async function firstLook(
	{ env, run, task, tryNumber, past }: Omit<Known, 'that' | 'now'> & { past: readonly TaskInstance[] },
	lang: Lang,
	deps: Deps,
): Promise<FirstLook> {
	const that = past.find((one) => one.tryNumber === tryNumber) ?? task;
	const home = homeOf(env, deps);
	const before = toFailed({ env, run, task, that, tryNumber, now: deps.now() });
	const read: ReadTry = WAITING.has(that.state)
		? { log: 'missing', diagnosis: undefined, entries: undefined, gaps: [] }
		: await readTry(before, { lang, home: home.then((place) => place.env) }, deps);
	const place = await home;
	const { diagnosis } = read;
	const failed: Failed = {
		...before,
		...(diagnosis && subjectOf(diagnosis, place.env)),
		log: read.log,
		told: (diagnosis?.findings ?? []).map(({ cause }) => cause),
		generation: place.env.generation,
	};
	return { failed, read, place: place.env, gaps: [...read.gaps, ...place.gaps], lang };
}

/** Asks the sources that the suspected causes want, until `until` (epoch milliseconds) at the latest, and judges. */
export async function verdictOf(
	{ failed, read, place, gaps, lang }: FirstLook,
	deps: Deps,
	until = deps.now() + WITHIN_MS,
): Promise<{ failed: Failed; verdict: Verdict }> {
	const left = () => Math.max(LEAST_MS, until - deps.now());
	const round = await investigateRounds(failed, read, { env: place, lang, left }, deps);
	const verdict = verify({
		diagnosis: read.diagnosis,
		...round,
		gaps: [...gaps, ...round.gaps],
		env: place,
		lang,
	});
	return { failed: round.failed, verdict };
}

/** What its log says by itself; no source is asked. */
export function verdictByLog({ failed, read, place, gaps, lang }: FirstLook): Verdict {
	const { diagnosis } = read;
	const suspects = candidates(rules, diagnosis, failed);
	return verify({ diagnosis, candidates: suspects, failed, seen: {}, gaps, env: place, lang });
}

type Way = { env: Environment; lang: Lang; left: () => number };

type Round = Collected & { candidates: readonly Candidate[]; failed: Failed };

/** One round, and another about what it named: a third would only ask what is known. */
async function investigateRounds(
	failed: Failed,
	{ diagnosis, entries }: ReadTry,
	way: Way,
	deps: Deps,
): Promise<Round> {
	const suspects = candidates(rules, diagnosis, failed);
	const sources = deps.sources(failed.env);
	const reads = wanted(suspects);
	// Read with the log, once.
	if (entries) reads.delete('taskEntries');
	const first = await collect(reads, sources, failed, way.left());
	const seen = entries ? { ...first.seen, taskEntries: entries } : first.seen;
	const heard = await listen(suspects, { ...first, seen, failed }, [], way, deps);
	const more = followed(heard, seen, failed, way.env);
	if (!more) return { ...first, seen, candidates: heard, failed };
	const second = await collect(more.reads, sources, more.failed, way.left());
	const both = {
		...second,
		calls: first.calls + second.calls,
		seen: { ...seen, ...second.seen },
		gaps: [...first.gaps.filter(({ source }) => !more.reads.has(source as SourceName)), ...second.gaps],
		failed: more.failed,
	};
	return { ...both, candidates: await listen(heard, both, [...more.reads], way, deps) };
}

/** What the components said is read as a log of each; `only`: those that were read again. */
async function listen(
	suspects: readonly Candidate[],
	{ seen, failed }: Collected & { failed: Failed },
	only: readonly SourceName[],
	{ env, lang }: Pick<Way, 'env' | 'lang'>,
	deps: Deps,
): Promise<readonly Candidate[]> {
	let all = suspects.map((each) =>
		only.length === 0 ? each : { ...each, heard: each.heard.filter(({ source }) => !only.includes(source)) },
	);
	const { dag, task, tryNumber } = failed;
	for (const one of spoken(seen, failed)) {
		if (only.length > 0 && !only.includes(one.source)) continue;
		const about = { dag, task, tryNumber, kind: one.kind };
		const said = await deps.readLog(new TextEncoder().encode(one.log), { env, lang, about });
		all = withHeard(all, rules, one, said, failed);
	}
	return all;
}

type Known = {
	env: string;
	run: DagRun;
	task: TaskInstance;
	/** The task instance as that try left it. */
	that: TaskInstance;
	tryNumber: number;
	now: number;
};

function toFailed({ env, run, task, that, tryNumber, now }: Known): Failed {
	return {
		env,
		dag: task.dag,
		run: task.run,
		task: task.task,
		mapIndex: task.mapIndex,
		tryNumber,
		state: that === task ? task.state : 'failed',
		ofTries: Math.max(task.maxTries + 1, task.tryNumber),
		operator: task.operator,
		queuedAt: that.queuedAt,
		startedAt: that.startedAt,
		endedAt: that.endedAt,
		hostname: that.hostname,
		pool: task.pool,
		queue: task.queue,
		logicalDate: run.logicalDate,
		log: 'missing',
		told: [],
		now,
	};
}
