import { setTimeout as sleep } from 'node:timers/promises';
import type { SandboxSlack } from '../../src/sandbox/slack/types.ts';
import { keyOf } from '../../src/slack/key.ts';
import { NOT_ACCEPTED, NOT_SURE, WAS_ACCEPTED, WAS_NOT_ACCEPTED, WENT_WRONG } from '../../src/slack/say-at-once.ts';
import type { Text } from '../../src/domain/text.ts';

/**
 * One time that a command was typed; its key is the run's. Accepted: Slack has an ack that does not say otherwise, so it is run exactly
 * once. Refused: whoever typed it was told that nothing was started. Open: no ack, or one that says the bot is not sure; it runs at most
 * once, and to repeat it is the sender's own business.
 */
export type Attempt = { n: number; key: string; fate: 'accepted' | 'refused' | 'open' };

export const CHANNELS = 60;
/** Every so many-th command is a mention: Slack itself hands it in again until somebody acknowledges it. */
const MENTIONS = 5;
/** How long a person waits to hear of a command of unknown fate before typing it again. */
const PATIENCE_MS = 25_000;
/** How long they wait for words about a mention that was acknowledged; none is as good as a yes. */
const WORDS_MS = 15_000;
const MOST_ATTEMPTS = 60;

const says = (text: string, one: Text): boolean => text === one.en || text === one.ja;

export type Typing = {
	slack: SandboxSlack;
	random: () => number;
	attempts: Attempt[];
	tally: { deliveries: number; retyped: number; repeated: number };
	/** Whether this command has a run by now. */
	hasRun: (n: number) => boolean;
	/** Whether the attempt with this key has one. */
	ran: (key: string) => boolean;
};

/** A person types a command until it is accepted: again what was said not to be, and what nobody answered for. */
export async function typeUntilAccepted(n: number, typing: Typing): Promise<void> {
	const { attempts, tally } = typing;
	for (let count = 0; count < MOST_ATTEMPTS; count++) {
		const attempt = await typeOnce(n, typing);
		attempts.push(attempt);
		if (attempt.fate === 'accepted' || typing.hasRun(n)) return;
		tally.retyped++;
		await sleep(500 + Math.min(500 * count, 4500));
	}
}

async function typeOnce(n: number, { slack, random, attempts, tally, hasRun, ran }: Typing): Promise<Attempt> {
	const { users } = slack.workspace;
	// One person in one channel has no two commands at a time, so that what is said there is about this one.
	const user = users[Math.floor(n / CHANNELS) % users.length]?.id ?? '';
	const channel = channelOf(n);
	const told = (): string[] =>
		slack
			.messages(channel)
			.slice(before)
			.filter((message) => message.ephemeralTo === user)
			.map((message) => message.text);
	const before = slack.messages(channel).length;
	const send = async (overlay: { trigger_id: string } | undefined): ReturnType<SandboxSlack['type']> => {
		const deliveries = 1 + Math.floor(random() * 3);
		tally.deliveries += deliveries;
		return slack.type({ user, channel, text: `/dag trigger quick n=${n}`, deliveries, ...(overlay && { overlay }) });
	};

	// What the acks say; of a mention, whose ack says nothing, what was said to the person before it.
	const texts: string[] = [];
	let key: string;
	let unanswered = false;
	if (n % MENTIONS === 0) {
		const event_id = `Ev${n}at${Math.floor(random() * 1e12)}`;
		key = keyOf(event_id);
		// Said without the mention, which would go out by itself and leave nobody to count its acks.
		const { ts } = slack.say({ user, channel, text: `trigger quick n=${n}` });
		const text = `<@${slack.botUserId}> trigger quick n=${n}`;
		const event = { type: 'app_mention', user, channel, text, ts, event_ts: ts };
		const acks = await slack.sendEvent(event, { overlay: { event_id } });
		tally.deliveries += acks.length;
		unanswered = acks.every(({ status }) => status !== 'acked');
		// The bot does not wait for its words; of a mention that Slack handed in again the last ones count.
		const again = acks.length > 1;
		const isClear = (): boolean => ran(key) || (told().length > 0 && !again);
		for (let waited = 0; waited < (again ? PATIENCE_MS : WORDS_MS) && !isClear(); waited += 500) await sleep(500);
		if (!unanswered) texts.push(ran(key) ? '' : (told().at(-1) ?? ''));
	} else {
		const first = await send(undefined);
		key = keyOf(first.triggerId);
		const acks = [...first.acks];
		// Slack may hand in again what nobody acknowledged: the same trigger id, so the same command.
		if (acks.every(({ status }) => status !== 'acked') && random() < 0.5) {
			tally.repeated++;
			await sleep(200 + 3000 * random());
			acks.push(...(await send({ trigger_id: first.triggerId })).acks);
		}
		unanswered = acks.some(({ status }) => status !== 'acked');
		texts.push(...acks.flatMap(({ status, text }) => (status === 'acked' ? [text] : [])));
	}
	const attempt = { n, key };
	const refused = (text: string): boolean => says(text, NOT_ACCEPTED) || says(text, WENT_WRONG);
	if (texts.includes('') && !texts.some((text) => says(text, NOT_SURE))) return { ...attempt, fate: 'accepted' };
	if (!unanswered && texts.every(refused)) return { ...attempt, fate: 'refused' };
	// Where an earlier attempt is open as well, what is found out may be about that one.
	const only = attempts.every((one) => one.n !== n || one.fate !== 'open');
	for (let waited = 0; waited < PATIENCE_MS && !hasRun(n); waited += 500) {
		await sleep(500);
		const heard = told();
		const accepted = heard.some((text) => says(text, WAS_ACCEPTED));
		// A copy of it may still lie with a process that is stopped; whatever becomes of that one, this was final.
		const refusedNow = heard.some((text) => says(text, WAS_NOT_ACCEPTED));
		if ((accepted || refusedNow) && !only) break;
		if (accepted) return { ...attempt, fate: 'accepted' };
		if (refusedNow) return { ...attempt, fate: 'refused' };
	}
	return { ...attempt, fate: 'open' };
}

const channelOf = (n: number): string => `C0CHAOS${String(n % CHANNELS).padStart(2, '0')}`;
