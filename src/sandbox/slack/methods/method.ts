import type { Json, JsonObject, SandboxChannel, SandboxMessage } from '../types.ts';
import type { Store } from '../store.ts';
import { BLOCK_TEXT_BUDGET, blockProblems, blockTextLength } from '../blocks.ts';
import { isObject, numberOf, objectsOf, textOf } from '../json.ts';
import { refuse } from '../refuse.ts';

/** One Web API method. `scope`: what the token must have, when it depends on nothing but the arguments. */
export type MethodOf = {
	token?: 'app' | undefined;
	scope?: string | ((args: JsonObject, store: Store) => string) | undefined;
	run(args: JsonObject, store: Store): JsonObject;
};

export type Methods = Readonly<Record<string, MethodOf>>;

/** `#name`, an id, or a person's id for the direct message with them. Refused as Slack does when the bot may not see it. */
export function channelOf(value: Json | undefined, store: Store, need: 'visible' | 'member'): SandboxChannel {
	const wanted = textOf(value);
	if (wanted === '') refuse('channel_not_found');
	const channel =
		store.channels.get(wanted) ??
		(store.users.has(wanted)
			? store.directMessage(wanted)
			: store.channels.values().find((one) => one.kind !== 'dm' && `#${one.name}` === `#${wanted.replace(/^#/, '')}`));
	if (channel === undefined) return refuse('channel_not_found');
	const member = channel.members.includes(store.identity.botUserId);
	if (!member && channel.kind !== 'public') refuse('channel_not_found');
	if (!member && need === 'member') refuse('not_in_channel');
	return channel;
}

export function historyScope(args: JsonObject, store: Store): string {
	return kindScope(args, store, 'history');
}

export function readScope(args: JsonObject, store: Store): string {
	return kindScope(args, store, 'read');
}

function kindScope(args: JsonObject, store: Store, right: 'history' | 'read'): string {
	const kind = store.channels.get(textOf(args['channel']))?.kind ?? 'public';
	return { public: `channels:${right}`, private: `groups:${right}`, dm: `im:${right}` }[kind];
}

/** What a message says, checked as chat.postMessage checks it. */
export function contentOf(
	args: JsonObject,
	store: Store,
	error = 'invalid_blocks',
): { text: string; blocks: readonly JsonObject[]; attachments: readonly JsonObject[] } {
	const { blocks, attachments } = args;
	if (typeof blocks === 'string') refuse('invalid_blocks_format');
	if (typeof attachments === 'string') refuse('invalid_attachments');
	const text = textOf(args['text'] ?? args['markdown_text']);
	if (blocks !== undefined) {
		const problems = [...blockProblems(blocks, 'message'), ...fileProblems(blocks, store)];
		if (problems.length > 0) refuse(error, { errors: problems, response_metadata: { messages: problems } });
		if (blockTextLength(blocks) > BLOCK_TEXT_BUDGET) refuse('msg_blocks_too_long');
	}
	const list = objectsOf(attachments);
	if (list.length > 100) refuse('too_many_attachments');
	for (const one of list) {
		const problems = one['blocks'] === undefined ? [] : blockProblems(one['blocks'], 'message', '/attachments/blocks');
		if (problems.length > 0) refuse('invalid_attachments', { response_metadata: { messages: problems } });
	}
	// Over 40,000 characters Slack cuts.
	return { text: [...text].slice(0, 40_000).join(''), blocks: objectsOf(blocks), attachments: list };
}

function fileProblems(blocks: Json, store: Store): string[] {
	const problems: string[] = [];
	objectsOf(blocks).forEach((block, i) => {
		const file = block['slack_file'];
		if (isObject(file) && file['id'] !== undefined && !store.files.has(textOf(file['id'])))
			problems.push(`[ERROR] invalid slack file [json-pointer:/blocks/${i}/slack_file]`);
	});
	return problems;
}

// Slack gives no number; messages with more than about 8 KB of metadata are refused (metadata_too_large).
const METADATA_BYTES = 8192;

export function metadataOf(args: JsonObject): SandboxMessage['metadata'] {
	const metadata = args['metadata'];
	if (metadata === undefined || metadata === '') return undefined;
	if (!isObject(metadata)) return refuse('invalid_metadata_format');
	const { event_type: type, event_payload: payload } = metadata;
	if (typeof type !== 'string' || type === '' || !isObject(payload)) return refuse('invalid_metadata_schema');
	if (Buffer.byteLength(JSON.stringify(payload)) > METADATA_BYTES) refuse('metadata_too_large');
	return { event_type: type, event_payload: payload };
}

/** A message as Slack sends it to apps. */
export function wireMessage(message: SandboxMessage, store: Store, withMetadata = false): JsonObject {
	const { identity } = store;
	const bot = message.user === identity.botUserId;
	const replies =
		message.threadTs === undefined || message.threadTs === message.ts
			? (store.messages.get(message.channel) ?? []).filter(
					(one) =>
						one.threadTs === message.ts && one.ts !== message.ts && !one.deleted && one.ephemeralTo === undefined,
				)
			: [];
	return {
		type: 'message',
		user: message.user,
		ts: message.ts,
		text: message.text,
		team: identity.teamId,
		...(bot ? { bot_id: identity.botId, app_id: identity.appId } : {}),
		...(message.blocks.length > 0 ? { blocks: message.blocks } : {}),
		...(message.attachments.length > 0 ? { attachments: message.attachments } : {}),
		...(message.edits.length > 0 ? { edited: { user: message.user, ts: `${message.ts.split('.')[0]}.000000` } } : {}),
		...(message.threadTs === undefined ? {} : { thread_ts: message.threadTs }),
		...(replies.length > 0
			? { thread_ts: message.ts, reply_count: replies.length, latest_reply: replies.at(-1)?.ts ?? '' }
			: {}),
		...(message.files.length > 0 ? { files: message.files.map((id) => ({ id })) } : {}),
		...(Object.keys(message.reactions).length > 0
			? {
					reactions: Object.entries(message.reactions).map(([name, users]) => ({ name, users, count: users.length })),
				}
			: {}),
		...(withMetadata && message.metadata !== undefined ? { metadata: message.metadata } : {}),
	};
}

/** One page of a list: `limit` from `cursor` on, and Slack's `response_metadata.next_cursor`. */
export function page<T>(
	all: readonly T[],
	args: JsonObject,
	usual: number,
	most: number,
): { items: readonly T[]; response_metadata: { next_cursor: string }; more: boolean } {
	const limit = Math.max(1, Math.min(numberOf(args['limit']) ?? usual, most));
	const cursor = textOf(args['cursor']);
	const from = cursor === '' ? 0 : Number(/^from:(\d+)$/.exec(Buffer.from(cursor, 'base64').toString())?.[1] ?? NaN);
	if (!Number.isInteger(from)) refuse('invalid_cursor');
	const more = from + limit < all.length;
	const next = more ? Buffer.from(`from:${from + limit}`).toString('base64') : '';
	return { items: all.slice(from, from + limit), response_metadata: { next_cursor: next }, more };
}
