import { createHash } from 'node:crypto';
import { invalid } from '../world/refusal.ts';

/**
 * One page of a list, with the token of the next. A token belongs to one question: with other parameters, or made up, it is
 * refused. `query`: everything that was asked, without the token.
 */
export function pageOf<T>(
	all: readonly T[],
	asked: { size: number; token: string; query: string },
): { page: T[]; nextPageToken?: string } {
	const stamp = createHash('sha256').update(asked.query).digest('base64url').slice(0, 12);
	const from = asked.token === '' ? 0 : readToken(asked.token, stamp);
	const page = all.slice(from, from + asked.size);
	const next = from + page.length;
	return {
		page,
		...(next < all.length && { nextPageToken: Buffer.from(`${stamp}:${next}`).toString('base64url') }),
	};
}

function readToken(token: string, stamp: string): number {
	const [given, from] = Buffer.from(token, 'base64url').toString().split(':');
	if (given !== stamp || from === undefined || !/^\d+$/.test(from)) throw invalid('Invalid page token.', 'page_token');
	return Number(from);
}

/** `pageSize` of a query: what is asked for, at most `most`; absent or 0: `most`. */
export function pageSize(query: URLSearchParams, most: number): number {
	const text = query.get('pageSize') ?? '0';
	const asked = Number(text);
	if (!Number.isInteger(asked) || asked < 0)
		throw invalid(`Invalid value at 'page_size' (TYPE_INT32), "${text}"`, 'page_size');
	return asked === 0 ? most : Math.min(asked, most);
}

/** A page of what a REST list found, by its `pageSize` and `pageToken`. */
export function restPage<T>(
	all: readonly T[],
	query: URLSearchParams,
	most: number,
): { page: T[]; nextPageToken?: string } {
	const rest = new URLSearchParams(query);
	rest.delete('pageToken');
	rest.delete('pageSize');
	rest.sort();
	return pageOf(all, { size: pageSize(query, most), token: query.get('pageToken') ?? '', query: rest.toString() });
}
