/** The value below which the given share lies (0–1), by linear interpolation. NaN for an empty list. */
export function quantile(values: ArrayLike<number>, share: number): number {
	return quantiles(values, [share])[0] ?? Number.NaN;
}

/** Several at once, from one copy; each as `quantile` says. The values hold no NaN. */
export function quantiles(values: ArrayLike<number>, shares: readonly number[]): number[] {
	const copy = Float64Array.from(values);
	if (copy.length === 0) return shares.map(() => Number.NaN);
	return shares.map((share) => {
		const place = share * (copy.length - 1);
		const low = Math.floor(place);
		const a = select(copy, low);
		return place === low ? a : a + (least(copy, low + 1) - a) * (place - low);
	});
}

/** Brings the value that sorting would put at `place` there, smaller ones before it, larger ones after it (Hoare's selection). */
function select(values: Float64Array, place: number): number {
	let low = 0;
	let high = values.length - 1;
	while (low < high) {
		const pivot = middleOf(values[low] ?? 0, values[(low + high) >> 1] ?? 0, values[high] ?? 0);
		let i = low;
		let j = high;
		while (i <= j) {
			while ((values[i] ?? 0) < pivot) i++;
			while ((values[j] ?? 0) > pivot) j--;
			if (i > j) break;
			const kept = values[i] ?? 0;
			values[i++] = values[j] ?? 0;
			values[j--] = kept;
		}
		if (place <= j) high = j;
		else if (place >= i) low = i;
		else break;
	}
	return values[place] ?? Number.NaN;
}

const middleOf = (a: number, b: number, c: number): number => Math.max(Math.min(a, b), Math.min(Math.max(a, b), c));

function least(values: Float64Array, from: number): number {
	let found = values[from] ?? Number.NaN;
	for (let i = from + 1; i < values.length; i++) if ((values[i] ?? 0) < found) found = values[i] ?? 0;
	return found;
}
