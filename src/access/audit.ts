/** One thing that somebody changed, or tried to. Foreign text (names, ids) is shown through `visible` and `clip` only. */
export type AuditEntry = {
	/** The command's idempotency key: the same key is one entry, what was noted last. */
	key: string;
	/** Epoch milliseconds. */
	at: number;
	/** Slack user id, and the display name at that time. */
	user: string;
	name: string;
	channel: string;
	/** `trigger`, `rerun`, `stop`, `mute`, `apply` … */
	verb: string;
	env?: string | undefined;
	dag?: string | undefined;
	run?: string | undefined;
	/** What it was about when that is no DAG run: a pattern, a cause, an incident, a setting. */
	what?: string | undefined;
	result: AuditResult;
	/** Stable label of what went wrong, or a short remark. */
	why?: string | undefined;
	/** So many times: refusals that are alike are one entry a day, with the time of the last. */
	times?: number | undefined;
};

/** Somebody's role did not allow it. */
export type Refusal = Omit<AuditEntry, 'key' | 'result' | 'times'>;

/** `done`: it took effect. `nothing`: it was so already, or there was nothing to do. `refused`: not allowed. `failed`: not done. `unknown`: may have taken effect. */
export type AuditResult = 'done' | 'nothing' | 'refused' | 'failed' | 'unknown';
