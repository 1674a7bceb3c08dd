import type { Lang } from '../domain/text.ts';
import { say } from '../../worker/wires.ts';
import type { Doors } from './doors.ts';
import { WAS_ACCEPTED, WAS_NOT_ACCEPTED } from './say-at-once.ts';

export type Undecided = {
	key: string;
	user: string;
	channel: string;
	lang: Lang;
	responseUrl: string | undefined;
	at: number;
};

/**
 * Commands whose enqueue had no answer in time. They are asked for until Redis answers; what is not there by then is
 * refused for good, so that both answers are final. The list lives in this process: if it ends first, a command that did
 * get in still runs and speaks for itself.
 */
export function fates({ deps, work, render, producer }: Doors) {
	const open = new Map<string, Undecided>();
	let timer: NodeJS.Timeout | undefined;

	async function decide(): Promise<void> {
		for (const [key, one] of open) {
			let accepted: boolean;
			try {
				accepted = await producer.fate(key);
			} catch (error) {
				deps.log.warn(
					{ job: key, error: error instanceof Error ? error.message : String(error) },
					'fate still unknown',
				);
				return;
			}
			open.delete(key);
			deps.log.info({ job: key, accepted, ms: deps.now() - one.at }, 'fate of a command found out');
			const text = accepted ? WAS_ACCEPTED : WAS_NOT_ACCEPTED;
			await say(
				{ deps, work, render },
				`${key}-fate`,
				{ kind: 'asker', user: one.user, channel: one.channel },
				{
					reply: { to: 'asker', parts: [{ kind: 'text', line: [text[one.lang]] }] },
					lang: one.lang,
					stage: 10,
					responseUrl: one.responseUrl,
				},
			);
		}
	}

	const tick = (): void => {
		timer = undefined;
		decide()
			.catch((error: unknown) => deps.log.error({ error: String(error) }, 'fate could not be told'))
			.finally(start);
	};
	const start = (): void => {
		if (open.size > 0) timer ??= setTimeout(tick, 500);
	};

	return {
		add(one: Undecided): void {
			open.set(one.key, one);
			start();
		},
		size: () => open.size,
		stop(): void {
			clearTimeout(timer);
			open.clear();
		},
	};
}
