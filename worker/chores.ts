import { z } from 'zod';
import type { Held, Outcome } from '../src/clients/queue.ts';
import { lookAgain } from './alerts/look-again.ts';
import { recover } from './alerts/recover.ts';
import type { Wires } from './wires.ts';

/** What lies in the queue `chores`: a kind, and what that kind needs. */
const chore = z.discriminatedUnion('kind', [
	/** What became of the failed tasks of an environment. */
	z.object({ v: z.literal(1), kind: z.literal('recover'), env: z.string() }),
	/** An incident that was told by its log alone. */
	z.object({ v: z.literal(1), kind: z.literal('look-again'), incident: z.string() }),
]);
export type Chore = z.output<typeof chore>;

export async function chores(held: Held, wires: Wires): Promise<Outcome> {
	const job = chore.safeParse(held.data);
	if (!job.success) {
		wires.deps.log.warn({ job: held.id }, 'chore of another version parked');
		return { againInMs: 30_000 };
	}
	switch (job.data.kind) {
		case 'recover':
			await recover(job.data.env, wires);
			return 'done';
		case 'look-again':
			return lookAgain(job.data.incident, held.addedAt, wires);
	}
}
