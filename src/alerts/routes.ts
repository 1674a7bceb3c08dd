import { matches } from '../access/roles.ts';
import type { Lang } from '../domain/text.ts';
import type { About, Destination, Severity } from './about.ts';
import type { AlertsOptions, DigestOptions, OwnManners, Quiet, RouteOptions } from './options.ts';
import { quietUntil } from './quiet.ts';
import { concerns, type Subject } from './subject.ts';

/** What `/dag watch` keeps: one channel hears of one subject in one environment. */
export type Watch = {
	id: string;
	env: string;
	channel: string;
	subject: Subject;
	/** DAG patterns that whoever asked for it may see; undefined: all of the environment. */
	within?: readonly string[] | undefined;
	/** Slack user id, and the name at that time; foreign text. */
	by: { user: string; name: string };
	/** Epoch milliseconds. */
	since: number;
};

const ORDER: readonly Severity[] = ['info', 'warning', 'critical'];

export type Heard = {
	watches: readonly Watch[];
	/** What was set in Slack, by channel. */
	manners: ReadonlyMap<string, OwnManners>;
};

/**
 * Everybody who hears of it, each conversation once. Routes are read in their order and every one that fits is followed, until
 * one that fits says `stop`; then the channels whose watches fit; the default channel only when there is nobody else. How a
 * conversation hears: what was set for it in Slack, else by the first route that named it, else by `alerts` itself.
 * A `channel` that is a user id stands for a direct message.
 */
export function destinations(
	about: About,
	options: AlertsOptions,
	heard: Heard,
	known: { lang: Lang; now: number },
): Destination[] {
	const found = new Map<string, { route: RouteOptions | undefined; notify: Set<string> }>();
	const add = (channel: string, route: RouteOptions | undefined, notify: readonly string[]): void => {
		const at = found.get(channel) ?? { route, notify: new Set<string>() };
		for (const one of notify) at.notify.add(one);
		found.set(channel, at);
	};
	for (const route of options.routes) {
		if (!takes(route, about)) continue;
		const direct = route.channels.length === 0;
		for (const channel of direct ? route.people : route.channels)
			add(channel, route, direct ? [] : [...route.people, ...route.groups]);
		if (route.stop) break;
	}
	for (const watch of heard.watches)
		if (watch.env === about.env && concerns(watch.subject, about, watch.within)) add(watch.channel, undefined, []);
	if (found.size === 0 && options.channel !== undefined) add(options.channel, undefined, []);
	return [...found].map(([channel, { route, notify }]) => {
		const { quiet, digest: _, ...how } = manner(options, heard.manners.get(channel), route, known.lang);
		return {
			channel,
			...how,
			notify: [...notify],
			quietUntil: quiet && quietUntil(quiet, options.timeZone, known.now),
		};
	});
}

/** How a conversation hears, everything decided. */
export type Manner = Pick<Destination, 'lang' | 'tries' | 'thread' | 'recovery'> & {
	quiet: Quiet | undefined;
	digest: DigestOptions | undefined;
};

/** What was set in Slack goes first, then the route that named the conversation, then `alerts` itself. */
export function manner(
	options: AlertsOptions,
	own: OwnManners = {},
	route: RouteOptions | undefined,
	lang: Lang,
): Manner {
	const quiet = own.quiet ?? route?.quiet ?? options.quiet;
	const digest = own.digest ?? route?.digest ?? options.digest;
	return {
		lang: own.language ?? route?.language ?? options.language ?? lang,
		tries: own.tries ?? route?.tries ?? options.tries,
		thread: own.thread ?? route?.thread ?? options.thread,
		recovery: own.recovery ?? route?.recovery ?? options.recovery,
		quiet: quiet === 'off' ? undefined : quiet,
		digest: digest === 'off' ? undefined : digest,
	};
}

/** The first route that names this conversation. */
export function routeOf(options: AlertsOptions, channel: string): RouteOptions | undefined {
	return options.routes.find(({ channels, people }) =>
		channels.length === 0 ? people.includes(channel) : channels.includes(channel),
	);
}

/** Everything the route names must fit; what it leaves out fits always. */
function takes(route: RouteOptions, about: About): boolean {
	const { dag } = about;
	const some = (patterns: readonly string[] | undefined, values: readonly string[]): boolean =>
		patterns === undefined || patterns.some((pattern) => values.some((value) => matches(pattern, value)));
	return (
		(route.environments === undefined || route.environments.includes(about.env)) &&
		some(route.dags, dag === undefined ? [] : [dag]) &&
		some(route.tags, about.tags) &&
		some(route.owners, about.owners) &&
		some(route.causes, [about.cause]) &&
		(route.severity === undefined || ORDER.indexOf(about.severity) >= ORDER.indexOf(route.severity))
	);
}
