import type { Destination } from './about.ts';
import type { Incident } from './incident.ts';

/** How one conversation stands to an incident, and what there is around it. */
export type Around = {
	destination: Destination;
	/** What of it stands there already. */
	stands: 'nothing' | 'card' | { digest: string };
	/** Until when it is muted; undefined: it is not. Epoch milliseconds. */
	mutedUntil: number | undefined;
	/** The digest that new incidents go into, while more come into this conversation than people can read. */
	storm: string | undefined;
	now: number;
};

export type Decision = { because: string } & (
	| { do: 'post' }
	/** Edits notify nobody, so neither a mute nor quiet hours hold them up. */
	| { do: 'update' }
	/** A line in the digest of the storm. */
	| { do: 'digest'; storm: string }
	| { do: 'wait'; until: number }
	| { do: 'nothing' }
);

/** What one conversation is to be shown of the incident as it is now. */
export function decide(incident: Incident, around: Around): Decision {
	const { destination, stands, mutedUntil, storm, now } = around;
	if (stands === 'card') return { do: 'update', because: 'its card shows what is true now' };
	if (stands !== 'nothing') return { do: 'digest', storm: stands.digest, because: 'it is a line of the digest' };
	if (!isWorthTelling(incident, destination.tries))
		return { do: 'nothing', because: 'each of it is tried again: counted, not told' };
	if (mutedUntil !== undefined && mutedUntil > now) return { do: 'wait', until: mutedUntil, because: 'muted' };
	const { quietUntil } = destination;
	if (quietUntil !== undefined && quietUntil > now && incident.severity !== 'critical')
		return { do: 'wait', until: quietUntil, because: 'quiet hours' };
	// What befalls the environment is what people look for in a storm.
	if (storm !== undefined && incident.scope !== 'environment')
		return { do: 'digest', storm, because: 'one of many at once' };
	return { do: 'post', because: 'new' };
}

/** Where only last tries are told, a failure that will be tried again is none yet; what befalls the environment is. */
export function isWorthTelling(
	{ final, scope, counts }: Pick<Incident, 'final' | 'scope' | 'counts'>,
	tries: Destination['tries'],
): boolean {
	return final || scope === 'environment' || (tries === 'all' && counts.tries > 0);
}
