import { card, IN_CARD, IN_LONE_CARD } from '../../src/alerts/card.ts';
import type { FailedTry, Incident, Told } from '../../src/alerts/incident.ts';
import type { Reading } from '../../src/clients/incidents.ts';
import type { Place } from '../../src/clients/store.ts';
import { say } from '../wires.ts';
import type { Wires } from '../wires.ts';

/** An incident that grows by the hundred is edited less often: the pages of its list need the channel's turns. */
const BUSY = 100;
const BUSY_PACE_MS = 5000;

/** What was told now, and when there is more to do. */
export type Said = { told: Told; again?: number | undefined };

export const cardId = (incident: string, channel: string): string => `i-${incident}-${channel}`;

/** Posts an incident's card, or edits it. */
export async function sayCard(incident: Incident, reading: Reading, told: Told, wires: Wires): Promise<Said> {
	const { deps } = wires;
	const now = deps.now();
	const wait = (told.editedAt ?? 0) + BUSY_PACE_MS - now;
	if (incident.counts.tries > BUSY && incident.phase !== 'recovered' && wait > 0) return { told, again: wait };
	const { channel, lang, thread, notify } = told;
	const most = thread ? IN_CARD : IN_LONE_CARD;
	const rows = incident.counts.tries > most ? [] : await allRows(reading, wires);
	const bigger = incident.partOf === undefined ? undefined : await deps.incidents.get(incident.partOf);
	const nameEnv = deps.environments.length > 1;
	const reply = card(incident, { lang, nameEnv, url: urlOf(incident, wires), rows, thread, notify, bigger });
	await say(wires, cardId(incident.id, channel), placeOf(channel), { reply, lang, stage: incident.rev });
	return { told: { ...told, editedAt: now } };
}

async function allRows({ id, ledger }: Reading, { deps }: Wires): Promise<FailedTry[]> {
	const rows: FailedTry[] = [];
	for (let at = 0; at < ledger.pages.length; at++) rows.push(...(await deps.incidents.page(ledger, id, at)));
	return rows;
}

/** A person is told directly. */
export const placeOf = (channel: string): Place =>
	/^[UW]/.test(channel) ? { kind: 'direct', user: channel } : { kind: 'channel', channel };

function urlOf({ env, latest, condition }: Incident, { deps }: Wires): string | undefined {
	if (!deps.environments.includes(env)) return undefined;
	const [dag, run] = latest ? [latest.dag, latest.run] : [condition?.dag, condition?.run];
	if (dag === undefined) return undefined;
	return run === undefined ? deps.airflow(env).dagUrl(dag) : deps.airflow(env).runUrl(dag, run);
}
