import { collect } from '../../src/collect.ts';
import type { Deps } from '../../src/deps.ts';
import { asEntries } from '../../src/diagnosis/hear.ts';
import type { Airflow } from '../../src/domain/airflow.ts';
import type { Environment } from '../../src/domain/environment.ts';
import { Trouble } from '../../src/domain/errors.ts';
import type { Failed, Gap, LogLine } from '../../src/domain/evidence.ts';
import type { Diagnosis } from '../../src/domain/rule.ts';
import type { Lang } from '../../src/domain/text.ts';

/** What the try wrote, wherever that is, and what it says. */
export type ReadTry = {
	log: Failed['log'];
	/** Undefined: there is nothing to read. */
	diagnosis: Diagnosis | undefined;
	/** Its entries in Cloud Logging, where they were asked for. */
	entries: readonly LogLine[] | undefined;
	gaps: readonly Gap[];
};

const LOG_WITHIN_MS = 8000;
const ENTRIES_WITHIN_MS = 5000;
/** The end of a log is what decides; more is only scanned. */
const LOG_BYTES = 8 * 1024 * 1024;

const LOG_MISSING = 'task-log-missing-worker-lost';

export type Place = { env: Environment; lang: Lang };

/**
 * The log as Airflow has it; where it has none, or only the beginning of it, the try's entries in Cloud Logging. `failed`: as
 * far as it is known before its log is read.
 */
export async function readTry(
	failed: Failed,
	{ lang, home }: { lang: Lang; home: Promise<Environment> },
	deps: Deps,
): Promise<ReadTry> {
	const [env, { text, gap }] = await Promise.all([home, readLog(deps.airflow(failed.env), failed)]);
	const gaps = gap ? [gap] : [];
	const place = { env, lang };
	const first = await diagnose(text, failed, place, deps);
	const missing = first === undefined || first.verdict === LOG_MISSING;
	const cut = text !== undefined && isCut(text);
	const sources = deps.sources(failed.env);
	if ((!missing && !cut) || !sources.taskEntries)
		return { log: missing ? 'missing' : 'there', diagnosis: first, entries: undefined, gaps };
	const asked = await collect(new Set(['taskEntries']), sources, failed, ENTRIES_WITHIN_MS);
	gaps.push(...asked.gaps);
	const entries = asked.seen.taskEntries;
	if (entries === undefined || entries.length === 0)
		return { log: missing ? 'missing' : 'there', diagnosis: first, entries, gaps };
	const before = missing || text === undefined ? '' : `${text.trimEnd()}\n`;
	const read = await diagnose(before + asEntries(entries), failed, place, deps);
	return {
		log: missing ? 'elsewhere' : 'there',
		diagnosis: read && fromEntries(read, entries, before === '' ? 0 : before.split('\n').length - 1),
		entries,
		gaps,
	};
}

/** Composer's handler under Airflow 3 reads one page of Cloud Logging, the first, and calls it the end. Source: its fork of Airflow. */
const PAGE = 1000;

/** Airflow shows the beginning of it only. */
export function isCut(text: string): boolean {
	if (!text.slice(0, 4000).includes('Reading logs from Cloud Logging using filter')) return false;
	let lines = 1;
	for (let at = text.trimEnd().indexOf('\n'); at >= 0 && lines < PAGE; at = text.indexOf('\n', at + 1)) lines++;
	return lines >= PAGE;
}

/** Lines behind `before` are entries: their time says where to look, not their number. */
function fromEntries(diagnosis: Diagnosis, entries: readonly LogLine[], before: number): Diagnosis {
	return {
		...diagnosis,
		findings: diagnosis.findings.map((finding) => ({
			...finding,
			evidence: finding.evidence.map((each) =>
				each.line <= before
					? each
					: { ...each, source: 'taskEntries' as const, at: entries[each.line - before - 1]?.at },
			),
		})),
	};
}

async function diagnose(
	text: string | undefined,
	{ dag, task, tryNumber }: Failed,
	{ env, lang }: Place,
	deps: Deps,
): Promise<Diagnosis | undefined> {
	if (text === undefined || text.trim() === '') return undefined;
	return deps.readLog(new TextEncoder().encode(text), { env, lang, about: { dag, task, tryNumber } });
}

async function readLog(airflow: Airflow, key: Failed): Promise<{ text: string | undefined; gap?: Gap }> {
	const { promise, resolve } = Promise.withResolvers<undefined>();
	const timer = setTimeout(() => resolve(undefined), LOG_WITHIN_MS);
	try {
		const { dag, run, task, mapIndex, tryNumber } = key;
		const log = airflow.log({ dag, run, task, mapIndex, tryNumber }, LOG_BYTES).then((text) => ({ text }));
		const gap: Gap = { source: 'taskLog', because: 'timeout', say: LATE };
		return (await Promise.race([log, promise])) ?? { text: undefined, gap };
	} catch (error) {
		if (!(error instanceof Trouble)) throw error;
		const { kind, message, ja } = error;
		const say = { en: message, ja: ja?.message ?? message };
		return {
			text: undefined,
			gap: { source: 'taskLog', because: kind === 'denied' ? 'denied' : 'unavailable', say },
		};
	} finally {
		clearTimeout(timer);
	}
}

const LATE = { en: 'no answer in time', ja: '時間内に応答がありませんでした' };
