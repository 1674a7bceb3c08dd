import type { TaskInstance } from '../domain/airflow.ts';
import type { Metrics } from './from-metrics.ts';

/** So many rows of days that are over are kept in memory, over all environments. */
const MOST_KEPT = 200_000;
/** Metrics of the same time are not asked for again before. */
export const METRICS_KEPT_MS = 10 * 60_000;

/** Days that are over do not change, and metrics of the past do not either; kept by the process. */
export function keptHistory() {
	const days = new Map<string, TaskInstance[]>();
	const metrics = new Map<string, { at: number; value: Promise<Metrics> }>();
	let rows = 0;
	return {
		day: (env: string, from: number): TaskInstance[] | undefined => days.get(`${env}\n${from}`),
		keepDay(env: string, from: number, found: TaskInstance[]): void {
			days.set(`${env}\n${from}`, found);
			rows += found.length;
			for (const [key, old] of days) {
				if (rows <= MOST_KEPT) return;
				days.delete(key);
				rows -= old.length;
			}
		},
		async metrics(key: string, now: number, read: () => Promise<Metrics>): Promise<Metrics> {
			const known = metrics.get(key);
			if (known && now - known.at < METRICS_KEPT_MS) return known.value;
			for (const [old, { at }] of metrics) if (now - at >= METRICS_KEPT_MS) metrics.delete(old);
			const value = read();
			metrics.set(key, { at: now, value });
			// What was refused may be granted the next minute.
			const found = await value;
			if (found.gaps.length > 0) metrics.delete(key);
			return found;
		},
	};
}
export type KeptHistory = ReturnType<typeof keptHistory>;
