import type { Workspace } from './types.ts';

/** What the app's manifest asks for, and what an installed app therefore has. */
export const defaultScopes: readonly string[] = [
	'app_mentions:read',
	'channels:history',
	'channels:join',
	'channels:read',
	'chat:write',
	'commands',
	'files:write',
	'groups:history',
	'groups:read',
	'im:history',
	'im:read',
	'im:write',
	'links:read',
	'links:write',
	'reactions:write',
	'usergroups:read',
	'users:read',
];

export const defaultEvents: readonly string[] = [
	'app_home_opened',
	'app_mention',
	'link_shared',
	'member_joined_channel',
	'message.im',
];

/** Four people of one data team, one of whom reads Japanese first; the bot is in all but the private channel. */
export function defaultWorkspace(): Workspace {
	return {
		name: 'Acme Data',
		users: [
			{
				id: 'U0ANA',
				name: 'ana',
				realName: 'Ana Ruiz',
				locale: 'en-US',
				tz: 'Europe/Madrid',
				title: 'Analyst',
			},
			{
				id: 'U0EVAN',
				name: 'evan',
				realName: 'Evan Cole',
				locale: 'en-GB',
				tz: 'Europe/London',
				title: 'Data engineer',
			},
			{
				id: 'U0PRIYA',
				name: 'priya',
				realName: 'Priya Nair',
				locale: 'en-US',
				tz: 'America/New_York',
				admin: true,
				title: 'Platform engineer, admin',
			},
			{
				id: 'U0HARU',
				name: 'haruka',
				realName: '佐藤 遥',
				locale: 'ja-JP',
				tz: 'Asia/Tokyo',
				title: 'データエンジニア',
			},
		],
		groups: [
			{ id: 'S0DATAENG', handle: 'data-engineers', name: 'Data engineers', users: ['U0EVAN', 'U0PRIYA', 'U0HARU'] },
			{ id: 'S0PLATFORM', handle: 'platform', name: 'Platform', users: ['U0PRIYA'] },
		],
		channels: [
			{
				id: 'C0PIPELINES',
				name: 'data-pipelines',
				kind: 'public',
				members: ['bot', 'U0ANA', 'U0EVAN', 'U0PRIYA', 'U0HARU'],
				topic: 'Runs, failures and fixes',
			},
			{
				id: 'C0ANALYTICS',
				name: 'analytics',
				kind: 'public',
				members: ['bot', 'U0ANA', 'U0HARU'],
				topic: 'Reports and their data',
			},
			{
				id: 'C0ALERTS',
				name: 'data-alerts',
				kind: 'public',
				members: ['bot', 'U0ANA', 'U0EVAN', 'U0PRIYA', 'U0HARU'],
				topic: 'What fails, why, and what to do',
			},
			{
				id: 'G0PLATFORM',
				name: 'platform-private',
				kind: 'private',
				members: ['U0PRIYA', 'U0EVAN'],
				topic: 'The bot is not in here',
			},
		],
	};
}
