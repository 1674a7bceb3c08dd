import { EVERY_MS } from '../alerts/recover.ts';
import { OPERATIONS_MS } from '../operations.ts';
import type { Wires } from '../wires.ts';
import { followLogs } from './tail.ts';
import { watched } from './watched.ts';

/** One schedule an environment, whoever takes its ticks; to be called at the start and now and then. */
export async function scheduleWatches(wires: Pick<Wires, 'deps' | 'work'>): Promise<void> {
	const everyMs = wires.deps.watch.everySeconds * 1000;
	for (const env of watched(wires)) await wires.work.schedule('watches', env, everyMs, { v: 1, env });
	for (const env of watched(wires))
		await wires.work.schedule('chores', `recover-${env}`, EVERY_MS, { v: 1, kind: 'recover', env });
	for (const env of watched(wires).filter((one) => wires.deps.composer(one)))
		await wires.work.schedule('chores', `operations-${env}`, OPERATIONS_MS, { v: 1, kind: 'operations', env });
	for (const kind of ['digests', 'mutes', 'weekly'])
		await wires.work.schedule('chores', kind, MINUTE_MS, { v: 1, kind });
}

const MINUTE_MS = 60_000;
/** A schedule that Redis lost is there again after this. */
const LOOKED_AFTER_MS = 10_000;

/** Keeps the schedules alive while this worker is. Returns what ends that. */
export async function keepWatching(wires: Pick<Wires, 'deps' | 'work'>): Promise<() => void> {
	const { log } = wires.deps;
	await scheduleWatches(wires);
	const endFollowing = followLogs(wires);
	const timer = setInterval(() => {
		scheduleWatches(wires).catch((error: unknown) => log.warn({ error: String(error) }, 'watch not scheduled'));
	}, LOOKED_AFTER_MS);
	return () => {
		clearInterval(timer);
		endFollowing();
	};
}
