import type { Applying } from '../../src/scaling/applying.ts';
import type { CommandContext } from '../define.ts';
import { mistake } from './trouble.ts';
import type { Word } from './words.ts';

/** The id of a change, as its buttons carry it. */
export function idWord(word: Word | undefined): string {
	if (word && /^[0-9a-f]{24}$/.test(word.text)) return word.text;
	throw mistake('change not understood', {
		en: 'Name the change by its id: the buttons of its message do.',
		ja: '変更の ID を指定してください（変更メッセージのボタンから実行できます）。',
	});
}

/** Of this environment. */
export async function applyingOf(id: string, { deps, env }: CommandContext): Promise<Applying> {
	const found = await deps.applies.get(id);
	if (found && found.proposal.env === env) return found;
	throw mistake('change unknown', {
		en: 'There is no such change in this environment, or it was too long ago.',
		ja: 'この環境にそのような変更はありません（古い変更は保持されません）。',
	});
}
