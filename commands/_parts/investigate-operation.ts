import { collect } from '../../src/collect.ts';
import type { Deps } from '../../src/deps.ts';
import { candidates, wanted } from '../../src/diagnosis/candidate.ts';
import { verify, type Verdict } from '../../src/diagnosis/verify.ts';
import type { Failed, SourceName } from '../../src/domain/evidence.ts';
import type { Lang } from '../../src/domain/text.ts';
import { rules } from '../../src/rules/index.ts';
import { homeOf } from './home.ts';

export type FailedOperation = {
	/** Google's own words. */
	error: string;
	/** ISO 8601. */
	startedAt?: string | undefined;
	endedAt?: string | undefined;
};

const WITHIN_MS = 8000;
/** About one try, of which there is none here. */
const OF_A_TRY: ReadonlySet<SourceName> = new Set<SourceName>([
	'taskInstance',
	'dagRun',
	'taskInstances',
	'tries',
	'dag',
	'eventLog',
	'taskEntries',
	'workerLog',
	'kubernetesEvents',
]);

/**
 * Why an operation on the environment failed: its error is read by the same rules as a log, and what they ask for of the
 * environment, its accounts and its policies is read in one round. Throws Trouble when the reader of logs does not answer.
 */
export async function investigateOperation(
	{ error, startedAt, endedAt }: FailedOperation,
	env: string,
	lang: Lang,
	deps: Deps,
): Promise<Verdict> {
	const home = await homeOf(env, deps);
	const diagnosis = await deps.readLog(new TextEncoder().encode(error), {
		lang,
		env: home.env,
		about: { kind: 'operation' },
	});
	const failed: Failed = {
		env,
		dag: '',
		run: '',
		task: '',
		mapIndex: -1,
		tryNumber: 0,
		state: 'failed',
		ofTries: 1,
		startedAt,
		endedAt,
		log: 'there',
		told: diagnosis.findings.map(({ cause }) => cause),
		generation: home.env.generation,
		now: deps.now(),
	};
	// Nobody suspects itself here: an operation always says something.
	const told = candidates(rules, diagnosis, failed).filter(({ finding }) => finding !== undefined);
	const reads = new Set([...wanted(told)].filter((name) => !OF_A_TRY.has(name)));
	const { seen, gaps } = await collect(reads, deps.sources(env), failed, WITHIN_MS);
	return verify({ diagnosis, candidates: told, failed, seen, gaps: [...home.gaps, ...gaps], env: home.env, lang });
}
