import { isTaskId } from '../../src/domain/ids.ts';
import { clip, visible } from '../../src/domain/text.ts';
import { noMore, runWord } from './ids.ts';
import { mistake } from './trouble.ts';
import type { Word } from './words.ts';

export { wordsOfTry } from '../../src/domain/words-of.ts';

export type WhichTry = {
	task?: string | undefined;
	mapIndex?: number | undefined;
	run?: string | undefined;
	tryNumber?: number | undefined;
};

// Airflow's own run ids begin so, and ours; no task id does.
const RUN = /^(?:manual|scheduled|backfill|asset_triggered|dataset_triggered|slack)__|[:+~]/;

/** `[task] [run] [try]` in this order; a word that can only be a run id is one. `task[3]` is a mapped task instance. Trouble `user`. */
export function whichTry(words: readonly Word[]): WhichTry {
	const found: WhichTry = {};
	const rest = [...words];
	if (rest[0] && !isRun(rest[0])) {
		const [, task = '', index] = /^(.*?)(?:\[(\d{1,6})\])?$/u.exec(rest.shift()?.text ?? '') ?? [];
		if (!isTaskId(task)) throw badTask(task);
		found.task = task;
		if (index !== undefined) found.mapIndex = Number(index);
	}
	const [first, second] = rest;
	if (first && !isTry(first)) {
		rest.shift();
		if (first.text !== 'latest') found.run = runWord(first);
	}
	const last = second && !isTry(first) ? second : first;
	if (last && isTry(last)) {
		rest.shift();
		found.tryNumber = Number(last.text);
	}
	noMore(rest);
	return found;
}

const isRun = ({ text }: Word): boolean => text === 'latest' || RUN.test(text);
const isTry = (word: Word | undefined): boolean => word !== undefined && /^\d{1,4}$/.test(word.text);

function badTask(text: string) {
	const shown = clip(visible(text), 80);
	return mistake(
		'task id malformed',
		{ en: `“${shown}” cannot be a task id.`, ja: `「${shown}」はタスク ID として使えません。` },
		{ en: 'Letters, digits, _ . -, at most 250.', ja: '使える文字は、文字・数字・_ . - で、250 文字までです。' },
	);
}
