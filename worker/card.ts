import { decide } from '../src/alerts/decide.ts';
import type { Decision } from '../src/alerts/decide.ts';
import type { Incident, Told } from '../src/alerts/incident.ts';
import { viewOf } from '../src/alerts/view.ts';
import type { Reading } from '../src/clients/incidents.ts';
import type { Held, Outcome } from '../src/clients/queue.ts';
import { audienceOf } from './alerts/audience.ts';
import type { Listener } from './alerts/audience.ts';
import { cardsDue, PACE_MS } from './alerts/due.ts';
import { cardId, sayCard } from './alerts/say-card.ts';
import { sayThread } from './alerts/say-thread.ts';
import { addToStorm, stormCard, stormFor } from './alerts/storm.ts';
import { cardJob } from './jobs.ts';
import type { Wires } from './wires.ts';

/** One at a time brings an incident's cards up to date. */
const LEASE_MS = 15_000;
/** Brings the cards of an incident up to its state, in every conversation that is to hear of it. */
export async function cards(held: Held, wires: Wires): Promise<Outcome> {
	const { incidents, log } = wires.deps;
	const job = cardJob.safeParse(held.data);
	if (!job.success) {
		log.warn({ job: held.id }, 'card of another version parked');
		return { againInMs: 30_000 };
	}
	if ('storm' in job.data) return stormCard(job.data.storm, held.id, wires);
	const id = job.data.incident;
	const early = await tooEarly(id, wires);
	if (early !== undefined) return { againInMs: early };
	if (!(await incidents.hold(`card:${id}`, held.id, LEASE_MS))) return { againInMs: 300 };
	try {
		return await bringUpToDate(id, wires);
	} finally {
		await incidents.release(`card:${id}`, held.id);
	}
}

/** Whatever happens within a moment is one edit. The first message waits for nothing. */
async function tooEarly(id: string, { deps }: Wires): Promise<number | undefined> {
	const { at, told } = await deps.incidents.saidAt(id);
	const left = at + PACE_MS - deps.now();
	return told && left > 0 ? left : undefined;
}

async function bringUpToDate(id: string, wires: Wires): Promise<Outcome> {
	const { deps } = wires;
	const { incidents } = deps;
	const reading = await incidents.take(id);
	if (!reading) return 'done';
	if (!(await incidents.commit(reading))) return { againInMs: 50 };
	const incident = viewOf(id, reading.ledger, reading.told);
	const listeners = await withTold(incident, await audienceOf(incident, deps), deps);
	const digests = await deps.storms.of(id);
	const told: Told[] = [];
	let again: number | undefined;
	for (const listener of listeners) {
		const { channel } = listener.destination;
		const known = reading.told.find((one) => one.channel === channel);
		const storm = digests[channel];
		// Its card was taken back when a storm began.
		const before = storm === undefined ? known : { ...(known ?? listener.destination), digest: storm };
		let decision = decideFor(incident, listener, before, undefined, deps.now());
		if (decision.do === 'post' && incident.scope !== 'environment') {
			const digest = await stormFor(incident, listener.destination, wires);
			if (digest !== undefined) decision = decideFor(incident, listener, before, digest, deps.now());
		}
		const one = await carryOut(decision, { incident, reading, listener, before }, wires);
		if (one.told) told.push(one.told);
		again = earlier(again, one.again);
	}
	await incidents.said(id, told, reading.ledger.rev);
	return again === undefined ? 'done' : { againInMs: again };
}

/** Who was told stays so, wherever the routes lead by now. */
async function withTold(incident: Incident, found: readonly Listener[], deps: Wires['deps']): Promise<Listener[]> {
	const known = incident.told.map((destination) => ({
		destination,
		mutedUntil: found.find((one) => one.destination.channel === destination.channel)?.mutedUntil,
	}));
	const fresh = found.filter(
		(one) => !known.some(({ destination }) => destination.channel === one.destination.channel),
	);
	return [...known, ...fresh, ...(await elsewhere(incident, [...known, ...fresh], deps))];
}

/** A conversation that takes no message (archived, the bot is not in it) must not be the end of it. */
async function elsewhere(incident: Incident, all: readonly Listener[], deps: Wires['deps']): Promise<Listener[]> {
	const other = deps.alerts.adminChannel ?? deps.alerts.channel;
	if (other === undefined || all.some(({ destination }) => destination.channel === other)) return [];
	for (const { destination } of all) {
		const at = await deps.store.standing(cardId(incident.id, destination.channel));
		if (at?.gone && at.ts === undefined)
			return [{ destination: { ...destination, channel: other, notify: [] }, mutedUntil: undefined }];
	}
	return [];
}

function decideFor(
	incident: Incident,
	{ destination, mutedUntil }: Listener,
	before: Told | undefined,
	storm: string | undefined,
	now: number,
): Decision {
	return decide(incident, {
		destination,
		stands: before === undefined ? 'nothing' : before.digest === undefined ? 'card' : { digest: before.digest },
		mutedUntil,
		storm,
		now,
	});
}

type About = { incident: Incident; reading: Reading; listener: Listener; before: Told | undefined };

async function carryOut(
	decision: Decision,
	{ incident, reading, listener, before }: About,
	wires: Wires,
): Promise<{ told?: Told | undefined; again?: number | undefined }> {
	const { log } = wires.deps;
	switch (decision.do) {
		case 'nothing':
			return { told: before };
		case 'wait':
			await cardsDue(wires, { id: incident.id, rev: incident.rev }, decision.until + 500);
			return { told: before };
		case 'digest': {
			await addToStorm(decision.storm, incident, wires);
			return { told: { ...(before ?? listener.destination), digest: decision.storm } };
		}
		default: {
			if (!before)
				log.info(
					{ incident: incident.id, channel: listener.destination.channel, because: decision.because },
					'incident told',
				);
			const card = await sayCard(incident, reading, before ?? listener.destination, wires);
			const quiet = listener.mutedUntil !== undefined && listener.mutedUntil > wires.deps.now();
			const thread = quiet ? card : await sayThread(incident, reading, card.told, wires);
			return { told: thread.told, again: earlier(card.again, thread.again) };
		}
	}
}

const earlier = (a: number | undefined, b: number | undefined): number | undefined =>
	a === undefined || b === undefined ? (a ?? b) : Math.min(a, b);
