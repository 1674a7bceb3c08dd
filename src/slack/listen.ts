import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import bolt from '@slack/bolt';
import type { App, Receiver } from '@slack/bolt';
import { z } from 'zod';
import { Trouble } from '../domain/errors.ts';
import type { Typed } from '../deps.ts';
import type { Reply } from '../domain/reply.ts';
import type { Text } from '../domain/text.ts';
import { say } from '../../worker/wires.ts';
import { ackedWhenTaken } from './acked-when-taken.ts';
import type { Doors } from './doors.ts';
import { fates } from './fates.ts';
import { formDoor } from './form-door.ts';
import { keyOf } from './key.ts';
import { late } from './late.ts';
import { meant } from './meant.ts';
import { AGAIN, DIRECT, INVITE, notMember, readButton } from './not-member.ts';
import { plainly, WAS_ACCEPTED, WENT_WRONG } from './say-at-once.ts';
import type { AckBody } from './say-at-once.ts';
import { take } from './take.ts';
import type { Said, Taken } from './take.ts';
import { isOurs, originOf } from './verify.ts';

const commandBody = z.object({
	command: z.string(),
	text: z.string().optional(),
	user_id: z.string(),
	channel_id: z.string(),
	team_id: z.string(),
	trigger_id: z.string(),
	response_url: z.string().optional(),
});

const clickBody = z.object({
	user: z.object({ id: z.string() }),
	team: z.object({ id: z.string() }).nullish(),
	channel: z.object({ id: z.string() }).optional(),
	container: z.object({ channel_id: z.string().optional() }).optional(),
	view: z.object({ type: z.string() }).optional(),
	trigger_id: z.string(),
	response_url: z.string().optional(),
	actions: z.array(z.object({ action_id: z.string(), value: z.string().optional() })).min(1),
});

/** The message shortcut: callback id `diagnose` in manifest.json. */
const shortcutBody = z.object({
	user: z.object({ id: z.string() }),
	team: z.object({ id: z.string() }).nullish(),
	channel: z.object({ id: z.string() }),
	trigger_id: z.string(),
	response_url: z.string().optional(),
	message: z.looseObject({ ts: z.string(), thread_ts: z.string().optional() }),
});

const mentionBody = z.object({
	event_id: z.string(),
	team_id: z.string(),
	event: z.object({
		text: z.string(),
		user: z.string().optional(),
		channel: z.string(),
		ts: z.string(),
		thread_ts: z.string().optional(),
		bot_id: z.string().optional(),
	}),
});

const homeBody = z.object({
	event_id: z.string(),
	team_id: z.string(),
	event: z.object({ user: z.string(), channel: z.string(), tab: z.string() }),
});

const GONE: Text = {
	en: 'This button is too old. Please type the command again.',
	ja: 'このボタンは古いため使えません。もう一度コマンドを入力してください。',
};
const NOTHING_MEANT: Text = {
	en: 'I find no DAG, no Airflow link and no log in this message. `/dag diagnose <dag>` asks about a DAG.',
	ja: 'このメッセージに DAG、Airflow のリンク、ログが見つかりません。DAG は `/dag diagnose <dag>` で診断できます。',
};
const GOING_ON: Text = { en: '👍 Going on.', ja: '👍 続けます。' };
const BY_DIRECT: Text = { en: '👍 Going on by direct message.', ja: '👍 ダイレクトメッセージで続けます。' };

/** What a middleware here needs of Bolt's arguments; an event has no ack. */
type Passing = { body: unknown; ack?: Answers['ack'] | undefined; next(): Promise<void> };
// As a method its argument may be narrower in Bolt's own types.
type Answers = { ack(answer?: unknown): Promise<void> };

export type Listening = { app: App; stop(): void };

/** A Bolt app whose every entry is checked, answered in time, and hands words on. Nothing is asked of Slack here. */
export function listen(
	doors: Doors,
	receiver: Receiver,
	ours: { team: string; app: string | undefined; botUser: string; botId: string | undefined; botToken: string },
): Listening {
	const { deps } = doors;
	const undecided = fates(doors);
	const waiting = late(doors);
	const app = new bolt.App({
		receiver: ackedWhenTaken(receiver),
		logLevel: bolt.LogLevel.ERROR,
		// Socket Mode has no signature; this check stands in front of every listener on both ways in.
		authorize: async (_source, body) => {
			if (body !== undefined && !isOurs(originOf({ ...body }), ours))
				throw new Error('payload of another workspace or app');
			return {
				botToken: ours.botToken,
				botUserId: ours.botUser,
				...(ours.botId === undefined ? {} : { botId: ours.botId }),
			};
		},
	});
	app.error(async (error) => {
		deps.log.error({ error: error.message, code: error.code }, 'listener failed');
	});

	// Slash commands are what comes most, so they are taken here, before Bolt asks each listener in turn (bench:ack).
	app.use(async (given: Passing) => {
		if (typeof given.body !== 'object' || given.body === null || !('command' in given.body)) return given.next();
		const ack = async (answer?: AckBody): Promise<void> => given.ack?.(answer);
		const read = commandBody.safeParse(given.body);
		if (!read.success) {
			deps.log.error({ issues: read.error.issues.map(({ path }) => path.join('.')) }, 'odd slash command');
			return ack(plainly(WENT_WRONG, deps.lang));
		}
		const { text, user_id, channel_id, team_id, trigger_id, response_url } = read.data;
		const typed: Typed = {
			words: text ?? '',
			user: user_id,
			channel: channel_id,
			team: team_id,
			key: keyOf(doors.broken === 'dedup' ? randomUUID() : trigger_id),
			via: 'command',
			at: deps.now(),
		};
		return ack(await taken({ typed, responseUrl: response_url, triggerId: trigger_id }));
	});

	app.action(/.*/, async ({ body, ack }) => {
		const read = clickBody.safeParse(body);
		const [action] = read.success ? read.data.actions : [];
		if (!read.success || !action) {
			await ack();
			return;
		}
		const { user, team, channel, container, view, trigger_id, response_url } = read.data;
		const place = channel?.id ?? container?.channel_id ?? user.id;
		const base: Typed = {
			words: '',
			user: user.id,
			channel: place,
			team: team?.id ?? ours.team,
			key: keyOf(trigger_id),
			via: 'click',
			at: deps.now(),
			...(view?.type === 'home' && { direct: true }),
		};
		try {
			if ([INVITE, AGAIN, DIRECT].includes(action.action_id)) await memberClick(base, action, response_url, trigger_id);
			else await buttonClick(base, action, response_url, trigger_id);
		} catch (error) {
			deps.log.error({ error: error instanceof Error ? error.stack : String(error) }, 'click failed');
		}
		await ack();
	});

	app.event('app_mention', async ({ body, context }) => {
		const read = mentionBody.safeParse(body);
		if (!read.success || read.data.event.user === undefined || read.data.event.bot_id !== undefined) return;
		const { event, event_id, team_id } = read.data;
		const typed: Typed = {
			words: await threadWords(event),
			user: event.user ?? '',
			channel: event.channel,
			team: team_id,
			key: keyOf(event_id),
			via: 'mention',
			at: deps.now(),
			thread: event.thread_ts ?? event.ts,
			...(event.thread_ts === undefined && { newThread: true }),
		};
		const said = await taken({ typed });
		if (!said && (context.retryNum ?? 0) > 0) return acceptedAfterAll(typed);
		// Not waited for: while Slack is slow to take these words, it would take the mention for lost and hand it in again.
		if (said)
			sayToMention({
				channel: event.channel,
				user: typed.user,
				// An ephemeral message in a thread that does not exist yet is not shown.
				thread: event.thread_ts,
				text: said.text,
				blocks: said.blocks ?? [],
			}).catch((error: unknown) => deps.log.error({ error: String(error) }, 'answer to a mention not posted'));
	});

	app.event('app_home_opened', async ({ body }) => {
		const read = homeBody.safeParse(body);
		if (!read.success || read.data.event.tab !== 'home') return;
		const { event, event_id, team_id } = read.data;
		const { user, channel } = event;
		await showHome({ words: 'home', user, channel, team: team_id, key: keyOf(event_id), via: 'home', at: deps.now() });
	});

	app.shortcut({ callback_id: 'diagnose', type: 'message_action' }, async ({ body, ack }) => {
		const read = shortcutBody.safeParse(body);
		if (!read.success) return ack();
		const { user, team, channel, trigger_id, response_url, message } = read.data;
		const words = await meant(message, (button) => doors.wordsOf(button));
		const said =
			words === undefined
				? plainly(NOTHING_MEANT, (await deps.asker(user.id, 60_000)).lang)
				: await taken({
						typed: {
							words,
							user: user.id,
							channel: channel.id,
							team: team?.id ?? ours.team,
							key: keyOf(trigger_id),
							via: 'shortcut',
							at: deps.now(),
							thread: message.thread_ts ?? message.ts,
						},
						responseUrl: response_url,
						triggerId: trigger_id,
					});
		await ack();
		if (said && response_url !== undefined)
			await deps.slack.respond(response_url, { text: said.text, blocks: said.blocks ?? [] });
	});

	formDoor(app, doors, takeSafely);

	// What nothing above claims is acked, so that the person sees no failure of ours after three seconds.
	app.shortcut(/.*/, async ({ ack }) => ack());
	app.view({ callback_id: /.*/, type: 'view_closed' }, async ({ ack }) => ack());

	/** In a thread, `@bot diagnose` without more is about the message the thread began with. */
	async function threadWords({ text, channel, thread_ts }: z.output<typeof mentionBody>['event']): Promise<string> {
		const [, mention = '', asked] = /^(\s*<@[A-Z0-9]+(?:\|[^>]*)?>)\s*(diagnose)?\s*$/i.exec(text) ?? [];
		if (thread_ts === undefined || (mention === '' && asked === undefined)) return text;
		try {
			const parent = await deps.slack.message(channel, thread_ts);
			const words = parent === undefined ? undefined : await meant(parent, (button) => doors.wordsOf(button));
			return words === undefined ? text : `${mention} ${escaped(words)}`;
		} catch (error) {
			if (!(error instanceof Trouble)) throw error;
			deps.log.info({ label: error.label }, 'thread of a mention not read');
			return text;
		}
	}

	/** A mention was acknowledged without a word, so that these are all its sender hears. */
	async function sayToMention(words: Parameters<typeof deps.slack.postEphemeral>[0]): Promise<void> {
		for (const pauseMs of [500, 1000, 2000])
			try {
				return await deps.slack.postEphemeral(words);
			} catch (error) {
				if (!(error instanceof Trouble) || error.kind !== 'upstream') throw error;
				await sleep(error.retryAfterMs ?? pauseMs);
			}
		return deps.slack.postEphemeral(words);
	}

	/** Slack handed it in again, so the first answer, if there was one, may have been that it was not accepted. */
	async function acceptedAfterAll({ key, user, channel, thread, newThread }: Typed): Promise<void> {
		const { lang } = await deps.asker(user, 60_000);
		const reply: Reply = { to: 'asker', parts: [{ kind: 'text', line: [WAS_ACCEPTED[lang]] }] };
		const place = { kind: 'asker' as const, user, channel, thread: newThread ? undefined : thread };
		await say(doors, `${key}-fate`, place, { reply, lang, stage: 10 });
	}

	/** The worker shows it; what is known at once (who may see nothing here) is shown at once. */
	async function showHome(typed: Typed): Promise<void> {
		const said = await taken({ typed });
		if (said) await deps.slack.publishHome(typed.user, { type: 'home', blocks: said.blocks ?? [] });
	}

	async function taken(what: Taken): Promise<AckBody | undefined> {
		return (await takeSafely(what))?.body;
	}

	async function takeSafely(what: Taken): Promise<Said | undefined> {
		try {
			return await take(doors, { undecided, waiting }, what);
		} catch (error) {
			deps.log.error({ error: error instanceof Error ? error.stack : String(error) }, 'command not taken');
			return { body: plainly(WENT_WRONG, deps.lang), again: true };
		}
	}

	async function memberClick(
		base: Typed,
		action: { action_id: string; value?: string | undefined },
		responseUrl: string | undefined,
		triggerId: string,
	): Promise<void> {
		const { lang } = await deps.asker(base.user, 60_000);
		const tell = async (said: AckBody): Promise<void> => {
			if (responseUrl !== undefined)
				await deps.slack.respond(responseUrl, { text: said.text, blocks: said.blocks ?? [], replace: true });
		};
		const meant = await readButton(doors, action.value ?? '');
		if (!meant) return tell(plainly(GONE, lang));
		const direct = action.action_id === DIRECT;
		// The words were typed, so they are read as typed; the key is the typed command's own.
		const typed: Typed = { ...base, ...meant, via: 'command', ...(direct ? { direct } : {}) };
		if (action.action_id === INVITE)
			try {
				await deps.slack.join(base.channel);
				deps.forgetMember(base.channel);
			} catch (error) {
				if (!(error instanceof Trouble)) throw error;
				deps.log.info({ label: error.label }, 'could not join');
				return tell(await notMember(doors, typed, lang, 'could not join'));
			}
		const said = await taken({ typed, responseUrl, triggerId });
		await tell(said ?? plainly(direct ? BY_DIRECT : GOING_ON, lang));
	}

	async function buttonClick(
		base: Typed,
		action: { action_id: string; value?: string | undefined },
		responseUrl: string | undefined,
		triggerId: string,
	): Promise<void> {
		const words = await doors.wordsOf(action);
		if (words === undefined) return;
		if (base.direct && words === 'home') return showHome({ ...base, words, via: 'home' });
		const said = await taken({ typed: { ...base, words }, responseUrl, triggerId });
		if (!said) return;
		const { text, blocks = [] } = said;
		if (responseUrl !== undefined) await deps.slack.respond(responseUrl, { text, blocks });
		else if (base.direct) {
			const channel = await deps.slack.openDirect(base.user);
			await deps.slack.post({ channel, text, blocks, key: base.key }, Infinity);
		}
	}

	return {
		app,
		stop() {
			undecided.stop();
			waiting.stop();
		},
	};
}

/** A mention's words are read as Slack wrote them. */
const escaped = (words: string): string =>
	words.replace(/[&<>]/g, (char) => (char === '&' ? '&amp;' : char === '<' ? '&lt;' : '&gt;'));
