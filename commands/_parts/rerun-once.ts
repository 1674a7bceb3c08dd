import type { Airflow } from '../../src/domain/airflow.ts';
import type { Plans, Standing } from '../../src/clients/plans.ts';
import { Trouble } from '../../src/domain/errors.ts';
import { isCleared, same, targetsOf, type RerunPlan, type Target } from './rerun-plan.ts';
import { trouble } from './trouble.ts';

export type Rerun =
	/** Once, by this command. `seen`: Airflow did not say so, it was seen by their states. */
	| { kind: 'cleared'; seen: boolean }
	/** What was shown is no longer so, and nothing was done. `targets`: how it stands now. */
	| { kind: 'changed'; targets: readonly Target[] }
	/** The answer was lost, and for half a minute nothing was seen of it: never done again by this command. */
	| { kind: 'not seen' }
	/** Somebody else has confirmed it before. */
	| { kind: 'taken'; by: string }
	| { kind: 'gone' };

/** How long it is looked for the effect of a request whose answer was lost. */
const LOOK_MS = 30_000;
/** A worker that was stopped between its claim and the request sends nothing when it wakes. */
const SEND_WITHIN_MS = 2000;

const CLEARED = 'cleared';
const SEEN = 'seen to be cleared';
const NOT_SEEN = 'not seen';

/**
 * Clears what the plan names, once however often this is called, and only while every task instance is in the try and state
 * that was shown. The claim is stored before the request leaves; with a claim of our own there already, or after an unknown
 * outcome, the tries are read and nothing is sent again. Trouble `upstream`: not known or not done, call again with the same key.
 */
export async function rerunOnce(
	plan: RerunPlan,
	id: string,
	by: { key: string; name: string },
	{ airflow, plans, now }: { airflow: Airflow; plans: Plans; now: () => number },
): Promise<Rerun> {
	const { request, targets } = plan;
	const { key, name } = by;
	const standing = await plans.standing(id, key);
	if (standing.kind !== 'free') return settled(standing);

	const found = targetsOf(await airflow.clearable(request));
	if (!same(found, targets)) return { kind: 'changed', targets: found };
	const before = now();
	const claimed = await plans.claim(id, key, name);
	if (claimed.kind !== 'free') return settled(claimed);
	if (now() - before > SEND_WITHIN_MS) {
		await plans.release(id, key);
		throw late();
	}
	try {
		await airflow.clear(request, { sparing: !targets.some(({ state }) => state === 'running') });
	} catch (error) {
		if (!(error instanceof Trouble)) throw error;
		if (error.outcome === 'unknown') return look(0, error);
		await plans.release(id, key);
		// One of them began to run in this very moment (Airflow 3.2 and later say so).
		if (error.label === 'airflow conflict')
			return { kind: 'changed', targets: targetsOf(await airflow.clearable(request)) };
		throw error;
	}
	await plans.settle(id, key, CLEARED);
	return { kind: 'cleared', seen: false };

	async function settled(at: Exclude<Standing, { kind: 'free' }>): Promise<Rerun> {
		if (at.kind === 'gone') return at;
		if (at.kind === 'theirs' || (at.kind === 'over' && !at.ours)) return { kind: 'taken', by: at.by };
		if (at.kind === 'ours') return look(at.forMs);
		return at.outcome === NOT_SEEN ? { kind: 'not seen' } : { kind: 'cleared', seen: at.outcome === SEEN };
	}

	async function look(forMs: number, lost?: Trouble): Promise<Rerun> {
		if (isCleared(targets, await airflow.taskInstances(request.dag, request.run))) {
			await plans.settle(id, key, SEEN);
			return { kind: 'cleared', seen: true };
		}
		if (forMs < LOOK_MS) throw unknown(lost);
		await plans.settle(id, key, NOT_SEEN);
		return { kind: 'not seen' };
	}
}

const unknown = (cause: Trouble | undefined): Trouble =>
	trouble(
		'upstream',
		'rerun outcome unknown',
		{
			en: 'Airflow has not said whether it cleared the tasks; I am looking.',
			ja: 'タスクがクリアされたかどうか、Airflow から応答がありません。状態を確認しています。',
		},
		undefined,
		{ outcome: 'unknown', retryAfterMs: 2000, cause },
	);

const late = (): Trouble =>
	trouble('upstream', 'rerun turn lost', {
		en: 'The worker was held up before it could clear anything.',
		ja: 'クリアする前にワーカーの処理が中断されました。',
	});
