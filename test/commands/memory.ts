import { createHash } from 'node:crypto';
import type { AuditEntry } from '../../src/access/audit.ts';
import type { Mute } from '../../src/alerts/mutes.ts';
import type { OwnManners } from '../../src/alerts/options.ts';
import type { Watch } from '../../src/alerts/routes.ts';
import type { Standing } from '../../src/clients/plans.ts';
import type { Deps } from '../../src/deps.ts';

/** What the bot remembers in Redis, in memory; `test/routes` talks to the real one. */
export function memory(now: () => number): Pick<Deps, 'watches' | 'audit' | 'plans'> {
	const watches = new Map<string, Watch>();
	const manners = new Map<string, OwnManners>();
	const mutes = new Map<string, Mute>();
	const audit = new Map<string, AuditEntry>();
	const plans = new Map<string, { plan: string; holder?: string; by?: string; at?: number; outcome?: string }>();
	const gone = new Set<string>();
	const removed = (from: Map<string, unknown>, id: string, by: string): boolean => {
		if (from.delete(id)) gone.add(by);
		return gone.has(by);
	};
	const stand = (id: string, holder: string): Standing => {
		const found = plans.get(id);
		if (!found) return { kind: 'gone' };
		const { by = '', outcome } = found;
		if (outcome !== undefined) return { kind: 'over', ours: found.holder === holder, by, outcome };
		if (found.holder === holder) return { kind: 'ours', forMs: now() - (found.at ?? 0) };
		return found.holder === undefined ? { kind: 'free' } : { kind: 'theirs', by };
	};
	return {
		watches: {
			heard: async () => ({ watches: [...watches.values()], manners, mutes: [...mutes.values()] }),
			async watch(watch) {
				if (watches.has(watch.id)) return false;
				watches.set(watch.id, watch);
				return true;
			},
			unwatch: async (id, by) => removed(watches, id, by),
			async setManners(channel, set) {
				manners.set(channel, set);
			},
			async mute(mute) {
				mutes.set(mute.id, mute);
			},
			endMute: async (id, by) => removed(mutes, id, by),
			endedMutes: async () => [],
			forgetMutes: async () => undefined,
		},
		audit: {
			async note(entry) {
				audit.set(entry.key, entry);
			},
			async refused(refusal) {
				const { user, verb, env, dag } = refusal;
				const key = JSON.stringify([user, verb, env, dag]);
				const times = (audit.get(key)?.times ?? 0) + 1;
				audit.set(key, { ...refusal, key, result: 'refused', times });
				return times;
			},
			list: async (limit) => [...audit.values()].sort((a, b) => b.at - a.at).slice(0, limit),
		},
		plans: {
			async keep(plan) {
				const id = createHash('sha256').update(plan).digest('hex').slice(0, 24);
				plans.set(id, { ...plans.get(id), plan });
				return id;
			},
			load: async (id) => plans.get(id)?.plan,
			standing: async (id, holder) => stand(id, holder),
			async claim(id, holder, by) {
				const was = stand(id, holder);
				const found = plans.get(id);
				if (found && was.kind === 'free') plans.set(id, { ...found, holder, by, at: now() });
				return was;
			},
			async settle(id, holder, outcome) {
				const found = plans.get(id);
				if (found?.holder === holder) plans.set(id, { ...found, outcome });
			},
			async release(id, holder) {
				const found = plans.get(id);
				if (found?.holder === holder) plans.set(id, { plan: found.plan });
			},
		},
	};
}
