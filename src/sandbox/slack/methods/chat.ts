import type { JsonObject } from '../types.ts';
import { channelOf, contentOf, metadataOf, wireMessage, type Methods } from './method.ts';
import { blockProblems } from '../blocks.ts';
import { isObject, isTrue, textOf } from '../json.ts';
import { refuse } from '../refuse.ts';
import type { Store } from '../store.ts';

export const chat: Methods = {
	'chat.postMessage': {
		scope: 'chat:write',
		run(args, store) {
			const channel = channelOf(args['channel'], store, 'member');
			if (channel.archived === true) refuse('is_archived');
			const { text, blocks, attachments } = contentOf(args, store);
			if (text === '' && blocks.length === 0 && attachments.length === 0) refuse('no_text');
			const metadata = metadataOf(args);
			const threadTs = textOf(args['thread_ts']);
			const message = store.post({
				channel: channel.id,
				user: store.identity.botUserId,
				text,
				blocks,
				attachments,
				metadata,
				threadTs: threadTs === '' ? undefined : threadTs,
				via: 'chat.postMessage',
			});
			return { ok: true, channel: channel.id, ts: message.ts, message: wireMessage(message, store, true) };
		},
	},
	'chat.update': {
		scope: 'chat:write',
		run(args, store) {
			const channel = channelOf(args['channel'], store, 'member');
			const message = store.find(channel.id, textOf(args['ts']));
			if (message === undefined || message.ephemeralTo !== undefined) return refuse('message_not_found');
			if (message.user !== store.identity.botUserId) refuse('cant_update_message');
			if (channel.archived === true) refuse('is_archived');
			const { text, blocks, attachments } = contentOf(args, store);
			const metadata = metadataOf(args);
			if (args['text'] === undefined && args['blocks'] === undefined && args['attachments'] === undefined)
				refuse('no_text');
			// What is left out stays as it was.
			const next = store.edit(message, {
				text: args['text'] === undefined && args['markdown_text'] === undefined ? message.text : text,
				blocks: args['blocks'] === undefined ? message.blocks : blocks,
				attachments: args['attachments'] === undefined ? undefined : attachments,
				metadata,
			});
			return {
				ok: true,
				channel: channel.id,
				ts: next.ts,
				text: next.text,
				message: wireMessage(next, store, true),
			};
		},
	},
	'chat.delete': {
		scope: 'chat:write',
		run(args, store) {
			const channel = channelOf(args['channel'], store, 'member');
			const message = store.find(channel.id, textOf(args['ts']));
			if (message === undefined || message.ephemeralTo !== undefined) return refuse('message_not_found');
			if (message.user !== store.identity.botUserId) refuse('cant_delete_message');
			store.remove(message, true);
			return { ok: true, channel: channel.id, ts: message.ts };
		},
	},
	'chat.postEphemeral': {
		scope: 'chat:write',
		run(args, store) {
			const channel = channelOf(args['channel'], store, 'member');
			if (channel.archived === true) refuse('is_archived');
			const user = textOf(args['user']);
			if (!channel.members.includes(user)) refuse('user_not_in_channel');
			const { text, blocks, attachments } = contentOf(args, store);
			if (text === '' && blocks.length === 0 && attachments.length === 0) refuse('no_text');
			const threadTs = textOf(args['thread_ts']);
			// Taken, and shown to nobody: "only shown if there is already an active thread".
			if (threadTs !== '' && !hasReplies(store, channel.id, threadTs)) return { ok: true, message_ts: store.nextTs() };
			const message = store.post({
				channel: channel.id,
				user: store.identity.botUserId,
				text,
				blocks,
				attachments,
				threadTs: threadTs === '' ? undefined : threadTs,
				ephemeralTo: user,
				via: 'chat.postEphemeral',
			});
			return { ok: true, message_ts: message.ts };
		},
	},
	'chat.getPermalink': {
		run(args, store) {
			const channel = channelOf(args['channel'], store, 'visible');
			const ts = textOf(args['message_ts']);
			const message = store.find(channel.id, ts);
			if (message === undefined) return refuse('message_not_found');
			const thread = message.threadTs === undefined ? '' : `?thread_ts=${message.threadTs}&cid=${channel.id}`;
			return {
				ok: true,
				channel: channel.id,
				permalink: `https://${domainOf(store.name)}.slack.com/archives/${channel.id}/p${ts.replace('.', '')}${thread}`,
			};
		},
	},
	'chat.unfurl': {
		scope: 'links:write',
		run(args, store) {
			const channel = channelOf(args['channel'], store, 'visible');
			const message = store.find(channel.id, textOf(args['ts']));
			if (message === undefined) return refuse('cannot_find_message');
			const { unfurls, metadata } = args;
			if (!isObject(unfurls) && !isObject(metadata)) return refuse('missing_unfurls');
			const added: Record<string, JsonObject> = {};
			for (const [url, unfurl] of Object.entries(isObject(unfurls) ? unfurls : {})) {
				if (!isObject(unfurl)) return refuse('invalid_unfurls_format');
				const problems = unfurl['blocks'] === undefined ? [] : blockProblems(unfurl['blocks'], 'message', '/unfurls');
				if (problems.length > 0) refuse('cannot_parse_attachment', { response_metadata: { messages: problems } });
				if (message.text.includes(url)) added[url] = unfurl;
			}
			store.put({ ...message, unfurls: { ...message.unfurls, ...added } }, 'edited');
			return { ok: true };
		},
	},
	'reactions.add': {
		scope: 'reactions:write',
		run(args, store) {
			const channel = channelOf(args['channel'], store, 'member');
			const message = store.find(channel.id, textOf(args['timestamp']));
			if (message === undefined) return refuse('message_not_found');
			const name = textOf(args['name']);
			if (!/^[\w+'-]+$/.test(name)) refuse('invalid_name');
			const users = message.reactions[name] ?? [];
			if (users.includes(store.identity.botUserId)) refuse('already_reacted');
			store.put(
				{ ...message, reactions: { ...message.reactions, [name]: [...users, store.identity.botUserId] } },
				'edited',
			);
			return { ok: true };
		},
	},
	'files.getUploadURLExternal': {
		scope: 'files:write',
		run(args, store) {
			const name = textOf(args['filename']);
			if (name === '' || !(Number(args['length']) > 0)) refuse('invalid_arguments');
			const id = store.nextId('F');
			const alt = textOf(args['alt_txt'] ?? args['alt_text']);
			store.files.set(id, { id, name, type: typeOf(name), bytes: new Uint8Array(), alt, shared: false });
			return { ok: true, file_id: id, upload_url: `/upload/${id}` };
		},
	},
	'files.completeUploadExternal': {
		scope: 'files:write',
		run(args, store) {
			const files = Array.isArray(args['files']) ? args['files'] : refuse('invalid_arguments');
			const ids: string[] = [];
			for (const one of files) {
				const file = isObject(one) ? store.files.get(textOf(one['id'])) : undefined;
				if (file === undefined || file.bytes.length === 0) return refuse('file_not_found');
				ids.push(file.id);
			}
			const where = args['channel_id'] ?? args['channels'];
			if (where !== undefined) {
				const channel = channelOf(where, store, 'member');
				const threadTs = textOf(args['thread_ts']);
				const { blocks } = contentOf(args, store);
				store.post({
					channel: channel.id,
					user: store.identity.botUserId,
					text: textOf(args['initial_comment']),
					blocks,
					threadTs: threadTs === '' ? undefined : threadTs,
					via: 'files.completeUploadExternal',
					files: ids,
				});
			}
			for (const id of ids) {
				const file = store.files.get(id);
				if (file !== undefined) store.files.set(id, { ...file, shared: isTrue(where !== undefined) });
			}
			return { ok: true, files: ids.map((id) => ({ id, title: store.files.get(id)?.name ?? '' })) };
		},
	},
};

export function domainOf(name: string): string {
	return (
		name
			.toLowerCase()
			.replace(/[^a-z0-9]+/g, '-')
			.replace(/^-|-$/g, '') || 'workspace'
	);
}

function typeOf(name: string): string {
	const ending = name.split('.').at(-1)?.toLowerCase() ?? '';
	return (
		{
			png: 'image/png',
			jpg: 'image/jpeg',
			gif: 'image/gif',
			txt: 'text/plain',
			csv: 'text/csv',
			json: 'application/json',
		}[ending] ?? 'application/octet-stream'
	);
}

const hasReplies = (store: Store, channel: string, ts: string): boolean =>
	(store.messages.get(channel) ?? []).some(
		(one) => !one.deleted && one.ephemeralTo === undefined && one.threadTs === ts && one.ts !== ts,
	);
