import type { Lang } from './text.ts';

/** What a command came with. The queue carries this: the person's words, never parsed arguments. */
export type Typed = {
	/** What stood after `/dag`, as Slack sent it. A click carries its button's verb and words in the same form. */
	words: string;
	user: string;
	channel: string;
	team: string;
	/** Idempotency key: hash of Slack's trigger id, `[0-9a-f]{24}`. Job id, run id and message key derive from it. */
	key: string;
	/** `home`: the App Home was opened, and shows the answer. */
	via: 'command' | 'click' | 'form' | 'mention' | 'shortcut' | 'home';
	/** When our Slack process took it in. Epoch milliseconds. */
	at: number;
	/** Slack thread the words belong to. */
	thread?: string | undefined;
	/** The thread would begin with these words: as long as nobody has answered, Slack shows nothing in it that only one person may see. */
	newThread?: boolean | undefined;
	/** Carry on by direct message: the bot is not in the channel and the asker chose so, or it was asked from the App Home. */
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
