/**
 * Whose fault it is decides what happens next:
 * `user` is told and not retried; `denied` names the permission and who grants it; `upstream` is retried with backoff;
 * `bug` is logged with its stack and answered with a reference.
 */
export type TroubleKind = 'user' | 'denied' | 'upstream' | 'bug';

export type TroubleOptions = {
	/** What the person can do about it, already in words. */
	hint?: string | undefined;
	/** The same sentence in Japanese; `message` and `hint` are English. */
	ja?: { message: string; hint?: string | undefined } | undefined;
	/** When the other side said how long to wait. Milliseconds. */
	retryAfterMs?: number | undefined;
	/** `unknown`: the request may have taken effect (timeout, reset, 5xx after sending). Decides whether to look before repeating. */
	outcome?: 'none' | 'unknown' | undefined;
	/** HTTP status, when there was one. */
	status?: number | undefined;
	cause?: unknown;
};

/** The one error class. `label` is stable ("airflow trigger denied"), for metrics and tests; never holds foreign text. */
export class Trouble extends Error {
	readonly kind: TroubleKind;
	readonly label: string;
	readonly hint: string | undefined;
	readonly ja: { message: string; hint?: string | undefined } | undefined;
	readonly retryAfterMs: number | undefined;
	readonly outcome: 'none' | 'unknown';
	readonly status: number | undefined;

	constructor(kind: TroubleKind, label: string, message: string, options: TroubleOptions = {}) {
		super(message, options.cause === undefined ? undefined : { cause: options.cause });
		this.name = 'Trouble';
		this.kind = kind;
		this.label = label;
		this.hint = options.hint;
		this.ja = options.ja;
		this.retryAfterMs = options.retryAfterMs;
		this.outcome = options.outcome ?? 'none';
		this.status = options.status;
	}
}

/** A Trouble as a value; what is none is a fault of ours and goes on. */
export async function orTrouble<T>(work: Promise<T>): Promise<T | Trouble> {
	try {
		return await work;
	} catch (error) {
		if (error instanceof Trouble) return error;
		throw error;
	}
}
