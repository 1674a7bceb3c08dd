import { closeSync, openSync, writeSync } from 'node:fs';

/** Numbers that are the same in every run. */
export function random(seed: number): () => number {
	let state = seed >>> 0;
	return () => {
		state = (state + 0x6d2b79f5) >>> 0;
		let t = Math.imul(state ^ (state >>> 15), state | 1);
		t = (t + Math.imul(t ^ (t >>> 7), t | 61)) ^ t;
		return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
	};
}

const WORDS = [
	'orders',
	'customers',
	'invoices',
	'sessions',
	'events',
	'ledger',
	'stock',
	'prices',
	'returns',
	'clicks',
];

/** What Airflow and its providers write when nothing is wrong, and what looks like trouble and is none. */
const LINES: readonly ((n: number, pick: () => string, r: () => number) => string)[] = [
	(n, w) =>
		`{taskinstance.py:${1000 + (n % 900)}} INFO - Dependencies all met for dep_context=non-requeueable deps ti=<TaskInstance: ${w()}_daily.load_${w()} scheduled__2026-11-21T02:00:00+00:00 [queued]>`,
	(n, w) => `{logging_mixin.py:${n % 300}} INFO - processed batch ${n} of ${w()}, table=mart.${w()}_${n % 100} ok`,
	(n, w, r) =>
		`{subprocess.py:93} INFO - ${w()}: ${Math.floor(r() * 1e7)} rows in ${(r() * 30).toFixed(3)}s, checksum ${Math.floor(r() * 1e15).toString(16)}`,
	(_, w) => `{base.py:84} INFO - Using connection ID '${w()}_warehouse' for task execution.`,
	(n) =>
		`{pod_manager.py:${n % 700}} INFO - [base] {"severity": "INFO", "message": "step ${n} done", "elapsed_ms": ${n % 4000}}`,
	(_, w) =>
		`{bigquery.py:1596} INFO - Inserting job airflow_${w()}_${w()}_2026_11_21T02_00_00_00_00 into dataset mart_${w()}`,
	(n, w) =>
		`{scheduler_job_runner.py:435} INFO - ${n % 40} tasks up for execution: <TaskInstance: ${w()}_hourly.check scheduled__2026-11-21T${String(n % 24).padStart(2, '0')}:00:00+00:00 [scheduled]>`,
	(n, w) =>
		`{warnings.py:110} WARNING - /opt/python3.11/lib/python3.11/site-packages/airflow/models/baseoperator.py:${n % 2000}: AirflowProviderDeprecationWarning: ${w()} is deprecated`,
	// Near misses: words of trouble in sentences that mean none.
	(n, w) => `{report.py:${n % 90}} INFO - 0 errors, 0 retries, exit code 0 for ${w()}; last status 200 OK, no timeout`,
	(n, w) =>
		`{check.py:${n % 90}} INFO - permission check passed for ${w()}; quota usage ${n % 100}%, connection pool healthy`,
];

/**
 * Writes `bytes` of an Airflow log with `planted` lines strewn in evenly and returns how many lines there are. One line
 * in 33 is a near miss.
 */
export function writeAirflowLog(path: string, bytes: number, planted: readonly string[], seed = 7): number {
	const r = random(seed);
	const pick = () => WORDS[Math.floor(r() * WORDS.length)] ?? 'orders';
	const fd = openSync(path, 'w');
	let lines = 0;
	let written = 0;
	let next = 0;
	const every = bytes / (planted.length + 1);
	while (written < bytes) {
		let block = '';
		while (block.length < 256 * 1024) {
			const time = new Date(Date.UTC(2026, 10, 22) + lines * 37).toISOString().replace('Z', '+0000');
			const miss = r() < 0.03;
			const shape = LINES[miss ? LINES.length - 1 - Math.floor(r() * 2) : Math.floor(r() * (LINES.length - 2))];
			block += `[${time}] ${shape?.(lines, pick, r) ?? ''}\n`;
			lines++;
			if (next < planted.length && written + block.length > every * (next + 1)) {
				block += `${planted[next]}\n`;
				lines++;
				next++;
			}
		}
		written += writeSync(fd, block);
	}
	closeSync(fd);
	return lines;
}
