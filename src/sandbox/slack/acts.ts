import type {
	Ack,
	ClickOptions,
	Delivered,
	Json,
	JsonObject,
	SandboxChannel,
	SandboxMessage,
	SandboxSlack,
	SandboxUser,
	SandboxView,
	Submitted,
	TypeOptions,
} from './types.ts';
import type { Store, StoredView } from './store.ts';
import type { Delivery, Outgoing } from './deliver.ts';
import { optionProblems } from './blocks.ts';
import { choicesOf, chosen, findElement, formErrors, stateOf, type Placed } from './elements.ts';
import { isList, isObject, objectsOf, textOf } from './json.ts';
import { contentOf, wireMessage } from './methods/method.ts';
import { domainOf } from './methods/chat.ts';
import { pushView, replaceView, updateView, wireView } from './methods/views.ts';
import { refusalOf } from './refuse.ts';
import { letters } from './random.ts';

type Settings = {
	origin: string;
	command: string;
	events: ReadonlySet<string>;
	unfurlHosts: readonly string[];
	eventRetryMs: readonly number[];
};

type Acts = Pick<
	SandboxSlack,
	| 'type'
	| 'say'
	| 'click'
	| 'openShortcut'
	| 'submitView'
	| 'closeView'
	| 'suggest'
	| 'invite'
	| 'kick'
	| 'archive'
	| 'openHome'
	| 'removeMessage'
	| 'sendEvent'
>;

/** What people do in the workspace, and what Slack tells the app of it. */
export function openActs(store: Store, delivery: Delivery, settings: Settings): Acts & { stop(): void } {
	const { identity } = store;
	const retries = new Set<() => void>();

	// Payload parts -----------------------------------------------------------------------------------------------

	function personOf(id: string): SandboxUser {
		return store.users.get(id) ?? wrong(`There is no user ${id}.`);
	}

	function channelFor(id: string, user: string): SandboxChannel {
		const channel = store.channels.get(id) ?? wrong(`There is no channel ${id}.`);
		if (!channel.members.includes(user)) wrong(`${user} is not in ${channel.name}.`);
		return channel;
	}

	function teamOf(user: SandboxUser): string {
		return user.stranger === true ? 'T0PARTNER' : identity.teamId;
	}

	function common(user: SandboxUser): JsonObject {
		return {
			team: { id: identity.teamId, domain: domainOf(store.name) },
			enterprise: null,
			is_enterprise_install: false,
			user: { id: user.id, username: user.name, name: user.name, team_id: teamOf(user) },
			api_app_id: identity.appId,
			token: 'sandbox-verification-token',
		};
	}

	/** Slack's names of channels that have none. */
	function nameIn(channel: SandboxChannel): string {
		return { public: channel.name, private: 'privategroup', dm: 'directmessage' }[channel.kind];
	}

	async function send(
		out: Outgoing,
		triggerId: string,
		responseUrl: string,
		overlay: JsonObject | undefined,
	): Promise<Delivered> {
		const acks = await delivery.deliver({ ...out, payload: { ...out.payload, ...overlay } });
		const ack = acks.find((one) => one.status === 'acked') ?? acks[0] ?? wrong('Nothing was delivered.');
		return { ack, acks, triggerId, responseUrl };
	}

	// Slash commands and messages ---------------------------------------------------------------------------------

	async function type(options: TypeOptions): Promise<Delivered> {
		const { user, channel, text } = options;
		const [word, rest] = splitOnce(text.trimStart());
		if (!word.startsWith('/')) {
			const message = say({ user, channel, text });
			const ack: Ack = { status: 'acked', body: undefined, text: '', ms: 0, via: 'nothing' };
			return { ack, acks: [ack], triggerId: '', responseUrl: `message:${message.ts}` };
		}
		const person = personOf(user);
		const place = channelFor(channel, user);
		if (word !== settings.command) {
			tell(place.id, user, `${word} is not a valid command. In Slack, all commands start with “/”.`);
			return wrong(`There is no command ${word}; the app has ${settings.command}.`);
		}
		const triggerId = store.newTrigger(user, place.id);
		const path = store.newResponseUrl('commands', place.id, user);
		const responseUrl = settings.origin + path;
		const delivered = await send(
			{
				kind: 'slash_commands',
				answers: true,
				copies: options.deliveries,
				skewSeconds: options.skewSeconds,
				payload: {
					token: 'sandbox-verification-token',
					team_id: identity.teamId,
					team_domain: domainOf(store.name),
					channel_id: place.id,
					channel_name: nameIn(place),
					user_id: user,
					user_name: person.name,
					command: word,
					text: rest,
					api_app_id: identity.appId,
					is_enterprise_install: 'false',
					response_url: responseUrl,
					trigger_id: triggerId,
				},
			},
			triggerId,
			responseUrl,
			options.overlay,
		);
		showAnswer(delivered.ack, place.id, user, word, path);
		return delivered;
	}

	/** What Slack shows of an ack: its text or blocks, or that the command failed. */
	function showAnswer(ack: Ack, channel: string, user: string, command: string, path: string): void {
		if (ack.status !== 'acked') {
			const error = ack.status === 'timeout' ? 'operation_timeout' : 'dispatch_failed';
			tell(channel, user, `${command} failed with the error "${error}"`);
			return;
		}
		const body: JsonObject = typeof ack.body === 'string' ? { text: ack.body } : isObject(ack.body) ? ack.body : {};
		if (body['text'] === undefined && body['blocks'] === undefined && body['attachments'] === undefined) return;
		try {
			const content = contentOf(body, store);
			const message = store.post({
				...content,
				channel,
				user: identity.botUserId,
				ephemeralTo: body['response_type'] === 'in_channel' ? undefined : user,
				via: 'ack',
			});
			const url = store.responseUrls.get(path);
			if (url !== undefined) url.original = { channel, ts: message.ts };
		} catch (error) {
			if (refusalOf(error) === undefined) throw error;
			tell(channel, user, `${command} failed with the error "invalid_command_response"`);
		}
	}

	/** Slack's own word to one person. */
	function tell(channel: string, user: string, text: string): void {
		store.post({ channel, user: 'USLACKBOT', text, ephemeralTo: user, via: 'slack' });
	}

	function say(options: {
		user: string;
		channel: string;
		text: string;
		threadTs?: string | undefined;
	}): SandboxMessage {
		personOf(options.user);
		const place = channelFor(options.channel, options.user);
		if (place.archived === true) wrong(`${place.name} is archived.`);
		const text = asSlackText(options.text);
		const message = store.post({
			channel: place.id,
			user: options.user,
			text,
			threadTs: options.threadTs,
			via: 'person',
		});
		// An app hears of messages where it is a member, and only of those.
		if (!place.members.includes(identity.botUserId)) return message;
		const kind = { public: 'channel', private: 'group', dm: 'im' }[place.kind];
		const event: JsonObject = {
			type: 'message',
			channel: place.id,
			channel_type: kind,
			user: options.user,
			text,
			ts: message.ts,
			event_ts: message.ts,
			team: teamOf(personOf(options.user)),
			...(options.threadTs === undefined ? {} : { thread_ts: options.threadTs }),
		};
		const name = { public: 'message.channels', private: 'message.groups', dm: 'message.im' }[place.kind];
		if (settings.events.has(name)) fire(event);
		if (place.kind !== 'dm' && text.includes(`<@${identity.botUserId}>`) && settings.events.has('app_mention')) {
			const { channel_type: _left, ...mention } = event;
			fire({ ...mention, type: 'app_mention' });
		}
		const links = [...text.matchAll(/<(https?:\/\/[^>|]+)/g)]
			.map((match) => match[1] ?? '')
			.filter((url) => URL.canParse(url) && settings.unfurlHosts.includes(new URL(url).host));
		if (links.length > 0 && settings.events.has('link_shared'))
			fire({
				type: 'link_shared',
				channel: place.id,
				user: options.user,
				message_ts: message.ts,
				event_ts: message.ts,
				source: 'conversations_history',
				unfurl_id: `${message.ts}-unfurl`,
				...(options.threadTs === undefined ? {} : { thread_ts: options.threadTs }),
				links: links.map((url) => ({ url, domain: new URL(url).host })),
			});
		return message;
	}

	// Events ------------------------------------------------------------------------------------------------------

	/** In the background; what became of it shows in the app. */
	function fire(event: JsonObject): void {
		void sendEvent(event);
	}

	async function sendEvent(
		event: JsonObject,
		options: { deliveries?: number; overlay?: JsonObject } = {},
	): Promise<readonly Ack[]> {
		const payload: JsonObject = {
			token: 'sandbox-verification-token',
			team_id: identity.teamId,
			api_app_id: identity.appId,
			context_team_id: identity.teamId,
			event,
			type: 'event_callback',
			event_id: `Ev${letters(store.random, 12)}`,
			event_time: Math.floor(store.now() / 1000),
			authorizations: [
				{
					enterprise_id: null,
					team_id: identity.teamId,
					user_id: identity.botUserId,
					is_bot: true,
					is_enterprise_install: false,
				},
			],
			is_ext_shared_channel: false,
			...options.overlay,
		};
		const seen: Ack[] = [];
		for (let num = 0; num <= settings.eventRetryMs.length; num++) {
			if (num > 0) await wait(settings.eventRetryMs[num - 1] ?? 0);
			const last = seen.at(-1);
			const reason =
				last?.status === 'timeout' ? 'timeout' : last?.status === 'failed' ? 'http_error' : 'connection_failed';
			const acks = await delivery.deliver({
				kind: 'events_api',
				payload,
				copies: num === 0 ? options.deliveries : 1,
				retry: num === 0 ? undefined : { num, reason },
			});
			seen.push(...acks);
			if (acks.some((ack) => ack.status === 'acked') || stopped) break;
		}
		return seen;
	}

	let stopped = false;

	function wait(ms: number): Promise<void> {
		return new Promise((resolve) => {
			const done = (): void => {
				clearTimeout(timer);
				retries.delete(done);
				resolve();
			};
			const timer = setTimeout(done, ms).unref();
			retries.add(done);
		});
	}

	// Clicks ------------------------------------------------------------------------------------------------------

	type Source =
		{ kind: 'message'; message: SandboxMessage; channel: SandboxChannel } | { kind: 'view'; view: StoredView };

	function sourceOf(options: {
		user: string;
		channel?: string | undefined;
		ts?: string | undefined;
		viewId?: string | undefined;
	}): Source {
		if (options.viewId !== undefined) return { kind: 'view', view: viewOf(options.user, options.viewId) };
		const channel = channelFor(options.channel ?? '', options.user);
		const message = store.find(channel.id, options.ts ?? '') ?? wrong(`There is no message ${options.ts ?? ''}.`);
		if (message.ephemeralTo !== undefined && message.ephemeralTo !== options.user)
			wrong(`Only ${message.ephemeralTo} sees the message ${message.ts}.`);
		return { kind: 'message', message, channel };
	}

	function viewOf(user: string, id: string): StoredView {
		const home = store.homes.get(user);
		if (home?.id === id) return home;
		return (store.stacks.get(user) ?? []).find((view) => view.id === id) ?? wrong(`${user} has no view ${id} open.`);
	}

	function unfurlBlocks(message: SandboxMessage): readonly JsonObject[] {
		return Object.values(message.unfurls).flatMap((unfurl) => objectsOf(unfurl['blocks']));
	}

	/** Where an element stands, for block_actions and block_suggestion. */
	function place(source: Source): JsonObject {
		if (source.kind === 'view') {
			return { container: { type: 'view', view_id: source.view.id }, view: wireView(source.view, store) };
		}
		const { message, channel } = source;
		const hidden = message.ephemeralTo !== undefined;
		return {
			container: {
				type: 'message',
				message_ts: message.ts,
				channel_id: channel.id,
				is_ephemeral: hidden,
				...(message.threadTs === undefined ? {} : { thread_ts: message.threadTs }),
			},
			channel: { id: channel.id, name: nameIn(channel) },
			...(hidden ? {} : { message: wireMessage(message, store, true) }),
		};
	}

	async function click(options: ClickOptions): Promise<Delivered> {
		const person = personOf(options.user);
		const source = sourceOf(options);
		const blocks =
			source.kind === 'view'
				? source.view.blocks
				: [
						...source.message.blocks,
						...source.message.attachments.flatMap((one) => objectsOf(one['blocks'])),
						...unfurlBlocks(source.message),
					];
		const placed = findElement(blocks, options.actionId, options.blockId);
		const { action, held } = actionOf(placed, options.value, offeredIn(source, placed));
		const before = source.kind === 'view' ? source.view.state : {};
		let state = stateOf(blocks, before, options.values, (one) => offeredIn(source, one));
		if (held !== undefined)
			state = { ...state, [placed.blockId]: { ...state[placed.blockId], [placed.actionId]: held } };
		if (source.kind === 'view') {
			source.view = { ...source.view, state };
			// Without a new revision: the person's own page holds what was typed.
			keepState(source.view);
		}
		const triggerId = store.newTrigger(options.user, source.kind === 'message' ? source.channel.id : undefined);
		const responseUrl =
			source.kind === 'message'
				? settings.origin +
					store.newResponseUrl(
						'actions',
						source.channel.id,
						options.user,
						{ channel: source.channel.id, ts: source.message.ts },
						source.message.threadTs,
					)
				: '';
		return send(
			{
				kind: 'interactive',
				copies: options.deliveries,
				payload: {
					type: 'block_actions',
					...common(person),
					...place(source),
					...(source.kind === 'message' ? { state: { values: state } } : {}),
					trigger_id: triggerId,
					...(responseUrl === '' ? {} : { response_url: responseUrl }),
					actions: [{ ...action, block_id: placed.blockId, action_id: placed.actionId, action_ts: store.nextTs() }],
				},
			},
			triggerId,
			responseUrl,
			options.overlay,
		);
	}

	function offeredIn(source: Source, placed: Placed): readonly JsonObject[] {
		const key = `${placed.blockId}/${placed.actionId}`;
		if (source.kind === 'view') return source.view.offered.get(key) ?? [];
		return offeredOnMessages.get(`${source.message.channel}:${source.message.ts}:${key}`) ?? [];
	}

	const offeredOnMessages = new Map<string, JsonObject[]>();

	function keepState(view: StoredView): void {
		if (view.type === 'home') store.homes.set(view.user, view);
		else {
			const stack = store.stacks.get(view.user) ?? [];
			store.stacks.set(
				view.user,
				stack.map((one) => (one.id === view.id ? view : one)),
			);
		}
	}

	async function openShortcut(options: Parameters<Acts['openShortcut']>[0]): Promise<Delivered> {
		const person = personOf(options.user);
		const triggerId = store.newTrigger(options.user, options.channel);
		const base: JsonObject = {
			...common(person),
			callback_id: options.callbackId,
			trigger_id: triggerId,
			action_ts: store.nextTs(),
		};
		if (options.ts === undefined)
			return send(
				{ kind: 'interactive', copies: options.deliveries, payload: { ...base, type: 'shortcut' } },
				triggerId,
				'',
				options.overlay,
			);
		const source = sourceOf(options);
		if (source.kind !== 'message') return wrong('A message shortcut needs a message.');
		const { channel, message } = source;
		const responseUrl =
			settings.origin + store.newResponseUrl('actions', channel.id, options.user, undefined, message.threadTs);
		return send(
			{
				kind: 'interactive',
				copies: options.deliveries,
				payload: {
					...base,
					type: 'message_action',
					channel: { id: channel.id, name: nameIn(channel) },
					message_ts: message.ts,
					message: wireMessage(message, store, true),
					response_url: responseUrl,
				},
			},
			triggerId,
			responseUrl,
			options.overlay,
		);
	}

	// Forms -------------------------------------------------------------------------------------------------------

	async function submitView(options: Parameters<Acts['submitView']>[0]): Promise<Submitted> {
		const person = personOf(options.user);
		const before = viewOf(options.user, options.viewId);
		const source: Source = { kind: 'view', view: before };
		const state = stateOf(before.blocks, before.state, options.values, (one) => offeredIn(source, one));
		const view: StoredView = { ...before, state, errors: formErrors(before.blocks, state) };
		if (Object.keys(view.errors).length > 0) {
			replaceView({ ...view, rev: view.rev + 1 }, store);
			const ack: Ack = { status: 'failed', body: undefined, text: '', ms: 0, via: 'nothing' };
			return {
				ack,
				acks: [ack],
				triggerId: '',
				responseUrl: '',
				outcome: 'refused',
				errors: view.errors,
				view: topView(options.user),
			};
		}
		keepState(view);
		const triggerId = store.newTrigger(options.user, undefined);
		const delivered = await send(
			{
				kind: 'interactive',
				answers: true,
				copies: options.deliveries,
				payload: {
					type: 'view_submission',
					...common(person),
					trigger_id: triggerId,
					view: wireView(view, store),
					response_urls: [],
				},
			},
			triggerId,
			'',
			options.overlay,
		);
		const { outcome, errors } = carryOut(delivered.ack, view);
		return { ...delivered, outcome, errors, view: topView(options.user) };
	}

	function topView(user: string): SandboxView | undefined {
		return store.stacks.get(user)?.at(-1);
	}

	/** What the app's answer to a submitted form does. */
	function carryOut(
		ack: Ack,
		view: StoredView,
	): { outcome: Submitted['outcome']; errors: Readonly<Record<string, string>> } {
		const failed = (): { outcome: 'failed'; errors: Readonly<Record<string, string>> } => {
			const errors = { '': 'We had some trouble connecting. Try again?' };
			replaceView({ ...view, errors, rev: view.rev + 1 }, store);
			return { outcome: 'failed', errors };
		};
		if (ack.status !== 'acked') return failed();
		const answer = isObject(ack.body) ? ack.body : {};
		try {
			switch (answer['response_action']) {
				case undefined:
					dropView(view);
					return { outcome: 'closed', errors: {} };
				case 'clear':
					store.stacks.delete(view.user);
					store.emit({ kind: 'view', user: view.user });
					return { outcome: 'cleared', errors: {} };
				case 'update':
					updateView(view, answer['view'], store);
					return { outcome: 'updated', errors: {} };
				case 'push':
					pushView(answer['view'], view.user, store);
					return { outcome: 'pushed', errors: {} };
				case 'errors': {
					const errors = errorsOf(answer['errors'], view);
					if (errors === undefined) return failed();
					replaceView({ ...view, errors, rev: view.rev + 1 }, store);
					return { outcome: 'errors', errors };
				}
				default:
					return failed();
			}
		} catch (error) {
			if (refusalOf(error) === undefined) throw error;
			return failed();
		}
	}

	function dropView(view: StoredView): void {
		const stack = (store.stacks.get(view.user) ?? []).filter((one) => one.id !== view.id);
		if (stack.length === 0) store.stacks.delete(view.user);
		else store.stacks.set(view.user, stack);
		store.emit({ kind: 'view', user: view.user });
	}

	async function closeView(options: { user: string; viewId: string }): Promise<Delivered | undefined> {
		const person = personOf(options.user);
		const view = viewOf(options.user, options.viewId);
		const wire = wireView(view, store);
		dropView(view);
		if (!view.notifyOnClose) return undefined;
		return send(
			{ kind: 'interactive', payload: { type: 'view_closed', ...common(person), view: wire, is_cleared: false } },
			'',
			'',
			undefined,
		);
	}

	async function suggest(
		options: Parameters<Acts['suggest']>[0],
	): Promise<{ choices: ReturnType<typeof choicesOf>; ack: Ack }> {
		const person = personOf(options.user);
		const source = sourceOf(options);
		const blocks = source.kind === 'view' ? source.view.blocks : source.message.blocks;
		const placed = findElement(blocks, options.actionId, options.blockId);
		if (!textOf(placed.element['type']).endsWith('external_select'))
			wrong(`${options.actionId} is no external_select.`);
		if (source.kind === 'view' && options.values !== undefined) {
			const state = stateOf(blocks, source.view.state, options.values, (one) => offeredIn(source, one));
			source.view = { ...source.view, state };
			keepState(source.view);
		}
		const acks = await delivery.deliver({
			kind: 'interactive',
			answers: true,
			payload: {
				type: 'block_suggestion',
				...common(person),
				...place(source),
				action_id: placed.actionId,
				block_id: placed.blockId,
				value: options.query,
			},
		});
		const ack = acks[0] ?? wrong('Nothing was delivered.');
		const offered = ack.status === 'acked' ? optionsIn(ack.body) : [];
		const key = `${placed.blockId}/${placed.actionId}`;
		if (source.kind === 'view') add(source.view.offered, key, offered);
		else add(offeredOnMessages, `${source.message.channel}:${source.message.ts}:${key}`, offered);
		return { choices: choicesOf(offered), ack };
	}

	// Members and the like ----------------------------------------------------------------------------------------

	function invite(options: { channel: string; user: string; by?: string | undefined }): void {
		const channel = store.channels.get(options.channel) ?? wrong(`There is no channel ${options.channel}.`);
		if (channel.members.includes(options.user)) return;
		channel.members.push(options.user);
		store.emit({ kind: 'channel', channel: channel.id });
		if (settings.events.has('member_joined_channel') && channel.members.includes(identity.botUserId))
			fire({
				type: 'member_joined_channel',
				user: options.user,
				channel: channel.id,
				channel_type: channel.kind === 'public' ? 'C' : 'G',
				team: identity.teamId,
				event_ts: store.nextTs(),
				...(options.by === undefined ? {} : { inviter: options.by }),
			});
	}

	function kick(options: { channel: string; user: string }): void {
		const channel = store.channels.get(options.channel) ?? wrong(`There is no channel ${options.channel}.`);
		const seat = channel.members.indexOf(options.user);
		if (seat >= 0) channel.members.splice(seat, 1);
		store.emit({ kind: 'channel', channel: channel.id });
	}

	return {
		type,
		say,
		click,
		openShortcut,
		submitView,
		closeView,
		suggest,
		invite,
		kick,
		archive(id) {
			const channel = store.channels.get(id) ?? wrong(`There is no channel ${id}.`);
			store.channels.set(id, { ...channel, archived: true });
			store.emit({ kind: 'channel', channel: id });
		},
		openHome(user) {
			personOf(user);
			const view = store.homes.get(user);
			if (settings.events.has('app_home_opened'))
				fire({
					type: 'app_home_opened',
					user,
					channel: store.directMessage(user).id,
					tab: 'home',
					event_ts: store.nextTs(),
					...(view === undefined ? {} : { view: wireView(view, store) }),
				});
		},
		removeMessage({ channel, ts }) {
			store.remove(store.find(channel, ts) ?? wrong(`There is no message ${ts}.`), false);
		},
		sendEvent,
		stop() {
			stopped = true;
			for (const done of retries) done();
		},
	};
}

function wrong(message: string): never {
	throw new Error(message);
}

function splitOnce(text: string): [string, string] {
	const gap = text.search(/\s/);
	return gap < 0 ? [text, ''] : [text.slice(0, gap), text.slice(gap + 1).trim()];
}

/** A typed text as Slack keeps it: `& < >` escaped, links in angle brackets; tokens already in Slack's form stay. */
function asSlackText(text: string): string {
	return text
		.split(/(<(?:[@#!][^<>]*|https?:\/\/[^<>]*)>)/)
		.map((part, i) =>
			i % 2 === 1
				? part
				: part
						.replaceAll('&', '&amp;')
						.replaceAll('<', '&lt;')
						.replaceAll('>', '&gt;')
						.replace(/https?:\/\/[^\s<>|]+/g, (url) => `<${url}>`),
		)
		.join('');
}

function actionOf(
	{ element }: Placed,
	value: string | number | readonly string[] | undefined,
	offered: readonly JsonObject[],
): { action: JsonObject; held: JsonObject | undefined } {
	const type = textOf(element['type']);
	if (type === 'button' || type === 'workflow_button') {
		const { text, value: own, style, url } = element;
		return { action: { type, text, value: own, style, url }, held: undefined };
	}
	if (type === 'feedback_buttons' || type === 'icon_button')
		return { action: { type, value: textOf(value ?? element['value']) }, held: undefined };
	const held = chosen(element, value ?? null, offered);
	return { action: { ...held, placeholder: element['placeholder'] }, held: type === 'overflow' ? undefined : held };
}

/** The options in an app's answer to a block_suggestion; none when Slack would not take it. */
function optionsIn(body: Json | undefined): JsonObject[] {
	if (!isObject(body)) return [];
	const groups = body['option_groups'];
	const lists = isList(groups) ? objectsOf(groups).map((group) => group['options']) : [body['options'] ?? []];
	if (lists.length > 100 || lists.some((list) => optionProblems(list).length > 0)) return [];
	return lists.flatMap((list) => objectsOf(list));
}

function add(map: Map<string, JsonObject[]>, key: string, options: readonly JsonObject[]): void {
	const known = new Map((map.get(key) ?? []).map((one) => [textOf(one['value']), one]));
	for (const option of options) known.set(textOf(option['value']), option);
	map.set(key, [...known.values()]);
}

/** Undefined when an error names a block that holds no input: Slack refuses the whole answer. */
function errorsOf(value: Json | undefined, view: StoredView): Record<string, string> | undefined {
	if (!isObject(value) || Object.keys(value).length === 0) return undefined;
	const errors: Record<string, string> = {};
	for (const [block, text] of Object.entries(value)) {
		if (!view.blocks.some((one) => one['type'] === 'input' && one['block_id'] === block)) return undefined;
		errors[block] = textOf(text);
	}
	return errors;
}
