import { z } from 'zod';
import type { Look } from '../../src/alerts/watch-pace.ts';
import type { Change, WatchFields } from '../../src/clients/watch-store.ts';
import type { Airflow } from '../../src/domain/airflow.ts';
import type { Wires } from '../wires.ts';

/** One worker's turn to look at one environment. */
export type Round = {
	env: string;
	airflow: Airflow;
	wires: Wires;
	/** What was remembered when the turn began. */
	fields: WatchFields;
	/** Redis' time when the turn began. Epoch milliseconds. */
	startedAt: number;
	/** What ended before that (Airflow's clock) is not told. */
	baseline: number;
	/** Airflow's time by its last answer. */
	serverNow(): number;
	/** Writes if it is still our turn, else throws `TurnLost`. */
	commit(changes: readonly Change[]): Promise<void>;
};

/** Somebody else looks now: what this worker still had in mind is dropped. */
export class TurnLost extends Error {}

export function numberOf(fields: WatchFields, name: string): number | undefined {
	const value = fields.get(name);
	return value === undefined ? undefined : Number(value);
}

/** What a look could not do, as it is noted. */
export const failingSchema = z.object({
	kind: z.enum(['user', 'denied', 'upstream', 'bug']),
	label: z.string(),
	message: z.string(),
	hint: z.string().optional(),
	ja: z.object({ message: z.string(), hint: z.string().optional() }).optional(),
	/** Redis' clock. */
	since: z.number(),
});
export type Failing = z.output<typeof failingSchema>;

export function failing(fields: WatchFields, look: Look): Failing | undefined {
	const noted = fields.get(`failing:${look}`);
	return noted === undefined ? undefined : failingSchema.parse(JSON.parse(noted));
}

/** Airflow's time just before what `ask` asks: what became visible later is above it. */
export async function timed<T>(round: Round, ask: () => Promise<T>): Promise<{ answer: T; before: number }> {
	const started = performance.now();
	const answer = await ask();
	return { answer, before: round.serverNow() - (performance.now() - started) };
}
