import type { Airflow, DagRun } from '../../src/domain/airflow.ts';
import { Trouble } from '../../src/domain/errors.ts';
import { mask } from '../../src/domain/mask.ts';
import { clip, visible } from '../../src/domain/text.ts';
import { trouble } from './trouble.ts';

export type Start = {
	dag: string;
	/** The command's key: the run id and the note carry it, so that the same command finds its own run again. */
	key: string;
	/** Passed on as it is, never changed. */
	conf?: Readonly<Record<string, unknown>> | undefined;
	/** ISO 8601 with a zone. */
	logicalDate?: string | undefined;
	/** Display name of who asked; foreign text. */
	asker: string;
	/** What they wrote with `--note`. */
	note?: string | undefined;
};

export const runIdOf = (key: string): string => `slack__${key}`;

const MARK = 'concertmaster:';
export const isOurs = (run: Pick<DagRun, 'note'>, key: string): boolean => run.note?.includes(MARK + key) ?? false;

/** At most 999 characters (Airflow takes 1,000), secrets masked; ends with the key. */
export function runNote({ asker, note, key }: Pick<Start, 'asker' | 'note' | 'key'>): string {
	const tail = ` [${MARK}${key}]`;
	const who = `${clip(visible(mask(asker)).replace(/\s+/g, ' ').trim() || 'Somebody', 80)} via Slack`;
	const own = note === undefined || note.trim() === '' ? '' : `: ${visible(mask(note.trim()))}`;
	// Airflow counts characters; a cut by code points is never longer than one by UTF-16 units is short.
	return clip(who + own, 999 - tail.length) + tail;
}

/** Who started this run from Slack, by its note; undefined: the note is not one of ours. Foreign text: people edit notes. */
export function askerIn({ note }: Pick<DagRun, 'note'>): string | undefined {
	return note?.includes(MARK) ? /^(.{1,80}?) via Slack/u.exec(note)?.[1] : undefined;
}

/**
 * Starts exactly one run for this key however often it is called: one POST with the run id derived from the key. When the
 * POST's outcome is unknown, or the id is taken, the run is asked for and adopted only if its note carries our key.
 * Trouble `upstream`: not known or not done; call again with the same key. Trouble `user`: somebody else's run has our id or
 * our logical date.
 */
export async function startOnce(airflow: Airflow, start: Start): Promise<DagRun> {
	const { dag, key, conf, logicalDate } = start;
	const run = runIdOf(key);
	try {
		return await airflow.trigger({ dag, run, conf, logicalDate, note: runNote(start) });
	} catch (error) {
		if (!(error instanceof Trouble)) throw error;
		const taken = error.label === 'airflow run exists';
		if (!taken && error.outcome !== 'unknown') throw error;
		const found = await alreadyStarted(airflow, dag, key);
		if (found) return found;
		// Not there yet: the server may still be at it. The same POST again cannot start a second one.
		if (!taken) throw error;
		throw logicalDate === undefined ? vanished(error) : await dateTaken(airflow, dag, logicalDate, error);
	}
}

/** The run that an earlier attempt of this command started; undefined: there is none. Trouble `user`: our id, not our run. */
export async function alreadyStarted(airflow: Airflow, dag: string, key: string): Promise<DagRun | undefined> {
	const found = await airflow.run(dag, runIdOf(key));
	if (!found || isOurs(found, key)) return found;
	throw trouble(
		'user',
		'run id taken',
		{
			en: `${dag} already has a run ${found.run} that this command did not start. Nothing was started.`,
			ja: `${dag} には、このコマンドが開始したものではない実行 ${found.run} がすでにあります。何も開始していません。`,
		},
		{
			en: 'Look at it in Airflow, then type the command again.',
			ja: 'Airflow で確認のうえ、もう一度入力してください。',
		},
	);
}

async function dateTaken(airflow: Airflow, dag: string, logicalDate: string, cause: Trouble): Promise<Trouble> {
	const wanted = Date.parse(logicalDate);
	let holder: DagRun | undefined;
	try {
		const runs = await airflow.runs(dag, { limit: 100 });
		holder = runs.find((run) => run.logicalDate !== null && Date.parse(run.logicalDate) === wanted);
	} catch (error) {
		// The answer is the same without the holder's name.
		if (!(error instanceof Trouble)) throw error;
	}
	const by = holder === undefined ? '' : ` (${holder.run}, ${holder.state})`;
	const date = utcText(logicalDate);
	return trouble(
		'user',
		'logical date taken',
		{
			en: `${dag} already has a run for the logical date ${date}${by}. Nothing was started.`,
			ja: `${dag} には、論理日時 ${date} の実行がすでにあります${by}。何も開始していません。`,
		},
		{
			en: 'Choose another `--date`, or leave it out to run now.',
			ja: '別の `--date` を指定するか、省略して今すぐ実行してください。',
		},
		{ cause },
	);
}

const vanished = (cause: Trouble): Trouble =>
	trouble(
		'upstream',
		'run vanished',
		{
			en: 'Airflow says that the run exists, and then that it does not.',
			ja: '実行が存在するという応答と、存在しないという応答が Airflow から続けて返りました。',
		},
		undefined,
		{ cause, outcome: 'unknown' },
	);

/** `2026-11-20 00:00 UTC`; seconds only when they are not zero. */
export function utcText(iso: string): string {
	const at = new Date(iso);
	if (Number.isNaN(at.getTime())) return iso;
	const text = at.toISOString();
	const seconds = text.slice(17, 23);
	return `${text.slice(0, 10)} ${text.slice(11, 16)}${seconds === '00.000' ? '' : `:${seconds.replace(/\.000$/, '')}`} UTC`;
}
