import { matches } from '../access/roles.ts';
import type { About } from './about.ts';

/** What a watch or a mute names. In a pattern `*` stands for any characters. */
export type Subject =
	{ kind: 'dag' | 'tag' | 'owner' | 'cause'; pattern: string } | { kind: 'incident'; pattern: string };

/**
 * Whether it is about this subject. `within`: DAG patterns beyond which whoever named it may not go; then nothing about the
 * environment as a whole fits either.
 */
export function concerns(subject: Subject, about: About, within?: readonly string[]): boolean {
	const { dag } = about;
	if (within && (dag === undefined || !within.some((pattern) => matches(pattern, dag)))) return false;
	const { pattern } = subject;
	switch (subject.kind) {
		case 'dag':
			// `*` is everything, what befalls the environment as a whole included.
			return dag === undefined ? pattern === '*' : matches(pattern, dag);
		case 'tag':
			return about.tags.some((tag) => matches(pattern, tag));
		case 'owner':
			return about.owners.some((owner) => matches(pattern, owner));
		case 'cause':
			return matches(pattern, about.cause);
		default:
			return about.incident === pattern;
	}
}

/** As it is typed: `daily_sales`, `tag:finance`, `incident:…`. */
export function subjectText({ kind, pattern }: Subject): string {
	return kind === 'dag' ? pattern : `${kind}:${pattern}`;
}
