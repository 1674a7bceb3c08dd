import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { RequestListener } from 'node:http';
import type { Tickets } from '../clients/tickets.ts';
import type { Handler } from './public.ts';
import { plain } from './public.ts';

export const QUEUES_PATH = '/queues';
const COOKIE = 'concertmaster_queues';
/** How long the page stays open after the link was used. */
const OPEN_MS = 30 * 60_000;

/** A link is shown by previews and read by scanners; only this button uses it up. */
const DOOR = `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="referrer" content="no-referrer">
<title>Concertmaster queues</title><body style="font:16px system-ui;margin:15vh auto;max-width:30em;text-align:center">
<p>This link opens the queues once. / このリンクは一度だけ有効です。</p>
<form method="post"><button style="font:inherit;padding:.6em 2em">Open the queues / キューを開く</button></form>`;

const HEADERS = {
	'content-type': 'text/html; charset=utf-8',
	'cache-control': 'no-store',
	'referrer-policy': 'no-referrer',
	'x-frame-options': 'DENY',
	'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'",
};

/**
 * The queue page: `/queues/open/<ticket>` is what an admin is sent, good once; after that a cookie of this process opens `/queues`
 * for half an hour. Several processes behind one address need the proxy to keep a person with one of them.
 */
export function queuePage(tickets: Tickets, board: RequestListener, now: () => number): Handler {
	const secret = randomBytes(32);
	const sign = (text: string): string => createHmac('sha256', secret).update(text).digest('base64url');

	function pass(): string {
		const until = String(now() + OPEN_MS);
		return `${until}.${sign(until)}`;
	}
	function passes(cookies = ''): boolean {
		const given = cookies
			.split(/;\s*/)
			.find((one) => one.startsWith(`${COOKIE}=`))
			?.slice(COOKIE.length + 1);
		const [until = '', signature = ''] = given?.split('.') ?? [];
		const expected = Buffer.from(sign(until));
		const actual = Buffer.from(signature);
		return expected.length === actual.length && timingSafeEqual(expected, actual) && Number(until) > now();
	}

	return {
		path: QUEUES_PATH,
		async handle(request, response) {
			const path = request.url?.split('?', 1)[0] ?? '';
			const ticket = /^\/queues\/open\/([\w-]{1,100})$/.exec(path)?.[1];
			if (ticket === undefined) {
				if (request.method !== 'GET') return plain(response, 405, 'This page is read-only.');
				if (!passes(request.headers.cookie))
					return plain(response, 403, 'This page opens with the link that /dag queues sends to an admin.');
				board(request, response);
				return undefined;
			}
			if (request.method === 'GET') return void response.writeHead(200, HEADERS).end(DOOR);
			if (request.method !== 'POST') return plain(response, 405, 'Not allowed.');
			const user = await tickets.redeem('queues', ticket);
			if (user === undefined)
				return plain(response, 410, 'This link was used or is older than ten minutes. /dag queues sends a new one.');
			response
				.writeHead(303, {
					location: QUEUES_PATH,
					'set-cookie': `${COOKIE}=${pass()}; Path=${QUEUES_PATH}; HttpOnly; SameSite=Strict; Max-Age=${OPEN_MS / 1000}${
						request.headers['x-forwarded-proto'] === 'https' ? '; Secure' : ''
					}`,
				})
				.end();
			return undefined;
		},
	};
}
