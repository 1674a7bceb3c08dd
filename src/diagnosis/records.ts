/** Where a record of a log page begins; unescaped quotes cannot stand inside a JSON string, so this is never in a message. */
const RECORD = /\{"(?:timestamp|event|insertId|textPayload|jsonPayload|logName|labels|message|severity|level)":/g;

/**
 * The top-level objects of a JSON page that may begin or end anywhere (one long line of which this is a part), as text.
 * `[start, end)` offsets into `text`.
 */
export function records(text: string): (readonly [number, number])[] {
	const found: (readonly [number, number])[] = [];
	let open = 0;
	RECORD.lastIndex = 0;
	for (let match = RECORD.exec(text); match; match = RECORD.exec(text)) {
		const end = endOfObject(text, match.index);
		if (end < 0) {
			// Cut off at the end of what we hold, or nested in something that is; the latter has an end to its depth.
			if (++open > MOST_OPEN) break;
			continue;
		}
		found.push([match.index, end]);
		RECORD.lastIndex = end;
	}
	return found;
}

const MOST_OPEN = 50;
/** The longest record that is read, in UTF-16 units. */
const LONGEST = 256 * 1024;

/** Index after the brace that closes the object beginning at `start`; -1 when it does not end within `text` or is longer than LONGEST. */
export function endOfObject(text: string, start: number): number {
	let depth = 0;
	const last = Math.min(text.length, start + LONGEST);
	for (let i = start; i < last; i++) {
		const c = text.charCodeAt(i);
		if (c === 34) {
			i = endOfString(text, i);
			if (i < 0) return -1;
		} else if (c === 123 || c === 91) depth++;
		else if (c === 125 || c === 93) {
			depth--;
			if (depth === 0) return i + 1;
		}
	}
	return -1;
}

/** Index of the quote that closes the string opened at `open`; -1 when none does. */
function endOfString(text: string, open: number): number {
	let i = open;
	for (;;) {
		i = text.indexOf('"', i + 1);
		if (i < 0) return -1;
		let slashes = 0;
		while (text.charCodeAt(i - 1 - slashes) === 92) slashes++;
		if (slashes % 2 === 0) return i;
	}
}
