const [QUOTE, BACKSLASH, COMMA, COLON, OPEN, CLOSE, OPEN_LIST, CLOSE_LIST] = [34, 92, 44, 58, 123, 125, 91, 93];
const KEY = new TextEncoder().encode('task_instances');

/**
 * Takes one JSON object apart, fed in pieces that are cut anywhere: each element of its list `task_instances` is handed on, all the rest
 * is kept. Whether it is JSON at all, whoever parses the rest and the elements finds out.
 */
export function splitter(element: (text: Uint8Array, from: number, to: number) => void) {
	const rest: Uint8Array[] = [];
	/** The beginning of an element or of the rest, from earlier pieces. */
	let carried: Uint8Array[] = [];
	let part: 'rest' | 'list' | 'element' = 'rest';
	let depth = 0;
	let inText = false;
	let escaped = false;
	/** How much of the key was matched; -1: this text is not it. `KEY.length` with `afterKey`: its value comes next. */
	let matched = -1;
	let afterKey = false;

	function feed(piece: Uint8Array): void {
		let from = 0;
		for (let at = 0; at < piece.length; at++) {
			const byte = piece[at] ?? 0;
			if (part === 'list') {
				if (byte <= 32 || byte === COMMA) from = at + 1;
				else if (byte === CLOSE_LIST) {
					part = 'rest';
					depth--;
					from = at;
				} else {
					part = 'element';
					from = at--;
				}
			} else if (inText) {
				if (escaped) {
					escaped = false;
					matched = -1;
				} else if (byte === BACKSLASH) escaped = true;
				else if (byte === QUOTE) {
					inText = false;
					afterKey = part === 'rest' && depth === 1 && matched === KEY.length;
				} else matched = matched >= 0 && KEY[matched] === byte ? matched + 1 : -1;
			} else if (byte === QUOTE) {
				inText = true;
				matched = 0;
			} else if (byte === OPEN || byte === OPEN_LIST) {
				depth++;
				if (afterKey && byte === OPEN_LIST) {
					rest.push(copied(piece.subarray(from, at + 1)));
					part = 'list';
				}
				afterKey = false;
			} else if (byte === CLOSE || byte === CLOSE_LIST || byte === COMMA) {
				// A number, true or null ends where the next thing begins.
				if (part === 'element' && depth === 2) {
					handOn(piece, from, at);
					at--;
					continue;
				}
				if (byte !== COMMA) depth--;
				if (part === 'element' && depth === 2) {
					handOn(piece, from, at + 1);
					from = at + 1;
				}
				afterKey = false;
			} else if (byte > 32 && byte !== COLON) afterKey = false;
		}
		if (part === 'element') carried.push(copied(piece.subarray(from)));
		else if (part === 'rest') rest.push(copied(piece.subarray(from)));
	}

	function handOn(piece: Uint8Array, from: number, to: number): void {
		part = 'list';
		if (carried.length === 0) return element(piece, from, to);
		const text = joined([...carried, piece.subarray(0, to)]);
		carried = [];
		element(text, 0, text.length);
	}

	return {
		feed,
		/** The object without the elements; as text, and what was left open as it is. */
		rest: (): string => new TextDecoder().decode(joined([...rest, ...carried])),
	};
}

/** A Buffer's own `slice` would still be the same memory. */
export const copied = (piece: Uint8Array): Uint8Array => new Uint8Array(piece);

export function joined(pieces: readonly Uint8Array[]): Uint8Array {
	const whole = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
	let used = 0;
	for (const piece of pieces) {
		whole.set(piece, used);
		used += piece.length;
	}
	return whole;
}
