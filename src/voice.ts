import { execute } from '../commands/execute.ts';
import { route } from '../commands/route.ts';
import type { Voice } from './bot.ts';
import type { Reply, Span } from './domain/reply.ts';

const spanText = (span: Span): string =>
	typeof span === 'string'
		? span
		: 'bold' in span
			? span.bold
			: 'code' in span
				? span.code
				: 'link' in span
					? span.label
					: 'user' in span
						? span.user
						: span.time;

function plain(reply: Reply): string {
	return reply.parts
		.map((part) => ('line' in part ? part.line.map(spanText).join('') : ''))
		.filter((line) => line !== '')
		.join('\n');
}

export const voice: Voice = (deps) => ({
	execute,
	route: (typed, asker) => route(typed, asker, deps),
	render: async (reply) => ({ text: plain(reply), blocks: [] }),
	wordsOf: async () => undefined,
	openForm: async () => undefined,
});
