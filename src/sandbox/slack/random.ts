/** Mulberry32: the same numbers for the same seed, in [0, 1). */
export function seeded(seed: number): () => number {
	let state = seed >>> 0;
	return () => {
		state = (state + 0x6d2b79f5) >>> 0;
		let mixed = Math.imul(state ^ (state >>> 15), state | 1);
		mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
		return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
	};
}

const LETTERS = 'ABCDEFGHJKLMNPQRSTUVWXYZ0123456789';

export function letters(random: () => number, count: number): string {
	let word = '';
	for (let i = 0; i < count; i++) word += LETTERS[Math.floor(random() * LETTERS.length)] ?? 'A';
	return word;
}
