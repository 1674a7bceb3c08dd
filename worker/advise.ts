import { applyButton } from '../commands/_parts/apply-button.ts';
import { notRead } from '../commands/scale.ts';
import { adviceOn } from '../commands/_parts/size-advice.ts';
import { roleOf } from '../src/access/roles.ts';
import { lastDue } from '../src/alerts/digest.ts';
import type { Outcome } from '../src/clients/queue.ts';
import { Trouble } from '../src/domain/errors.ts';
import type { Part } from '../src/domain/reply.ts';
import { say as words } from '../src/scaling/words.ts';
import { say } from './wires.ts';
import type { Wires } from './wires.ts';

const DAYS = 7;
/** An environment that cannot be read is tried again, and then left out this week. */
const AGAIN_MS = 5 * 60_000;
const GIVE_UP_MS = 6 * 3600_000;

/** Looks whose weekly advice is due, and sees to it that it is told. */
export async function weeklyDue({ deps, work }: Wires): Promise<void> {
	const { weekly } = deps.scaling;
	if (!weekly) return;
	const due = lastDue({ ...weekly, every: 'week' }, deps.alerts.timeZone, deps.now());
	for (const env of weekly.environments ?? deps.environments) {
		const told = await deps.applies.toldWeekly(env);
		// The first week begins now.
		if (told === undefined) await deps.applies.tellWeekly(env, due);
		else if (told < due) await work.add('chores', `advice-${env}`, { v: 1, kind: 'advice', env, due });
	}
}

/** One environment's advice of the week: one message, whoever makes it how often. */
export async function tellAdvice(env: string, due: number, wires: Wires): Promise<Outcome> {
	const { deps } = wires;
	const { weekly } = deps.scaling;
	if (!weekly || ((await deps.applies.toldWeekly(env)) ?? 0) >= due) return 'done';
	const lang = weekly.language ?? deps.lang;
	let found: Awaited<ReturnType<typeof adviceOn>>;
	try {
		found = await adviceOn(env, { days: DAYS, waitMs: undefined }, deps);
	} catch (error) {
		if (!(error instanceof Trouble) || error.kind === 'bug') throw error;
		deps.log.warn({ env, label: error.label }, 'weekly advice not made');
		if (deps.now() - due < GIVE_UP_MS) return { againInMs: error.retryAfterMs ?? AGAIN_MS };
		await deps.applies.tellWeekly(env, due);
		return 'done';
	}
	const { advice, over, read } = found;
	// Everyone in the channel reads it: names of DAGs only where everyone may see them.
	const everyone = { user: '', groups: [], outsider: false };
	const maySee = (dag: string): boolean => roleOf(deps, everyone, { channel: weekly.channel, env, dag }) !== undefined;
	const seen = { ...advice, findings: advice.findings.filter(({ dag }) => dag === undefined || maySee(dag)) };
	const said = words(seen, read.history.environment, lang, over);
	const note: Part = { kind: 'note', line: [lang === 'ja' ? '週次のサイズ提案' : 'Size advice of the week'] };
	const parts = [
		...said.parts,
		...notRead(read, lang),
		note,
		...(await applyButton(advice, read, { env, lang, deps })),
	];
	const place = { kind: 'channel' as const, channel: weekly.channel };
	await say(wires, `weekly-${env}-${due}`, place, { reply: { parts, to: 'channel' }, lang, stage: 10 });
	await deps.applies.tellWeekly(env, due);
	deps.log.info({ env, due, decision: advice.decision }, 'weekly advice told');
	return 'done';
}
