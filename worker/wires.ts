import type { CommandResult } from '../commands/define.ts';
import type { BotDeps } from '../src/build-deps.ts';
import type { Protection } from '../src/config.ts';
import type { WorkQueue } from '../src/clients/queue.ts';
import type { Content, Place } from '../src/clients/store.ts';
import type { Asker, Deps, Typed } from '../src/deps.ts';
import type { Reply } from '../src/domain/reply.ts';
import type { Lang } from '../src/domain/text.ts';

/** What the worker needs from the other floors, put together in main.ts. */
export type Wires = {
	deps: BotDeps;
	work: WorkQueue;
	/** Carries a command out: the verb, the role, the arguments. What went wrong is in its `trouble`; it never throws. */
	execute(typed: Typed, asker: Asker, deps: Deps, progress: (reply: Reply) => Promise<void>): Promise<CommandResult>;
	render(reply: Reply, lang: Lang): Promise<Content>;
	/** A protection that the chaos run switched off. */
	broken?: Protection | undefined;
};

/** The stage of a message's last word. */
export const LAST = 100;

/**
 * The one way a message takes to Slack: what it should show is stored first, then a job brings Slack up to it. Saying
 * a stage that was said already, or a lower one, changes nothing.
 */
export async function say(
	wires: Pick<Wires, 'deps' | 'work' | 'render'>,
	id: string,
	place: Place,
	message: { reply: Reply; lang: Lang; stage: number; responseUrl?: string | undefined },
): Promise<void> {
	const content = await wires.render(message.reply, message.lang);
	await deliverLater(wires, id, place, content, message.stage, message.responseUrl);
}

/** A message's last word, by direct message, where the message itself is no longer there. */
export async function sayAside(
	wires: Pick<Wires, 'deps' | 'work'>,
	id: string,
	user: string,
	content: Content,
): Promise<void> {
	await deliverLater(wires, id, { kind: 'direct', user }, content, LAST, undefined);
}

/** As `say`, what was rendered before. */
export async function sayRendered(
	wires: Pick<Wires, 'deps' | 'work'>,
	id: string,
	place: Place,
	content: Content,
): Promise<void> {
	await deliverLater(wires, id, place, content, LAST, undefined);
}

async function deliverLater(
	wires: Pick<Wires, 'deps' | 'work'>,
	id: string,
	place: Place,
	content: Content,
	stage: number,
	responseUrl: string | undefined,
): Promise<void> {
	const rev = await wires.deps.store.want(id, place, content, stage, responseUrl);
	if (rev === undefined) return;
	const line = place.kind === 'channel' ? place.channel : place.kind === 'direct' ? place.user : undefined;
	await wires.work.add('deliveries', `${id}-${rev}`, { v: 1, id, ...(line === undefined ? {} : { line }) });
}
