import { Trouble } from '../domain/errors.ts';

/** What was asked a moment ago is not asked again: a storm of failures asks the same of everybody. Refusals are kept too. */
export type Kept = <T>(source: string, about: unknown, ask: () => Promise<T>) => Promise<T>;

const MOST = 300;

/** `now`: epoch milliseconds. `about`: everything the answer depends on; two questions with the same one are the same question. */
export function kept(now: () => number, keepMs = 30_000): Kept {
	const answers = new Map<string, { at: number; answer: Promise<unknown> }>();

	return async function ask<T>(source: string, about: unknown, read: () => Promise<T>): Promise<T> {
		const key = `${source} ${JSON.stringify(about)}`;
		const at = now();
		const found = answers.get(key);
		// The same source and question gave it, so it is of the type that this one gives.
		if (found && at - found.at < keepMs) return found.answer as Promise<T>;
		for (const [old, one] of answers) if (at - one.at >= keepMs || answers.size >= MOST) answers.delete(old);
		const answer = read();
		const mine = { at, answer };
		answers.set(key, mine);
		answer.catch((error: unknown) => {
			if (!(error instanceof Trouble && error.kind === 'denied') && answers.get(key) === mine) answers.delete(key);
		});
		return answer;
	};
}
