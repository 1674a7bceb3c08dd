import { mask } from './mask.ts';
import { clip, visible } from './text.ts';

/** Marks where a line was cut out of a longer one; what touches it may be half a secret. */
export const CUT = '…';

/**
 * Foreign text as it may be shown: secrets masked, control, bidi and zero-width characters as visible escapes, nothing
 * that Slack would bring to life (`<!channel>`, `<@U…>`, `<https://…|label>`), at most `max` code points.
 */
export function quote(text: string, max = 1000): string {
	return clip(inert(visible(mask(withoutHalves(text)))), max);
}

/** Several lines that belong together: a key may run over them. */
export function quoteLines(lines: readonly string[], max = 1000): string[] {
	return mask(lines.map(withoutHalves).join('\n'))
		.split('\n')
		.map((line) => clip(inert(visible(line)), max));
}

/** A cut word may be half a token that no shape knows any more. */
function withoutHalves(text: string): string {
	if (!text.startsWith(CUT) && !text.endsWith(CUT)) return text;
	return text.replace(/^…[^\s"',;]{0,9000}/, CUT).replace(/[^\s"',;…]{0,9000}…$/, CUT);
}

/** Slack's own markup begins with an angle bracket; a look-alike keeps the text readable and dead. */
function inert(text: string): string {
	return text.replace(/<(?=[!@#]|[a-z][a-z0-9+.-]{1,20}:|\/\/)/gi, '‹');
}
