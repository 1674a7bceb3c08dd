import type { JsonObject } from '../types.ts';

/**
 * Slack's mrkdwn as the elements of a rich_text block. Bold, italics and strikes hold only at the borders of words, as in
 * Slack: `a_b_c`, `5 * 3 * 2` and `__init__.py` stay what they are.
 */
export function markupElements(text: string): JsonObject[] {
	const elements: JsonObject[] = [];
	text.split(/```/).forEach((part, i, parts) => {
		// An odd fence at the end opens nothing.
		if (i % 2 === 1 && i < parts.length - 1) {
			const code = part.replace(/^\n|\n$/g, '');
			if (code !== '')
				elements.push({ type: 'rich_text_preformatted', elements: [{ type: 'text', text: unescaped(code) }] });
			return;
		}
		const words = i % 2 === 1 ? `\`\`\`${part}` : part;
		for (const { quote, lines } of runs(i > 0 ? words.replace(/^\n/, '') : words)) {
			const inside = inline(lines.join('\n'), {});
			if (inside.length > 0) elements.push({ type: quote ? 'rich_text_quote' : 'rich_text_section', elements: inside });
		}
	});
	return elements;
}

/** Lines that follow each other and are all quoted, or all not. */
function runs(text: string): { quote: boolean; lines: string[] }[] {
	const found: { quote: boolean; lines: string[] }[] = [];
	for (const line of text.split('\n')) {
		const quote = /^(&gt;|>)/.test(line);
		const bare = quote ? line.replace(/^(&gt;|>) ?/, '') : line;
		const last = found.at(-1);
		if (last?.quote === quote) last.lines.push(bare);
		else found.push({ quote, lines: [bare] });
	}
	return found;
}

type Style = { bold?: true; italic?: true; strike?: true };

const MARKS = { '*': 'bold', _: 'italic', '~': 'strike' } as const;

// In this order: an angle token, inline code, a marked word, an emoji name.
const TOKEN =
	/<([^<>\n]+)>|`([^`\n]+)`|(?<![\p{L}\p{N}*_~])([*_~])(?=[^\s*_~])((?:(?!\3)[^\n])*?[^\s*_~]|[^\s*_~])\3(?![\p{L}\p{N}*_~])|:([a-z0-9_+'-]*[a-z][a-z0-9_+'-]*|[+-]1|100):(?!:skin)/u;

function inline(text: string, style: Style): JsonObject[] {
	const found: JsonObject[] = [];
	const styled = Object.keys(style).length > 0 ? { style } : {};
	let rest = text;
	while (rest !== '') {
		const match = TOKEN.exec(rest);
		if (match === null) break;
		if (match.index > 0) found.push({ type: 'text', text: unescaped(rest.slice(0, match.index)), ...styled });
		const [whole, angle, code, mark, marked, emoji] = match;
		if (angle !== undefined) found.push(token(angle, styled));
		else if (code !== undefined) found.push({ type: 'text', text: unescaped(code), style: { ...style, code: true } });
		else if (mark === '*' || mark === '_' || mark === '~')
			found.push(...inline(marked ?? '', { ...style, [MARKS[mark]]: true }));
		else found.push({ type: 'emoji', name: emoji ?? '', ...styled });
		rest = rest.slice(match.index + whole.length);
	}
	if (rest !== '') found.push({ type: 'text', text: unescaped(rest), ...styled });
	return found;
}

/** What stands between angle brackets: mentions, broadcasts, dates, links. */
function token(inside: string, styled: { style?: Style }): JsonObject {
	const [target = '', ...labels] = inside.split('|');
	const label = labels.join('|');
	if (target.startsWith('@')) return { type: 'user', user_id: target.slice(1), ...styled };
	if (target.startsWith('#')) return { type: 'channel', channel_id: target.slice(1), ...styled };
	const group = /^!subteam\^(\w+)$/.exec(target)?.[1];
	if (group !== undefined) return { type: 'usergroup', usergroup_id: group, ...styled };
	const range = /^!(here|channel|everyone)$/.exec(target)?.[1];
	if (range !== undefined) return { type: 'broadcast', range, ...styled };
	const date = /^!date\^(\d+)\^([^^]+)(?:\^(.+))?$/.exec(target);
	if (date !== null) return { type: 'date', timestamp: Number(date[1]), format: date[2] ?? '', fallback: label };
	if (/^(https?:\/\/|mailto:)/.test(target))
		return {
			type: 'link',
			url: unescaped(target),
			text: unescaped(label || target.replace(/^mailto:/, '')),
			...styled,
		};
	return { type: 'text', text: unescaped(`<${inside}>`), ...styled };
}

function unescaped(text: string): string {
	return text.replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&amp;', '&');
}
