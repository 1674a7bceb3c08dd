import type { Checkup } from '../deps.ts';
import { Trouble } from '../domain/errors.ts';

/** Somebody did not answer, or refused. */
export function failed(what: string, error: unknown): Checkup {
	if (!(error instanceof Trouble)) {
		const name = error instanceof Error ? error.name : 'Error';
		return {
			what,
			ok: false,
			found: { en: `Not reachable (${name}).`, ja: `接続できません（${name}）。` },
		};
	}
	const { message, hint, ja } = error;
	return {
		what,
		ok: false,
		found: { en: message, ja: ja?.message ?? `応答: ${message}` },
		...(hint === undefined ? {} : { mend: { en: hint, ja: ja?.hint ?? hint } }),
	};
}

/** It works without, and something is not seen or not offered. */
export const partly = (check: Omit<Checkup, 'ok' | 'partly'>): Checkup => ({ ...check, ok: true, partly: true });
