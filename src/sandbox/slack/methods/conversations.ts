import type { JsonObject, SandboxChannel, SandboxMessage } from '../types.ts';
import type { Store } from '../store.ts';
import { channelOf, historyScope, page, readScope, wireMessage, type Methods } from './method.ts';
import { isTrue, textOf } from '../json.ts';
import { refuse } from '../refuse.ts';

export const conversations: Methods = {
	'conversations.history': {
		scope: historyScope,
		run(args, store) {
			const channel = channelOf(args['channel'], store, 'member');
			const shown = (store.messages.get(channel.id) ?? []).filter(
				(one) =>
					!one.deleted &&
					one.ephemeralTo === undefined &&
					(one.threadTs === undefined || one.threadTs === one.ts) &&
					between(one, args),
			);
			const { items, more, response_metadata } = page(shown.reverse(), args, 100, 999);
			return {
				ok: true,
				messages: items.map((one) => wireMessage(one, store, isTrue(args['include_all_metadata']))),
				has_more: more,
				...(more ? { response_metadata } : {}),
			};
		},
	},
	'conversations.replies': {
		scope: historyScope,
		run(args, store) {
			const channel = channelOf(args['channel'], store, 'member');
			const ts = textOf(args['ts']);
			const parent = store.find(channel.id, ts);
			const thread = (store.messages.get(channel.id) ?? []).filter(
				(one) =>
					!one.deleted && one.ephemeralTo === undefined && one.threadTs === ts && one.ts !== ts && between(one, args),
			);
			if (parent === undefined && thread.length === 0) refuse('thread_not_found');
			const all = parent === undefined ? thread : [parent, ...thread];
			const { items, more, response_metadata } = page(all, args, 1000, 1000);
			return {
				ok: true,
				messages: items.map((one) => wireMessage(one, store, isTrue(args['include_all_metadata']))),
				has_more: more,
				...(more ? { response_metadata } : {}),
			};
		},
	},
	'conversations.info': {
		scope: readScope,
		run(args, store) {
			const channel = channelOf(args['channel'], store, 'visible');
			return {
				ok: true,
				channel: {
					...wireChannel(channel, store),
					...(isTrue(args['include_num_members']) ? { num_members: channel.members.length } : {}),
				},
			};
		},
	},
	'conversations.list': {
		scope(args) {
			const types = typesOf(args);
			return types.includes('public_channel') ? 'channels:read' : types.includes('im') ? 'im:read' : 'groups:read';
		},
		run(args, store) {
			const types = typesOf(args);
			const listed = [...store.channels.values()].filter((one) => {
				if (one.archived === true && isTrue(args['exclude_archived'])) return false;
				if (one.kind === 'public') return types.includes('public_channel');
				if (!one.members.includes(store.identity.botUserId)) return false;
				return types.includes(one.kind === 'private' ? 'private_channel' : 'im');
			});
			const { items, response_metadata } = page(listed, args, 100, 1000);
			return { ok: true, channels: items.map((one) => wireChannel(one, store)), response_metadata };
		},
	},
	'conversations.members': {
		scope: readScope,
		run(args, store) {
			const channel = channelOf(args['channel'], store, 'visible');
			const { items, response_metadata } = page(channel.members, args, 100, 1000);
			return { ok: true, members: items, response_metadata };
		},
	},
	'conversations.open': {
		scope: 'im:write',
		run(args, store) {
			const existing = textOf(args['channel']);
			if (existing !== '') return opened(channelOf(existing, store, 'member'), args, store);
			const users = textOf(args['users'])
				.split(',')
				.filter((one) => one !== '');
			const user = store.users.get(users[0] ?? '');
			if (user === undefined) return refuse('user_not_found');
			if (users.length > 1) refuse('method_not_supported_for_channel_type');
			if (user.deleted === true) refuse('user_disabled');
			return opened(store.directMessage(user.id), args, store);
		},
	},
	'conversations.join': {
		scope: 'channels:join',
		run(args, store) {
			const channel = channelOf(args['channel'], store, 'visible');
			if (channel.kind !== 'public') refuse('method_not_supported_for_channel_type');
			if (channel.archived === true) refuse('is_archived');
			const { botUserId } = store.identity;
			if (!channel.members.includes(botUserId)) channel.members.push(botUserId);
			store.emit({ kind: 'channel', channel: channel.id });
			return { ok: true, channel: wireChannel(channel, store) };
		},
	},
};

function opened(channel: SandboxChannel, args: JsonObject, store: Store): JsonObject {
	return {
		ok: true,
		channel: isTrue(args['return_im']) ? wireChannel(channel, store) : { id: channel.id },
	};
}

function typesOf(args: JsonObject): readonly string[] {
	return (textOf(args['types']) || 'public_channel').split(',').map((one) => one.trim());
}

/** `oldest` and `latest` are left out themselves unless `inclusive`. Compared as Slack timestamps: seconds, then micros. */
function between(message: SandboxMessage, args: JsonObject): boolean {
	const inclusive = isTrue(args['inclusive']);
	const micros = microsOf(message.ts);
	const oldest = textOf(args['oldest']);
	const latest = textOf(args['latest']);
	if (oldest !== '' && (inclusive ? micros < microsOf(oldest) : micros <= microsOf(oldest))) return false;
	return latest === '' || (inclusive ? micros <= microsOf(latest) : micros < microsOf(latest));
}

function microsOf(ts: string): number {
	const [seconds = '0', fraction = ''] = ts.split('.');
	return Number(seconds) * 1e6 + Number(fraction.padEnd(6, '0').slice(0, 6));
}

function wireChannel(channel: SandboxChannel, store: Store): JsonObject {
	const { botUserId, teamId } = store.identity;
	if (channel.kind === 'dm')
		return {
			id: channel.id,
			is_im: true,
			is_channel: false,
			is_group: false,
			user: channel.name,
			is_archived: false,
			context_team_id: teamId,
		};
	return {
		id: channel.id,
		name: channel.name,
		is_channel: channel.kind === 'public',
		is_group: false,
		is_im: false,
		is_mpim: false,
		is_private: channel.kind === 'private',
		is_archived: channel.archived === true,
		is_member: channel.members.includes(botUserId),
		context_team_id: teamId,
		topic: { value: channel.topic ?? '', creator: '', last_set: 0 },
		purpose: { value: '', creator: '', last_set: 0 },
	};
}
