import { isBad, namesIn, passInPlace, phaseOf, wellAt } from './fold.ts';
import type { Ledger, Passed } from './fold.ts';
import type { Incident, Told } from './incident.ts';

/** The incident as everybody else sees it. */
export function viewOf(id: string, ledger: Ledger, told: readonly Told[]): Incident {
	const phase = phaseOf(ledger);
	let [members, bad] = [0, 0];
	let endedAt: number | undefined;
	let retryAt: number | undefined;
	let later: Passed | undefined;
	for (const member of Object.values(ledger.members)) {
		if (member.n === 0 && member.c === undefined) continue;
		members++;
		if (isBad(ledger, member)) {
			bad++;
			if (member.retryAt !== undefined && member.last === undefined)
				retryAt = Math.min(retryAt ?? Infinity, member.retryAt);
			continue;
		}
		const well = wellAt(ledger, member);
		if (well === undefined) continue;
		endedAt = Math.max(endedAt ?? 0, well);
		const line = (member.ok ?? -1) >= member.n ? undefined : passInPlace(ledger, member);
		if (line && (!later || line.end > later.end || (line.end === later.end && line.run > later.run))) later = line;
	}
	const dags = namesIn(ledger.dags);
	return {
		id,
		env: ledger.env,
		scope: ledger.scope,
		cause: ledger.cause,
		why: ledger.why,
		condition: ledger.condition,
		history: ledger.history,
		openedAt: ledger.openedAt,
		since: ledger.since ?? ledger.openedAt,
		phase,
		...(phase === 'recovered' ? { endedAt, passedIn: later && { dag: later.dag, run: later.run } } : {}),
		heardAt: Math.max(ledger.badAt, ledger.openedAt),
		relapses: ledger.relapses,
		final: ledger.final,
		counts: { tries: ledger.tries, members, bad, dags: dags.length, taken: ledger.taken },
		dags,
		tasks: namesIn(ledger.tasks).map((text) => {
			const [dag = '', task = ''] = text.split('\0');
			return { dag, task };
		}),
		run: ledger.run ?? undefined,
		first: ledger.first,
		latest: ledger.latest,
		retryAt,
		acts: ledger.acts,
		partOf: ledger.partOf,
		took: ledger.took,
		severity: ledger.worst,
		pages: ledger.pages.map(({ tries }) => tries),
		told,
		rev: ledger.rev,
	};
}
