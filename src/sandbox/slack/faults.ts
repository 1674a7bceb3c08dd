import type { Call, Fault, HeldReply, Method, RateLimits } from './types.ts';
import { textOf } from './json.ts';

/** Faults waiting to strike, and replies to be kept back. Which call is struck follows from the seed and the order of calls. */
export function openFaults(random: () => number) {
	const waiting: { fault: Fault; left: number }[] = [];
	const holds: { method: Method; match: (call: Call) => boolean; take(call: Call): Promise<void> }[] = [];

	function add(fault: Fault): () => void {
		const entry = { fault, left: fault.times ?? Infinity };
		waiting.push(entry);
		return () => {
			entry.left = 0;
			const place = waiting.indexOf(entry);
			if (place >= 0) waiting.splice(place, 1);
		};
	}

	function strike(call: Call): Fault | undefined {
		for (const entry of waiting) {
			const { fault } = entry;
			if (entry.left <= 0 || (fault.method !== '*' && fault.method !== call.method)) continue;
			if (fault.match !== undefined && !fault.match(call)) continue;
			if (fault.rate !== undefined && random() >= fault.rate) continue;
			entry.left -= 1;
			return fault;
		}
		return undefined;
	}

	function holdNextReply(method: Method, match: (call: Call) => boolean = () => true): HeldReply {
		const reached = Promise.withResolvers<Call>();
		const released = Promise.withResolvers<void>();
		const hold = {
			method,
			match,
			take(call: Call) {
				reached.resolve(call);
				return released.promise;
			},
		};
		holds.push(hold);
		return {
			reached: reached.promise,
			release() {
				const place = holds.indexOf(hold);
				if (place >= 0) holds.splice(place, 1);
				released.resolve();
			},
		};
	}

	/** Undefined when nobody holds this reply back. */
	function held(call: Call): Promise<void> | undefined {
		const place = holds.findIndex((hold) => (hold.method === '*' || hold.method === call.method) && hold.match(call));
		return place < 0 ? undefined : holds.splice(place, 1)[0]?.take(call);
	}

	return {
		add,
		strike,
		holdNextReply,
		held,
		clear() {
			waiting.length = 0;
		},
	};
}

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
