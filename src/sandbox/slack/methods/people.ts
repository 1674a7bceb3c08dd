import type { JsonObject, SandboxGroup, SandboxUser } from '../types.ts';
import type { Store } from '../store.ts';
import { page, type Methods } from './method.ts';
import { isTrue, textOf } from '../json.ts';
import { refuse } from '../refuse.ts';
import { domainOf } from './chat.ts';

export const people: Methods = {
	'auth.test': {
		run(_args, store) {
			const { teamId, botUserId, botId } = store.identity;
			return {
				ok: true,
				url: `https://${domainOf(store.name)}.slack.com/`,
				team: store.name,
				user: 'concertmaster',
				team_id: teamId,
				user_id: botUserId,
				bot_id: botId,
				is_enterprise_install: false,
			};
		},
	},
	'api.test': {
		run(args) {
			return { ok: true, args };
		},
	},
	'bots.info': {
		scope: 'users:read',
		run(args, store) {
			const { appId, botId, botUserId } = store.identity;
			if (textOf(args['bot']) !== botId) refuse('bot_not_found');
			return {
				ok: true,
				bot: { id: botId, app_id: appId, user_id: botUserId, name: 'concertmaster', deleted: false },
			};
		},
	},
	'users.info': {
		scope: 'users:read',
		run(args, store) {
			const id = textOf(args['user']);
			if (id === store.identity.botUserId) return { ok: true, user: botUser(store) };
			const user = store.users.get(id);
			if (user === undefined) return refuse('user_not_found');
			return { ok: true, user: wireUser(user, store, isTrue(args['include_locale'])) };
		},
	},
	'users.list': {
		scope: 'users:read',
		run(args, store) {
			const { items, response_metadata } = page([...store.users.values()], args, 1000, 1000);
			return {
				ok: true,
				members: items.map((user) => wireUser(user, store, isTrue(args['include_locale']))),
				response_metadata,
			};
		},
	},
	'usergroups.list': {
		scope: 'usergroups:read',
		run(args, store) {
			return {
				ok: true,
				usergroups: [...store.groups.values()].map((group) => ({
					...wireGroup(group, store),
					...(isTrue(args['include_users']) ? { users: group.users } : {}),
				})),
			};
		},
	},
	'usergroups.users.list': {
		scope: 'usergroups:read',
		run(args, store) {
			const group = store.groups.get(textOf(args['usergroup']));
			return group === undefined ? refuse('no_such_subteam') : { ok: true, users: group.users };
		},
	},
};

export function wireUser(user: SandboxUser, store: Store, withLocale: boolean): JsonObject {
	return {
		id: user.id,
		team_id: user.stranger === true ? 'T0PARTNER' : store.identity.teamId,
		name: user.name,
		real_name: user.realName,
		deleted: user.deleted === true,
		tz: user.tz,
		tz_label: user.tz,
		tz_offset: offsetSeconds(user.tz, store.now()),
		is_admin: user.admin === true,
		is_owner: false,
		is_primary_owner: false,
		is_restricted: user.guest !== undefined,
		is_ultra_restricted: user.guest === 'single',
		...(user.stranger === true ? { is_stranger: true } : {}),
		is_bot: false,
		is_app_user: false,
		updated: 0,
		profile: {
			real_name: user.realName,
			display_name: user.name,
			title: user.title ?? '',
			team: user.stranger === true ? 'T0PARTNER' : store.identity.teamId,
		},
		...(withLocale ? { locale: user.locale } : {}),
	};
}

function botUser(store: Store): JsonObject {
	const { botUserId, botId, teamId, appId } = store.identity;
	return {
		id: botUserId,
		team_id: teamId,
		name: 'concertmaster',
		real_name: 'Concertmaster',
		deleted: false,
		is_bot: true,
		is_app_user: false,
		profile: { bot_id: botId, api_app_id: appId, real_name: 'Concertmaster', display_name: '' },
	};
}

function wireGroup(group: SandboxGroup, store: Store): JsonObject {
	return {
		id: group.id,
		team_id: store.identity.teamId,
		is_usergroup: true,
		name: group.name,
		handle: group.handle,
		user_count: group.users.length,
		date_delete: 0,
	};
}

function offsetSeconds(tz: string, at: number): number {
	const parts = new Intl.DateTimeFormat('en', { timeZone: tz, timeZoneName: 'longOffset' }).formatToParts(at);
	const offset = /GMT([+-])(\d\d):(\d\d)/.exec(parts.find((part) => part.type === 'timeZoneName')?.value ?? '');
	if (offset === null) return 0;
	return (offset[1] === '-' ? -1 : 1) * (Number(offset[2]) * 3600 + Number(offset[3]) * 60);
}
