import type { FailedTry } from './incident.ts';
import { rowLength } from './row.ts';

/** Of a thread message's 12,000 characters; the rest is its title. */
export const PAGE_LENGTH = 10_800;

/** Where a page of a list begins, and how many tries and characters are on it. */
export type Page = { from: number; tries: number; length: number };

/** Puts one more on the last page, or on a new one that begins at `at`. A page that was followed by another never changes again. */
export function addToPages(pages: Page[], one: FailedTry, at: number): void {
	const length = rowLength(one);
	const page = pages.at(-1);
	if (page && page.length + length <= PAGE_LENGTH) {
		page.tries++;
		page.length += length;
	} else pages.push({ from: at, tries: 1, length });
}
