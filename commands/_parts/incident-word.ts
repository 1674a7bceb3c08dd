import { subjectWord } from './subject-word.ts';
import { mistake } from './trouble.ts';
import type { Word } from './words.ts';

/** The id of `incident:<id>`, or the id alone. Trouble `user`. */
export function incidentWord(word: Word | undefined): string {
	if (word && /^[0-9a-f]{12}$/.test(word.text)) return word.text;
	const subject = word?.text.startsWith('incident:') ? subjectWord(word) : undefined;
	if (subject) return subject.pattern;
	throw mistake('incident missing', {
		en: 'Which incident? Its card has the buttons.',
		ja: 'インシデントを `incident:ID` の形で指定してください。カードのボタンからも操作できます。',
	});
}
