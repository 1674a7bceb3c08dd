/**
 * A JavaScript pattern in the dialect of Rust's regex crate; undefined where that has no such thing (look-around,
 * back-references). Matches the same lines when run without Unicode classes.
 */
export function toRust({ source, flags }: RegExp): string | undefined {
	let out = '';
	let inClass = false;
	for (let i = 0; i < source.length; i++) {
		const c = source[i] ?? '';
		const next = source[i + 1] ?? '';
		if (c === '\\') {
			i++;
			if (next === 'k' || (!inClass && /[1-9]/.test(next))) return undefined;
			if (next === 'u') {
				const hex = /^\{?([0-9a-f]{1,6})\}?/i.exec(source.slice(i + 1));
				if (!hex) return undefined;
				i += hex[0].length;
				out += `\\x{${hex[1]}}`;
			} else if (/[\w.*+?()[\]{}|^$\\-]/.test(next)) out += c + next;
			else out += inClass && next === '&' ? '\\&' : next;
		} else if (inClass) {
			if (c === ']') inClass = false;
			out += c === '[' || c === '&' || c === '~' ? `\\${c}` : c;
		} else if (c === '[') {
			inClass = true;
			// [^] is "any character" in JavaScript.
			if (source.startsWith('[^]', i)) {
				out += '(?s:.)';
				i += 2;
				inClass = false;
			} else out += c;
		} else if (c === '(' && next === '?') {
			const rest = source.slice(i);
			const named = /^\(\?<[A-Za-z]\w*>/.exec(rest);
			if (named) {
				out += '(?:';
				i += named[0].length - 1;
			} else if (rest.startsWith('(?:')) {
				out += '(?:';
				i += 2;
			} else return undefined;
		} else if (c === '{' && !/^\{\d{1,6}(?:,\d{0,6})?\}/.test(source.slice(i))) out += '\\{';
		else if (c === '}' && !/\{\d{1,6}(?:,\d{0,6})?$/.test(source.slice(0, i))) out += '\\}';
		else out += c;
	}
	return flags.includes('i') ? `(?i:${out})` : out;
}
