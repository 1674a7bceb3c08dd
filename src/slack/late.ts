import type { Lang } from '../domain/text.ts';
import { asTrouble } from '../../commands/_parts/trouble.ts';
import type { Doors } from './doors.ts';
import { NOBODY_WORKS } from './say-at-once.ts';

/** An accepted command that still waits after this long is told to its asker. */
const LATE_MS = 6000;
/** More than this at once are one outage; whoever came later types once and sees nothing, as with any busy bot. */
const MOST = 200;

type Waiting = { responseUrl: string; lang: Lang; at: number };

/**
 * An ack says nothing when a command was accepted, so somebody must speak when no worker takes it. Said at the response_url at
 * once and not by the queue's own path, which nobody works on then.
 */
export function late({ deps, producer }: Pick<Doors, 'deps' | 'producer'>) {
	let waiting: Waiting[] = [];
	let timer: NodeJS.Timeout | undefined;

	async function look(): Promise<void> {
		const due = waiting.filter(({ at }) => deps.now() - at >= LATE_MS);
		waiting = waiting.filter((one) => !due.includes(one));
		const { oldestMs } = await producer.backlog();
		// The oldest job in line has waited that long, so nobody takes jobs.
		if (oldestMs < LATE_MS) return;
		for (const { responseUrl, lang, at } of due)
			// Taken in a moment before it was queued.
			if (deps.now() - at <= oldestMs + 1000)
				await deps.slack.respond(responseUrl, { text: NOBODY_WORKS[lang], blocks: [] });
	}

	const start = (): void => {
		if (waiting.length === 0) return;
		timer ??= setTimeout(() => {
			timer = undefined;
			look()
				.catch((error: unknown) => deps.log.warn({ label: asTrouble(error).label }, 'late commands not told'))
				.finally(start);
		}, LATE_MS / 2);
	};

	return {
		add(one: Waiting): void {
			if (waiting.length >= MOST) return;
			waiting.push(one);
			start();
		},
		stop(): void {
			clearTimeout(timer);
			waiting = [];
		},
	};
}
