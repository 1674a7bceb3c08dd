import type { Composer } from '../clients/composer.ts';
import type { Sources } from '../collect.ts';
import { quote } from '../domain/quote.ts';
import type { Kept } from './kept.ts';
import { needed } from './needed.ts';

const DAY_MS = 24 * 60 * 60_000;

/** What the Composer API tells. One call each. */
export function composerSources(composer: Composer, keep: Kept): Sources {
	return {
		environment: {
			...needed('environment'),
			async read() {
				const { environment, state } = await composer.describe({ fresh: true });
				return { ...environment, state };
			},
		},
		workloads: {
			...needed('workloads'),
			async read() {
				const found = await keep('workloads', null, () => composer.workloads());
				return found.map(({ name, type, state, message }) => ({
					name: quote(name, 200),
					type,
					state,
					message: quote(message, 1000),
				}));
			},
		},
		operations: {
			...needed('operations'),
			async read({ now }) {
				const day = new Date(now - DAY_MS).toISOString();
				const found = await keep('operations', null, () => composer.operations(50));
				return found
					.filter(({ state, endedAt, startedAt }) => state === 'RUNNING' || (endedAt ?? startedAt ?? '') >= day)
					.map(({ type, state, startedAt, endedAt, error }) => ({
						type,
						state,
						startedAt,
						endedAt,
						error: error === undefined ? undefined : quote(error, 2000),
					}));
			},
		},
	};
}
