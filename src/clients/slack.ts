import {
	LogLevel,
	WebAPIHTTPError,
	WebAPIPlatformError,
	WebAPIRateLimitedError,
	WebAPIRequestError,
	WebClient,
} from '@slack/web-api';
import type { FetchFunction } from '@slack/web-api';
import { z } from 'zod';
import type { Asker } from '../domain/asking.ts';
import { Trouble } from '../domain/errors.ts';
import { sendBefore, TOO_LATE } from './base/send-before.ts';
import { langOf } from '../domain/text.ts';
import type { Lang } from '../domain/text.ts';

export type SlackOptions = {
	botToken: string;
	/** `https://slack.com/api/`, or a Slack-compatible server. */
	apiUrl: string | undefined;
	/** Language where the person's locale names none we speak. */
	lang: Lang;
	/** Epoch milliseconds; Date.now. */
	now?: () => number;
};

/** Our key in a message's metadata: what makes it found again. */
export const EVENT_TYPE = 'concertmaster';

/** One call may take this long; the lease of a delivery is longer. */
const TIMEOUT_MS = 4000;

export type Posted = { channel: string; ts: string };
export type Found = 'absent' | 'unreadable' | Posted;
type Blocks = readonly Record<string, unknown>[];

export type Slack = ReturnType<typeof slack>;

/**
 * Slack's Web API with our own time limits and no retries: the SDK's defaults post up to 11 copies of a message whose
 * reply is lost, and one limited channel stops all others. Every method throws `Trouble`, labelled `slack <error code>`;
 * `outcome: 'unknown'` means that Slack may have done it.
 */
export function slack(options: SlackOptions) {
	const now = options.now ?? Date.now;
	let aheadMs: number | undefined;
	const noting =
		(by: FetchFunction): FetchFunction =>
		async (url, init) => {
			const answer = await by(url, init);
			const date = Date.parse(answer.headers.get('date') ?? '');
			// Dates have whole seconds, so on average the true time is half a second later.
			if (!Number.isNaN(date)) aheadMs = date + 500 - now();
			return answer;
		};
	const settings = {
		fetch: noting(fetch),
		...(options.apiUrl === undefined ? {} : { slackApiUrl: options.apiUrl }),
		timeout: TIMEOUT_MS,
		retryConfig: { retries: 0 },
		rejectRateLimitedCalls: true,
		maxRequestConcurrency: 50,
		logLevel: LogLevel.ERROR,
		allowAbsoluteUrls: false,
	};
	const client = new WebClient(options.botToken, settings);

	async function call<T>(
		method: string,
		args: Record<string, unknown>,
		schema: z.ZodType<T>,
		by: WebClient = client,
	): Promise<T> {
		let answer: unknown;
		try {
			answer = await by.apiCall(method, args);
		} catch (error) {
			throw toTrouble(method, error);
		}
		const parsed = schema.safeParse(answer);
		if (parsed.success) return parsed.data;
		throw new Trouble('upstream', 'slack answer odd', `Slack's answer to ${method} is not what it documents.`, {
			outcome: 'unknown',
		});
	}

	const postedSchema = z.object({ channel: z.string(), ts: z.string() });

	return {
		/** Milliseconds by which Slack's clock is ahead of ours, give or take a second, by its last answer. */
		clockAheadMs: (): number | undefined => aheadMs,

		/** `before`: when it must have left, by `performance.now()`; after that it is `slack too late` and nothing was sent. */
		async post(
			message: { channel: string; thread?: string | undefined; text: string; blocks: Blocks; key: string },
			before: number,
		): Promise<Posted> {
			return call(
				'chat.postMessage',
				{
					channel: message.channel,
					...(message.thread === undefined ? {} : { thread_ts: message.thread }),
					text: message.text,
					...(message.blocks.length === 0 ? {} : { blocks: message.blocks }),
					metadata: { event_type: EVENT_TYPE, event_payload: { key: message.key } },
					unfurl_links: false,
					unfurl_media: false,
				},
				postedSchema,
				new WebClient(options.botToken, { ...settings, fetch: noting(sendBefore(before)) }),
			);
		},

		async edit(message: { channel: string; ts: string; text: string; blocks: Blocks; key: string }): Promise<void> {
			await call(
				'chat.update',
				{
					channel: message.channel,
					ts: message.ts,
					text: message.text,
					blocks: message.blocks,
					metadata: { event_type: EVENT_TYPE, event_payload: { key: message.key } },
				},
				z.object({}),
			);
		},

		async postEphemeral(message: {
			channel: string;
			user: string;
			thread?: string | undefined;
			text: string;
			blocks: Blocks;
		}): Promise<void> {
			await call(
				'chat.postEphemeral',
				{
					channel: message.channel,
					user: message.user,
					...(message.thread === undefined ? {} : { thread_ts: message.thread }),
					text: message.text,
					...(message.blocks.length === 0 ? {} : { blocks: message.blocks }),
				},
				z.object({}),
			);
		},

		/** A picture for a block; answers with the file's id. Three calls: Slack's second way of uploading, the first one is gone. */
		async upload({ name, alt, bytes }: { name: string; alt: string; bytes: Uint8Array }): Promise<string> {
			const place = await call(
				'files.getUploadURLExternal',
				{ filename: name, length: bytes.length, alt_txt: alt },
				z.object({ upload_url: z.string(), file_id: z.string() }),
			);
			if (!isUploadUrl(place.upload_url, options.apiUrl))
				throw new Trouble('denied', 'slack upload url foreign', 'This upload address does not belong to Slack.');
			let answer: Response;
			try {
				answer = await fetch(place.upload_url, {
					method: 'POST',
					headers: { 'content-type': 'application/octet-stream' },
					body: bytes.slice(),
					redirect: 'error',
					signal: AbortSignal.timeout(TIMEOUT_MS),
				});
				await answer.text();
			} catch (error) {
				throw new Trouble('upstream', 'slack upload failed', 'Slack did not take the picture.', { cause: error });
			}
			if (!answer.ok)
				throw new Trouble('upstream', 'slack upload failed', `Slack did not take the picture (${answer.status}).`);
			await call('files.completeUploadExternal', { files: [{ id: place.file_id, title: alt }] }, z.object({}));
			return place.file_id;
		},

		/** Answers a command or a click. At most five times within 30 minutes. */
		async respond(responseUrl: string, body: { text: string; blocks: Blocks; replace?: boolean }): Promise<void> {
			if (!isResponseUrl(responseUrl, options.apiUrl))
				throw new Trouble('denied', 'slack response url foreign', 'This response_url does not belong to Slack.');
			let answer: Response;
			let said: string;
			try {
				answer = await fetch(responseUrl, {
					method: 'POST',
					headers: { 'content-type': 'application/json; charset=utf-8' },
					body: JSON.stringify({
						response_type: 'ephemeral',
						replace_original: body.replace ?? false,
						text: body.text,
						...(body.blocks.length === 0 ? {} : { blocks: body.blocks }),
					}),
					redirect: 'error',
					signal: AbortSignal.timeout(TIMEOUT_MS),
				});
				said = await answer.text();
			} catch (error) {
				throw new Trouble('upstream', 'slack response url failed', 'Slack did not answer at the response_url.', {
					outcome: neverSent(error) ? 'none' : 'unknown',
					cause: error,
				});
			}
			// A URL that was used up or has expired is sometimes refused with HTTP 200.
			if (answer.ok && !/"ok":\s*false/.test(said)) return;
			const seconds = Number(answer.headers.get('retry-after'));
			throw new Trouble('upstream', 'slack response url refused', `Slack refused the answer (${answer.status}).`, {
				status: answer.status,
				outcome: answer.status >= 500 ? 'unknown' : 'none',
				...(answer.status === 429 ? { retryAfterMs: (seconds > 0 ? seconds : 1) * 1000 } : {}),
			});
		},

		/**
		 * Looks for the message that carries `key`, from a few minutes before `sinceMs` on, newest first. `unreadable`: the
		 * bot may not read this history (scope, membership); that is an answer, not a Trouble. 429 is a Trouble.
		 */
		async find(channel: string, key: string, sinceMs: number, thread?: string): Promise<Found> {
			const page = z.object({
				messages: z.array(
					z.object({
						ts: z.string(),
						metadata: z
							.object({ event_type: z.string(), event_payload: z.object({ key: z.string().optional() }) })
							.optional()
							.catch(undefined),
					}),
				),
				response_metadata: z.object({ next_cursor: z.string().optional() }).optional(),
			});
			let cursor: string | undefined;
			try {
				for (let pages = 0; pages < 20; pages++) {
					const { messages, response_metadata } = await call(
						thread === undefined ? 'conversations.history' : 'conversations.replies',
						{
							channel,
							...(thread === undefined ? {} : { ts: thread }),
							// Slack's clock is not ours.
							oldest: ((sinceMs - 300_000) / 1000).toFixed(6),
							include_all_metadata: true,
							limit: 200,
							...(cursor === undefined ? {} : { cursor }),
						},
						page,
					);
					const ours = messages.find(
						(m) => m.metadata?.event_type === EVENT_TYPE && m.metadata.event_payload.key === key,
					);
					if (ours) return { channel, ts: ours.ts };
					cursor = response_metadata?.next_cursor;
					if (cursor === undefined || cursor === '') return 'absent';
				}
				return 'unreadable';
			} catch (error) {
				if (error instanceof Trouble && (error.kind === 'denied' || error.kind === 'bug')) return 'unreadable';
				throw error;
			}
		},

		/** One message as Slack keeps it, by its timestamp; undefined when it is gone or may not be read. */
		async message(channel: string, ts: string): Promise<unknown> {
			const page = z.object({ messages: z.array(z.looseObject({ ts: z.string() })) });
			try {
				const { messages } = await call('conversations.replies', { channel, ts, limit: 1, inclusive: true }, page);
				return messages.find((one) => one.ts === ts);
			} catch (error) {
				if (error instanceof Trouble && (error.kind === 'denied' || error.kind === 'bug')) return undefined;
				throw error;
			}
		},

		/** The direct message channel with a person. */
		async openDirect(user: string): Promise<string> {
			const schema = z.object({ channel: z.object({ id: z.string() }) });
			return (await call('conversations.open', { users: user }, schema)).channel.id;
		},

		/** Whether the bot is in this conversation; undefined when it may not ask. */
		async isMember(channel: string, { archivedToo = true } = {}): Promise<boolean | undefined> {
			const schema = z.object({
				channel: z.object({
					is_member: z.boolean().optional(),
					is_im: z.boolean().optional(),
					is_archived: z.boolean().optional(),
				}),
			});
			try {
				const { channel: found } = await call('conversations.info', { channel }, schema);
				if (found.is_archived === true && !archivedToo) return false;
				return found.is_im === true || found.is_member === true;
			} catch (error) {
				if (!(error instanceof Trouble)) throw error;
				// What the bot is not part of does not exist for it: private channels, other people's direct messages.
				if (error.label === 'slack channel_not_found' || error.label === 'slack not_in_channel') return false;
				if (error.kind === 'denied') return undefined;
				throw error;
			}
		},

		/** Joins a public channel. Trouble `denied` for a private one. */
		async join(channel: string): Promise<void> {
			await call('conversations.join', { channel }, z.object({}));
		},

		/** The person and what Slack says of their standing; `groups` is left empty. `team`: ours. */
		async person(user: string, team: string): Promise<Asker> {
			const schema = z.object({
				user: z.object({
					name: z.string().optional(),
					real_name: z.string().optional(),
					locale: z.string().optional(),
					team_id: z.string().optional(),
					is_bot: z.boolean().optional(),
					deleted: z.boolean().optional(),
					is_restricted: z.boolean().optional(),
					is_ultra_restricted: z.boolean().optional(),
					is_stranger: z.boolean().optional(),
					enterprise_user: z.object({ teams: z.array(z.string()).optional() }).optional(),
					profile: z.object({ display_name: z.string().optional(), real_name: z.string().optional() }).optional(),
				}),
			});
			let found: z.output<typeof schema>['user'];
			try {
				found = (await call('users.info', { user, include_locale: true }, schema)).user;
			} catch (error) {
				if (!(error instanceof Trouble)) throw error;
				if (error.label === 'slack missing_scope') throw withoutUsersRead(error);
				// A Slack-compatible server that keeps no people has no guests either.
				if (error.label !== 'slack unknown_method') throw error;
				found = {};
			}
			const here =
				found.team_id === undefined ||
				found.team_id === team ||
				(found.enterprise_user?.teams?.includes(team) ?? false);
			return {
				user,
				name: found.profile?.display_name || found.profile?.real_name || found.real_name || found.name || user,
				lang: langOf(found.locale) ?? options.lang,
				groups: [],
				outsider:
					!here ||
					found.deleted === true ||
					found.is_restricted === true ||
					found.is_ultra_restricted === true ||
					found.is_stranger === true,
			};
		},

		/**
		 * Who goes by this handle (`@ken` as it is typed; Slack sends it as text): by handle, else by display name where one
		 * person alone has it. Looks through 5,000 people at most. Undefined: nobody, or not to be told apart.
		 */
		async findPerson(handle: string): Promise<{ user: string; name: string } | undefined> {
			const schema = z.object({
				members: z.array(
					z.object({
						id: z.string(),
						name: z.string().optional(),
						deleted: z.boolean().optional(),
						is_bot: z.boolean().optional(),
						profile: z.object({ display_name: z.string().optional(), real_name: z.string().optional() }).optional(),
					}),
				),
				response_metadata: z.object({ next_cursor: z.string().optional() }).optional(),
			});
			const wanted = handle.replace(/^@/, '').toLowerCase();
			const byName: { user: string; name: string }[] = [];
			let cursor: string | undefined;
			for (let page = 0; page < 5; page++) {
				const args = { limit: 1000, ...(cursor === undefined ? {} : { cursor }) };
				const { members, response_metadata } = await call('users.list', args, schema);
				for (const { id, name, deleted, is_bot: bot, profile } of members) {
					if (deleted === true || bot === true) continue;
					const shown = profile?.display_name || profile?.real_name || name || id;
					if (name?.toLowerCase() === wanted) return { user: id, name: shown };
					if (shown.toLowerCase() === wanted) byName.push({ user: id, name: shown });
				}
				cursor = response_metadata?.next_cursor;
				if (cursor === undefined || cursor === '') break;
			}
			return byName.length === 1 ? byName[0] : undefined;
		},

		/** Every user group with its members. */
		async groups(): Promise<ReadonlyMap<string, readonly string[]>> {
			const schema = z.object({
				usergroups: z.array(z.object({ id: z.string(), users: z.array(z.string()).optional() })),
			});
			const { usergroups } = await call('usergroups.list', { include_users: true }, schema);
			return new Map(usergroups.map((group) => [group.id, group.users ?? []]));
		},

		async openView(triggerId: string, view: Record<string, unknown>): Promise<string> {
			const schema = z.object({ view: z.object({ id: z.string() }) });
			return (await call('views.open', { trigger_id: triggerId, view }, schema)).view.id;
		},
		async updateView(viewId: string, view: Record<string, unknown>): Promise<void> {
			await call('views.update', { view_id: viewId, view }, z.object({}));
		},
		async publishHome(user: string, view: Record<string, unknown>): Promise<void> {
			await call('views.publish', { user_id: user, view }, z.object({}));
		},

		/** Who we are. `scopes` are what the token was given, where Slack says so. */
		async whoAmI(): Promise<{
			team: string;
			teamName: string;
			user: string;
			bot: string | undefined;
			scopes: string[];
		}> {
			const schema = z.object({
				team_id: z.string(),
				team: z.string().optional(),
				user_id: z.string(),
				bot_id: z.string().optional(),
				response_metadata: z.object({ scopes: z.array(z.string()).optional() }).optional(),
			});
			const me = await call('auth.test', {}, schema);
			return {
				team: me.team_id,
				teamName: me.team ?? me.team_id,
				user: me.user_id,
				bot: me.bot_id,
				scopes: me.response_metadata?.scopes ?? [],
			};
		},
	};
}

/** Who asks decides what is carried out, so without the scope nothing is. */
const withoutUsersRead = (cause: Trouble): Trouble =>
	new Trouble('denied', 'slack users:read missing', 'I may not see who you are, so I cannot tell what you may do.', {
		hint: 'Whoever manages the Slack app adds the scope `users:read` and installs it again.',
		ja: {
			message: '誰からのコマンドか確認できないため、権限を判断できません。',
			hint: 'Slack アプリの管理者がスコープ `users:read` を追加し、再インストールしてください。',
		},
		cause,
	});

/** Only where Slack itself, or the Slack-compatible server of the settings, takes files. */
function isUploadUrl(url: string, apiUrl: string | undefined): boolean {
	if (!URL.canParse(url)) return false;
	const { protocol, hostname, origin } = new URL(url);
	if (apiUrl !== undefined && URL.canParse(apiUrl) && origin === new URL(apiUrl).origin) return true;
	return protocol === 'https:' && (hostname === 'slack.com' || hostname.endsWith('.slack.com'));
}

/** Only where Slack itself, or the Slack-compatible server of the settings, takes answers. */
export function isResponseUrl(url: string, apiUrl: string | undefined): boolean {
	if (!URL.canParse(url)) return false;
	const { protocol, hostname, origin, username, password } = new URL(url);
	if (username !== '' || password !== '') return false;
	const loopback = hostname === 'localhost' || hostname === '[::1]' || /^127(\.\d{1,3}){3}$/.test(hostname);
	if (protocol !== 'https:' && !(protocol === 'http:' && loopback)) return false;
	if (apiUrl !== undefined && URL.canParse(apiUrl) && origin === new URL(apiUrl).origin) return true;
	return origin === 'https://hooks.slack.com';
}

/** Slack says these when something broke halfway: it may have done it. */
const MAYBE_DONE = new Set([
	'internal_error',
	'fatal_error',
	'service_unavailable',
	'request_timeout',
	'team_added_to_org',
]);
/** No permission, no membership, no such place; a repeat changes nothing. */
const DENIED =
	/^(missing_scope|not_in_channel|channel_not_found|is_archived|not_authed|invalid_auth|token_|account_inactive|no_permission|access_denied|restricted_action|not_allowed_token_type|ekm_access_denied|method_not_supported|user_not_found|user_not_in_channel|cannot_dm_bot|user_disabled|messages_tab_disabled|thread_not_found|users_not_found)/;

function toTrouble(method: string, error: unknown): Trouble {
	if (error instanceof WebAPIRateLimitedError)
		return new Trouble('upstream', 'slack ratelimited', `Slack asks to call ${method} less often.`, {
			retryAfterMs: error.retryAfter * 1000,
			status: 429,
			cause: error,
		});
	if (error instanceof WebAPIPlatformError) {
		const code = /^[a-z0-9_]{1,60}$/.test(error.data.error) ? error.data.error : 'error';
		const kind = DENIED.test(code) ? 'denied' : MAYBE_DONE.has(code) || code === 'ratelimited' ? 'upstream' : 'bug';
		return new Trouble(kind, `slack ${code}`, `Slack refused ${method}: ${code}.`, {
			outcome: MAYBE_DONE.has(code) ? 'unknown' : 'none',
			// JSON pointers into our own blocks, for the log.
			hint: error.data.response_metadata?.messages?.join('; '),
			cause: error,
		});
	}
	if (error instanceof WebAPIHTTPError)
		return new Trouble('upstream', 'slack http error', `Slack answered ${method} with HTTP ${error.statusCode}.`, {
			outcome: error.statusCode >= 500 ? 'unknown' : 'none',
			status: error.statusCode,
			cause: error,
		});
	const cause = error instanceof WebAPIRequestError ? error.original : error;
	return new Trouble('upstream', 'slack unreachable', `Slack did not answer ${method}.`, {
		outcome: neverSent(cause) ? 'none' : 'unknown',
		cause,
	});
}

/** The connection was never made, so nothing can have happened. undici hangs the system's error under `cause`. */
function neverSent(error: unknown): boolean {
	for (let at: unknown = error, depth = 0; at instanceof Error && depth < 5; at = at.cause, depth++) {
		const code = 'code' in at ? at.code : undefined;
		if (code === TOO_LATE) return true;
		if (code === 'ECONNREFUSED' || code === 'ENOTFOUND' || code === 'EAI_AGAIN' || code === 'UND_ERR_CONNECT_TIMEOUT')
			return true;
	}
	return false;
}
