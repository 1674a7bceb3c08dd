import { randomUUID } from 'node:crypto';
import { hintOf } from '../../src/alerts/push.ts';
import { failureLines } from '../../src/clients/logging/filters.ts';
import type { Logging } from '../../src/clients/logging.ts';
import { asTrouble } from '../../commands/_parts/trouble.ts';
import type { LogLine } from '../../src/domain/evidence.ts';
import type { Trouble } from '../../src/domain/errors.ts';
import type { Wires } from '../wires.ts';
import { lookSoon } from './hint.ts';
import { watched } from './watched.ts';

const HELD_MS = 15_000;
const EVERY_MS = 5000;
/** Until a session that broke is opened again; one that was refused waits longer. */
const AGAIN_MS = 5000;
const REFUSED_MS = 10 * 60_000;

/**
 * Follows the logs of every Composer environment, one session each over all workers: whoever holds its lease. An error in them makes the
 * watch look at once. It is a shortcut only: without it the same is noticed a little later. Returns what ends it.
 */
export function followLogs(wires: Pick<Wires, 'deps' | 'work'>, everyMs = EVERY_MS): () => void {
	const { deps } = wires;
	if (!deps.watch.tail) return () => undefined;
	const followers = watched(wires).flatMap((env) => {
		const logs = deps.logging(env);
		return logs === undefined ? [] : [follower(env, logs, wires)];
	});
	if (followers.length === 0) return () => undefined;
	const step = (): void => followers.forEach((one) => void one.step());
	step();
	const timer = setInterval(step, everyMs);
	return () => {
		clearInterval(timer);
		for (const one of followers) void one.end();
	};
}

function follower(env: string, logs: Logging, wires: Pick<Wires, 'deps' | 'work'>) {
	const { deps } = wires;
	const holder = randomUUID();
	const lease = `tail ${env}`;
	let leave: (() => void) | undefined;
	let notBefore = 0;
	let ended = false;

	async function step(): Promise<void> {
		try {
			const mine = !ended && (await deps.watching.hold(lease, holder, HELD_MS));
			if (!mine) stop();
			else if (leave === undefined && performance.now() >= notBefore) await join();
		} catch (error) {
			broken(asTrouble(error));
		}
	}

	async function join(): Promise<void> {
		const home = await deps.composer(env)?.describe();
		if (home === undefined || ended) return;
		const { project = '', location = '', environment: name = '' } = home.environment;
		deps.log.info({ env }, 'following its logs');
		leave = logs.tail(failureLines({ project, location, name }), hear, (why) => {
			leave = undefined;
			notBefore = performance.now() + AGAIN_MS;
			if (why) broken(why);
		});
	}

	function hear(lines: readonly LogLine[]): void {
		const hints = new Map(lines.map(({ labels }) => [JSON.stringify(hintOf(labels)), hintOf(labels)]));
		Promise.all([...hints.values()].map((hint) => lookSoon(wires, env, hint, 'tail'))).catch((error: unknown) =>
			deps.log.warn({ env, error: String(error) }, 'hint not passed on'),
		);
	}

	function broken(why: Trouble): void {
		stop();
		notBefore = performance.now() + (why.retryAfterMs ?? (why.kind === 'denied' ? REFUSED_MS : AGAIN_MS));
		deps.log.warn({ env, label: why.label }, 'its logs cannot be followed');
	}

	function stop(): void {
		leave?.();
		leave = undefined;
	}

	return {
		step,
		async end(): Promise<void> {
			ended = true;
			stop();
			// Redis may be gone by now; the lease ends by itself.
			await deps.watching.letGo(lease, holder).catch(() => undefined);
		},
	};
}
