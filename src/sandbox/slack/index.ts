import type { Call, Fault, Identity, Method, SandboxSlack, SlackOptions } from './types.ts';
import { openActs } from './acts.ts';
import { openDelivery } from './deliver.ts';
import { openFaults } from '../faults.ts';
import { openRateLimits } from './rate-limits.ts';
import { openServer, type Access } from './server.ts';
import { openStore } from './store.ts';
import { letters, seeded } from './random.ts';
import { defaultEvents, defaultScopes } from './workspace.ts';

export type * from './types.ts';
export { defaultScopes, defaultWorkspace } from './workspace.ts';

/**
 * Starts the Slack stand-in on 127.0.0.1: Web API, Socket Mode, signed HTTP, response_urls. It holds one workspace with
 * one installed app, and counts for itself what reached it. Its page is started apart, by `startSlackPage`.
 */
export async function startSlack(options: SlackOptions = {}): Promise<SandboxSlack> {
	const identity = identityFor(options);
	const store = openStore(options, identity);
	// A stream of its own: ids drawn elsewhere must not move where faults strike.
	const faults = openFaults<Method, Call, Fault>(seeded((options.seed ?? 1) ^ 0x5bd1e995), ({ method }) => method);
	const delivery = openDelivery(store, {
		ackTimeoutMs: options.ackTimeoutMs ?? 3000,
		requestUrl: options.requestUrl,
		socketLifeMs: options.socketLifeMs,
	});
	let access: Access = { scopes: new Set(options.scopes ?? defaultScopes), revoked: false };
	const server = await openServer({
		store,
		delivery,
		faults,
		rateLimit: openRateLimits(options.rateLimits),
		access: () => access,
		port: options.port ?? 0,
	});
	const acts = openActs(store, delivery, {
		origin: server.origin,
		command: options.command ?? '/dag',
		events: new Set(options.events ?? defaultEvents),
		unfurlHosts: options.unfurlHosts ?? [],
		eventRetryMs: options.eventRetryMs ?? [0, 60_000, 300_000],
	});

	return {
		...identity,
		...acts,
		apiUrl: `${server.origin}/api/`,
		origin: server.origin,
		workspace: { name: store.name, users: [...store.users.values()], groups: [...store.groups.values()] },
		channels: () => [...store.channels.values()],
		channelId(name) {
			const bare = name.replace(/^[#@]/, '');
			for (const channel of store.channels.values())
				if (channel.name === bare || channel.id === bare) return channel.id;
			const user = store.users.values().find((one) => one.name === bare || one.id === bare);
			if (user !== undefined) return store.directMessage(user.id).id;
			throw new Error(`There is no channel ${name}.`);
		},
		sign: delivery.sign,
		setRequestUrl: (url) => delivery.setRequestUrl(url),
		messages(channel, { deleted = false } = {}) {
			return (store.messages.get(channel) ?? []).filter((one) => deleted || !one.deleted);
		},
		allMessages: () => [...store.messages.values()].flat(),
		views: (user) => store.stacks.get(user) ?? [],
		home: (user) => store.homes.get(user),
		counts: store.counts,
		postsBy: store.postsBy,
		calls: (method) => store.calls.filter((call) => method === undefined || call.method === method),
		sockets: delivery.sockets,
		reachable: delivery.reachable,
		botHandle: 'concertmaster',
		untilSockets: async (count, timeoutMs) => {
			await store.until(() => delivery.sockets() >= count, timeoutMs);
		},
		until: store.until,
		onEvent(listener) {
			store.listeners.add(listener);
			return () => {
				store.listeners.delete(listener);
			};
		},
		file: (id) => store.files.get(id),
		faults: faults.add,
		clearFaults: () => faults.clear(),
		holdNextReply: faults.holdNextReply,
		disconnectSockets: delivery.disconnect,
		setScopes(scopes) {
			access = { ...access, scopes: new Set(scopes) };
		},
		revokeTokens() {
			access = { ...access, revoked: true };
		},
		async close() {
			acts.stop();
			await delivery.close();
			await server.close();
		},
	};
}

/** Fresh tokens in the shape of Slack's own, so that code that looks at their prefix is met by the real thing. */
function identityFor(options: SlackOptions): Identity {
	const random = seeded(options.seed ?? 1);
	const appId = `A0${letters(random, 8)}`;
	return {
		botToken: `xoxb-${Math.floor(random() * 1e12)}-${Math.floor(random() * 1e12)}-${letters(random, 24)}`,
		appToken: `xapp-1-${appId}-${Math.floor(random() * 1e12)}-${letters(random, 32).toLowerCase()}`,
		signingSecret: letters(random, 32).toLowerCase(),
		teamId: 'T0ACME',
		appId,
		botUserId: 'U0CONCERT',
		botId: 'B0CONCERT',
		...options.identity,
	};
}
