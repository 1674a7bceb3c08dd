import type { Airflow, DagRun } from '../../src/domain/airflow.ts';
import { Trouble } from '../../src/domain/errors.ts';
import type { Log } from '../../src/domain/log.ts';
import { mask } from '../../src/domain/mask.ts';
import { clip, visible } from '../../src/domain/text.ts';

/** Airflow's own limit. */
const MOST = 1000;

/**
 * Adds a line to the run's note in Airflow, so that whoever looks there sees who did it. What stands in the note stays; a note
 * that is full, or that Airflow does not take, is no reason to fail: what was done is done. The same key adds one line.
 */
export async function noteOnRun(
	airflow: Airflow,
	{ dag, run, note }: DagRun,
	{ en, by, key, log }: { en: string; by: string; key: string; log: Log },
): Promise<void> {
	const mark = `[from Slack: ${key}]`;
	if (note?.includes(mark)) return;
	const who = clip(visible(mask(by)).replace(/\s+/g, ' ').trim() || 'Somebody', 80);
	const line = `${en} by ${who} ${mark}`;
	const whole = note === null || note === '' ? line : `${note}\n${line}`;
	if ([...whole].length > MOST) return;
	try {
		await airflow.noteRun(dag, run, whole);
	} catch (error) {
		if (!(error instanceof Trouble)) throw error;
		log.warn({ dag, run, label: error.label }, 'note of a run not written');
	}
}
