import type { Lang } from '../domain/text.ts';

/** `critical`: more than one DAG suffers. `warning`: a DAG failed for good. `info`: it will be tried again, or nothing is lost yet. */
export type Severity = 'info' | 'warning' | 'critical';

/** What a route, a watch or a mute is matched against. */
export type About = {
	env: string;
	/** Undefined: about the environment as a whole. */
	dag?: string | undefined;
	task?: string | undefined;
	tags: readonly string[];
	owners: readonly string[];
	/** A cause id, or `unknown`. */
	cause: string;
	severity: Severity;
	/** Undefined before there is one. */
	incident?: string | undefined;
};

/** One conversation that hears of it, and how it wants to. */
export type Destination = {
	channel: string;
	lang: Lang;
	/** `last`: a message when no try is left, earlier ones are counted in the card. `all`: each failed try is told. */
	tries: 'last' | 'all';
	/** Whether the detail goes into the card's thread. */
	thread: boolean;
	/** Whether a recovery turns the card green (always) and is also said in the thread. */
	recovery: boolean;
	/** User ids (U…) and user group ids (S…) from the settings that are notified by the first message. */
	notify: readonly string[];
	/** Quiet hours: nothing is sent before this time (epoch ms) unless it is critical. */
	quietUntil?: number | undefined;
};
