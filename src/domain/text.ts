/** The languages the bot speaks. A text without its Japanese does not compile. */
export type Lang = 'en' | 'ja';
export type Text = Readonly<Record<Lang, string>>;

/** Picks the language of a Slack locale such as `ja-JP`; undefined when the locale names neither. */
export function langOf(locale: string | undefined): Lang | undefined {
	if (locale?.toLowerCase().startsWith('ja')) return 'ja';
	if (locale?.toLowerCase().startsWith('en')) return 'en';
	return undefined;
}

/** At most `max` code points, the cut shown by an ellipsis. Never splits a surrogate pair. */
export function clip(text: string, max: number): string {
	const points = [...text];
	return points.length <= max ? text : points.slice(0, Math.max(0, max - 1)).join('') + '…';
}

/** The tail is what tells two long DAG ids apart, so the head is what goes. */
export function clipHead(text: string, max: number): string {
	const points = [...text];
	return points.length <= max ? text : '…' + points.slice(points.length - Math.max(0, max - 1)).join('');
}

// C0 and C1 controls but tab and newline; bidi embeddings, overrides and isolates; zero-width and other invisible marks.
const INVISIBLE =
	/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\u{e0000}-\u{e007f}]/gu;

/** Foreign text made safe to show: control, bidi and zero-width characters become visible escapes such as `\u202e`. */
export function visible(text: string): string {
	return text.replace(INVISIBLE, (c) => {
		const code = c.codePointAt(0) ?? 0;
		return code > 0xffff ? `\\u{${code.toString(16)}}` : `\\u${code.toString(16).padStart(4, '0')}`;
	});
}

/** One argument for a POSIX shell: plain words stay bare, anything else is single-quoted. */
export function shellQuote(arg: string): string {
	if (/^[A-Za-z0-9_@%+=:,./][A-Za-z0-9_@%+=:,./-]*$/.test(arg)) return arg;
	return `'${arg.replaceAll("'", `'\\''`)}'`;
}
