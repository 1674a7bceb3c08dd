import { details, IN_CARD, IN_LONE_CARD, page, recovery } from '../../src/alerts/card.ts';
import type { Incident, Told } from '../../src/alerts/incident.ts';
import { subjectOf } from '../../src/alerts/words.ts';
import type { Reading } from '../../src/clients/incidents.ts';
import type { Place } from '../../src/clients/store.ts';
import type { Reply } from '../../src/domain/reply.ts';
import { say } from '../wires.ts';
import type { Wires } from '../wires.ts';
import { cardId } from './say-card.ts';
import type { Said } from './say-card.ts';

/** A message goes through the channel's turns in about this time. */
const SOON_MS = 700;
const NEXT_PAGE_MS = 1100;
/** A page that is not full yet is said once no more failures came for so long. */
const CALM_MS = 3000;

/**
 * What belongs into the thread of a card: evidence, pages of failed tries, the recovery. Where nothing goes into a thread, all but the
 * evidence are messages after the card. One page at a time, so that other cards come through.
 */
export async function sayThread(incident: Incident, reading: Reading, before: Told, wires: Wires): Promise<Said> {
	const { deps } = wires;
	const id = cardId(incident.id, before.channel);
	const at = await deps.store.standing(id);
	if (!at) return { told: before, again: SOON_MS };
	if (at.gone || at.ts === undefined) return { told: before };
	let told = before;
	if (!told.stands) {
		deps.measure.seconds('told', Math.max(0, Number(at.ts) - incident.since / 1000), { env: incident.env });
		// Whoever sees it green from the first needs no word that it is.
		const recoveries = incident.phase === 'recovered' ? incident.relapses + 1 : 0;
		told = { ...told, stands: true, recoveries };
	}
	const place: Place = { kind: 'channel', channel: at.channel, thread: told.thread ? at.ts : undefined };
	const post = (name: string, reply: Reply, stage: number): Promise<void> =>
		say(wires, `${id}-${name}`, place, { reply, lang: told.lang, stage });
	const whyAt = incident.why && (reading.ledger.whyAt ?? incident.openedAt);
	if (told.thread && whyAt !== undefined && told.details !== whyAt) {
		const reply = details(incident, told.lang);
		if (reply) await post('d', reply, incident.rev);
		told = { ...told, details: whyAt };
	}
	if (told.recovery && incident.phase === 'recovered' && (told.recoveries ?? 0) <= incident.relapses) {
		const of = told.thread ? undefined : subjectOf(incident, told.lang);
		await post(`r${incident.relapses}`, recovery(incident, told.lang, of), incident.rev);
		told = { ...told, recoveries: incident.relapses + 1 };
	}
	return sayPages(incident, reading, told, { id, post, wires });
}

type Posting = { id: string; post: (name: string, reply: Reply, stage: number) => Promise<void>; wires: Wires };

/** Every failed try stands on exactly one page; a page that is full never changes again. */
async function sayPages(
	incident: Incident,
	reading: Reading,
	told: Told,
	{ id, post, wires: { deps } }: Posting,
): Promise<Said> {
	const { counts, pages } = incident;
	const { thread, lang } = told;
	if (counts.tries <= (thread ? IN_CARD : IN_LONE_CARD)) return { told };
	const { full, last } = told.pages ?? { full: 0, last: 0 };
	const size = pages[full];
	if (size === undefined) return { told };
	const isLast = full === pages.length - 1;
	if (isLast && size === last) return { told };
	// In their order: the one before stands first.
	if (full > 0 && !(await deps.store.standing(`${id}-p${full - 1}`))) return { told, again: SOON_MS };
	const calmIn = reading.ledger.badAt + CALM_MS - deps.now();
	if (isLast && calmIn > 0) return { told, again: Math.max(calmIn, SOON_MS) };
	const rows = await deps.incidents.page(reading.ledger, reading.id, full);
	const from = 1 + pages.slice(0, full).reduce((sum, one) => sum + one, 0);
	await post(`p${full}`, page(from, rows, lang, thread ? undefined : subjectOf(incident, lang)), size);
	const after = { ...told, pages: isLast ? { full, last: size } : { full: full + 1, last: 0 } };
	return isLast ? { told: after } : { told: after, again: NEXT_PAGE_MS };
}
