import { randomUUID } from 'node:crypto';
import type { Held, Outcome } from '../src/clients/queue.ts';
import type { Content, Turn } from '../src/clients/store.ts';
import { Trouble } from '../src/domain/errors.ts';
import { deliverJob } from './jobs.ts';
import { noteClosed } from './watch/closed.ts';
import { asTaken, drawCharts, hasChart, withoutCharts } from './pictures.ts';
import { LAST, sayAside } from './wires.ts';
import type { Wires } from './wires.ts';

/** A worker that was stopped between its turn and the send has lost the turn: the lease is long over when it wakes. */
const SEND_WITHIN_MS = 1500;
/** How often a message may be sent again without having been able to look whether it stands. */
const MOST_BLIND = 6;
/** What Slack says of a place where this message can never stand. */
const CLOSED =
	/^slack (not_in_channel|channel_not_found|is_archived|restricted_action\w*|user_not_in_channel|thread_not_found|messages_tab_disabled|cannot_dm_bot|user_not_found|users_not_found|user_disabled|access_denied)$/;
const REMOVED = /^slack (message_not_found|cant_update_message|edit_window_closed)$/;

/**
 * Brings one message in Slack up to what is wanted: posts it, edits it, or finds out first whether an earlier attempt
 * of unknown outcome did. Redis decides whose turn it is; this only acts on it.
 */
export async function deliver(held: Held, wires: Wires): Promise<Outcome> {
	const { deps } = wires;
	const job = deliverJob.safeParse(held.data);
	if (!job.success) {
		deps.log.warn({ job: held.id }, 'delivery of another version parked');
		return { againInMs: 30_000 };
	}
	const { id, line } = job.data;
	const holder = randomUUID();
	const before = performance.now();
	const turn = await deps.store.begin(id, holder, line);
	if (turn.do === 'nothing') return 'done';
	if (turn.do === 'wait') return { againInMs: turn.ms };
	if (turn.do === 'look') return look(id, holder, turn, held, wires);

	// performance.now() goes on while a process is stopped.
	if (performance.now() - before > SEND_WITHIN_MS) {
		deps.log.warn({ message: id }, 'turn lost while this worker was stopped');
		return { againInMs: 1000 };
	}
	if (turn.do === 'edit') return edit(id, holder, turn, held, wires);
	try {
		return await post(id, { holder, before: before + SEND_WITHIN_MS }, line, turn, held, wires);
	} finally {
		if (line !== undefined) await deps.store.sent(line);
	}
}

async function post(
	id: string,
	{ holder, before }: { holder: string; before: number },
	line: string | undefined,
	turn: Extract<Turn, { do: 'post' }>,
	held: Held,
	{ deps }: Wires,
): Promise<Outcome> {
	const { slack, store, log, measure } = deps;
	const { place, rev } = turn;
	try {
		if (place.kind === 'asker') {
			await whisper(place, turn, id, { slack, log });
			await store.posted(id, place.channel, 'ephemeral', rev);
			measure.count('deliveries', { outcome: 'whispered' });
			return 'done';
		}
		if (place.kind === 'home') {
			await asBlocks(turn.content, (content) => slack.publishHome(place.user, homeOf(content)), deps);
			await store.posted(id, place.user, 'home', rev);
			measure.count('deliveries', { outcome: 'posted' });
			return 'done';
		}
		const channel = place.kind === 'direct' ? await slack.openDirect(place.user) : place.channel;
		if (place.kind === 'direct') await store.moveTo(id, place, channel);
		const thread = place.kind === 'channel' ? place.thread : undefined;
		const posted = await asBlocks(
			turn.content,
			(content) => slack.post({ channel, thread, ...content, key: id }, before),
			deps,
		);
		await store.posted(id, posted.channel, posted.ts, rev);
		measure.count('deliveries', { outcome: 'posted' });
		return 'done';
	} catch (error) {
		if (!(error instanceof Trouble)) throw error;
		const trouble = error;
		if (trouble.outcome === 'unknown') {
			log.warn({ message: id, label: trouble.label }, 'outcome of a post unknown');
			measure.count('deliveries', { outcome: 'unknown' });
			await store.unknown(id, holder);
			return { againInMs: 2600 };
		}
		if (trouble.retryAfterMs !== undefined && line !== undefined) await store.pause(line, trouble.retryAfterMs);
		if (CLOSED.test(trouble.label) && place.kind === 'channel') await noteClosed(place.channel, trouble.label, deps);
		if (CLOSED.test(trouble.label) && place.kind !== 'direct' && place.kind !== 'home' && place.user !== undefined) {
			// The bot was removed, the channel archived: the asker still hears of it.
			log.warn({ message: id, label: trouble.label }, 'place closed, message goes to the asker');
			deps.forgetMember(place.channel);
			await store.moveTo(id, { kind: 'direct', user: place.user });
			await store.notSent(id, holder, 'intended');
			return { againInMs: 0 };
		}
		if (trouble.kind === 'bug' || CLOSED.test(trouble.label)) {
			log.error({ message: id, label: trouble.label, hint: trouble.hint }, 'message cannot be delivered');
			measure.count('deliveries', { outcome: 'undeliverable' });
			await store.gone(id, holder, 'undeliverable');
			return 'done';
		}
		log.warn({ message: id, label: trouble.label }, 'post not taken');
		measure.count('deliveries', { outcome: trouble.retryAfterMs === undefined ? 'refused' : 'limited' });
		await store.notSent(id, holder, 'intended');
		return { againInMs: trouble.retryAfterMs ?? backoff(deps.now() - held.addedAt) };
	}
}

async function edit(
	id: string,
	holder: string,
	turn: Extract<Turn, { do: 'edit' }>,
	held: Held,
	wires: Wires,
): Promise<Outcome> {
	const { deps } = wires;
	const { slack, store, log } = deps;
	// What only one person saw cannot be edited; a newer word is said anew.
	if (turn.ts === 'ephemeral' || turn.ts === 'home') {
		await store.notSent(id, holder, 'intended');
		return { againInMs: 0 };
	}
	try {
		await asBlocks(turn.content, (content) => slack.edit({ channel: turn.in, ts: turn.ts, ...content, key: id }), deps);
		await store.posted(id, turn.in, turn.ts, turn.rev);
		deps.measure.count('deliveries', { outcome: 'edited' });
		return 'done';
	} catch (error) {
		if (!(error instanceof Trouble)) throw error;
		if (REMOVED.test(error.label) || CLOSED.test(error.label) || error.kind === 'bug') {
			log.info({ message: id, label: error.label }, 'message is gone');
			if (CLOSED.test(error.label) && turn.place.kind === 'channel') await noteClosed(turn.in, error.label, deps);
			// Whoever removed it does not want it back in the channel; the asker still learns how it ended.
			if (turn.stage >= LAST && turn.place.kind === 'channel' && turn.place.user !== undefined)
				await sayAside(wires, `${id}-end`, turn.place.user, turn.content);
			await store.gone(id, holder);
			return 'done';
		}
		// Editing twice to the same content is editing once: an unknown outcome is simply tried again.
		await store.notSent(id, holder, 'posted');
		if (error.retryAfterMs === undefined) return { againInMs: backoff(deps.now() - held.addedAt) };
		deps.measure.count('deliveries', { outcome: 'limited' });
		await store.pauseEdits(error.retryAfterMs);
		// It waits for its turn among all edits.
		return { againInMs: 20 };
	}
}

/** An earlier attempt may have posted it. Slack has no idempotency key, so the history is asked. */
async function look(
	id: string,
	holder: string,
	turn: Extract<Turn, { do: 'look' }>,
	held: Held,
	{ deps, broken }: Wires,
): Promise<Outcome> {
	const { slack, store, log } = deps;
	const { place } = turn;
	let found: Awaited<ReturnType<typeof slack.find>>;
	try {
		if (place.kind === 'asker') found = 'unreadable';
		// Shown twice is shown once.
		else if (place.kind === 'home') found = 'absent';
		else if (broken === 'intent') found = 'absent';
		else {
			const channel = place.kind === 'direct' ? (turn.in ?? (await slack.openDirect(place.user))) : place.channel;
			found = await slack.find(channel, id, turn.since, place.kind === 'channel' ? place.thread : undefined);
		}
	} catch (error) {
		if (!(error instanceof Trouble)) throw error;
		await store.unknownStill(id, holder);
		return { againInMs: error.retryAfterMs ?? backoff(deps.now() - held.addedAt) };
	}
	if (typeof found === 'object') {
		log.info({ message: id }, 'message of unknown outcome found');
		// What it shows is the content of that attempt, which may be older than what is wanted now: rev 0 edits it.
		await store.posted(id, found.channel, found.ts, 0);
		return { againInMs: 0 };
	}
	if (found === 'absent') {
		await store.notSent(id, holder, 'intended');
		return { againInMs: 0 };
	}
	// Row 22 of the fault matrix: sent again unseen, at most so often, and counted.
	if (turn.blind >= MOST_BLIND) {
		log.error({ message: id }, 'message of unknown outcome given up');
		await store.gone(id, holder, 'undeliverable');
		return 'done';
	}
	log.warn({ message: id, blind: turn.blind }, 'message sent again unseen');
	await store.notSent(id, holder, 'intended', 'blindPosts');
	return { againInMs: turn.blind === 0 ? 0 : 1000 * 2 ** turn.blind };
}

/** Without its blocks (Slack did not take them) the page still has its words. */
function homeOf({ text, blocks }: Content): Record<string, unknown> {
	const plain = { type: 'section', text: { type: 'plain_text', text: text.slice(0, 3000) || '…' } };
	return { type: 'home', blocks: blocks.length > 0 ? blocks : [plain] };
}

/** To one person: at the response_url, else as an ephemeral message. */
async function whisper(
	place: Extract<Extract<Turn, { do: 'post' }>['place'], { kind: 'asker' }>,
	turn: Extract<Turn, { do: 'post' }>,
	id: string,
	{ slack, log }: Pick<Wires['deps'], 'slack' | 'log'>,
): Promise<void> {
	// An attempt there had no answer: the other way is tried, since a repeat would most likely have none either.
	if (turn.responseUrl !== undefined && turn.blind === 0) {
		const url = turn.responseUrl;
		try {
			return await asBlocks(turn.content, (content) => slack.respond(url, content), { slack, log });
		} catch (error) {
			if (!(error instanceof Trouble) || error.outcome === 'unknown' || error.retryAfterMs !== undefined) throw error;
			// Five uses or thirty minutes are over.
			log.info({ message: id, label: error.label }, 'response_url refused, said as an ephemeral message');
		}
	}
	await asBlocks(turn.content, (content) => slack.postEphemeral({ ...place, ...content }), { slack, log });
}

/** Blocks that Slack does not take must not cost the message: charts become pictures, then go; then the same words without any. */
async function asBlocks<T>(
	content: Content,
	send: (content: Content) => Promise<T>,
	{ slack, log }: Pick<Wires['deps'], 'slack' | 'log'>,
): Promise<T> {
	const taken = asTaken(content, slack);
	try {
		return await send(taken);
	} catch (error) {
		if (!wasTheBlocks(error) || content.blocks.length === 0) throw error;
		log.error({ label: error.label, hint: error.hint }, 'blocks refused');
	}
	if (hasChart(content)) {
		await drawCharts(taken, slack, log);
		try {
			return await send(withoutCharts(taken));
		} catch (error) {
			if (!wasTheBlocks(error)) throw error;
		}
	}
	return send({ text: content.text, blocks: [] });
}

const wasTheBlocks = (error: unknown): error is Trouble => error instanceof Trouble && error.kind === 'bug';

/** Half as long again as it has been tried: 0.3 s at first, at most 30 s. Starts say nothing, waiting for a turn counts as one. */
function backoff(ageMs: number): number {
	return Math.min(Math.max(ageMs / 2, 300), 30_000) * (0.75 + Math.random() / 2);
}
