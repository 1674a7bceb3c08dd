/**
 * What somebody may have meant, nearest first: names at a small edit distance (a swap of neighbours counts one), then names
 * that begin with or hold what was typed. Names are compared without case and with `-` for `_`. Empty: nothing is near.
 */
export function near(typed: string, names: Iterable<string>, most = 3): string[] {
	const wanted = fold(typed);
	if (wanted === '') return [];
	const allowed = wanted.length <= 4 ? 1 : wanted.length <= 8 ? 2 : 3;
	const found: { name: string; rank: number }[] = [];
	for (const name of names) {
		const folded = fold(name);
		const away = distance(wanted, folded, allowed);
		if (away !== undefined) found.push({ name, rank: away });
		else if (wanted.length >= 3 && folded.startsWith(wanted)) found.push({ name, rank: 4 });
		else if (wanted.length >= 3 && folded.includes(wanted)) found.push({ name, rank: 5 });
	}
	return found
		.sort((a, b) => a.rank - b.rank || a.name.length - b.name.length || (a.name < b.name ? -1 : 1))
		.slice(0, most)
		.map(({ name }) => name);
}

const fold = (text: string): string => text.toLowerCase().replaceAll('-', '_');

/** Optimal string alignment distance, or undefined when it is above `most`. Only the band that can stay below is computed. */
function distance(a: string, b: string, most: number): number | undefined {
	if (Math.abs(a.length - b.length) > most) return undefined;
	const far = most + 1;
	const width = b.length + 1;
	// Three rows that take turns; outside the band they hold `far`.
	let before = new Uint8Array(width).fill(far);
	let last = new Uint8Array(width).fill(far);
	for (let j = 0; j < far && j < width; j++) last[j] = j;
	let row = new Uint8Array(width).fill(far);
	for (let i = 1; i <= a.length; i++) {
		const from = i - most > 1 ? i - most : 1;
		const to = i + most < b.length ? i + most : b.length;
		row[from - 1] = from === 1 && i < far ? i : far;
		let best = row[from - 1] ?? far;
		for (let j = from; j <= to; j++) {
			const replaced = (last[j - 1] ?? far) + (a[i - 1] === b[j - 1] ? 0 : 1);
			const deleted = (last[j] ?? far) + 1;
			const inserted = (row[j - 1] ?? far) + 1;
			let cost = replaced < deleted ? replaced : deleted;
			if (inserted < cost) cost = inserted;
			if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
				const swapped = (before[j - 2] ?? far) + 1;
				if (swapped < cost) cost = swapped;
			}
			if (cost > far) cost = far;
			row[j] = cost;
			if (cost < best) best = cost;
		}
		if (to < b.length) row[to + 1] = far;
		if (best > most) return undefined;
		[before, last, row] = [last, row, before];
	}
	const away = last[b.length] ?? far;
	return away <= most ? away : undefined;
}
