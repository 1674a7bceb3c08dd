import type { Page } from '../../src/domain/airflow.ts';

/** One call: what lies between two times (ISO 8601, both included; undefined: open). */
export type AskPage<T> = (since: string, until: string | undefined, offset: number) => Promise<Page<T>>;

const MOST_PARTS = 16;
/** How full a part of a window should become; more would have to be split again. */
const FILL = 0.7;
const MOST_WALKS = 5;

const iso = (at: number): string => new Date(at).toISOString();

/**
 * Every row between two times (epoch milliseconds), however many. A list that shifts is not read by offset: a row that leaves it while it is
 * read would make another one slip through. The window is split until each part is one call, which is one look at the
 * database. `now`: the server's, for the split of a window without an end.
 */
export async function readAll<T>(
	ask: AskPage<T>,
	from: number,
	to: number | undefined,
	now: number,
	idOf: (row: T) => string,
): Promise<T[]> {
	const first = await ask(iso(from), to === undefined ? undefined : iso(to), 0);
	if (first.items.length >= first.total) return [...first.items];
	const rows = new Map<string, T>();
	const add = (more: readonly T[]): void => more.forEach((row) => rows.set(idOf(row), row));
	const end = to ?? Math.max(now, from);
	const wanted = Math.ceil(first.total / Math.max(1, first.items.length * FILL));
	const parts = Math.min(MOST_PARTS, Math.floor(end - from), wanted);
	if (parts < 2) {
		add(await walk(ask, iso(from), to === undefined ? undefined : iso(to), idOf));
		return [...rows.values()];
	}
	for (let part = 0; part < parts; part++) {
		const begin = from + Math.floor(((end - from) * part) / parts);
		const last = part === parts - 1;
		const stop = last ? to : from + Math.floor(((end - from) * (part + 1)) / parts);
		add(await readAll(ask, begin, stop, now, idOf));
	}
	return [...rows.values()];
}

/** More rows of one moment than one call gives: by offset, again until it reads the same twice. */
async function walk<T>(
	ask: AskPage<T>,
	since: string,
	until: string | undefined,
	idOf: (row: T) => string,
): Promise<T[]> {
	const union = new Map<string, T>();
	let before = '';
	for (let round = 0; round < MOST_WALKS; round++) {
		const seen: string[] = [];
		for (let total = 1; seen.length < total;) {
			const page = await ask(since, until, seen.length);
			for (const row of page.items) {
				union.set(idOf(row), row);
				seen.push(idOf(row));
			}
			total = page.total;
			if (page.items.length === 0) break;
		}
		const now = [...new Set(seen)].sort().join('\n');
		if (now === before) break;
		before = now;
	}
	return [...union.values()];
}
