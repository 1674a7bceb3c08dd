import type { Hit } from '../domain/rule.ts';

/** The longest line a pattern is run on, in UTF-16 units. What is longer is cut: nothing that decides stands behind it. */
export const LINE_CAP = 8192;

export type Level = Hit['level'];

/** One line after unwrapping: what a signature is run on. */
export type LogLine = {
	/** 1-based line in the log as it lay there; in a page that is one long line, the line after unwrapping. */
	line: number;
	/** At most `LINE_CAP`; not masked. */
	text: string;
	/** `text` without its own timestamp, source and level. */
	message: string;
	/** Its own level, else that of the line it continues. */
	level: Level;
	/** False for a line that continues the one before it (tracebacks, multi-line messages). */
	starts: boolean;
	/** `taskinstance.py`, `airflow.task`, `ForkPoolWorker-2`: who wrote it, as far as the line says. */
	from?: string | undefined;
	/** Labels of a Cloud Logging entry or fields of a structured line. */
	names?: Names | undefined;
};

export type Names = { dag?: string | undefined; task?: string | undefined; tryNumber?: number | undefined };

type Prefix = { message: string; level: Level; from?: string | undefined };

const LEVELS: Readonly<Record<string, Level>> = {
	debug: 'debug',
	info: 'info',
	notice: 'info',
	default: 'none',
	warning: 'warning',
	warn: 'warning',
	error: 'error',
	exception: 'error',
	critical: 'critical',
	fatal: 'critical',
	alert: 'critical',
	emergency: 'critical',
};

export function levelOf(word: string | undefined): Level {
	return (word !== undefined && LEVELS[word.toLowerCase()]) || 'none';
}

const WORD = '(DEBUG|INFO|WARNING|WARN|ERROR|CRITICAL|FATAL|EXCEPTION)';
// [2026-11-22T22:37:00.808+0000] {taskinstance.py:1958} INFO - …          Airflow 2; 1.10 and 2.0 write `2026-11-22 22:37:00,808`
const AIRFLOW2 = new RegExp(`^\\[\\d{4}-\\d\\d-\\d\\d[^\\]]{5,40}\\] \\{([^}:]{1,120})(?::\\d{1,7})?\\} ${WORD} - ?`);
// [2025-11-23 00:47:34] ERROR - … source=task loc=task_runner.py:1186      a log copied from Airflow 3's web page
const PAGE = new RegExp(`^\\[\\d{4}-\\d\\d-\\d\\d[^\\]{]{5,40}\\] ${WORD} - `);
// {manager.py:12} INFO - … and ` INFO - ::group::`: the same handler without a time
const BARE = new RegExp(`^(?:\\{([^}:]{1,120}):\\d{1,7}\\})? ?${WORD} - `);
// 2026-11-23T01:22:03.611203Z [info     ] …                              Airflow 3 console
const AIRFLOW3 = /^\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?:Z|[+-]\d\d:?\d\d)? \[(\w{4,9}) {0,8}\[?\] /;
// [2026-11-23 00:54:33,616: INFO/MainProcess] …                          Celery
const CELERY = new RegExp(
	`^\\[\\d{4}-\\d\\d-\\d\\d[^\\]:]{0,4}\\d\\d:\\d\\d:\\d\\d,\\d{3}: ${WORD}/([\\w-]{1,60})\\] `,
);
// 2026-11-22 22:37:00,808 ERROR …   2026-11-22 22:37:00,808 - name - ERROR - …   ERROR:root:…   usual Python formats
const PYTHON = new RegExp(
	`^\\d{4}-\\d\\d-\\d\\d[T ]\\d\\d:\\d\\d:\\d\\d(?:[.,]\\d{1,9})?(?:Z|[+-]\\d\\d:?\\d\\d)? (?:- )?(?:\\[?([\\w.-]{1,80})\\]? ?(?:- )?)?\\[?${WORD}\\]?:? (?:- )?`,
);
// [2024-11-04 01:17:28,807][PID:7][ERROR][airflow.jobs.x] …   [2024-11-04 01:17:28] [INFO] …   every part in its own brackets
const BRACKETS = new RegExp(
	`^\\[\\d{4}-\\d\\d-\\d\\d[^\\]{]{5,40}\\](?: ?\\[[\\w.:@/-]{1,80}\\]){0,3}? ?\\[?${WORD}\\]?(?: ?\\[([\\w.:@/-]{1,80})\\]){0,3}:? (?:- )?`,
);
const BASIC = new RegExp(`^${WORD}:([\\w.-]{1,80}):`);
// E1122 12:00:00.000000      1 file.go:12] …                              klog
const KLOG = /^([IWEF])\d{4} \d\d:\d\d:\d\d\.\d{1,9} +\d{1,9} ([\w./-]{1,80}:\d{1,6})\] /;
// airflow-scheduler: …   scheduler-1  | …   [pod/airflow-worker-x/airflow-worker] …: who wrote it, put in front by what collected it
const COLLECTOR =
	/^(?:\[pod\/[^\]]{1,120}\]|[a-z][a-z0-9-]{2,60}(?:: {1,2}| {1,4}\| ))(?=\[\d{4}-|\d{4}-\d\d-\d\dT|\{|[IWEF]\d{4} )/;

/** Splits a line into its prefix and its message; undefined when it has none, so it continues the line before. */
export function prefixOf(text: string): Prefix | undefined {
	const collector = COLLECTOR.exec(text);
	const rest = collector ? text.slice(collector[0].length) : text;
	const first = rest.charCodeAt(0);
	let m: RegExpExecArray | null = null;
	if (first === 91) {
		if ((m = AIRFLOW2.exec(rest))) {
			const message = rest.slice(m[0].length);
			// Airflow 1.10 and 2.0 relay the raw task's own line inside `Job 5: Subtask x [...] {...} ERROR - …`.
			const inner = /^Job \d{1,12}: Subtask \S{1,250} /.exec(message);
			const nested = inner && prefixOf(message.slice(inner[0].length));
			return nested || { message, level: levelOf(m[2]), from: m[1] };
		}
		if ((m = PAGE.exec(rest))) {
			const message = rest.slice(m[0].length);
			const source = / source=([\w.]{1,200})(?= |$)/.exec(message.slice(0, 4000));
			return { message, level: levelOf(m[1]), from: source?.[1] };
		}
		if ((m = BRACKETS.exec(rest))) return { message: rest.slice(m[0].length), level: levelOf(m[1]), from: m[2] };
		if ((m = CELERY.exec(rest))) return { message: rest.slice(m[0].length), level: levelOf(m[1]), from: m[2] };
	} else if (first >= 48 && first <= 57) {
		if ((m = AIRFLOW3.exec(rest))) {
			const message = rest.slice(m[0].length);
			const logger = / \[([\w.]{3,200})\](?: |$)/.exec(message.slice(0, 4000));
			return { message, level: levelOf(m[1]), from: logger?.[1] };
		}
		if ((m = PYTHON.exec(rest))) return { message: rest.slice(m[0].length), level: levelOf(m[2]), from: m[1] };
	} else {
		if ((m = BARE.exec(rest))) return { message: rest.slice(m[0].length), level: levelOf(m[2]), from: m[1] };
		if ((m = BASIC.exec(rest))) return { message: rest.slice(m[0].length), level: levelOf(m[1]), from: m[2] };
		if ((m = KLOG.exec(rest))) {
			const level = ({ I: 'info', W: 'warning', E: 'error', F: 'critical' } as const)[m[1] as 'I' | 'W' | 'E' | 'F'];
			return { message: rest.slice(m[0].length), level, from: m[2] };
		}
	}
	if (rest.startsWith('*** ')) return { message: rest.slice(4), level: 'none', from: '***' };
	if (collector) return { message: rest, level: 'none', from: collector[0].replace(/[:|\s]+$/, '') };
	return undefined;
}

// CSI and other escape sequences, and OSC (titles, OSC-8 links) with either terminator; an unterminated OSC ends with the line.
const ESCAPES =
	/\u001b(?:\[[0-9;:?<=>]{0,64}[ -/]{0,4}[@-~]|\][^\u0007\u001b]{0,2048}(?:\u0007|\u001b\\)?|[PX^_][^\u001b]{0,2048}(?:\u001b\\)?|[ -/]{0,4}[0-~])/g;

/** What is left of colours where the escape character was lost on the way (copied from a terminal or a web page). */
const ORPHANS = /\[(?:\d{1,3};){0,4}\d{1,3}m/g;

/** Without terminal colours, titles and links. */
export function stripEscapes(text: string): string {
	const plain = text.includes('\u001b') ? text.replace(ESCAPES, '') : text;
	return plain.includes('[0m') ? plain.replace(ORPHANS, '') : plain;
}
