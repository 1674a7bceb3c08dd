import { z } from 'zod';
import { Trouble } from '../src/domain/errors.ts';
import type { Held, Outcome } from '../src/clients/queue.ts';
import { tellAdvice, weeklyDue } from './advise.ts';
import { apply, expire } from './apply.ts';
import { gradeChange } from './grade.ts';
import { lookAgain } from './alerts/look-again.ts';
import { recover } from './alerts/recover.ts';
import { followOperations } from './operations.ts';
import { digestsDue, tellDigest } from './digest.ts';
import { tendMutes } from './mutes.ts';
import type { Wires } from './wires.ts';

/** What lies in the queue `chores`: a kind, and what that kind needs. */
const chore = z.discriminatedUnion('kind', [
	/** What became of the failed tasks of an environment. */
	z.object({ v: z.literal(1), kind: z.literal('recover'), env: z.string() }),
	/** What runs on a Composer environment: updates, upgrades, PyPI changes. */
	z.object({ v: z.literal(1), kind: z.literal('operations'), env: z.string() }),
	/** An incident that was told by its log alone. */
	z.object({ v: z.literal(1), kind: z.literal('look-again'), incident: z.string() }),
	/** Whose digest is due; which mutes are over. */
	z.object({ v: z.literal(1), kind: z.literal('digests') }),
	z.object({ v: z.literal(1), kind: z.literal('mutes') }),
	/** One conversation's digest, until all of it stands. */
	z.object({ v: z.literal(1), kind: z.literal('digest'), channel: z.string() }),
	/** A change of an environment that was asked for in Slack: carried out, ended when nobody decides, graded after a week. */
	z.object({ v: z.literal(1), kind: z.literal('apply'), id: z.string() }),
	z.object({ v: z.literal(1), kind: z.literal('expire'), id: z.string() }),
	z.object({ v: z.literal(1), kind: z.literal('grade'), id: z.string() }),
	/** Whose weekly size advice is due; one environment's. */
	z.object({ v: z.literal(1), kind: z.literal('weekly') }),
	z.object({ v: z.literal(1), kind: z.literal('advice'), env: z.string(), due: z.number() }),
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
		case 'operations':
			await seldom(followOperations(job.data.env, wires), 'operations not read', wires);
			return 'done';
		default:
			return lookAgain(job.data.incident, held.addedAt, wires);
		case 'digests':
			await digestsDue(wires);
			return 'done';
		case 'mutes':
			await tendMutes(wires);
			return 'done';
		case 'digest':
			return tellDigest(job.data.channel, wires);
		case 'apply':
			return apply(job.data.id, wires);
		case 'expire':
			return expire(job.data.id, wires);
		case 'grade':
			return gradeChange(job.data.id, wires);
		case 'weekly':
			await weeklyDue(wires);
			return 'done';
		case 'advice':
			return tellAdvice(job.data.env, job.data.due, wires);
	}
}

/** What comes again by itself is not tried again before: the next tick does it. */
async function seldom(work: Promise<void>, what: string, { deps }: Wires): Promise<void> {
	try {
		await work;
	} catch (error) {
		if (!(error instanceof Trouble)) throw error;
		deps.log.warn({ label: error.label }, what);
	}
}
