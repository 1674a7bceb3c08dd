import type { Cell, Line, Reply } from '../domain/reply.ts';

/** A message for a terminal. */
export function plain({ parts }: Reply): string {
	return parts
		.map((part): string => {
			switch (part.kind) {
				case 'title':
					return `${part.icon === undefined ? '' : `${part.icon} `}${lineText(part.line)}`;
				case 'text':
				case 'note':
					return lineText(part.line);
				case 'list':
					return part.items.map((item) => lineText(item)).join('\n');
				case 'code':
					return part.text
						.split('\n')
						.map((line) => `    ${line}`)
						.join('\n');
				case 'fields':
					return part.fields.map(([name, line]) => `${name}: ${lineText(line)}`).join('\n');
				case 'table':
					return table([part.head, ...part.rows]);
				case 'chart':
				case 'buttons':
					return '';
			}
			return '';
		})
		.filter((text) => text !== '')
		.join('\n\n');
}

function lineText(line: Line): string {
	return line
		.map((span) => {
			if (typeof span === 'string') return span;
			if ('bold' in span) return span.bold;
			if ('code' in span) return span.code;
			if ('link' in span) return `${span.label} (${span.link})`;
			if ('user' in span) return span.name ?? span.user;
			return span.time;
		})
		.join('');
}

function table(rows: readonly (readonly Cell[])[]): string {
	const texts = rows.map((row) => row.map((cell) => (typeof cell === 'string' ? cell : lineText(cell))));
	const widths = texts[0]?.map((_, column) => Math.max(...texts.map((row) => width(row[column] ?? '')))) ?? [];
	return texts
		.map((row) =>
			row
				.map((cell, column) => cell + ' '.repeat((widths[column] ?? 0) - width(cell)))
				.join('  ')
				.trimEnd(),
		)
		.join('\n');
}

/** A terminal gives a Japanese character two columns. */
const width = (text: string): number =>
	[...text].reduce((sum, char) => sum + (/[\u1100-\u115f\u2e80-\uffdc]/.test(char) ? 2 : 1), 0);
