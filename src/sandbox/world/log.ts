import { randomBytes } from 'node:crypto';
import type { LogEntry, NewEntry } from './types.ts';

const MOST = 20_000;

/** The project's log, oldest first by timestamp, the newest `most` of them. */
export function openLog(project: string, now: () => number, most = MOST) {
	let entries: LogEntry[] = [];
	const listeners = new Set<(entry: LogEntry) => void>();
	// Ids grow with the order of writing, as Cloud Logging breaks ties between equal timestamps by them.
	const run = randomBytes(4).toString('hex');
	let written = 0;

	function write(wanted: NewEntry): LogEntry {
		const at = wanted.at ?? now();
		const entry: LogEntry = {
			insertId: `${run}${(written++).toString(36).padStart(8, '0')}`,
			logName: `projects/${project}/logs/${encodeURIComponent(wanted.log)}`,
			resource: wanted.resource,
			labels: wanted.labels ?? {},
			severity: wanted.severity ?? 'DEFAULT',
			timestamp: at,
			receivedAt: wanted.visibleAt ?? Math.max(at, now()),
			...(wanted.text !== undefined && { textPayload: wanted.text }),
			...(wanted.json !== undefined && { jsonPayload: wanted.json }),
			...(wanted.audit !== undefined && { protoPayload: wanted.audit }),
			...('operation' in wanted && wanted.operation !== undefined && { operation: wanted.operation }),
		};
		insert(entry);
		for (const listener of listeners) listener(entry);
		return entry;
	}

	function insert(entry: LogEntry): void {
		let place = entries.length;
		while (place > 0 && (entries[place - 1]?.timestamp ?? 0) > entry.timestamp) place--;
		entries.splice(place, 0, entry);
		// A fifth at once, so that a full log does not move its whole array for every entry.
		if (entries.length > most * 1.2) entries = entries.slice(-most);
	}

	return {
		write,
		/** Those that can be read by now. */
		entries: (): LogEntry[] => {
			const at = now();
			return entries.filter(({ receivedAt }) => receivedAt <= at);
		},
		/** Told of every entry as it is written; returns a function that ends it. */
		listen(listener: (entry: LogEntry) => void): () => void {
			listeners.add(listener);
			return () => void listeners.delete(listener);
		},
	};
}
export type Log = ReturnType<typeof openLog>;
