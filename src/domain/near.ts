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
	let before: number[] = [];
	let last = Array.from({ length: b.length + 1 }, (_, j) => Math.min(j, far));
	for (let i = 1; i <= a.length; i++) {
		const row = Array.from({ length: b.length + 1 }, () => far);
		row[0] = Math.min(i, far);
		let best = row[0];
		for (let j = Math.max(1, i - most); j <= Math.min(b.length, i + most); j++) {
			const same = a[i - 1] === b[j - 1] ? 0 : 1;
			let cost = Math.min((last[j - 1] ?? far) + same, (last[j] ?? far) + 1, (row[j - 1] ?? far) + 1);
			if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
				cost = Math.min(cost, (before[j - 2] ?? far) + 1);
			row[j] = cost;
			best = Math.min(best, cost);
		}
		if (best > most) return undefined;
		before = last;
		last = row;
	}
	const away = last[b.length] ?? far;
	return away <= most ? away : undefined;
}
