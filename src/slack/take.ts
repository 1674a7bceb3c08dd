import { setTimeout as sleep } from 'node:timers/promises';
import type { Reply } from '../domain/reply.ts';
import { noteRefusal } from '../../commands/_parts/note-refusal.ts';
import { asTrouble, toReply } from '../../commands/_parts/trouble.ts';
import type { CommandJob } from '../../worker/jobs.ts';
import type { Asker, Typed } from '../deps.ts';
import type { Doors } from './doors.ts';
import type { fates } from './fates.ts';
import type { late } from './late.ts';
import { notMember } from './not-member.ts';
import { FORM_LATE, NOT_ACCEPTED, NOT_SURE, onlyYou, plainly } from './say-at-once.ts';
import type { AckBody } from './say-at-once.ts';

/** Slack waits three seconds; what each question may take of that. */
const ASK_SLACK_MS = 700;
/** Slack itself opens the form; what is left of the three seconds. */
const OPEN_MS = 1400;
/** How old our knowledge of a person may be for this first look; the worker reads it again. */
const KNOWN_MS = 5 * 60_000;

export type Taken = { typed: Typed; responseUrl?: string | undefined; triggerId?: string | undefined };

/** `again`: the same words with the same key may be handed in once more. */
export type Said = { body: AckBody; again: boolean };

/**
 * What happens to somebody's words before the ack: who asks, which verb, may they, can it be answered here; then the
 * queue. Returns what the ack says, undefined for nothing. Takes less than three seconds.
 */
export async function take(
	doors: Doors,
	watch: { undecided: ReturnType<typeof fates>; waiting: ReturnType<typeof late> },
	taken: Taken,
): Promise<Said | undefined> {
	const { deps, producer } = doors;
	const { typed, responseUrl, triggerId } = taken;
	const answer = async (reply: Reply, asker: Asker): Promise<Said> => ({
		body: onlyYou(await doors.render(reply, asker.lang)),
		again: true,
	});

	const asker = await within(deps.asker(typed.user, KNOWN_MS), ASK_SLACK_MS);
	if (asker) {
		const routed = doors.route(typed, asker);
		if (routed.kind === 'answer') {
			// Slack waits three seconds for the answer, and for nothing else.
			if (routed.refused) void noteRefusal(routed.refused, typed, asker, deps);
			return answer(routed.reply, asker);
		}
		if ((routed.kind === 'form' || routed.posts) && !typed.direct && typed.thread === undefined) {
			const member = await within(deps.isMember(typed.channel), ASK_SLACK_MS);
			if (member === false) return { body: await notMember(doors, typed, asker.lang), again: false };
		}
		if (routed.kind === 'form') {
			try {
				const opening = doors.openForm(routed, typed, asker, triggerId ?? '').then(() => 'open' as const);
				const opened = await Promise.race([opening, sleep(OPEN_MS, 'late' as const, { ref: false })]);
				return opened === 'open' ? undefined : { body: plainly(FORM_LATE, asker.lang), again: true };
			} catch (error) {
				return answer(toReply(asTrouble(error), asker.lang, typed.key.slice(0, 8)), asker);
			}
		}
	} else {
		// Slack does not say who this is. The worker asks again and carries nothing out before it knows.
		deps.log.warn({ user: typed.user }, 'asker not known in time');
	}

	const job: CommandJob = { v: 1, typed, ...(responseUrl === undefined ? {} : { responseUrl }) };
	const lang = asker?.lang ?? deps.lang;
	const acceptance = await producer.accept(typed.key, job);
	if (acceptance === 'accepted') {
		if (responseUrl !== undefined) watch.waiting.add({ responseUrl, lang, at: typed.at });
		return undefined;
	}
	if (acceptance === 'refused') return { body: plainly(NOT_ACCEPTED, lang), again: true };
	watch.undecided.add({ key: typed.key, user: typed.user, channel: typed.channel, lang, responseUrl, at: deps.now() });
	return { body: plainly(NOT_SURE, lang), again: false };
}

/** Undefined when it fails or takes too long. */
async function within<T>(work: Promise<T>, ms: number): Promise<T | undefined> {
	let timer: NodeJS.Timeout | undefined;
	const budget = new Promise<undefined>((done) => {
		timer = setTimeout(() => done(undefined), ms);
	});
	try {
		return await Promise.race([work, budget]);
	} catch {
		return undefined;
	} finally {
		clearTimeout(timer);
	}
}
