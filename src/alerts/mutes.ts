import type { About } from './about.ts';
import { concerns, type Subject } from './subject.ts';

/** A silence with an end. */
export type Mute = {
	id: string;
	env: string;
	subject: Subject;
	/** DAG patterns of whoever muted; undefined: every DAG of the environment. */
	within?: readonly string[] | undefined;
	/** Slack user id, and the name at that time; foreign text. */
	by: { user: string; name: string };
	/** Where it was said; the end and the reminder are told there. */
	channel: string;
	/** Epoch milliseconds. */
	since: number;
	until: number;
	/** The link as the person wrote it, http or https; never fetched. With it the mute ends by a button, at `until` at the latest. */
	ticket?: string | undefined;
};

const DAY_MS = 24 * 3600_000;

/** The mute that keeps this from being said at `now` (the one that lasts longest), or undefined. */
export function muteOf(about: About, mutes: readonly Mute[], now: number): Mute | undefined {
	return mutes
		.filter((mute) => mute.since <= now && now < mute.until && silences(mute, about))
		.sort((a, b) => b.until - a.until || (a.id < b.id ? -1 : 1))[0];
}

/** A mute of a DAG, tag or owner never hides what is critical: somebody would have to mean that cause or incident. */
function silences(mute: Mute, about: About): boolean {
	if (mute.env !== about.env) return false;
	const meant = mute.subject.kind === 'incident' || mute.subject.kind === 'cause';
	if (about.severity === 'critical' && !meant) return false;
	// An incident was looked at as a whole when it was muted.
	const within = mute.subject.kind === 'incident' ? undefined : mute.within;
	return concerns(mute.subject, about, within);
}

/** When its reminder is due: a day before its end (halfway where it is shorter); undefined for a mute without a ticket. */
export function remindAt({ ticket, since, until }: Pick<Mute, 'ticket' | 'since' | 'until'>): number | undefined {
	return ticket === undefined ? undefined : until - Math.min(DAY_MS, (until - since) / 2);
}

/** The end of a mute that is to last from `now` on for `ms`: never beyond `mostDays` after its beginning. */
export function endOf(since: number, now: number, ms: number, mostDays: number): number {
	return Math.min(now + ms, since + mostDays * DAY_MS);
}
