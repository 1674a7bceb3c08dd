import { CONDITION_TITLES } from '../../src/alerts/incident.ts';
import { ONENESS } from '../../src/alerts/causes.ts';
import { subjectText, type Subject } from '../../src/alerts/subject.ts';
import { isDagId } from '../../src/domain/ids.ts';
import { near } from '../../src/domain/near.ts';
import type { Span } from '../../src/domain/reply.ts';
import { clip, clipHead, visible } from '../../src/domain/text.ts';
import { mistake, quoted } from './trouble.ts';
import type { Word } from './words.ts';

const KINDS = ['dag', 'tag', 'owner', 'cause', 'incident'] as const;
const isKind = (text: string): text is Subject['kind'] => KINDS.some((kind) => kind === text);

/**
 * `daily_sales`, `sales_*`, `tag:finance`, `owner:ken`, `cause:kpo-oomkilled`, `incident:…`, and a cause alone where no DAG would
 * be called so. Trouble `user`: it can be none of them.
 */
export function subjectWord(word: Word): Subject {
	const [, before = '', after = ''] = /^([a-z]+):(.+)$/u.exec(word.text) ?? [];
	if (isKind(before)) return checked(before, after);
	if (KNOWN_CAUSES.has(word.text)) return { kind: 'cause', pattern: word.text };
	return checked('dag', word.text);
}

const KNOWN_CAUSES: ReadonlySet<string> = new Set([
	...Object.keys(ONENESS),
	...Object.keys(CONDITION_TITLES),
	'unknown',
]);

function checked(kind: Subject['kind'], pattern: string): Subject {
	switch (kind) {
		case 'dag':
			if (/^\*+$/.test(pattern) || isDagId(pattern.replaceAll('*', 'x'))) return { kind, pattern };
			throw mistake(
				'dag id malformed',
				{
					en: `“${quoted(pattern, 80)}” is neither a DAG id nor a pattern of them.`,
					ja: `「${quoted(pattern, 80)}」は DAG ID としてもパターンとしても使えません。`,
				},
				{
					en: 'For example `daily_sales`, `sales_*`, `tag:finance`, `owner:ken`, `cause:kpo-oomkilled`.',
					ja: '例: `daily_sales`、`sales_*`、`tag:finance`、`owner:ken`、`cause:kpo-oomkilled`',
				},
			);
		case 'cause': {
			if (pattern.includes('*') ? /^[a-z0-9*-]{1,60}$/.test(pattern) : KNOWN_CAUSES.has(pattern))
				return { kind, pattern };
			const meant = near(pattern, KNOWN_CAUSES, 3).map((one) => `\`cause:${one}\``);
			throw mistake(
				'cause unknown',
				{ en: `There is no cause ${quoted(pattern, 60)}.`, ja: `原因 ${quoted(pattern, 60)} はありません。` },
				meant.length === 0
					? undefined
					: { en: `Did you mean ${meant.join(' or ')}?`, ja: `もしかして: ${meant.join('、')}` },
			);
		}
		case 'incident':
			if (/^[0-9a-f]{6,40}$/.test(pattern)) return { kind, pattern };
			throw mistake('incident malformed', {
				en: `“${quoted(pattern, 60)}” is no incident.`,
				ja: `「${quoted(pattern, 60)}」というインシデントはありません。`,
			});
		default:
			if (pattern.trim() !== '' && [...pattern].length <= 200) return { kind, pattern };
			throw mistake('subject malformed', {
				en: `What stands after ${kind}: is missing or too long.`,
				ja: `${kind}: の値がないか、長すぎます。`,
			});
	}
}

/** One DAG and no pattern: then the role is checked for that DAG. */
export function dagOfSubject({ kind, pattern }: Subject): string | undefined {
	return kind === 'dag' && !pattern.includes('*') ? pattern : undefined;
}

export const subjectSpan = (subject: Subject): Span => ({
	code: subject.kind === 'dag' ? clipHead(visible(subject.pattern), 100) : clip(visible(subjectText(subject)), 120),
});
