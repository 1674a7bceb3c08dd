import { createHash } from 'node:crypto';

/**
 * A second person's approval. It is bound to exactly what was asked for: the id is the hash of it, so that another change is
 * another question.
 */
export type Asked = {
	/** Slack user id of who asked, and the display name then (foreign text). */
	by: { user: string; name: string };
	/** Epoch milliseconds: asked, and until when it may be approved. */
	at: number;
	until: number;
	decided?: { user: string; name: string; at: number; approved: boolean } | undefined;
};

export type MayDecide =
	| 'yes'
	/** Nobody approves what they asked for themselves; taking it back is theirs. */
	| 'own'
	| 'too late'
	| 'decided';

export function mayDecide(asked: Asked, user: string, approve: boolean, now: number): MayDecide {
	if (asked.decided) return 'decided';
	if (now >= asked.until) return 'too late';
	return approve && user === asked.by.user ? 'own' : 'yes';
}

/** What an approval is bound to: 24 hex digits that are others when anything in the value is. */
export function boundTo(value: unknown): string {
	return createHash('sha256').update(canonical(value)).digest('hex').slice(0, 24);
}

/** JSON with its keys in order, so that two equal values are one text. `undefined` counts as absent. */
export function canonical(value: unknown): string {
	return JSON.stringify(value, (_key, inner: unknown) =>
		typeof inner === 'object' && inner !== null && !Array.isArray(inner)
			? Object.fromEntries(Object.entries(inner).toSorted(([a], [b]) => (a < b ? -1 : 1)))
			: inner,
	);
}
