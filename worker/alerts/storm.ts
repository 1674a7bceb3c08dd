import { hashOf } from '../../src/alerts/ids.ts';
import type { Destination } from '../../src/alerts/about.ts';
import { page } from '../../src/alerts/card.ts';
import type { Incident } from '../../src/alerts/incident.ts';
import { addToPages } from '../../src/alerts/pages.ts';
import type { Page } from '../../src/alerts/pages.ts';
import { digest, lineOf, MANY } from '../../src/alerts/storm.ts';
import type { Outcome } from '../../src/clients/queue.ts';
import type { StormReading } from '../../src/clients/storms.ts';
import type { Place } from '../../src/clients/store.ts';
import { say } from '../wires.ts';
import type { Wires } from '../wires.ts';
import { cardsDue, PACE_MS } from './due.ts';
import { cardId, placeOf } from './say-card.ts';

const LEASE_MS = 15_000;
/** Failed tries that travel to Redis in one write. */
const CHUNK = 500;
/** While pages wait for their turn the digest itself is edited less often. */
const BUSY_PACE_MS = 5000;
const NEXT_PAGE_MS = 1100;
const SOON_MS = 700;

const stormId = (id: string): string => `s-${id}`;

/** The digest that a new incident goes into in this conversation; undefined: it has a card. */
export async function stormFor(
	{ id }: Incident,
	destination: Destination,
	{ deps, work }: Wires,
): Promise<string | undefined> {
	const { storms, store, log, now } = deps;
	const { channel } = destination;
	const { storm, others } = await storms.assign(destination, id, hashOf(12, 'storm', channel, id, now()));
	if (storm === undefined) return undefined;
	await storms.open(storm, destination);
	// At its beginning: cards that nobody has begun to send are lines of it as well.
	for (const other of others)
		if ((await store.withdraw(cardId(other, channel))) === 'withdrawn') {
			await storms.absorb(destination, other, storm);
			await cardsDue({ deps, work }, { id: other, rev: `storm-${storm}` });
		}
	if (others.length > 0) log.warn({ channel, storm }, 'a storm: further incidents are told in one digest');
	// An earlier attempt may have wanted a card before it was one of many.
	if ((await store.withdraw(cardId(id, channel))) !== 'stands') return storm;
	await storms.leave(destination, id);
	return undefined;
}

/** Every failed try of the incident becomes a line of the digest's list, each once. */
export async function addToStorm(storm: string, incident: Incident, { deps, work }: Wires): Promise<void> {
	const { storms, incidents } = deps;
	for (;;) {
		const from = await storms.upto(storm, incident.id);
		const tries = await incidents.tries(incident.id, from, Math.min(CHUNK, incident.counts.tries - from));
		const added = await storms.add(storm, lineOf(incident), from, tries);
		if (!added) continue;
		if (added.due) await work.add('cards', `storm-${storm}-${added.rev}`, { v: 1, storm });
		if (from + tries.length >= incident.counts.tries || tries.length === 0) return;
	}
}

/** Brings the digest of a storm, and the list in its thread or after it, up to date. */
export async function stormCard(id: string, holder: string, wires: Wires): Promise<Outcome> {
	const { incidents } = wires.deps;
	if (!(await incidents.hold(`storm:${id}`, holder, LEASE_MS))) return { againInMs: 300 };
	try {
		const again = await bringUpToDate(id, wires);
		return again === undefined ? 'done' : { againInMs: again };
	} finally {
		await incidents.release(`storm:${id}`, holder);
	}
}

async function bringUpToDate(id: string, wires: Wires): Promise<number | undefined> {
	const { storms, store, now } = wires.deps;
	const reading = await storms.take(id);
	if (!reading) return undefined;
	const { destination, told, rev } = reading;
	const { lang, thread } = destination;
	let { saidAt, said } = told;
	let again: number | undefined;
	const wait = saidAt + (told.pages.length > 1 ? BUSY_PACE_MS : PACE_MS) - now();
	if (rev > said && wait > 0) again = wait;
	else if (rev > said) {
		const reply = digest(reading, { lang, thread });
		await say(wires, stormId(id), placeOf(destination.channel), { reply, lang, stage: rev });
		[saidAt, said] = [now(), rev];
	}
	const pages = await paged(reading, wires);
	let { full, last } = told;
	const at = await store.standing(stormId(id));
	if (!at) again = Math.min(again ?? Infinity, SOON_MS);
	if (at?.ts !== undefined && !at.gone) {
		const done = await sayPage(
			reading,
			{ pages, full, last },
			{ kind: 'channel', channel: at.channel, thread: thread ? at.ts : undefined },
			wires,
		);
		({ full, last } = done);
		if (done.again !== undefined) again = Math.min(again ?? Infinity, done.again);
	}
	await storms.told(id, { pages, full, last, saidAt, said });
	return again;
}

/** The pages as of now: what was paged before stays where it is. */
async function paged({ id, told, tries }: StormReading, { deps }: Wires): Promise<Page[]> {
	const pages = told.pages.map((one) => ({ ...one }));
	const from = pages.reduce((sum, one) => sum + one.tries, 0);
	const fresh = await deps.storms.rows(id, from, tries - from);
	for (const [at, row] of fresh.entries()) addToPages(pages, row, from + at);
	return pages;
}

type Standing = { pages: readonly Page[]; full: number; last: number };

async function sayPage(
	{ id, destination: { lang, thread } }: StormReading,
	{ pages, full, last }: Standing,
	place: Place,
	wires: Wires,
): Promise<{ full: number; last: number; again?: number }> {
	const { storms, store } = wires.deps;
	const current = pages[full];
	if (!current) return { full, last };
	const isLast = full === pages.length - 1;
	if (isLast && current.tries === last) return { full, last };
	if (full > 0 && !(await store.standing(`${stormId(id)}-p${full - 1}`))) return { full, last, again: SOON_MS };
	const rows = await storms.rows(id, current.from, current.tries);
	const reply = page(current.from + 1, rows, lang, thread ? undefined : [MANY[lang]]);
	await say(wires, `${stormId(id)}-p${full}`, place, { reply, lang, stage: current.tries });
	return isLast ? { full, last: current.tries } : { full: full + 1, last: 0, again: NEXT_PAGE_MS };
}
