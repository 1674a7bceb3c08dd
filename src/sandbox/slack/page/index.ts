import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { randomBytes, timingSafeEqual } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { z } from 'zod';
import type { SandboxChannel, SandboxEvent, SandboxSlack, SandboxUser } from '../types.ts';
import type { Text } from '../../../domain/text.ts';
import { openPage, type Sight } from './html.ts';

export type SlackPageOptions = {
	slack: SandboxSlack;
	/** TCP port on 127.0.0.1; 0 = any. */
	port?: number | undefined;
	/** Concertmaster. */
	appName?: string | undefined;
	/** Commands to click. One that ends in a space is put into the composer to be completed, others are run at once. */
	tries?: readonly { text: string; about?: Text | undefined }[] | undefined;
	/** What the composer offers once a slash is typed. */
	hints?: readonly { text: string; about: Text }[] | undefined;
	/** Message shortcuts of the app. */
	shortcuts?: readonly { callbackId: string; name: Text }[] | undefined;
	/** One line at the top of the page. */
	notice?: Text | undefined;
	now?: (() => number) | undefined;
};

export type SlackPage = {
	/** `http://127.0.0.1:PORT/`: the only address to print. */
	url: string;
	close(): Promise<void>;
};

const here = (name: string): URL => new URL(`./${name}`, import.meta.url);
const library = createRequire(import.meta.url).resolve('slack-blocks-to-jsx/dist/style.css');

/**
 * The workspace as a web page, for people. On 127.0.0.1 only. Other sites cannot use it: requests under another Host
 * (DNS rebinding) or from another Origin are refused, and every act carries a token that only the page itself has read.
 */
export async function startSlackPage(options: SlackPageOptions): Promise<SlackPage> {
	const { slack } = options;
	const token = randomBytes(24).toString('base64url');
	const page = openPage({
		slack,
		appName: options.appName ?? 'Concertmaster',
		tries: options.tries ?? [],
		hints: options.hints ?? [],
		shortcuts: options.shortcuts ?? [],
		notice: options.notice,
		now: options.now ?? Date.now,
	});
	const assets: Readonly<Record<string, { type: string; body: Buffer }>> = {
		'/client.js': { type: 'text/javascript; charset=utf-8', body: await readFile(here('client.js')) },
		'/style.css': { type: 'text/css; charset=utf-8', body: await readFile(here('style.css')) },
		'/blocks.css': { type: 'text/css; charset=utf-8', body: await readFile(library) },
	};
	let hosts: readonly string[] = [];

	const server = createServer((request, response) => {
		handle(request, response).catch((error: unknown) => {
			if (!response.headersSent) response.writeHead(500, { 'content-type': 'text/plain; charset=utf-8' });
			response.end(error instanceof Error ? error.message : String(error));
		});
	});

	async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
		if (!isOurs(request)) {
			answer(response, 403, 'text/plain', 'This page answers only to itself.');
			return;
		}
		const url = new URL(request.url ?? '/', 'http://localhost');
		const asset = Object.hasOwn(assets, url.pathname) ? assets[url.pathname] : undefined;
		if (request.method === 'POST' && url.pathname.startsWith('/do/'))
			await act(request, response, url.pathname.slice(4));
		else if (request.method !== 'GET') answer(response, 405, 'text/plain', 'no');
		else if (asset !== undefined) answer(response, 200, asset.type, asset.body);
		else if (url.pathname === '/') {
			const sight = sightOf(url, request);
			const themed = url.searchParams.has('theme') ? { 'set-cookie': themeCookie(sight.theme) } : {};
			answer(response, 200, 'text/html; charset=utf-8', page.document(sight, token), themed);
		} else if (url.pathname === '/events') follow(url, response);
		else if (url.pathname.startsWith('/part/'))
			part(url.pathname.slice('/part/'.length), sightOf(url, request), response);
		else if (url.pathname.startsWith('/file/')) sendFile(url.pathname.slice('/file/'.length), response);
		else answer(response, 404, 'text/plain', 'not found');
	}

	/** Host must be ours; where a browser says which site asks, that must be ours too. */
	function isOurs(request: IncomingMessage): boolean {
		const host = request.headers.host ?? '';
		if (!hosts.includes(host)) return false;
		const { origin } = request.headers;
		if (origin !== undefined && origin !== `http://${host}`) return false;
		// An act without any Origin comes from no browser page of ours.
		if (request.method === 'POST' && origin === undefined) return false;
		const site = request.headers['sec-fetch-site'];
		return site === undefined || site === 'same-origin' || site === 'none' || isPlainVisit(request);
	}

	/** A link elsewhere may lead to the page; it may not load parts of it. */
	function isPlainVisit(request: IncomingMessage): boolean {
		return (
			request.method === 'GET' &&
			request.headers['sec-fetch-mode'] === 'navigate' &&
			(request.url ?? '').startsWith('/?')
		);
	}

	function sightOf(url: URL, request: IncomingMessage): Sight {
		const users = slack.workspace.users.filter((one) => one.deleted !== true);
		const user =
			users.find((one) => one.id === url.searchParams.get('as')) ?? users[0] ?? stop('The workspace has no people.');
		const theme = url.searchParams.get('theme') ?? /(?:^|; )theme=(\w+)/.exec(request.headers.cookie ?? '')?.[1];
		const thread = url.searchParams.get('thread') ?? '';
		const channel = channelOf(url.searchParams.get('in') ?? '', user);
		return {
			user,
			channel,
			thread: /^\d+\.\d+$/.test(thread) ? thread : undefined,
			tab: url.searchParams.get('tab') === 'home' && channel.kind === 'dm' ? 'home' : 'messages',
			theme: theme === 'dark' || theme === 'light' ? theme : undefined,
		};
	}

	/** Only what this person may see. */
	function channelOf(id: string, user: SandboxUser): SandboxChannel {
		// The direct message with the app is opened by looking for it.
		slack.channelId(user.id);
		const mine = slack.channels().filter((one) => one.members.includes(user.id));
		return mine.find((one) => one.id === id) ?? mine[0] ?? stop(`${user.name} is in no channel.`);
	}

	function part(name: string, sight: Sight, response: ServerResponse): void {
		const html = {
			messages: () => page.messages(sight),
			thread: () => page.messages(sight, sight.thread),
			sidebar: () => page.sidebar(sight),
			banners: () => page.banners(sight),
			home: () => page.home(sight),
			modal: () => page.modal(sight),
		};
		if (!isKey(name, html)) answer(response, 404, 'text/plain', 'not found');
		else answer(response, 200, 'text/html; charset=utf-8', html[name]());
	}

	function sendFile(id: string, response: ServerResponse): void {
		const file = slack.file(id);
		if (file === undefined) answer(response, 404, 'text/plain', 'not found');
		// Only pictures are shown; anything else is handed over as a download.
		else if (/^image\/(png|jpeg|gif)$/.test(file.type)) answer(response, 200, file.type, Buffer.from(file.bytes));
		else
			answer(response, 200, 'application/octet-stream', Buffer.from(file.bytes), {
				'content-disposition': `attachment; filename="${file.name.replace(/[^\w.-]/g, '_')}"`,
			});
	}

	/** Server-sent events: what changed for this person; the browser fetches the part anew. */
	function follow(url: URL, response: ServerResponse): void {
		const user = url.searchParams.get('as') ?? '';
		response.writeHead(200, { ...HEADERS, 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
		response.write('retry: 500\n\n');
		const stopListening = slack.onEvent((event) => {
			if (concerns(event, user)) response.write(`data: ${JSON.stringify(event)}\n\n`);
		});
		const beats = setInterval(() => response.write(': still here\n\n'), 15_000);
		response.on('close', () => {
			clearInterval(beats);
			stopListening();
		});
	}

	function concerns(event: SandboxEvent, user: string): boolean {
		if (event.kind === 'view' || event.kind === 'home') return event.user === user;
		if (event.kind === 'sockets') return true;
		const channel = slack.channels().find((one) => one.id === event.channel);
		const member = channel?.members.includes(user) === true;
		if (event.kind === 'channel') return member || channel?.kind === 'public';
		return member && (event.to === undefined || event.to === user);
	}

	// Acts --------------------------------------------------------------------------------------------------------

	async function act(request: IncomingMessage, response: ServerResponse, name: string): Promise<void> {
		const given = Buffer.from(String(request.headers['x-page-token'] ?? ''));
		if (given.length !== token.length || !timingSafeEqual(given, Buffer.from(token))) {
			answer(response, 403, 'application/json', JSON.stringify({ ok: false, error: 'reload' }));
			return;
		}
		const reply = (body: object): void => answer(response, 200, 'application/json', JSON.stringify(body));
		try {
			const body: unknown = JSON.parse(await textOf(request));
			reply(await perform(name, body));
		} catch (error) {
			reply({ ok: false, error: error instanceof Error ? error.message : String(error) });
		}
	}

	async function perform(name: string, body: unknown): Promise<object> {
		switch (name) {
			case 'type': {
				const { as: user, in: channel, text, thread } = TYPED.parse(body);
				if (thread !== undefined) slack.say({ user, channel, text: withMentions(text), threadTs: thread });
				else if (text.trimStart().startsWith('/')) await slack.type({ user, channel, text });
				else slack.say({ user, channel, text: withMentions(text) });
				return { ok: true };
			}
			case 'click': {
				const { as: user, ...rest } = CLICKED.parse(body);
				const { ack } = await slack.click({ user, ...rest });
				return { ok: ack.status === 'acked', failed: ack.status !== 'acked' };
			}
			case 'shortcut': {
				const { as: user, ...rest } = SHORTCUT.parse(body);
				const { ack } = await slack.openShortcut({ user, ...rest });
				return { ok: ack.status === 'acked', failed: ack.status !== 'acked' };
			}
			case 'submit': {
				const { as: user, viewId, values } = FORM.parse(body);
				const { outcome } = await slack.submitView({ user, viewId, values });
				return { ok: true, outcome };
			}
			case 'close': {
				const { as: user, viewId } = FORM.parse(body);
				await slack.closeView({ user, viewId });
				return { ok: true };
			}
			case 'suggest': {
				const { as: user, ...rest } = ASKED.parse(body);
				const { choices } = await slack.suggest({ user, ...rest });
				return { ok: true, choices };
			}
			case 'invite': {
				const { as: by, channel } = INVITED.parse(body);
				slack.invite({ channel, user: slack.botUserId, by });
				return { ok: true };
			}
			case 'home':
				slack.openHome(z.object({ as: ID }).parse(body).as);
				return { ok: true };
			default:
				return stop('There is no such act.');
		}
	}

	/** `@name` as a mention, for people and for the app. */
	function withMentions(text: string): string {
		return text.replace(/(^|[\s(])@([\p{L}\p{N}._-]+)/gu, (whole, before: string, name: string) => {
			const id =
				name.toLowerCase() === slack.botHandle
					? slack.botUserId
					: slack.workspace.users.find((one) => one.name === name.toLowerCase())?.id;
			return id === undefined ? whole : `${before}<@${id}>`;
		});
	}

	await new Promise<void>((resolve, reject) => {
		server.once('error', reject);
		server.listen(options.port ?? 0, '127.0.0.1', () => resolve());
	});
	const { port } = server.address() as AddressInfo;
	hosts = [`127.0.0.1:${port}`, `localhost:${port}`];

	return {
		url: `http://127.0.0.1:${port}/`,
		close(): Promise<void> {
			server.closeAllConnections();
			return new Promise((resolve) => server.close(() => resolve()));
		},
	};
}

const ID = z.string().min(1).max(100);
const VALUES = z.record(z.string(), z.union([z.string(), z.number(), z.array(z.string()), z.null()])).default({});
const PLACE = { channel: ID.optional(), ts: ID.optional(), viewId: ID.optional() };
const TYPED = z.object({ as: ID, in: ID, text: z.string().min(1).max(40_000), thread: ID.optional() });
const CLICKED = z.object({
	as: ID,
	...PLACE,
	actionId: z.string().max(255),
	blockId: z.string().max(255).optional(),
	value: z.union([z.string(), z.number(), z.array(z.string())]).optional(),
	values: VALUES,
});
const SHORTCUT = z.object({ as: ID, callbackId: ID, channel: ID, ts: ID });
const FORM = z.object({ as: ID, viewId: ID, values: VALUES });
const ASKED = z.object({
	as: ID,
	...PLACE,
	actionId: z.string().max(255),
	blockId: z.string().max(255).optional(),
	query: z.string().max(500),
	values: VALUES,
});
const INVITED = z.object({ as: ID, channel: ID });

// Scripts and styles from here alone; inline styles are React's style attributes.
const HEADERS = {
	'content-security-policy':
		"default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
	'cross-origin-opener-policy': 'same-origin',
	'cross-origin-resource-policy': 'same-origin',
	'referrer-policy': 'no-referrer',
	'x-content-type-options': 'nosniff',
	'x-frame-options': 'DENY',
};

function answer(
	response: ServerResponse,
	status: number,
	type: string,
	body: string | Buffer,
	headers: Record<string, string> = {},
): void {
	response.writeHead(status, { ...HEADERS, ...headers, 'content-type': type, 'cache-control': 'no-store' });
	response.end(body);
}

function themeCookie(theme: string | undefined): string {
	return `theme=${theme ?? ''}; Path=/; SameSite=Strict; Max-Age=31536000`;
}

async function textOf(request: IncomingMessage): Promise<string> {
	const chunks: Buffer[] = [];
	let size = 0;
	for await (const chunk of request) {
		if (!Buffer.isBuffer(chunk)) continue;
		size += chunk.length;
		if (size > 1_000_000) throw new Error('too long');
		chunks.push(chunk);
	}
	return Buffer.concat(chunks).toString();
}

function isKey<T extends object>(key: string, object: T): key is string & keyof T {
	return Object.hasOwn(object, key);
}

function stop(message: string): never {
	throw new Error(message);
}
