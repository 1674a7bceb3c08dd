import type { Ending, Said, Tried } from '../airflow/types.ts';

/** What one step of a task brings: things that happen after so many milliseconds, and how it ends. */
export type Plan = {
	lasts: number;
	/** In their order. */
	happens: readonly { after: number; act: () => void }[];
	/** undefined: the next step follows. */
	ends: Ending | undefined;
	/** Longer than `lasts` when something outside has to answer first. */
	until?: () => boolean;
	/** Known only once `until` says so. */
	endsThen?: () => Ending | undefined;
};

export const AT_ONCE: Plan = { lasts: 0, happens: [], ends: undefined };

export const endsWith = (ends: Ending | undefined): Plan => ({ ...AT_ONCE, ends });

export const says = (tried: Tried, ...lines: Said[]): Plan => ({
	lasts: 0,
	happens: [{ after: 0, act: () => tried.say(...lines) }],
	ends: undefined,
});
