import type { Airflow } from './domain/airflow.ts';
import type { Lang } from './domain/text.ts';
import type { Grant } from './access/roles.ts';

/** What a command came with. The queue carries this: the person's words, never parsed arguments. */
export type Typed = {
	/** What stood after `/dag`, as Slack sent it. A click carries its button's verb and words in the same form. */
	words: string;
	user: string;
	channel: string;
	team: string;
	/** Idempotency key: hash of Slack's trigger id, `[0-9a-f]{24}`. Job id, run id and message key derive from it. */
	key: string;
	via: 'command' | 'click' | 'form' | 'mention' | 'shortcut';
	/** When our Slack process took it in. Epoch milliseconds. */
	at: number;
	/** Slack thread the words belong to. */
	thread?: string | undefined;
	/** Carry on by direct message because the bot is not in the channel and the asker chose so. */
	direct?: boolean | undefined;
};

/** Who asks, read from Slack and cached for minutes; read again when a click or a command is carried out. */
export type Asker = {
	user: string;
	/** Display name for the run's note; foreign text. */
	name: string;
	lang: Lang;
	/** Ids of the Slack user groups the person is in. */
	groups: readonly string[];
	/** Guest, or from another workspace by Slack Connect: refused unless the settings say otherwise. */
	outsider: boolean;
};

export type Log = {
	info(data: Record<string, unknown>, message: string): void;
	warn(data: Record<string, unknown>, message: string): void;
	error(data: Record<string, unknown>, message: string): void;
};

/** The clients and the clock in one object. `commands/` and `worker/` see the outside world only through it. */
export type Deps = {
	/** Epoch milliseconds. */
	now(): number;
	log: Log;
	/** Names as in the settings, in their order. Never empty. */
	environments: readonly string[];
	/** Trouble `user` when there is no such environment. */
	airflow(env: string): Airflow;
	grants: readonly Grant[];
	/** With no grants configured: what everyone is. `operator` in the demo, else `viewer`. */
	everyone: 'viewer' | 'operator' | 'admin';
	/** Language where the person's Slack locale names none we speak. */
	lang: Lang;
	/** What people and channels chose with `/dag env`. */
	choices: {
		environment(at: {
			channel: string;
			user: string;
		}): Promise<{ channel?: string | undefined; user?: string | undefined }>;
		choose(scope: { channel: string } | { user: string }, env: string | undefined): Promise<void>;
	};
	/** What each client can and cannot do, one line each; for `/dag doctor`. Never throws. */
	checkups(): Promise<readonly Checkup[]>;
};

export type Checkup = {
	/** `Slack`, `Redis`, `Airflow prod` … */
	what: string;
	ok: boolean;
	/** What was seen, or what is missing and what that costs; both languages. */
	found: { en: string; ja: string };
	/** Who can mend it, and how. */
	mend?: { en: string; ja: string } | undefined;
};
