import type { Call, Method, RateLimits } from './types.ts';
import { textOf } from './json.ts';

// Calls a minute of Slack's tiers, and the tier of each method as documented.
const TIER = { 1: 1, 2: 20, 3: 50, 4: 100 } as const;
const TIERS: Readonly<Record<Method, keyof typeof TIER>> = {
	'apps.connections.open': 1,
	'chat.delete': 3,
	'chat.postEphemeral': 4,
	'chat.unfurl': 3,
	'chat.update': 3,
	'conversations.history': 3,
	'conversations.info': 3,
	'conversations.join': 3,
	'conversations.list': 2,
	'conversations.members': 4,
	'conversations.open': 3,
	'conversations.replies': 3,
	'files.completeUploadExternal': 4,
	'files.getUploadURLExternal': 4,
	'reactions.add': 3,
	'usergroups.list': 2,
	'usergroups.users.list': 2,
	'users.info': 4,
	'users.list': 2,
	'views.open': 4,
	'views.publish': 4,
	'views.push': 4,
	'views.update': 4,
};

/** Slack's rate limits: seconds to wait when the call is one too many, else undefined. */
export function openRateLimits(limits: RateLimits | undefined) {
	const seen = new Map<string, number[]>();
	const postEveryMs = limits?.postEveryMs ?? (limits?.tiers === true ? 1000 : 0);

	function over(key: string, most: number, windowMs: number, at: number): number | undefined {
		const recent = (seen.get(key) ?? []).filter((one) => at - one < windowMs);
		seen.set(key, recent);
		if (recent.length < most) {
			recent.push(at);
			return undefined;
		}
		return Math.max(1, Math.ceil(((recent[0] ?? at) + windowMs - at) / 1000));
	}

	return (call: Call): number | undefined => {
		if (limits === undefined) return undefined;
		const { method } = call;
		const tier = limits.tiers === true ? TIERS[method] : undefined;
		const most = limits.perMinute?.[method] ?? (tier === undefined ? undefined : TIER[tier]);
		const wait = most === undefined ? undefined : over(method, most, 60_000, call.at);
		if (wait !== undefined) return wait;
		if (method !== 'chat.postMessage' || postEveryMs === 0) return undefined;
		return over(`${method} ${textOf(call.args['channel'])}`, 1, postEveryMs, call.at);
	};
}
