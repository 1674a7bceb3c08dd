import { Trouble } from '../../src/domain/errors.ts';
import type { TroubleKind, TroubleOptions } from '../../src/domain/errors.ts';
import { mask } from '../../src/domain/mask.ts';
import type { Part, Reply } from '../../src/domain/reply.ts';
import { clip, visible, type Lang, type Text } from '../../src/domain/text.ts';
import { withCode } from '../../src/domain/with-code.ts';

/** A Trouble in both languages. `label` is stable and holds no foreign text. */
export function trouble(
	kind: TroubleKind,
	label: string,
	message: Text,
	hint?: Text,
	options: Omit<TroubleOptions, 'hint' | 'ja'> = {},
): Trouble {
	return new Trouble(kind, label, message.en, {
		...options,
		hint: hint?.en,
		ja: { message: message.ja, hint: hint?.ja },
	});
}

/** What was typed is wrong: told, not retried. */
export const mistake = (label: string, message: Text, hint?: Text): Trouble => trouble('user', label, message, hint);

/** What somebody typed, as a message may quote it: masked whole, then cut. */
export const quoted = (typed: string, most = 40): string => clip(visible(mask(typed)), most);

/** Anything that was thrown, as a Trouble: what is none is a bug of ours. */
export function asTrouble(error: unknown): Trouble {
	if (error instanceof Trouble) return error;
	return new Trouble('bug', 'unexpected error', 'Something unexpected happened.', { cause: error });
}

const ICON: Readonly<Record<TroubleKind, string>> = { user: '⚠️', denied: '⛔', upstream: '🔌', bug: '🐞' };

/**
 * A Trouble as the asker reads it. `ref` finds the log line of a bug: shown for bugs only. Everything in it is literal text,
 * clipped: a message may quote what was typed.
 */
export function toReply(trouble: Trouble, lang: Lang, ref?: string): Reply {
	const said = lang === 'ja' && trouble.ja ? trouble.ja : trouble;
	if (trouble.kind === 'bug') return bugReply(said.message, lang, ref);
	const parts: Part[] = [{ kind: 'title', icon: ICON[trouble.kind], line: [clip(mask(said.message), 1200)] }];
	if (said.hint !== undefined) parts.push({ kind: 'text', line: withCode(clip(said.hint, 2000)) });
	return { parts, to: 'asker' };
}

function bugReply(message: string, lang: Lang, ref: string | undefined): Reply {
	const sorry =
		lang === 'ja'
			? '申し訳ありません。Concertmaster の不具合です。ログに記録しました。'
			: 'Sorry, this is a bug in Concertmaster. It has been logged.';
	const parts: Part[] = [
		{ kind: 'title', icon: ICON.bug, line: [sorry] },
		{ kind: 'text', line: [clip(mask(message), 500)] },
	];
	if (ref !== undefined) parts.push({ kind: 'note', line: [lang === 'ja' ? `照会番号: ${ref}` : `Reference: ${ref}`] });
	return { parts, to: 'asker' };
}
