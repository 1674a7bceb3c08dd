import { openLedger } from '../../alerts/fold.ts';
import type { Opening } from '../../alerts/fold.ts';
import { hashOf, tryId } from '../../alerts/ids.ts';
import type { FailedTry, IncidentEvent } from '../../alerts/incident.ts';
import type { Redis } from '../base/redis.ts';
import { script } from '../base/script.ts';
import { KEEP, keys, lifeOf } from './keys.ts';
import type { Aliases } from './keys.ts';
import { ADMIT, BEGIN, NOTE } from './scripts.ts';
import { answer } from './stored.ts';

/** Where a failure is now. `due`: whoever asked has to see to it that the cards are brought up to date. */
export type Placed = { id: string; rev: number; due: boolean };
export type Admitted =
	/** `known`: it was there before. */
	| ({ kind: 'known' | 'joined' } & Placed)
	/** Nothing that is under way has one of its keys. */
	| { kind: 'none' };

/** How failures come into incidents. `flapMs`: for so long after its end an incident takes in what fails again. */
export function gathering(client: Redis, now: () => number, flapMs: number) {
	async function admitTo(id: string, failed: FailedTry, aliases: Aliases): Promise<(string | number)[]> {
		const event: IncidentEvent = { kind: 'failed', at: now(), failed };
		return answer.parse(
			await script(
				client,
				ADMIT,
				[
					keys.try(failed),
					keys.incident(id),
					keys.events(id),
					keys.seen,
					keys.lineOf(failed),
					keys.waiting(failed.env),
					...aliases.keys.map(keys.alias),
				],
				[
					id,
					JSON.stringify(event),
					KEEP.try,
					KEEP.ended,
					flapMs,
					waitingEntry(failed, id),
					...aliases.keys.map((alias) => lifeOf(alias, aliases)),
				],
			),
		);
	}

	/** Into this one, or the one that took it in. */
	async function admitInto(start: string, failed: FailedTry, aliases: Aliases): Promise<Admitted> {
		let id = start;
		// Not for ever, should they ever point at each other.
		for (let steps = 0; steps < 5; steps++) {
			const [what, which = '', rev = 0, due = 1] = await admitTo(id, failed, aliases);
			if (what === 'known' || what === 'joined')
				return { kind: what, id: String(which), rev: Number(rev), due: due === 1 };
			if (what !== 'into') break;
			id = String(which);
		}
		return { kind: 'none' };
	}

	return {
		/** Takes a failed try into the incident that has one of its keys. */
		async admit(failed: FailedTry, aliases: Aliases): Promise<Admitted> {
			const [had, ...ids] = await client.mget(keys.try(failed), ...aliases.keys.map(keys.alias));
			if (had) return { kind: 'known', id: had, rev: 0, due: true };
			for (const id of new Set(ids)) {
				if (id === null) continue;
				const admitted = await admitInto(id, failed, aliases);
				if (admitted.kind !== 'none') return admitted;
			}
			return { kind: 'none' };
		},
		/** Takes it into this one, whatever its keys; `none`: that one is over, or full. */
		admitInto: (id: string, failed: FailedTry): Promise<Admitted> => admitInto(id, failed, { keys: [], brief: [] }),

		/** What `begin` will call it, so that something about it can be kept before it is there. */
		idFor: (historyKey: string, first: FailedTry | string): string =>
			hashOf(12, historyKey, typeof first === 'string' ? first : tryId(first), now()),

		/**
		 * Opens it with its first event, under all its keys. `other`: one of them is another's, and nothing is changed.
		 * `history`: the key by which it is known to have come before.
		 */
		async begin(
			id: string,
			opening: Opening,
			first: Extract<IncidentEvent, { kind: 'failed' | 'wrong' }>,
			aliases: Aliases & { history: string },
		): Promise<({ kind: 'joined' | 'known' } & Placed) | { kind: 'other'; id: string }> {
			const failed = first.kind === 'failed' ? first.failed : undefined;
			const had = aliases.keys.length === 0 ? [] : await client.mget(...aliases.keys.map(keys.alias));
			const [what, which = id, rev = 0, due = 1] = answer.parse(
				await script(
					client,
					BEGIN,
					[
						failed ? keys.try(failed) : keys.alias('-'),
						keys.incident(id),
						keys.events(id),
						keys.open,
						keys.seen,
						keys.history(aliases.history),
						failed ? keys.lineOf(failed) : keys.alias('-'),
						keys.waiting(opening.env),
						...aliases.keys.flatMap((alias, at) => [
							keys.alias(alias),
							keys.incident(had[at] ?? '-'),
							keys.events(had[at] ?? '-'),
						]),
					],
					[
						id,
						JSON.stringify(openLedger(opening)),
						JSON.stringify(first),
						aliases.history,
						JSON.stringify({ at: opening.openedAt }),
						KEEP.try,
						KEEP.open,
						KEEP.ended,
						flapMs,
						failed ? waitingEntry(failed, id) : '',
						...aliases.keys.flatMap((alias, at) => [lifeOf(alias, aliases), had[at] ?? '']),
					],
				),
			);
			if (what === 'joined' || what === 'known')
				return { kind: what, id: String(which), rev: Number(rev), due: due === 1 };
			return { kind: 'other', id: String(which) };
		},

		/** The incident under this key, over or not. */
		async under(alias: string): Promise<string | undefined> {
			return (await client.get(keys.alias(alias))) ?? undefined;
		},
		/** Further keys for it; a key that another has stays with that one. */
		async alsoUnder(id: string, aliases: Aliases): Promise<void> {
			for (const alias of aliases.keys) await client.set(keys.alias(alias), id, 'PX', lifeOf(alias, aliases), 'NX');
		},

		/** Writes down what happened to it. Undefined: there is no such incident, or (`unlessOver`) it ended long ago. */
		async note(
			id: string,
			events: readonly IncidentEvent[],
			{ unlessOver = false }: { unlessOver?: boolean } = {},
		): Promise<Placed | undefined> {
			const into = events.find((event) => event.kind === 'folded')?.into ?? '';
			const args = [id, into, unlessOver ? flapMs : '', ...events.map((event) => JSON.stringify(event))];
			const made = await script(client, NOTE, [keys.incident(id), keys.events(id), keys.seen], args);
			const [rev = 0, due = 0] = answer.parse(made).map(Number);
			return rev === 0 ? undefined : { id, rev, due: due === 1 };
		},
	};
}

/** A run in which something of this incident failed. */
export const waitingEntry = ({ dag, run }: FailedTry, id: string): string => JSON.stringify([dag, run, id]);
