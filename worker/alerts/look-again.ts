import { findTry } from '../../commands/_parts/find-try.ts';
import { firstLook, verdictOf } from '../../commands/_parts/investigate.ts';
import { asTrouble } from '../../commands/_parts/trouble.ts';
import { BIGGER } from '../../src/alerts/causes.ts';
import type { Why } from '../../src/alerts/incident.ts';
import type { Outcome } from '../../src/clients/queue.ts';
import type { Wires } from '../wires.ts';
import { cardsDue } from './due.ts';
import { takeIn } from './open.ts';
import { byItsVerdict, keysFor } from './suspicion.ts';

/** Sources that were busy are asked for so long; then what is known stays. */
const GIVE_UP_MS = 20 * 60_000;

/** An incident that was told by its log alone is looked at with all there is, once that is possible. */
export async function lookAgainLater(
	id: string,
	when: 'soon' | 'when there is time',
	{ work }: Pick<Wires, 'work'>,
): Promise<void> {
	const delay = when === 'soon' ? 500 : 30_000 + 30_000 * Math.random();
	await work.add('chores', `look-again-${id}`, { v: 1, kind: 'look-again', incident: id }, delay);
}

export async function lookAgain(id: string, addedAt: number, wires: Wires): Promise<Outcome> {
	const { deps } = wires;
	const { incidents, log, now } = deps;
	const incident = await incidents.get(id);
	const failed = incident?.first;
	if (!incident || !failed || incident.phase === 'closed' || incident.why?.provisional === false) return 'done';
	const over = now() - addedAt > GIVE_UP_MS;
	if (!over && !(await incidents.mayInvestigate(incident.env))) return { againInMs: 20_000 + 20_000 * Math.random() };
	let why: Why | undefined = incident.why && { ...incident.why, provisional: false };
	let keys;
	if (!over)
		try {
			const found = await findTry(failed, deps.airflow(failed.env), 'failed');
			if (found.kind === 'try') {
				const { run, task, tryNumber } = found;
				const past = tryNumber < task.tryNumber ? await deps.airflow(failed.env).tries(task) : [];
				const look = await firstLook({ env: failed.env, run, task, tryNumber, past }, deps.lang, deps);
				const { verdict, failed: about } = await verdictOf(look, deps);
				why = { verdict, env: look.place, provisional: false };
				keys = keysFor(byItsVerdict(verdict), about);
			}
		} catch (error) {
			const trouble = asTrouble(error);
			if (trouble.kind === 'bug') throw error;
			log.warn({ incident: id, label: trouble.label }, 'second look not possible yet');
			return { againInMs: trouble.retryAfterMs ?? 20_000 };
		}
	if (!why) return 'done';
	const cause = why.verdict.verdict;
	if (keys) await incidents.alsoUnder(id, keys);
	const scope = keys?.scope ?? incident.scope;
	const noted = await incidents.note(id, [{ kind: 'why', at: now(), cause, scope, why }]);
	if (noted?.due) await cardsDue(wires, noted);
	if (scope === 'environment' && BIGGER.has(cause) && why.verdict.status !== 'possible') {
		await incidents.noteBigger(incident.env, id, cause);
		await takeIn(id, incident.env, cause, wires);
	}
	return 'done';
}
