import type {
	Call,
	Counts,
	Identity,
	JsonObject,
	SandboxChannel,
	SandboxEvent,
	SandboxGroup,
	SandboxMessage,
	SandboxUser,
	SandboxView,
	SlackOptions,
} from './types.ts';
import { defaultWorkspace } from './workspace.ts';
import { letters, seeded } from './random.ts';
import { withIds } from './elements.ts';
import { textOf } from './json.ts';

type NewMessage = {
	channel: string;
	user: string;
	text: string;
	blocks?: readonly JsonObject[] | undefined;
	attachments?: readonly JsonObject[] | undefined;
	metadata?: SandboxMessage['metadata'];
	threadTs?: string | undefined;
	ephemeralTo?: string | undefined;
	via: string;
	files?: readonly string[] | undefined;
};

export type StoredView = SandboxView & {
	externalId: string;
	notifyOnClose: boolean;
	/** Options an external_select was given, by `block/action`. */
	offered: Map<string, JsonObject[]>;
};

export type StoredFile = { id: string; name: string; type: string; bytes: Uint8Array; alt: string; shared: boolean };

export type Trigger = { user: string; channel: string | undefined; at: number; used: boolean };

export type ResponseUrl = {
	channel: string;
	user: string;
	at: number;
	uses: number;
	/** What `replace_original` and `delete_original` are about: channel and ts. */
	original: { channel: string; ts: string } | undefined;
	thread: string | undefined;
};

const CALLS_KEPT = 10_000;

/** The workspace's state, and the counts of what reached it. */
export function openStore(options: SlackOptions, identity: Identity) {
	const now = options.now ?? Date.now;
	const random = seeded(options.seed ?? 1);
	const triggerTtlMs = options.triggerTtlMs ?? 3000;
	const workspace = options.workspace ?? defaultWorkspace();
	const users = new Map<string, SandboxUser>(workspace.users.map((user) => [user.id, user]));
	const groups = new Map<string, SandboxGroup>(workspace.groups.map((group) => [group.id, group]));
	const channels = new Map<string, SandboxChannel>();
	for (const channel of workspace.channels) {
		const members = channel.members.map((member) => (member === 'bot' ? identity.botUserId : member));
		channels.set(channel.id, { ...channel, members });
	}

	const messages = new Map<string, SandboxMessage[]>();
	const places = new Map<string, number>();
	const stacks = new Map<string, StoredView[]>();
	const homes = new Map<string, StoredView>();
	const files = new Map<string, StoredFile>();
	const triggers = new Map<string, Trigger>();
	const responseUrls = new Map<string, ResponseUrl>();
	const listeners = new Set<(event: SandboxEvent) => void>();
	const calls: Call[] = [];
	const recentPosts = new Map<string, number[]>();
	const counted = {
		calls: {} as Record<string, number>,
		posts: 0,
		updates: 0,
		deletes: 0,
		ephemerals: 0,
		faults: {} as Record<string, number>,
		errors: {} as Record<string, number>,
		busiestChannelSecond: 0,
	};

	let lastMicros = 0;
	let serial = 0;

	function nextTs(): string {
		lastMicros = Math.max(lastMicros + 1, now() * 1000 + 19);
		return `${Math.floor(lastMicros / 1e6)}.${String(lastMicros % 1e6).padStart(6, '0')}`;
	}

	function nextId(prefix: string): string {
		serial += 1;
		return `${prefix}${serial.toString(36).toUpperCase().padStart(4, '0')}${letters(random, 4)}`;
	}

	function emit(event: SandboxEvent): void {
		for (const listener of listeners) listener(event);
	}

	function post(message: NewMessage): SandboxMessage {
		const stored: SandboxMessage = {
			channel: message.channel,
			ts: nextTs(),
			user: message.user,
			text: message.text,
			blocks: withIds(message.blocks ?? [], random),
			attachments: message.attachments ?? [],
			metadata: message.metadata,
			threadTs: message.threadTs,
			ephemeralTo: message.ephemeralTo,
			edits: [],
			deleted: false,
			via: message.via,
			reactions: {},
			unfurls: {},
			files: message.files ?? [],
			rev: 0,
		};
		let list = messages.get(message.channel);
		if (list === undefined) messages.set(message.channel, (list = []));
		places.set(`${stored.channel}:${stored.ts}`, list.push(stored) - 1);
		if (message.via !== 'person' && message.via !== 'slack') {
			if (message.ephemeralTo === undefined) countPost(message.channel);
			else counted.ephemerals += 1;
		}
		emit({ kind: 'message', channel: stored.channel, ts: stored.ts, change: 'posted', to: message.ephemeralTo });
		return stored;
	}

	function countPost(channel: string): void {
		counted.posts += 1;
		const at = now();
		const recent = (recentPosts.get(channel) ?? []).filter((one) => at - one < 1000);
		recent.push(at);
		recentPosts.set(channel, recent);
		counted.busiestChannelSecond = Math.max(counted.busiestChannelSecond, recent.length);
	}

	/** Undefined for a message that never was, or is gone. */
	function find(channel: string, ts: string): SandboxMessage | undefined {
		const place = places.get(`${channel}:${ts}`);
		const message = place === undefined ? undefined : messages.get(channel)?.[place];
		return message?.deleted === true ? undefined : message;
	}

	function put(message: SandboxMessage, change: 'edited' | 'deleted'): SandboxMessage {
		const place = places.get(`${message.channel}:${message.ts}`);
		const list = messages.get(message.channel);
		if (place === undefined || list === undefined) throw new Error(`No message ${message.ts} in ${message.channel}`);
		const next = { ...message, rev: message.rev + 1 };
		list[place] = next;
		emit({ kind: 'message', channel: message.channel, ts: message.ts, change, to: message.ephemeralTo });
		return next;
	}

	function edit(
		message: SandboxMessage,
		change: {
			text: string;
			blocks: readonly JsonObject[];
			attachments?: readonly JsonObject[] | undefined;
			metadata?: SandboxMessage['metadata'];
		},
	): SandboxMessage {
		counted.updates += 1;
		return put(
			{
				...message,
				text: change.text,
				blocks: withIds(change.blocks, random),
				attachments: change.attachments ?? message.attachments,
				metadata: change.metadata ?? message.metadata,
				edits: [...message.edits, { at: now(), text: message.text, blocks: message.blocks }],
			},
			'edited',
		);
	}

	function remove(message: SandboxMessage, byApp: boolean): void {
		if (byApp) counted.deletes += 1;
		put({ ...message, deleted: true }, 'deleted');
	}

	function newTrigger(user: string, channel: string | undefined): string {
		serial += 1;
		const id = `${serial}${Math.floor(now() % 1e9)}.${Math.floor(random() * 1e9)}.${letters(random, 16).toLowerCase()}`;
		triggers.set(id, { user, channel, at: now(), used: false });
		if (triggers.size > 20_000) triggers.delete(triggers.keys().next().value ?? '');
		return id;
	}

	/** Path of a new response_url. */
	function newResponseUrl(
		kind: 'commands' | 'actions',
		channel: string,
		user: string,
		original?: { channel: string; ts: string },
		thread?: string,
	): string {
		serial += 1;
		const path = `/${kind}/${identity.teamId}/${serial}/${letters(random, 24)}`;
		responseUrls.set(path, { channel, user, at: now(), uses: 0, original, thread });
		return path;
	}

	/** The direct message between the bot and this person, opened when there is none. */
	function directMessage(user: string): SandboxChannel {
		for (const channel of channels.values()) if (channel.kind === 'dm' && channel.name === user) return channel;
		const channel: SandboxChannel = {
			id: `D0${user.replace(/^[UW]0?/, '')}`,
			name: user,
			kind: 'dm',
			members: [user, identity.botUserId],
		};
		channels.set(channel.id, channel);
		emit({ kind: 'channel', channel: channel.id });
		return channel;
	}

	function noteCall(call: Call): void {
		counted.calls[call.method] = (counted.calls[call.method] ?? 0) + 1;
		calls.push(call);
		if (calls.length > CALLS_KEPT * 2) calls.splice(0, calls.length - CALLS_KEPT);
	}

	function count(what: 'faults' | 'errors', key: string): void {
		counted[what][key] = (counted[what][key] ?? 0) + 1;
	}

	function counts(): Counts {
		return {
			...counted,
			calls: { ...counted.calls },
			faults: { ...counted.faults },
			errors: { ...counted.errors },
		};
	}

	function postsBy(field: string): Map<string, number> {
		const posts = new Map<string, number>();
		for (const list of messages.values())
			for (const message of list) {
				const key = textOf(message.metadata?.event_payload[field]);
				if (key !== '' && message.ephemeralTo === undefined) posts.set(key, (posts.get(key) ?? 0) + 1);
			}
		return posts;
	}

	function until<T>(look: () => T | undefined | false | null, timeoutMs = 25_000): Promise<T> {
		return new Promise((resolve, reject) => {
			const stop = (): void => {
				clearTimeout(timer);
				clearInterval(ticks);
				listeners.delete(check);
			};
			const check = (): void => {
				try {
					const seen = look();
					if (seen === undefined || seen === false || seen === null) return;
					stop();
					resolve(seen);
				} catch (error) {
					stop();
					reject(error instanceof Error ? error : new Error(String(error)));
				}
			};
			const timer = setTimeout(() => {
				stop();
				reject(new Error(`Not seen in the Slack stand-in within ${timeoutMs} ms: ${look.toString()}`));
			}, timeoutMs);
			// Counts can change without an event (a call that was refused).
			const ticks = setInterval(check, 50);
			listeners.add(check);
			check();
		});
	}

	return {
		identity,
		triggerTtlMs,
		name: workspace.name,
		now,
		random,
		users,
		groups,
		channels,
		messages,
		stacks,
		homes,
		files,
		triggers,
		responseUrls,
		calls,
		listeners,
		emit,
		nextTs,
		nextId,
		post,
		find,
		put,
		edit,
		remove,
		newTrigger,
		newResponseUrl,
		directMessage,
		noteCall,
		count,
		counts,
		postsBy,
		until,
	};
}

export type Store = ReturnType<typeof openStore>;
