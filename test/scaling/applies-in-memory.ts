import type { Applies } from '../../src/clients/applies.ts';
import type { Applying } from '../../src/scaling/applying.ts';

/** For tests of verbs; what Redis does is tried with the real one. */
export function appliesInMemory(): Applies {
	const kept = new Map<string, Applying>();
	const locks = new Map<string, string>();
	const applied = new Map<string, string[]>();
	const weekly = new Map<string, number>();
	return {
		get: async (id) => kept.get(id),
		async ask(value) {
			const known = kept.get(value.id) ?? value;
			kept.set(value.id, known);
			return known;
		},
		async change(id, next) {
			const now = kept.get(id);
			if (!now) return undefined;
			const wanted = next(now);
			if (wanted) kept.set(id, wanted);
			return { changed: wanted !== undefined, value: wanted ?? now };
		},
		async lock(env, id) {
			if (!locks.has(env)) locks.set(env, id);
			return locks.get(env) === id;
		},
		async unlock(env, id) {
			if (locks.get(env) === id) locks.delete(env);
		},
		async remember(env, id) {
			applied.set(env, [...(applied.get(env) ?? []), id]);
		},
		applied: async (env) => (applied.get(env) ?? []).flatMap((id) => kept.get(id) ?? []),
		toldWeekly: async (env) => weekly.get(env),
		async tellWeekly(env, due) {
			weekly.set(env, due);
		},
	};
}
