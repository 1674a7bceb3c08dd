/** Everything a test, the chaos run or the demo sees of the Slack stand-in. Slack's own payloads stay `Json`. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json | undefined };
export type JsonObject = { readonly [key: string]: Json | undefined };

export type SandboxUser = {
	/** `U…`, or `W…`. */
	id: string;
	/** Handle, without @. */
	name: string;
	realName: string;
	/** Slack locale, `en-US`, `ja-JP` … */
	locale: string;
	/** IANA zone. */
	tz: string;
	/** Guest: `multi` = is_restricted, `single` = is_ultra_restricted. */
	guest?: 'multi' | 'single' | undefined;
	/** From another workspace, here by Slack Connect: `is_stranger`, and its own team id. */
	stranger?: boolean | undefined;
	/** Workspace admin. */
	admin?: boolean | undefined;
	deleted?: boolean | undefined;
	/** One line about the person, shown in the page's person switcher. */
	title?: string | undefined;
};

export type SandboxGroup = { id: string; handle: string; name: string; users: readonly string[] };

export type SandboxChannel = {
	/** `C…` public, `G…` private, `D…` direct message with the bot. */
	id: string;
	/** Without #; of a direct message: the person's user id. */
	name: string;
	kind: 'public' | 'private' | 'dm';
	/** User ids. The bot's own user id is among them when it was invited. */
	members: string[];
	archived?: boolean | undefined;
	topic?: string | undefined;
};

export type Workspace = {
	name: string;
	users: readonly SandboxUser[];
	groups: readonly SandboxGroup[];
	/** `members` may name the bot by `bot` instead of its id. */
	channels: readonly SandboxChannel[];
};

/** Web API method name, `response_url`, or `*` for all of them. */
export type Method = string;

/** A call of the app as it reached the stand-in, arguments decoded. */
export type Call = { method: Method; args: JsonObject; at: number };

export type FaultKind =
	/** 429 with Retry-After, no effect. */
	| '429'
	/** HTTP 500, no effect. */
	| '500'
	/** The effect happens, then HTTP 500. */
	| '500-after-effect'
	/** The connection is reset before any effect. */
	| 'reset'
	/** The effect happens, then the connection is reset without a reply. */
	| 'reset-after-effect'
	/** The effect happens, the reply comes `slowMs` later. */
	| 'slow-after-effect'
	/** No effect and no reply; the connection stays open. */
	| 'timeout'
	/** `{ok:false, error}` with HTTP 200, no effect. */
	| 'error';

export type Fault = {
	method: Method;
	kind: FaultKind;
	/** Probability of each matching call, 0–1, from the seed. */
	rate?: number | undefined;
	/** The next `times` matching calls. With neither: every call. */
	times?: number | undefined;
	/** Seconds in Retry-After; 1. */
	retryAfter?: number | undefined;
	/** 5000. */
	slowMs?: number | undefined;
	/** Slack error code of kind `error`; `internal_error`. */
	error?: string | undefined;
	match?: ((call: Call) => boolean) | undefined;
};

export type HeldReply = {
	/** Settles once the effect has happened and the reply is being kept back. */
	reached: Promise<Call>;
	/** Lets the reply go; if none was held yet, the hold is dropped. */
	release(): void;
};

export type RateLimits = {
	/** Slack's documented tiers per method, and one chat.postMessage a second per channel. */
	tiers?: boolean | undefined;
	/** Calls a minute by method; wins over the tiers. */
	perMinute?: Readonly<Record<Method, number>> | undefined;
	/** Least time between two chat.postMessage in one channel. With `tiers`: 1000. */
	postEveryMs?: number | undefined;
};

export type SlackOptions = {
	/** Epoch milliseconds; Date.now. */
	now?: (() => number) | undefined;
	/** For faults and for the choice of a socket; 1. */
	seed?: number | undefined;
	/** TCP port on 127.0.0.1; 0 = any. */
	port?: number | undefined;
	/** Default: `defaultWorkspace()`. */
	workspace?: Workspace | undefined;
	/** Bot scopes. Default: `defaultScopes`. A call beyond them is `missing_scope`. */
	scopes?: readonly string[] | undefined;
	/** Event subscriptions, `message.channels`, `message.groups`, `message.im` apart. Default: `defaultEvents`. */
	events?: readonly string[] | undefined;
	/** Where signed HTTP goes when no socket is connected. */
	requestUrl?: string | undefined;
	/** The app's slash command; `/dag`. */
	command?: string | undefined;
	/** Hosts whose links in messages are sent as link_shared. */
	unfurlHosts?: readonly string[] | undefined;
	rateLimits?: RateLimits | undefined;
	/** How long Slack waits for an ack; 3000. */
	ackTimeoutMs?: number | undefined;
	/** How long a trigger id can open a view; 3000. */
	triggerTtlMs?: number | undefined;
	/** Waits before the retries of an event that was not acked; Slack's are 0, 1 and 5 minutes. */
	eventRetryMs?: readonly number[] | undefined;
	/** Slack recycles sockets about hourly: a `disconnect` with `refresh_requested` after this time. Default: never. */
	socketLifeMs?: number | undefined;
	/** Tokens and ids, when they must survive a restart of the stand-in. */
	identity?: Partial<Identity> | undefined;
};

export type Identity = {
	botToken: string;
	appToken: string;
	signingSecret: string;
	teamId: string;
	appId: string;
	botUserId: string;
	botId: string;
};

export type Edit = { at: number; text: string; blocks: readonly JsonObject[] };

export type SandboxMessage = {
	channel: string;
	ts: string;
	/** Who said it: a user id, the bot's among them. */
	user: string;
	text: string;
	blocks: readonly JsonObject[];
	attachments: readonly JsonObject[];
	metadata?: { event_type: string; event_payload: JsonObject } | undefined;
	threadTs?: string | undefined;
	/** Only this person sees it. */
	ephemeralTo?: string | undefined;
	/** Former states, oldest first. */
	edits: readonly Edit[];
	/** Taken away by chat.delete or delete_original; kept here for the count. */
	deleted: boolean;
	/** How it came: a Web API method, `response_url`, `ack`, `person` or `slack` (Slack's own word, such as a failed command). */
	via: string;
	reactions: Readonly<Record<string, readonly string[]>>;
	/** Unfurls by URL. */
	unfurls: Readonly<Record<string, JsonObject>>;
	/** Files shared with it. */
	files: readonly string[];
	/** Rises with every change. */
	rev: number;
};

export type SandboxView = {
	id: string;
	type: 'modal' | 'home';
	user: string;
	callbackId: string;
	hash: string;
	title: string;
	privateMetadata: string;
	blocks: readonly JsonObject[];
	/** As the app sent it. */
	raw: JsonObject;
	/** What stands in its inputs: by block id and action id, in the form of `view.state.values`. */
	state: { readonly [blockId: string]: { readonly [actionId: string]: JsonObject } };
	/** Under the fields, by block id, after `response_action: errors`. */
	errors: Readonly<Record<string, string>>;
	rev: number;
};

/** How one copy of a payload fared. */
export type Ack = {
	status: 'acked' | 'timeout' | 'failed' | 'closed' | 'unreachable';
	/** HTTP status over signed HTTP. */
	http?: number | undefined;
	/** What the app sent with its ack; undefined when that was nothing. */
	body: Json | undefined;
	/** Text of the body, '' when it has none. */
	text: string;
	ms: number;
	via: 'socket' | 'http' | 'nothing';
};

export type Delivered = {
	/** The first copy that was acked, else the first. */
	ack: Ack;
	acks: readonly Ack[];
	triggerId: string;
	responseUrl: string;
};

/** By `block_id/action_id`, `block_id` or `action_id`. Options by their value; several as a list; datetimes in epoch seconds. */
export type InputValues = Readonly<Record<string, string | number | readonly string[] | null>>;

export type Submitted = Delivered & {
	/** `refused`: Slack's own client did not send it (a required input was empty, a number out of range). */
	outcome: 'closed' | 'cleared' | 'errors' | 'updated' | 'pushed' | 'failed' | 'refused';
	/** By block id. */
	errors: Readonly<Record<string, string>>;
	/** The view that is now on top, if any. */
	view: SandboxView | undefined;
};

export type Choice = { text: string; value: string; description?: string | undefined };

export type Counts = {
	/** Calls by method as they arrived, refused and faulty ones too. `response_url` is one. */
	calls: Readonly<Record<Method, number>>;
	/** Effects: messages that stand or stood in a channel, from chat.postMessage, in_channel response_urls and acks. */
	posts: number;
	updates: number;
	deletes: number;
	/** Ephemeral messages, by any path. */
	ephemerals: number;
	/** Faults given, by kind. */
	faults: Readonly<Record<string, number>>;
	/** Calls answered `ok: false`, by error code. */
	errors: Readonly<Record<string, number>>;
	/** Most posts seen in any one channel within one second. */
	busiestChannelSecond: number;
};

export type SandboxEvent =
	| { kind: 'message'; channel: string; ts: string; change: 'posted' | 'edited' | 'deleted'; to?: string | undefined }
	| { kind: 'view'; user: string }
	| { kind: 'home'; user: string }
	| { kind: 'channel'; channel: string }
	| { kind: 'sockets'; open: number };

export type TypeOptions = {
	user: string;
	channel: string;
	/** With the command: `/dag trigger etl`. A text that is not a slash command is said as a message. */
	text: string;
	/** Copies of the payload, sent at once to different sockets where there are; 1–5. */
	deliveries?: number | undefined;
	/** Seconds to add to the signed timestamp (HTTP only). */
	skewSeconds?: number | undefined;
	/** Of another app or workspace under the same secret: fields laid over the payload, `team_id`, `api_app_id` … */
	overlay?: JsonObject | undefined;
};

export type ClickOptions = {
	user: string;
	/** Message of the element … */
	channel?: string | undefined;
	ts?: string | undefined;
	/** … or its view. */
	viewId?: string | undefined;
	actionId: string;
	/** Where the action id is not unique in the message. */
	blockId?: string | undefined;
	/** What is chosen in a select and the like; of a button its own value is sent. */
	value?: string | number | readonly string[] | undefined;
	/** What stands in the other inputs of the message or view. */
	values?: InputValues | undefined;
	deliveries?: number | undefined;
	overlay?: JsonObject | undefined;
};

export type SandboxSlack = Identity & {
	/** Base of the Web API, for SLACK_API_URL: `http://127.0.0.1:PORT/api/`. */
	apiUrl: string;
	/** `http://127.0.0.1:PORT`: response_urls and files live under it. */
	origin: string;
	/** The bot's name, for `@name`. */
	botHandle: string;
	workspace: { name: string; users: readonly SandboxUser[]; groups: readonly SandboxGroup[] };
	channels(): readonly SandboxChannel[];
	/** Id of a channel by its name, of a direct message by its person. Throws when there is none. */
	channelId(name: string): string;

	// What people do. Each throws an Error when a person could not do it (no such channel, message, element).
	type(options: TypeOptions): Promise<Delivered>;
	/** A plain message; resolves to it when it stands, the event goes out on its own. */
	say(options: { user: string; channel: string; text: string; threadTs?: string | undefined }): SandboxMessage;
	click(options: ClickOptions): Promise<Delivered>;
	/** Message shortcut when `ts` is given, else a global one. */
	openShortcut(options: {
		user: string;
		callbackId: string;
		channel?: string | undefined;
		ts?: string | undefined;
		deliveries?: number | undefined;
		overlay?: JsonObject | undefined;
	}): Promise<Delivered>;
	submitView(options: {
		user: string;
		viewId: string;
		values?: InputValues | undefined;
		deliveries?: number | undefined;
		overlay?: JsonObject | undefined;
	}): Promise<Submitted>;
	closeView(options: { user: string; viewId: string }): Promise<Delivered | undefined>;
	/** What an external_select offers for these letters (block_suggestion). */
	suggest(options: {
		user: string;
		viewId?: string | undefined;
		channel?: string | undefined;
		ts?: string | undefined;
		actionId: string;
		blockId?: string | undefined;
		query: string;
		values?: InputValues | undefined;
	}): Promise<{ choices: readonly Choice[]; ack: Ack }>;
	invite(options: { channel: string; user: string; by?: string | undefined }): void;
	kick(options: { channel: string; user: string }): void;
	archive(channel: string): void;
	/** A person opens the app's Home tab. */
	openHome(user: string): void;
	/** Somebody removes a message, as a person with rights can: it is gone for the app (`message_not_found`). */
	removeMessage(options: { channel: string; ts: string }): void;
	/** Any Events API event. Resolves when it was acked or its retries are used up: acks in order. */
	sendEvent(event: JsonObject, options?: { deliveries?: number; overlay?: JsonObject }): Promise<readonly Ack[]>;
	/** Headers of a signed request. `atSeconds` defaults to now. */
	sign(body: string, atSeconds?: number): Record<string, string>;
	setRequestUrl(url: string | undefined): void;

	// What can be seen.
	/** Oldest first, deleted ones left out unless asked for, threads and ephemeral ones included. */
	messages(channel: string, options?: { deleted?: boolean }): readonly SandboxMessage[];
	allMessages(): readonly SandboxMessage[];
	/** The person's open modals, bottom first. */
	views(user: string): readonly SandboxView[];
	home(user: string): SandboxView | undefined;
	counts(): Counts;
	/** Posts by a string field of `metadata.event_payload`, deleted messages too: for "exactly one message each". */
	postsBy(field: string): ReadonlyMap<string, number>;
	/** The latest calls, oldest first; at most 10,000 are kept. */
	calls(method?: Method): readonly Call[];
	sockets(): number;
	/** A socket is connected, or there is an address for signed HTTP. */
	reachable(): boolean;
	/** Resolves when so many sockets are connected. */
	untilSockets(count: number, timeoutMs?: number): Promise<void>;
	/** Resolves with the first value of `look` that is not undefined, false or null; looked at after every event. */
	until<T>(look: () => T | undefined | false | null, timeoutMs?: number): Promise<T>;
	onEvent(listener: (event: SandboxEvent) => void): () => void;
	file(id: string): { name: string; type: string; bytes: Uint8Array; alt: string } | undefined;

	// What goes wrong.
	/** Adds a fault; the function takes it away again. The first that fits and strikes is the one. */
	faults(fault: Fault): () => void;
	clearFaults(): void;
	/** Keeps back the reply of the next call after its effect. */
	holdNextReply(method: Method, match?: (call: Call) => boolean): HeldReply;
	/** Slack's word to all sockets: `warning` and `refresh_requested` let the client come back, `cut` drops the TCP connections. */
	disconnectSockets(reason: 'refresh_requested' | 'warning' | 'link_disabled' | 'cut'): void;
	setScopes(scopes: readonly string[]): void;
	/** From now on every call with the tokens is `token_revoked`. */
	revokeTokens(): void;
	close(): Promise<void>;
};
