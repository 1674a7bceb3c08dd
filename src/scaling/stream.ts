import { historyReader, parseJson, readHead, readWhole, type Head, type History } from './history.ts';
import { copied, joined, splitter } from './split.ts';

const NEWLINE = 10;

/**
 * Reads an exported history piece by piece (UTF-8, cut anywhere): JSON Lines, whose first line is an object without
 * `task_instances`, or one JSON object. No more of the text than a piece and a line is held. Trouble `user`: no history.
 */
export function historyStream(): { feed(piece: Uint8Array): void; done(): History } {
	const reader = historyReader();
	const object = splitter((text, from, to) => reader.addBytes(text, from, to));
	let head: Head | undefined;
	let form: 'unknown' | 'lines' | 'object' = 'unknown';
	/** The beginning of a line. */
	let kept: Uint8Array[] = [];

	function feed(piece: Uint8Array): void {
		if (form === 'object') return object.feed(piece);
		let at = 0;
		for (let end = piece.indexOf(NEWLINE); end !== -1; end = piece.indexOf(NEWLINE, at)) {
			const from = at;
			at = end + 1;
			if (form === 'lines' && kept.length === 0) {
				if (!isBlank(piece, from, end)) reader.addBytes(piece, from, end);
				continue;
			}
			const text = joined([...kept, piece.subarray(from, at)]);
			kept = [];
			if (isBlank(text, 0, text.length)) continue;
			if (form === 'lines') reader.addBytes(text, 0, text.length);
			else if (!beginsLines(text)) {
				form = 'object';
				object.feed(text);
				return object.feed(piece.subarray(at));
			}
		}
		if (at < piece.length) kept.push(copied(piece.subarray(at)));
	}

	/** The first line decides: a whole object is a head. */
	function beginsLines(text: Uint8Array): boolean {
		let value: unknown;
		try {
			value = JSON.parse(new TextDecoder().decode(text));
		} catch {
			return false;
		}
		if (typeof value !== 'object' || value === null || 'task_instances' in value) return false;
		head = readHead(value);
		form = 'lines';
		return true;
	}

	return {
		feed,
		done() {
			if (form !== 'object' && kept.length > 0) feed(new Uint8Array([NEWLINE]));
			return reader.done(head ?? readWhole(parseJson(object.rest())).head);
		},
	};
}

function isBlank(text: Uint8Array, from: number, to: number): boolean {
	for (let at = from; at < to; at++) if ((text[at] ?? 0) > 32) return false;
	return true;
}
