import { subjectText, type Subject } from '../../src/alerts/subject.ts';
import type { Line, Span } from '../../src/domain/reply.ts';
import { clip, visible, type Text } from '../../src/domain/text.ts';
import type { Command, CommandContext } from '../define.ts';
import { noMore } from './ids.ts';
import { subjectSpan, subjectWord } from './subject-word.ts';
import { mistake } from './trouble.ts';
import { splitWords, takeOptions } from './words.ts';

type Args = { subject: Subject };

type Ending = Pick<Command<Args>, 'name' | 'summary' | 'usage' | 'examples' | 'dagOf'> & {
	/** Nothing was named. */
	missing: Text;
	icon: string;
	/** What is said, by what it was about and who did it. */
	ended: (subject: Span, who: Span, ja: boolean) => Line;
	none: (subject: Span, ja: boolean) => Line;
	/** Where to look for what there is. */
	list?: Text;
	/** Ends what stands under the subject; false: nothing does. Trouble `denied`: not theirs to end. */
	end: (subject: Subject, context: CommandContext) => Promise<boolean>;
};

/** `/dag unwatch` and `/dag unmute`: they end what stands under one subject, and say so to everybody. */
export function ending({ missing, icon, ended, none, list, end, dagOf, ...verb }: Ending): Command<Args> {
	return {
		...verb,
		...(dagOf ? { dagOf } : {}),
		group: 'alerts',
		role: 'operator',
		posts: true,
		changes: true,
		parse(words) {
			const [first, ...more] = takeOptions(splitWords(words), {}).rest;
			noMore(more);
			if (!first) throw mistake(`${verb.name} of nothing`, missing);
			return { subject: subjectWord(first) };
		},
		async run({ subject }, context) {
			const { lang, name } = context.asker;
			const ja = lang === 'ja';
			const act = { dag: dagOf?.({ subject }), what: subjectText(subject) };
			if (!(await end(subject, context)))
				return {
					reply: {
						parts: [
							{ kind: 'title', icon: '▫️', line: none(subjectSpan(subject), ja) },
							...(list ? [{ kind: 'note' as const, line: [list[lang]] }] : []),
						],
						to: 'asker',
					},
					act: { ...act, result: 'nothing' },
				};
			const line = ended(subjectSpan(subject), { bold: clip(visible(name), 80) }, ja);
			return {
				reply: { parts: [{ kind: 'title', icon, line }], to: 'channel' },
				card: subject.kind === 'incident' ? subject.pattern : undefined,
				act: { ...act, result: 'done' },
			};
		},
	};
}
