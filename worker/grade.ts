import { adviceOn } from '../commands/_parts/size-advice.ts';
import type { Outcome } from '../src/clients/queue.ts';
import { Trouble } from '../src/domain/errors.ts';
import { gradeReply } from '../src/scaling/grade-words.ts';
import { targetOf } from '../src/scaling/options.ts';
import { grade, GRADE_AFTER_MS } from '../src/scaling/settle.ts';
import { say } from './wires.ts';
import type { Wires } from './wires.ts';

const AGAIN_MS = 3600_000;
const GIVE_UP_MS = 3 * 24 * 3600_000;

/** What came of a change a week ago: helped, no effect, made worse; told in its thread, and taken into account by the next advice. */
export async function gradeChange(id: string, wires: Wires): Promise<Outcome> {
	const { deps } = wires;
	const applied = await deps.applies.get(id);
	if (applied?.ended?.how !== 'done' || applied.grade !== undefined || applied.revertedBy !== undefined) return 'done';
	const { proposal, ended, lang, message } = applied;
	const left = ended.at + GRADE_AFTER_MS - deps.now();
	if (left > 0) return { againInMs: left };
	if (!proposal.week) return 'done';
	let week;
	try {
		({ week } = (await adviceOn(proposal.env, { days: 7, waitMs: undefined }, deps)).advice);
	} catch (error) {
		if (!(error instanceof Trouble) || error.kind === 'bug') throw error;
		deps.log.warn({ apply: id, label: error.label }, 'change not graded');
		return -left < GIVE_UP_MS ? { againInMs: AGAIN_MS } : 'done';
	}
	const found = week && grade(proposal.week, week, targetOf(deps.scaling));
	if (found) await deps.applies.change(id, (now) => (now.grade ? undefined : { ...now, grade: found }));
	const standing = await deps.store.standing(message);
	// Somebody removed the message: they do not want to hear of it.
	if (!standing || standing.gone || standing.ts === undefined) return 'done';
	const thread = applied.thread ?? standing.ts;
	const reply = gradeReply(applied, week, found, lang);
	await say(wires, `grade-${id}`, { kind: 'channel', channel: standing.channel, thread }, { reply, lang, stage: 10 });
	deps.log.info({ apply: id, grade: found }, 'change graded');
	return 'done';
}
