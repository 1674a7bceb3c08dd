import { fold, openLedger, slotOf, stillBad } from '../../src/alerts/fold.ts';
import type { Opening } from '../../src/alerts/fold.ts';
import { tryId } from '../../src/alerts/ids.ts';
import type { Act, Incident, IncidentEvent } from '../../src/alerts/incident.ts';
import { viewOf } from '../../src/alerts/view.ts';
import type { Deps } from '../../src/deps.ts';

/** Incidents in memory; `test/alerts` talks to the real ones. `begin` puts one there. */
export function incidentsInMemory(): {
	incidents: Deps['incidents'];
	begin(id: string, opening: Opening, events: readonly IncidentEvent[]): void;
} {
	const all = new Map<string, { opening: Opening; events: IncidentEvent[] }>();
	const acts = new Map<string, Act>();
	const ledgerOf = (id: string) => {
		const one = all.get(id);
		return one && fold(openLedger(one.opening), one.events).ledger;
	};
	const view = (id: string): Incident | undefined => {
		const ledger = ledgerOf(id);
		return ledger && viewOf(id, ledger, []);
	};
	const views = (): Incident[] => [...all.keys()].reverse().flatMap((id) => view(id) ?? []);
	const tries = (id: string) =>
		(all.get(id)?.events ?? []).flatMap((event) => (event.kind === 'failed' ? [event.failed] : []));
	return {
		begin: (id, opening, events) => void all.set(id, { opening, events: [...events] }),
		incidents: {
			get: async (id) => view(id),
			open: async (env) =>
				views().filter(
					(one) => (one.phase === 'open' || one.phase === 'retrying') && (env === undefined || one.env === env),
				),
			between: async (from, to, env) =>
				views().filter(
					(one) =>
						one.openedAt <= to &&
						(all.get(one.id)?.events ?? []).some(({ at }) => at >= from) &&
						(env === undefined || one.env === env),
				),
			idsSince: async (from) =>
				views()
					.filter(
						({ id, phase }) =>
							phase === 'open' || phase === 'retrying' || (all.get(id)?.events ?? []).some(({ at }) => at >= from),
					)
					.map(({ id }) => id),
			tries: async (id, from, count) => tries(id).slice(from, count && (from ?? 0) + count),
			async stillBad(id) {
				const ledger = ledgerOf(id);
				return ledger ? stillBad(ledger, tries(id)) : [];
			},
			async act(id, act) {
				const one = all.get(id);
				if (!one) return undefined;
				const slot = `${id} ${slotOf(act)}`;
				const first = acts.get(slot);
				if (first) return { won: false, first };
				acts.set(slot, act);
				one.events.push({ kind: 'act', at: act.at, act });
				return { won: true, first: act };
			},
			byTry: async (key) => [...all.keys()].find((id) => tries(id).some((one) => tryId(one) === tryId(key))),
		},
	};
}
