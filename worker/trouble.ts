import { Trouble } from '../src/domain/errors.ts';
import type { Line, Reply } from '../src/domain/reply.ts';
import type { Lang, Text } from '../src/domain/text.ts';

/** What a person is told of a failure: what is wrong and who can mend it. A bug gets a reference and no insides. */
export function troubleReply(error: unknown, lang: Lang, ref: string): Reply {
	const short = ref.slice(0, 8);
	if (!(error instanceof Trouble) || error.kind === 'bug') {
		const sorry: Text = {
			en: `Something went wrong in the bot itself. Please tell whoever runs it: reference ${short}.`,
			ja: `ボット内部で問題が発生しました。運用担当者に参照番号 ${short} をお伝えください。`,
		};
		return { to: 'asker', parts: [{ kind: 'title', icon: '🐞', line: [sorry[lang]] }] };
	}
	const icon = error.kind === 'user' ? '🤔' : error.kind === 'denied' ? '🚫' : '⚠️';
	const message = lang === 'ja' ? (error.ja?.message ?? error.message) : error.message;
	const hint = lang === 'ja' && error.ja ? error.ja.hint : error.hint;
	const note: Line = [`ref ${short}`];
	return {
		to: 'asker',
		parts: [
			{ kind: 'title', icon, line: [message] },
			...(hint === undefined ? [] : [{ kind: 'text' as const, line: [hint] }]),
			...(error.kind === 'user' ? [] : [{ kind: 'note' as const, line: note }]),
		],
	};
}
