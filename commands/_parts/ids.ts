import { isDagId, isRunId } from '../../src/domain/ids.ts';
import { mistake, quoted } from './trouble.ts';
import type { Word } from './words.ts';

/** The word that must name a DAG. Trouble `user` when it is missing or can be none. */
export function dagWord(word: Word | undefined): string {
	if (word === undefined || word.json)
		throw mistake('dag missing', { en: 'Which DAG? Its id is missing.', ja: 'DAG ID を指定してください。' });
	if (isDagId(word.text)) return word.text;
	throw mistake(
		'dag id malformed',
		{
			en: `“${quoted(word.text, 80)}” cannot be a DAG id.`,
			ja: `「${quoted(word.text, 80)}」は DAG ID として使えません。`,
		},
		{ en: 'Letters, digits, _ . -, at most 250.', ja: '使える文字は、文字・数字・_ . - で、250 文字までです。' },
	);
}

export function runWord(word: Word): string {
	if (isRunId(word.text)) return word.text;
	throw mistake(
		'run id malformed',
		{
			en: `“${quoted(word.text, 80)}” cannot be a run id.`,
			ja: `「${quoted(word.text, 80)}」は実行 ID として使えません。`,
		},
		{
			en: 'Letters, digits, _ . - : + ~, at most 250.',
			ja: '使える文字は、文字・数字・_ . - : + ~ で、250 文字までです。',
		},
	);
}

/** Nothing more may follow. */
export function noMore(words: readonly Word[]): void {
	const [extra] = words;
	if (extra === undefined) return;
	const shown = quoted(extra.text);
	throw mistake('word too many', {
		en: `I do not know what to do with “${shown}”.`,
		ja: `「${shown}」の指定は不要です。`,
	});
}
