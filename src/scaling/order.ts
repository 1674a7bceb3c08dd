/** Indices in the order of their keys; equal keys keep their order. Whole numbers over a range below 2^32, such as times of a month in milliseconds, take two passes over the data. */
export function orderBy(keys: Float64Array): Int32Array {
	let low = Infinity;
	let high = -Infinity;
	let whole = true;
	for (const key of keys) {
		if (key < low) low = key;
		if (key > high) high = key;
		if (key % 1 !== 0) whole = false;
	}
	const order = new Int32Array(keys.length);
	for (let i = 0; i < order.length; i++) order[i] = i;
	if (!whole || high - low >= 2 ** 32) return order.sort((a, b) => (keys[a] ?? 0) - (keys[b] ?? 0) || a - b);
	const offsets = new Uint32Array(keys.length);
	for (let i = 0; i < keys.length; i++) offsets[i] = (keys[i] ?? 0) - low;
	return byDigit(byDigit(order, offsets, 0), offsets, 16);
}

/** One stable pass of a radix sort, by the 16 bits from `shift` on. */
function byDigit(order: Int32Array, offsets: Uint32Array, shift: number): Int32Array {
	const starts = new Int32Array(0x1_0001);
	for (const offset of offsets) {
		const digit = (offset >>> shift) & 0xffff;
		starts[digit + 1] = (starts[digit + 1] ?? 0) + 1;
	}
	for (let digit = 0; digit < 0x1_0000; digit++) starts[digit + 1] = (starts[digit + 1] ?? 0) + (starts[digit] ?? 0);
	const sorted = new Int32Array(order.length);
	for (const index of order) {
		const digit = ((offsets[index] ?? 0) >>> shift) & 0xffff;
		const place = starts[digit] ?? 0;
		sorted[place] = index;
		starts[digit] = place + 1;
	}
	return sorted;
}

/** Rows by the group each is in: those of group `g` are `rows[starts[g]]` to `rows[starts[g + 1] - 1]`, in the order they are handed in. */
export type Grouped = { starts: Int32Array; rows: Int32Array };

/** `groupOf` outside 0 to `groups - 1`: the row is in none. */
export function groupRows(order: Int32Array, groups: number, groupOf: ArrayLike<number>): Grouped {
	const counts = new Int32Array(groups + 1);
	for (const row of order) {
		const group = groupOf[row] ?? -1;
		if (group >= 0) counts[group + 1] = (counts[group + 1] ?? 0) + 1;
	}
	for (let group = 0; group < groups; group++) counts[group + 1] = (counts[group + 1] ?? 0) + (counts[group] ?? 0);
	const starts = counts.slice();
	const rows = new Int32Array(counts[groups] ?? 0);
	for (const row of order) {
		const group = groupOf[row] ?? -1;
		if (group < 0) continue;
		const place = counts[group] ?? 0;
		rows[place] = row;
		counts[group] = place + 1;
	}
	return { starts, rows };
}

/** How many of the ascending values are at most `value`. */
export function upTo(values: Float64Array, value: number): number {
	let low = 0;
	let high = values.length;
	while (low < high) {
		const middle = (low + high) >> 1;
		if ((values[middle] ?? 0) <= value) low = middle + 1;
		else high = middle;
	}
	return low;
}
