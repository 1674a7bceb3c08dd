import type { Budget } from '../clients/base/budget.ts';
import type { GoogleToken } from '../clients/base/google.ts';
import { composer, type Composer, type ComposerOptions } from '../clients/composer.ts';
import { iam, type Iam } from '../clients/iam.ts';
import { logging, type Logging } from '../clients/logging.ts';
import { monitoring, type Monitoring } from '../clients/monitoring.ts';
import { kept, type Kept } from './kept.ts';

/** The clients of one Composer environment. Undefined: switched off in the settings. */
export type GoogleClients = {
	project: string;
	location: string;
	name: string;
	composer: Composer;
	logging: Logging | undefined;
	monitoring: Monitoring | undefined;
	iam: Iam | undefined;
	keep: Kept;
};

/**
 * Nothing is asked yet. `logReads`: what everybody who reads that project's logs spends from. `now`: epoch milliseconds.
 * `timeoutMs`: of one call; default: each client's own.
 */
export function googleClients(
	options: ComposerOptions & { timeoutMs?: number },
	google: GoogleToken,
	{ now, logReads }: { now: () => number; logReads: Budget },
): GoogleClients {
	const { project, location, name, evidence } = options;
	const who = evidence?.iam !== false ? iam(options, google, now) : undefined;
	return {
		project,
		location,
		name,
		composer: composer(options, google, now, () => who?.projectNumber() ?? Promise.resolve(undefined)),
		logging: evidence?.logging !== false ? logging(options, google, logReads) : undefined,
		monitoring: evidence?.monitoring !== false ? monitoring(options, google) : undefined,
		iam: who,
		keep: kept(now),
	};
}
