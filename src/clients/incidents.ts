import { phaseOf, slotOf } from '../alerts/fold.ts';
import type { Act, IncidentEvent, Told } from '../alerts/incident.ts';
import { viewOf } from '../alerts/view.ts';
import type { Redis } from './base/redis.ts';
import { script } from './base/script.ts';
import { gathering } from './incidents/gather.ts';
import { KEEP, keys, MOST } from './incidents/keys.ts';
import { reading, retriesOf } from './incidents/read.ts';
import type { Reading } from './incidents/read.ts';
import { ACT, COMMIT, COUNT, HOLD, RELEASE } from './incidents/scripts.ts';
import { answer, readAct } from './incidents/stored.ts';
import { waiting } from './incidents/waiting.ts';

export type { Admitted, Placed } from './incidents/gather.ts';
export type { Reading } from './incidents/read.ts';
export type { Waiting } from './incidents/waiting.ts';
export type Incidents = ReturnType<typeof incidents>;

/** `bigger` is written before its incident is there. */
const BIGGER_GRACE_MS = 60_000;

/**
 * Incidents in Redis: a list of events, what they were folded into so far, and the keys under which failures find them. Every step is
 * one script, so that a worker may die at any point and its job be done again.
 */
export function incidents(client: Redis, now: () => number, { flapMs = KEEP.flap }: { flapMs?: number } = {}) {
	const reader = reading(client, now);
	return {
		...reader,
		...gathering(client, now, flapMs),
		...waiting(client),

		/** What a person did. Of what can be done once, the first stands. Undefined: there is no such incident. */
		async act(id: string, act: Act): Promise<{ won: boolean; first: Act } | undefined> {
			const event: IncidentEvent = { kind: 'act', at: act.at, act };
			const args = [id, slotOf(act), JSON.stringify(act), JSON.stringify(event), KEEP.open];
			const made = await script(client, ACT, [keys.incident(id), keys.events(id), keys.seen, keys.acts(id)], args);
			const [what, text = '{}'] = answer.parse(made);
			if (what === 0) return undefined;
			const first = readAct(String(text));
			// The same command carried out again after a crash is the one that won.
			return { won: what === 2 || (first.by === act.by && first.at === act.at), first };
		},

		/** For the one who brings its cards up to date: all that happened so far, and nothing after this is missed. */
		async take(id: string): Promise<Reading | undefined> {
			// Before reading, so that what comes after it is due again.
			await client.hdel(keys.incident(id), 'due');
			return reader.read(id);
		},
		/** Keeps what was folded. False: somebody else was faster, read again. */
		async commit({ id, ledger, fresh, outcomes }: Reading): Promise<boolean> {
			if (fresh === 0) return true;
			const { endedAt, since } = viewOf(id, ledger, []);
			const history = (await client.hget(keys.incident(id), 'history')) ?? '-';
			const made = await script(
				client,
				COMMIT,
				[
					keys.incident(id),
					keys.events(id),
					keys.open,
					keys.history(history),
					...outcomes.map(({ dag, task }) => keys.retries(retriesOf(ledger.env, dag, task))),
				],
				[
					id,
					ledger.rev - fresh,
					JSON.stringify(ledger),
					ledger.rev,
					phaseOf(ledger),
					KEEP.open,
					KEEP.ended,
					JSON.stringify({ at: ledger.openedAt, ...(endedAt === undefined ? {} : { took: endedAt - since }) }),
					...outcomes.map(({ passed }) => (passed ? '1' : '0')),
				],
			);
			return made === 1;
		},
		/** Its cards were brought up to this state. */
		async said(id: string, told: readonly Told[], rev: number): Promise<void> {
			await client.hset(keys.incident(id), { told: JSON.stringify(told), said: rev, saidAt: now() });
		},
		/** When its cards were last brought up to date, and whether anybody has one. */
		async saidAt(id: string): Promise<{ at: number; told: boolean }> {
			const [at, told] = await client.hmget(keys.incident(id), 'saidAt', 'told');
			return { at: Number(at ?? 0), told: (told ?? '[]') !== '[]' };
		},
		/** Whether something happened that no card job has taken up yet. */
		async isDue(id: string): Promise<boolean> {
			return (await client.hget(keys.incident(id), 'due')) !== null;
		},

		/** Notes that it explains others; before it is begun. */
		async noteBigger(env: string, id: string, cause: string): Promise<void> {
			await client.hset(keys.bigger(env), id, JSON.stringify([cause, now()]));
			await client.pexpire(keys.bigger(env), KEEP.open);
		},
		/** Incidents under way that explain others. */
		async bigger(env: string): Promise<{ id: string; cause: string; since: number }[]> {
			const found: { id: string; cause: string; since: number }[] = [];
			for (const [id, text] of Object.entries(await client.hgetall(keys.bigger(env)))) {
				const [cause, since] = answer.parse(JSON.parse(text));
				const [exists, ended] = [await client.exists(keys.incident(id)), await client.hget(keys.incident(id), 'ended')];
				const over = exists === 0 ? now() - Number(since) > BIGGER_GRACE_MS : ended !== null;
				if (over) await client.hdel(keys.bigger(env), id);
				else if (exists === 1) found.push({ id, cause: String(cause), since: Number(since) });
			}
			return found;
		},

		/** Whether sources may be asked for one more verdict in this minute. */
		async mayInvestigate(env: string): Promise<boolean> {
			return (await script(client, COUNT, [keys.verdicts(env)], [MOST.verdicts, 60_000])) === 1;
		},
		/** One at a time over all processes; the same `holder` may take it again. */
		async hold(what: string, holder: string, ms: number): Promise<boolean> {
			return (await script(client, HOLD, [keys.hold(what)], [holder, ms])) === 1;
		},
		async release(what: string, holder: string): Promise<void> {
			await script(client, RELEASE, [keys.hold(what)], [holder]);
		},
	};
}
