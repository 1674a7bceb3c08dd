import { digest, lastDue, type Entry } from '../src/alerts/digest.ts';
import type { Incident } from '../src/alerts/incident.ts';
import { manner, routeOf, type Manner } from '../src/alerts/routes.ts';
import type { Cursors, Intent } from '../src/clients/digests.ts';
import type { Outcome } from '../src/clients/queue.ts';
import type { Place } from '../src/clients/store.ts';
import { audienceOf } from './alerts/audience.ts';
import { placeOf } from './alerts/say-card.ts';
import { sayRendered } from './wires.ts';
import type { Wires } from './wires.ts';

/** A message goes through the channel's turns in about this time. */
const SOON_MS = 1100;
/** An incident that no digest came across for so long is gone. */
const FORGET_MS = 31 * 24 * 3600_000;

/** Looks whose digest is due, and sees to it that it is told. */
export async function digestsDue(wires: Wires): Promise<void> {
	const { deps, work } = wires;
	for (const [channel, how] of await hearers(wires)) {
		if (!how.digest && !(await deps.digests.intended(channel))) continue;
		const due = how.digest && lastDue(how.digest, deps.alerts.timeZone, deps.now());
		const told = await deps.digests.told(channel);
		if (due !== undefined && told === undefined) await deps.digests.begin(channel, due);
		else if (due === undefined || told === undefined || told < due)
			await work.add('chores', `digest-${channel}`, { v: 1, kind: 'digest', channel });
	}
}

/** Every conversation that the settings or somebody in Slack named, and how it wants to hear. */
async function hearers({ deps }: Wires): Promise<Map<string, Manner>> {
	const { alerts, watches, lang } = deps;
	const heard = await watches.heard();
	const channels = new Set([
		...heard.manners.keys(),
		...heard.watches.map(({ channel }) => channel),
		...alerts.routes.flatMap(({ channels: named, people }) => (named.length > 0 ? named : people)),
		...(alerts.channel === undefined ? [] : [alerts.channel]),
	]);
	return new Map(
		[...channels].map((channel) => [
			channel,
			manner(alerts, heard.manners.get(channel), routeOf(alerts, channel), lang),
		]),
	);
}

/**
 * Tells one conversation its digest, exactly once a period: what it says is made once and stored, its messages have ids of
 * their own, and what was listed is remembered when the last of them stands.
 */
export async function tellDigest(channel: string, wires: Wires): Promise<Outcome> {
	const { deps } = wires;
	const intent = (await deps.digests.intended(channel)) ?? (await intend(channel, wires));
	if (!intent) return 'done';
	const id = `digest-${channel}-${intent.due}`;
	await sayRendered(wires, id, placeOf(channel), intent.head);
	const head = await deps.store.standing(id);
	if (!head) return { againInMs: SOON_MS };
	const { ts } = head;
	if (!head.gone && ts !== undefined)
		for (const [at, page] of intent.pages.entries()) {
			const thread = intent.thread ? ts : undefined;
			const place: Place = { kind: 'channel', channel: head.channel, thread };
			await sayRendered(wires, `${id}-p${at}`, place, page);
			// In their order: the one before stands first.
			if (!(await deps.store.standing(`${id}-p${at}`))) return { againInMs: SOON_MS };
		}
	await deps.digests.finish(channel, intent);
	deps.log.info({ channel, due: intent.due, pages: intent.pages.length }, 'digest told');
	return 'done';
}

async function intend(channel: string, wires: Wires): Promise<Intent | undefined> {
	const { deps } = wires;
	const how = (await hearers(wires)).get(channel);
	const from = await deps.digests.told(channel);
	if (!how?.digest || from === undefined) return undefined;
	const due = lastDue(how.digest, deps.alerts.timeZone, deps.now());
	if (due <= from) return undefined;
	const before = await deps.digests.cursors(channel);
	const cursors: Cursors = Object.fromEntries(Object.entries(before).filter(([, [, at]]) => due - at < FORGET_MS));
	const entries: Entry[] = [];
	for (const incident of await incidentsSince(from, wires)) {
		const heard = await hears(incident, channel, wires);
		if (!heard) continue;
		const [listed] = before[incident.id] ?? [];
		// What was there before the first digest of this conversation belongs to none.
		const all = await deps.incidents.tries(incident.id, listed ?? 0);
		const rows = listed === undefined ? all.filter(({ seenAt }) => seenAt >= from) : all;
		cursors[incident.id] = [(listed ?? 0) + all.length, due];
		if (isWorthALine(incident, rows.length, from)) entries.push({ incident, rows, muted: heard.muted });
	}
	const { lang, thread } = how;
	const made = digest(entries, { from, due, lang, thread, nameEnv: deps.environments.length > 1 });
	const head = await wires.render(made.head, lang);
	const pages = await Promise.all(made.pages.map((page) => wires.render(page, lang)));
	return deps.digests.intend(channel, {
		due,
		head: { ...head, blocks: [...head.blocks] },
		pages: pages.map((page) => ({ ...page, blocks: [...page.blocks] })),
		thread,
		cursors,
	});
}

/** Whatever is open, and whatever something happened to since; each once, the oldest first. */
async function incidentsSince(from: number, { deps }: Wires): Promise<Incident[]> {
	const found: Incident[] = [];
	for (const id of await deps.incidents.idsSince(from)) {
		const one = await deps.incidents.get(id);
		// A digest shows no evidence, and there may be thousands.
		if (one && one.openedAt <= deps.now()) found.push({ ...one, why: undefined });
	}
	return found.toSorted((a, b) => a.since - b.since || (a.id < b.id ? -1 : 1));
}

/** Whether this conversation was told of it, or would have been; and whether it is kept from it now. */
async function hears(incident: Incident, channel: string, { deps }: Wires): Promise<{ muted: boolean } | undefined> {
	const known = deps.environments.includes(incident.env) ? await audienceOf(incident, deps) : [];
	const listener = known.find(({ destination }) => destination.channel === channel);
	if (!listener && !incident.told.some((told) => told.channel === channel)) return undefined;
	const under = incident.phase === 'open' || incident.phase === 'retrying';
	return { muted: under && (listener?.mutedUntil ?? 0) > deps.now() };
}

function isWorthALine({ phase, endedAt }: Incident, rows: number, from: number): boolean {
	if (rows > 0 || phase === 'open' || phase === 'retrying') return true;
	return phase === 'recovered' && (endedAt ?? from) >= from;
}
