import { createElement as h, Fragment, type ReactNode } from 'react';
import { renderToStaticMarkup } from 'react-dom/server';
import type { SandboxChannel, SandboxMessage, SandboxSlack, SandboxUser, SandboxView } from '../types.ts';
import { langOf, type Lang, type Text } from '../../../domain/text.ts';
import { isObject, objectsOf, textOf } from '../json.ts';
import { drawBlocks, drawMarkup, drawText, type Drawing } from './blocks.ts';
import { clock, dayKey, dayTitle, type Reader } from './dates.ts';
import { glyph } from './glyphs.ts';
import { replies, word } from './words.ts';

export type PageSettings = {
	slack: SandboxSlack;
	appName: string;
	/** Commands to click above the composer. One that ends in a space is put into the composer, others are run. */
	tries: readonly { text: string; about?: Text | undefined }[];
	/** What the composer offers after a slash. */
	hints: readonly { text: string; about: Text }[];
	/** Message shortcuts in the menu of a message. */
	shortcuts: readonly { callbackId: string; name: Text }[];
	/** One line under the workspace's name. */
	notice: Text | undefined;
	now(): number;
};

/** Whose eyes, which channel, which thread. */
export type Sight = {
	user: SandboxUser;
	channel: SandboxChannel;
	thread: string | undefined;
	tab: 'messages' | 'home';
	theme: 'light' | 'dark' | undefined;
};

/** More messages than this are not drawn; the oldest go. */
const SHOWN = 200;

export function openPage(settings: PageSettings) {
	const { slack } = settings;
	const drawn = new Map<string, string>();

	function langOfUser(user: SandboxUser): Lang {
		return langOf(user.locale) ?? 'en';
	}

	function drawingFor(sight: Sight): Drawing {
		const { user, theme } = sight;
		const reader: Reader = { lang: langOfUser(user), locale: user.locale, tz: user.tz, now: settings.now() };
		return {
			reader,
			theme,
			people: [
				...slack.workspace.users.map((one) => ({ id: one.id, name: one.realName })),
				{ id: slack.botUserId, name: settings.appName },
			],
			groups: slack.workspace.groups.map((one) => ({ id: one.id, name: one.handle })),
			channels: slack
				.channels()
				.filter((one) => one.kind !== 'dm')
				.map((one) => ({ id: one.id, name: one.name })),
		};
	}

	function address(sight: Sight, change: Partial<{ as: string; in: string; thread: string; tab: string }>): string {
		const query = new URLSearchParams({ as: sight.user.id, in: sight.channel.id, ...change });
		return `/?${query.toString()}`;
	}

	// Messages ----------------------------------------------------------------------------------------------------

	function visible(message: SandboxMessage, user: SandboxUser): boolean {
		return message.ephemeralTo === undefined || message.ephemeralTo === user.id;
	}

	function shownIn(sight: Sight, thread: string | undefined): readonly SandboxMessage[] {
		return slack
			.messages(sight.channel.id)
			.filter((one) => visible(one, sight.user))
			.filter((one) =>
				thread === undefined
					? one.threadTs === undefined || one.threadTs === one.ts
					: one.threadTs === thread || one.ts === thread,
			)
			.slice(-SHOWN);
	}

	/** The list's items as HTML, each with its key and a revision by which the browser sees what changed. */
	function messages(sight: Sight, thread?: string): string {
		const drawing = drawingFor(sight);
		const { reader } = drawing;
		const all = slack.messages(sight.channel.id);
		let before: SandboxMessage | undefined;
		let html = '';
		for (const message of shownIn(sight, thread)) {
			const at = timeOf(message);
			const day =
				before === undefined || dayKey(timeOf(before), reader) !== dayKey(at, reader)
					? dayTitle(at, reader)
					: undefined;
			const follows =
				day === undefined &&
				before !== undefined &&
				before.user === message.user &&
				before.ephemeralTo === message.ephemeralTo &&
				at - timeOf(before) < 300_000;
			const answers =
				thread === undefined
					? all.filter((one) => one.threadTs === message.ts && one.ts !== message.ts && visible(one, sight.user))
					: [];
			const rev = `${message.rev}-${answers.length}-${follows ? 1 : 0}-${day ?? ''}`;
			const key = [
				sight.user.id,
				sight.theme,
				thread === undefined ? '' : 'thread',
				message.channel,
				message.ts,
				rev,
			].join();
			let item = drawn.get(key);
			if (item === undefined) {
				item = renderToStaticMarkup(drawMessage(message, { sight, drawing, day, follows, answers, rev, thread }));
				if (drawn.size > 2000) drawn.clear();
				drawn.set(key, item);
			}
			html += item;
			before = message;
		}
		if (html !== '') return html;
		return renderToStaticMarkup(
			h('li', { className: 'nothing', 'data-key': 'nothing', 'data-rev': '0' }, word('empty', reader.lang)),
		);
	}

	function drawMessage(
		message: SandboxMessage,
		at: {
			sight: Sight;
			drawing: Drawing;
			day: string | undefined;
			follows: boolean;
			answers: readonly SandboxMessage[];
			rev: string;
			thread: string | undefined;
		},
	): ReactNode {
		const { sight, drawing, answers } = at;
		const { reader } = drawing;
		const { lang } = reader;
		const time = timeOf(message);
		const lone = message.ephemeralTo !== undefined;
		const edited = message.edits.length > 0 && message.user !== '';
		const last = answers.at(-1);
		return h(
			'li',
			{
				className: `message${at.follows ? ' follows' : ''}${lone ? ' ephemeral' : ''}`,
				'data-key': message.ts,
				'data-rev': at.rev,
				'data-channel': message.channel,
				'data-ts': message.ts,
			},
			at.day === undefined ? null : h('div', { className: 'day' }, h('span', null, at.day)),
			h(
				'div',
				{ className: 'row' },
				h('div', { className: 'gutter' }, at.follows ? h('time', null, clock(time, reader)) : avatar(message.user)),
				h(
					'div',
					{ className: 'body' },
					lone ? h('div', { className: 'only-you' }, glyph('eye'), ' ', word('onlyYou', lang)) : null,
					at.follows
						? null
						: h(
								'div',
								{ className: 'who' },
								h('b', null, nameOf(message.user)),
								message.user === slack.botUserId ? h('span', { className: 'badge' }, word('app', lang)) : null,
								h('time', { dateTime: new Date(time).toISOString() }, clock(time, reader)),
							),
					h(
						'div',
						{ className: 'said' },
						message.blocks.length > 0
							? drawBlocks(message.blocks, drawing)
							: message.text === ''
								? null
								: drawMarkup(message.text, drawing),
						message.attachments.map((one, i) => h(Fragment, { key: i }, drawAttachment(one, drawing))),
						Object.entries(message.unfurls).map(([url, one]) =>
							h(Fragment, { key: url }, drawAttachment(one, drawing)),
						),
						message.files.map((id) => h(Fragment, { key: id }, drawFile(id))),
						edited
							? h(
									'span',
									{
										className: 'edited',
										title: `${word('before', lang)}: ${message.edits
											.slice(-5)
											.map((one) => one.text)
											.join(' → ')}`,
									},
									word('edited', lang),
								)
							: null,
					),
					Object.keys(message.reactions).length === 0
						? null
						: h(
								'div',
								{ className: 'reactions' },
								Object.entries(message.reactions).map(([name, users]) =>
									h(
										'span',
										{ key: name, className: 'reaction' },
										drawText({ type: 'plain_text', text: `:${name}:` }, drawing),
										users.length,
									),
								),
							),
					last === undefined
						? null
						: h(
								'a',
								{ className: 'replies', href: address(sight, { thread: message.ts }) },
								h('b', null, replies(answers.length, lang)),
								h('time', null, clock(timeOf(last), reader)),
							),
				),
			),
			lone || at.thread !== undefined ? null : drawTools(message, sight, lang),
		);
	}

	function drawTools(message: SandboxMessage, sight: Sight, lang: Lang): ReactNode {
		return h(
			'div',
			{ className: 'tools' },
			h(
				'a',
				{ href: address(sight, { thread: message.ts }), title: word('reply', lang), 'aria-label': word('reply', lang) },
				glyph('bubble'),
			),
			settings.shortcuts.length === 0
				? null
				: h(
						'details',
						{ className: 'overflow' },
						h('summary', { 'aria-label': word('more', lang), title: word('more', lang) }, glyph('dots')),
						h(
							'div',
							{ className: 'menu' },
							settings.shortcuts.map((one) =>
								h('button', { key: one.callbackId, type: 'button', 'data-shortcut': one.callbackId }, one.name[lang]),
							),
						),
					),
		);
	}

	/** Attachments and unfurls: a coloured bar, a title, blocks. */
	function drawAttachment(value: { readonly [key: string]: unknown }, drawing: Drawing): ReactNode {
		const one = value as SandboxMessage['attachments'][number];
		const colour = /^#?[0-9a-f]{6}$/i.test(textOf(one['color']))
			? `#${textOf(one['color']).replace('#', '')}`
			: undefined;
		const text = textOf(one['text']);
		return h(
			'div',
			{ className: 'attachment', style: colour === undefined ? undefined : { borderColor: colour } },
			textOf(one['title']) === '' ? null : h('b', null, textOf(one['title'])),
			text === '' ? null : drawMarkup(text, drawing),
			drawBlocks(objectsOf(one['blocks']), drawing),
		);
	}

	function drawFile(id: string): ReactNode {
		const file = slack.file(id);
		if (file === undefined) return null;
		if (file.type.startsWith('image/'))
			return h('img', { className: 'file', src: `/file/${id}`, alt: file.alt || file.name });
		return h(
			'a',
			{ className: 'file', href: `/file/${id}`, target: '_blank', rel: 'noopener noreferrer' },
			glyph('file'),
			` ${file.name}`,
		);
	}

	function nameOf(user: string): string {
		if (user === slack.botUserId) return settings.appName;
		if (user === 'USLACKBOT') return 'Slackbot';
		return slack.workspace.users.find((one) => one.id === user)?.realName ?? user;
	}

	function avatar(user: string): ReactNode {
		if (user === slack.botUserId)
			return h('span', { className: 'avatar avatar-bot', 'aria-hidden': true }, glyph('notes'));
		if (user === 'USLACKBOT')
			return h('span', { className: 'avatar avatar-slackbot', 'aria-hidden': true }, glyph('heart'));
		const tone = slack.workspace.users.findIndex((one) => one.id === user) % 6;
		return h('span', { className: `avatar avatar-${tone}`, 'aria-hidden': true }, [...nameOf(user)][0] ?? '?');
	}

	// The frame ---------------------------------------------------------------------------------------------------

	function sidebar(sight: Sight): string {
		const { user, channel } = sight;
		const lang = langOfUser(user);
		const mine = slack.channels().filter((one) => one.kind !== 'dm' && one.members.includes(user.id));
		const dm = slack.channelId(user.id);
		const entry = (id: string, sign: ReactNode, label: string): ReactNode =>
			h(
				'a',
				{
					key: id,
					href: address(sight, { in: id }),
					className: id === channel.id ? 'here' : undefined,
					'aria-current': id === channel.id ? 'page' : undefined,
					'data-channel': id,
					'data-last': lastFor(id, user),
				},
				h('span', { className: 'sign' }, sign),
				h('span', { className: 'label' }, label),
			);
		return renderToStaticMarkup(
			h(
				Fragment,
				null,
				h('h2', null, word('channels', lang)),
				mine.map((one) => entry(one.id, one.kind === 'private' ? glyph('lock') : '#', one.name)),
				h('h2', null, word('apps', lang)),
				entry(dm, glyph('notes'), settings.appName),
				h('h2', null, word('actAs', lang)),
				slack.workspace.users
					.filter((one) => one.deleted !== true)
					.map((one) =>
						h(
							'a',
							{
								key: one.id,
								href: address(sight, { as: one.id, in: channel.kind === 'dm' ? slack.channelId(one.id) : channel.id }),
								className: `person${one.id === user.id ? ' here' : ''}`,
								'aria-current': one.id === user.id ? 'true' : undefined,
								lang: one.locale,
							},
							avatar(one.id),
							h('span', { className: 'label' }, one.realName, h('small', null, one.title ?? `@${one.name}`)),
						),
					),
			),
		);
	}

	/** Time of the newest message from somebody else: what makes a channel unread. */
	function lastFor(channel: string, user: SandboxUser): string {
		return (
			slack
				.messages(channel)
				.filter((one) => visible(one, user) && one.user !== user.id)
				.at(-1)?.ts ?? ''
		);
	}

	function banners(sight: Sight): string {
		const { channel, user } = sight;
		const lang = langOfUser(user);
		const lines: ReactNode[] = [];
		if (!channel.members.includes(slack.botUserId) && channel.kind !== 'dm')
			lines.push(
				h(
					'p',
					{ key: 'bot' },
					word('botAway', lang),
					' ',
					h('button', { type: 'button', className: 'button', 'data-invite': channel.id }, word('addBot', lang)),
				),
			);
		if (channel.archived === true) lines.push(h('p', { key: 'archived' }, word('archived', lang)));
		if (!slack.reachable()) lines.push(h('p', { key: 'away', className: 'away' }, word('appAway', lang)));
		return renderToStaticMarkup(h(Fragment, null, lines));
	}

	function home(sight: Sight): string {
		const view = slack.home(sight.user.id);
		const drawing = drawingFor(sight);
		if (view === undefined)
			return renderToStaticMarkup(h('p', { className: 'nothing' }, word('emptyHome', drawing.reader.lang)));
		return renderToStaticMarkup(
			h(
				'div',
				{ className: 'home', 'data-view': view.id, 'data-rev': `${view.id}-${view.rev}` },
				drawBlocks(view.blocks, { ...drawing, view }),
			),
		);
	}

	/** The person's topmost modal; '' when none is open. */
	function modal(sight: Sight): string {
		const stack = slack.views(sight.user.id);
		const view = stack.at(-1);
		return view === undefined ? '' : renderToStaticMarkup(drawModal(view, stack.length, sight));
	}

	function drawModal(view: SandboxView, depth: number, sight: Sight): ReactNode {
		const drawing = { ...drawingFor(sight), view };
		const { lang } = drawing.reader;
		const label = (key: 'submit' | 'close', usual: string): string => {
			const value = view.raw[key];
			return (isObject(value) ? textOf(value['text']) : '') || usual;
		};
		const whole = view.errors[''];
		return h(
			'dialog',
			{
				className: 'modal',
				'data-view': view.id,
				'data-rev': `${view.id}-${view.rev}`,
				'aria-labelledby': 'modal-title',
			},
			h(
				'form',
				{ method: 'dialog', noValidate: true },
				h(
					'header',
					null,
					depth > 1
						? h(
								'button',
								{ type: 'button', className: 'icon', 'data-close': 'yes', 'aria-label': word('back', lang) },
								glyph('back'),
							)
						: null,
					h('h2', { id: 'modal-title' }, drawText(view.raw['title'], drawing)),
					h(
						'button',
						{ type: 'button', className: 'icon', 'data-close': 'yes', 'aria-label': word('close', lang) },
						glyph('cross'),
					),
				),
				h(
					'div',
					{ className: 'modal-body' },
					whole === undefined ? null : h('p', { className: 'error', role: 'alert' }, whole),
					drawBlocks(view.blocks, drawing),
				),
				h(
					'footer',
					null,
					h(
						'button',
						{ type: 'button', className: 'button button-large', 'data-close': 'yes' },
						label('close', word(view.raw['submit'] === undefined ? 'close' : 'cancel', lang)),
					),
					view.raw['submit'] === undefined
						? null
						: h(
								'button',
								{ type: 'submit', className: 'button button-large button-primary' },
								label('submit', word('send', lang)),
							),
				),
			),
		);
	}

	function composer(sight: Sight, thread: string | undefined): ReactNode {
		const { channel, user } = sight;
		const lang = langOfUser(user);
		if (!channel.members.includes(user.id)) return h('p', { className: 'composer-off' }, word('notThere', lang));
		if (channel.archived === true) return h('p', { className: 'composer-off' }, word('archived', lang));
		const label = thread === undefined ? `${word('messageTo', lang)} ${titleOf(channel)}` : word('replyHere', lang);
		return h(
			'form',
			{ className: 'composer', 'data-thread': thread },
			h('div', { className: 'menu hints', role: 'listbox', hidden: true }),
			h('textarea', { rows: 1, placeholder: label, 'aria-label': label, autoFocus: thread !== undefined }),
			h('button', { type: 'submit', 'aria-label': word('send', lang), title: word('send', lang) }, glyph('send')),
		);
	}

	function titleOf(channel: SandboxChannel): string {
		if (channel.kind === 'dm') return settings.appName;
		return `${channel.kind === 'private' ? '' : '#'}${channel.name}`;
	}

	function document(sight: Sight, token: string): string {
		const { user, channel, thread, tab, theme } = sight;
		const lang = langOfUser(user);
		const direct = channel.kind === 'dm';
		const data = {
			as: user.id,
			in: channel.id,
			thread: thread ?? '',
			tab,
			token,
			handle: slack.botHandle,
			words: {
				failed: word('actionFailed', lang),
				noMatches: word('noMatches', lang),
				notInThreads: word('notInThreads', lang),
				cancel: word('cancel', lang),
				rows: word('pageOf', lang),
			},
			hints: settings.hints.map((one) => ({ text: one.text, about: one.about[lang] })),
			people: [
				{ name: slack.botHandle, about: settings.appName },
				...slack.workspace.users.map((one) => ({ name: one.name, about: one.realName })),
			],
		};
		const raw = (html: string): { dangerouslySetInnerHTML: { __html: string } } => ({
			dangerouslySetInnerHTML: { __html: html },
		});
		const page = h(
			'html',
			{ lang: user.locale, 'data-theme': theme },
			h(
				'head',
				null,
				h('meta', { charSet: 'utf-8' }),
				h('meta', { name: 'viewport', content: 'width=device-width, initial-scale=1' }),
				h('title', null, `${titleOf(channel)} · ${slack.workspace.name}`),
				h('link', {
					rel: 'icon',
					href: 'data:image/svg+xml,%3Csvg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"%3E%3Ctext y="13" font-size="13"%3E🎻%3C/text%3E%3C/svg%3E',
				}),
				h('link', { rel: 'stylesheet', href: '/blocks.css' }),
				h('link', { rel: 'stylesheet', href: '/style.css' }),
			),
			h(
				'body',
				null,
				h(
					'div',
					{ className: 'top' },
					h('b', null, slack.workspace.name),
					h('span', { className: 'notice' }, settings.notice?.[lang] ?? word('sandbox', lang)),
					h(
						'button',
						{ type: 'button', id: 'theme', title: word('theme', lang), 'aria-label': word('theme', lang) },
						glyph('half'),
					),
				),
				h('nav', { className: 'sidebar', id: 'sidebar', ...raw(sidebar(sight)) }),
				h(
					'main',
					null,
					h(
						'header',
						{ className: 'title' },
						h('h1', null, titleOf(channel)),
						direct
							? h(
									'span',
									{ className: 'tabs' },
									h(
										'a',
										{ href: address(sight, {}), className: tab === 'messages' ? 'here' : undefined },
										word('messages', lang),
									),
									h(
										'a',
										{ href: address(sight, { tab: 'home' }), className: tab === 'home' ? 'here' : undefined },
										word('home', lang),
									),
								)
							: h(
									'span',
									{ className: 'topic' },
									channel.topic ?? '',
									h('span', { className: 'members' }, `${channel.members.length} ${word('members', lang)}`),
								),
					),
					h('div', { id: 'banners', ...raw(banners(sight)) }),
					tab === 'home'
						? h('div', { id: 'home', className: 'scroll', ...raw(home(sight)) })
						: h(
								Fragment,
								null,
								h(
									'div',
									{ className: 'scroll' },
									h('ol', { id: 'messages', 'aria-live': 'polite', ...raw(messages(sight)) }),
								),
								settings.tries.length === 0 || thread !== undefined
									? null
									: h(
											'div',
											{ className: 'tries' },
											h('span', null, `${word('tryThis', lang)}:`),
											settings.tries.map((one) =>
												h(
													'button',
													{ key: one.text, type: 'button', 'data-try': one.text, title: one.about?.[lang] },
													one.text.trim(),
												),
											),
										),
								composer(sight, undefined),
							),
				),
				thread === undefined
					? null
					: h(
							'aside',
							null,
							h(
								'header',
								{ className: 'title' },
								h('h1', null, word('thread', lang)),
								h('span', { className: 'topic' }, titleOf(channel)),
								h(
									'a',
									{ className: 'icon', href: address(sight, {}), 'aria-label': word('close', lang) },
									glyph('cross'),
								),
							),
							h(
								'div',
								{ className: 'scroll' },
								h('ol', { id: 'thread', 'aria-live': 'polite', ...raw(messages(sight, thread)) }),
							),
							composer(sight, thread),
						),
				h('div', { id: 'modal', ...raw(modal(sight)) }),
				h('div', { id: 'toast', role: 'alert' }),
				h('script', { type: 'application/json', id: 'data', ...raw(JSON.stringify(data).replaceAll('<', '\\u003c')) }),
				h('script', { src: '/client.js', type: 'module' }),
			),
		);
		return `<!doctype html>${renderToStaticMarkup(page)}`;
	}

	return { document, messages, sidebar, banners, home, modal };
}

function timeOf(message: SandboxMessage): number {
	return Number(message.ts) * 1000;
}
