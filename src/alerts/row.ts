import type { FailedTry } from './incident.ts';
import { clipHead, visible } from '../domain/text.ts';

const MOST_ID = 60;
const MOST_RUN = 70;

/**
 * One failed try in a line of a list, the same in both languages: `daily_sales.load[3]  scheduled__2026-…  #2  09:14:02Z`. Of a
 * long id the end is kept: it tells two apart.
 */
export function rowText(one: FailedTry): string {
	const { dag, run, task, mapIndex, tryNumber, endedAt, seenAt } = one;
	const map = mapIndex >= 0 ? `[${mapIndex}]` : '';
	const at = endedAt !== undefined && !Number.isNaN(Date.parse(endedAt)) ? Date.parse(endedAt) : seenAt;
	const when = `${new Date(at).toISOString().slice(11, 19)}Z`;
	return `${name(dag, MOST_ID)}.${name(task, MOST_ID)}${map}  ${name(run, MOST_RUN)}  #${tryNumber}  ${when}`;
}

const name = (id: string, most: number): string => clipHead(visible(id), most);

/** In code points, with its line break: what a page is measured by. */
export const rowLength = (one: FailedTry): number => [...rowText(one)].length + 1;
