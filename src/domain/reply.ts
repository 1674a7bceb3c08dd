/**
 * What the bot says, as data; no Slack types. Strings are literal text: they can never become markup, a mention or a
 * link, whatever they hold, because the renderer puts them into `plain_text` or `rich_text` elements only.
 */
export type Span =
	| string
	| { bold: string }
	| { code: string }
	/** Url from the settings, the environment or a person's own words, never out of a log. */
	| { link: string; label: string }
	/** A Slack user or user group id, shown as a live mention only where `notify` is set, otherwise as the name, which pings nobody. */
	| { user: string; name?: string | undefined; notify?: true | undefined }
	/** ISO time, shown in the reader's zone. */
	| { time: string };

export type Line = readonly Span[];

/** A table's cell: literal text, or a line with times and links. */
export type Cell = string | Line;

export type Button = {
	label: string;
	/** The verb that is run when it is clicked (`trigger`, `status` …): its role is checked for who clicks. */
	verb: string;
	/** Words handed to the verb. When they may be long (DAG ids) the renderer keeps them in the store under a short key. */
	words: string;
	style?: 'primary' | 'danger' | undefined;
	confirm?: { title: string; text: string; yes: string; no: string } | undefined;
};

export type Part =
	/** First line of a message: what it is about, with an emoji for the state. */
	| { kind: 'title'; icon?: string | undefined; line: Line }
	| { kind: 'text'; line: Line }
	| { kind: 'fields'; fields: readonly (readonly [string, Line])[] }
	| { kind: 'list'; items: readonly Line[] }
	/** Preformatted, literal; cut to `maxLines` by the renderer. */
	| { kind: 'code'; text: string }
	| { kind: 'table'; head: readonly string[]; rows: readonly (readonly Cell[])[] }
	/** Lines over one axis. Two a message; every text in it is ours. */
	| { kind: 'chart'; chart: Chart }
	/** Small grey print. */
	| { kind: 'note'; line: Line }
	| { kind: 'buttons'; buttons: readonly (Button | { label: string; url: string })[] };

/** Slack's limits: title 50 characters, 1–6 series, 1–20 categories of at most 20 characters, a value for each. */
export type Chart = {
	title: string;
	x: string;
	y: string;
	categories: readonly string[];
	series: readonly { name: string; values: readonly number[] }[];
};

export type Reply = {
	parts: readonly Part[];
	/** `asker`: only the person sees it (ephemeral). `channel`: everyone. */
	to: 'asker' | 'channel';
};
