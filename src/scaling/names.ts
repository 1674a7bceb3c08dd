/**
 * Numbers for texts, the same text the same number, straight from UTF-8 bytes: a million rows name a few thousand DAGs, and no string is
 * made of one that was seen before. `within` is a number that the text belongs to (a run id to its DAG); else -1.
 */
export function names() {
	let table = new Int32Array(1024).fill(-1);
	let starts = new Float64Array(512);
	let ends = new Float64Array(512);
	let hashes = new Int32Array(512);
	let owners = new Int32Array(512);
	let bytes = new Uint8Array(16_384);
	let used = 0;
	let size = 0;
	let last = -1;

	function is(name: number, text: Uint8Array, from: number, to: number, within: number): boolean {
		const start = starts[name] ?? 0;
		if ((ends[name] ?? 0) - start !== to - from || owners[name] !== within) return false;
		for (let i = from, own = start; i < to; i++, own++) if (bytes[own] !== text[i]) return false;
		return true;
	}

	function add(text: Uint8Array, from: number, to: number, within: number, hash: number): number {
		const length = to - from;
		if (used + length > bytes.length) {
			const old = bytes;
			bytes = new Uint8Array(Math.max(2 * old.length, used + length));
			bytes.set(old);
		}
		if (size === starts.length) {
			const [a, b, c, d] = [starts, ends, hashes, owners];
			starts = new Float64Array(2 * size);
			ends = new Float64Array(2 * size);
			hashes = new Int32Array(2 * size);
			owners = new Int32Array(2 * size);
			starts.set(a);
			ends.set(b);
			hashes.set(c);
			owners.set(d);
		}
		bytes.set(text.subarray(from, to), used);
		starts[size] = used;
		used += length;
		ends[size] = used;
		hashes[size] = hash;
		owners[size] = within;
		return size++;
	}

	function put(name: number): void {
		const mask = table.length - 1;
		let place = (hashes[name] ?? 0) & mask;
		while (table[place] !== -1) place = (place + 1) & mask;
		table[place] = name;
	}

	return {
		get size(): number {
			return size;
		},
		of(text: Uint8Array, from: number, to: number, within = -1): number {
			// Rows of one run follow each other.
			if (last !== -1 && is(last, text, from, to, within)) return last;
			let hash = 0x811c9dc5 ^ within;
			for (let i = from; i < to; i++) hash = Math.imul(hash ^ (text[i] ?? 0), 0x01000193);
			hash ^= hash >>> 15;
			const mask = table.length - 1;
			for (let place = hash & mask; ; place = (place + 1) & mask) {
				const name = table[place] ?? -1;
				if (name === -1) break;
				if (hashes[name] === hash && is(name, text, from, to, within)) return (last = name);
			}
			last = add(text, from, to, within, hash);
			if (2 * size > table.length) {
				table = new Int32Array(4 * table.length).fill(-1);
				for (let name = 0; name < size; name++) put(name);
			} else put(last);
			return last;
		},
		list(): string[] {
			const decoder = new TextDecoder();
			return Array.from({ length: size }, (_, name) => decoder.decode(bytes.subarray(starts[name], ends[name])));
		},
	};
}
export type Names = ReturnType<typeof names>;
