import { z } from 'zod';
import type { Wires } from '../wires.ts';

/** The name under which channels that took no message are kept. No environment can be called so. */
const CLOSED = '@closed';

export type Closed = { channel: string; label: string };

/** A channel took no message: archived, gone, or the bot is not in it. */
export async function noteClosed(
	channel: string,
	label: string,
	{ watching }: Pick<Wires['deps'], 'watching'>,
): Promise<void> {
	await watching.open(CLOSED, channel, JSON.stringify(label));
}

/** The channels that are closed. Those that are open again by what Slack says are forgotten. */
export async function closedChannels({
	watching,
	slack,
}: Pick<Wires['deps'], 'watching' | 'slack'>): Promise<Closed[]> {
	const noted = await watching.conditions(CLOSED);
	const closed: Closed[] = [];
	for (const [channel, label] of noted) {
		// What cannot be asked is not known to be open, and stays among those that are told.
		const open = await slack.isMember(channel, { archivedToo: false }).catch(() => undefined);
		if (open === true) await watching.over(CLOSED, channel);
		else closed.push({ channel, label: z.string().parse(JSON.parse(label)) });
	}
	return closed;
}
