import type { TryKey } from './ids.ts';

/** One word of what is typed after `/dag`, whatever it holds. */
export function quoteWord(text: string): string {
	if (/^[\p{L}\p{N}_.:+~/@-]+$/u.test(text) && !/^[-—–]/.test(text)) return text;
	return `"${text.replace(/["\\“”„‟«»″＂]/g, (char) => `\\${char}`)}"`;
}

/** The words that name this try. */
export function wordsOfTry({ dag, task, mapIndex, run, tryNumber }: Omit<TryKey, 'env'>): string {
	const mapped = mapIndex >= 0 ? `[${mapIndex}]` : '';
	return [dag, task + mapped, run, String(Math.max(1, tryNumber))].map(quoteWord).join(' ');
}
